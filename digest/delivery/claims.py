"""What a run has claimed of its edition and not tried yet, in small batches; readers of held domains are set aside."""

import asyncio
import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import idna

from digest.delivery import crash
from digest.delivery.domains import Domains, domain_of
from digest.store import Store, ledger
from digest.store.ledger import Claim
from digest.store.pacing import first_untried

BATCH = 500  #: deliveries claimed at once: what a crash gives back, not what it doubts
DUE_EVERY = 1.0  #: seconds between two looks at what is due, while there is fresh mail


class Claims:
    """Deliveries for whoever asks next; whoever finds that nothing is to be had, now or soon, sets ``exhausted``.

    ``only``: what is claimed already, and nothing else is to be.
    """

    def __init__(self, store: Store, edition_id: int, lease: int, domains: Domains, only: Sequence[Claim] = ()) -> None:
        self.exhausted = asyncio.Event()
        self.arrived: Callable[[Sequence[Claim]], None] = _nobody_asks  # told of every batch
        self.batch = BATCH  #: less, while one mail is to find out whether others may follow
        self._store, self._edition_id, self._lease, self._domains = store, edition_id, lease, domains
        self._waiting: deque[Claim] = deque(only)
        self._claims_more = not only
        self._coming: asyncio.Task[int] | None = None  # a batch that is being claimed
        self._is_dry = False  # the last one was empty
        self._after = 0  # fresh mail is claimed in the readers' order, so that what is done is not looked at again
        self._has_fresh = True
        self._put_back: deque[int] = deque()  # readers who are pending again; claiming goes on in another thread
        self._due_at = 0.0  # when what is due is looked at again
        self._aside: dict[str, deque[Claim]] = {}  # by domain: whose turn has not come
        self._free_at = 0.0  # when the first of them may go
        self._passed_over: set[str] = set()  # domains of which readers were left in the ledger

    async def take(self) -> Claim | None:
        """Return a delivery that is ours to try, with a place in its domain's pace; None when none may go now."""
        while True:
            if (claim := self.at_hand(time.monotonic())) is not None:
                return claim
            if not await asyncio.shield(self._fetch()) and not self._waiting:  # nor has anybody given some back
                return None

    def at_hand(self, now: float) -> Claim | None:
        """Return what ``take`` would, of what is claimed already; more is fetched before that is used up."""
        if (claim := self._from_aside(now)) is not None:
            return claim
        while self._waiting:
            claim = self._waiting.popleft()
            if len(self._waiting) <= self.batch // 2 and self.batch == BATCH and not self._is_dry:
                self._fetch()
            wait = self._domains.take(domain_of(claim.address), now)
            if wait <= 0:
                return claim
            self._set_aside(claim, now + wait)
        return None

    async def settled(self) -> None:
        """Wait for the batch that is being claimed: what comes after the end of a lease would not be given back."""
        if self._coming is not None:
            await asyncio.wait([self._coming])

    @property
    def has_some(self) -> bool:
        """Whether some are claimed that nobody has taken, or that were given back."""
        return bool(self._waiting)

    def later(self) -> float | None:
        """Return in how many seconds a reader who was set aside may go; None when there is none."""
        return max(0.0, self._free_at - time.monotonic()) if self._aside else None

    def give_back(self, claim: Claim) -> None:
        """Put a delivery that was not tried in front."""
        self._domains.ended(domain_of(claim.address))
        self._waiting.appendleft(claim)
        self.exhausted.clear()

    def again(self, claim: Claim) -> None:
        """Take note that a delivery is pending once more."""
        self._put_back.append(claim.subscriber_id)
        self._due_at = 0.0  # one that is in doubt is found there
        self._is_dry = False
        self.exhausted.clear()

    def _from_aside(self, now: float) -> Claim | None:
        if not self._aside or now < self._free_at:
            return None
        waits = []
        for domain, claims in self._aside.items():
            wait = self._domains.take(domain, now)
            if wait <= 0:
                claim = claims.popleft()
                if not claims:
                    del self._aside[domain]
                return claim
            waits.append(wait)
        self._free_at = now + min(waits)
        return None

    def _set_aside(self, claim: Claim, free_at: float) -> None:
        self._free_at = min(self._free_at, free_at) if self._aside else free_at
        claims = self._aside.setdefault(domain_of(claim.address), deque())
        if claim.tries:
            claims.appendleft(claim)  # first: a greylist lets them pass by now
        else:
            claims.append(claim)

    def _fetch(self) -> "asyncio.Task[int]":
        """Return the claiming of a batch, begun now unless it is under way; it brings so many."""
        if self._coming is None:
            self._coming = asyncio.get_running_loop().create_task(self._bring())
            self._coming.add_done_callback(_is_heard)
        return self._coming

    async def _bring(self) -> int:
        try:
            crash.reached("claim")
            # Looked at here: whoever is set aside meanwhile changes them, and the claiming goes on in another thread.
            aside = frozenset(self._aside)
            put_off = frozenset(domain for domain, claims in self._aside.items() if claims[0].tries)
            claims = await asyncio.to_thread(self._claim, aside, put_off)
            self._is_dry = not claims
            self._waiting.extend(claims)
            self.arrived(claims)
            crash.reached("claimed")
            return len(claims)
        finally:
            self._coming = None

    def _claim(self, aside: frozenset[str], put_off: frozenset[str]) -> list[Claim]:
        """Claim a batch, but for readers of domains that are set aside; of those ``put_off`` not what is due either."""
        if not self._claims_more:
            return []
        now = time.monotonic()
        if now >= self._due_at and (claims := self._claim_due(put_off)):
            return claims
        self._due_at = now + DUE_EVERY
        return self._claim_fresh(aside) or self._claim_due(put_off)

    def _claim_fresh(self, aside: frozenset[str]) -> list[Claim]:
        """Claim the next readers, but for those whose domain has some set aside already."""
        while self._put_back:
            self._after, self._has_fresh = min(self._after, self._put_back.popleft() - 1), True
        if self._passed_over - aside:
            self._after, self._has_fresh = 0, True  # some who were passed over may go now
        self._passed_over &= aside
        over = _spellings(aside)
        if self._has_fresh and (over or not self._after):
            first = first_untried(self._store, self._edition_id, self._after, over)
            self._passed_over.update(aside)
            self._after, self._has_fresh = (self._after if first is None else first - 1), first is not None
        if not self._has_fresh:
            return []
        claims = ledger.claim(self._store, self._edition_id, self._lease, self._after, self.batch, over)
        self._after, self._has_fresh = (claims[-1].subscriber_id if claims else self._after), bool(claims)
        return claims

    def _claim_due(self, put_off: frozenset[str]) -> list[Claim]:
        now, over = dt.datetime.now(dt.UTC), _spellings(put_off)
        return ledger.claim_due(self._store, self._edition_id, self._lease, now, self.batch, over)


def _is_heard(coming: "asyncio.Task[int]") -> None:
    """Take note of an error of what was fetched ahead: whoever needs the next batch meets it again."""
    if not coming.cancelled():
        coming.exception()


def _nobody_asks(_: Sequence[Claim]) -> None:
    pass


def _spellings(domains: Iterable[str]) -> set[str]:
    """Return domains as addresses spell them: as A-labels, and in the letters that these stand for."""
    return {spelling for domain in domains for spelling in (domain, _in_letters(domain))}


def _in_letters(domain: str) -> str:
    try:
        return idna.decode(domain) if "xn--" in domain else domain
    except idna.IDNAError:
        return domain
