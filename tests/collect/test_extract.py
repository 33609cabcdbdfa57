"""What an article's page says of itself."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest

from digest.collect.dates import Moment
from digest.collect.extract import PageFields, check_extractor, filled, read_article_page
from digest.collect.feeds import read_feed
from digest.collect.rows import Found
from digest.settings import SourceSettings

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
URL = "https://news.example.com/a?utm_source=rss"
PARAGRAPHS = [
    f"Stycke {n} om packningar för entreprenadmaskiner, som har blivit bättre på senare år." for n in range(6)
]
ARTICLE = {
    "@type": ["NewsArticle"],
    "headline": "Packningar &amp; ventiler",
    "alternativeHeadline": "Underrubrik",
    "description": "Ingressen.",
    "datePublished": "2025-11-30T06:00:00+01:00",
    "author": [{"@type": "Person", "name": "Åsa Öberg"}, "Bo Ek"],
    "image": [
        {"@type": "ImageObject", "url": "/liten.jpg", "width": 100},
        {"url": "/stor.jpg", "width": 1200, "height": 9e2},
    ],
    "articleSection": ["Industri"],
    "inLanguage": "sv",
    "articleBody": "\n\n".join(PARAGRAPHS),
}
BODY = f"<article><h1>Packningar & ventiler</h1>{''.join(f'<p>{p}</p>' for p in PARAGRAPHS)}</article>"


def page(data: object = None, head: str = "", body: str = BODY) -> str:
    script = data if isinstance(data, str) else json.dumps(data) if data else ""
    said = f'<script type="application/ld+json">{script}</script>' if script else ""
    return (
        f"<!doctype html><html lang=sv><head><title>Sidans titel</title>{head}{said}</head><body>{body}</body></html>"
    )


def read(markup: str) -> PageFields:
    return read_article_page(markup.encode(), url=URL, charset=None, zone=STOCKHOLM, now=NOW)


def test_structured_data_says_it_all() -> None:
    fields = read(page(ARTICLE, '<link rel="canonical" href="https://www.news.example.com/a">'))

    assert (fields.title, fields.subtitle, fields.lead) == ("Packningar & ventiler", "Underrubrik", "Ingressen.")
    assert fields.published == Moment(dt.datetime(2025, 11, 30, 5, tzinfo=dt.UTC))
    assert (fields.author, fields.section, fields.language) == ("Åsa Öberg, Bo Ek", "Industri", "sv")
    assert fields.image is not None
    assert fields.image.url == "https://news.example.com/stor.jpg"
    assert fields.url == "https://www.news.example.com/a"
    assert fields.body.count("<p>") == 6


@pytest.mark.parametrize(
    "data",
    [
        {"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": "x"}, ARTICLE]},
        [{"@type": "BreadcrumbList"}, ARTICLE],
        {"@type": "WebPage", "mainEntity": ARTICLE},
        json.dumps(ARTICLE) + ";",
        "<!-- " + json.dumps(ARTICLE) + " -->",
        "//<![CDATA[\n" + json.dumps(ARTICLE) + "\n//]]>",
        json.dumps(ARTICLE)[:-1] + ",}",
        json.dumps(ARTICLE).replace("Ingressen.", "Ingressen.\\n").replace("Underrubrik", "Under\nrubrik"),
    ],
)
def test_structured_data_is_found_in_graphs_and_lists_and_where_it_is_a_little_broken(data: object) -> None:
    fields = read(page(data))

    assert (fields.title, fields.lead) == ("Packningar & ventiler", "Ingressen.")


def test_of_several_articles_it_is_the_one_with_the_pages_address() -> None:
    other = {"@type": "Article", "headline": "En annan", "url": "https://news.example.com/b"}

    assert read(page([other, {**ARTICLE, "url": "https://news.example.com/a"}])).title == "Packningar & ventiler"


@pytest.mark.parametrize(
    "data", ["{", "[" * 10_000, '"x"', "null", '{"@type": 7}', '{"@type":"NewsArticle","author":{"name":[]}}']
)
def test_structured_data_that_is_none_leaves_the_rest_of_the_page(data: str) -> None:
    fields = read(
        page(data, '<meta property="og:title" content="Ventiler - Nytt"><meta property="og:site_name" content="Nytt">')
    )

    assert fields.title == "Ventiler"


def test_open_graph_and_time_elements_stand_in() -> None:
    head = """<meta property="og:description" content="Ingress."><meta name="author" content="Åsa Öberg">
        <meta property="og:image" content="https://cdn.example.com/a.jpg"><meta property="og:locale" content="sv_SE">"""
    fields = read(page(None, head, f'<time datetime="2025-11-29">i går</time>{BODY}'))

    assert (fields.title, fields.lead, fields.author) == ("Packningar & ventiler", "Ingress.", "Åsa Öberg")
    assert (fields.image and fields.image.url, fields.language) == ("https://cdn.example.com/a.jpg", "sv")
    assert fields.published is not None
    assert fields.published.on == dt.date(2025, 11, 29)


@pytest.mark.parametrize("href", ["https://other.example/a", "/", "javascript:x", ""])
def test_canonical_link_elsewhere_or_to_the_front_page_is_not_believed(href: str) -> None:
    assert read(page(None, f'<link rel="canonical" href="{href}">')).url is None


def test_text_is_found_without_structured_data() -> None:
    fields = read(page(None, body=f"<nav><a href=/>Hem</a></nav>{BODY}<aside><h3>Mest läst</h3><p>Annat</p></aside>"))

    assert fields.body.count("<p>") == 6
    assert "Mest läst" not in fields.body
    check_extractor(SourceSettings(name="x", feed="https://x.example/", extract=True))


def test_page_that_says_nothing_gives_little() -> None:
    assert read("") == PageFields()


def test_article_is_filled_and_stays_the_same_one() -> None:
    feed = "<rss><channel><item><title>Kort</title><guid>g</guid><link>https://news.example.com/a</link><pubDate>2025-11-30</pubDate>"
    (found,) = read_feed(feed.encode(), url=None, charset=None, zone=STOCKHOLM, now=NOW).found
    full = filled(found, read(page(ARTICLE)))

    assert isinstance(full, Found)
    assert (full.article.guid, full.article.link) == (found.article.guid, found.article.link)
    assert (full.article.title, full.article.lead) == ("Packningar & ventiler", "Ingressen.")
    assert (full.article.published, full.article.published_on) == (dt.datetime(2025, 11, 30, 5, tzinfo=dt.UTC), None)
    assert found.article.title == "Kort"
