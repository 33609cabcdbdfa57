"""How readers' domains are fed: deciding only, by what was answered at RCPT. Times are seconds of one clock.

A relay that knows no domains answers for all of them alike. Where only some readers are put off, and three of one
domain in a row while others pass, that domain is parked and then tried with one mail at a time.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import idna

from digest.delivery.matter import Matter
from digest.delivery.pace import LearnedPace, Pace

IN_A_ROW = 3  #: readers of a domain put off, and none passed, until it is parked
FIRST_PARK, LONGEST_PARK = 30.0, 900.0  #: seconds
RECENT = 20  #: answers at RCPT that tell whether others pass
OTHERS = 3  #: of them, of other domains, are enough to tell
FEW = 0.25  #: of the others are put off: more, and it is the relay's matter
ON_TRIAL = 0.25  #: seconds until somebody asks again what has become of the one mail under way
START, MOST = 1.0, 1000.0  #: mails a second, once a parked domain takes mail again; it is fed as fast as can be


@lru_cache(maxsize=10_000)
def _ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


def domain_of(address: str) -> str:
    """Return what follows the last @, in small letters, as A-labels (RFC 5890, 2.3.2.1)."""
    domain = address.rpartition("@")[2].lower()
    return domain if domain.isascii() else _ascii(domain)


@dataclass
class _Domain:
    """What is known of a domain that has a limit or has put somebody off."""

    limit: Pace = field(default_factory=Pace)
    learned: LearnedPace = field(default_factory=LearnedPace)
    put_off: int = 0  #: in a row
    pause: float = 0.0
    parked_until: float | None = None  #: parked until then, from then on tried with one mail at a time
    under_way: int = 0  #: mails that wait for their answer


class Domains:
    """Every domain's pace; ``limits`` are those of digest.toml."""

    def __init__(self, limits: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> None:
        self._known = {name: _Domain(limit=Pace(limit)) for name, limit in (limits or {}).items()}
        self._recent: deque[tuple[str, bool]] = deque(maxlen=RECENT)

    def take(self, domain: str, now: float) -> float:
        """Return how many seconds to wait until a mail of a domain may go; 0 takes its place."""
        known = self._known.get(domain)
        if known is None:
            return 0.0
        if known.parked_until is not None:
            if known.parked_until > now:
                return known.parked_until - now
            if known.under_way:
                return ON_TRIAL
        wait = max(known.limit.wait(now), known.learned.wait(now))
        if wait <= 0:
            known.limit.take(now)
            known.learned.take(now)
            known.under_way += 1
        return wait

    def passed(self, domain: str) -> None:
        """Take note that a reader of a domain got their mail."""
        self._recent.append((domain, True))
        if (known := self._ended(domain)) is not None:
            known.put_off, known.pause, known.parked_until = 0, 0.0, None
            known.learned.passed()

    def ended(self, domain: str) -> None:
        """Take note that a mail is no longer under way, and that this says nothing of its domain."""
        self._ended(domain)

    def put_off(self, domain: str, now: float, luck: float) -> Matter:
        """Take note that a reader was put off at RCPT; return whose matter that is. ``luck``, 0 to 1, spreads parks."""
        self._ended(domain)
        others = [has_passed for name, has_passed in self._recent if name != domain]
        known = self._known.get(domain)
        if known is not None and known.parked_until is not None:
            if now >= known.parked_until:  # the one that was tried; earlier, one that was still under way
                self._park(known, now, luck)
            return Matter.DOMAIN
        self._recent.append((domain, False))
        if len(others) < OTHERS:
            return Matter.RELAY if len(self._recent) == RECENT else Matter.UNKNOWN
        if others.count(False) > FEW * len(others):
            return Matter.RELAY
        if known is None:
            known = self._known[domain] = _Domain()
        return self._count_against(known, now, luck)

    def _count_against(self, known: _Domain, now: float, luck: float) -> Matter:
        known.put_off += 1
        if known.put_off >= IN_A_ROW:
            self._park(known, now, luck)
            return Matter.DOMAIN
        if known.learned.rate is not None:
            known.learned.slow(now, now, 0.0)
            return Matter.DOMAIN
        return Matter.UNKNOWN

    def _park(self, known: _Domain, now: float, luck: float) -> None:
        known.pause = min(LONGEST_PARK, known.pause * 2 or FIRST_PARK)
        known.parked_until = now + known.pause * (0.5 + luck / 2)
        known.learned = LearnedPace()
        known.learned.begin(START, known.parked_until, forgotten=MOST / START)

    def _ended(self, domain: str) -> _Domain | None:
        known = self._known.get(domain)
        if known is not None and known.under_way:
            known.under_way -= 1
        return known
