"""Files of articles, read and written."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.clean import clean_html, plain_text
from digest.collect.dates import Moment, read_moment
from digest.collect.files import Problem, Reading, read_articles, write_articles
from digest.collect.links import web_link
from digest.models import Article
from digest.tables import tidy

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 5, 30, tzinfo=dt.UTC)


def read(data: bytes | str, name: str = "articles.json", source: str | None = None) -> Reading:
    data = data.encode() if isinstance(data, str) else data
    return read_articles(data, name, zone=STOCKHOLM, now=NOW, source=source)


def read_rows(*items: object) -> Reading:
    return read(json.dumps(items))


def the_article(reading: Reading) -> Article:
    assert reading.problems == ()
    (found,) = reading.found
    return found.article


def the_reason(**row: object) -> str:
    reading = read_rows({"title": "Ventiler", **row})
    assert reading.found == ()
    (problem,) = reading.problems
    assert problem.where == "item 1"
    return problem.reason


def test_json_article_becomes_a_record() -> None:
    reading = read_rows(
        {
            "title": "Packningar &amp; <b>ventiler</b>",
            "url": "http://News.example.com/packningar/?utm_source=x",
            "id": 4711,
            "subtitle": "Under\nrubrik",
            "lead": "Ingress",
            "body": ["a < b", "två"],
            "published": "2025-11-30T06:00",
            "section": "Industri",
            "source": "bolaget",
            "author": "Åsa Öberg",
            "image": "https://cdn.example.com/a b.jpg",
            "image_alt": "En <b>hall</b>",
            "image_width": 1200,
            "image_height": "630px",
            "language": "sv_se",
            "embargo_until": "2025-12-01",
            "expires": "2025-12-24T00:00+00:00",
        }
    )

    (found,) = reading.found
    assert (found.where, found.source, reading.unknown) == ("item 1", "bolaget", ())
    assert found.article.model_dump() == {
        "id": None,
        "source_id": None,
        "guid": "4711",
        "url": "http://News.example.com/packningar/?utm_source=x",
        "link": "https://news.example.com/packningar",
        "title": "Packningar & ventiler",
        "subtitle": "Under rubrik",
        "lead": "Ingress",
        "body": "<p>a &lt; b</p>\n<p>två</p>",
        "section": "Industri",
        "author": "Åsa Öberg",
        "image": "https://cdn.example.com/a%20b.jpg",
        "image_alt": "En hall",
        "image_width": 1200,
        "image_height": 630,
        "language": "sv-SE",
        "published": dt.datetime(2025, 11, 30, 5, 0, tzinfo=dt.UTC),
        "published_on": None,
        "embargo_until": dt.datetime(2025, 11, 30, 23, 0, tzinfo=dt.UTC),
        "expires": dt.datetime(2025, 12, 24, tzinfo=dt.UTC),
        "first_seen": NOW,
        "changed_at": NOW,
        "fingerprint": None,
        "outdated_at": None,
        "by_hand": None,
    }


@pytest.mark.parametrize("size", ["", "0", "-3", "wide", "100%", 1e9, "1.5"])
def test_size_of_a_picture_that_is_none_costs_no_article(size: object) -> None:
    assert the_article(read_rows({"title": "T", "image_width": size})).image_width is None


def test_title_is_all_an_article_needs() -> None:
    article = the_article(read_rows({"title": 5}))

    assert (article.title, article.url, article.link, article.guid, article.published) == ("5", None, None, None, None)


def test_body_as_html_is_cleaned_and_its_links_are_resolved_against_the_article() -> None:
    body = '<p onclick="x()">Se <a href="/mer">mer</a></p><script>x</script>'

    article = the_article(read_rows({"title": "T", "url": "https://example.com/a", "body": body}))

    assert article.body == '<p>Se <a href="https://example.com/mer" rel="noopener">mer</a></p>'


def test_source_that_is_given_wins_over_the_rows() -> None:
    assert read('[{"title": "T", "source": "a"}]', source="b").found[0].source == "b"
    assert read('[{"title": "T"}]').found[0].source is None


def test_articles_may_stand_in_an_object() -> None:
    assert len(read('{"schema": 1, "articles": [{"title": "a"}, {"title": "b"}]}').found) == 2


def test_keys_may_be_swedish_and_in_any_case() -> None:
    row = {"Rubrik": "T", "INGRESS": "L", "Underrubrik": "S", "länk": "https://example.com", "Datum": "2025-11-30"}
    row |= {"avdelning": "A", "Brödtext": "B", "källa": "K", "Författare": "F", "språk": "sv"}

    (found,) = read_rows(row | {"bild": "https://example.com/b.png"}).found

    article = found.article
    assert (article.title, article.lead, article.subtitle, article.url) == ("T", "L", "S", "https://example.com")
    assert (article.published_on, article.section, article.body) == (dt.date(2025, 11, 30), "A", "<p>B</p>")
    assert (found.source, article.author, article.language) == ("K", "F", "sv")
    assert article.image == "https://example.com/b.png"


def test_unknown_keys_are_named_once_and_do_no_harm() -> None:
    reading = read_rows({"title": "a", "tags": [1], "Betyg": 5}, {"title": "b", "tags": []})

    assert len(reading.found) == 2
    assert reading.unknown == ("tags", "Betyg")


def test_bad_row_does_not_stop_the_others() -> None:
    reading = read_rows({"title": "a"}, {"url": "https://example.com"}, "x", None, {"title": "b"})

    assert [(found.where, found.article.title) for found in reading.found] == [("item 1", "a"), ("item 5", "b")]
    assert reading.problems == (
        Problem("item 2", "no title"),
        Problem("item 3", "not an object with a title"),
        Problem("item 4", "not an object with a title"),
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"title": ""}, "no title"),
        ({"title": "<p>&nbsp;</p>"}, "no title"),
        ({"title": None}, "no title"),
        ({"title": {}}, "title must be text, not an object"),
        ({"title": ["T"]}, "title must be text, not a list"),
        ({"title": True}, "title must be text, not true or false"),
        ({"title": "x" * 1_001}, "title is longer than 1,000 characters"),
        ({"section": "x" * 201}, "section is longer than 200 characters"),
        ({"id": "x" * 2_001}, "id is longer than 2,000 characters"),
        ({"url": "https://example.com/" + "x" * 2_000}, "url is longer than 2,000 characters"),
        ({"url": "https://example.com/" + "å" * 400}, "url is longer than 2,000 characters"),
        ({"body": "x" * 1_000_001}, "body is longer than 1,000,000 characters"),
        ({"body": "<b>" * 20_001}, "more text or markup than any article has"),
        ({"body": ["x", {}]}, "a paragraph of body must be text, not an object"),
        (
            {"url": "www.example.com/a"},
            "url 'www.example.com/a' is not a web address; it begins with http:// or https://",
        ),
        ({"image": "data:x"}, "image 'data:x' is not a web address; it begins with http:// or https://"),
        ({"published": "åäö"}, "published 'åäö' is not a date; write 2025-11-30 or 2025-11-30T06:00"),
        ({"published": "2025-02-30"}, "published '2025-02-30' is not a date; write 2025-11-30 or 2025-11-30T06:00"),
        ({"published": 1764478800}, "published '1764478800' is not a date; write 2025-11-30 or 2025-11-30T06:00"),
        ({"published": "0001-01-01"}, "published '0001-01-01' is not a date; write 2025-11-30 or 2025-11-30T06:00"),
        ({"expires": "snart"}, "expires 'snart' is not a date; write 2025-11-30 or 2025-11-30T06:00"),
        ({"language": "svenska"}, "'svenska' is not a language; write sv or en-GB"),
    ],
)
def test_reason_is_one_that_its_author_understands(row: dict[str, object], reason: str) -> None:
    assert the_reason(**row) == reason


@pytest.mark.parametrize(
    ("text", "at", "on"),
    [
        ("2025-11-30", "2025-11-29T23:00", dt.date(2025, 11, 30)),
        ("2025-07-01", "2025-06-30T22:00", dt.date(2025, 7, 1)),
        ("2025-11-30T06:00", "2025-11-30T05:00", None),
        ("2025-11-30 06:00:01.5", "2025-11-30T05:00:01.500000", None),
        ("2025-11-30T06:00Z", "2025-11-30T06:00", None),
        ("2025-11-30T06:00+09:00", "2025-11-29T21:00", None),
        # The clock goes from 02:00 to 03:00: counted from before the change.
        ("2025-03-30T02:30", "2025-03-30T01:30", None),
        # The clock goes from 03:00 back to 02:00: the first of the two.
        ("2025-10-26T02:30", "2025-10-26T00:30", None),
    ],
)
def test_date_and_time_are_those_of_the_zone(text: str, at: str, on: dt.date | None) -> None:
    assert read_moment(text, STOCKHOLM) == Moment(dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC), on)


def test_date_without_a_midnight_begins_with_its_first_instant() -> None:
    # Lebanon puts the clock forward at midnight: 2025-03-30 begins at 01:00, which is 22:00 UTC the day before.
    moment = read_moment("2025-03-30", ZoneInfo("Asia/Beirut"))

    assert moment == Moment(dt.datetime(2025, 3, 29, 22, 0, tzinfo=dt.UTC), dt.date(2025, 3, 30))


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_article_without_a_date_is_undated(nothing: str | None) -> None:
    article = the_article(read_rows({"title": "T", "published": nothing}))

    assert (article.published, article.published_on) == (None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", Problem("file", "nothing in it")),
        ("5", Problem("file", 'neither a list of articles nor an object with such a list under "articles"')),
        (
            '{"articles": 5}',
            Problem("file", 'neither a list of articles nor an object with such a list under "articles"'),
        ),
        (
            '[{"title": "a"},\n {"title": "b" "x"}]',
            Problem("line 2", "broken JSON at column 16 (Expecting ',' delimiter); nothing in this file can be read"),
        ),
        ("[" * 100_000, Problem("line 1", "nested too deeply; nothing in this file can be read")),
        ("[" + "9" * 5_000 + "]", Problem("line 1", "a number too long to be read; nothing in this file can be read")),
    ],
)
def test_file_that_cannot_be_read_is_one_problem(text: str, problem: Problem) -> None:
    assert read(text) == Reading(problems=(problem,))


def test_workbook_is_no_file_of_articles() -> None:
    (problem,) = read(b"PK\x03\x04...", "articles.xlsx").problems

    assert problem.reason.endswith("save it as CSV and give that")


@pytest.mark.parametrize("name", ["articles.jsonl", "articles.ndjson", "articles.json", "articles"])
def test_broken_line_of_json_lines_is_a_problem_of_its_own(name: str) -> None:
    reading = read('{"title": "a\u2028"}\r\n\n{"title": b}\n{"title": "c"}\n', name)

    assert [(found.where, found.article.title) for found in reading.found] == [("line 1", "a"), ("line 4", "c")]
    assert reading.problems == (Problem("line 3", "broken JSON at column 11 (Expecting value)"),)


def test_hostile_characters_are_gone_from_all_that_is_read() -> None:
    reading = read('[{"title": "a\\u0000\\ud800b\\u202e", "id": "\\ud800i", "x\\ud800": 1, "body": "c\\u0007\\udfff"}]')

    article = the_article(reading)
    assert (article.title, article.guid, article.body, reading.unknown) == ("ab", "i", "<p>c</p>", ("x",))


def test_very_long_line_is_a_problem_of_its_own() -> None:
    reading = read('{"title": "a", "body": "' + "x" * 10_000_000 + '"}\n{"title": "b"}\n', "articles.jsonl")

    assert reading.problems == (Problem("line 1", "body is longer than 1,000,000 characters"),)
    assert [found.article.title for found in reading.found] == ["b"]


EXCEL = "Rubrik;Länk;Datum;Brödtext\r\nÅäö – ”x”;https://example.com/a;2025-11-30 06:00;Ett; \r\n"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (EXCEL.encode("cp1252"), "articles.csv"),
        (EXCEL.encode("utf-8-sig"), "articles.csv"),
        (f"sep=;\r\n{EXCEL}".encode("cp1252"), "articles.csv"),
        (EXCEL.replace(";", "\t").encode("utf-16"), "articles.txt"),
        (EXCEL.replace(";", ",").replace("\r", "").encode(), "articles.CSV"),
    ],
)
def test_table_is_read_as_excel_and_libreoffice_write_it(data: bytes, name: str) -> None:
    article = the_article(read(data, name))

    assert (article.title, article.url, article.body) == ("Åäö – ”x”", "https://example.com/a", "<p>Ett</p>")
    assert article.published == dt.datetime(2025, 11, 30, 5, 0, tzinfo=dt.UTC)


def test_broken_rows_of_a_table_are_named_by_line() -> None:
    reading = read(
        'title,lead,tags\na,"two\nlines",x\n,no title,\nb,"never closed,\nc,l,t\nd,e,f,g\n"\'=1+1",,\n', "articles.csv"
    )

    assert [(found.where, found.article.title) for found in reading.found] == [
        ("line 2", "a"),
        ("line 6", "c"),
        ("line 8", "=1+1"),
    ]
    assert reading.problems == (
        Problem("line 4", "no title"),
        Problem("line 5", 'a quotation mark (") is not closed, or stands where none may'),
        Problem("line 7", "4 cells where the first row has 3"),
    )
    assert reading.unknown == ("tags",)


def test_table_without_a_title_column_says_so_once() -> None:
    assert read("name;link\na;b\nc;d\n", "articles.csv").problems == (
        Problem("line 1", "no column is called title (or rubrik); the columns are 'name', 'link'"),
    )


def test_markdown_file_is_one_article_with_its_front_matter() -> None:
    head = "---\nTitle: Rost & <i>skydd</i>\ndate: 2025-11-30\nlanguage: no\ntags: [a, b]\n---\n"

    reading = read(f"{head}# Rost &amp; *skydd*\n\nHej **då**.\n", "2025/rost.md")

    article = the_article(reading)
    assert (article.title, article.guid, article.language) == ("Rost & skydd", "rost.md", "no")
    assert (article.published_on, article.body) == (dt.date(2025, 11, 30), "<p>Hej <strong>då</strong>.</p>")
    assert (reading.unknown, reading.found[0].where) == (("tags",), "file")


def test_first_heading_of_a_markdown_file_is_its_title() -> None:
    text = "# Så skriver du `<b>`\n\nText\n\n---\n\nMer <script>x</script>\n\n---\n\n# Sist\n\n| a |\n|---|\n| 1 |\n"

    article = the_article(read(text, "b.markdown"))

    assert article.title == "Så skriver du <b>"
    assert article.body.startswith("<p>Text</p>\n\n<p>Mer &lt;script&gt;x&lt;/script&gt;</p>\n\n<h2>Sist</h2>\n<table>")


def test_markdown_heading_that_is_not_the_title_stays() -> None:
    assert the_article(read("---\ntitle: A\nid: 7\n---\n# B\n", "b.md")).body == "<h2>B</h2>"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Only text\n", Problem("file", "no title")),
        (
            "---\ntitle: [a\nb: c\n---\n",
            Problem("line 3", "the head between the --- lines is broken: expected ',' or ']'"),
        ),
        ("---\ntitle: a\n\x07\n---\n", Problem("line 1", "the head between the --- lines is broken: a character")),
        ("---\na: " + "[" * 5_000 + "\n---\n", Problem("line 1", "the head is nested too deeply")),
        ("---\ntitle: [a]\n---\n", Problem("file", "title must be text, not a list")),
        ("---\ntitle: a\npublished: 30 nov\n---\n", Problem("file", "published '30 nov' is not a date")),
        ("# " + "x" * 1_000_000, Problem("file", "longer than 1,000,000 characters")),
        ("# " + "`x` " * 10_001, Problem("file", "more text or markup than any article has")),
    ],
)
def test_markdown_that_cannot_be_read_is_a_problem(text: str, problem: Problem) -> None:
    (actual,) = read(text, "b.md").problems

    assert (actual.where, actual.reason[: len(problem.reason)]) == (problem.where, problem.reason)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ('[{"title": "J"}]', "J"),
        ("title,lead\nC,x\n", "C"),
        ("---\ntitle: M\n---\nx", "M"),
        ('{"title": "L"}\n' * 2, "L"),
    ],
)
def test_format_is_told_by_how_the_text_begins_where_the_name_says_nothing(text: str, title: str) -> None:
    assert read(text, "articles.txt").found[0].article.title == title


TEXTS = st.one_of(st.text(max_size=20), st.text(st.sampled_from("aå <>&;'=+-@b\t\r\n\"\ud800"), max_size=12))
MOMENTS = st.integers(0, 4_000_000_000_000).map(lambda ms: NOW.fromtimestamp(ms / 1000, dt.UTC))
LINKS = st.one_of(st.none(), st.builds("https://example.com/{}".format, TEXTS).map(web_link))


@st.composite
def articles(draw: st.DrawFn) -> Article:
    link = draw(LINKS)
    published = draw(st.one_of(st.none(), MOMENTS, st.dates(dt.date(1970, 1, 2)).map(dt.date.isoformat)))
    on = read_moment(published, STOCKHOLM) if isinstance(published, str) else None
    return Article.model_validate(
        {
            "title": plain_text(draw(TEXTS)) or "T",
            "guid": tidy(draw(TEXTS)) or None,
            "url": link,
            **{name: plain_text(draw(TEXTS)) for name in ("subtitle", "lead", "section", "author", "image_alt")},
            **{name: draw(st.sampled_from([None, 1, 630, 99_999])) for name in ("image_width", "image_height")},
            "body": clean_html(draw(TEXTS), link),
            "image": draw(LINKS),
            "language": draw(st.sampled_from([None, "sv", "en-GB"])),
            "published": on.at if on else published,
            "published_on": on and on.on,
            "embargo_until": draw(st.one_of(st.none(), MOMENTS)),
            "expires": draw(st.one_of(st.none(), MOMENTS)),
            "first_seen": NOW,
            "changed_at": NOW,
        }
    )


@given(st.lists(st.tuples(articles(), st.sampled_from([None, "bolaget"])), min_size=1, max_size=3), st.booleans())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_what_is_written_is_read_as_the_same_articles(written: list[tuple[Article, str | None]], csv: bool) -> None:
    reading = read(write_articles(written, csv=csv), "export.csv" if csv else "export.json")

    assert (reading.problems, reading.unknown) == ((), ())
    assert [found.article.model_dump(exclude={"link"}) for found in reading.found] == [
        article.model_dump(exclude={"link"}) for article, _ in written
    ]
    assert [found.source for found in reading.found] == [source for _, source in written]


def test_export_is_readable_and_safe_in_a_spreadsheet() -> None:
    article = the_article(read_rows({"title": "=HYPERLINK()", "published": "2025-11-30", "lead": "Å & ö, <3"}))

    assert write_articles([(article, "bolaget")], csv=False) == (
        '[\n  {\n    "title": "=HYPERLINK()",\n    "lead": "Å & ö, <3",\n    "published": "2025-11-30",\n'
        '    "source": "bolaget"\n  }\n]\n'
    )
    assert write_articles([(article, None)], csv=True) == (
        "title,url,id,subtitle,lead,body,published,section,source,author,image,image_alt,image_width,image_height,"
        "language,embargo_until,expires\r\n"
        '\'=HYPERLINK(),,,,"Å & ö, <3",,2025-11-30,,,,,,,,,,\r\n'
    )


def test_nothing_to_write_is_an_empty_list_and_a_header() -> None:
    assert write_articles([], csv=False) == "[]\n"
    assert write_articles([], csv=True).count("\r\n") == 1
