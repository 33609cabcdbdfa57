"""A command run every minute in a process of its own, until somebody stops it: for containers, which have no cron."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

MINUTE = 60.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether we have been told to stop, and by which signal; whoever waits for it wakes at once."""

    def __init__(self) -> None:
        self.by: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._owed = False  #: a signal has come that no child has heard of
        self._reading, self._writing = os.pipe()

    def heed(self, number: int, _frame: FrameType | None = None) -> None:
        """Take a signal: the first one says how we end, and each goes on to the child, whom a second one hurries."""
        if self.by is None:
            self.by = number
            os.write(self._writing, b".")
        self._owed = True
        self._pass_on()

    def wait(self, seconds: float) -> None:
        """Sleep, unless told to stop."""
        select.select([self._reading], [], [], max(0.0, seconds))

    def run(self, command: Sequence[str]) -> int:
        """Run a command to its end and return its exit code; it is told to stop when we are, and may take its time."""
        # In a process group of its own: Ctrl-C reaches us alone, and the child hears of it once.
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603  ours
        self._pass_on()  # what came while it was started
        code = self._child.wait()
        self._child = None
        return code

    def _pass_on(self) -> None:
        if self._child is not None and self._owed:
            self._owed = False
            self._child.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Let go of what waking needs."""
        os.close(self._reading)
        os.close(self._writing)


def run_every_minute(
    command: Sequence[str], say: Callable[[str], None], seconds: Callable[[], float] = time.time, every: float = MINUTE
) -> int:
    """Run a command now and whenever a minute begins, until SIGTERM (returns 0) or Ctrl-C (130).

    What it leaves behind goes with its process, and however one run ends, the next minute has its own.
    """
    with _told_by_signals() as stop:
        while stop.by is None:
            _run(stop, command, say)
            stop.wait(every - seconds() % every)
        return 130 if stop.by == signal.SIGINT else 0


def _run(stop: Stop, command: Sequence[str], say: Callable[[str], None]) -> None:
    try:
        code = stop.run(command)
    except OSError as error:
        say(f"{command[0]} could not be started: {error.strerror}; it is tried again in a minute")
        return
    if code < 0:
        say(f"this minute's run was ended by {signal.Signals(-code).name}; the next one goes on with what it left")


@contextmanager
def _told_by_signals() -> Iterator[Stop]:
    stop = Stop()
    before = {number: signal.signal(number, stop.heed) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
