"""``digest articles``: what an editor does with articles in the shell."""

import getpass
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOML, Run
from tests.commands import Ended

DATE = ("--date", "2025-11-30")
TAKEN = ["source", "file", "found", "new", "changed", "unchanged", "skipped", "error"]
BRIEF = ["id", "title", "url", "published", "placements"]
WHOLE = [
    *(*BRIEF, "subtitle", "lead", "body", "section", "author", "image", "image_alt", "language", "embargo_until"),
    *("expires", "source"),
    *("first_seen", "outdated_at", "stories"),
]
ROW = {
    "title": "Truckar",
    "url": "https://nytt.example.com/truckar",
    "subtitle": "Nu på el",
    "lead": "Tyst i lagret.",
    "body": "<p>Hela <b>texten</b>.</p>",
    "published": "2025-11-30T06:00:00+01:00",
    "section": "Lager",
    "source": "press",
    "author": "Eva Ek",
    "image": "https://nytt.example.com/truck.jpg",
    "image_alt": "En truck",
    "language": "sv",
}
JSON = json.dumps([ROW])
CSV = ";".join(ROW) + "\n" + ";".join(ROW.values()) + "\n"
MARKDOWN = (
    "---\n"
    + "".join(f"{key}: {value}\n" for key, value in ROW.items() if key not in ("body", "title"))
    + "---\n# Truckar\n\nHela **texten**.\n"
)


def taken(ended: Ended) -> dict[str, Any]:
    """Return the one row of an import, which must be as the contract says."""
    assert list(ended.json) == ["schema", "sources"]
    (row,) = ended.json["sources"]
    assert list(row) == TAKEN
    assert row["found"] == row["new"] + row["changed"] + row["unchanged"] + row["skipped"]
    return dict(row)


