"""F14 and F42: a send that is told to stop, or is stopped and goes on."""

import signal
from pathlib import Path

import pytest

from digest.demo.smtpd import Action
from tests.faults.invariants import invariants
from tests.faults.moods import Answering, Holding
from tests.faults.processes import Manners
from tests.faults.rounds import a_round


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_finishes_what_is_under_way_and_doubts_nobody(frozen: Path, tmp_path: Path, number: int) -> None:
    held = Holding(tmp_path, "dot", 9)
    with a_round(frozen, tmp_path, 8, Manners(held)) as one:
        command = one.start()
        held.wait()
        command.signal(number)
        held.let_go()
        stopped = command.end()
        mailed = len(one.mails())
        kill = one.note_kill()
        found = one.finish()

    assert stopped.code == 130
    assert stopped.json["now"]["sent"] == stopped.json["sent"] == mailed < len(one.readers)
    assert kill.doubts == frozenset()
    assert invariants(found) == []
    assert found.doubled == set()


def test_a_second_ctrl_c_cuts_off_what_waits_for_an_answer_and_names_it(frozen: Path, tmp_path: Path) -> None:
    deaf = Manners(Answering("dot", Action.HANG, most=8))
    with a_round(frozen, tmp_path, 8, deaf) as one:
        command = one.start()
        while one.ledger_counts().get("sending", 0) < 8:
            assert command.is_running()
        command.signal(signal.SIGINT)
        while "stopping" not in command.err():
            assert command.is_running()
        command.signal(signal.SIGINT)
        stopped = command.end()
        kill = one.note_kill()
        found = one.finish()

    assert (stopped.code, stopped.json["in_doubt"]) == (130, 8)
    assert [line.partition(":")[0] for line in stopped.err.splitlines()] == ["stopping", "stopping at once"]
    assert len(kill.doubts) == 8
    assert invariants(found) == []


def test_a_relay_that_owes_an_answer_holds_up_a_stop_no_longer_than_the_drain(frozen: Path, tmp_path: Path) -> None:
    deaf = Manners(Answering("dot", Action.HANG, most=1))
    with a_round(frozen, tmp_path, 1, deaf) as one:
        command = one.start(DIGEST_DRAIN="1s")
        while one.ledger_counts().get("sending", 0) < 1:
            assert command.is_running()
        command.signal(signal.SIGTERM)
        stopped = command.end()
        kill = one.note_kill()
        found = one.finish()

    assert (stopped.code, stopped.json["in_doubt"], stopped.json["pending"]) == (130, 1, 24)
    assert len(stopped.err.splitlines()) == 1, stopped.err
    assert len(kill.doubts) == 1
    assert invariants(found) == []


def test_a_process_that_is_stopped_keeps_its_edition_and_goes_on_with_it(frozen: Path, tmp_path: Path) -> None:
    held = Holding(tmp_path, "dot", 9)
    with a_round(frozen, tmp_path, 8, Manners(held)) as one:
        zombie = one.start()
        held.wait()
        zombie.signal(signal.SIGSTOP)
        held.let_go()
        other, due = one.send(), one.send("--in-doubt", "resend")
        zombie.signal(signal.SIGCONT)
        ended = zombie.end()
        found = one.finish()

    assert (other.code, due.code, ended.code) == (5, 5, 0)
    assert invariants(found) == []
    assert found.doubled == set()
