import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, NewsletterNotFound
from digest.settings import (
    Given,
    NewsletterSettings,
    ProjectFile,
    given_in_file,
    read_duration,
    read_project_file,
    read_rate,
    shown,
)
from digest.thresholds import FIRM, Thresholds

#: Every key there is, in the shape that DESIGN.md shows.
FULL = """\
base_url = "https://nytt.example.com"
editors = ["red@example.com"]     # test letters, approvals and alerts
relay_rate = "14/s"               # over all workers; "14/s,50000/day" too

[domain_rates]
"example.com" = "100/min"

[newsletters.senaste-nytt]
title = "Senaste nytt"
tagline = "Nyheter inom industrivärlden"
from = "Senaste nytt <nytt@example.com>"
reply_to = "red@example.com"
subject = "{{ title }}: {{ lead.title }}"
postal_address = "Tidningen AB, Box 1, 111 11 Stockholm"
lists = ["industri"]              # sign-ups go to the first
language = "sv"
timezone = "Europe/Stockholm"
design = "senaste-nytt"
text_links = "headline"
schedule = "30 6 * * *"
skip_dates = ["2025-12-24..2026-01-06", "2026-06-19"]
send_before = "6h"
give_up_after = "20h"
expect_by = "07:15"
approve = false
lookback_days = 7
max_articles = 60
same_story = "longest"
formerly = "nyheter"

[newsletters.senaste-nytt.preflight]
repeated = "hold"
repeat_days = 30
alike_percent = 90
count_editions = 10
count_times = 2.5
subject_characters = 60
html_warn_kb = 80
html_hold_kb = 95
picture_kb = 300

[newsletters.senaste-nytt.headers]
X-PM-Message-Stream = "broadcast"

[lists.industri]
title = "Industri"
consent = "Member form of the trade association, 2019 on"
formerly = "handel"

[sources.industri]
title = "Industrinytt"
folder = "articles"
newsletters = ["senaste-nytt"]
section = "Industri"
prefer = true
every = "30m"
timezone = "Europe/Helsinki"
formerly = "press"

[domains."example.com"]
dkim_selector = "d1"
dkim_key_file = "keys/d1.pem"
dkim_ed25519_selector = "e1"
dkim_ed25519_key_file = "keys/e1.pem"
"""
LETTER = """\
[newsletters.nytt]
title = "Nytt"
from = "Nytt <nytt@example.com>"
lists = ["alla"]
"""
DOMAIN = "[domains.'example.com']\ndkim_selector = 'd1'\ndkim_key_file = 'k'\n"
OTHER_KINDS = (
    *("feed", "page", "sitemap", "database", "email"),
    *("query", "select", "discover", "extract", "private"),
)
SOURCE = """\
[sources.press]
folder = "articles"
"""


def read(tmp_path: Path, text: str | bytes) -> ProjectFile:
    path = tmp_path / "digest.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_project_file(path)


