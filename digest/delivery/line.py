"""One relay as a run finds it: how it behaves decides whether it is used, left alone for a while, or given up."""

from dataclasses import dataclass, field

from digest.delivery.outcome import Relay
from digest.delivery.pace import Pace
from digest.store.ledger import Entry, Ledger

PATIENCE = 3  #: refusals in a row, with nothing accepted, until a relay is left alone for a while
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  #: seconds
STORM = 1000  #: mails put off in a row, with none accepted: the relay speaks of us, not of a thousand readers


@dataclass
class Line:
    """A relay, its numbers in the ledger, and how it has behaved; times are seconds of one monotonic clock."""

    relay: Relay
    relay_id: int
    ledger: Ledger
    pace: Pace = field(default_factory=Pace)
    open: int = 0  #: conversations
    has_accepted: bool = False
    refusals: int = 0  #: in a row
    put_off: int = 0  #: mails in a row
    pause: float = 0.0
    paused_until: float = 0.0
    is_given_up: bool = False  #: for the rest of this run

    def accept(self) -> None:
        """Take note of an answer that speaks of a mail or its reader: the relay works with us."""
        self.has_accepted, self.refusals, self.put_off, self.pause = True, 0, 0, 0.0

    def defer(self) -> bool:
        """Take note of a mail that was put off; return whether that has become a storm."""
        self.refusals = 0
        self.put_off += 1
        return self.put_off >= STORM

    def refuse(self, now: float) -> float:
        """Take note of a refusal that speaks of us; return for how long the relay is left alone from now on, or 0."""
        self.refusals += 1
        if self.refusals < PATIENCE or self.paused_until > now:
            return 0.0
        self.pause = min(LONGEST_PAUSE, self.pause * 2 or FIRST_PAUSE)
        self.paused_until = now + self.pause
        return self.pause

    def words(self, entry: Entry) -> str:
        """Return what this relay said about a mail, as people read it."""
        said = " ".join(str(part) for part in (entry.code, entry.enhanced, entry.words) if part)
        return f"relay {self.relay.name} at {entry.phase}: {said}"
