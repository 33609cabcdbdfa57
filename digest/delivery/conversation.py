"""The mail transaction with an SMTP relay, command by command, so that "not sent" and "maybe sent" are told apart."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

import idna

from digest.delivery import crash
from digest.delivery.endurance import IDLE, Endurance
from digest.delivery.outcome import (
    Envelope,
    LostAfterDot,
    LostBeforeDot,
    Outcome,
    Phase,
    Replied,
    Reply,
    Withdrawn,
)
from digest.delivery.wire import Lost, Wire

_DOT = re.compile(rb"\n\.")  # of 38 kB searched in 20 us; `in` takes 40
_UNSAFE = re.compile(r"[\x00-\x20<>\x7f-\x9f\s]")
# RFC 6531 3.7.4.2 and RFC 6532: said for a relay that could not take the address, without troubling it.
_NO_SMTPUTF8 = Reply(553, "the relay does not offer SMTPUTF8, which this address needs", "5.6.7")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the relay, by RFC 5321, 4.5.3.2; the first and the last are ours."""

    connect: float = 30  #: for each step until it is ready for mail
    mail: float = 300  # 4.5.3.2.2
    rcpt: float = 300  # 4.5.3.2.3
    data: float = 120  # 4.5.3.2.4
    block: float = 180  # 4.5.3.2.5
    content: float = 600  # 4.5.3.2.6: ending it early is how mail is doubled
    quit: float = 2


TIMEOUTS = Timeouts()


