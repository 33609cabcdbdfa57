"""What a refused connection means for the relay: given up, counted against it, or only one connection too many."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from digest.delivery.line import Line
from digest.delivery.options import Now, Watch
from digest.delivery.outbox import Outbox
from digest.delivery.outcome import Phase, RelayRefused, Reply
from digest.delivery.pace import Pace
from digest.delivery.worker import Course, Worker


class Handover:
    """What a worker tells of a relay."""

    claims = None

    def __init__(self) -> None:
        self.now, self.refusals = Now(), 0

    def refuse(self, _line: Line, _words: str) -> None:
        self.refusals += 1


def refused_by(refused: RelayRefused, *, open_already: int = 0) -> tuple[bool, bool, int]:
    """Return whether a relay that refuses a connection is given up, as our login, and how often it counted."""
    handover, line = Handover(), Line(Outbox(Path("outbox")), 1, cast("Any", None), open=open_already)
    course = Course([line], Pace(), cast("Any", handover), Watch(), asyncio.Event(), deadline=0.0)
    Worker(course, line)._cannot_connect(refused)
    return line.is_given_up, handover.now.refused_login, handover.refusals


@pytest.mark.parametrize(
    ("refused", "is_login"),
    [
        (RelayRefused("r", Phase.AUTH, Reply(535, "wrong password", "5.7.8")), True),
        (RelayRefused("r", Phase.AUTH, reason="no token", cannot_log_in=True), True),
        (RelayRefused("r", Phase.AUTH, Reply(454, "later", "4.7.0")), False),
        (RelayRefused("r", Phase.AUTH, reason="the relay closed the connection"), False),
        (RelayRefused("r", Phase.TLS, reason="its certificate is not accepted"), False),
        (RelayRefused("r", Phase.CONNECT, reason="refused"), False),
    ],
)
def test_only_a_login_that_is_refused_for_good_gives_a_relay_up_at_once(
    refused: RelayRefused, *, is_login: bool
) -> None:
    assert refused_by(refused) == (is_login, is_login, 0 if is_login else 1)


def test_a_connection_that_is_one_too_many_is_not_held_against_a_relay() -> None:
    assert refused_by(RelayRefused("r", Phase.GREETING, Reply(421, "too many")), open_already=1) == (False, False, 0)
