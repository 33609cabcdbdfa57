"""The relay's moods: how it ends connections, what it says out of turn, what it refuses beside a reader."""

import asyncio
import datetime as dt
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from digest.delivery.conversation import SmtpConversation
from digest.delivery.endurance import IDLE, Endurance
from digest.delivery.outcome import LostAfterDot, LostBeforeDot, Outcome, Phase, RelayRefused, Replied, Reply
from digest.delivery.relay import SmtpRelay, dial
from digest.delivery.relays import parse_relay
from digest.delivery.retry import Trial, next_entry
from digest.delivery.single import hand_over
from digest.delivery.wire import Timeouts, Wire
from digest.demo.smtpd import Action, Answer, RecordingServer, Script, Step
from digest.models import DeliveryState
from tests.talking import (
    ENVELOPE,
    HASTY,
    PATIENT,
    a_mail,
    at,
    bare_server,
    hand_one_over,
    lead_to_content,
    once,
    recorded,
    step_by_step,
    talk,
    yes,
)

pytestmark = pytest.mark.usefixtures("quick_collections", "nothing_is_left_lying_about")

OK = (b"220 hej\r\n", b"250 hej\r\n")


def what_becomes_of(outcome: Outcome) -> DeliveryState:
    now = dt.datetime(2025, 11, 30, 6, 30, tzinfo=dt.UTC)
    return next_entry(outcome, Trial(1, 0, now, now + dt.timedelta(hours=20), 1, 0.5)).state


# --- How many mails one connection takes


async def send_over(relay: SmtpRelay, mails: int) -> list[int]:
    """Hand this many mails over, on new connections as the old ones end; return how many each of them carried."""
    carried: list[int] = []
    conversation = None
    delivered = 0
    while delivered < mails:
        if conversation is None or not conversation.is_open:
            if conversation is not None:
                await conversation.close()
            conversation = await relay.connect()
            carried.append(0)
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)
        if isinstance(outcome, Replied) and outcome.reply.code == 250:
            delivered += 1
            carried[-1] += 1
    assert conversation is not None
    await conversation.close()
    return carried


@pytest.mark.parametrize(
    "script",
    [
        at("mail", b"421 4.3.2 closing\r\n", mail=4),
        at("mail", Action.DROP, mail=4),
        at("mail", Action.RESET, mail=4),
        at("dot", b"250 ok\r\n421 4.3.2 closing\r\n", mail=3),
    ],
)
async def test_number_at_which_a_relay_ends_two_connections_is_kept_to_from_then_on(script: Script) -> None:
    steps: list[str] = []
    async with RecordingServer(script=recorded(steps, script)) as server:
        relay = SmtpRelay(parse_relay(server.url), timeouts=PATIENT)
        known = []
        for _ in range(2):
            assert await send_over(relay, 4) == [3, 1]
            known.append(relay.learned_per_connection)
        assert known == [None, 3]

        steps.clear()
        assert await send_over(relay, 7) == [3, 3, 1]

    assert len(server.mails) == 15
    assert sum(step.startswith("mail") for step in steps) == 7  # it has not had to say so again


@pytest.mark.parametrize(
    "words",
    [
        b"421 too many messages in this connection\r\n",
        b"421 4.7.0 Maximum number of messages per session reached\r\n",
        b"421 Max message per connection reached, closing transmission channel\r\n",
    ],
)
async def test_relay_that_says_what_its_limit_is_about_needs_not_say_it_twice(words: bytes) -> None:
    async with RecordingServer(script=at("mail", words, mail=3)) as server:
        relay = SmtpRelay(parse_relay(server.url), timeouts=PATIENT)
        assert await send_over(relay, 3) == [2, 1]

        assert relay.learned_per_connection == 2


async def test_what_was_learned_before_holds_from_the_first_connection_on() -> None:
    async with RecordingServer() as server:
        relay = SmtpRelay(parse_relay(server.url), timeouts=PATIENT)
        relay.learned_per_connection = 2
        assert await send_over(relay, 5) == [2, 2, 1]

        setting = SmtpRelay(parse_relay(f"{server.url}?per_connection=1"), timeouts=PATIENT)
        setting.learned_per_connection = 2
        assert await send_over(setting, 2) == [1, 1]


