"""F01 to F13: kill -9 at every step of a send, by ourselves and by the relay; then it is run again."""

import random
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.first import dying_at
from tests.faults.form import long
from tests.faults.invariants import invariants
from tests.faults.moods import SAID, TAKEN, UNTAKEN, Killing
from tests.faults.processes import Manners
from tests.faults.rounds import a_round, pid_of, rows

POINTS = ["rendered", "frozen", long("claim"), "claimed", long("connected"), "greeted"]
OF_A_MAIL = [
    *((point, 1) for point in ("marked", "answered")),
    *((point, 8) for point in ("content", "marked", "answered", "recorded")),
    *(long(point, 1) for point in ("data", "content", "recorded")),
]
#: With one connection: who is named in doubt, and who is doubled.  A mark that is durable doubts, whatever came of it.
DOUBTS = {"marked": (1, 0), "answered": (1, 1)}
#: Step, which one, how the relay kills, and connections.
BY_THE_RELAY = [
    ("connect", 1, TAKEN, 1),
    ("ehlo", 3, TAKEN, 8),
    ("mail", 9, TAKEN, 8),
    ("rcpt", 9, TAKEN, 1),
    ("data", 9, TAKEN, 8),
    ("content", 9, TAKEN, 8),
    ("dot", 9, UNTAKEN, 1),
    ("dot", 9, TAKEN, 8),
    ("dot", 9, SAID, 8),
    long("dot", 9, UNTAKEN, 8),
    long("dot", 9, TAKEN, 1),
    long("dot", 9, SAID, 1),
]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_before_the_first_mail_loses_and_doubles_nobody(few: Path, tmp_path: Path, point: str) -> None:
    with a_round(few, tmp_path) as one:
        killed = one.send(DIGEST_CRASH_AT=point)
        kill = one.note_kill()
        found = one.finish()

    assert killed.was_killed
    assert invariants(found) == []
    assert (kill.doubts, found.doubled) == (frozenset(), set())


@pytest.mark.parametrize(("point", "connections"), OF_A_MAIL)
def test_a_kill_of_our_own_loses_nobody(frozen: Path, tmp_path: Path, point: str, connections: int) -> None:
    with a_round(frozen, tmp_path, connections) as one:
        killed = one.send(DIGEST_CRASH_AT=f"{point}:11")
        kill = one.note_kill()
        found = one.finish()

    assert killed.was_killed
    assert invariants(found) == []
    if connections == 1 and point in DOUBTS:
        assert (len(kill.doubts), len(found.doubled)) == DOUBTS[point]


@pytest.mark.parametrize(("step", "nth", "how", "connections"), BY_THE_RELAY)
def test_a_kill_by_the_relay_loses_nobody(
    frozen: Path, tmp_path: Path, step: str, nth: int, how: str, connections: int
) -> None:
    relay = Manners(Killing(pid_of(tmp_path), step, nth, how))
    with a_round(frozen, tmp_path, connections, relay) as one:
        killed = one.send()
        kill = one.note_kill()
        found = one.finish()

    assert killed.was_killed or how == SAID  # the last answer may be recorded before the signal comes
    assert invariants(found) == []
    if connections == 1 and step == "dot" and how != SAID:
        assert (len(kill.doubts), len(found.doubled)) == (1, how == TAKEN)


@pytest.mark.parametrize(("wish", "state", "code"), [("keep", "in_doubt", 3), ("skip", "in_doubt", 0)])
def test_who_wants_no_double_gets_none(frozen: Path, tmp_path: Path, wish: str, state: str, code: int) -> None:
    with a_round(frozen, tmp_path, 8) as one:
        killed = one.send(DIGEST_CRASH_AT="answered:11")
        kill = one.note_kill()
        went_on = one.send("--in-doubt", wish)
        left, mails = one.ledger(), one.mails()

    assert killed.was_killed
    assert went_on.code == code
    assert {who for who, row in left.items() if row.state == state} == kill.doubts
    assert all(row.closed is (wish == "skip") for row in left.values() if row.state == state)
    assert len(mails) == len({mail.recipient for mail in mails})
    assert {mail.recipient for mail in mails} | kill.doubts == set(one.readers.values())


@pytest.mark.parametrize(
    ("statement", "commit"),
    [long("INSERT INTO letter", False), ("INSERT INTO delivery", False), ("INSERT INTO delivery", True)],
)
def test_a_kill_inside_the_freeze_leaves_nothing_of_it(few: Path, tmp_path: Path, statement: str, commit: bool) -> None:
    with a_round(few, tmp_path) as one:
        killed = one.send(first=partial(dying_at, statement, commit=commit))
        left = (one.ledger(), rows(one.project, "SELECT id FROM edition WHERE frozen_at IS NOT NULL"))
        one.note_kill()
        found = one.finish()

    assert killed.was_killed
    assert left == ({}, [])
    assert invariants(found) == []


def test_kills_at_random_times_one_after_the_other_lose_nobody(few: Path, tmp_path: Path) -> None:
    chance = random.Random()
    with a_round(few, tmp_path / "measured", 8) as one:
        began = time.monotonic()
        one.send()
        takes = time.monotonic() - began
    with a_round(few, tmp_path / "killed", 8) as one:
        for _ in range(3):
            command = one.start()
            command.kill_after(chance.uniform(0, takes))
            if not command.end().was_killed:
                break
            one.note_kill()
        found = one.finish()

    assert invariants(found) == []