def refused(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert error.value.exit_code == 4
    said = str(error.value)
    assert "\n" not in said
    return said.removeprefix(f"{tmp_path / 'digest.toml'}").removeprefix(": ").removeprefix(" ")


def with_value(key: str, value: str) -> str:
    """Return a small digest.toml with one more line in its newsletter, in place of its own where it has one."""
    lines = [line for line in LETTER.splitlines() if not line.startswith(f"{key} =")]
    return "\n".join([*lines, f"{key} = {value}"])


def test_file_with_every_key_is_read_as_it_stands(tmp_path: Path) -> None:
    file = read(tmp_path, FULL)

    letter = file.newsletters["senaste-nytt"]
    assert letter.preflight == Thresholds(
        weights={"repeated": "hold"}, repeat_days=30, alike_percent=90, count_editions=10, count_times=2.5,
        subject_characters=60, html_warn_kb=80, html_hold_kb=95, picture_kb=300,
    )  # fmt: skip
    assert letter.model_dump(exclude={"preflight"}) == {
        "title": "Senaste nytt", "tagline": "Nyheter inom industrivärlden",
        "from_": "Senaste nytt <nytt@example.com>", "reply_to": "red@example.com",
        "subject": "{{ title }}: {{ lead.title }}", "postal_address": "Tidningen AB, Box 1, 111 11 Stockholm",
        "lists": ("industri",), "language": "sv", "timezone": "Europe/Stockholm", "design": "senaste-nytt",
        "text_links": "headline", "schedule": "30 6 * * *", "skip_dates": ("2025-12-24..2026-01-06", "2026-06-19"),
        "send_before": dt.timedelta(hours=6), "give_up_after": dt.timedelta(hours=20), "expect_by": "07:15",
        "approve": False, "lookback_days": 7, "max_articles": 60, "headers": {"X-PM-Message-Stream": "broadcast"},
        "same_story": "longest", "formerly": "nyheter",
    }  # fmt: skip
    assert (letter.name, letter.sender, letter.zone) == (
        "senaste-nytt", ("Senaste nytt", "nytt@example.com"), ZoneInfo("Europe/Stockholm"),
    )  # fmt: skip
    assert (file.base_url, file.editors, file.relay_rate) == ("https://nytt.example.com", ("red@example.com",), "14/s")
    assert file.lists["industri"].consent == "Member form of the trade association, 2019 on"
    source = file.sources["industri"]
    assert (source.name, source.title, source.folder, source.section, source.timezone) == (
        "industri", "Industrinytt", "articles", "Industri", "Europe/Helsinki",
    )  # fmt: skip
    assert file.domains["example.com"].dkim_selector == "d1"


def test_a_domain_is_known_as_dns_names_it(tmp_path: Path) -> None:
    file = read(tmp_path, LETTER + "[domains.'Räksmörgås.example']\ndkim_selector = 'd1'\ndkim_key_file = 'k'\n")

    assert list(file.domains) == ["xn--rksmrgs-5wao1o.example"]


def test_full_file_of_this_test_names_every_key_there_is(tmp_path: Path) -> None:
    given_here = {one.name for one in given_in_file(read(tmp_path, FULL)) if one.source == "digest.toml"}

    of_other_kinds = {f"sources.industri.{key}" for key in OTHER_KINDS}
    assert given_here | of_other_kinds == {one.name for one in given_in_file(read(tmp_path, FULL))}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("feed = 'https://anna:s%40crit@news.example.com:8080/rss?a=b'\nextract = true\nprivate = true", "feed"),
        ("page = 'https://news.example.com'\ndiscover = true", "page"),
        ("page = 'https://news.example.com'\n[sources.press.select]\nitem = 'li'\ndate = 'time@datetime'", "page"),
        ("sitemap = 'http://news.example.com/sitemap.xml'", "sitemap"),
        ("database = 'sqlite:///cms.db'\nquery = 'SELECT 1'", "database"),
        ("email = 'post'", "email"),
    ],
)
def test_source_is_of_one_kind(tmp_path: Path, text: str, kind: str) -> None:
    file = read(tmp_path, "[sources.press]\n" + text)

    assert file.sources["press"].kind == kind
    assert "crit" not in str(given_in_file(file))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feed = 'https://a.example'\nfolder = 'b'", "has feed and folder"),
        ("feed = 'a.example/rss'", "'a.example/rss' is not an address of the web"),
        ("feed = 'ftp://anna:secret@a.example'", "'ftp://***@a.example' is not an address of the web"),
        ("page = 'https://a.example'", "page needs select, or discover = true"),
        ("page = 'https://a.example'\ndiscover = true\nselect = {item = 'a'}", "has select and discover = true"),
        ("page = 'https://a.example'\nselect = {title = 'a'}", "select needs item"),
        ("page = 'https://a.example'\nselect = {item = 'a', titel = 'b'}", "unknown key select.titel; did you mean"),
        ("feed = 'https://a.example'\ndiscover = true", "page needs select"),
        ("database = 'sqlite:///a.db'", "query = "),
        ("folder = 'a'\nquery = 'SELECT 1'", "query = "),
        ("folder = 'a'\nprivate = true", "extract and private are for feed, page, sitemap"),
        ("email = 'a'\nextract = true", "extract and private are for feed, page, sitemap"),
        ("feed = 'https://a.example'\nevery = '1 week'", "'1 week' is not a duration"),
    ],
)
def test_source_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    said = refused(tmp_path, "[sources.press]\n" + text)

    assert words in said
    assert "secret" not in said


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    file = read(tmp_path, LETTER + SOURCE + "[lists.alla]\n")

    assert file.newsletters["nytt"].preflight == Thresholds()
    letter = file.newsletters["nytt"].model_dump(exclude={"preflight"})
    for required in ("title", "from_", "lists"):
        del letter[required]
    assert letter == {
        "subject": "{{ title }}: {{ lead.title }}", "design": "senaste-nytt", "language": "en", "timezone": "UTC",
        "text_links": "date", "schedule": None, "give_up_after": dt.timedelta(hours=20), "lookback_days": 7,
        "max_articles": 60, "send_before": dt.timedelta(hours=6), "expect_by": None, "approve": False,
        "tagline": "", "reply_to": None, "postal_address": "", "skip_dates": (), "headers": {},
        "same_story": "preferred", "formerly": None,
    }  # fmt: skip
    assert file.lists["alla"].model_dump() == {"title": "", "consent": "", "formerly": None}
    assert file.sources["press"].model_dump() == {
        "feed": None, "page": None, "sitemap": None, "folder": "articles", "database": None, "email": None,
        "query": None, "select": {}, "discover": False, "extract": False, "private": False, "prefer": False,
        "title": "", "every": dt.timedelta(), "newsletters": (), "section": "", "timezone": None, "formerly": None,
    }  # fmt: skip
    assert (file.base_url, file.editors, file.relay_rate, file.domains) == (None, (), None, {})


