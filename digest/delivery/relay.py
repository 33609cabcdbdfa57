"""The SMTP relay: aiosmtplib connects, upgrades, greets and logs in; the mail transaction is ours.

aiosmtplib's public calls cannot stop between 354 and the content, nor tell "not sent" from "maybe sent". So a wire of
our own takes over its transport, once the relay is ready for mail.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import aiosmtplib
import idna

from digest.delivery.outcome import (
    Conversation,
    Envelope,
    LostAfterDot,
    LostBeforeDot,
    Outcome,
    Phase,
    RelayRefused,
    Replied,
    Reply,
    Withdrawn,
    printable,
)
from digest.delivery.relays import RelayAddress
from digest.delivery.wire import Lost, Wire

_DOT = re.compile(rb"\n\.")  # of 38 kB searched in 20 us; `in` takes 40
_UNSAFE = re.compile(r"[\x00-\x20<>\x7f-\x9f\s]")
# RFC 6531 3.7.4.2 and RFC 6532: said for a relay that could not take the address, without troubling it.
_NO_SMTPUTF8 = Reply(553, "the relay does not offer SMTPUTF8, which this address needs", "5.6.7")

# aiosmtplib's connect() also reads the greeting: what fails in that has one of these at its root.
_AFTER_CONNECT = (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPReadTimeoutError)


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


class SmtpRelay:
    """A relay on the network, as DIGEST_RELAY_URL describes it."""

    is_outbox = False

    def __init__(self, address: RelayAddress, connections: int = 10, timeouts: Timeouts = TIMEOUTS) -> None:
        self.name = address.name
        self.connections = connections
        self._address = address
        self._timeouts = timeouts

    async def connect(self) -> Conversation:
        """Return a conversation that is ready for mail: verified TLS unless smtp+plain, logged in, greeted."""
        address, phase = self._address, Phase.CONNECT
        client = self._client()
        try:
            await client.connect()
            phase, us = Phase.EHLO, await _our_name(client)
            await client.ehlo(hostname=us)
            if address.scheme == "smtp":
                phase = Phase.TLS
                await client.starttls()
                phase = Phase.EHLO  # RFC 3207 4.2: what was learned before TLS counts no more
                await client.ehlo(hostname=us)
            if address.user is not None and address.password is not None:
                phase = Phase.AUTH
                await client.login(address.user, address.password)
            return _take_over(client, address.per_connection, self._timeouts)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _refused(self.name, phase, error) from error
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._address.host,
            port=self._address.port,
            use_tls=self._address.scheme == "smtps",
            start_tls=False,  # by hand, so that an error is known to be TLS's
            tls_context=self._tls,
            local_hostname="localhost",  # _our_name() says it better once there is a socket
            timeout=self._timeouts.connect,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """Verifies certificate and host name; made once, since reading the system's authorities takes 20 ms."""
        return None if self._address.scheme == "smtp+plain" else ssl.create_default_context()


class SmtpConversation:
    """One connection to an SMTP relay; ``outcome.Conversation`` says what its methods promise."""

    def __init__(self, wire: Wire, extensions: frozenset[str], mails: int | None, timeouts: Timeouts) -> None:
        self._wire = wire
        self._extensions = extensions
        self._mails_left = mails
        self._timeouts = timeouts
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
        if self._farewell is not None:
            return LostBeforeDot("this connection has carried its last mail", Phase.MAIL)
        self._is_busy, self.dot_is_out = True, False
        try:
            return await self._transact(sender, recipient, mail, may_go)
        except BaseException:  # may_go's own, or a cancellation: half a transaction is no place to go on from
            self._wire.drop("given up by us")
            raise
        finally:
            self._is_busy = False
            self._count()

    async def close(self) -> None:
        if self._is_busy:
            self._wire.drop("closed by us")  # QUIT would end up inside the mail
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
                if reply.code // 100 != wanted:
                    return self._refusal(reply, phase)
            phase = Phase.CONTENT
            self._wire.write(memoryview(mail)[:-2])
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
            return self._judged(await self._wire.reply(answer, self._timeouts.content), Phase.CONTENT)
        except Lost as lost:
            return LostAfterDot(str(lost))

    def _steps(self, sender: str, recipient: str, size: int) -> Iterator[tuple[Phase, bytes, int, float]]:
        """Yield phase, command, class of the reply that lets us go on, and how long to wait for it."""
        is_plain = sender.isascii() and recipient.isascii()
        options = f" SIZE={size}" if "size" in self._extensions else ""  # RFC 1870 5
        options += "" if is_plain else " SMTPUTF8"  # RFC 6531 3.4
        yield Phase.MAIL, f"MAIL FROM:<{sender}>{options}".encode(), 2, self._timeouts.mail
        yield Phase.RCPT, f"RCPT TO:<{recipient}>".encode(), 2, self._timeouts.rcpt
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

    def _judged(self, reply: Reply, phase: Phase) -> Outcome:
        if reply.code == 421:  # RFC 5321 3.8: the relay is closing
            self._wire.drop(str(reply))
        return Replied(reply, phase)

    def _count(self) -> None:
        """Say QUIT after the last mail that this connection may carry; its answer is awaited in ``close``."""
        if self._mails_left is not None:
            self._mails_left -= 1
            if self._mails_left <= 0 and self.is_open:
                with contextlib.suppress(Lost):
                    self._farewell = self._wire.ask(b"QUIT")


def _take_over(client: aiosmtplib.SMTP, mails: int | None, timeouts: Timeouts) -> SmtpConversation:
    """Return a conversation over a client's transport; the client itself is left without one."""
    transport = client.transport
    if not isinstance(transport, asyncio.Transport):
        raise aiosmtplib.SMTPServerDisconnected("the relay closed the connection")
    wire = Wire(transport)
    client.transport = None  # so that closing the client frees its lock and leaves the connection alone
    return SmtpConversation(wire, frozenset(client.esmtp_extensions), mails, timeouts)


async def _our_name(client: aiosmtplib.SMTP) -> str:
    """Return what to call ourselves: the full name, else the address (RFC 5321, 4.1.1.1 and 4.1.3)."""
    name = await asyncio.to_thread(_full_name)
    if "." in name and name.isascii():
        return name
    address: str = client.get_transport_info("sockname")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


@cache
def _full_name() -> str:
    return socket.getfqdn()  # may ask a DNS that is slow to say no, so once is enough


def _refused(relay: str, phase: Phase, error: Exception) -> RelayRefused:
    """Return aiosmtplib's error as ours."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):  # smtps
        phase, error = Phase.TLS, cause
    elif phase is Phase.CONNECT and isinstance(cause or error, _AFTER_CONNECT):
        phase = Phase.GREETING
    if isinstance(error, aiosmtplib.SMTPResponseException) and 200 <= error.code < 600:
        text = error.message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return RelayRefused(relay, phase, Reply.of(error.code, text.split("\n")))
    if isinstance(error, ssl.SSLCertVerificationError):
        return RelayRefused(relay, phase, reason=f"its certificate is not accepted: {error.verify_message}")
    reason = str(cause or "") or str(error).rstrip(": ") or type(error).__name__
    return RelayRefused(relay, phase, reason=printable(reason))


def _mailbox(address: str) -> str:
    """Return an address for the envelope, its domain as an A-label; ``ValueError`` for what could break a command."""
    if _UNSAFE.search(address):
        raise ValueError(f"not an address for an envelope: {address!r}")
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    return local + at + idna.encode(domain, uts46=True).decode("ascii")
