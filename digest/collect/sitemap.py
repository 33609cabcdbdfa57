"""Sitemaps to articles: news sitemaps, plain ones, and the index of several (sitemaps.org)."""

import datetime as dt
import re
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from digest.collect.dates import any_moment
from digest.collect.encoding import decode_markup, quoted_note
from digest.collect.feeds import LARGEST, NotAFeed
from digest.collect.items import Item, Picture, absolute, article_of, told_apart, unread_dates
from digest.collect.mending import mended
from digest.collect.rows import Found, Reading
from digest.collect.texts import Text
from digest.tables import Problem, tidy

MOST_PAGES = 1_000  #: of a plain sitemap, which lists all that a site has ever had: the latest
MOST_SITEMAPS = 50
_LARGEST = 5 * LARGEST  # 50 MB, as the protocol has it; most of it is white space and addresses
_NEWS = re.compile(r"news|nyhet|article|artikel|post", re.IGNORECASE)


def read_sitemap(
    data: bytes, *, url: str | None, charset: str | None, zone: ZoneInfo, now: dt.datetime, source: str | None = None
) -> Reading:
    """Return the articles of a sitemap; of an index, the addresses to go on with (``Reading.follow``).

    A plain sitemap has neither titles nor a word on what is an article: the title is then that of the address, until
    the article's page is read (``extract``), and addresses that do not look like an article's are Problems. Raises
    NotAFeed.
    """
    if len(data) > _LARGEST:
        raise NotAFeed(f"larger than {_LARGEST // 1_000_000} MB; no sitemap is")
    decoded = decode_markup(data, charset)
    markup = mended(decoded.text)
    if "sitemapindex" in markup.names:
        return Reading(notes=quoted_note(decoded), follow=_index(_root(markup.xml), url, zone, now))
    if "urlset" not in markup.names:
        raise NotAFeed("no sitemap: neither a urlset nor a sitemapindex in it")
    pages = list(_root(markup.xml).iter("url"))
    notes = [*quoted_note(decoded)]
    if len(pages) > MOST_PAGES:
        pages.sort(key=lambda page: _newest(_dates(page), zone, now), reverse=True)
        notes.append(f"{len(pages):,} addresses; the latest {MOST_PAGES:,} were read")
    items = [_item(page, url) for page in pages[:MOST_PAGES]]
    read = [_article(item, n, zone, now, source) for n, item in enumerate(items, 1)]
    return Reading(
        tuple(told_apart(one for one in read if isinstance(one, Found))),
        tuple(one for one in read if isinstance(one, Problem)),
        notes=(*notes, *unread_dates(items, zone, now)),
    )


def _root(xml: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))


def _index(root: Any, url: str | None, zone: ZoneInfo, now: dt.datetime) -> tuple[str, ...]:
    """Return the sitemaps of an index: those of news first, then the latest changed."""
    listed = [(_said(one, "loc"), _newest([_said(one, "lastmod")], zone, now)) for one in root.iter("sitemap")]
    listed.sort(key=lambda one: (bool(_NEWS.search(one[0])), one[1]), reverse=True)
    links = [link for loc, _ in listed if (link := absolute(loc, url))]
    return tuple(dict.fromkeys(links))[:MOST_SITEMAPS]


def _item(page: Any, url: str | None) -> Item:
    pictures = [Picture(picture) for image in page.iter("{*}image") if (picture := _said(image, "loc"))]
    return Item(
        title=Text(_said(page, "title", within="news")),
        links=[_said(page, "loc")],
        base=url,
        dates=_dates(page),
        section=_said(page, "keywords").partition(",")[0],
        language=_said(page, "language"),
        pictures=pictures,
    )


def _dates(page: Any) -> list[str]:
    published, changed = page.findtext("{*}news/{*}publication_date"), page.findtext("lastmod")
    return [date for date in (published, changed) if date]


def _article(item: Item, number: int, zone: ZoneInfo, now: dt.datetime, source: str | None) -> Found | Problem:
    where = f"address {number}"
    if not item.title.words:
        link = absolute(item.links[0], item.base)
        title = _slug(link) if link else ""
        if link and not title:
            return Problem(where, f"{link} does not look like the address of an article")
        item = Item(Text(title, markup=False), links=item.links, base=item.base, dates=item.dates)
    return article_of(item, where, zone=zone, now=now, source=source)


def _slug(link: str) -> str:
    """Return the words of an address as a title; empty where they are too few to be an article's."""
    path = unquote(urlsplit(link).path, errors="replace")
    last = re.sub(r"\.(html?|php|aspx?)$", "", path.rstrip("/").rpartition("/")[2])
    words = [word for word in re.split(r"[-_+ ,.]+", last) if word and not word.isdigit()]
    if len(words) < 3:
        return ""
    return tidy(" ".join([words[0][:1].upper() + words[0][1:], *words[1:]]))


def _said(element: Any, name: str, within: str | None = None) -> str:
    """Return the words of the first such element inside one; ``within`` another, where that is said."""
    around = next(element.iter(f"{{*}}{within}"), None) if within else element
    found = around.iter(f"{{*}}{name}") if around is not None else ()
    return next((tidy(one.text) for one in found if one.text and one.text.strip()), "")


def _newest(dates: Any, zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """Return the first date there is, the beginning of time where there is none."""
    moments = (any_moment(date, zone, now) for date in dates)
    return next((moment.at for moment in moments if moment), dt.datetime.min.replace(tzinfo=dt.UTC))