def test_empty_file_is_a_project_without_newsletters(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ProjectFile()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base_ulr = 'https://a.example'", "unknown key base_ulr; did you mean 'base_url'?"),
        ("[newsleters.nytt]", "unknown key newsleters; did you mean 'newsletters'?"),
        (with_value("titel", "'Nytt'"), "unknown key newsletters.nytt.titel; did you mean 'title'?"),
        (with_value("form", "'a@b.se'"), "unknown key newsletters.nytt.form; did you mean 'from'?"),
        (with_value("lookback", "7"), "unknown key newsletters.nytt.lookback; did you mean 'lookback_days'?"),
        ("[lists.alla]\nconcent = 'x'", "unknown key lists.alla.concent; did you mean 'consent'?"),
        (SOURCE + "newsletter = ['nytt']", "unknown key sources.press.newsletter; did you mean 'newsletters'?"),
        (
            "[domains.'example.com']\ndkim_selector = 'd'\ndkim_key = 'k'",
            "unknown key domains.example.com.dkim_key; did you mean 'dkim_key_file'? (and 1 more)",
        ),
        (with_value("colour", "'red'"), "unknown key newsletters.nytt.colour"),
        (with_value("from_", "'a@b.se'"), "unknown key newsletters.nytt.from_; did you mean 'from'?"),
        (LETTER.replace("from =", "from_ ="), "unknown key newsletters.nytt.from_; did you mean 'from'?"),
        (with_value("name", "'annat'"), "unknown key newsletters.nytt.name"),
        (SOURCE + "name = 'annat'", "unknown key sources.press.name"),
    ],
)
def test_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path, text: str, words: str) -> None:
    assert refused(tmp_path, text) == words


def test_misspelt_key_is_told_before_the_one_that_is_missing_by_it(tmp_path: Path) -> None:
    said = refused(tmp_path, LETTER.replace("title", "tittle"))

    assert said == "unknown key newsletters.nytt.tittle; did you mean 'title'? (and 1 more)"


