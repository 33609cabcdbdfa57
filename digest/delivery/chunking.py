"""Whole mail transactions in flight on one connection, where the relay offers CHUNKING (RFC 3030) and we may.

Envelope and content go out in one piece, and the next mail's behind it, up to a window of them: what has gone out and
has no answer is in doubt when the connection is lost, so that is at most the window. Each mail is marked before any of
it goes out: who left meanwhile costs neither a mail nor the connection.  There is no 354 to count by, so the relay must
be one that answers each command once.
"""

import asyncio
from collections import deque
from functools import partial

from digest.delivery import crash
from digest.delivery.endurance import Endurance
from digest.delivery.envelope import Offer, fitting
from digest.delivery.outcome import CUT_OFF, Following, Parcel, Phase, Replied, Reply, Withdrawn
from digest.delivery.tenure import Tenure, finish
from digest.delivery.trip import Trip, Word
from digest.delivery.wire import Answer, Timeouts, Wire


class ChunkingConversation:
    """One connection to an SMTP relay; ``outcome.Conversation`` says what its methods promise."""

    def __init__(
        self, wire: Wire, offer: Offer, window: int, mails: int | None, timeouts: Timeouts, endurance: Endurance
    ) -> None:
        self._wire, self._offer, self._window = wire, offer, window
        self._tenure = Tenure(wire, mails, endurance, timeouts.quit)
        self._marking: deque[Trip] = deque()  # nothing of them has gone out
        self._sent: deque[Trip] = deque()  # all of them has
        self._following: Following | None = None
        self._over: asyncio.Future[None] | None = None
        self._answers: tuple[Answer, ...] = (
            (self._on_reset, timeouts.mail),
            (self._on_mail, timeouts.mail),
            (self._on_rcpt, timeouts.rcpt),
            (self._on_content, timeouts.content),
        )
        wire.listener = self

    @property
    def is_open(self) -> bool:
        return self._wire.is_open and not self._tenure.is_leaving

    async def carry(self, first: Parcel, following: Following) -> None:
        self._following, self._over = following, asyncio.get_running_loop().create_future()
        trip = fitting(self._offer, first, following)
        try:
            if trip is not None:
                self._mark(trip)
            self._fill()
            await self._over
        except BaseException:
            self._cut_off()
            raise
        finally:
            self._following = self._over = None

    async def close(self) -> None:
        if self._marking or self._sent:
            self._wire.drop("closed by us")
        await self._tenure.close()

    # --- Before it goes out

    def _fill(self) -> None:
        """Have the next mails marked, as many as the window has room for; be over where nothing is under way."""
        while self.is_open and self._following is not None and self._under_way < self._window:
            if not self._tenure.has_room(self._under_way):
                break
            trip = fitting(self._offer, self._following(), self._following)
            if trip is None:
                break
            self._mark(trip)
        if not self._under_way:
            if self.is_open and not self._tenure.has_room():
                self._tenure.say_goodbye()
            finish(self._over)

    @property
    def _under_way(self) -> int:
        return len(self._marking) + len(self._sent)

    def _mark(self, trip: Trip) -> None:
        self._marking.append(trip)
        trip.is_marking = True
        trip.parcel.mark(partial(self._marked, trip))

    def _marked(self, trip: Trip, may_go: bool) -> None:
        trip.is_marking = False
        trip.outcome = None if may_go else Withdrawn()
        try:
            while self._marking and not self._marking[0].is_marking:
                self._send(self._marking.popleft())
            self._fill()
        except Exception as error:  # noqa: BLE001  it belongs to whoever awaits ``carry``
            self._wire.fail(error)

    def _send(self, trip: Trip) -> None:
        if trip.outcome is not None:
            trip.parcel.ended(trip.outcome)
            return
        self._tenure.begin()
        crash.reached("content")
        mail = trip.parcel.mail
        # RSET each time: whether the mail before was refused, and left its envelope behind, is not known yet.
        head = b"RSET\r\n%b%bBDAT %d LAST\r\n" % (trip.mail, trip.rcpt, len(mail))
        trip.dot_is_out = self._wire.ask(head + mail, *self._answers)
        if trip.dot_is_out:
            self._sent.append(trip)
        else:
            self._tenure.settle(trip)

    # --- What the relay says

    def _on_reset(self, reply: Reply) -> None:
        if reply.code // 100 != 2:
            self._hear(reply, Phase.MAIL)

    def _on_mail(self, reply: Reply) -> None:
        self._hear(reply, Phase.MAIL)

    def _on_rcpt(self, reply: Reply) -> None:
        self._hear(reply, Phase.RCPT)

    def _hear(self, reply: Reply, phase: Phase) -> None:
        crash.reached(phase)
        if self._sent[0].hear(reply, phase) is Word.OUT_OF_STEP:
            self._wire.drop(f"unexpected answer: {reply}")
        elif reply.code == 421:  # RFC 5321 3.8: the relay is closing
            self._wire.drop(str(reply), by_relay=True)

    def _on_content(self, reply: Reply) -> None:
        trip, kind = self._sent[0], reply.code // 100
        if kind == 3 or (kind == 2 and trip.outcome is not None):
            # Neither yes nor no, or both: whatever the relay answers, the mail may be its own.
            trip.outcome = None
            self._wire.drop(f"unexpected answer: {reply}")
            return
        trip.outcome = trip.outcome or Replied(reply, Phase.CONTENT)
        if reply.code == 421:
            self._wire.drop(str(reply), by_relay=True)
            return
        self._sent.popleft()
        self._tenure.settle(trip)
        self._fill()

    # --- Ends

    def flows(self) -> None:
        """Nothing waits for that: what is written counts as gone out."""

    def lost(self) -> None:
        """Settle what has gone out; what has not is settled with its mark (``_send``), which is under way."""
        sent, self._sent = self._sent, deque()
        self._tenure.settle_all(sent, self.failed)
        if not self._under_way:
            finish(self._over)

    def failed(self, error: Exception) -> None:
        finish(self._over, error)

    def _cut_off(self) -> None:
        self._wire.drop(CUT_OFF)
        marking, self._marking = self._marking, deque()
        for trip in marking:
            self._tenure.settle(trip)
