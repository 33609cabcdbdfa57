"""What any source says of one item, in its own words, to an article."""

import datetime as dt
import hashlib
import html
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

from digest.collect.dates import FIRST_YEAR, Moment, any_moment, believed
from digest.collect.links import canonical_link, web_link, without_tracking
from digest.collect.rows import Found
from digest.collect.texts import LONGEST_LEAD, NOTHING, Text, cut, lead_and_body, opening, without_repeated, words_of
from digest.models import Article
from digest.tables import Problem, language_tag, shown, tidy

LONGEST_TITLE = 300  #: characters of a headline: what is longer is a text in the wrong place
LONGEST_HEAD = 120  #: of one made of the lead
LEAST_PICTURE = 60  #: pixels of a side; smaller ones are icons and pixels that count readers


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a source names, with its size in pixels where it says so (0: it does not)."""

    url: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One item as its source has it; all may be missing."""

    title: Text = NOTHING
    subtitle: Text = NOTHING
    lead: Text = NOTHING
    body: Text = NOTHING
    guid: str = ""
    links: Sequence[str] = ()  #: best first
    base: str | None = None  #: what links are relative to
    dates: Sequence[str] = ()  #: best first
    embargo: str = ""
    expires: str = ""
    section: str = ""
    author: str = ""
    language: str = ""
    pictures: Sequence[Picture] = ()


def article_of(
    item: Item, where: str, *, zone: ZoneInfo, now: dt.datetime, source: str | None = None
) -> Found | Problem:
    """Return the article of an item, or why it is none: it has neither title nor text nor link.

    Everything else is taken as it comes: a link that is none, a date that cannot be, a picture of one pixel is left
    out, a text that no letter could hold is cut. Without a title it is the beginning of the text, else the link.
    """
    url = next((link for one in item.links if (link := absolute(one, item.base))), None)
    title = cut(words_of(item.title), LONGEST_TITLE)
    lead, body = lead_and_body(item.lead, item.body, item.base or url, title)
    title = title or cut(lead or opening(body), LONGEST_HEAD) or _called(url)
    if not title:
        return Problem(where, "no article: it has neither a title nor a text nor a link")
    published = published_of(item.dates, zone, now)
    embargo, expires = any_moment(item.embargo, zone, now), end_of(item.expires, zone, now)
    if expires and published and expires <= published.at:
        expires = None  # it would never have been there
    link = url and canonical_link(url)
    said = {
        "guid": _named(item.guid),
        "url": url,
        # The front page of a site is where many articles are, and which of them cannot be told by it.
        "link": link if link and len(link) <= 2000 and not _is_front(link) else None,
        "title": title,
        "subtitle": cut(words_of(item.subtitle), LONGEST_LEAD),
        "lead": lead,
        "body": without_repeated(body, title, words_of(item.subtitle), lead),
        "section": tidy(html.unescape(item.section))[:200],
        "author": tidy(html.unescape(item.author))[:500],
        **pictured(best_picture(item.pictures, item.base or url)),
        "language": language_tag(item.language),
        "published": published.at if published else None,
        "published_on": published.on if published else None,
        "embargo_until": embargo.at if embargo else None,
        "expires": expires,
        "first_seen": now,
        "changed_at": now,
    }
    return Found(where, Article.model_validate(said), source)


def told_apart(found: Iterable[Found]) -> list[Found]:
    """Return articles of one reading with the names and links that several of them share taken off.

    There are feeds that give every item one guid, or the address of the front page: known by that, all would be one.
    """
    found = list(found)
    titles: dict[str, set[str]] = defaultdict(set)
    names: dict[str, set[str | None]] = defaultdict(set)
    places: dict[str, set[str]] = defaultdict(set)
    for article in (one.article for one in found):
        if article.link:
            titles[article.link].add(article.title)
            names[article.link].add(article.guid)
        if article.guid:
            places[article.guid].add(article.link or article.title)
    for article in (one.article for one in found):
        link = article.link
        # Twice the same link is an article and its correction, unless they have names of their own.
        if link and len(titles[link]) > (1 if len(names[link]) > 1 else 2):
            article.link = None
        if article.guid and (
            len(places[article.guid]) > 1 or (link and not article.link and names[link] == {article.guid})
        ):
            article.guid = None
    return found


def unread_dates(items: Sequence[Item], zone: ZoneInfo, now: dt.datetime) -> tuple[str, ...]:
    """Return a note on dates that mean nothing to us, with one of them."""
    unread = [item.dates[0] for item in items if item.dates and not any(any_moment(d, zone, now) for d in item.dates)]
    return (f"dates that could not be read: {len(unread)}, such as {shown(unread[0])}",) if unread else ()


def end_of(text: str, zone: ZoneInfo, now: dt.datetime) -> dt.datetime | None:
    """Return when an article expires; None where that is never, which programs write as 1970 or before."""
    moment = any_moment(text, zone, now)
    return moment.at if moment is not None and moment.at.year >= FIRST_YEAR else None


def published_of(dates: Sequence[str], zone: ZoneInfo, now: dt.datetime) -> Moment | None:
    """Return the first date that can be true."""
    return next((moment for text in dates if (moment := believed(any_moment(text, zone, now), now))), None)


def absolute(link: str, base: str | None) -> str | None:
    """Return where a link leads on the web, without tracking; None if it does not lead there."""
    link = "".join(link.split()) if "\n" in link or "\t" in link else link.strip()
    if not link or link.startswith("#"):
        return None
    try:
        found = web_link(without_tracking(urljoin(base or "", link)))
    except ValueError:
        return None
    return found if found and len(found) <= 2000 else None


def best_picture(pictures: Sequence[Picture], base: str | None) -> Picture | None:
    """Return the largest picture, its address whole; of those that do not tell their size, the first."""
    fit = [
        (max(picture.width, 1) * max(picture.height, 1), -number, Picture(url, picture.width, picture.height))
        for number, picture in enumerate(pictures)
        if not 0 < picture.width < LEAST_PICTURE and not 0 < picture.height < LEAST_PICTURE
        if (url := absolute(picture.url, base))
    ]
    return max(fit, key=lambda one: one[:2])[2] if fit else None


def pictured(picture: Picture | None) -> dict[str, Any]:
    """Return the fields of an article that has a picture, or none; half of a size is none."""
    sizes = (picture.width, picture.height) if picture and picture.width and picture.height else (None, None)
    return {"image": picture.url if picture else None, "image_width": sizes[0], "image_height": sizes[1]}


def _called(url: str | None) -> str:
    """Return a link as a title: what stands there until somebody writes one."""
    return cut(url.split("://", 1)[1].removeprefix("www.").rstrip("/"), LONGEST_HEAD) if url else ""


def _named(guid: str) -> str | None:
    guid = tidy(guid)
    if len(guid) > 500:
        return f"sha256:{hashlib.sha256(guid.encode()).hexdigest()}"
    return guid or None


def _is_front(link: str) -> bool:
    parts = urlsplit(link)
    return parts.path == "/" and not parts.query and not parts.fragment
