"""The SMTP relay: aiosmtplib connects, upgrades, greets and logs in; the mail transaction is ours.

aiosmtplib's public calls cannot stop between 354 and the content, nor tell "not sent" from "maybe sent". So a wire of
our own takes over its transport, once the relay is ready for mail (``conversation``).
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any

import aiosmtplib

from digest.delivery import crash
from digest.delivery.chunking import ChunkingConversation
from digest.delivery.conversation import SmtpConversation
from digest.delivery.endurance import Endurance
from digest.delivery.envelope import Offer
from digest.delivery.login import CannotLogIn, NoToken, TokenCommand, log_in, log_in_by_token
from digest.delivery.outcome import Conversation, Phase, RelayRefused, Reply, printable
from digest.delivery.relays import RelayAddress
from digest.delivery.wire import TIMEOUTS, Timeouts, Wire

# aiosmtplib's connect() also shakes hands and reads the greeting: what fails in that has one of these at its root.
_IN_GREETING = (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPReadTimeoutError)

#: One of getaddrinfo's answers; the last is what its family calls an address.
Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]

_BY_HAND = "run DIGEST_RELAY_TOKEN_COMMAND by hand and look at what it prints"


class SmtpRelay:
    """A relay on the network, as DIGEST_RELAY_URL describes it."""

    is_outbox = False

    def __init__(
        self,
        address: RelayAddress,
        connections: int = 10,
        timeouts: Timeouts = TIMEOUTS,
        tokens: TokenCommand | None = None,
    ) -> None:
        self.name = address.name
        self.connections = connections
        self.window = address.window or 1
        self._address = address
        self._timeouts = timeouts
        self._tokens = tokens
        self._endurance = Endurance()
        self._answered: object = None  # where the host answered last

    @property
    def learned_per_connection(self) -> int | None:
        """How many mails it takes on one connection, None while it has shown no limit; set it to what it showed."""
        return self._endurance.most

    @learned_per_connection.setter
    def learned_per_connection(self, mails: int | None) -> None:
        self._endurance.most = mails

    async def connect(self) -> Conversation:
        """Return a conversation that is ready for mail: verified TLS unless smtp+plain, logged in, greeted."""
        if self._tokens is None:
            return await self._begin(self._address.password)
        token = await self._token(self._tokens)
        try:
            return await self._begin(token)
        except RelayRefused as refused:
            if refused.reply is None or not refused.is_login:
                raise
            newer = await self._token(self._tokens, refused=token)  # it lives an hour, and a send longer
            if newer == token:
                raise
        return await self._begin(newer)

    async def _token(self, tokens: TokenCommand, refused: str | None = None) -> str:
        try:
            return await tokens.token(refused)
        except NoToken as error:
            raise RelayRefused(self.name, Phase.AUTH, reason=str(error), advice=_BY_HAND, cannot_log_in=True) from error

    async def _begin(self, secret: str | None) -> Conversation:
        address, phase = self._address, Phase.CONNECT
        client: aiosmtplib.SMTP | None = None
        try:
            sock = await self._dial()
            crash.reached("connected")
            client, phase = self._client(sock), Phase.GREETING
            await client.connect()
            phase, us = Phase.EHLO, await _our_name(client)
            await client.ehlo(hostname=us)
            if address.scheme == "smtp":
                phase = Phase.TLS
                await client.starttls()
                phase = Phase.EHLO  # RFC 3207 4.2: what was learned before TLS counts no more
                await client.ehlo(hostname=us)
            if address.user is not None and secret is not None:
                phase = Phase.AUTH
                await (log_in_by_token if self._tokens else log_in)(client, address.user, secret)
            crash.reached("greeted")
            return self._take_over(client)
        except CannotLogIn as error:
            raise RelayRefused(self.name, phase, reason=str(error), cannot_log_in=True) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _refused(self.name, phase, error, is_tls=address.scheme == "smtps") from error
        finally:
            if client is not None:
                client.close()

    def _take_over(self, client: aiosmtplib.SMTP) -> Conversation:
        """Return a conversation over a client's transport; the client itself is left without one."""
        transport, address = client.transport, self._address
        if not isinstance(transport, asyncio.Transport):
            raise aiosmtplib.SMTPServerDisconnected("the relay closed the connection")
        wire, offer = Wire(transport), Offer.of(client.esmtp_extensions)
        client.transport = None  # so that closing the client frees its lock and leaves the connection alone
        mails, times, endurance = address.per_connection, self._timeouts, self._endurance
        if address.window is not None and offer.chunking and offer.pipelining:
            return ChunkingConversation(wire, offer, address.window, mails, times, endurance)
        return SmtpConversation(wire, offer, mails, times, endurance)

    async def _dial(self) -> socket.socket:
        """Return a socket that is connected to the host, first of all where it answered last."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeouts.connect):
                found = await loop.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise OSError(f"its name was not found within {self._timeouts.connect:g} s") from None
        sock = await dial(found, self._timeouts.connect, first=self._answered)
        with contextlib.suppress(OSError):  # it may be gone again, which whoever uses it finds out
            self._answered = sock.getpeername()
        return sock

    def _client(self, sock: socket.socket) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._address.host,
            sock=sock,
            use_tls=self._address.scheme == "smtps",
            start_tls=False,  # by hand, so that an error is known to be TLS's
            tls_context=self._tls,
            local_hostname="localhost",  # _our_name() says it better once there is a socket
            timeout=self._timeouts.connect,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """Verifies certificate and host name; made once, since reading the system's authorities takes 20 ms."""
        if self._address.scheme == "smtp+plain":
            return None
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: older ones must not be used
        return context


async def dial(found: Sequence[Found], seconds: float, first: object = None) -> socket.socket:
    """Return a socket that is connected to the first address that answers (RFC 5321, 5.1); raises ``OSError``.

    Each address has its share of the time, so that one that swallows everything does not hide the others; it costs
    that share once, and not with every connection, when ``first`` is the address that answered last.
    """
    share, errors = seconds / max(1, len(found)), []
    for family, kind, protocol, _, address in sorted(found, key=lambda one: one[4] != first):
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(family, kind, protocol))
            try:
                sock.setblocking(False)
                async with asyncio.timeout(share):
                    await asyncio.get_running_loop().sock_connect(sock, address)
            except TimeoutError:
                errors.append(f"no answer from {address[0]} within {share:g} s")
            except OSError as error:
                errors.append(str(error))
            else:
                stack.pop_all()  # it stays open
                return sock
    raise OSError("; ".join(dict.fromkeys(errors)) or "its name leads to no address")


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


def _refused(relay: str, phase: Phase, error: Exception, *, is_tls: bool) -> RelayRefused:
    """Return aiosmtplib's error as ours; ``is_tls``: the relay speaks TLS from the start."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):
        phase, error = Phase.TLS, cause
    elif is_tls and phase is Phase.GREETING and not isinstance(cause or error, _IN_GREETING):
        phase = Phase.TLS
    if isinstance(error, aiosmtplib.SMTPResponseException) and 200 <= error.code < 600:
        text = error.message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return RelayRefused(relay, phase, Reply.of(error.code, text.split("\n")))
    if isinstance(error, ssl.SSLCertVerificationError):
        return RelayRefused(relay, phase, reason=f"its certificate is not accepted: {error.verify_message}")
    reason = str(cause or "") or str(error).rstrip(": ") or type(error).__name__
    return RelayRefused(relay, phase, reason=printable(reason))