@pytest.mark.parametrize("key", ["title", "from", "lists"])
def test_required_key_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in LETTER.splitlines() if not line.startswith(key))

    assert refused(tmp_path, text) == f"newsletters.nytt.{key} is missing"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("title", "5", "newsletters.nytt.title = 5: input should be a valid string"),
        ("title", "''", "newsletters.nytt.title = '': string should have at least 1 character"),
        ("lists", "'alla'", "newsletters.nytt.lists = 'alla': input should be a valid tuple"),
        ("lists", "[]", "newsletters.nytt.lists"),
        ("lists", "[5]", "newsletters.nytt.lists.0 = 5: input should be a valid string"),
        ("lists", "['Alla Läsare']", "[newsletters.nytt] lists: 'Alla Läsare' is no name for a list"),
        ("max_articles", "'many'", "newsletters.nytt.max_articles = 'many': input should be a valid integer"),
        ("max_articles", "0", "newsletters.nytt.max_articles = 0: input should be greater than or equal to 1"),
        ("lookback_days", "-1", "newsletters.nytt.lookback_days = -1: input should be greater than or equal to 0"),
        ("language", "'svenska!'", "newsletters.nytt.language = 'svenska!'"),
        ("approve", "true", "newsletters.nytt.approve: approvals are not there yet; leave it out"),
        ("timezone", "'Europe/Stokholm'", "newsletters.nytt.timezone: no time zone 'Europe/Stokholm'; write one like"),
        ("timezone", "''", "newsletters.nytt.timezone: no time zone ''"),
        ("timezone", "'../etc/passwd'", "newsletters.nytt.timezone: no time zone"),
        ("timezone", "'Europe'", "newsletters.nytt.timezone: no time zone 'Europe'"),
        ("send_before", "'soon'", "newsletters.nytt.send_before: 'soon' is not a duration; write 90s, 30m, 6h or 2d"),
        ("send_before", "6", "newsletters.nytt.send_before: 6 is not a duration"),
        ("give_up_after", "'-1h'", "newsletters.nytt.give_up_after: '-1h' is not a duration"),
        ("skip_dates", "['jul']", "newsletters.nytt.skip_dates.0: 'jul' is not a date; write 2025-12-24 or"),
        ("skip_dates", "['2025-02-30']", "newsletters.nytt.skip_dates.0: "),
        ("skip_dates", "['2025-12-24..2025-13-01']", "newsletters.nytt.skip_dates.0: "),
        ("skip_dates", "['2026-01-06..2025-12-24']", "newsletters.nytt.skip_dates.0: '2026-01-06..2025-12-24' ends"),
        ("skip_dates", "[2025-12-24]", "newsletters.nytt.skip_dates.0 = "),
        ("expect_by", "'7:15'", "newsletters.nytt.expect_by = '7:15'"),
        ("expect_by", "'25:00'", "newsletters.nytt.expect_by = '25:00'"),
        ("from", "'Nytt'", "newsletters.nytt.from: 'Nytt' holds no address; write Name <name@example.com>"),
        ("from", "'a@b@c'", "newsletters.nytt.from: 'a@b@c' holds no address"),
        ("reply_to", "''", "newsletters.nytt.reply_to: '' holds no address"),
        ("headers", "5", "newsletters.nytt.headers = 5: input should be a valid dictionary"),
    ],
)
def test_value_that_cannot_be_meant_is_refused_with_its_key(tmp_path: Path, key: str, value: str, words: str) -> None:
    assert refused(tmp_path, with_value(key, value)).startswith(words)


