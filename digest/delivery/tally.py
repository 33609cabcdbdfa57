"""What the conversations ask of the ledger, gathered and handed over as one work.

A commit costs as much as the rows of ten mails, so that many share one: they are one savepoint, and come back by one
wake-up.  The order stays: the record of a mail is written before the mark of the next one on its connection.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from digest.delivery.waiting import utc
from digest.store import Store
from digest.store.ledger import Claim, Entry, Mark
from digest.store.marks import Asked, Marks, ToMark, ToRecord

#: Seconds of rest after a group, unless most of the mails that are under way wait for the next: a thousand commits a
#: second keep a processor busy, and where mails come more slowly than that none waits.
SPACING = 0.001
MOST = 0.75

Unwritten = Callable[[Claim, Entry, BaseException], None]
Heard = Callable[[Mark | None], None]  #: told what a mark says; None of a record, and of what could not be written
Waiting = list[tuple[Asked, Heard | None]]


class Tally:
    """Marks and records of one edition.

    What cannot be written is told of twice: ``unwritten`` of each record at once, in the writer's thread, also when no
    loop runs any more, and ``cannot_write`` in the loop.
    """

    def __init__(
        self, store: Store, marks: Marks, unwritten: Unwritten, cannot_write: Callable[[BaseException], None]
    ) -> None:
        self._store, self._marks = store, marks
        self._unwritten, self._cannot_write = unwritten, cannot_write
        self._gathered: Waiting = []
        self._to_mark = 0  # of what is gathered
        self._under_way: set[int] = set()  # readers whose mail is between the question for its mark and its record
        self._is_busy = False  # with a group that is not written yet
        self._next: asyncio.Handle | None = None  # what hands the next one over
        self._is_soon = False  # and not in a moment only
        self._last = 0.0  # when one was written

    def mark(self, claim: Claim, relay_id: int, then: Heard) -> None:
        """Mark a delivery ``sending``; ``then`` is told, later, whether its dot may go out, once that is durable."""
        self._to_mark += 1
        self._under_way.add(claim.subscriber_id)
        self._ask(ToMark(claim, relay_id, utc()), then)

    def record(self, claim: Claim, entry: Entry, then: Heard | None = None) -> None:
        """Write what came of a mail; ``then`` is told, later, that it is durable, or could not be written."""
        self._under_way.discard(claim.subscriber_id)
        self._ask(ToRecord(claim, entry), then)

    def hand_over(self) -> None:
        """Give the writer what is gathered: nothing that is asked of the store later comes before it."""
        if self._next is not None:
            self._next.cancel()
            self._next, self._is_soon = None, False
        if not self._gathered:
            return
        loop = asyncio.get_running_loop()
        waiting, self._gathered, self._to_mark = self._gathered, [], 0
        self._is_busy = True
        asked = [one for one, _ in waiting]
        written = self._store.write(lambda connection: self._marks.write(connection, asked))
        written.add_done_callback(lambda written: self._written(loop, waiting, written))

    def _ask(self, one: Asked, then: Heard | None) -> None:
        self._gathered.append((one, then))
        if not self._is_busy and not self._is_soon:
            self._plan(asyncio.get_running_loop())

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have what is gathered handed over, soon or in a moment."""
        at = self._last + SPACING
        if self._to_mark >= MOST * len(self._under_way) or loop.time() >= at:
            if self._next is not None:
                self._next.cancel()
            self._next, self._is_soon = loop.call_soon(self.hand_over), True
        elif self._next is None:
            self._next = loop.call_at(at, self.hand_over)

    def _written(self, loop: asyncio.AbstractEventLoop, waiting: Waiting, written: "Future[list[Mark | None]]") -> None:
        """Pass on what the writer says, in its thread."""
        if (error := written.exception()) is not None:
            for one, _ in waiting:
                if isinstance(one, ToRecord):
                    self._unwritten(one.claim, one.entry, error)
        loop.call_soon_threadsafe(self._answer, waiting, written)

    def _answer(self, waiting: Waiting, written: "Future[list[Mark | None]]") -> None:
        loop = asyncio.get_running_loop()
        self._is_busy, self._last = False, loop.time()
        if self._gathered:
            self._plan(loop)
        if (error := written.exception()) is not None:
            self._cannot_write(error)
        said = [None] * len(waiting) if error is not None else written.result()
        for (one, then), mark in zip(waiting, said, strict=True):
            if mark is not Mark.GO:
                self._under_way.discard(one.claim.subscriber_id)
            if then is not None:
                loop.call_soon(then, mark)  # each by itself: what one of them raises is not the others'
