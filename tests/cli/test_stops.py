"""``digest subscribers suppress``, ``unsuppress`` and ``erase``."""

import sqlite3
from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_sync import at_a_terminal
from tests.people.sheets import rows, save

ANNA = "anna@example.com"
DATE = ("--date", "2025-11-30")


def test_suppressed_reader_gets_nothing_until_it_is_lifted(ready: Path, digest: Run) -> None:
    done = digest("subscribers", "suppress", "ANNA@example.com", "--reason", "ringde")

    assert (done.code, done.out, done.err) == (0, "", "")
    shown = digest("subscribers", "show", ANNA, "--json").json
    assert shown["suppressed"] == "editor"
    assert list(shown["suppression"]) == ["reason", "detail", "by", "at"]
    assert "ringde" in digest("subscribers", "show", ANNA).out.splitlines()[2]
    assert digest("check", *DATE, "--json").json["verdict"] in ("pass", "warn")
    assert digest("subscribers", "suppress", ANNA, "--reason", "igen").err == (
        "anna@example.com is suppressed already (editor): nothing to do\n"
    )
    assert digest("subscribers", "unsuppress", ANNA, "--reason", "ringde igen").code == 0
    assert digest("subscribers", "unsuppress", ANNA, "--reason", "ringde igen").err == (
        "anna@example.com is not suppressed: nothing to do\n"
    )
    assert digest("send", *DATE, "--json").json["audience"] == 3


def test_complaint_is_not_lifted(ready: Path, digest: Run) -> None:
    digest("subscribers", "suppress", ANNA, "--reason", "x")
    with sqlite3.connect(ready / "digest.db") as store:
        store.execute("UPDATE suppression SET reason = 'complaint'")

    refused = digest("subscribers", "unsuppress", ANNA, "--reason", "ringde")

    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert "anna@example.com has complained about a letter: that stays" in refused.err


def test_reason_is_asked_for(ready: Path, digest: Run) -> None:
    for command in ("suppress", "unsuppress"):
        assert digest("subscribers", command, ANNA).code == 2
        assert digest("subscribers", command, ANNA, "--reason", " ").code == 2


def test_erased_person_is_nobody(ready: Path, digest: Run) -> None:
    digest("send", *DATE)

    done = digest("subscribers", "erase", ANNA)

    assert (done.code, done.out, done.err) == (0, "", "")
    assert digest("subscribers", "show", ANNA).code == 1
    assert ANNA.encode() not in b"".join(path.read_bytes() for path in ready.glob("digest.db*"))
    edition = digest("editions", "list", "--json").json["editions"][0]
    assert (edition["audience"], edition["sent"]) == (3, 3)
    refused = digest("subscribers", "add", ANNA, "--list", "industri", "--confirmed")
    assert (refused.code, refused.err) == (
        1, "anna@example.com was erased on their own wish; --confirmed --reason TEXT brings them back on it\n",
    )  # fmt: skip
    assert digest("subscribers", "add", ANNA, "--list", "industri", "--confirmed", "--reason", "skrev").code == 0


def test_lines_that_are_left_to_delete_are_named_and_exit_with_3(ready: Path, digest: Run) -> None:
    save(ready, rows("bo@example.com", ANNA))

    done = digest("subscribers", "erase", ANNA, "--json")
    again = digest("subscribers", "erase", ANNA, "--json")

    line = "subscribers/industri.csv, line 3 still names them: delete that line"
    assert (done.code, done.err) == (3, f"{line}\n")
    assert done.json == {
        "schema": 1, "withdrawn": 0, "files": [{"file": "subscribers/industri.csv", "line": 3}], "copies": [],
        "left_behind": None,
    }  # fmt: skip
    assert (again.code, again.err, again.json) == (done.code, done.err, done.json), "as often as it takes"
    save(ready, rows("bo@example.com"))
    assert digest("subscribers", "erase", ANNA).code == 0
    assert digest("subscribers", "erase", "eva@example.com").code == 1


def test_workbook_among_the_lists_is_to_be_looked_through_by_hand(ready: Path, digest: Run) -> None:
    save(ready, b"PK\x03\x04", "medlemmar.xlsx")

    done = digest("subscribers", "erase", ANNA, "--json")

    assert (done.code, done.json["files"]) == (3, [{"file": "subscribers/medlemmar.xlsx", "line": None}])
    assert done.err == (
        "subscribers/medlemmar.xlsx cannot be looked through: see whether it names them, and delete that\n"
    )


def test_person_at_a_terminal_is_asked_once(ready: Path, digest: Run) -> None:
    code, shown = at_a_terminal(ready, "subscribers", "erase", ANNA, answer="n")
    assert code == 1
    assert "Forget Anna Åkesson <anna@example.com> for ever? [y/N]" in shown
    assert digest("subscribers", "show", ANNA).code == 0

    assert at_a_terminal(ready, "subscribers", "erase", ANNA, answer="y")[0] == 0
    assert at_a_terminal(ready, "subscribers", "erase", "bo@example.com", "--yes")[0] == 0
    assert len(digest("subscribers", "list", "--json").json["subscribers"]) == 1


def test_nobody_is_asked_about_at_a_terminal_but_lines_are_named(ready: Path) -> None:
    save(ready, rows("eva@example.com"))

    code, shown = at_a_terminal(ready, "subscribers", "erase", "eva@example.com")

    assert code == 1
    assert "subscribers/industri.csv, line 2 still names them" in shown
    assert "nobody is known as eva@example.com" in shown
