"""Feeds, pages and mails made to take all time or memory, or to read what is not theirs (RELIABILITY's XML bombs)."""

import datetime as dt
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from digest.collect.discover import feeds_announced
from digest.collect.extract import read_article_page
from digest.collect.feeds import read_feed
from digest.collect.page import read_page
from digest.collect.press import read_mail
from digest.collect.sitemap import read_sitemap
from digest.errors import DigestError

UTC = ZoneInfo("UTC")
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
A_HANG = 8  #: seconds of processor time on a busy machine; what is bounded takes one
LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


def feed(item: str, head: str = "") -> str:
    return f'<?xml version="1.0"?>{head}<rss version="2.0"><channel><title>t</title>{item}</channel></rss>'


def item(inside: str) -> str:
    return feed(f"<item><title>x</title><guid>1</guid>{inside}</item>")


BOMBS: dict[str, Callable[[], str]] = {
    "billion laughs": lambda: feed("<item><title>&a9;</title></item>", f'<!DOCTYPE rss [<!ENTITY a0 "lol">{LAUGHS}]>'),
    "quadratic blow-up": lambda: feed(
        f"<item><title>{'&a;' * 40_000}</title></item>", f'<!DOCTYPE rss [<!ENTITY a "{"x" * 50_000}">]>'
    ),
    "nesting": lambda: feed("<item>" + "<a>" * 50_000 + "x" + "</a>" * 50_000 + "</item>"),
    "nesting in a text": lambda: item("<description>" + "<a>" * 50_000 + "x</description>"),
    "escaped nesting": lambda: item("<description>" + "&lt;b>" * 40_000 + "x</description>"),
    "a title of 10 MB": lambda: feed(f"<item><title>{'ab ' * 3_100_000}</title></item>"),
    "items": lambda: feed("<item/>" * 150_000),
    "categories": lambda: item("<category>a</category>" * 40_000),
    "different categories": lambda: item("".join(f"<x><category>{n}</category></x>" for n in range(30_000))),
    "an author without end": lambda: item(f"<author>{'a' * 1_000_000}</author>"),
    "comments": lambda: item("<description>" + "\n<!---->" * 100_000 + "</description>"),
    "comments that never end": lambda: item("<description>" + "<!--" * 200_000),
    "CDATA that never ends": lambda: item("<description>" + "<![CDATA[" * 100_000),
    "brackets": lambda: "<rss><item>" + "<" * 1_000_000,
    "quotation marks": lambda: "<rss><item>" + "<a b='\"' c=\"'" * 80_000,
    "attributes": lambda: feed("<item " + " ".join(f'a{n}="1"' for n in range(30_000)) + "/>"),
    "namespaces": lambda: feed("<item " + " ".join(f'xmlns:a{n}="x"' for n in range(40_000)) + "/>"),
    "ends": lambda: "<rss><item>" + "</b>" * 200_000,
    "doctypes": lambda: "<!DOCTYPE [" * 80_000 + "<rss/>",
    "ampersands": lambda: item(f"<description>{'&' * 1_000_000}</description>"),
    "a link without end": lambda: item(f"<link>{'../' * 1_000_000}</link>"),
    "paragraphs": lambda: item("<description><![CDATA[" + "<p>The post <b>x</b></p>" * 40_000 + "]]></description>"),
    "JSON lists": lambda: "[" * 1_000_000,
    "JSON objects": lambda: '{"items":' + '{"a":' * 200_000,
    "JSON numbers": lambda: '{"items":[' + "1" * 1_000_000 + "]}",
    "zeros": lambda: "\0" * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_read_in_bounded_time(name: str) -> None:
    data = BOMBS[name]().encode()
    before = time.process_time()
    try:
        reading = read_feed(data, url="https://example.com/", charset=None, zone=UTC, now=NOW)
        assert all(len(found.article.title) <= 300 for found in reading.found)
    except DigestError as refused:
        assert len(str(refused)) < 300  # noqa: PT017  a refusal in words is as good
    assert time.process_time() - before < A_HANG


PAGES: dict[str, Callable[[], str]] = {
    "nesting": lambda: "<div>" * 100_000,
    "formatting": lambda: "<b>" * 3_000 + "<p>x" * 3_000,
    "links": lambda: "<a href=x>2025-11-30</a>" * 15_000,
    "dates": lambda: "2025-11-30<br>" * 15_000,
    "brackets": lambda: "<" * 1_000_000,
    "comments": lambda: "<!--" * 300_000,
    "words": lambda: "word " * 500_000,
    "JSON-LD": lambda: '<script type="application/ld+json">' + "[" * 500_000 + "</script>",
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_read_in_bounded_time(name: str) -> None:
    data = PAGES[name]().encode()
    before = time.process_time()

    read_page(data, None, url="https://example.com/", charset=None, zone=UTC, now=NOW)
    read_article_page(data, url="https://example.com/", charset=None, zone=UTC, now=NOW)
    feeds_announced(data, "https://example.com/")

    assert time.process_time() - before < A_HANG


def test_mail_and_sitemap_are_read_in_bounded_time() -> None:
    before = time.process_time()
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(2_000))
    read_mail(parts.encode(), "mail", zone=UTC, now=NOW)
    read_mail(b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nx", "mail", zone=UTC, now=NOW)
    reading = read_sitemap(
        b"<urlset>" + b"<url><loc>https://example.com/a-b-c</loc>" * 20_000,
        url=None, charset=None, zone=UTC, now=NOW,
    )  # fmt: skip

    assert len(reading.found) + len(reading.problems) <= 1_000
    assert time.process_time() - before < A_HANG


def test_entities_reach_no_file() -> None:
    head = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1:1/y"> %y;]>'
    reading = read_feed(
        feed("<item><title>&x;</title></item>", head).encode(), url=None, charset=None, zone=UTC, now=NOW
    )

    assert [found.article.title for found in reading.found] == ["&x;"]


def test_bytes_that_are_a_files_name_open_no_file() -> None:
    with pytest.raises(DigestError, match="neither RSS nor Atom"):
        read_feed(__file__.encode(), url=None, charset=None, zone=UTC, now=NOW)


def test_one_element_of_a_hundred_megabytes_is_refused_before_it_is_read() -> None:
    data = b"<rss><item><title>" + b"x" * 100_000_000
    tracemalloc.start()
    with pytest.raises(DigestError, match="larger than 10 MB"):
        read_feed(data, url=None, charset=None, zone=UTC, now=NOW)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 1_000_000


def test_memory_stays_within_some_times_the_size_of_a_feed() -> None:
    limited = f"""if True:
        import resource, sys
        from zoneinfo import ZoneInfo
        import datetime as dt
        from digest.collect.feeds import read_feed
        data = sys.stdin.buffer.read()
        said = dict(url=None, charset=None, zone=ZoneInfo("UTC"), now={NOW!r})
        read_feed(b"<rss><item><title>x</title></item></rss>", **said)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        read_feed(data, **said)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """.replace("datetime.datetime", "dt.datetime").replace("datetime.timezone", "dt.timezone")
    data = item("<description>" + "&lt;p>text &amp;amp; more&lt;/p>" * 60_000 + "</description>").encode()

    run = subprocess.run([sys.executable, "-c", limited], input=data, capture_output=True, check=True)

    assert int(run.stdout) < 200, f"{run.stdout!r} MB for a feed of {len(data) / 1e6:.0f} MB"