def listed(digest: Run, *arguments: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = digest("articles", "list", "--json", *arguments).json["articles"]
    return rows


def state_of(digest: Run, number: int) -> str:
    (place,) = digest("articles", "show", number, "--json").json["placements"]
    return str(place["state"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", JSON),
        ("a.jsonl", json.dumps(ROW) + "\n"),
        ("a.csv", CSV),
        ("a.csv", CSV.replace(";", "\t")),
        ("a.md", MARKDOWN),
    ],
)
def test_every_format_brings_in_the_same_article(project: Path, digest: Run, name: str, content: str) -> None:
    (project / name).write_text(content, encoding="utf-8")
    row = taken(digest("articles", "import", name, "--json"))
    article = digest("articles", "show", 1, "--json").json

    assert (row["file"], row["found"], row["new"], row["error"]) == (name, 1, 1, None)
    assert list(article) == ["schema", *WHOLE]
    assert article["title"] == "Truckar"
    assert article["published"] == "2025-11-30T05:00:00+00:00"
    for key in ("url", "subtitle", "lead", "section", "author", "image", "image_alt", "language", "source"):
        assert article[key] == ROW[key]
    assert "Hela" in article["body"]
    assert article["placements"] == [{"newsletter": "nyheter", "state": "waiting", "edition": None}]


def test_an_import_off_a_terminal_is_silent_and_says_a_line_with_v(project: Path, digest: Run) -> None:
    (project / "a.json").write_text(JSON)
    first, second = digest("articles", "import", "a.json"), digest("articles", "import", "a.json", "-v")

    assert (first.code, first.out, first.err) == (0, "", "")
    assert (second.out, second.err) == ("", "a.json: 0 new, 0 changed, 1 unchanged, 0 skipped\n")


def test_a_source_may_be_named_for_a_whole_file(project: Path, digest: Run) -> None:
    (project / "a.json").write_text(JSON)
    row = taken(digest("articles", "import", "a.json", "--source", "byrå", "--json"))

    assert row["source"] == "byrå"
    assert digest("articles", "show", 1, "--json").json["source"] == "byrå"


def test_a_row_that_cannot_be_read_is_named_and_the_others_go_in(project: Path, digest: Run) -> None:
    (project / "a.csv").write_text("title;published\nEtt;2025-11-30\n;2025-11-30\nTre;snart\nFyra;\n")
    ended = digest("articles", "import", "a.csv", "--json")
    row = taken(ended)

    assert ended.code == 3
    assert ended.err.splitlines() == [
        "a.csv, line 3: no title",
        "a.csv, line 4: published 'snart' is not a date; write 2025-11-30 or 2025-11-30T06:00",
    ]
    assert (row["found"], row["new"], row["skipped"], row["error"]) == (4, 2, 2, None)
    assert {article["title"] for article in listed(digest)} == {"Ett", "Fyra"}


def test_a_file_of_which_nothing_can_be_read_has_failed(project: Path, digest: Run) -> None:
    (project / "a.json").write_text('[{"url": "https://a.example.com"}, 3]')
    (project / "b.json").write_text('[{"title": ')

    for name, skipped in (("a.json", 2), ("b.json", 1)):
        ended = digest("articles", "import", name, "--json")
        assert ended.code == 1
        assert taken(ended)["skipped"] == skipped
    assert listed(digest) == []


def test_a_missing_file_is_an_error_in_words_and_in_json(project: Path, digest: Run) -> None:
    ended = digest("articles", "import", "nowhere.json", "--json")

    assert ended.code == 1
    assert taken(ended)["error"] == "nowhere.json cannot be read: No such file or directory"
    assert "cannot be read" in ended.err


def test_the_same_article_again_is_updated_and_never_doubled(project: Path, digest: Run) -> None:
    def import_(name: str, *rows: dict[str, str]) -> dict[str, Any]:
        (project / name).write_text(json.dumps(rows))
        return taken(digest("articles", "import", name, "--json"))

    import_("a.json", ROW)
    same = import_("a.json", ROW)
    mended = import_("b.json", {**ROW, "title": "Eltruckar"})
    other_spelling = import_("c.json", {**ROW, "title": "Eltruckar", "url": f"{ROW['url']}/?utm_source=brev"})

    assert (same["new"], same["changed"], same["unchanged"]) == (0, 0, 1)
    assert (mended["new"], mended["changed"], mended["unchanged"]) == (0, 1, 0)
    assert other_spelling["new"] == 0
    assert [article["title"] for article in listed(digest)] == ["Eltruckar"]


def test_hostile_html_is_cleaned_on_the_way_in_and_by_hand(project: Path, digest: Run) -> None:
    hostile = (
        '<p onclick="x()">Hej<script>alert(1)</script><a href="javascript:x()">då</a><iframe src="x"></iframe></p>'
    )
    (project / "a.json").write_text(json.dumps([{"title": "<b>Fet</b> & stor", "body": hostile}]))
    digest("articles", "import", "a.json")
    digest("articles", "add", "--title", "För hand", "--body", hostile)
    digest("articles", "edit", 2, "--lead", "<img src=x onerror=y()>Ingress")

    for number in (1, 2):
        body = digest("articles", "show", number, "--json").json["body"]
        assert "Hej" in body
        assert not [word for word in ("script", "onclick", "iframe") if word in body]
    assert digest("articles", "show", 1, "--json").json["title"] == "Fet & stor"
    assert digest("articles", "show", 2, "--json").json["lead"] == "Ingress"


def test_an_article_is_written_and_changed_by_hand(project: Path, digest: Run) -> None:
    added = digest("articles", "add", "--title", "Truckar", "--lead", "Tyst.", "--published", "2025-11-30", "--json")
    edited = digest("articles", "edit", 1, "--title", "Eltruckar", "--lead", "", "--subtitle", "Nu på el")
    article = digest("articles", "show", 1, "--json").json

    assert taken(added)["new"] == 1
    assert (edited.code, edited.out, edited.err) == (0, "", "")
    assert (article["title"], article["subtitle"], article["lead"]) == ("Eltruckar", "Nu på el", "")
    assert (article["published"], article["source"]) == ("2025-11-30", None)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--published", "snart", "published 'snart' is not a date"),
        ("--title", "", "no title"),
        ("--url", "ftp://x", "is not a web address"),
        ("--language", "svenska språket", "is not a language"),
    ],
)
def test_what_cannot_be_is_refused_by_add_and_edit(
    ready: Path, digest: Run, option: str, value: str, words: str
) -> None:
    before = listed(digest)
    added = digest("articles", "add", "--title", "Ny", option, value)
    edited = digest("articles", "edit", 1, option, value)

    assert (added.code, edited.code) == (1, 1)
    assert words in added.err
    assert edited.err.startswith("digest: article 1: ")
    assert edited.err.endswith("; nothing was changed\n")
    assert words in edited.err
    assert listed(digest) == before


