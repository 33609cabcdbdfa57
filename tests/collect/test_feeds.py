"""Feeds of all formats, read as their authors meant them."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from digest.collect.feeds import NotAFeed, read_feed
from digest.collect.jsonfeed import BrokenJson
from digest.collect.rows import Reading
from digest.models import Article

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
URL = "https://news.example.com/rss/flode.xml"

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:m="http://search.yahoo.com/mrss/" xmlns:c="http://purl.org/rss/1.0/modules/content/"
     xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>Industrivärlden</title><link>https://news.example.com/</link><language>sv-se</language>
<item>
  <title>Packningar &amp;amp; ventiler</title>
  <link>https://news.example.com/packningar?utm_source=rss&amp;id=7</link>
  <guid isPermaLink="false">a-1</guid>
  <pubDate>Sun, 30 Nov 2025 06:00:00 CET</pubDate>
  <category>Industri</category>
  <dc:creator>Åsa Öberg</dc:creator>
  <description>&lt;p&gt;Ingressen.&lt;/p&gt;</description>
  <c:encoded><![CDATA[<p>Brödtext med <a href="/mer?utm_medium=x">länk</a>.</p>
    <img src="https://px.example.com/p.gif" width="1" height="1"><script>alert(1)</script>]]></c:encoded>
  <m:content url="https://cdn.example.com/liten.jpg" medium="image" width="150" height="100"/>
  <m:content url="https://cdn.example.com/stor.jpg" medium="image" width="1200" height="800"/>
</item>
<item><title>Andra</title><link>/andra</link><pubDate>2025-11-28</pubDate></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://news.example.com/a/" xml:lang="en">
<title>Valves</title>
<entry><id>tag:example.com,2025:1</id>
<title type="xhtml"><div
xmlns="http://www.w3.org/1999/xhtml">Big <b>valve</b></div></title>
<link rel="self" href="1.atom"/><link href="1"/><updated>2025-11-30T07:00:00Z</updated>
<published>2025-11-29T07:00:00Z</published>
<summary>Short.</summary><content type="html">&lt;p&gt;Long.&lt;/p&gt;</content>
<author><name>A. Writer</name></author></entry></feed>"""

JSON = """{"version": "https://jsonfeed.org/version/1.1", "title": "JSON", "items": [{"id": 1,
"url": "https://news.example.com/j", "title": "A < b", "content_html": "<p>Text <b>here</b>.</p>",
"date_published": "2025-11-30T06:00:00+01:00", "authors": [{"name": "J. Son"}], "tags": ["Industri"],
"image": "https://cdn.example.com/j.jpg"}]}"""


def read(data: str | bytes, charset: str | None = None) -> Reading:
    data = data.encode() if isinstance(data, str) else data
    return read_feed(data, url=URL, charset=charset, zone=STOCKHOLM, now=NOW)


def items(*each: str) -> str:
    return "<rss><channel><title>t</title>" + "".join(f"<item>{item}</item>" for item in each) + "</channel></rss>"


def the_article(data: str | bytes, charset: str | None = None) -> Article:
    reading = read(data, charset)
    assert reading.problems == ()
    (found,) = reading.found
    return found.article


def test_rss_item_becomes_an_article() -> None:
    reading = read(RSS)
    article = reading.found[0].article

    assert reading.title == "Industrivärlden"
    assert (article.title, article.guid, article.section) == ("Packningar & ventiler", "a-1", "Industri")
    assert article.url == "https://news.example.com/packningar?id=7"
    assert article.published == dt.datetime(2025, 11, 30, 5, tzinfo=dt.UTC)
    assert (article.lead, article.author, article.language) == ("Ingressen.", "Åsa Öberg", "sv-SE")
    assert (article.image, article.image_width) == ("https://cdn.example.com/stor.jpg", 1200)
    assert article.body == '<p>Brödtext med <a href="https://news.example.com/mer" rel="noopener">länk</a>.</p>'


def test_relative_link_and_date_alone_are_the_sources_own() -> None:
    article = read(RSS).found[1].article

    assert article.url == "https://news.example.com/andra"
    assert article.published_on == dt.date(2025, 11, 28)
    assert article.published == dt.datetime(2025, 11, 27, 23, tzinfo=dt.UTC)