@pytest.mark.parametrize("control", ["\\n", "\\r", "\\t", "\\u0000", "\\u007f", "\\u0085", "\\u2028"])
@pytest.mark.parametrize("key", ["title", "tagline", "from", "reply_to", "postal_address", "headers.X-A"])
def test_value_that_ends_in_a_header_is_one_line(tmp_path: Path, key: str, control: str) -> None:
    said = refused(tmp_path, with_value(key, f'"Nytt{control}Bcc: <a@b.se>"'))

    assert said == f"newsletters.nytt.{key}: must be one line without control characters"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("relay_rate = 'fast'", "relay_rate: 'fast' is not a rate; write 14/s or 14/s,50000/day (s, min, h, day)"),
        ("relay_rate = 14", "relay_rate = 14: input should be a valid string"),
        ("domain_rates = { 'a.se' = 'fast' }", "domain_rates.a.se: 'fast' is not a rate"),
        ("domain_rates = { 'a.se' = 14 }", "domain_rates.a.se = 14: input should be a valid string"),
        ("domain_rates = { gmail = '1/s' }", "domain_rates: 'gmail' is no domain of readers; write \"example.com\""),
        ("domain_rates = { 'a@b.se' = '1/s' }", "domain_rates: 'a@b.se' is no domain of readers"),
        ("domain_rates = { 'A.se' = '1/s', 'a.se' = '2/s' }", "domain_rates: 'a.se' stands there twice"),
        ("base_url = 'nytt.example.com'", "base_url: 'nytt.example.com' is not an address of the web"),
        ("base_url = 'ftp://nytt.example.com'", "base_url: "),
        ("base_url = 'https://nytt.example.com/?a=b'", "base_url: "),
        ("base_url = 'https://user:pw@nytt.example.com'", "base_url: "),
        ("base_url = 'https://'", "base_url: "),
        ('base_url = "https://nytt.example.com\\n"', "base_url: "),
        ('base_url = "https://nytt.example.com/\\u0007"', "base_url: "),
        ("editors = ['nobody']", "editors.0: 'nobody' holds no address"),
        ("newsletters = 5", "newsletters = 5: "),
        ("newsletters.nytt = 5", "newsletters.nytt = 5: "),
        ("[sources.press]", 'sources.press: needs feed = "https://..."'),
        (SOURCE + "newsletters = ['nyt']\n" + LETTER, "[sources.press] names a newsletter 'nyt' that is not there;"),
        (SOURCE + "timezone = 'Mars'", "sources.press.timezone: no time zone 'Mars'"),
        (DOMAIN + "dkim_ed25519_selector = 'e1'", "domains.example.com: dkim_ed25519_selector and dkim_ed25519_key"),
        (DOMAIN + "dkim_ed25519_key_file = 'e'", "domains.example.com: dkim_ed25519_selector and dkim_ed25519_key"),
        (
            DOMAIN + "dkim_ed25519_selector = 'd1'\ndkim_ed25519_key_file = 'e'",
            "domains.example.com: two keys cannot share the selector 'd1'",
        ),
        (DOMAIN.replace("d1", "d 1"), "domains.example.com.dkim_selector: 'd 1' is no selector; letters, digits and -"),
        (DOMAIN.replace("d1", "d1;x=y"), "domains.example.com.dkim_selector: 'd1;x=y' is no selector"),
        (DOMAIN.replace("d1", "d1."), "domains.example.com.dkim_selector: 'd1.' is no selector"),
        (DOMAIN.replace("example.com", "a@b.se"), "domains: 'a@b.se' is no domain; write [domains.\"example.com\"]"),
        (DOMAIN + DOMAIN.replace("example.com", "Example.com"), "domains: 'Example.com' stands there twice"),
    ],
)
def test_other_value_that_cannot_be_meant_is_refused_with_its_key(tmp_path: Path, text: str, words: str) -> None:
    assert refused(tmp_path, text).startswith(words)


@pytest.mark.parametrize("kind", ["newsletters", "lists", "sources"])
@pytest.mark.parametrize("name", ["Nytt", "nytt igen", "nytt/igen", "-nytt", "nytt-", "a..b", "å", "", "x" * 61])
def test_name_that_could_not_stand_in_a_key_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    said = refused(tmp_path, f'[{kind}."{name}"]')

    assert said == f"[{kind}.{name}]: a name is small letters, digits and - _ . between them"


