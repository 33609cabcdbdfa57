"""A relay to which whole mails are in flight: a kill doubts more of them, no more than that, and each by name."""

from pathlib import Path

import pytest

from tests.faults.invariants import invariants
from tests.faults.moods import SAID, TAKEN, UNTAKEN, Answering, Killing
from tests.faults.processes import Manners
from tests.faults.rounds import Round, a_round, pid_of

CONNECTIONS, WINDOW = 2, 4


def to_relay(one: Round) -> str:
    return f"{one.relays[0].url}?connections={CONNECTIONS}&window={WINDOW}"


@pytest.mark.parametrize(("step", "how"), [("rcpt", TAKEN), ("dot", UNTAKEN), ("dot", TAKEN), ("dot", SAID)])
def test_a_kill_doubts_no_more_than_the_window_of_each_connection(
    frozen: Path, tmp_path: Path, step: str, how: str
) -> None:
    relay = Manners(Killing(pid_of(tmp_path), step, 9, how))
    with a_round(frozen, tmp_path, CONNECTIONS * WINDOW, relay) as one:
        killed = one.send(url=to_relay(one))
        kill = one.note_kill()
        found = one.finish(url=to_relay(one))

    assert killed.was_killed or how == SAID
    assert invariants(found) == []
    assert found.doubled <= kill.doubts


@pytest.mark.parametrize("point", ["content", "marked", "answered", "recorded"])
def test_a_kill_of_our_own_loses_nobody(frozen: Path, tmp_path: Path, point: str) -> None:
    with a_round(frozen, tmp_path, CONNECTIONS * WINDOW) as one:
        killed = one.send(url=to_relay(one), DIGEST_CRASH_AT=f"{point}:11")
        one.note_kill()
        found = one.finish(url=to_relay(one))

    assert killed.was_killed
    assert invariants(found) == []


def test_refusals_among_mails_in_flight_are_each_readers_own(frozen: Path, tmp_path: Path) -> None:
    mood = Answering("rcpt", b"550 5.1.1 no such user\r\n", every=5)
    with a_round(frozen, tmp_path, CONNECTIONS * WINDOW, Manners(mood)) as one:
        found = one.finish(url=to_relay(one))

    assert invariants(found) == []
    assert sum(row.state == "failed" for row in found.ledger.values()) == len(found.readers) // 5