def test_atom_entry_becomes_an_article() -> None:
    article = the_article(ATOM)

    assert (article.title, article.url) == ("Big valve", "https://news.example.com/a/1")
    assert (article.lead, article.body) == ("Short.", "<p>Long.</p>")
    assert (article.author, article.language) == ("A. Writer", "en")
    assert article.published == dt.datetime(2025, 11, 29, 7, tzinfo=dt.UTC)


def test_json_feed_item_becomes_an_article() -> None:
    article = the_article(JSON)

    assert (article.title, article.guid, article.author) == ("A < b", "1", "J. Son")
    assert (article.lead, article.image) == ("Text here.", "https://cdn.example.com/j.jpg")
    assert article.published == dt.datetime(2025, 11, 30, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("title", "read_as"),
    [
        ("AT&amp;T", "AT&T"),
        ("AT&T & more", "AT&T & more"),
        ("AT&amp;amp;T", "AT&T"),
        ("AT&amp;amp;amp;T", "AT&T"),
        ("&lt;b&gt;Fet&lt;/b&gt; stil", "Fet stil"),
        ("&amp;lt;b&amp;gt;Fet&amp;lt;/b&amp;gt; stil", "Fet stil"),
        ("<![CDATA[<em>Kursiv</em> &amp; rak]]>", "Kursiv & rak"),
        ("Naken <b>märkning</b>", "Naken märkning"),
        ("a &lt; b", "a < b"),
        ("Caf&eacute;&nbsp;&ndash; &#8221;nu&#8221;", "Café – ”nu”"),
        ("Rad\n   ett", "Rad ett"),
        ("\u202eVänd", "Vänd"),
    ],
)
def test_title_is_plain_however_it_is_wrapped(title: str, read_as: str) -> None:
    assert the_article(items(f"<title>{title}</title><guid>1</guid>")).title == read_as


def test_atom_title_of_type_text_is_what_it_says() -> None:
    entry = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>The &lt;b> tag</title><id>x</id></entry></feed>'

    assert the_article(entry).title == "The <b> tag"


def test_untitled_item_takes_the_beginning_of_its_text_else_its_link() -> None:
    sentence = "Fabriken i Borås byggs ut. " + "Mer om den. " * 20
    reading = read(items(f"<description>{sentence}</description>", "<link>https://www.example.com/x/</link>"))

    assert [found.article.title for found in reading.found] == [
        "Fabriken i Borås byggs ut. Mer om den. Mer om den. Mer om den. Mer om den. Mer om den. Mer om den. "
        "Mer om den.",
        "example.com/x",
    ]


def test_item_with_neither_title_text_nor_link_is_refused_with_the_reason() -> None:
    reading = read(items("<title>A</title>", "<pubDate>2025-11-30</pubDate>"))

    assert len(reading.found) == 1
    assert [(p.where, p.reason) for p in reading.problems] == [
        ("item 2", "no article: it has neither a title nor a text nor a link")
    ]


def test_description_alone_is_the_lead_and_long_ones_are_the_text_too() -> None:
    long = "<![CDATA[" + "<p>Ett stycke som säger något om saken.</p>" * 40 + "]]>"
    short, full = (the_article(items(f"<title>A</title><description>{d}</description>")) for d in ("Kort.", long))

    assert (short.lead, short.body) == ("Kort.", "")
    assert full.lead.startswith("Ett stycke som säger")
    assert len(full.lead) <= 600
    assert full.body.count("<p>") == 40


def test_appended_boilerplate_is_no_lead() -> None:
    text = '<p>Nyhet i korthet. [&#8230;]</p><p>The post <a href="x">A</a> appeared first on <a href="y">B</a>.</p>'
    article = the_article(items(f"<title>A</title><description><![CDATA[{text}]]></description>"))

    assert article.lead == "Nyhet i korthet.…"


def test_feedburners_counter_is_not_the_link() -> None:
    ns = 'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"'
    item = f"<title>A</title><link>https://feeds.example.net/~r/1</link><feedburner:origLink {ns}>https://a.se/1</feedburner:origLink>"

    assert the_article(items(item)).url == "https://a.se/1"


def test_guid_that_is_a_permalink_is_the_link_and_one_that_is_not_is_none() -> None:
    reading = read(
        items(
            "<title>A</title><guid>https://a.se/1</guid>",
            '<title>B</title><guid isPermaLink="false">https://a.se/2</guid>',
        )
    )

    assert [found.article.url for found in reading.found] == ["https://a.se/1", None]


