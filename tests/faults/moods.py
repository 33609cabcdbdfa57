"""How a relay treats a send: it kills it, holds it up, or answers otherwise. Made here, asked in its own process."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from digest.demo.smtpd import Action, Answer, Script, Step

#: How a relay kills: it forgets the mail, has taken it, or has even said so.
UNTAKEN, TAKEN, SAID = "untaken", "taken", "said"
HOLD = 20.0  #: seconds, at most


@dataclass(frozen=True)
class Killing:
    """Kills, with SIGKILL, the process whose number is in a file, the nth time that a step is come to."""

    pid: Path
    step: str
    nth: int = 1
    how: str = TAKEN

    def __call__(self) -> Script:
        seen = 0

        def script(step: Step) -> Answer:
            nonlocal seen
            seen += step.name == self.step
            if seen != self.nth or step.name != self.step:
                return None
            if self.how == SAID:  # once this turn of the loop is over the answer is written
                asyncio.get_running_loop().call_soon(self._kill)
                return None
            self._kill()
            return Action.DROP if self.how == UNTAKEN else None

        return script

    def _kill(self) -> None:
        os.kill(int(self.pid.read_text(encoding="ascii")), signal.SIGKILL)


@dataclass(frozen=True)
class Answering:
    """Answers so at a step: every nth time, at most so often, and only where its argument names somebody."""

    step: str
    answer: Answer
    every: int = 1
    most: int = 1_000_000
    whom: str = ""

    def __call__(self) -> Script:
        seen = said = 0

        def script(step: Step) -> Answer:
            nonlocal seen, said
            if step.name != self.step or self.whom not in step.argument:
                return None
            seen += 1
            if seen % self.every or said >= self.most:
                return None
            said += 1
            return self.answer

        return script


@dataclass(frozen=True)
class ToEach:
    """Answers the first mail to each of these readers in a way of its own: at a step, so."""

    moods: Mapping[str, tuple[str, Answer]] = field(default_factory=dict)

    def __call__(self) -> Script:
        left = dict(self.moods)
        talks_of: dict[int, str] = {}  # the reader of each connection's mail

        def script(step: Step) -> Answer:
            if step.name == "rcpt":
                talks_of[step.connection] = step.argument.partition("<")[2].partition(">")[0]
            if step.name in ("ehlo", "mail"):
                talks_of.pop(step.connection, None)
            who = talks_of.get(step.connection, "")
            if who not in left or left[who][0] != step.name:
                return None
            return left.pop(who)[1]

        return script


@dataclass(frozen=True)
class TakingFew:
    """Takes so many mails over one connection, and ends it with 421 at the next."""

    mails: int

    def __call__(self) -> Script:
        def script(step: Step) -> Answer:
            enough = step.name == "mail" and step.mail > self.mails
            return b"421 4.7.0 enough on this one\r\n" if enough else None

        return script


@dataclass(frozen=True)
class Greylisting:
    """Puts every reader off once."""

    def __call__(self) -> Script:
        known: set[str] = set()

        def script(step: Step) -> Answer:
            if step.name != "rcpt" or step.argument in known:
                return None
            known.add(step.argument)
            return b"450 4.2.0 greylisted, come again\r\n"

        return script


@dataclass(frozen=True)
class Holding:
    """Says nothing from the nth time that a step is come to, until the file ``go`` is there."""

    folder: Path
    step: str
    nth: int

    def __call__(self) -> Script:
        seen = 0

        def script(step: Step) -> Answer:
            nonlocal seen
            seen += step.name == self.step
            if step.name == self.step and seen == self.nth:
                (self.folder / "held").touch()
                wait_for(self.folder / "go")  # nobody is answered meanwhile
            return None

        return script

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def wait(self) -> None:
        """Wait until the send is held up."""
        wait_for(self.folder / "held")


def wait_for(file: Path) -> None:
    ends = time.monotonic() + HOLD
    while not file.exists():
        assert time.monotonic() < ends, f"{file.name} did not come within {HOLD:.0f} s"
        time.sleep(0.01)
