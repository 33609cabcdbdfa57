"""Mails made ahead of the conversations by threads, since a signature takes longer than all else about a mail."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from digest.store.ledger import Claim

MOST = 64  #: in memory, 2 MB of them
T = TypeVar("T")


class Ahead(Generic[T]):
    """What ``make`` makes of claims, begun by threads in the order in which claims came.

    ``make`` is called in any thread, and may raise what ``take`` is to raise. All else belongs to one thread.
    """

    def __init__(self, make: Callable[[Claim], T], most: int = MOST) -> None:
        self._make, self._most = make, most
        # As many as can work at once: a signature leaves the interpreter to others.
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "ahead")
        self._expected: deque[int] = deque()  # readers
        self._claims: dict[int, Claim] = {}  # theirs; what threads have begun with are the first of them
        self._begun: dict[int, Future[T]] = {}

    def expect(self, claims: Sequence[Claim]) -> None:
        """Take note of what will be asked for, behind what is expected already."""
        for claim in claims:
            if claim.subscriber_id not in self._claims:
                self._expected.append(claim.subscriber_id)
                self._claims[claim.subscriber_id] = claim
        self._begin()

    def take(self, claim: Claim) -> T:
        """Return what is made of a claim; what no thread has begun with is made here and now, so nobody is idle."""
        made = self._found(claim)
        self._begin()
        return self._make(claim) if made is None or made.cancel() else made.result()

    def _found(self, claim: Claim) -> "Future[T] | None":
        """Return what was begun of a claim; whatever stands before it has been set aside, and is expected no more."""
        if self._claims.get(claim.subscriber_id) != claim:
            return None
        while True:
            reader = self._expected.popleft()
            del self._claims[reader]
            made = self._begun.pop(reader, None)
            if reader == claim.subscriber_id:
                return made
            if made is not None:
                made.cancel()

    def _begin(self) -> None:
        while len(self._begun) < min(self._most, len(self._expected)):
            reader = self._expected[len(self._begun)]
            self._begun[reader] = self._threads.submit(self._make, self._claims[reader])
