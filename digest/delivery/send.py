"""One edition on its way: rounds of conversations with the relays until nothing is left, or its time is over."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

from digest.delivery import memory
from digest.delivery.claims import BATCH, Claims
from digest.delivery.emergency import Journal
from digest.delivery.handover import Handover
from digest.delivery.line import Line
from digest.delivery.options import Now, Options, Watch
from digest.delivery.outcome import Relay
from digest.delivery.ready import make_ready
from digest.delivery.waiting import sleep, until, utc
from digest.delivery.worker import Course, Worker
from digest.errors import StoreError
from digest.models import Edition, EditionState
from digest.store import Store, ledger, standing, steering
from digest.store.ledger import Claim
from digest.store.pacing import has_sent, was_refused
from digest.tokens import Keyring

GATHER = 2.0  #: seconds: deferred mail that falls due together is tried together
LOOK = 0.5  #: seconds between two looks at whether an editor has stopped the edition
MOST = 0.9  #: of the list whose mail is refused: all of it, but for a few who were put off for their own sake
STUCK = 600.0  #: seconds in which mails were under way and nothing has come of any: time to say so


class Sending:
    """A run over one edition; whoever starts it holds the lock that says nobody else is sending."""

    def __init__(
        self, store: Store, ring: Keyring, edition: Edition, relays: Sequence[Relay], options: Options, watch: Watch
    ) -> None:
        assert edition.id is not None
        self._store, self._edition, self._edition_id = store, edition, edition.id
        self._relays, self._options, self._watch = relays, options, watch
        self._stopping = asyncio.Event()  # nothing more is begun
        self._ending = asyncio.Event()  # what is under way is cut off
        self._handover = Handover(store, ring, edition, options, watch, self._stopping)
        self._deadline = time.monotonic() + options.wait.total_seconds()

    @property
    def now(self) -> Now:
        """What this run has done."""
        return self._handover.now

    def stop(self) -> None:
        """Begin nothing more; what is under way is finished within the drain, or cut off when told a second time."""
        if self.now.interrupted:
            self._ending.set()
        self.now.interrupted = True
        self._stopping.set()

    async def run(self) -> Now:
        """Send until nothing is left, the time to wait is over, or we are told to stop."""
        now = utc()
        journal, left = make_ready(self._store, self._edition, self._in_flight())
        ledger.take_over(self._store, self._edition, now)
        ledger.settle_doubts(
            self._store, self._edition_id,
            resend=self._options.resend_doubts, close=self._options.close_doubts, now=now,
        )  # fmt: skip
        lease = ledger.take_lease(self._store, now)
        self._begin(journal, Claims(self._store, self._edition_id, lease, self._handover.domains))
        self._watch.begin(left)
        following = asyncio.create_task(self._follow())
        try:
            if left and steering.begin_sending(self._store, self._edition_id, now):
                await self._rounds()
            if self.now.storm:
                self.now.relay_words = f"nothing but refusals: {self.now.relay_words}"
            self._is_turned()  # it may be so since the last look
        finally:
            following.cancel()
            self._finish(lease)
        return self.now

    async def run_one(self, claim: Claim, lease: int) -> Now:
        """Send one delivery that is claimed already, also of an edition that is paused, and nothing else."""
        journal, _ = make_ready(self._store, self._edition, self._in_flight())
        self._begin(journal, Claims(self._store, self._edition_id, lease, self._handover.domains, [claim]))
        self._watch.begin(1)
        try:
            await self._round(1)
        finally:
            self._finish(lease)
        return self.now

    def _in_flight(self) -> int:
        return sum(relay.connections * relay.window for relay in self._relays)

    def _begin(self, journal: Journal, claims: Claims) -> None:
        self._handover.journal, self._handover.claims, self._claims = journal, claims, claims
        claims.arrived = self._handover.expect
        pace, lines = memory.paces(self._store, self._edition, self._relays, self._options)
        self._handover.lines = lines
        self._course = Course(lines, pace, self._handover, self._watch, self._stopping, self._deadline)

    async def _follow(self) -> None:
        """Begin nothing more once an editor has paused or cancelled the edition; say it when nothing moves."""
        moved, since, is_told = 0, time.monotonic(), False
        while True:
            await sleep(LOOK, self._stopping)
            if await asyncio.to_thread(self._is_turned):
                self._watch.say(f"{self.now.turned}: open conversations are being finished")
                self._stopping.set()
                return
            if not self._handover.under_way or self._handover.tried != moved:
                moved, since = self._handover.tried, time.monotonic()
            elif not is_told and time.monotonic() - since > STUCK:
                is_told = True
                self._watch.say(f"nothing has moved for {STUCK / 60:.0f} minutes: relays owe us an answer")

    def _is_turned(self) -> bool:
        """Look whether an editor has paused or cancelled the edition, and take note of it."""
        state = steering.state_of(self._store, self._edition_id)
        self.now.turned = state if state in (EditionState.PAUSED, EditionState.CANCELLED) else None
        return self.now.turned is not None

    async def _rounds(self) -> None:
        # Where the mail itself was refused all the time, one finds out whether today is another day.
        is_probing = self._is_unsent() and was_refused(self._store, self._edition_id)
        while self._used() and not self._stopping.is_set():
            due, tried = standing.due_count(self._store, self._edition_id, utc()), self._handover.tried
            used = self._used()
            if due:
                await self._round(due, is_probing=is_probing)
            if self._is_refused(is_probing=is_probing) and not self._stopping.is_set():
                self.now.storm = True
                return
            is_probing = is_probing and not self.now.sent
            if self._handover.tried > tried or len(self._used()) < len(used) or self._claims.has_some:
                continue  # also for what the last at a relay has given back, when the others had ended
            if not await self._more_to_come():
                return

    def _used(self) -> list[Line]:
        """Return the relays that take more in this run."""
        return [line for line in self._course.lines if not (line.is_given_up or line.is_used_up)]

    def _is_refused(self, *, is_probing: bool) -> bool:
        """Return whether the mail itself was refused by all of the list, or once more by whoever was to probe.

        A few may have been put off for their own sake: they would be refused as well.
        """
        refused = len(self._handover.refused)
        if not refused or not self._is_unsent():
            return False
        return is_probing or refused >= MOST * standing.open_count(self._store, self._edition_id)

    def _is_unsent(self) -> bool:
        return not self.now.sent and not has_sent(self._store, self._edition_id)

    async def _more_to_come(self) -> bool:
        """Wait for what falls due or may go within our time; False when there is nothing to wait for."""
        waits, due = [self._claims.later()], standing.next_due(self._store, self._edition_id)
        if due is not None and (due > utc() or waits == [None]):
            waits.append(max(GATHER, (due - utc()).total_seconds()))
        seconds = min((wait for wait in waits if wait is not None), default=None)
        if seconds is None or time.monotonic() + seconds > self._deadline:
            return False
        await sleep(seconds, self._stopping)
        return True

    async def _round(self, due: int, *, is_probing: bool = False) -> None:
        """Let as many conversations as there is work for send what is due; probing, one mail by each relay."""
        self._claims.exhausted.clear()
        lines = self._used()
        self._claims.batch = len(lines) if is_probing else BATCH
        workers = [
            asyncio.create_task(Worker(self._course, line, is_probing=is_probing).work())
            for line in lines
            for _ in range(1 if is_probing else min(line.relay.connections, due))
        ]
        try:
            await self._drained(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._claims.settled()

    async def _drained(self, workers: "list[asyncio.Task[None]]") -> None:
        """Wait for the workers; once we are told to stop, no longer than the drain. Raises what one of them raised."""
        drain = self._options.drain.total_seconds()
        stopped: asyncio.Future[None] = asyncio.ensure_future(until(self._stopping, self._ending, drain))
        working: asyncio.Future[list[None]] = asyncio.gather(*workers)
        both: list[asyncio.Future[Any]] = [working, stopped]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working  # or asyncio says on stderr that nobody has looked at it
        finally:
            stopped.cancel()

    def _finish(self, lease: int) -> None:
        """Wait for the last record, give back what was not tried, and say how the edition stands."""
        done, now = self._handover, utc()
        done.tally.hand_over()
        try:
            ledger.end_lease(self._store, self._edition_id, lease, now)  # queued behind every record of ours
        except StoreError as error:
            done.unrecorded = done.unrecorded or error
        done.journal.close()
        if done.unrecorded is not None:
            raise done.journal.explain(done.unrecorded)
        if self.now.began is not None:
            self.now.ended = time.monotonic()
        ledger.take_over(self._store, self._edition, now)
        memory.keep(self._store, self._course.lines)
        steering.finish(self._store, self._edition, now)