class SmtpConversation:
    """One connection to an SMTP relay; ``outcome.Conversation`` says what its methods promise."""

    def __init__(
        self, wire: Wire, extensions: Mapping[str, str], mails: int | None, timeouts: Timeouts, endurance: Endurance
    ) -> None:
        self._wire = wire
        self._extensions = extensions
        self._most_octets = _limit(extensions.get("size", ""))
        self._mails_left = mails
        self._timeouts = timeouts
        self._endurance = endurance
        self._opened = self._last = wire.now()
        self._delivered = 0
        self._is_busy = False
        self._needs_reset = False
        self._farewell: asyncio.Future[Reply] | None = None
        self.dot_is_out = False

    @property
    def is_open(self) -> bool:
        return self._wire.is_open and self._farewell is None

    async def hand_over(self, envelope: Envelope, mail: bytes, may_go: Callable[[], Awaitable[bool]]) -> Outcome:
        # The last gate before the wire: a dot alone on a line would end this mail and make the relay read the rest of
        # it as commands, whoever wrote them (RFC 5321 4.5.2).
        if _DOT.search(mail) or mail.startswith(b".") or not mail.endswith(b"\r\n"):
            raise ValueError("a mail must end in CRLF and have no line that begins with a dot")
        sender, recipient = _mailbox(envelope.sender), _mailbox(envelope.recipient)
        if not (sender + recipient).isascii() and "smtputf8" not in self._extensions:
            return Replied(_NO_SMTPUTF8, Phase.RCPT)
        if self._most_octets is not None and len(mail) > self._most_octets:  # RFC 1870 5: the mail is not tried
            return Replied(_too_large(self._most_octets, len(mail)), Phase.CONTENT)
        if self._farewell is not None:
            return LostBeforeDot("this connection has carried its last mail", Phase.MAIL)
        self._is_busy, self.dot_is_out = True, False
        self._touch()
        try:
            outcome = await self._transact(sender, recipient, mail, may_go)
        except BaseException:  # may_go's own, or a cancellation: half a transaction is no place to go on from
            self._wire.drop("given up by us")
            raise
        finally:
            self._is_busy = False
        self._count(outcome)
        return outcome

    async def close(self) -> None:
        if self._is_busy:
            self._wire.drop("closed by us")  # QUIT would end up inside the mail
        self._note_end()
        try:
            with contextlib.suppress(Lost):
                self._farewell = self._farewell or self._wire.ask(b"QUIT")
                await asyncio.wait([self._farewell], timeout=self._timeouts.quit)
        finally:
            await self._wire.close(self._timeouts.quit)

    async def _transact(
        self, sender: str, recipient: str, mail: bytes, may_go: Callable[[], Awaitable[bool]]
    ) -> Outcome:
        phase = Phase.MAIL
        try:
            await self._reset()
            for phase, command, wanted, seconds in self._steps(sender, recipient, len(mail)):
                reply = await self._wire.reply(self._wire.ask(command), seconds)
                crash.reached(phase)
                if reply.code // 100 != wanted:
                    return self._refusal(reply, phase)
            phase = Phase.CONTENT
            self._wire.write(memoryview(mail)[:-2])
            crash.reached("content")
            # Awaited whatever becomes of the connection meanwhile: a mark that is committed after its outcome was
            # recorded would leave this delivery `sending` for ever.
            if not await may_go():
                self._wire.drop("withdrawn")
                return Withdrawn()
            await self._wire.drained(self._timeouts.block)
            self.dot_is_out = True
            answer = self._wire.ask(b"\r\n.")
        except Lost as lost:
            return LostBeforeDot(str(lost), phase)
        try:
            return self._answer(await self._wire.reply(answer, self._timeouts.content))
        except Lost as lost:
            return LostAfterDot(str(lost))

    def _steps(self, sender: str, recipient: str, size: int) -> Iterator[tuple[Phase, bytes, int, float]]:
        """Yield phase, command, class of the reply that lets us go on, and how long to wait for it."""
        is_plain = sender.isascii() and recipient.isascii()
        options = f" SIZE={size}" if "size" in self._extensions else ""  # RFC 1870 5
        options += "" if is_plain else " SMTPUTF8"  # RFC 6531 3.4
        yield Phase.MAIL, f"MAIL FROM:<{sender}>{options}".encode(), 2, self._timeouts.mail
        yield Phase.RCPT, f"RCPT TO:<{recipient}>".encode(), 2, self._timeouts.rcpt
        # Never after a refused RCPT: a relay that answered 354 all the same would get an empty mail (RFC 2920 3.1).
        yield Phase.DATA, b"DATA", 3, self._timeouts.data

    async def _reset(self) -> None:
        """Forget the transaction that was refused before this mail (RFC 5321, 4.1.1.5)."""
        if self._needs_reset:
            reply = await self._wire.reply(self._wire.ask(b"RSET"), self._timeouts.mail)
            if reply.code // 100 != 2:
                raise self._wire.drop(f"RSET refused: {reply}")
            self._needs_reset = False

    def _refusal(self, reply: Reply, phase: Phase) -> Outcome:
        if reply.code < 400:
            # Out of step: passed on, a 250 for DATA would be read as a mail delivered.
            raise self._wire.drop(f"unexpected answer: {reply}")
        self._needs_reset = True
        return self._judged(reply, phase)

    def _answer(self, reply: Reply) -> Outcome:
        if reply.code // 100 == 3:  # neither yes nor no: whatever it answers, the mail may be the relay's
            raise self._wire.drop(f"unexpected answer: {reply}")
        return self._judged(reply, Phase.CONTENT)

    def _judged(self, reply: Reply, phase: Phase) -> Outcome:
        if reply.code == 421:  # RFC 5321 3.8: the relay is closing
            self._wire.drop(str(reply), by_relay=True)
        return Replied(reply, phase)

    def _count(self, outcome: Outcome) -> None:
        """Say QUIT after the last mail that this connection may carry; its answer is awaited in ``close``."""
        match outcome:
            case Replied(reply, Phase.CONTENT) if reply.code < 300:
                self._delivered += 1
                self._endurance.delivered(self._delivered)
            case Replied(_, phase) | LostBeforeDot(_, phase) if phase is not Phase.CONTENT:
                self._note_end()
            case _ if not self._wire.is_open:
                self._delivered = 0  # an end in the middle of a mail is something else
        self._touch()
        if self._mails_left is not None:
            self._mails_left -= 1
        if self.is_open and (self._mails_left == 0 or self._endurance.is_reached(self._delivered)):
            with contextlib.suppress(Lost):
                self._farewell = self._wire.ask(b"QUIT")

    def _touch(self) -> None:
        if self._wire.is_open:  # else it would seem to have ended just now
            self._last = self._wire.now()

    def _note_end(self) -> None:
        """Learn from an end that the relay has made, of a connection that owes us nothing."""
        end = self._wire.end
        if end is None or not end.by_relay or self._farewell is not None or end.at - self._last > IDLE:
            return
        self._endurance.ended(self._delivered, self._opened, end.at, end.reason)
        self._delivered = 0  # once


def _limit(size: str) -> int | None:
    """Return how many octets a relay takes at most, None where it names none or says 0 (RFC 1870, 4)."""
    return int(size) or None if size.isascii() and size.isdecimal() and len(size) <= 20 else None


def _too_large(most: int, octets: int) -> Reply:
    """Return what the relay would say: a refusal of the mail itself, of every reader's alike."""
    return Reply(552, f"the relay takes at most {most} octets, and this mail has {octets}", "5.3.4")


def _mailbox(address: str) -> str:
    """Return an address for the envelope, its domain as an A-label; ``ValueError`` for what could break a command."""
    if _UNSAFE.search(address):
        raise ValueError(f"not an address for an envelope: {address!r}")
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    return local + at + idna.encode(domain, uts46=True).decode("ascii")
