"""One relay as a run finds it: how it behaves decides whether and how fast it is used, left alone, or given up."""

import datetime as dt
from collections import deque
from dataclasses import dataclass, field

from digest.delivery.outcome import Relay
from digest.delivery.pace import FLOOR, LearnedPace, Meter, Pace
from digest.store.ledger import Entry
from digest.store.relays import Learned

PATIENCE = 3  #: refusals in a row, with nothing accepted, until a relay is left alone for a while
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  #: seconds
STORM = 1000  #: mails put off in a row, with none accepted: the relay speaks of us, not of a thousand readers
STORM_BESIDE = 50  #: the same, while another relay takes our mail
LOST = 10  #: answers lost in a row, or three for each connection: more of them would put the whole list in doubt
RECENT, MANY = 20, 8  #: answers that are looked at; more refusals among them are about speed, whatever they say
UNSURE = 2.0  #: mails a second: no relay is fed more slowly for refusals that do not speak of speed
FORGOTTEN = dt.timedelta(days=7)  #: what a relay has shown holds that long


@dataclass
class Line:
    """A relay, its number in the ledger, and how it has behaved; times are seconds of one monotonic clock."""

    relay: Relay
    relay_id: int
    pace: Pace = field(default_factory=Pace)
    learned: LearnedPace = field(default_factory=LearnedPace)
    known: Learned = field(default_factory=Learned)  #: what earlier runs have left
    passed: Meter = field(default_factory=Meter)
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))  #: mails, whether taken
    has_slowed: bool = False
    open: int = 0  #: conversations
    refusals: int = 0  #: in a row
    put_off: int = 0  #: mails in a row
    lost: int = 0  #: answers after the dot in a row
    pause: float = 0.0
    paused_until: float = 0.0
    is_in_storm: bool = False  #: of refusals, none accepted
    is_given_up: bool = False  #: for the rest of this run
    is_used_up: bool = False  #: as much as its rate allows in this run; what has a place is sent

    @property
    def is_accepting(self) -> bool:
        """Whether the last mails that were not about one reader were accepted."""
        return self.passed.total > 0 and not self.put_off and not self.is_given_up

    def wait(self, now: float) -> float:
        """Return how many seconds this relay's own limits make a mail wait; takes no place."""
        return max(self.pace.wait(now), self.learned.wait(now))

    def take(self, now: float) -> None:
        """Take a place for a mail."""
        self.pace.take(now)
        self.learned.take(now)

    def accept(self, now: float) -> None:
        """Take note of a mail that the relay has taken."""
        self.passed.add(now)
        self.learned.passed()
        self.recent.append(True)
        self.put_off = self.lost = 0
        self.answer()

    def answer(self) -> None:
        """Take note of an answer that speaks of a mail or its reader: the relay works with us."""
        self.refusals, self.pause, self.paused_until = 0, 0.0, 0.0

    def defer(self, *, others_accept: bool) -> None:
        """Take note of a mail that was put off, and of whether that has become a storm."""
        self.refusals = 0
        self.put_off += 1
        self.is_in_storm = self.put_off >= (STORM_BESIDE if others_accept else STORM)

    def lose(self, now: float) -> float:
        """Take note of an answer that was lost after the dot; return what ``refuse`` does."""
        self.lost += 1
        self.is_in_storm = self.is_in_storm or self.lost >= max(LOST, PATIENCE * self.relay.connections)
        return self.refuse(now)

    def slow(self, now: float, began: float, *, is_sure: bool) -> bool:
        """Take note of a mail, begun at a time, that may have been refused for its speed; return whether it was.

        It is then answered by a slower pace. A refusal that says so is believed; of others there must be many.
        """
        self.recent.append(False)
        if not self.passed.total:
            return False  # where nothing has ever passed, speed is not the trouble
        if not is_sure and self.recent.count(False) <= MANY:
            return False
        self.recent.clear()
        self.has_slowed = True
        return self.learned.slow(now, began, self.passed.per_second(now), FLOOR if is_sure else UNSURE)

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


def still_known(known: Learned, now: dt.datetime) -> Learned:
    """Return what holds of what a relay has shown: nothing when it is too long ago."""
    return known if known.at is not None and now - known.at <= FORGOTTEN else Learned()


def to_remember(line: Line, now: dt.datetime) -> Learned | None:
    """Return what the next run should know of a relay; None when that has not changed.

    Its age counts from when something was learned, so that a limit which is never met again is forgotten.
    """
    per_connection = line.relay.learned_per_connection
    is_new = line.has_slowed or per_connection != line.known.per_connection
    found = Learned(per_connection, line.learned.rate, now if is_new else line.known.at)
    return found if found != line.known else None
