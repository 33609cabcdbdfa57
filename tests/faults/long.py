"""The rounds of the long form, as values that travel between processes, and how one is done."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from tests.faults import ready
from tests.faults.invariants import Tally
from tests.faults.moods import SAID, TAKEN, UNTAKEN, Killing
from tests.faults.processes import Manners
from tests.faults.rounds import Round, a_round, pid_of

READERS, CONNECTIONS = 200, 8
BEGINNING = ("rendered", "frozen", "claim", "claimed", "connected", "greeted")
OF_A_MAIL = ("mail", "rcpt", "data", "content", "marked", "answered", "recorded")
BY_THE_RELAY = [(step, TAKEN) for step in ("mail", "rcpt", "data", "content")]
BY_THE_RELAY += [("dot", how) for how in (UNTAKEN, TAKEN, SAID)]
NTH = (1, 2, 8, 9, 50, 120, 199)
AGAIN = 4  #: every so many rounds, what goes on is killed too


@dataclass(frozen=True)
class AtRandom:
    """A kill at a random time of a whole send: ``when`` is a share of how long that takes."""

    when: float


@dataclass(frozen=True)
class AtPoint:
    """A kill at a point of our own: ``DIGEST_CRASH_AT``."""

    point: str
    connections: int


@dataclass(frozen=True)
class ByRelay:
    """A kill by the relay."""

    step: str
    nth: int
    how: str
    connections: int


Wanted = AtRandom | AtPoint | ByRelay


@dataclass(frozen=True)
class Made:
    """What a process's rounds are copies of, and where they are."""

    new: Path
    frozen: Path
    takes: float  #: seconds, a whole send
    rounds: Path


_made: list[Made] = []  # one in each process


def every_point() -> Iterator[Wanted]:
    """Yield a round for every point of a send, at its first mails, its last ones and some between."""
    for point in BEGINNING:
        yield AtPoint(point, CONNECTIONS)
    for connections in (1, CONNECTIONS):
        for nth in NTH:
            yield from (AtPoint(f"{point}:{nth}", connections) for point in OF_A_MAIL)
            yield from (ByRelay(step, nth, how, connections) for step, how in BY_THE_RELAY)


def begin(folder: Path) -> None:
    """Make what the rounds of this process need, and measure how long a send takes while others do the same."""
    mine = Path(mkdtemp(dir=folder))
    new = ready.make(mine / "new", READERS)
    frozen = ready.freeze(new, mine / "frozen")
    with a_round(new, mine / "measured", CONNECTIONS) as one:
        began = time.monotonic()
        assert one.send().code == 0
        takes = time.monotonic() - began
    _made.append(Made(new, frozen, takes, mine))


def do(wanted: Wanted) -> Tally:
    """Do one round and judge it."""
    made = _made[0]
    while True:
        with TemporaryDirectory(dir=made.rounds) as folder:
            match wanted:
                case AtRandom(when):
                    tally = _at_random(made, Path(folder), when)
                case AtPoint():
                    tally = _at_point(made, Path(folder), wanted)
                case ByRelay():
                    tally = _by_relay(made, Path(folder), wanted)
        if tally.kills:  # a send that was quicker than its kill proves nothing
            return tally


def _at_random(made: Made, folder: Path, when: float) -> Tally:
    """Kill a send at this share of its time, and now and then what goes on with it too."""
    seconds = when * made.takes
    with a_round(made.new, folder, CONNECTIONS) as one:
        if _is_killed(one, seconds) and int(when * 1000) % AGAIN == 0:
            _is_killed(one, seconds / 2)
        return _judged(one, f"killed after {seconds:.3f} s")


def _is_killed(one: Round, seconds: float) -> bool:
    """Send, kill that so long after it began, and say whether it was still at it."""
    command = one.start()
    command.kill_after(seconds)
    was_killed = command.end().was_killed
    if was_killed:
        one.note_kill()
    return was_killed


def _at_point(made: Made, folder: Path, wanted: AtPoint) -> Tally:
    start = made.new if wanted.point in BEGINNING else made.frozen
    with a_round(start, folder, wanted.connections) as one:
        killed = one.send(DIGEST_CRASH_AT=wanted.point)
        assert killed.was_killed, f"{wanted}: {killed}"
        one.note_kill()
        return _judged(one, str(wanted))


def _by_relay(made: Made, folder: Path, wanted: ByRelay) -> Tally:
    relay = Manners(Killing(pid_of(folder), wanted.step, wanted.nth, wanted.how))
    with a_round(made.frozen, folder, wanted.connections, relay) as one:
        killed = one.send()
        assert killed.was_killed or wanted.how == SAID, f"{wanted}: {killed}"
        one.note_kill()  # also when the last answer was recorded before the signal came
        return _judged(one, str(wanted))


def _judged(one: Round, what: str) -> Tally:
    tally = Tally()
    tally.add(what, one.finish())
    return tally
