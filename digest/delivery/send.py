"""One edition on its way: conversations with the relays, and what came of each mail."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from digest.delivery import crash
from digest.delivery.claims import Claims
from digest.delivery.line import Line
from digest.delivery.options import Now, Options, Watch
from digest.delivery.outcome import (
    Conversation,
    Envelope,
    LostAfterDot,
    LostBeforeDot,
    Outcome,
    Phase,
    Relay,
    RelayRefused,
    Replied,
    Reply,
    Withdrawn,
)
from digest.delivery.pace import Pace
from digest.delivery.retry import Trial, next_entry
from digest.delivery.waiting import sleep, until, utc
from digest.letter.identity import key_of, reader_of, return_path
from digest.letter.stamp import Stamp, open_letter
from digest.letter.values import BadAddress
from digest.models import DeliveryState, Edition, EditionState
from digest.store import Store, editions, ledger, names, steering
from digest.store.ledger import Claim, Entry, Ledger, Mark
from digest.tokens import Keyring

GATHER = 2.0  #: seconds: deferred mail that falls due together is tried together
ASIDE = 30.0  #: seconds until a connection that was one too many is tried again
LOOK = 0.5  #: seconds between two looks at whether an editor has stopped the edition
LONG_WAIT = 60.0  #: seconds: a rate that makes us wait longer, past our time, ends the run


class Sending:
    """A run over one edition; whoever starts it holds the lock that says nobody else is sending."""

    def __init__(
        self, store: Store, ring: Keyring, edition: Edition, relays: Sequence[Relay], options: Options, watch: Watch
    ) -> None:
        assert edition.id is not None
        assert edition.give_up_at is not None
        self.now = Now()
        self._store, self._ring, self._edition, self._options, self._watch = store, ring, edition, options, watch
        self._edition_id, self._give_up_at = edition.id, edition.give_up_at
        self._key = key_of(ring, edition)
        self._stamps: dict[int, Stamp] = {
            letter.id or 0: open_letter(letter.mail) for letter in editions.letters(store, edition.id)
        }
        self._lines = [self._line(n, relay) for n, relay in enumerate(relays)]
        self._pace = Pace(options.limits)
        self._deadline = time.monotonic() + options.wait.total_seconds()
        self._stopping = asyncio.Event()  # nothing more is begun
        self._ending = asyncio.Event()  # what is under way is cut off
        self._unrecorded: BaseException | None = None

    def _line(self, n: int, relay: Relay) -> Line:
        number = names.relay_number(self._store, relay.name)
        limits = self._options.relay_limits[n] if n < len(self._options.relay_limits) else ()
        return Line(relay, number, Ledger(self._store, self._edition, number), Pace(limits))

    def stop(self) -> None:
        """Begin nothing more; what is under way is finished within the drain, or cut off when told a second time."""
        if self.now.interrupted:
            self._ending.set()
        self.now.interrupted = True
        self._stopping.set()

    async def run(self) -> Now:
        """Send until nothing is left, the time to wait is over, or we are told to stop."""
        now = utc()
        ledger.take_over(self._store, self._edition, now)
        ledger.settle_doubts(
            self._store, self._edition_id,
            resend=self._options.resend_doubts, close=self._options.close_doubts, now=now,
        )  # fmt: skip
        lease = ledger.take_lease(self._store, now)
        self._claims = Claims(self._store, self._edition_id, lease)
        left = ledger.open_count(self._store, self._edition_id)
        self._watch.begin(left)
        following = asyncio.create_task(self._follow())
        try:
            if left and steering.begin_sending(self._store, self._edition_id, now):
                await self._rounds()
            self._is_turned()  # it may be so since the last look
        finally:
            following.cancel()
            self._finish(lease)
        return self.now

    async def run_one(self, claim: Claim, lease: int) -> Now:
        """Send one delivery that is claimed already, also of an edition that is paused, and nothing else."""
        self._claims = Claims(self._store, self._edition_id, lease, [claim])
        self._watch.begin(1)
        try:
            await self._round(1)
        finally:
            self._finish(lease)
        return self.now

    async def _follow(self) -> None:
        """Begin nothing more once an editor has paused or cancelled the edition, from whatever process."""
        while True:
            await sleep(LOOK, self._stopping)
            if await asyncio.to_thread(self._is_turned):
                self._watch.say(f"{self.now.turned}: open conversations are being finished")
                self._stopping.set()
                return

    def _is_turned(self) -> bool:
        """Look whether an editor has paused or cancelled the edition, and take note of it."""
        state = steering.state_of(self._store, self._edition_id)
        self.now.turned = state if state in (EditionState.PAUSED, EditionState.CANCELLED) else None
        return self.now.turned is not None

    async def _rounds(self) -> None:
        while not self._stopping.is_set():
            due = ledger.due_count(self._store, self._edition_id, utc())
            if due:
                await self._round(due)
            elif not await self._more_to_come():
                return

    async def _more_to_come(self) -> bool:
        """Wait for deferred mail that falls due within our time; False when there is nothing to wait for."""
        due = ledger.next_due(self._store, self._edition_id)
        if due is None:
            return False
        seconds = max(GATHER, (due - utc()).total_seconds())
        if time.monotonic() + seconds > self._deadline:
            return False
        await sleep(seconds, self._stopping)
        return True

    async def _round(self, due: int) -> None:
        """Let as many conversations as there is work for send what is due."""
        self._claims.exhausted.clear()
        workers = [
            asyncio.create_task(self._work(line))
            for line in self._lines
            if not line.is_given_up
            for _ in range(min(line.relay.connections, due))
        ]
        try:
            await self._drained(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

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
            working.cancel()
        finally:
            stopped.cancel()

    async def _work(self, line: Line) -> None:
        """Keep one conversation going for as long as there is something to send."""
        conversation: Conversation | None = None
        has_delivered = False
        try:
            while await self._is_ready(line) and (claim := await self._claims.take()) is not None:
                if conversation is None or not conversation.is_open:
                    conversation, has_delivered = await self._converse(line, conversation), False
                if conversation is None:
                    self._claims.give_back(claim)
                    await self._stand_aside(line)
                    continue
                entry = await self._deliver(line, conversation, claim)
                has_delivered = has_delivered or (entry is not None and entry.state is DeliveryState.SENT)
                if entry is not None and entry.is_untaken:
                    # A relay may end a conversation that has delivered; whatever else it refuses speaks of us.
                    if conversation.is_open or not has_delivered:
                        self._refused(line, self.now.relay_words)
                    await self._hang_up(line, conversation)
                    conversation = None
        finally:
            if conversation is not None:
                await self._hang_up(line, conversation)

    async def _is_ready(self, line: Line) -> bool:
        """Wait while a relay is left alone or a rate says so; False when this worker is not needed any more."""
        while (left := line.paused_until - time.monotonic()) > 0 and not line.is_given_up:
            if time.monotonic() + left > self._deadline:
                self._give_up(line, self.now.relay_words)
            elif await sleep(left, self._stopping, self._claims.exhausted):
                return False
        for pace in (line.pace, self._pace):
            while (wait := pace.take(time.monotonic())) > 0 and not self._stopping.is_set():
                if wait > LONG_WAIT and time.monotonic() + wait > self._deadline:
                    self._give_up(line, f"the rate set for {line.relay.name} is used up for another {wait:.0f} s")
                    return False
                await sleep(wait, self._stopping)
        return not self._stopping.is_set() and not line.is_given_up

    async def _converse(self, line: Line, old: Conversation | None) -> Conversation | None:
        """Open a conversation in place of one that has ended; None when the relay takes none, or we are to stop."""
        if old is not None:
            await self._hang_up(line, old)
        self.now.began = self.now.began or time.monotonic()
        connecting: asyncio.Future[Conversation] = asyncio.ensure_future(line.relay.connect())
        stopped = asyncio.ensure_future(self._stopping.wait())
        both: list[asyncio.Future[Any]] = [connecting, stopped]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                return None
            conversation = connecting.result()
        except RelayRefused as refused:
            self._cannot_connect(line, refused)
            return None
        finally:
            stopped.cancel()
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, RelayRefused):
                await connecting
        line.open += 1
        return conversation

    def _cannot_connect(self, line: Line, refused: RelayRefused) -> None:
        if line.open and line.has_accepted:
            return  # others work: the relay wants fewer connections
        self._refused(line, str(refused))
        # A login is refused for good, but for a 454: that is another one an hour later (RFC 4954, 4.7).
        if refused.phase is Phase.AUTH and (refused.reply is None or refused.reply.code >= 500):
            self.now.refused_login = True
            self._give_up(line, str(refused))

    async def _stand_aside(self, line: Line) -> None:
        """Wait with a connection that the relay did not take while others work."""
        if line.open and line.has_accepted:
            await sleep(ASIDE, self._stopping, self._claims.exhausted)

    async def _hang_up(self, line: Line, conversation: Conversation) -> None:
        line.open -= 1
        await conversation.close()

    def _refused(self, line: Line, words: str) -> None:
        self.now.relay_words = words
        if pause := line.refuse(time.monotonic()):
            self._watch.say(f"{words} (trying again in {pause:.0f} s)")

    def _give_up(self, line: Line, words: str) -> None:
        """Use a relay no more in this run; without another one the run is over."""
        self.now.relay_words = words
        line.is_given_up = True
        if all(other.is_given_up for other in self._lines):
            self._stopping.set()

    async def _deliver(self, line: Line, conversation: Conversation, claim: Claim) -> Entry | None:
        """Hand one mail over and record what came of it; return that, None where the reader is not to be mailed."""
        who = reader_of(self._ring, self._key, self._edition, claim.subscriber_id, claim.address, claim.name)

        async def may_go() -> bool:
            mark = await asyncio.wrap_future(line.ledger.mark_sending(claim, utc()))
            crash.reached("marked")
            return mark is Mark.GO

        outcome: Outcome
        try:
            mail = self._stamps[claim.letter_id].fill(who)
            outcome = await conversation.hand_over(
                Envelope(return_path(self._edition, who.return_path), claim.address), mail, may_go
            )
        except BadAddress as error:  # one that could break a header or a command: the reader's trouble
            outcome = Replied(Reply(553, str(error), "5.1.3"), Phase.RCPT)
        except BaseException:
            # Told to stop, or something broke: whether the mail can have gone out is known, and must not be lost.
            cut_off = "cut off by us while it waited for the relay's answer"
            lost = LostAfterDot(cut_off) if conversation.dot_is_out else LostBeforeDot("cut off by us", Phase.CONTENT)
            self._write(line, claim, self._entry(line, claim, lost))
            raise
        crash.reached("answered")
        if isinstance(outcome, Withdrawn):  # the mark has said so in the ledger, or somebody else has the delivery
            self._watch.done(DeliveryState.WITHDRAWN)
            return None
        entry = await self._record(line, claim, outcome)
        self._watch.done(entry.state)
        crash.reached("recorded")
        return entry

    async def _record(self, line: Line, claim: Claim, outcome: Outcome) -> Entry:
        entry = self._entry(line, claim, outcome)
        recorded = self._write(line, claim, entry)
        if entry.is_untaken:
            await asyncio.wrap_future(recorded)  # before anybody asks whether something is left
            self._claims.again(claim)
        match entry.state:
            case DeliveryState.DEFERRED if line.defer():
                self._give_up(line, f"nothing but refusals: {line.words(entry)}")
            case DeliveryState.SENT | DeliveryState.FAILED:
                line.accept()
        if entry.words is not None:
            self.now.relay_words = line.words(entry)
        self.now.sent += entry.state is DeliveryState.SENT
        return entry

    def _entry(self, line: Line, claim: Claim, outcome: Outcome) -> Entry:
        luck = random.random()  # noqa: S311  spreads retries, guards nothing
        trial = Trial(claim.tries + 1, claim.doubts, utc(), self._give_up_at, line.relay_id, luck)
        return next_entry(
            outcome, trial, resend_doubts=self._options.resend_doubts, close_doubts=self._options.close_doubts
        )

    def _write(self, line: Line, claim: Claim, entry: Entry) -> "Future[None]":
        recorded = line.ledger.record(claim, entry)
        recorded.add_done_callback(self._is_recorded)
        return recorded

    def _is_recorded(self, recorded: "Future[None]") -> None:
        self._unrecorded = self._unrecorded or recorded.exception()

    def _finish(self, lease: int) -> None:
        """Wait for the last record, give back what was not tried, and say how the edition stands."""
        now = utc()
        ledger.end_lease(self._store, self._edition_id, lease, now)  # queued behind every record of ours
        if self._unrecorded is not None:
            raise self._unrecorded
        if self.now.began is not None:
            self.now.ended = time.monotonic()
        ledger.take_over(self._store, self._edition, now)
        steering.finish(self._store, self._edition, now)
