"""One row of a source, under the keys its author uses, to an article, and an article to a row."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from digest.collect.clean import TooMuchMarkup, clean_html, paragraphs_to_html, plain_text, protected
from digest.collect.dates import Moment, read_moment
from digest.collect.links import canonical_link, web_link
from digest.models import Article
from digest.tables import LONGEST, Problem, header_key, language_tag, shown, tidy

#: The keys of a row, in the order of a table's columns, and what else they may be called. Case, accents, blanks and
#: signs do not matter.
KEYS = {
    "title": ("rubrik",),
    "url": ("link", "länk"),
    "id": ("guid",),
    "subtitle": ("underrubrik",),
    "lead": ("ingress",),
    "body": ("text", "brödtext"),
    "published": ("date", "datum"),
    "section": ("avdelning",),
    "source": ("källa",),
    "author": ("författare",),
    "image": ("bild",),
    "image_alt": ("alt", "bildtext"),
    "image_width": ("bildbredd",),
    "image_height": ("bildhöjd",),
    "language": ("språk",),
    "embargo_until": (),
    "expires": (),
}
PIXELS = re.compile(r"[0-9]{1,5}")
_KEY_OF = {header_key(name): key for key, others in KEYS.items() for name in (key, *others)}
_KEY_OF_FIELD = {"guid": "id", "link": "url"}


@dataclass(frozen=True, slots=True)
class Found:
    """An article of a file, where in the file it stands, and the source it is said to come from."""

    where: str
    article: Article
    source: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file, feed or page holds, and what of it could not be read."""

    found: tuple[Found, ...] = ()
    problems: tuple[Problem, ...] = ()  #: items that are no articles, each with the reason
    unknown: tuple[str, ...] = ()  #: keys in it that mean nothing to us
    notes: tuple[str, ...] = ()  #: what is wrong with the whole, though it was read: "40 characters could not be ..."
    title: str = ""  #: of the feed or page itself
    follow: tuple[str, ...] = ()  #: addresses of more of the same: the sitemaps of an index


class _Unfit(ValueError):
    """A row that is no article, with the reason."""


def named(pairs: Iterable[tuple[str, object]]) -> tuple[dict[str, object], list[str]]:
    """Return a row under our keys, and its keys that are none of ours. Of two for one key the first not empty wins."""
    values: dict[str, object] = {}
    unknown = []
    for name, value in pairs:
        key = _KEY_OF.get(header_key(name))
        if key is None:
            unknown += [tidy(name)] if tidy(name) else []
        elif values.get(key) in (None, "", []):
            values[key] = value
    return values, unknown


def read_row(
    values: Mapping[str, object], where: str, *, zone: ZoneInfo, now: dt.datetime, source: str | None = None
) -> Found | Problem:
    """Return the article of a row under our keys, or why it is none; ``source`` wins over the row's own."""
    try:
        article = _article(values, zone, now)
        return Found(where, article, source or tidy(_text(values, "source")) or None)
    except (_Unfit, TooMuchMarkup) as error:
        return Problem(where, str(error))
    except ValidationError as error:
        return Problem(where, _reason(error))


def row_of(article: Article, source: str | None) -> dict[str, str]:
    """Return the row that read_row reads as this article; empty values are left out."""
    published = article.published_on or article.published
    row = {
        "title": protected(article.title),
        "url": article.url,
        "id": article.guid,
        "subtitle": protected(article.subtitle),
        "lead": protected(article.lead),
        "body": article.body,
        "published": published and published.isoformat(),
        "section": protected(article.section),
        "source": source,
        "author": protected(article.author),
        "image": article.image,
        "image_alt": protected(article.image_alt),
        "image_width": str(article.image_width or ""),
        "image_height": str(article.image_height or ""),
        "language": article.language,
        "embargo_until": article.embargo_until and article.embargo_until.isoformat(),
        "expires": article.expires and article.expires.isoformat(),
    }
    return {key: value for key, value in row.items() if value}


def _article(values: Mapping[str, object], zone: ZoneInfo, now: dt.datetime) -> Article:
    title = _line(values, "title")
    if not title:
        raise _Unfit("no title")
    url = _link(values, "url")
    published = _moment(values, "published", zone)
    embargo = _moment(values, "embargo_until", zone)
    expires = _moment(values, "expires", zone)
    return Article.model_validate(
        {
            "guid": tidy(_text(values, "id")) or None,
            "url": url,
            "link": url and canonical_link(url),
            "title": title,
            "subtitle": _line(values, "subtitle"),
            "lead": _line(values, "lead"),
            "body": _body(values, url),
            "section": _line(values, "section"),
            "author": _line(values, "author"),
            "image": _link(values, "image"),
            "image_alt": _line(values, "image_alt"),
            "image_width": _pixels(values, "image_width"),
            "image_height": _pixels(values, "image_height"),
            "language": _language(values),
            "published": published and published.at,
            "published_on": published and published.on,
            "embargo_until": embargo and embargo.at,
            "expires": expires and expires.at,
            "first_seen": now,
            "changed_at": now,
        }
    )


def _text(values: Mapping[str, object], key: str) -> str:
    return _text_of(values.get(key), key)


def _text_of(value: object, key: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            raise _Unfit(f"{key} must be text, not true or false")
        case str() | int() | float():
            text = str(value)
        case _:
            raise _Unfit(f"{key} must be text, not {'a list' if isinstance(value, list) else 'an object'}")
    if len(text) > LONGEST:
        raise _Unfit(f"{key} is longer than {LONGEST:,} characters")
    return text


def _line(values: Mapping[str, object], key: str) -> str:
    return plain_text(_text(values, key))


def _body(values: Mapping[str, object], url: str | None) -> str:
    body = values.get("body")
    if isinstance(body, list):
        body = paragraphs_to_html([_text_of(paragraph, "a paragraph of body") for paragraph in body])
    clean = clean_html(_text_of(body, "body"), url)
    if len(clean) > LONGEST:
        raise TooMuchMarkup
    return clean


def _link(values: Mapping[str, object], key: str) -> str | None:
    text = _text(values, key).strip()
    link = web_link(text)
    if text and link is None:
        raise _Unfit(f"{key} {shown(text)} is not a web address; it begins with http:// or https://")
    return link


def _language(values: Mapping[str, object]) -> str | None:
    text = _text(values, "language").strip()
    tag = language_tag(text)
    if text and tag is None:
        raise _Unfit(f"{shown(text)} is not a language; write sv or en-GB")
    return tag


def _pixels(values: Mapping[str, object], key: str) -> int | None:
    """Return a picture's width or height; None for what is no such number: no article is refused for that."""
    text = _text(values, key).strip().removesuffix("px")
    return int(text) if PIXELS.fullmatch(text) and int(text) else None


def _moment(values: Mapping[str, object], key: str, zone: ZoneInfo) -> Moment | None:
    text = _text(values, key).strip()
    if not text:
        return None
    try:
        return read_moment(text, zone)
    except ValueError as error:
        raise _Unfit(f"{key} {shown(text)} is not a date; write 2025-11-30 or 2025-11-30T06:00") from error


def _reason(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    key = _KEY_OF_FIELD.get(field, field)
    if first["type"] == "string_too_long":
        return f"{key} is longer than {first['ctx']['max_length']:,} characters"
    return f"{key}: {first['msg']}"
