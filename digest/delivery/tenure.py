"""How long one connection is kept: what it has carried, what it may carry, its end, and what that says of the relay."""

import asyncio
from collections.abc import Callable, Iterable

from digest.delivery.endurance import IDLE, Endurance
from digest.delivery.outcome import CUT_OFF, LostBeforeDot, Outcome, Phase, Replied, Reply
from digest.delivery.trip import Trip
from digest.delivery.wire import Wire


class Tenure:
    """The mails of one connection, counted; ``most`` are those that the relay's URL allows.

    ``seconds`` are those that a goodbye may take.
    """

    def __init__(self, wire: Wire, most: int | None, endurance: Endurance, seconds: float) -> None:
        self._wire, self._most, self._endurance, self._seconds = wire, most, endurance, seconds
        self._farewell: asyncio.Future[None] | None = None
        self._tried = self._delivered = 0
        self._opened = self._last = wire.now()

    @property
    def is_leaving(self) -> bool:
        """Whether the last mail has been carried, and the relay told so."""
        return self._farewell is not None

    def has_room(self, under_way: int = 0) -> bool:
        """Return whether the connection may carry another mail, after so many that wait for their answer."""
        if self._most is not None and self._tried + under_way >= self._most:
            return False
        return not self._endurance.is_reached(self._delivered + under_way)

    def begin(self) -> None:
        """Take note that a mail is begun, and that the connection is not idle."""
        self._touch()

    def count(self, outcome: Outcome) -> None:
        """Take note of what came of a mail that the relay was troubled with."""
        match outcome:
            case Replied(reply, Phase.CONTENT) if reply.code < 300:
                self._delivered += 1
                self._endurance.delivered(self._delivered)
            case Replied(_, phase) | LostBeforeDot(_, phase) if phase is not Phase.CONTENT:
                self.note_end()
            case _ if not self._wire.is_open:
                self._delivered = 0  # an end in the middle of a mail is something else
        self._touch()
        self._tried += 1

    def settle(self, trip: Trip) -> None:
        """Tell what came of a mail, or what is known of it now that the connection has ended."""
        outcome = trip.lost(self._wire.end.reason if self._wire.end else CUT_OFF)
        self.count(outcome)
        trip.parcel.ended(outcome)

    def settle_all(self, trips: Iterable[Trip], failed: Callable[[Exception], None]) -> None:
        """Settle the mails of a connection that has ended, each whatever another's raises; ``failed`` hears of that."""
        for trip in trips:
            try:
                self.settle(trip)
            except Exception as error:  # noqa: BLE001  the others are told all the same
                failed(error)
        self.lost()

    def note_end(self) -> None:
        """Learn from an end that the relay has made, of a connection that owes us nothing."""
        end = self._wire.end
        if end is None or not end.by_relay or end.at - self._last > IDLE:
            return
        self._endurance.ended(self._delivered, self._opened, end.at, end.reason)
        self._delivered = 0  # once

    def say_goodbye(self) -> None:
        """Carry no more; the answer is waited for in ``close``."""
        if self._wire.is_open:
            self._farewell = asyncio.get_running_loop().create_future()
            self._wire.ask(b"QUIT\r\n", (self._said, self._seconds))

    def lost(self) -> None:
        """Take note that the connection has ended, before any goodbye is answered."""
        if self._farewell is not None and not self._farewell.done():
            self._farewell.set_result(None)

    async def close(self) -> None:
        """Say goodbye if that has not been done, and close; raises nothing."""
        if self._farewell is None:
            self.note_end()
            self.say_goodbye()
        try:
            if self._farewell is not None:
                await asyncio.wait([self._farewell], timeout=self._seconds)
        finally:
            await self._wire.close(self._seconds)

    def _said(self, _reply: Reply) -> None:
        self.lost()

    def _touch(self) -> None:
        if self._wire.is_open:  # else it would seem to have ended just now
            self._last = self._wire.now()


def finish(carried: "asyncio.Future[None] | None", error: Exception | None = None) -> None:
    """Have whoever awaits a ``carry`` go on, with an error of ours if there is one; what is over stays so."""
    if carried is None or carried.done():
        return
    if error is None:
        carried.set_result(None)
    else:
        carried.set_exception(error)
