"""JSON Feed (versions 1 and 1.1) to items."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from digest.collect.items import Item, Picture
from digest.collect.mending import MOST_ITEMS
from digest.collect.texts import Text
from digest.errors import DigestError

_ITEMS = re.compile(r'"items"\s*+:\s*+\[\s*+')
_BETWEEN = re.compile(r"\s*+,\s*+")


class BrokenJson(DigestError):
    """JSON that cannot be read, or that is no feed."""


def json_items(text: str, url: str | None) -> tuple[str, list[Item], tuple[str, ...]]:
    """Return the title, the items and what is to be said of a JSON Feed. Raises BrokenJson."""
    try:
        feed, end = json.JSONDecoder(strict=False).raw_decode(text)
    except json.JSONDecodeError as error:
        reason = f"broken JSON at line {error.lineno}, column {error.colno} ({error.msg})"
        whole = _whole_items(text)
        if not whole:
            raise BrokenJson(f"{reason}; nothing in it can be read") from error
        return "", [_item(one, {}, url) for one in whole], (f"{reason}; what stands before it was read",)
    except (RecursionError, ValueError) as error:
        raise BrokenJson("JSON nested too deeply, or with a number too long; nothing in it can be read") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise BrokenJson('JSON, but no JSON Feed: it has no list of "items"')
    notes = [f"more than {MOST_ITEMS:,} items; the rest was left unread"] if len(items) > MOST_ITEMS else []
    if text[end:].strip():
        notes.append("something stands after the end of the JSON")
    base = _text(feed, "home_page_url") or url
    return _text(feed, "title"), [_item(one, feed, base) for one in items[:MOST_ITEMS]], tuple(notes)


def _whole_items(text: str) -> list[Any]:
    """Return the items of broken JSON that stand before the break: a comma too many, or a file cut in the middle."""
    begun = _ITEMS.search(text)
    place = begun.end() if begun else len(text)
    items: list[Any] = []
    decoder = json.JSONDecoder(strict=False)
    while len(items) < MOST_ITEMS:
        try:
            one, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        items.append(one)
        between = _BETWEEN.match(text, place)
        place = between.end() if between else len(text)
    return items


def _item(one: Any, feed: Mapping[str, Any], base: str | None) -> Item:
    if not isinstance(one, dict):
        return Item()
    body = _text(one, "content_html")
    links = [_text(one, "url"), _text(one, "external_url")]
    return Item(
        title=Text(_text(one, "title"), markup=False),
        lead=Text(_text(one, "summary"), markup=False),
        body=Text(body, markup=True) if body else Text(_text(one, "content_text"), markup=False),
        guid=_text(one, "id"),
        links=[*links, *(_text(a, "url") for a in _list(one, "attachments"))],
        base=links[0] if links[0].startswith("http") else base,
        dates=[date for key in ("date_published", "date_modified") if (date := _text(one, key))],
        section=next((tag for tag in one.get("tags") or () if isinstance(tag, str) and tag.strip()), ""),
        author=", ".join(_authors(one) or _authors(feed)),
        language=_text(one, "language") or _text(feed, "language"),
        pictures=list(_pictures(one)),
    )


def _text(holder: Any, key: str) -> str:
    # Version 1 lets an id be a number (JSON Feed, "id").
    value = holder.get(key) if isinstance(holder, dict) else None
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _list(holder: Mapping[str, Any], key: str) -> list[Any]:
    value = holder.get(key)
    return value if isinstance(value, list) else []


def _authors(holder: Mapping[str, Any]) -> list[str]:
    """Return the names: ``authors`` since version 1.1, one ``author`` before."""
    return [name for one in [*_list(holder, "authors"), holder.get("author")] if (name := _text(one, "name"))]


def _pictures(one: Mapping[str, Any]) -> Iterator[Picture]:
    for key in ("image", "banner_image"):
        if url := _text(one, key):
            yield Picture(url)
    for attachment in _list(one, "attachments"):
        if _text(attachment, "mime_type").startswith("image/"):
            yield Picture(_text(attachment, "url"))
