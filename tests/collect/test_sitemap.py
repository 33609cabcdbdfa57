"""Sitemaps, and what in them is an article."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from digest.collect.feeds import NotAFeed
from digest.collect.rows import Reading
from digest.collect.sitemap import read_sitemap

NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
PLAIN = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = f"""<?xml version="1.0" encoding="UTF-8"?><urlset {PLAIN}
    xmlns:n="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc>https://news.example.com/a</loc><lastmod>2025-11-30</lastmod>
<n:news><n:publication><n:name>Nytt</n:name><n:language>sv</n:language></n:publication>
<n:publication_date>2025-11-29T06:00:00+01:00</n:publication_date><n:title>Packningar &amp; ventiler</n:title>
<n:keywords>Industri, Olja</n:keywords></n:news>
<image:image><image:loc>https://cdn.example.com/a.jpg</image:loc><image:title>Bild</image:title></image:image></url>
</urlset>"""


def read(data: str) -> Reading:
    return read_sitemap(
        data.encode(), url="https://news.example.com/sitemap.xml", charset=None, zone=ZoneInfo("UTC"), now=NOW
    )


def test_news_sitemap_has_articles() -> None:
    (found,) = read(NEWS).found
    article = found.article

    assert (article.title, article.url) == ("Packningar & ventiler", "https://news.example.com/a")
    assert article.published == dt.datetime(2025, 11, 29, 5, tzinfo=dt.UTC)
    assert (article.section, article.language, article.image) == ("Industri", "sv", "https://cdn.example.com/a.jpg")


def test_plain_sitemap_is_read_by_its_addresses_and_refuses_those_that_are_no_articles() -> None:
    urls = ["/nyheter/ny-fabrik-i-bor%C3%A5s.html", "/om-oss", "/"]
    reading = read(f"<urlset {PLAIN}>" + "".join(f"<url><loc>{url}</loc></url>" for url in urls) + "</urlset>")

    assert [found.article.title for found in reading.found] == ["Ny fabrik i borås"]
    assert [(problem.where, problem.reason) for problem in reading.problems] == [
        ("address 2", "https://news.example.com/om-oss does not look like the address of an article"),
        ("address 3", "https://news.example.com/ does not look like the address of an article"),
    ]


def test_of_a_large_sitemap_the_latest_are_read() -> None:
    urls = "".join(
        f"<url><loc>https://a.se/en-ny-artikel-{n}</loc><lastmod>{2000 + n % 25}-01-01</lastmod></url>"
        for n in range(1200)
    )
    reading = read(f"<urlset {PLAIN}>{urls}</urlset>")

    assert len(reading.found) == 1000
    assert reading.notes == ("1,200 addresses; the latest 1,000 were read",)
    dates = [found.article.published_on for found in reading.found]
    assert min(date for date in dates if date) == dt.date(2004, 1, 1)


def test_index_says_where_to_go_on_news_and_the_latest_first() -> None:
    index = f"""<sitemapindex {PLAIN}><sitemap><loc>/pages.xml</loc><lastmod>2025-11-30</lastmod></sitemap>
        <sitemap><loc>/old-news.xml</loc><lastmod>2020-01-01</lastmod></sitemap>
        <sitemap><loc>/news.xml</loc><lastmod>2025-11-29</lastmod></sitemap></sitemapindex>"""

    assert read(index).follow == tuple(f"https://news.example.com/{n}.xml" for n in ("news", "old-news", "pages"))


def test_what_is_no_sitemap_is_refused_in_words() -> None:
    with pytest.raises(NotAFeed, match="neither a urlset nor a sitemapindex"):
        read("<html></html>")
