"""Talking SMTP to servers on loopback that misbehave as a test wants it."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme

from digest.delivery.outcome import Conversation, Envelope, Outcome, RelayRefused
from digest.delivery.relay import SmtpRelay
from digest.delivery.relays import parse_relay
from digest.delivery.single import hand_over
from digest.delivery.wire import Timeouts
from digest.demo.smtpd import Answer, Received, RecordingServer, Script, Step

PATIENT = Timeouts(*[5.0] * 7)
HASTY = Timeouts(*[0.1] * 7)
BRISK = Timeouts(5.0, *[0.3] * 6)  #: where only some of what is tried takes all of its time
ENVELOPE = Envelope("bounce+abc@example.com", "asa@example.net")


def a_mail(text: str = "Hej!", lines: int = 3) -> bytes:
    return b"Message-ID: <1@example.com>\r\nSubject: Senaste nytt\r\n\r\n" + f"{text}\r\n".encode() * lines


def received(mail: bytes, envelope: Envelope = ENVELOPE) -> Received:
    return Received(envelope.sender, envelope.recipient, mail)


def at(name: str, answer: Answer, mail: int = 1) -> Script:
    """Return a script that gives this answer at one step of one mail, and is well behaved otherwise."""
    return lambda step: answer if (step.name, step.mail) == (name, mail) else None


def once(name: str, answer: Answer) -> Script:
    """Return a script that gives this answer the first time a step is taken."""
    answers = iter([answer])
    return lambda step: next(answers, None) if step.name == name else None


def step_by_step(script: Script = lambda step: None) -> Script:
    """Return a script of a server that does not offer PIPELINING, as OpenSMTPD does not."""
    greeting = b"250-localhost\r\n250-8BITMIME\r\n250-SIZE 50000000\r\n250 SMTPUTF8\r\n"
    return lambda step: script(step) or (greeting if step.name == "ehlo" else None)


def recorded(steps: list[str], script: Script = lambda step: None) -> Script:
    def run(step: Step) -> Answer:
        steps.append(f"{step.name} {step.argument}".strip())
        return script(step)

    return run


@asynccontextmanager
async def bare_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Run a server of a test's own making and return its URL."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"smtp+plain://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def lead_to_content(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for reply in (b"220 hej", b"250 hej", b"250 ok", b"250 ok"):
        writer.write(reply + b"\r\n")
        await reader.readline()
    writer.write(b"354 go\r\n")


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


@asynccontextmanager
async def talk(url: str, timeouts: Timeouts = PATIENT) -> AsyncIterator[Conversation]:
    conversation = await SmtpRelay(parse_relay(url), timeouts=timeouts).connect()
    try:
        yield conversation
    finally:
        await conversation.close()
        assert not conversation.is_open


async def hand_one_over(script: Script | None, timeouts: Timeouts = PATIENT) -> tuple[Outcome, bool, list[Received]]:
    """Return what came of one mail to such a server, whether the conversation is still open, and what arrived."""
    async with RecordingServer(script=script) as server, talk(server.url, timeouts) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)
        return outcome, conversation.is_open, server.mails


async def refused(url: str, timeouts: Timeouts = HASTY) -> RelayRefused:
    relay = SmtpRelay(parse_relay(url), timeouts=timeouts)
    with pytest.raises(RelayRefused) as caught:
        await relay.connect()
    assert caught.value.relay == relay.name
    assert "\n" not in str(caught.value)
    return caught.value


def certified(authority: trustme.CA, name: str = "localhost", not_after: dt.datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context