async def test_end_that_has_other_reasons_teaches_nothing() -> None:
    async def carry(script: Script, *, idle: float = 0.0) -> int | None:
        async with RecordingServer(script=script) as server:
            relay = SmtpRelay(parse_relay(server.url), timeouts=HASTY)
            for _ in range(3):
                conversation = await relay.connect()
                assert isinstance(conversation, SmtpConversation)
                await hand_over(conversation, ENVELOPE, a_mail(), yes)
                conversation._tenure._last -= idle
                await hand_over(conversation, ENVELOPE, a_mail(), yes)
                await asyncio.sleep(0.01)
                await conversation.close()
            return relay.learned_per_connection

    answer: Answer
    for name, answer in (("dot", Action.DROP), ("dot", b"421 down\r\n"), ("mail", Action.HANG), ("mail", b"250-\r\n5")):
        assert await carry(at(name, answer, mail=2)) is None, (name, answer)
    assert await carry(at("mail", Action.DROP, mail=1)) is None  # nothing was delivered
    idle = at("dot", b"250 ok\r\n421 4.4.2 idle for too long\r\n")
    assert await carry(idle, idle=IDLE + 1) is None
    assert await carry(idle) == 1


def test_relay_that_ends_all_connections_at_once_has_shown_no_limit() -> None:
    endurance, known = Endurance(), []
    for connection in range(10):
        endurance.ended(7, opened=0.0, now=5.0 + connection / 10, words="421 shutting down")
    known.append(endurance.most)
    endurance.ended(7, opened=5.1, now=9.0, words="421 shutting down")  # opened since, and come as far
    known.append(endurance.most)

    assert known == [None, 7]


def test_connection_that_carries_more_disproves_a_limit() -> None:
    endurance, reached = Endurance(), []
    endurance.ended(3, 0.0, 1.0, "")
    endurance.delivered(4)
    endurance.ended(3, 2.0, 3.0, "")
    reached.append(endurance.is_reached(3))
    endurance.ended(3, 4.0, 5.0, "")
    reached += [endurance.is_reached(2), endurance.is_reached(3)]
    for mails in (3, 4):
        endurance.delivered(mails)
        reached.append(endurance.is_reached(3))

    assert reached == [False, False, True, True, False]


def test_ends_at_different_numbers_show_no_limit() -> None:
    endurance = Endurance()
    for n, mails in enumerate((3, 4, 3, 5, 3)):
        endurance.ended(mails, opened=n, now=n + 0.5, words="421 closing")
    assert endurance.most is None


# --- Replies out of turn


@asynccontextmanager
async def a_wire() -> AsyncIterator[Wire]:
    """Yield a wire whose other end a test speaks for through ``data_received``."""
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    wire = Wire(transport)
    try:
        yield wire
    finally:
        await wire.close(1)
        theirs.close()


REPLIES = "250-2.1.0 ok\r\n250 2.1.0 gå\n550\r\n354-go\r\n354 on\r\n".encode()
READ = [Reply(250, "ok gå", "2.1.0"), Reply(550, ""), Reply(354, "go on")]


async def test_replies_are_the_same_however_the_packets_fall() -> None:
    """Glued into one packet, cut in two at every byte, and a byte at a time."""
    halves = [[REPLIES[:cut], REPLIES[cut:]] for cut in range(len(REPLIES) + 1)]
    for packets in (*halves, [b"%c" % byte for byte in REPLIES]):
        async with a_wire() as wire:
            heard: list[Reply] = []
            for _ in READ:
                wire.ask(b"NOOP\r\n", (heard.append, 1))
            for packet in packets:
                wire.data_received(packet)
            assert heard == READ


async def test_lines_of_different_codes_are_no_reply() -> None:  # RFC 5321 4.2.1
    for said in (b"250-ok\r\n550 no\r\n", b"550-no\r\n250 ok\r\n", b"250-a\r\n250-b\r\n251 c\r\n"):
        outcome, is_open, _ = await hand_one_over(at("dot", said))
        assert isinstance(outcome, LostAfterDot)
        assert not is_open


async def test_reply_without_end_is_dropped_before_it_fills_the_memory() -> None:
    heard: list[Reply] = []
    for packet in (b"x" * 1000, b"250-" + b"x" * 996, b"250-\r\n" * 100):
        async with a_wire() as wire:
            wire.ask(b"NOOP\r\n", (heard.append, 1))
            taken = 0
            while wire.is_open:
                wire.data_received(packet)
                taken += len(packet)
            assert wire.end is not None
            assert wire.end.reason == "a reply of more than 64 kB"
            assert taken <= 100_000
    assert heard == []


@pytest.mark.parametrize("said", [b"250 ok\r\n", b"250-2.0.0", b"2", b"\r\n", b"354 go\r\n", b"hello\r\n"])
async def test_words_on_an_idle_connection_are_not_the_answer_to_the_next_mail(said: bytes) -> None:
    heard: list[bytes] = []
    connected: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        writer.write(OK[0])
        heard.append(await reader.readline())
        writer.write(OK[1])
        heard.append(await reader.read())
        writer.close()

    async with bare_server(serve) as url, talk(url) as conversation:
        connected[0].write(said)
        await asyncio.sleep(0.02)
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)
        await asyncio.sleep(0.02)

    assert isinstance(outcome, LostBeforeDot)
    assert not heard[1].startswith(b"MAIL")


