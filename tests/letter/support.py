"""What mail programs show of HTML and CSS, and which of it a page uses.

``support.json`` holds facts of caniemail.com (MIT licence) as of the date in it: for each feature one sign for each
mail program, in their newest version tested: y supported, a in part, n not, u unknown.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("support.json").read_text(encoding="utf-8"))
CLIENTS: list[str] = FACTS["clients"]
FEATURES: dict[str, str] = FACTS["features"]
#: Features that go by another name than what is written.
ELEMENTS = {
    **{f"h{n}": "<h1> to <h6> elements" for n in range(1, 7)},
    **dict.fromkeys(("ul", "ol", "dl"), "<ul>, <ol> and <dl>"),
    **dict.fromkeys(("article", "aside", "footer", "header", "main", "nav", "section", "time"), "HTML5 semantics"),
    "address": "address",
    "base": "<base>",
    "map": "Image maps",
    "svg": "Embedded <svg> image",
}
ATTRIBUTES = dict.fromkeys(("srcset", "sizes"), "srcset and sizes attributes")
PROPERTIES = {
    **dict.fromkeys(("left", "right", "top", "bottom"), "left, right, top, bottom"),
    **dict.fromkeys(("gap", "column-gap", "row-gap"), "gap, column-gap, row-gap"),
}
SELECTORS = {
    "Attribute selector": r"\[", "Class selector": r"\.\w", "ID selector": r"#\w", "Universal selector *": r"\*",
    "Type selector": r"(?:^|[\s,>+~])[a-z]", "Chaining selectors": r"[\w\]]\.\w|\w\[", "Grouping selectors": ",",
    "Child combinator": ">", "Adjacent sibling combinator": r"\+", "General sibling combinator": "~",
    "Descendant combinator": r"[\w\]]\s+[.\w\[#]",
}  # fmt: skip


def used(html: str) -> set[str]:
    """Return the features that a page uses, as FEATURES names them, in conditional comments for Outlook too."""
    opened = re.sub(r"<!--\[if[^>]*>(?:<!-->)?|(?:<!--)?<!\[endif\]-->", "", html)
    page = _Page(opened)
    found = {"HTML5 doctype"} if html.startswith("<!DOCTYPE html>") else set[str]()
    found |= page.found | {"HTML comments"} if "<!--" in html else page.found
    for style in page.styles:
        found |= {"CSS comments"} if "/*" in style else set()
        found |= set(_sheet(re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)))
    for style in page.attributes:
        found |= set(_declarations(style))
    return {name for name in found if name in FEATURES}


def lacking(feature: str, signs: str) -> list[str]:
    """Return the mail programs for which a feature has one of these signs."""
    return [client for client, sign in zip(CLIENTS, FEATURES[feature], strict=True) if sign in signs]


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.styles: list[str] = []
        self.attributes: list[str] = []
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        given = {name: value or "" for name, value in attrs}
        self.found |= {ELEMENTS.get(tag, f"<{tag}> element"), *(f'<{tag} {n}="{v}"> element' for n, v in given.items())}
        self.found |= {ATTRIBUTES.get(name, f"{name} attribute") for name in given}
        self.found |= {"mailto: links"} if given.get("href", "").startswith("mailto:") else set()
        self.found |= {"Local anchors"} if given.get("href", "").startswith("#") else set()
        self.found |= {"color-scheme meta tag"} if given.get("name") == "color-scheme" else set()
        if "style" in given:
            self.attributes.append(given["style"])

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)


def _sheet(css: str) -> Iterator[str]:
    for rule, head in re.findall(r"(@[\w-]+)([^{;]*)[{;]", css):
        yield rule
        yield from (f"{rule} ({name})" for name in re.findall(r"\(([\w-]+)", head))
    for selector, body in re.findall(r"([^{}@;]+)\{([^{}]*)\}", css):
        yield from (name for name, sign in SELECTORS.items() if re.search(sign, selector.strip()))
        yield from re.findall(r"::?[a-z-]+", selector)
        yield from (f"{name}()" for name in re.findall(r"::?[a-z-]+(?=\()", selector))
        yield from _declarations(body)


def _declarations(css: str) -> Iterator[str]:
    for name, value in re.findall(r"([\w-]+)\s*:\s*([^;]+)", css):
        yield PROPERTIES.get(name, name)
        yield from (f"{name} {kind}" for kind in ("property", "shorthand"))
        yield f"{name} CSS property"
        yield from (f"{name}:{word}" for word in re.findall(r"[\w-]+", value))
        yield from (f"{unit} unit" for unit in re.findall(r"(?<![#\w])[\d.]+([a-z]+|%)", value))
        yield from (f"{function}()" for function in re.findall(r"([\w-]+)\(", value))
        yield from ("!important keyword" for _ in re.findall("!important", value))
