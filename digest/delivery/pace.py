"""When the next mail may go: deciding only, the waiting is the send's."""

from collections import deque
from collections.abc import Sequence


class Pace:
    """Limits of so many mails in so many seconds, over all connections of this run."""

    def __init__(self, limits: Sequence[tuple[int, int]] = ()) -> None:
        self._starts = [(seconds, deque[float](maxlen=mails)) for mails, seconds in limits]

    def take(self, now: float) -> float:
        """Return how many seconds to wait; 0 takes a place among the limits, anything else takes none."""
        wait = max((self._wait(seconds, starts, now) for seconds, starts in self._starts), default=0.0)
        if wait <= 0:
            for _, starts in self._starts:
                starts.append(now)
        return max(wait, 0.0)

    @staticmethod
    def _wait(seconds: int, starts: deque[float], now: float) -> float:
        full = len(starts) == starts.maxlen
        return starts[0] + seconds - now if full else 0.0
