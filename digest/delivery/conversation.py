"""Mail transactions with an SMTP relay over one connection, so that "not sent" and "maybe sent" are told apart.

With PIPELINING (RFC 2920) the envelope of the next mail rides with the end of this one, so that a mail costs one round
trip; without it each command waits for its answer. Driven by what the relay says and the ledger marks: no task, no
future and no timer of its own for a mail.
"""

import asyncio
from functools import partial

from digest.delivery import crash
from digest.delivery.endurance import Endurance
from digest.delivery.envelope import Offer, fitting
from digest.delivery.outcome import (
    CUT_OFF,
    Following,
    LostBeforeDot,
    Parcel,
    Phase,
    Replied,
    Reply,
    Untried,
    Withdrawn,
)
from digest.delivery.tenure import Tenure, finish
from digest.delivery.trip import Trip, Word
from digest.delivery.wire import Answer, Timeouts, Wire


class SmtpConversation:
    """One connection to an SMTP relay; ``outcome.Conversation`` says what its methods promise."""

    def __init__(self, wire: Wire, offer: Offer, mails: int | None, timeouts: Timeouts, endurance: Endurance) -> None:
        self._wire, self._offer, self._timeouts = wire, offer, timeouts
        self._tenure = Tenure(wire, mails, endurance, timeouts.quit)
        self._trip: Trip | None = None  # whose answers come next
        self._chained: Trip | None = None  # whose envelope went out with the end of that
        self._following: Following = _nothing
        self._over: asyncio.Future[None] | None = None  # done when nothing more is under way
        self._needs_reset = False
        self._for_mail: Answer = (self._on_mail, timeouts.mail)
        self._for_rcpt: Answer = (self._on_rcpt, timeouts.rcpt)
        self._for_data: Answer = (self._on_data, timeouts.data)
        self._for_dot: Answer = (self._on_dot, timeouts.content)
        self._for_envelope = (self._for_mail, self._for_rcpt, self._for_data)
        wire.listener = self

    @property
    def is_open(self) -> bool:
        return self._wire.is_open and not self._tenure.is_leaving

    async def carry(self, first: Parcel, following: Following) -> None:
        self._following, self._over = following, asyncio.get_running_loop().create_future()
        trip = fitting(self._offer, first, following)
        try:
            self._begin(trip)
            await self._over
        except BaseException:  # a cancellation, or an error of ours: half a transaction is no place to go on from
            self._cut_off()
            raise
        finally:
            self._following, self._over = _nothing, None

    async def close(self) -> None:
        if self._trip is not None:
            self._wire.drop("closed by us")  # QUIT would end up inside the mail
        await self._tenure.close()

    # --- The envelope

    def _begin(self, trip: Trip | None) -> None:
        """Send an envelope by itself, or be over."""
        self._trip = trip
        if trip is None:
            finish(self._over)
        elif self._tenure.is_leaving:
            self._trip = None
            trip.parcel.ended(LostBeforeDot("this connection has carried its last mail", Phase.MAIL))
            finish(self._over)
        elif self._wire.end is not None:
            self.lost()
        else:
            self._tenure.begin()
            if self._offer.pipelining:
                self._wire.ask(self._group(trip), *self._answers())
            elif self._needs_reset:
                self._wire.ask(b"RSET\r\n", (self._on_reset_alone, self._timeouts.mail))
            else:
                self._wire.ask(trip.mail, self._for_mail)

    def _group(self, trip: Trip) -> bytes:
        """Return an envelope in one piece; after a refusal with the word that forgets it (RFC 5321, 4.1.1.5)."""
        reset = b"RSET\r\n" if self._needs_reset else b""
        return b"%b%b%bDATA\r\n" % (reset, trip.mail, trip.rcpt)

    def _answers(self) -> tuple[Answer, ...]:
        if not self._needs_reset:
            return self._for_envelope
        return ((self._on_reset, self._timeouts.mail), *self._for_envelope)

    def _on_reset(self, reply: Reply) -> None:
        if reply.code // 100 == 2:
            self._needs_reset = False
        else:
            self._wire.drop(f"RSET refused: {reply}")

    def _on_reset_alone(self, reply: Reply) -> None:
        self._on_reset(reply)
        if self._trip is not None:
            self._wire.ask(self._trip.mail, self._for_mail)

    def _on_mail(self, reply: Reply) -> None:
        trip = self._heard(reply, Phase.MAIL)
        if trip is not None and not self._offer.pipelining:
            self._wire.ask(trip.rcpt, self._for_rcpt)

    def _on_rcpt(self, reply: Reply) -> None:
        # Never DATA after a refused RCPT where that can be helped: a relay that said 354 all the same would get an
        # empty mail (RFC 2920 3.1).
        if self._heard(reply, Phase.RCPT) is not None and not self._offer.pipelining:
            self._wire.ask(b"DATA\r\n", self._for_data)

    def _on_data(self, reply: Reply) -> None:
        trip = self._heard(reply, Phase.DATA)
        if trip is not None:
            self._send_content(trip)

    def _heard(self, reply: Reply, phase: Phase) -> Trip | None:
        """Do what an answer to the envelope asks for; return the mail when it may go on."""
        trip = self._trip
        assert trip is not None
        crash.reached(phase)
        word = trip.hear(reply, phase)
        if word is Word.GO_ON:
            return trip
        if word is Word.OUT_OF_STEP:
            self._wire.drop(f"unexpected answer: {reply}")
            return None
        self._needs_reset = True
        if word is Word.LONE_DOT:
            self._wire.ask(b".\r\n", (self._on_lone_dot, self._timeouts.content))
        elif not self._has_said_421(reply) and (phase is Phase.DATA or not self._offer.pipelining):
            self._refused(trip)
        return None

    def _on_lone_dot(self, reply: Reply) -> None:
        if reply.code // 100 == 3:
            self._wire.drop(f"unexpected answer: {reply}")
        elif not self._has_said_421(reply) and self._trip is not None:
            self._refused(self._trip)

    def _has_said_421(self, reply: Reply) -> bool:
        if reply.code == 421:  # RFC 5321 3.8: the relay is closing
            self._wire.drop(str(reply), by_relay=True)
        return reply.code == 421

    def _refused(self, trip: Trip) -> None:
        """Tell of a refusal once all of the envelope is answered, and go on."""
        self._trip = None
        self._tenure.settle(trip)
        self._go_on()

    # --- The content

    def _send_content(self, trip: Trip) -> None:
        """Write all but the end, and ask for the mark meanwhile."""
        if not trip.parcel.is_wanted():
            trip.outcome = Untried()
            self._wire.drop("not wanted any more")  # there is no other way out of a 354
        elif self._wire.write(memoryview(trip.parcel.mail)[:-2]):
            crash.reached("content")
            trip.is_marking = True
            trip.parcel.mark(partial(self._marked, trip))

    def _marked(self, trip: Trip, may_go: bool) -> None:
        if not trip.is_marking:
            return  # cut off meanwhile
        trip.is_marking = False
        try:
            if not may_go:
                trip.outcome = Withdrawn()
                self._wire.drop("withdrawn")
            if self._wire.end is not None:
                self.lost()
            elif self._wire.is_flowing:
                self._send_end(trip)
            else:
                self._wire.wait_for_flow(self._timeouts.block)
        except Exception as error:  # noqa: BLE001  it belongs to whoever awaits ``carry``
            self._wire.fail(error)

    def flows(self) -> None:
        trip = self._trip
        if trip is not None and trip.phase is Phase.CONTENT and not trip.is_marking and not trip.dot_is_out:
            self._send_end(trip)

    def _send_end(self, trip: Trip) -> None:
        """Send the end of a mail, and with it the envelope of the next one if that may go now."""
        if self._offer.pipelining and self._tenure.has_room(1):
            self._chained = fitting(self._offer, self._following(), self._following)
        if self._chained is None:
            trip.dot_is_out = self._wire.ask(b"\r\n.\r\n", self._for_dot)
        else:
            group = b"\r\n.\r\n" + self._group(self._chained)
            trip.dot_is_out = self._wire.ask(group, self._for_dot, *self._answers())

    def _on_dot(self, reply: Reply) -> None:
        trip = self._trip
        assert trip is not None
        if reply.code // 100 == 3:  # neither yes nor no: whatever it answers, the mail may be the relay's
            self._wire.drop(f"unexpected answer: {reply}")
            return
        trip.outcome = Replied(reply, Phase.CONTENT)
        if not self._has_said_421(reply):
            self._trip, self._chained = self._chained, None
            self._tenure.settle(trip)
            if self._trip is None:
                self._go_on()

    # --- What comes next

    def _go_on(self) -> None:
        """Begin what follows, where nothing rode with the last mail's end."""
        if not self.is_open:
            finish(self._over)
        elif self._tenure.has_room():
            self._begin(fitting(self._offer, self._following(), self._following))
        else:
            self._tenure.say_goodbye()
            finish(self._over)

    def lost(self) -> None:
        trips = [trip for trip in (self._trip, self._chained) if trip is not None]
        # A mark under way is waited for: whoever has left meanwhile is withdrawn, and not pending again.
        self._trip, self._chained = next((trip for trip in trips if trip.is_marking), None), None
        self._tenure.settle_all([trip for trip in trips if trip is not self._trip], self.failed)
        if self._trip is None:
            finish(self._over)

    def failed(self, error: Exception) -> None:
        finish(self._over, error)

    def _cut_off(self) -> None:
        if self._trip is not None:
            self._trip.is_marking = False  # its mark comes too late
        self._wire.drop(CUT_OFF)
        if self._trip is not None:  # lost before, and waiting for its mark
            self.lost()


def _nothing() -> Parcel | None:
    return None