@pytest.mark.parametrize("name", ["a", "senaste-nytt", "nytt_2", "v1.2", "x" * 60])
def test_name_of_small_letters_digits_and_signs_between_is_taken(tmp_path: Path, name: str) -> None:
    file = read(tmp_path, LETTER.replace("newsletters.nytt", f'newsletters."{name}"'))

    assert file.newsletter(None).name == name


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + FULL.encode()).base_url == "https://nytt.example.com"


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    assert read(tmp_path, FULL.replace("\n", "\r\n")) == read(tmp_path, FULL)


def test_file_that_is_not_utf_8_says_where(tmp_path: Path) -> None:
    text = "title = 'världen'\n".encode("cp1252")

    assert refused(tmp_path, text) == "is not UTF-8 (byte 10); save it as UTF-8"


def test_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    assert refused(tmp_path, "base_url = https://x") == "is not TOML: Invalid value (at line 1, column 12)"


def test_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_project_file(tmp_path)


def test_slash_at_the_end_of_the_address_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, "base_url = 'https://nytt.example.com/brev/'").base_url == "https://nytt.example.com/brev"


def test_newsletter_is_the_named_one_or_the_only_one(tmp_path: Path) -> None:
    one, two = read(tmp_path, LETTER), read(tmp_path, LETTER + LETTER.replace("nytt]", "annat]"))

    assert one.newsletter(None).name == "nytt"
    assert two.newsletter("annat").name == "annat"
    with pytest.raises(ConfigError, match=r"which newsletter\? name one; digest\.toml has: annat, nytt"):
        two.newsletter(None)
    with pytest.raises(ConfigError, match=r"which newsletter\? name one; digest\.toml has: none yet"):
        ProjectFile().newsletter(None)
    with pytest.raises(NewsletterNotFound, match=r"no newsletter 'nyt' in digest\.toml; it has: annat, nytt"):
        two.newsletter("nyt")


def test_lists_are_those_with_a_section_and_those_newsletters_go_to(tmp_path: Path) -> None:
    assert read(tmp_path, LETTER + "[lists.tidigare]\n").list_names == ("alla", "tidigare")


@pytest.mark.parametrize(
    ("sources", "source", "newsletters"),
    [
        ({}, None, ("a", "b")),
        ({}, "unknown", ("a", "b")),
        ({"s": ["a"]}, "s", ("a",)),
        ({"s": ["a"]}, None, ("b",)),
        ({"s": ["a"]}, "unknown", ("b",)),
        ({"s": ["a", "b"]}, "s", ("a", "b")),
        ({"s": ["a", "b"]}, None, ()),
        ({"s": ["a"], "t": []}, "t", ("b",)),
    ],
)
def test_article_goes_where_its_source_says_else_where_no_source_goes(
    tmp_path: Path, sources: dict[str, list[str]], source: str | None, newsletters: tuple[str, ...]
) -> None:
    text = LETTER.replace("nytt]", "a]") + LETTER.replace("nytt]", "b]")
    text += "".join(f"[sources.{name}]\nfolder = '.'\nnewsletters = {goes_to}\n" for name, goes_to in sources.items())

    assert read(tmp_path, text).newsletters_for(source) == newsletters


def test_article_without_a_source_goes_to_the_only_newsletter_though_a_source_names_it(tmp_path: Path) -> None:
    file = read(tmp_path, LETTER + SOURCE + "newsletters = ['nytt']")

    assert file.newsletters_for(None) == ("nytt",)
    assert read(tmp_path, "").newsletters_for(None) == ()


def test_each_setting_is_shown_with_where_it_came_from(tmp_path: Path) -> None:
    found = given_in_file(read(tmp_path, LETTER + "send_before = '90m'\n[lists.alla]\ntitle = 'Alla'\n"))

    assert Given("newsletters.nytt.from", "Nytt <nytt@example.com>", "digest.toml") in found
    assert Given("newsletters.nytt.send_before", "90m", "digest.toml") in found
    assert Given("newsletters.nytt.give_up_after", "20h", "default") in found
    assert Given("newsletters.nytt.schedule", "", "default") in found
    assert Given("lists.alla.title", "Alla", "digest.toml") in found
    assert Given("editors", "", "default") in found
    assert not [one for one in found if one.name.endswith((".name", "from_"))]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("6h", 21600),
        ("2d", 172800),
        ("0", 0),
        (" 5 m ", 300),
        (0, 0),
        (dt.timedelta(hours=1), 3600),
    ],
)
def test_duration_is_read_with_its_unit(text: object, seconds: int) -> None:
    assert read_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "1.5h", "-1h", "5w", "1h30m", "5\nh5", "1234567s", None, True, 5.0])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write 90s, 30m, 6h or 2d"):
        read_duration(text)


