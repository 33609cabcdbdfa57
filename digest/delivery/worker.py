"""Keeping one conversation with a relay going, as fast as it and the rates allow."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from digest.delivery.handover import Handover
from digest.delivery.line import Line
from digest.delivery.options import Now, Watch
from digest.delivery.outcome import Conversation, Outcome, Parcel, RelayRefused
from digest.delivery.pace import Pace
from digest.delivery.waiting import sleep
from digest.errors import StoreError
from digest.models import DeliveryState
from digest.store.ledger import Claim

ASIDE, LONGEST_ASIDE = 0.5, 30.0  #: seconds until a connection that was one too many is tried again, doubling
LONG_WAIT = 60.0  #: seconds: a rate that makes us wait longer, past our time, ends the run
IDLE = 5.0  #: seconds: a conversation that would have to wait longer is ended, and opened again
SOON = 2.0  #: seconds: for a domain whose turn comes by then a conversation is kept


@dataclass(frozen=True)
class Course:
    """What all conversations of a run have in common."""

    lines: Sequence[Line]
    pace: Pace
    handover: Handover
    watch: Watch
    stopping: asyncio.Event  #: nothing more is begun
    deadline: float

    @property
    def now(self) -> Now:
        """What the run has done."""
        return self.handover.now

    def give_up(self, line: Line, words: str) -> None:
        """Use a relay no more in this run; without another one the run is over."""
        self.now.relay_words = words
        line.is_given_up = True
        if all(other.is_given_up for other in self.lines):
            self.now.storm = self.now.storm or line.is_in_storm
            self.stopping.set()

    def use_up(self, line: Line, words: str) -> None:
        """Begin nothing more at a relay in this run."""
        self.now.relay_words = words
        line.is_used_up = True

    def wait(self, line: Line, now: float) -> float:
        """Return how many seconds the rates make a mail wait."""
        return max(line.wait(now), self.pace.wait(now))

    def take(self, line: Line, now: float) -> None:
        """Take a place for a mail in the limits of all relays and in those of this one."""
        line.take(now)
        self.pace.take(now)


class Worker:
    """One conversation, and after it the next one. One that is probing ends once it knows of a mail."""

    def __init__(self, course: Course, line: Line, *, is_probing: bool = False) -> None:
        self._course, self._line, self._is_probing = course, line, is_probing
        self._claims = course.handover.claims
        self._conversation: Conversation | None = None
        self._has_delivered = False
        self._is_over = False  # a mail came back untaken: this conversation begins no other
        self._is_slowed = False  # and a slower pace answers that
        self._is_done = False
        self._aside = 0.0

    async def work(self) -> None:
        """Send for as long as there is something to send."""
        try:
            while not self._is_done and await self._is_ready() and (claim := await self._next()) is not None:
                await self._try(claim)
        except StoreError as error:
            self._course.handover.cannot_write(error)  # the others finish what they have begun
        finally:
            await self._hang_up()

    async def _is_ready(self) -> bool:
        """Wait while a relay is left alone or a rate says so; False when this worker is not needed any more."""
        course, line = self._course, self._line
        while not (course.stopping.is_set() or line.is_given_up or line.is_used_up):
            now = time.monotonic()
            paused, wait = line.paused_until - now, course.wait(line, now)
            if paused <= 0 and wait <= IDLE:
                return True
            if paused > 0 and now + paused > course.deadline:
                if line.open - (self._conversation is not None):
                    return False  # others may still get through
                course.give_up(line, course.now.relay_words)
            elif wait > LONG_WAIT and now + wait > course.deadline:
                course.use_up(line, f"the rate set for {line.relay.name} is used up for another {wait:.0f} s")
            else:
                await self._hang_up()
                if await sleep(max(paused, wait), course.stopping, self._claims.exhausted):
                    return False
        return False

    async def _next(self) -> Claim | None:
        """Return the next delivery; None when nothing may be tried now or soon, or we are to stop."""
        while not self._course.stopping.is_set():
            if (claim := await self._claims.take()) is not None:
                return claim
            later = self._claims.later()
            if later is None or later > SOON:
                self._claims.exhausted.set()
                return None
            await sleep(max(later, 0.01), self._course.stopping)
        return None

    async def _try(self, claim: Claim) -> None:
        """Hand a delivery over, and what may follow it at once; give it back where it may not go."""
        if self._conversation is None or not self._conversation.is_open:
            await self._converse()
        if self._conversation is None:
            self._claims.give_back(claim)
            await self._stand_aside()
            return
        if not await self._has_place():
            self._claims.give_back(claim)
            return
        self._is_over = self._is_slowed = False
        if (parcel := self._parcel(claim)) is not None:
            await self._conversation.carry(parcel, self._following)
        if self._is_over:
            await self._course.handover.returned()
            # A relay may end a conversation that has delivered; whatever else it refuses speaks of us.
            if not self._is_slowed and (self._conversation.is_open or not self._has_delivered):
                self._course.handover.refuse(self._line, self._course.now.relay_words)
        if self._is_over or self._line.refusals:
            await self._hang_up()  # another host may answer the next one

    def _following(self) -> Parcel | None:
        """Return the next delivery if it may go at this moment; what has to wait is left to ``work``.

        Its envelope rides with the end of the mail before, so it must not be one for which a 354 would be sat upon.
        """
        course, line = self._course, self._line
        while self._may_follow():
            now = time.monotonic()
            if line.paused_until > now or course.wait(line, now) > 0 or (claim := self._claims.at_hand(now)) is None:
                return None
            course.take(line, now)
            if (parcel := self._parcel(claim)) is not None:
                return parcel
        return None

    def _may_follow(self) -> bool:
        is_stopped = self._course.stopping.is_set() or self._line.is_given_up
        return not (self._is_over or self._is_probing or self._line.refusals or is_stopped)

    def _parcel(self, claim: Claim) -> Parcel | None:
        return self._course.handover.parcel(self._line, claim, self._ended)

    def _ended(self, claim: Claim, outcome: Outcome, began: float) -> None:
        """Take note of what came of a mail; its conversation may have begun the next one."""
        course, line = self._course, self._line
        entry = course.handover.settle(line, claim, outcome, began)
        if entry is None:
            return
        self._has_delivered = self._has_delivered or entry.state is DeliveryState.SENT
        if line.is_in_storm and not line.is_given_up:
            course.give_up(line, course.now.relay_words)
            if not course.stopping.is_set():
                course.watch.say(f"{course.now.relay_words} (refuses all, used no more)")
        if entry.is_untaken:
            self._is_over = True
            self._is_slowed = course.handover.is_slowed(line, outcome, began) or self._is_slowed
        else:
            self._is_done = self._is_probing

    async def _has_place(self) -> bool:
        """Wait for a place among the limits and take it; False when that takes too long, or we are to stop."""
        while not self._course.stopping.is_set():
            now = time.monotonic()
            wait = self._course.wait(self._line, now)
            if wait <= 0:
                self._course.take(self._line, now)
                return True
            if wait > IDLE:
                return False
            await sleep(wait, self._course.stopping)
        return False

    async def _converse(self) -> None:
        """Open a conversation in place of one that has ended; none when the relay takes none, or we are to stop."""
        await self._hang_up()
        course = self._course
        course.now.began = course.now.began or time.monotonic()
        connecting: asyncio.Future[Conversation] = asyncio.ensure_future(self._line.relay.connect())
        stopped = asyncio.ensure_future(course.stopping.wait())
        both: list[asyncio.Future[Any]] = [connecting, stopped]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                return
            self._conversation, self._has_delivered, self._aside = connecting.result(), False, 0.0
        except RelayRefused as refused:
            self._cannot_connect(refused)
            return
        finally:
            stopped.cancel()
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, RelayRefused):
                await connecting
        self._line.open += 1

    def _cannot_connect(self, refused: RelayRefused) -> None:
        line, course = self._line, self._course
        if refused.is_login:
            course.now.refused_login = True
            course.give_up(line, str(refused))
        elif not line.open:  # where others are open, the relay wants fewer connections
            course.handover.refuse(line, str(refused))

    async def _stand_aside(self) -> None:
        """Wait with a connection that the relay did not take while others are open."""
        if self._line.open:
            self._aside = min(LONGEST_ASIDE, self._aside * 2 or ASIDE)
            await sleep(self._aside, self._course.stopping, self._claims.exhausted)

    async def _hang_up(self) -> None:
        if self._conversation is not None:
            conversation, self._conversation = self._conversation, None
            self._line.open -= 1
            await conversation.close()
