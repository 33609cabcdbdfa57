"""What is wrong with a page's HTML, for a parser and for who has it read out."""

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from justhtml import JustHTML

#: What a mail program takes out, or takes for an attack.
REFUSED = {"script", "form", "iframe", "object", "embed", "base", "link", "input", "button", "svg", "video", "audio"}
#: What makes a table one of data.
OF_DATA = {"th", "caption", "thead", "tfoot", "col", "colgroup"}
EMPTY = {"meta", "img", "br", "hr"}
FOR_OUTLOOK = re.compile(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", re.DOTALL)
NOT_FOR_OUTLOOK = re.compile(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", re.DOTALL)


def problems(html: str) -> list[str]:
    """Return what is wrong with a page, as most mail programs read it and as Outlook does."""
    # Outlook's own elements are not HTML's.
    read = re.sub(r"<xml>.*?</xml>", "", in_outlook(html), flags=re.DOTALL)
    return [*_problems(html), *(f"in Outlook: {one}" for one in _problems(read))]


def in_outlook(html: str) -> str:
    """Return a page as Outlook for Windows reads it: with what is in comments for it, without what is not for it."""
    return FOR_OUTLOOK.sub(r"\1", NOT_FOR_OUTLOOK.sub("", html))


def _problems(html: str) -> Iterator[str]:
    page = JustHTML(html, sanitize=False, collect_errors=True)
    yield from (f"line {error.line}: {error.code}" for error in page.errors)
    yield from _Written(html).problems
    elements = page.query("*")
    yield from _frame(elements)
    yield from _headings([one.name for one in elements if re.fullmatch(r"h[1-6]", one.name)])
    yield from (f"{name} {count} times" for name, count in Counter(_ids(elements)).items() if count > 1)
    for one in elements:
        yield from _element(one)


def _frame(elements: list[Any]) -> Iterator[str]:
    page = next(one for one in elements if one.name == "html")
    if not page.attrs.get("lang") or page.attrs.get("dir") not in ("ltr", "rtl"):
        yield "page without language or direction"
    if not any(one.name == "title" and _words(one) for one in elements):
        yield "page without title"
    if not any(one.name == "meta" and one.attrs.get("charset") == "utf-8" for one in elements):
        yield "page without charset"


def _headings(names: list[str]) -> Iterator[str]:
    if names.count("h1") != 1 or names[0] != "h1":
        yield f"{names.count('h1')} h1, first {names[:1]}"
    for before, name in pairwise(names):
        if int(name[1]) > int(before[1]) + 1:
            yield f"{name} behind {before}"


def _ids(elements: list[Any]) -> Iterator[str]:
    yield from (f"id {one.attrs['id']}" for one in elements if "id" in one.attrs)


def _element(one: Any) -> Iterator[str]:
    if one.name in REFUSED or any(name.startswith("on") for name in one.attrs):
        yield f"{one.name} {sorted(one.attrs)}"
    if one.name == "img" and one.attrs.get("alt") is None:
        yield f"img without alt: {one.attrs.get('src')}"
    if one.name == "a" and not (one.attrs.get("href") and (_words(one) or _told(one))):
        yield f"link without words or address: {one.attrs.get('href')}"
    if re.fullmatch(r"h[1-6]", one.name) and not _words(one):
        yield f"{one.name} without words"
    if one.name == "table" and one.attrs.get("role") != "presentation":
        yield "table that a screen reader takes for data"
    if one.name in OF_DATA:
        yield f"{one.name} in a table for layout"


class _Written(HTMLParser):
    """What the standard forgives, and old mail programs do not: elements left open, attributes that stand twice."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.problems += [f"{tag} left open" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        counts = Counter(name for name, _ in attrs)
        self.problems += [f"{tag} with {name} {count} times" for name, count in counts.items() if count > 1]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and (last := self._open.pop()) != tag:
            self.problems.append(f"{last} left open")


def _words(one: Any) -> str:
    return str(one.to_text()).strip()


def _told(link: Any) -> bool:
    return any(picture.attrs.get("alt") for picture in link.query("img"))