def test_guid_and_link_that_several_items_share_identify_none_of_them() -> None:
    same = '<guid isPermaLink="false">x</guid><link>https://a.se/nyheter</link>'
    reading = read(items(*(f"<title>{title}</title>{same}" for title in "ABC")))

    assert [(f.article.guid, f.article.link, f.article.url) for f in reading.found] == [
        (None, None, "https://a.se/nyheter")
    ] * 3


def test_article_and_its_correction_in_one_feed_stay_one() -> None:
    same = '<guid isPermaLink="false">x</guid><link>https://a.se/nyheter/7</link>'
    reading = read(items(f"<title>A</title>{same}", f"<title>B</title>{same}"))

    assert {(f.article.guid, f.article.link) for f in reading.found} == {("x", "https://a.se/nyheter/7")}


def test_link_to_the_front_page_is_kept_but_identifies_nothing() -> None:
    article = the_article(items("<title>A</title><guid>x</guid><link>https://a.se/</link>"))

    assert (article.url, article.link, article.guid) == ("https://a.se/", None, "x")


def test_dates_that_cannot_be_are_none_and_unreadable_ones_are_named() -> None:
    dates = ["Thu, 01 Jan 1970 00:00:00 GMT", "0001-01-01T00:00:00Z", "Fri, 31 Dec 2055 00:00:00 GMT", "snart"]
    reading = read(items(*(f"<title>{n}</title><pubDate>{date}</pubDate>" for n, date in enumerate(dates))))

    assert [found.article.published for found in reading.found] == [None] * 4
    assert reading.notes == ("dates that could not be read: 1, such as 'snart'",)


def test_markup_in_html_is_cleaned_and_pixels_are_gone() -> None:
    body = read(RSS).found[0].article.body

    assert "script" not in body
    assert "px.example.com" not in body


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    whole = RSS.replace("<?xml", "skräp <?xml").replace("</dc:creator>", "")
    cut = RSS[: RSS.index("<pubDate>2025-11-28")]
    junk = RSS + "<!-- cached --><script>x()</script>\n\0"

    for data in (whole, cut, junk, RSS.replace("<channel>", "<channel><m:x><p>"), "\ufeff\n  " + RSS):
        assert [found.article.title for found in read(data).found] == ["Packningar & ventiler", "Andra"]


def test_text_that_is_never_closed_swallows_neither_the_rest_nor_the_next() -> None:
    reading = read(items("<title>A<link>https://a.se/1</link><guid>1</guid>", "<title>B</title>"))

    assert [found.article.guid for found in reading.found] == ["1", None]
    assert reading.found[1].article.title == "B"


def test_unknown_prefixes_and_names_do_no_harm() -> None:
    data = items(
        "<title>A</title><foo:links a='1'/><links a='1'/><entries>x</entries><tags b='c'/><link>https://a.se/1</link>"
    )

    assert the_article(data).url == "https://a.se/1"


def test_html_in_place_of_a_feed_says_so_and_names_the_feeds_of_the_page() -> None:
    page = '<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/rss.xml"></head></html>'

    with pytest.raises(
        NotAFeed, match=r"HTML in place of a feed; the page announces: https://news.example.com/rss.xml"
    ) as refused:
        read(page)
    assert refused.value.announced == ("https://news.example.com/rss.xml",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "nothing in it"),
        ("hej", "neither RSS nor Atom nor JSON Feed"),
        ("<urlset></urlset>", "sitemap in place of a feed"),
        ("<opml/>", "neither RSS nor Atom"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "neither RSS nor Atom"),
    ],
)
def test_what_is_no_feed_is_refused_in_words(data: str | bytes, words: str) -> None:
    with pytest.raises(NotAFeed, match=words):
        read(data)


@pytest.mark.parametrize("data", ['{"items": 1}', "[1, 2]", '{"items": [', "[" * 100_000])
def test_json_that_is_no_feed_is_refused_in_words(data: str) -> None:
    with pytest.raises(BrokenJson, match="JSON"):
        read(data)


def test_empty_feed_has_no_articles_and_no_problem() -> None:
    assert read("<rss><channel><title>t</title></channel></rss>") == Reading(title="t")
