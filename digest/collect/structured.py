"""What a page says of its article in JSON-LD (schema.org, Article and its kinds)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from digest.collect.document import Node
from digest.collect.items import Picture
from digest.collect.links import canonical_link
from digest.tables import tidy

MOST_NODES = 5_000
_KINDS = re.compile(r"(?:^|/|:)(?:\w*Article|BlogPosting|LiveBlogPosting|SocialMediaPosting|Report|PressRelease)$")


@dataclass(frozen=True, slots=True)
class Structured:
    """An article in structured data, as it is written there; empty where it says nothing."""

    title: str = ""
    subtitle: str = ""
    lead: str = ""
    body: str = ""
    dates: tuple[str, ...] = ()
    expires: str = ""
    author: str = ""
    section: str = ""
    language: str = ""
    url: str = ""
    pictures: tuple[Picture, ...] = ()


def structured_data(tree: Node, url: str) -> Structured:
    """Return the article that a page's JSON-LD speaks of: the one with the page's address, else the first."""
    articles = [one for script in _scripts(tree) for one in _objects(_json(script)) if _is_article(one)]
    if not articles:
        return Structured()
    own = canonical_link(url)
    one = next((a for a in articles if own and canonical_link(_address(a)) == own), articles[0])
    return Structured(
        title=_words(one.get("headline")) or _words(one.get("name")),
        subtitle=_words(one.get("alternativeHeadline")),
        lead=_words(one.get("description")) or _words(one.get("abstract")),
        body=_words(one.get("articleBody"), tidied=False),
        dates=tuple(d for key in ("datePublished", "dateCreated", "dateModified") if (d := _words(one.get(key)))),
        expires=_words(one.get("expires")),
        author=", ".join(dict.fromkeys(_names(one.get("author")))),
        section=_words(one.get("articleSection")),
        language=_words(one.get("inLanguage")),
        url=_address(one),
        pictures=tuple(_pictures(one.get("image"))),
    )


def _scripts(tree: Node) -> Iterator[str]:
    for script in tree.iter("script"):
        if (script.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json":
            yield script.text or ""


def _json(text: str) -> Any:
    """Return the value of a script, mended where it is broken as they usually are; None beyond that."""
    text = re.sub(r"^\s*(?:<!--|<!\[CDATA\[|//\s*<!\[CDATA\[)|(?://\s*)?(?:-->|\]\]>)\s*$", "", text.strip()).strip()
    for attempt in (text, re.sub(r",(?=\s*[}\]])", "", text)):
        try:
            # Not strict: line breaks stand in strings. The first value only: a semicolon may follow it.
            return json.JSONDecoder(strict=False).raw_decode(attempt)[0]
        except (ValueError, RecursionError):
            continue
    return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a value, those in its lists and graphs too, in their order."""
    stack, seen = [value], 0
    while stack and seen < MOST_NODES:
        one = stack.pop()
        seen += 1
        if isinstance(one, list):
            stack += reversed(one)
        elif isinstance(one, dict):
            yield one
            stack += [one[key] for key in ("mainEntity", "@graph") if isinstance(one.get(key), dict | list)]


def _is_article(one: dict[str, Any]) -> bool:
    kinds = one.get("@type")
    return any(isinstance(k, str) and _KINDS.search(k) for k in (kinds if isinstance(kinds, list) else [kinds]))


def _words(value: Any, *, tidied: bool = True) -> str:
    """Return a value that is text, the first of several, or what an object is called."""
    if isinstance(value, list):
        value = next((one for one in value if one), "")
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name") or ""
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return tidy(text) if tidied else text


def _names(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if (name := _words(one)) and "://" not in name:
            yield name


def _address(one: dict[str, Any]) -> str:
    for key in ("url", "mainEntityOfPage", "@id"):
        value = one.get(key)
        value = value.get("@id") if isinstance(value, dict) else value
        if isinstance(value, str) and value.strip().startswith("http"):
            return value.strip()
    return ""


def _pictures(value: Any) -> Iterator[Picture]:
    for one in (value if isinstance(value, list) else [value])[:20]:
        if isinstance(one, str) and one.strip():
            yield Picture(one.strip())
        elif isinstance(one, dict) and isinstance(url := one.get("url") or one.get("contentUrl"), str):
            yield Picture(url, _pixels(one.get("width")), _pixels(one.get("height")))


def _pixels(value: Any) -> int:
    digits = _words(value).removesuffix("px").removesuffix(".0").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0
