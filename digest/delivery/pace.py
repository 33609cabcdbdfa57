"""When the next mail may go: deciding only, the waiting is the send's. Times are seconds of one clock."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PARTS = 1000  #: of a window: what goes within one of them counts as if it had gone at its end

FLOOR = 0.2  #: mails a second: no relay and no domain is fed more slowly
FIRST_GUESS = 10.0  #: mails a second: less is not believed of a few mails, until it is refused as well
HALF, NEARLY = 0.5, 0.9  #: of the speed that was borne: what is gone on with, and what is soon gone back to
RECOVERY = 5.0  #: seconds for that
GROWTH, STEP = 1.1, 10.0  #: from then on a tenth more in ten seconds, and ever more the longer nothing is refused
FORGOTTEN = 10.0  #: times the speed that was borne: whatever the trouble was has passed
OVER = 5.0  #: seconds over which a speed is measured
SLOT = 0.25
REST = 1.0  #: seconds of silence after a halving: most limits count what came in the last second
CREDIT = 0.05  #: seconds that a learned pace may catch up, for whoever overslept


@dataclass
class _Some:
    """Mails that went within a part of a window."""

    first: float
    last: float
    mails: int


class Pace:
    """Limits of so many mails in so many seconds, over all connections.

    ``before``: for a window in seconds, when how many mails went before this run, in order.
    """

    def __init__(
        self,
        limits: Sequence[tuple[int, int]] = (),
        before: Mapping[int, Sequence[tuple[float, int]]] | None = None,
    ) -> None:
        earlier = before or {}
        self._windows = [_Window(mails, seconds, earlier.get(seconds, ())) for mails, seconds in limits]

    def wait(self, now: float) -> float:
        """Return how many seconds to wait until there is a place; takes none."""
        return max([window.wait(now) for window in self._windows]) if self._windows else 0.0

    def take(self, now: float) -> None:
        """Take a place."""
        for window in self._windows:
            window.take(now)


class _Window:
    """What went in the last seconds: a day of 50,000 mails in no more than a thousand numbers."""

    def __init__(self, most: int, seconds: int, before: Sequence[tuple[float, int]]) -> None:
        self._most, self._seconds = most, seconds
        self._went = deque(_Some(at, at, mails) for at, mails in before)
        self._total = sum(mails for _, mails in before)

    def wait(self, now: float) -> float:
        while self._went and self._went[0].last + self._seconds <= now:
            self._total -= self._went.popleft().mails
        left = self._total
        for some in self._went:
            if left < self._most:
                break
            left -= some.mails
            until = some.last + self._seconds
        return max(0.0, until - now) if self._total >= self._most else 0.0

    def take(self, now: float) -> None:
        self._total += 1
        if self._went and now - self._went[-1].first < self._seconds / PARTS:
            self._went[-1].last, self._went[-1].mails = now, self._went[-1].mails + 1
        else:
            self._went.append(_Some(now, now, 1))


class Meter:
    """How many mails there have been in the last seconds."""

    def __init__(self) -> None:
        self.total = 0
        self._slots: deque[tuple[float, int]] = deque(maxlen=int(OVER / SLOT))
        self._slot, self._count = 0.0, 0

    def add(self, now: float) -> None:
        """Count one."""
        self.total += 1
        if now >= self._slot + SLOT:
            self._slots.append((self._slot, self._count))
            self._slot, self._count = now, 0
        self._count += 1

    def per_second(self, now: float) -> float:
        """Return the speed of the last seconds; what has been going for less than one counts as that long."""
        recent = [one for one in (*self._slots, (self._slot, self._count)) if one[1] and one[0] > now - OVER]
        if not recent:
            return 0.0
        return sum(count for _, count in recent) / min(OVER, max(1.0, now - recent[0][0]))


class LearnedPace:
    """The speed that somebody bears, learned from refusals: none at first, then half of what passed.

    It grows with the time in which mails go: soon to nearly what was borne, slowly past that, then ever faster.
    """

    def __init__(self, remembered: float | None = None) -> None:
        self._borne: float | None = None
        self._going = 0.0  #: seconds in which mails went, since it was halved
        self._last = self._next = 0.0
        self._halved_at: float | None = None
        self._tried = self._passed = 0  #: mails since then
        if remembered is not None:
            self.begin(remembered)

    def begin(self, rate: float, now: float = 0.0, forgotten: float = FORGOTTEN) -> None:
        """Go at a rate from a moment on, growing until it is so many times as much."""
        self._borne, self._going, self._next = rate / NEARLY, RECOVERY, now
        self._forgotten_at = forgotten * rate

    @property
    def rate(self) -> float | None:
        """The mails a second of this moment; None for as many as can be."""
        if self._borne is None:
            return None
        if self._going < RECOVERY:
            return self._borne * (HALF + (NEARLY - HALF) * self._going / RECOVERY)
        grown: float = GROWTH ** min(200.0, ((self._going - RECOVERY) / STEP) ** 2)
        return self._borne * NEARLY * grown

    def wait(self, now: float) -> float:
        """Return how many seconds to wait until the next may go; takes no place."""
        return max(0.0, self._next - now) if self._borne is not None else 0.0

    def take(self, now: float) -> None:
        """Take a place."""
        self._tried += 1
        if (rate := self.rate) is None:
            return
        if rate > self._forgotten_at:
            self._borne = None
            return
        self._next = max(self._next, now - CREDIT) + 1 / rate
        # A pause says nothing of what is borne: it counts for no longer than the pace itself makes a mail wait.
        self._going += min(now - self._last, 2 / rate)
        self._last = now

    def passed(self) -> None:
        """Take note of a mail that passed."""
        self._passed += 1

    def is_slower_since(self, began: float) -> bool:
        """Return whether the pace has been halved since a moment."""
        return self._halved_at is not None and began <= self._halved_at

    def slow(self, now: float, began: float, speed: float, least: float = FLOOR) -> bool:
        """Take note of a mail that was refused for its speed; return whether that has been answered by a slower pace.

        ``began``: when that mail was begun; what was under way when the pace was halved says nothing new. ``speed``:
        of the mails that passed lately, while there is no pace. False where it is at its ``least`` already.
        """
        if self.is_slower_since(began):
            return True
        rate = self.rate
        if rate is None:
            borne = max(speed, FIRST_GUESS)
            self._forgotten_at = FORGOTTEN * borne
        else:
            borne = rate * max(HALF, self._passed / max(1, self._tried))
        self._borne = max(least / HALF, borne)
        self._going, self._tried, self._passed = 0.0, 0, 0
        self._halved_at = self._last = now
        self._next = now + max(REST, 1 / (self._borne * HALF))
        return rate is None or rate * HALF > least