def test_two_articles_cannot_have_one_link(ready: Path, digest: Run) -> None:
    refused = digest("articles", "edit", 1, "--url", "https://nytt.example.com/2?utm_source=x")

    assert refused.code == 1
    assert "is article 2's; nothing was changed" in refused.err
    assert digest("articles", "edit", 1, "--url", "https://nytt.example.com/1#top").code == 0


def test_articles_are_listed_newest_first_with_their_places(ready: Path, digest: Run) -> None:
    digest("articles", "add", "--title", "Odaterad [b]")
    digest("articles", "shelve", 2)
    articles = listed(digest)

    assert [list(article) for article in articles] == [BRIEF] * 3
    assert [list(article["placements"][0]) for article in articles] == [["newsletter", "state", "edition"]] * 3
    assert [(article["id"], article["published"]) for article in articles] == [
        (3, None), (1, "2025-11-30"), (2, "2025-11-29"),
    ]  # fmt: skip
    assert [article["id"] for article in listed(digest, "--limit", "1")] == [3]
    assert [article["id"] for article in listed(digest, "--state", "shelved")] == [2]
    assert [article["id"] for article in listed(digest, "--state", "shelved", "--state", "waiting")] == [3, 1, 2]
    assert [article["id"] for article in listed(digest, "--newsletter", "nyheter")] == [3, 1, 2]
    assert digest("articles", "list").out.splitlines()[:2] == [
        "id\tpublished\ttitle\tplaced", "3\t\tOdaterad [b]\twaiting",
    ]  # fmt: skip


def test_a_state_that_there_is_none_of_is_named_with_what_was_meant(ready: Path, digest: Run) -> None:
    refused = digest("articles", "list", "--state", "shelvd")

    assert refused.code == 2
    assert "no state 'shelvd'" in refused.err
    assert "did you mean 'shelved'?" in refused.err


def test_people_are_shown_one_article_with_its_place(ready: Path, digest: Run) -> None:
    digest("articles", "shelve", 2)
    shown = digest("articles", "show", 2).out

    assert "title:      Luftrenare\n" in shown
    assert "lead:       Ren luft.\n" in shown
    assert f"nyheter:    shelved by {getpass.getuser()}, 20" in shown


@pytest.mark.parametrize("csv", [False, True])
def test_what_one_project_exports_another_imports(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, csv: bool
) -> None:
    (ready / "more.json").write_text(json.dumps([ROW, {"title": "=1+1 <x>", "body": ["Ett; två", 'Tre "fyra"']}]))
    digest("articles", "import", "more.json")
    exported = digest("articles", "export", *(["--csv"] if csv else []))
    file = tmp_path / ("articles.csv" if csv else "articles.json")
    file.write_bytes(exported.out.encode())
    before = [digest("articles", "show", article["id"], "--json").json for article in listed(digest)]

    other = tmp_path / "other"
    digest("init", other)
    (other / "digest.toml").write_text(TOML)
    monkeypatch.chdir(other)
    row = taken(digest("articles", "import", file, "--json"))
    after = [digest("articles", "show", article["id"], "--json").json for article in listed(digest)]

    assert (exported.code, exported.err) == (0, "")
    assert (row["found"], row["new"]) == (4, 4)
    for one in (*before, *after):
        del one["id"], one["first_seen"]
    assert sorted(after, key=lambda one: one["title"]) == sorted(before, key=lambda one: one["title"])