async def test_half_a_yes_said_before_the_dot_is_not_completed_by_what_follows_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await lead_to_content(reader, writer)
        writer.write(b"250 ta")
        await reader.read()
        writer.close()

    async def mark() -> bool:
        await asyncio.sleep(0.02)
        return True

    async with bare_server(serve) as url, talk(url) as conversation:
        assert await hand_over(conversation, ENVELOPE, a_mail(), mark) == LostBeforeDot(
            "not asked for: '250 ta'", Phase.CONTENT
        )


@pytest.mark.parametrize("code", [354, 334, 300])
@pytest.mark.parametrize("name", ["mail", "rcpt", "rset", "dot"])
async def test_354_that_nobody_waits_for_neither_loses_a_mail_nor_doubles_it(name: str, code: int) -> None:
    """Before the dot it was not sent; after it, nobody knows, and the ledger says so."""
    script = at(name, b"%d go ahead\r\n" % code)
    if name == "rset":
        refusal, odd = once("rcpt", b"450 later\r\n"), script
        script = lambda step: refusal(step) or odd(step)  # noqa: E731
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        if name == "rset":
            await hand_over(conversation, ENVELOPE, a_mail(), yes)
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)
        assert not conversation.is_open

    assert isinstance(outcome, LostAfterDot if name == "dot" else LostBeforeDot)
    assert f"{code} go ahead" in outcome.reason
    assert what_becomes_of(outcome) is (DeliveryState.IN_DOUBT if name == "dot" else DeliveryState.PENDING)
    assert len(server.mails) == (name == "dot")


@pytest.mark.parametrize("answer", [b"354 go\r\n", b"503 5.5.1 no valid recipients\r\n"])
async def test_nothing_follows_a_refused_recipient_where_each_command_waits_for_its_answer(answer: bytes) -> None:
    steps: list[str] = []

    def moody(step: Step) -> Answer:
        return {"rcpt": b"550 5.1.1 no such user\r\n", "data": answer}.get(step.name) if step.mail == 1 else None

    script = step_by_step(moody)
    async with RecordingServer(script=recorded(steps, script)) as server, talk(server.url) as conversation:
        assert isinstance(await hand_over(conversation, ENVELOPE, a_mail(), yes), Replied)
        assert [step.split()[0] for step in steps] == ["connect", "ehlo", "mail", "rcpt"]
        assert conversation.is_open
    assert server.mails == []


@pytest.mark.parametrize(("name", "lost"), [("mail", LostBeforeDot), ("data", LostBeforeDot), ("dot", LostAfterDot)])
async def test_reply_that_drips_has_no_more_time_than_one_that_hangs(name: str, lost: type[Outcome]) -> None:
    drip = tuple(b"%c" % byte for byte in b"250 " + b"x" * 100 + b"\r\n")
    outcome, is_open, _ = await hand_one_over(at(name, drip), HASTY)

    assert isinstance(outcome, lost)
    assert isinstance(outcome, LostBeforeDot | LostAfterDot)
    assert outcome.reason == "no answer within 0.1 s"
    assert not is_open


# --- What the relay does not take


@pytest.mark.parametrize(("size", "is_tried"), [("SIZE 50", False), ("SIZE 5000", True)])
async def test_mail_larger_than_the_relay_takes_is_not_tried(size: str, is_tried: bool) -> None:  # RFC 1870 5
    steps: list[str] = []
    script = recorded(steps, at("ehlo", f"250-localhost\r\n250 {size}\r\n".encode()))
    mail = a_mail()
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, mail, yes)
        assert conversation.is_open

    assert any(step.startswith("mail") for step in steps) == is_tried
    if not is_tried:
        words = f"the relay takes at most 50 octets, and this mail has {len(mail)}"
        assert outcome == Replied(Reply(552, words, "5.3.4"), Phase.CONTENT)
        assert what_becomes_of(outcome) is DeliveryState.DEFERRED  # counted: a storm of them stops the send


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE many", "SIZE -5", "SIZE " + "9" * 5000])
async def test_size_that_is_no_limit_limits_nothing(size: str) -> None:  # RFC 1870 4
    outcome, _, mails = await hand_one_over(at("ehlo", f"250-localhost\r\n250 {size}\r\n".encode()))

    assert isinstance(outcome, Replied)
    assert len(mails) == 1


