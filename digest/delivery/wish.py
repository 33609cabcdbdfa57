"""What is asked of a send, on whose behalf, and what became of it."""

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from digest.delivery.options import Now, Watch
from digest.delivery.preflight import Finding
from digest.delivery.roads import Roads
from digest.models import EditionState

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft


@dataclass(frozen=True)
class Wish:
    """What is asked of a send."""

    date: dt.date | None = None  #: today in the newsletter's zone; without anybody at it: no date is due
    dry_run: bool = False
    wait: dt.timedelta = dt.timedelta(minutes=30)
    force: tuple[str, ...] = ()
    in_doubt: str = "resend"
    extra: bool = False  #: one more edition of the date
    late_by: dt.timedelta | None = None  #: begun this long after its scheduled time, and that is too long


class Ending(enum.Enum):
    """How it ended for one edition."""

    EMPTY = "empty"
    HELD = "held"
    DRY = "dry"
    ALREADY = "already"  #: nothing was left to do
    RAN = "ran"


@dataclass(frozen=True)
class Result:
    """What became of one edition; ``edition`` is the contract's JSON."""

    ending: Ending
    key: str
    edition: dict[str, Any]
    open: int = 0  #: mail to send and doubts to settle: a further send goes on with it
    now: Now = field(default_factory=Now)
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """The contract's code for it."""
        if self.now.interrupted:
            return 130
        if self.ending is Ending.HELD or self.now.turned is EditionState.PAUSED:
            return 6
        if self.now.storm:
            return 1
        if self.ending is not Ending.RAN or not self.open:
            return 0
        if self.now.refused_login:
            return 4
        nothing_done = self.open == self.edition["pending"] == self.edition["audience"] - self.edition["skipped"]
        return 1 if self.now.relay_words and nothing_done else 3


@dataclass(frozen=True)
class Desk:
    """The person or program on whose behalf we send."""

    confirm: "Callable[[Draft, Roads], bool]" = lambda _made, _roads: True
    freezing: Callable[[str, int], None] = lambda _key, _readers: None  #: told before what takes seconds for a million
    watch: Callable[[str], Watch] = lambda _key: Watch()
    begin: Callable[[], None] = lambda: None  #: told before the first edition is decided about or gone on with
    is_attended: bool = False  #: a person looks on, and needs no mail to know what happened
