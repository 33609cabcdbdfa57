"""What a run has claimed of its edition and not tried yet, in small batches: first the fresh mail, then what is due."""

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Sequence

from digest.delivery import crash
from digest.store import Store, ledger
from digest.store.ledger import Claim

BATCH = 200  #: deliveries claimed at once: what a crash gives back, not what it doubts


class Claims:
    """Deliveries for whoever asks next; ``exhausted`` is set while there is nothing to be had.

    ``only``: what is claimed already, and nothing else is to be.
    """

    def __init__(self, store: Store, edition_id: int, lease: int, only: Sequence[Claim] = ()) -> None:
        self.exhausted = asyncio.Event()
        self._store, self._edition_id, self._lease = store, edition_id, lease
        self._waiting: deque[Claim] = deque(only)
        self._claims_more = not only
        self._asking = asyncio.Lock()
        self._after = 0  # fresh mail is claimed in the readers' order, so that what is done is not looked at again
        self._has_fresh = True

    async def take(self) -> Claim | None:
        """Return a delivery that is ours to try, None when nothing is due."""
        async with self._asking:
            if not self._waiting:
                crash.reached("claim")
                self._waiting.extend(await asyncio.to_thread(self._claim))
                crash.reached("claimed")
            if not self._waiting:
                self.exhausted.set()
                return None
            return self._waiting.popleft()

    def give_back(self, claim: Claim) -> None:
        """Put a delivery that was not tried in front."""
        self._waiting.appendleft(claim)
        self.exhausted.clear()

    def again(self, claim: Claim) -> None:
        """Take note that a delivery is pending once more."""
        self._after = min(self._after, claim.subscriber_id - 1)
        self._has_fresh = True
        self.exhausted.clear()

    def _claim(self) -> list[Claim]:
        if not self._claims_more:
            return []
        if self._has_fresh:
            claims = ledger.claim(self._store, self._edition_id, self._lease, self._after, BATCH)
            if claims:
                self._after = claims[-1].subscriber_id
                return claims
            self._has_fresh = False
        return ledger.claim_due(self._store, self._edition_id, self._lease, dt.datetime.now(dt.UTC), BATCH)
