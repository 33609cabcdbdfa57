"""Feeds to articles: RSS 0.9x to 2.0, RDF, CDF, Atom 0.3 and 1.0, and JSON Feed (in jsonfeed.py)."""

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from digest.collect.discover import feeds_announced
from digest.collect.encoding import decode_markup, quoted_note
from digest.collect.items import Item, Picture, article_of, told_apart, unread_dates
from digest.collect.jsonfeed import json_items
from digest.collect.mending import MOST_ITEMS, mended
from digest.collect.rows import Found, Reading
from digest.collect.texts import Text, words_of
from digest.errors import DigestError
from digest.tables import Problem, tidy

LARGEST = 10_000_000  #: bytes of a feed
_FEEDS = frozenset({"rss", "channel", "feed", "rdf:rdf", "item", "entry"})
Entry = dict[str, Any]
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")
#: Sections that say nothing.
_NO_SECTION = {
    "uncategorized",
    "okategoriserade",
    "okategoriserat",
    "allmänt",
    "allgemein",
    "general",
    "news",
    "nyheter",
}


class NotAFeed(DigestError):
    """Something else in place of a feed; for a page, with the feeds that it announces."""

    def __init__(self, what: str, announced: tuple[str, ...] = ()) -> None:
        announces = f"; the page announces: {', '.join(announced)}" if announced else ""
        super().__init__(f"{what}{announces}")
        self.announced = announced


def read_feed(
    data: bytes, *, url: str | None, charset: str | None, zone: ZoneInfo, now: dt.datetime, source: str | None = None
) -> Reading:
    """Return the articles of a feed, whatever its format.

    ``url`` is where it was found, ``charset`` what the HTTP header said, ``zone`` that of times without one. An item
    that is no article is a Problem and stops no other; what is cut off or broken is read as far as it goes. Raises
    NotAFeed.
    """
    if len(data) > LARGEST:
        raise NotAFeed(f"larger than {LARGEST // 1_000_000} MB; no feed is")
    decoded = decode_markup(data, charset)
    start = decoded.text.lstrip("\ufeff \t\r\n")
    if not start:
        raise NotAFeed("nothing in it")
    if start[0] in "{[":
        title, items, notes = json_items(start, url)
    else:
        title, items, notes = _xml_items(decoded.text, data, url, charset)
    read = [article_of(item, f"item {n}", zone=zone, now=now, source=source) for n, item in enumerate(items, 1)]
    return Reading(
        tuple(told_apart(one for one in read if isinstance(one, Found))),
        tuple(one for one in read if isinstance(one, Problem)),
        notes=(*quoted_note(decoded), *notes, *unread_dates(items, zone, now)),
        title=tidy(title),
    )


