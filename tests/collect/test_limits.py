"""Embargo and expiry as sources and editors write them; wall time at the nights when clocks change."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from digest.collect.extract import filled, read_article_page
from digest.collect.feeds import read_feed
from digest.collect.rows import Found, read_row
from digest.edition.select import is_public
from digest.models import Article

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
XMLNS = 'xmlns:dcterms="http://purl.org/dc/terms/" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'


def from_row(**values: str) -> Article:
    found = read_row({"title": "t", **values}, "row", zone=STOCKHOLM, now=NOW)
    assert isinstance(found, Found)
    return found.article


def from_feed(item: str) -> Article:
    feed = f"<rss {XMLNS}><channel><title>t</title><item><title>a</title>{item}</item></channel></rss>"
    (found,) = read_feed(feed.encode(), url=None, charset=None, zone=STOCKHOLM, now=NOW).found
    return found.article


@pytest.mark.parametrize(
    ("written", "over"),
    [
        ("2026-03-29", "2026-03-28T23:00+00:00"),  # the day has 23 hours, and begins in winter
        ("2026-03-30", "2026-03-29T22:00+00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30+00:00"),  # a time that clocks skip is that much later
        ("2026-10-25", "2026-10-24T22:00+00:00"),  # 25 hours
        ("2026-10-26", "2026-10-25T23:00+00:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30+00:00"),  # one that comes twice is the first
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30+00:00"),
    ],
)
def test_moments_without_a_zone_stand_in_the_newsletter_s(written: str, over: str) -> None:
    moment, tick = dt.datetime.fromisoformat(over), dt.timedelta(seconds=1)
    embargoed, expiring = from_row(embargo_until=written), from_row(expires=written)

    assert [is_public(embargoed, moment - tick), is_public(embargoed, moment)] == [False, True]
    assert [is_public(expiring, moment - tick), is_public(expiring, moment)] == [True, False]


@pytest.mark.parametrize(
    ("item", "embargo", "expires"),
    [
        ("<expirationDate>2025-12-24T00:00:00Z</expirationDate>", None, "2025-12-24T00:00+00:00"),
        ("<prism:expirationDate>2025-12-24</prism:expirationDate>", None, "2025-12-23T23:00+00:00"),
        ("<prism:embargoDate>2025-12-01T06:00:00</prism:embargoDate>", "2025-12-01T05:00+00:00", None),
        ("<dcterms:available>2025-12-01</dcterms:available>", "2025-11-30T23:00+00:00", None),
        ("<dcterms:valid>start=2025-12-01T06:00Z; end=2025-12-24T00:00Z; scheme=W3C-DTF</dcterms:valid>",
         "2025-12-01T06:00+00:00", "2025-12-24T00:00+00:00"),
        ("<expirationDate>1970-01-01</expirationDate>", None, None),
        ("<expirationDate>0000-00-00</expirationDate>", None, None),
        ("<pubDate>Sun, 30 Nov 2025 06:00:00 GMT</pubDate><expirationDate>2025-11-30T06:00:00Z</expirationDate>",
         None, None),
    ],
)  # fmt: skip
def test_feeds_say_from_when_and_until_when(item: str, embargo: str | None, expires: str | None) -> None:
    article = from_feed(item)

    assert article.embargo_until == (embargo and dt.datetime.fromisoformat(embargo))
    assert article.expires == (expires and dt.datetime.fromisoformat(expires))


@pytest.mark.parametrize(
    "head",
    [
        '<script type="application/ld+json">{"@type": "NewsArticle", "name": "a", "expires": "2025-12-24"}</script>',
        '<meta property="article:expiration_time" content="2025-12-24">',
    ],
)
def test_article_s_own_page_says_when_it_expires(head: str) -> None:
    page = f"<html><head>{head}</head><body><h1>a</h1></body></html>".encode()
    fields = read_article_page(page, url="https://a.example/1", charset=None, zone=STOCKHOLM, now=NOW)

    article = filled(Found("item 1", from_row(), None), fields).article

    assert article.expires == dt.datetime(2025, 12, 23, 23, tzinfo=dt.UTC)
