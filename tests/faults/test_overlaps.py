"""F40 and F41: two sends at once, and clocks that cannot be trusted."""

import datetime as dt
from functools import partial
from pathlib import Path

import pytest

from tests.faults.first import at, jumping
from tests.faults.form import long
from tests.faults.invariants import invariants
from tests.faults.moods import Holding
from tests.faults.processes import Command, Manners, digest
from tests.faults.rounds import a_round, rows

NIGHT = '[newsletters.nyheter]\nschedule = "30 2 * * *"\n'


def test_of_two_sends_at_once_one_sends_and_the_other_says_so(few: Path, tmp_path: Path) -> None:
    held = Holding(tmp_path, "dot", 1)
    with a_round(few, tmp_path, 8, Manners(held)) as one:
        both = [one.start(), one.start()]
        held.wait()
        held.let_go()
        codes = sorted(command.end().code for command in both)
        found = one.finish()

    assert codes == [0, 5]
    assert invariants(found) == []
    assert found.doubled == set()


@pytest.mark.parametrize(
    ("date", "minutes"),
    [("2025-10-26", ("00:31", "01:31")), ("2026-03-29", ("00:31", "01:01", "01:31"))],
    ids=["02:30 twice", "02:30 never"],
)
def test_the_nights_of_the_clock_change_mail_everybody_once(
    few: Path, tmp_path: Path, date: str, minutes: tuple[str, ...]
) -> None:
    with a_round(few, tmp_path, 8) as one:
        toml = (one.project / "digest.toml").read_text(encoding="utf-8")
        (one.project / "digest.toml").write_text(toml.replace("[newsletters.nyheter]\n", NIGHT), encoding="utf-8")
        relay = {"DIGEST_RELAY_URL": one.relays[0].url, "DIGEST_RELAY_CONNECTIONS": "4"}
        add = ("articles", "add", "--title", "Vintertid", "--url", "https://nytt.example.com/tid")
        evening = dt.datetime.fromisoformat(f"{date}T00:00+00:00") - dt.timedelta(hours=4)
        assert digest(one.project, *add, first=partial(at, evening)).code == 0
        for minute in minutes:
            moment = dt.datetime.fromisoformat(f"{date}T{minute}+00:00")
            # Cron overlaps itself: two at a time.
            both = [Command(one.project, "send", "--due", first=partial(at, moment), **relay) for _ in range(2)]
            assert [command.end().code for command in both] == [0, 0]

    assert rows(one.project, "SELECT date, number FROM edition WHERE frozen_at IS NOT NULL") == [(date, 1)]
    assert sorted(mail.recipient for mail in one.mails()) == sorted(one.readers.values())


@pytest.mark.parametrize("seconds", [-3600, long(86_400), 400_000_000])
def test_a_clock_that_jumps_while_it_sends_changes_nothing(frozen: Path, tmp_path: Path, seconds: int) -> None:
    held = Holding(tmp_path, "dot", 9)
    with a_round(frozen, tmp_path, 8, Manners(held)) as one:
        command = one.start(first=partial(jumping, seconds, 0.1))
        held.wait()
        held.let_go()
        ended = command.end()
        found = one.finish()

    assert (ended.code, ended.json["now"]["sent"]) == (0, 25)
    assert 0 <= ended.json["now"]["seconds"] < 60
    assert invariants(found) == []
    assert found.doubled == set()


def test_another_time_zone_of_the_machine_makes_no_other_edition(few: Path, tmp_path: Path) -> None:
    with a_round(few, tmp_path, 8) as one:
        killed = one.send(DIGEST_CRASH_AT="recorded:9", TZ="Pacific/Kiritimati")
        one.note_kill()
        there = one.send(TZ="Pacific/Pago_Pago")
        found = one.finish()

    assert killed.was_killed
    assert there.code == 0
    assert len(rows(one.project, "SELECT id FROM edition")) == 1
    assert invariants(found) == []


def test_a_kill_after_a_clock_that_was_ahead_is_gone_on_with(frozen: Path, tmp_path: Path) -> None:
    with a_round(frozen, tmp_path, 8) as one:
        killed = one.send(first=partial(jumping, 400_000_000, 0.0), DIGEST_CRASH_AT="answered:9")
        one.note_kill()
        found = one.finish()

    assert killed.was_killed
    assert invariants(found) == []
