"""Real feeds of the feedparser project: all that it finds, and nothing that stops or holds up the reader."""

import calendar
import datetime as dt
import io
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digest
from digest.collect.clean import plain_text
from digest.collect.discover import feeds_announced
from digest.collect.extract import read_article_page
from digest.collect.feeds import read_feed
from digest.collect.page import read_page
from digest.collect.press import read_mail
from digest.collect.rows import Reading
from digest.collect.sitemap import read_sitemap
from digest.errors import DigestError
from tests.collect.test_feeds import ATOM, JSON, RSS

CORPUS = Path(digest.__file__).parents[2] / "shared" / "corpora" / "feeds"
URL = "http://127.0.0.1:8097/x"
UTC = ZoneInfo("UTC")
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
A_HANG = 2  #: seconds of processor time
FEW = settings(max_examples=40, derandomize=True, deadline=None)


def read(data: bytes) -> Reading | str:
    """Return what a feed holds, or in what words it is refused."""
    before = time.process_time()
    try:
        return read_feed(data, url=URL, charset=None, zone=UTC, now=NOW)
    except DigestError as refused:
        return str(refused)
    finally:
        assert time.process_time() - before < A_HANG


def by_feedparser(data: bytes) -> list[dict[str, Any]]:
    import feedparser

    headers = {"content-type": "application/xml; charset=utf-8", "content-location": URL}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(feedparser.parse(io.BytesIO(data), response_headers=headers)["entries"])


def differences(data: bytes) -> list[str]:
    """Return where our reading of a feed is not feedparser's."""
    entries, reading = by_feedparser(data), read(data)
    if isinstance(reading, str):
        return [f"refused: {reading}"] if entries else []
    if len(reading.found) + len(reading.problems) < len(entries):
        return [f"{len(entries)} entries, {len(reading.found)} articles"]
    ours = {found.where: found.article for found in reading.found}
    wrong = []
    for number, entry in enumerate(entries, 1):
        theirs = {key: dict.get(entry, key) for key in ("title", "link", "title_detail")}
        article = ours.get(f"item {number}")
        if article is None:
            wrong += [f"lost {theirs}"] if theirs["title"] or theirs["link"] else []
            continue
        is_plain = (theirs["title_detail"] or {}).get("type") == "text/plain"
        title = theirs["title"] and (theirs["title"] if is_plain else plain_text(theirs["title"]))
        dates = (dict.get(entry, f"{name}_parsed") for name in ("published", "created", "updated"))
        date = next((dt.datetime.fromtimestamp(calendar.timegm(d), dt.UTC) for d in dates if d), None)
        wrong += [f"title {article.title!r}, not {title!r}"] if title and article.title != title else []
        wrong += (
            [f"link {article.url}, not {theirs['link']}"] if theirs["link"] and article.url != theirs["link"] else []
        )
        wrong += [f"date {article.published}, not {date}"] if article.published != date else []
    return wrong


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
@pytest.mark.parametrize("kind", ["atom10", "base", "rss"])
def test_every_entry_that_feedparser_finds_is_an_article_with_its_title_link_and_date(kind: str) -> None:
    wrong = {
        path.name: found for path in sorted((CORPUS / kind).glob("*.xml")) if (found := differences(path.read_bytes()))
    }

    assert wrong == {}


SMALL = st.sampled_from([text.encode() for text in (RSS, ATOM, JSON)])


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """Return a small feed cut, doubled, and with bytes in the wrong places."""
    data = draw(SMALL)
    for _ in range(draw(st.integers(1, 5))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        match draw(st.integers(0, 3)):
            case 0:
                data = data[:at] + data[at + length :]
            case 1:
                data = data[:at] + draw(st.binary(max_size=6)) + data[at:]
            case 2:
                data = data[:at] + data[at : at + length] * 2 + data[at + length :]
            case _:
                data = data[:at] + draw(st.sampled_from(MARKS)) + data[at:]
    return data


MARKS = [
    b"<",
    b">",
    b"&",
    b'"',
    b"'",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"<item>",
    b"</entry>",
    b"&#0;",
    b"\xff",
    b"\0",
    b"<?",
]


@given(st.one_of(mangled(), st.binary(max_size=300), st.text(max_size=100).map(str.encode)))
@FEW
def test_no_bytes_stop_a_reader(data: bytes) -> None:
    read(data)
    before = time.process_time()
    read_page(data, None, url=URL, charset=None, zone=UTC, now=NOW)
    feeds_announced(data, URL)
    read_mail(data, "mail", zone=UTC, now=NOW)
    read_article_page(data, url=URL, charset="no-such", zone=UTC, now=NOW)
    with suppress(DigestError):
        read_sitemap(data, url=URL, charset=None, zone=UTC, now=NOW)
    assert time.process_time() - before < A_HANG