def _xml_items(text: str, data: bytes, url: str | None, charset: str | None) -> tuple[str, list[Item], tuple[str, ...]]:
    """Return the title, the items and what is to be said of a feed in XML."""
    import feedparser

    markup = mended(text)
    if not markup.names & _FEEDS:
        raise _something_else(text, data, url, charset)
    # Bytes in a stream: anything else it may take for a file's name or an address, and open that.
    parsed = feedparser.parse(
        io.BytesIO(markup.xml),
        # Without the address, relative to which it would also read a guid that only looks like a link.
        response_headers={"content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,  # its sanitiser is slow; everything goes through ours
    )
    feed: Entry = parsed["feed"]
    if not parsed["entries"] and not markup.names & {"channel", "feed", "rdf:rdf"}:
        raise _something_else(text, data, url, charset)
    items = [_item(entry, feed, url) for entry in parsed["entries"]]
    title = Text(_get(feed, "title"), _is_markup(_detail(feed, "title")))
    notes = (f"more than {MOST_ITEMS:,} items, or more markup than any feed has; the rest was left unread",)
    return words_of(title), items, notes if markup.cut else ()


def _something_else(text: str, data: bytes, url: str | None, charset: str | None) -> NotAFeed:
    """Return the error that says what was found in place of a feed."""
    start = text[:2000].lower()
    if "<html" in start or "<!doctype html" in start or "<head" in start or "<body" in start:
        announced = tuple(feeds_announced(data, url or "", charset))
        return NotAFeed("HTML in place of a feed", announced)
    if "<urlset" in start or "<sitemapindex" in start:
        return NotAFeed('a sitemap in place of a feed; write sitemap = "..." in its source')
    return NotAFeed("no feed: neither RSS nor Atom nor JSON Feed")


def _item(entry: Entry, feed: Entry, url: str | None) -> Item:
    detail = _detail(entry, "title")
    content = _content(entry)
    summary = _detail(entry, "summary")
    return Item(
        title=Text(_get(entry, "title"), _is_markup(detail)),
        lead=Text(_get(entry, "summary"), _is_markup(summary)),
        body=Text(str(content.get("value") or ""), _is_markup(content)),
        guid=_get(entry, "id"),
        links=[link for link in _links(entry) if link],
        base=_base(url, *(str(one.get("base") or "") for one in (content, summary, detail))),
        # dict.get, since the parser's own get gives "published" for "updated", with a warning
        dates=[date for key in ("published", "created", "updated") if (date := _get(entry, key))],
        embargo=_first_of(entry, "prism_embargodate", "dcterms_available", "validity_start"),
        expires=_first_of(entry, "expired", "prism_expirationdate") or _end(_get(entry, "validity")),
        section=next(_sections(entry), ""),
        author=_author(entry),
        language=str(content.get("language") or detail.get("language") or _get(feed, "language") or ""),
        pictures=list(_pictures(entry)),
    )


def _first_of(entry: Entry, *keys: str) -> str:
    return next((value for key in keys if (value := _get(entry, key))), "")


def _end(period: str) -> str:
    """Return the end of a DCMI Period: ``start=2025-12-01; end=2025-12-24; scheme=W3C-DTF``."""
    parts = (part.partition("=") for part in period.split(";"))
    return next((value.strip() for name, _, value in parts if name.strip().lower() == "end"), "")


def _base(url: str | None, *said: str) -> str | None:
    """Return what an entry's links are relative to: what it says of itself (XML Base), else where it was found."""
    try:
        return urljoin(url or "", next(filter(None, said), "")) or None
    except ValueError:
        return url


def _get(holder: Entry, key: str) -> str:
    value = dict.get(holder, key)
    return value.strip() if isinstance(value, str) else ""


def _all(holder: Entry, key: str) -> list[Entry]:
    values = dict.get(holder, key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _detail(holder: Entry, key: str) -> Entry:
    value = dict.get(holder, f"{key}_detail")
    return value if isinstance(value, dict) else {}


def _is_markup(detail: Entry) -> bool:
    """Whether a text is HTML: what says nothing of itself is, in practice."""
    return bool(detail.get("type", "text/html") != "text/plain")


def _content(entry: Entry) -> Entry:
    """Return the longest text of an entry: there may be one for every language, or a short one first."""
    texts = [one for one in _all(entry, "content") if str(one.get("type", "")).startswith(("text/", "application/xh"))]
    return max(texts, key=lambda one: len(str(one.get("value") or "")), default={})


def _links(entry: Entry) -> Iterator[str]:
    """Yield where an entry may be found, best first: not by way of the feed's own counter of readers."""
    yield _get(entry, "feedburner_origlink")
    yield _get(entry, "link")
    links = _all(entry, "links")
    for wanted in ("alternate", "via", "related", "enclosure"):
        yield from (str(link.get("href") or "") for link in links if link.get("rel") == wanted)


def _sections(entry: Entry) -> Iterator[str]:
    for tag in _all(entry, "tags"):
        name = tidy(str(tag.get("label") or tag.get("term") or ""))
        if name and "://" not in name and name.lower() not in _NO_SECTION:
            yield name


def _author(entry: Entry) -> str:
    """Return who wrote it, by name; an address is nobody's name."""
    names = [tidy(str(author.get("name") or "")) for author in _all(entry, "authors")]
    names = names if any(names) else [_get(_detail(entry, "author"), "name") or _get(entry, "author")]
    return ", ".join(dict.fromkeys(name for name in names if name and "@" not in name))


def _pictures(entry: Entry) -> Iterator[Picture]:
    """Yield the pictures that come with an entry, with their size where it is told (Media RSS, enclosures)."""
    for one in _all(entry, "media_content"):
        kind, medium = str(one.get("type") or ""), str(one.get("medium") or "")
        url = str(one.get("url") or "")
        if medium == "image" or kind.startswith("image/") or (not kind + medium and _is_picture(url)):
            yield Picture(url, _pixels(one, "width"), _pixels(one, "height"))
    for link in _all(entry, "links"):
        kind, url = str(link.get("type") or ""), str(link.get("href") or "")
        if link.get("rel") == "enclosure" and (kind.startswith("image/") or _is_picture(url)):
            yield Picture(url)
    for one in _all(entry, "media_thumbnail"):
        yield Picture(str(one.get("url") or ""), _pixels(one, "width"), _pixels(one, "height"))
    image = dict.get(entry, "image")
    if isinstance(image, dict):
        yield Picture(str(image.get("href") or image.get("url") or ""))


def _is_picture(url: str) -> bool:
    return url.partition("?")[0].lower().endswith(_PICTURES)


def _pixels(holder: Entry, side: str) -> int:
    digits = str(holder.get(side) or "").removesuffix("px").strip()
    return min(int(digits), 100_000) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
