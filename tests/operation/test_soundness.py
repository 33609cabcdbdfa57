"""``digest db check``: what is wrong with a store is found, and named with what to do; it is only read."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from digest.errors import StoreMissing
from digest.models import EditionState
from digest.operation.soundness import NOTES, RULES, Finding, counted, examine
from digest.store import open_store
from digest.store.lock import hold
from digest.store.upgrade import migrate
from tests.store.builders import a_frozen_edition, a_store_file, some_articles

KEY = "nyheter/2025-11-30"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound store with an edition that three readers wait for."""
    made = a_store_file(tmp_path / "digest.db")
    store = open_store(made)
    a_frozen_edition(store, "anna@example.com", "bo@example.com", "eva@example.com")
    some_articles(store, "Backkameror")
    store.close()
    return made


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        for statement in statements:
            store.execute(statement)


def found(path: Path) -> dict[str, Finding]:
    return {one.rule: one for one in examine(path)}


def test_sound_store_has_no_findings_and_is_left_as_it_is(path: Path) -> None:
    before = path.read_bytes()

    assert examine(path) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("rule", "where", "statements"),
    [
        ("audience", KEY, ["UPDATE edition SET audience = 2"]),
        ("audience", KEY, ["DELETE FROM delivery WHERE subscriber_id = 2"]),
        ("audience", KEY, ["UPDATE edition SET state = 'draft', audience = 0"]),
        ("letters", KEY, ["DELETE FROM letter"]),
        (
            "letter",
            KEY,
            [
                "INSERT INTO edition SELECT 2, newsletter_id, '2025-12-01', 1, 'empty', '', decided_at, NULL, NULL, 0, "
                "list_ids, 0, '', NULL, '', NULL, dkim FROM edition",
                "UPDATE letter SET edition_id = 2",
            ],
        ),
        ("finished", KEY, ["UPDATE edition SET state = 'sent'"]),
        ("finished", KEY, ["UPDATE edition SET state = 'rehearsed'"]),
        ("finished", KEY, ["UPDATE edition SET state = 'sent'", "UPDATE delivery SET state = 6, closed = 0"]),
        ("cancelled", KEY, ["UPDATE edition SET state = 'cancelled'"]),
        ("bound", "", ["UPDATE placement SET edition_id = NULL WHERE state = 'bound'"]),
        ("bound", "", ["UPDATE placement SET state = 'waiting' WHERE state = 'bound'"]),
        ("bound", "", ["UPDATE placement SET edition_id = 77 WHERE state = 'bound'"]),
        ("references", "", ["DELETE FROM subscriber WHERE id = 1"]),
    ],
)
def test_what_does_not_hold_is_found(path: Path, rule: str, where: str, statements: list[str]) -> None:
    change(path, *statements)
    finding = found(path)[rule]

    assert not finding.is_note
    assert where in finding.message
    assert finding.do
    assert len(finding.message.splitlines()) == 1


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE edition SET state = 'sent'", "UPDATE delivery SET state = 3"],
        ["UPDATE edition SET state = 'sent'", "UPDATE delivery SET state = 6, closed = 1"],
        ["UPDATE edition SET state = 'cancelled'", "UPDATE delivery SET state = 9"],
        ["UPDATE edition SET state = 'paused'"],
        ["UPDATE edition SET state = 'sending'", "UPDATE delivery SET state = 4"],
    ],
)
def test_what_holds_is_not_found(path: Path, statements: list[str]) -> None:
    change(path, *statements)

    assert examine(path) == []


def test_marks_of_a_crash_are_a_note_and_none_while_somebody_sends(path: Path) -> None:
    change(path, "UPDATE delivery SET state = 2 WHERE subscriber_id = 1")
    finding = found(path)["sending"]

    assert (finding.is_note, finding.do) == (True, "digest send")
    assert finding.message == f"{KEY}: 1 letter marked as going out, and nobody is sending"
    with hold(path.with_name("digest.db-send.lock")):
        assert examine(path) == []


def test_marks_of_a_cancelled_edition_are_settled_by_cancelling_it_again(path: Path) -> None:
    change(
        path,
        "UPDATE delivery SET state = 2 WHERE subscriber_id = 1",
        "UPDATE delivery SET state = 9 WHERE subscriber_id <> 1",
        "UPDATE edition SET state = 'cancelled'",
    )
    (finding,) = examine(path)

    assert (finding.rule, finding.is_note, finding.do) == ("cut_off", True, f"digest editions cancel {KEY}")
    with hold(path.with_name("digest.db-send.lock")):
        assert examine(path) == []


def test_article_that_is_nowhere_is_a_note_and_comes_after_what_is_wrong(path: Path) -> None:
    change(path, "DELETE FROM placement WHERE state = 'waiting'", "UPDATE edition SET audience = 2")

    assert [(one.rule, one.is_note) for one in examine(path)] == [("audience", False), ("unplaced", True)]


def test_every_state_of_an_edition_is_thought_of(path: Path) -> None:
    for state in EditionState:
        change(path, f"UPDATE edition SET state = '{state}'")
        assert {one.rule for one in examine(path)} <= {"audience", "finished", "cancelled", "bound"}


def test_torn_pages_are_found_and_the_file_is_left_as_it_is(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 8192] = bytes(8192)
    path.write_bytes(whole)
    findings = examine(path)

    assert {one.rule for one in findings} <= {"integrity", "store"}
    assert all(len(one.message.splitlines()) == 1 for one in findings)
    assert "digest db restore BACKUP --replace" in findings[0].do
    assert path.read_bytes() == bytes(whole)


@pytest.mark.parametrize("part", [0.9, 0.5, 0.2])
def test_store_that_ends_too_soon_is_found(path: Path, part: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])

    assert {one.rule for one in examine(path)} <= {"integrity", "store"}
    assert examine(path)


@pytest.mark.parametrize("content", [b"", b"no store at all " * 999])
def test_file_that_is_no_store_is_found(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    (finding,) = examine(path)

    assert finding.rule == "store"


def test_missing_store_is_an_error_as_for_every_command(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        examine(tmp_path / "digest.db")


def test_older_store_is_checked_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    migrate(path, to="0001")

    assert examine(path) == []
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_words_of_every_rule_have_their_places() -> None:
    for message, do in (*RULES.values(), *NOTES.values()):
        assert message.format(where="x", **counted(1))
        assert do.format(where="x", **counted(1))