@pytest.mark.parametrize(
    ("name", "said", "state"),
    [
        ("mail", b"552 5.3.4 message size exceeds fixed limit\r\n", DeliveryState.DEFERRED),
        ("mail", b"552 too big\r\n", DeliveryState.DEFERRED),
        ("dot", b"552 5.3.4 too big\r\n", DeliveryState.DEFERRED),
        ("mail", b"452 4.3.1 insufficient system storage\r\n", DeliveryState.PENDING),  # of us or now: nobody's attempt
    ],
)
async def test_refusal_of_the_size_is_the_mails_own_also_before_the_recipient(
    name: str, said: bytes, state: DeliveryState
) -> None:
    outcome, is_open, _ = await hand_one_over(at(name, said))

    assert (what_becomes_of(outcome), is_open) == (state, True)


async def test_reader_whose_address_the_relay_cannot_take_is_failed_and_an_idn_domain_is_not() -> None:
    script = at("ehlo", b"250 localhost\r\n")
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        name = await hand_over(conversation, replace(ENVELOPE, recipient="åsa@example.net"), a_mail(), yes)
        domain = await hand_over(conversation, replace(ENVELOPE, recipient="asa@räksmörgås.example"), a_mail(), yes)

    assert (what_becomes_of(name), what_becomes_of(domain)) == (DeliveryState.FAILED, DeliveryState.SENT)


# --- Connections


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Let this process open only so many more files and sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_no_connection_leaks_however_it_ends() -> None:
    """A hundred connections to a relay that ends each in another way, with room for a few at a time."""
    misdeeds: list[tuple[str, Answer]] = [
        (name, answer)
        for name in ("connect", "ehlo", "mail", "rcpt", "data", "content", "dot", "quit")
        for answer in (Action.DROP, Action.RESET, Action.HANG, b"421 closing\r\n", b"garbage\r\n")
    ]

    def script(step: Step) -> Answer:
        name, answer = misdeeds[(step.connection - 1) % len(misdeeds)]
        return answer if step.name == name else None

    hasty = Timeouts(0.2, *[0.02] * 6)
    async with RecordingServer(script=script) as server:
        relay = SmtpRelay(parse_relay(server.url), timeouts=hasty)
        before = open_files()
        with few_descriptors(64):
            for _ in range(100):
                try:
                    conversation = await relay.connect()
                except RelayRefused:
                    continue
                await hand_over(conversation, ENVELOPE, a_mail(), yes)
                await conversation.close()
        await asyncio.sleep(0.05)  # the server's ends
        assert open_files() <= before + 1 + len(server._sessions)
        assert server.connections == 100


async def test_connection_that_is_cut_off_while_it_begins_leaves_nothing_open() -> None:
    async with RecordingServer(script=at("ehlo", Action.HANG)) as server:
        before = open_files()
        connecting = asyncio.create_task(SmtpRelay(parse_relay(server.url), timeouts=PATIENT).connect())
        await asyncio.sleep(0.05)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await asyncio.sleep(0.02)
        assert open_files() <= before + 1  # the hung end of the server


async def test_relay_may_be_reached_by_its_sixth_version_of_an_address() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await lead_to_content(reader, writer)
        heard.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 ok\r\n")
        await reader.readline()
        writer.write(b"221 bye\r\n")
        writer.close()

    heard: list[bytes] = []
    async with await asyncio.start_server(serve, "::1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with talk(f"smtp+plain://[::1]:{port}") as conversation:
            outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)

    assert outcome == Replied(Reply(250, "ok"), Phase.CONTENT)
    assert heard == [a_mail() + b".\r\n"]


def found(host: str, port: int) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, object]:
    family, address = (socket.AF_INET6, (host, port, 0, 0)) if ":" in host else (socket.AF_INET, (host, port))
    return family, socket.SOCK_STREAM, 0, "", address


async def test_next_address_of_a_host_is_tried_where_one_refuses_or_is_silent() -> None:  # RFC 5321 5.1
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # there is no room for another: it waits in vain
            async with RecordingServer() as server:
                silent, refusing, good = (
                    found("127.0.0.1", port),
                    found("::1", server.port),
                    found("127.0.0.1", server.port),
                )
                for first in ([refusing], [silent], [refusing, silent, refusing]):
                    sock = await dial([*first, good], 0.2)
                    assert sock.getpeername() == ("127.0.0.1", server.port)
                    sock.close()

                began = time.monotonic()
                (await dial([silent, good], 2, first=("127.0.0.1", server.port))).close()
                assert time.monotonic() - began < 0.9

                with pytest.raises(OSError, match="Errno 111") as error:
                    await dial([refusing, silent], 0.2)
                assert "no answer from 127.0.0.1 within 0.1 s" in str(error.value)
    with pytest.raises(OSError, match="no address"):
        await dial([], 0.2)
