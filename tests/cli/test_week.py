"""A week in an editor's life: docs/tutorial.md, played line by line. Each day is a test, after the days before it."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digest.cli import show
from tests.cli.conftest import Run
from tests.tutorial import DAYS, Week, a_week

Play = Callable[[str], Week]


@pytest.fixture
def play(digest: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Play the tutorial up to a day, as a person at a terminal who answers yes."""
    monkeypatch.setattr(show, "is_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "2")
    with a_week(digest, lambda url: monkeypatch.setenv("DIGEST_RELAY_URL", url)) as week:

        def to(day: str) -> Week:
            week.play(day)
            return week

        yield to


def subject(mail: bytes) -> str:
    found = re.search(rb"(?m)^Subject: (.+)\r$", mail)
    assert found is not None
    return found[1].decode()


def readers(week: Week, of: str) -> list[str]:
    """Return who got a letter with these words in its subject, sorted."""
    return sorted(who for who, mail in week.mails() if of in subject(mail))


EVERYBODY = ["anna@example.com", "bo@example.com", "eva@example.com"]


def test_monday_from_an_empty_folder_to_a_rehearsal(play: Play, digest: Run) -> None:
    play("Monday")

    assert len(list(Path("outbox/new").iterdir())) == 3
    assert (Path("preview") / "edition.html").is_file()
    listed = digest("subscribers", "list", "--json").json["subscribers"]
    assert {one["address"]: one["lists"] for one in listed} == {one: {"trade": "confirmed"} for one in EVERYBODY}


def test_tuesday_cron_mails_everybody_once_with_what_was_only_rehearsed(play: Play, digest: Run) -> None:
    week = play("Tuesday")
    said = week.of("Tuesday")

    assert readers(week, "Trade Morning: Robots learn to weld") == [*EVERYBODY, "red@example.com"]  # the last is a test
    assert "2025-12-06" in said["digest schedule show --days 5"].out
    assert "skip" in said["digest schedule show --days 5"].out
    assert said["digest schedule print --cron"].out.splitlines()[-1].startswith("*/5 * * * * ")
    account = digest("editions", "audit", "--json").json
    assert {key: sorted(ids) for key, ids in account["editions"].items()} == {"trade-morning/2025-12-02": [1, 2, 3]}
    assert digest("status", "--json").json["editions"][0]["sent"] == 3


def test_wednesday_the_holiday_has_no_letter_and_loses_nothing(play: Play, digest: Run) -> None:
    week = play("Wednesday")

    assert len(week.mails()) == 4
    assert [one["edition"] for one in digest("editions", "list", "--json").json["editions"]] == [
        "trade-morning/2025-12-02", "trade-morning/2025-12-01",
    ]  # fmt: skip
    assert digest("editions", "audit", "--json").json["waiting"] == [4]


def test_thursday_the_late_release_runs_and_news_has_an_edition_of_its_own(play: Play, digest: Run) -> None:
    week = play("Thursday")

    assert readers(week, "Steel prices level out") == EVERYBODY
    assert readers(week, "Largest order in ten years") == EVERYBODY
    account = digest("editions", "audit", "--json").json
    assert account["editions"]["trade-morning/2025-12-04"] == [4]
    assert account["editions"]["trade-morning/2025-12-04.2"] == [5]


def test_friday_the_typo_is_mended_for_who_had_no_letter_yet(play: Play, digest: Run) -> None:
    week = play("Friday")

    assert readers(week, "Compresor") == ["anna@example.com", "bo@example.com"]
    assert readers(week, "Compressor") == ["eva@example.com"]
    shown = digest("editions", "show", "2025-12-05", "--json").json
    assert [(one["version"], one["readers"]) for one in shown["letters"]] == [(1, 2), (2, 1)]
    assert (shown["state"], shown["sent"]) == ("sent", 3)
    assert [one["did"] for one in shown["history"]] == ["paused", "revised", "resumed", "retried"]


def test_saturday_a_reader_leaves_one_comes_back_and_one_is_forgotten(play: Play, digest: Run) -> None:
    week = play("Saturday")
    said = week.of("Saturday")
    states = [one["state"] for one in digest("subscribers", "show", "bo@example.com", "--json").json["history"]]

    assert "unsubscribed" in said["digest subscribers show bo@example.com"].out
    assert states == ["confirmed", "unsubscribed", "confirmed"]
    first, again = [mail for who, mail in week.mails() if who == "bo@example.com" and b"Compresor" in mail]
    assert first == again
    assert "trade.csv" in said["digest subscribers erase eva@example.com --yes"].err
    listed = digest("subscribers", "list", "--json").json["subscribers"]
    assert [one["address"] for one in listed] == ["anna@example.com", "bo@example.com"]
    assert b"eva@example.com" not in Path("digest.db").read_bytes()


def test_sunday_the_restored_store_sends_once_it_is_adopted_and_nobody_is_mailed_twice(play: Play, digest: Run) -> None:
    week = play("Sunday")
    said = week.of("Sunday")

    assert said["digest send"].code == 6
    assert "digest db adopt" in said["digest send"].err
    assert readers(week, "Trade Morning has a new editor") == ["anna@example.com", "bo@example.com"]
    with sqlite3.connect("digest.db") as connection:
        numbers = [number for (number,) in connection.execute("SELECT id FROM edition ORDER BY id")]
    assert numbers[-1] > numbers[-2] + 1000  # none that the other copy can have given out
    copies = Counter((who, subject(mail)) for who, mail in week.mails())
    assert [one for one, count in copies.items() if count > 1] == [
        ("bo@example.com", "Trade Morning: Compresor sales up")  # sent again, when he asked for it
    ]


def test_every_day_of_the_tutorial_is_among_those_tested_here() -> None:
    tested = re.findall(r'play\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))

    assert tested == DAYS