def test_the_pinned_article_leads_the_preview(ready: Path, digest: Run) -> None:
    assert digest("articles", "add", "--title", "Yngst", "--lead", "Ny.", "--published", "2025-11-30").code == 0
    assert digest("articles", "pin", 1).code == 0
    digest("preview", *DATE)

    text = (ready / "preview" / "edition.txt").read_text()
    assert text.index("Backkameror") < text.index("Yngst")
    assert state_of(digest, 1) == "pinned"


def test_editors_verbs_place_articles_and_the_audit_says_who_did(ready: Path, digest: Run) -> None:
    digest("articles", "shelve", 1)
    digest("articles", "drop", 2)
    account = digest("editions", "audit", "--json").json
    who = getpass.getuser()
    assert account["shelved"] == [{"id": 1, "by": who}]
    assert account["dropped"] == [{"id": 2, "by": who}]
    assert digest("send", *DATE, "--json").json["state"] == "empty"

    digest("articles", "release", 1, 2)
    assert (state_of(digest, 1), state_of(digest, 2)) == ("waiting", "waiting")


def test_an_import_leaves_an_editors_choice_alone(ready: Path, digest: Run) -> None:
    digest("articles", "drop", 1)
    digest("articles", "import", "articles.json")

    assert state_of(digest, 1) == "dropped"


def test_what_is_in_an_edition_is_no_longer_placed_but_may_be_corrected(ready: Path, digest: Run) -> None:
    digest("send", *DATE)
    for verb in ("pin", "shelve", "release", "drop"):
        refused = digest("articles", verb, 1)
        assert refused.code == 1
        assert "already in an edition: article 1 (in nyheter/2025-11-30)" in refused.err
    edited = digest("articles", "edit", 1, "--title", "Rättad")

    assert edited.code == 0
    assert "article 1 is in nyheter/2025-11-30: letters already made keep what they said" in edited.err
    assert listed(digest, "--state", "bound")[0]["placements"] == [
        {"newsletter": "nyheter", "state": "bound", "edition": "nyheter/2025-11-30"}
    ]


def test_a_number_that_no_article_has_is_named_and_nothing_is_touched(ready: Path, digest: Run) -> None:
    for command in (("show", 7), ("edit", 7, "--title", "x"), ("pin", 7), ("drop", 1, 7)):
        refused = digest("articles", *command)
        assert refused.code == 1
        assert refused.err == "digest: no article 7; look with: digest articles list\n"
    assert state_of(digest, 1) == "waiting"


def test_a_rank_orders_the_headlines_of_a_day(ready: Path, digest: Run) -> None:
    (ready / "more.json").write_text(
        json.dumps([{"title": title, "published": "2025-11-30"} for title in ("Andra", "Tredje")])
    )
    digest("articles", "import", "more.json")
    digest("articles", "edit", 4, "--rank", "-1")
    digest("preview", *DATE)

    text = (ready / "preview" / "edition.txt").read_text()
    assert text.index("Tredje") < text.index("Backkameror") < text.index("Andra")


def test_an_unknown_newsletter_is_refused(ready: Path, digest: Run) -> None:
    for command in (("list",), ("export",), ("pin", 1), ("edit", 1, "--rank", "1")):
        assert digest("articles", *command, "--newsletter", "nyhter").code == 4
    with sqlite3.connect(ready / "digest.db") as store:
        assert store.execute("SELECT name FROM newsletter").fetchall() == [("nyheter",)]