@given(st.integers(0, 999_999).map(lambda n: dt.timedelta(seconds=n)))
def test_duration_is_shown_as_it_is_read(duration: dt.timedelta) -> None:
    assert read_duration(shown(duration)) == duration


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("14", ((14, 1),)),
        ("14/s", ((14, 1),)),
        ("14/s,50000/day", ((14, 1), (50000, 86400))),
        (" 600/min , 9000/h ", ((600, 60), (9000, 3600))),
    ],
)
def test_rate_is_read_as_mails_and_seconds(text: str, limits: tuple[tuple[int, int], ...]) -> None:
    assert read_rate(text) == limits


@pytest.mark.parametrize("text", ["", "0/s", "14/", "14/fortnight", "-1/s", "1.5/s", "14/s,", "14/s;5/min", "fast"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate; write 14/s"):
        read_rate(text)


def test_date_is_that_of_the_newsletter_s_zone(tmp_path: Path) -> None:
    letter: NewsletterSettings = read(tmp_path, FULL).newsletter(None)

    assert letter.date_at(dt.datetime(2025, 11, 29, 22, 59, tzinfo=dt.UTC)) == dt.date(2025, 11, 29)
    assert letter.date_at(dt.datetime(2025, 11, 29, 23, 0, tzinfo=dt.UTC)) == dt.date(2025, 11, 30)


def test_rates_of_domains_are_kept_by_the_names_that_envelopes_carry(tmp_path: Path) -> None:
    text = 'domain_rates = { "Gmail.com" = "100/min", "bücher.de" = "1/s" }\n' + LETTER
    (tmp_path / "digest.toml").write_text(text, encoding="utf-8")

    file = read_project_file(tmp_path / "digest.toml")

    assert file.domain_rates == {"gmail.com": "100/min", "xn--bcher-kva.de": "1/s"}
    (given,) = [one for one in given_in_file(file) if one.name == "domain_rates"]
    assert (given.value, given.source) == ("gmail.com = 100/min, xn--bcher-kva.de = 1/s", "digest.toml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('repeatd = "warn"', "newsletters.nytt.preflight: unknown key repeatd; did you mean 'repeated'?"),
        ('repeated = "loud"', "newsletters.nytt.preflight: repeated = 'loud': write one of warn, hold, off"),
        ("count_editions = 4", "count_editions = 4: write a number from 5 to 100"),
        ("repeat_days = true", "repeat_days = True: write a number from 1 to 366"),
        ("html_warn_kb = 110", "html_warn_kb = 110 is more than html_hold_kb = 100"),
        *((f'{rule} = "off"', f"digest send --force {rule}") for rule in FIRM),
    ],
)
def test_a_weight_or_number_of_preflight_that_cannot_be_is_refused(tmp_path: Path, line: str, words: str) -> None:
    assert words in refused(tmp_path, f"{LETTER}[newsletters.nytt.preflight]\n{line}\n")


def test_settings_show_every_number_of_preflight_and_the_weights_that_somebody_gave(tmp_path: Path) -> None:
    file = read(tmp_path, LETTER + '[newsletters.nytt.preflight]\nalike = "off"\n')
    shown_ = {one.name.rpartition(".")[2]: one.source for one in given_in_file(file) if ".preflight." in one.name}

    assert shown_["alike"] == "digest.toml"
    assert shown_["repeat_days"] == "default"
    assert "repeated" not in shown_
