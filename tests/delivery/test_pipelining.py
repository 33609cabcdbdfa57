"""Chained envelopes (RFC 2920): one round trip a mail, and whatever the relay says or breaks off, nobody is lost."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from digest.delivery.outcome import LostAfterDot, LostBeforeDot, Outcome, Phase, Replied, Reply, Untried, Withdrawn
from digest.delivery.relay import SmtpRelay
from digest.delivery.relays import parse_relay
from digest.demo.smtpd import Action, Answer, RecordingServer, Script, Step
from tests.carrying import Bag, is_sent, mail_to, readers, received_by, what_is_wrong
from tests.talking import BRISK, at, bare_server, recorded, step_by_step, talk

pytestmark = pytest.mark.usefixtures("quick_collections", "nothing_is_left_lying_about")

ENVELOPE = b"250 mail\r\n250 rcpt\r\n354 data\r\n"


# --- Round trips


@pytest.mark.parametrize("mails", [1, 2, 7])
async def test_mail_costs_one_round_trip(mails: int) -> None:
    """This relay answers an end only once it has the next envelope: who does not send that along waits for ever."""
    answers, content = 0, b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answers, content
        writer.write(b"220 hej\r\n")
        await reader.readline()
        writer.write(b"250-hej\r\n250 PIPELINING\r\n")
        content += await reader.readuntil(b"\r\nDATA\r\n")
        writer.write(ENVELOPE)
        for _ in range(mails - 1):
            content += await reader.readuntil(b"\r\nDATA\r\n")
            writer.write(b"250 taken\r\n" + ENVELOPE)
            answers += 1
        content += await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        answers += 1
        await reader.readline()
        writer.write(b"221 bye\r\n")
        writer.close()

    bag = Bag(readers(mails))
    async with bare_server(serve) as url, talk(url) as conversation:
        async with asyncio.timeout(5):
            await bag.over(conversation)

    assert bag.sent == bag.readers
    assert answers == mails
    assert content == b"".join(
        b"MAIL FROM:<bounce@example.com>\r\nRCPT TO:<%b>\r\nDATA\r\n%b.\r\n" % (who.encode(), mail_to(who))
        for who in bag.readers
    )


async def test_nothing_is_chained_that_nothing_follows() -> None:
    """Else the relay would wait for a content that does not come."""
    steps: list[str] = []
    bag = Bag(readers(3))
    async with RecordingServer(script=recorded(steps)) as server, talk(server.url) as conversation:
        await bag.over(conversation)
        assert conversation.is_open

    assert [step.split()[0] for step in steps[2:]] == [*["mail", "rcpt", "data", "content", "dot"] * 3, "quit"]


async def test_relay_without_pipelining_gets_one_command_at_a_time() -> None:
    """This one reads a command only when it has answered the one before, and takes more than that for a fault."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(end: bytes, reply: bytes) -> None:
            writer.write(reply)
            heard.append(await reader.readuntil(end))
            await asyncio.sleep(0.01)
            assert not reader._buffer  # type: ignore[attr-defined]

        await answer(b"\n", b"220 hej\r\n")
        reply = b"250 hej\r\n"
        for _ in range(3):
            await answer(b"\n", reply)
            await answer(b"\n", b"250 ok\r\n")
            await answer(b"\n", b"250 ok\r\n")
            await answer(b"\r\n.\r\n", b"354 go\r\n")
            reply = b"250 ok\r\n"
        await answer(b"\n", b"250 ok\r\n")
        writer.write(b"221 bye\r\n")
        writer.close()

    bag = Bag(readers(3))
    async with bare_server(serve) as url, talk(url) as conversation:
        await bag.over(conversation)

    assert bag.sent == bag.readers
    assert [line[:4] for line in heard] == [b"EHLO", *[b"MAIL", b"RCPT", b"DATA", b"Mess"] * 3, b"QUIT"]


async def test_each_mail_is_told_of_before_the_mark_of_the_next_is_asked_for() -> None:
    bag = Bag(readers(3))
    async with RecordingServer() as server, talk(server.url) as conversation:
        await bag.over(conversation)

    assert bag.events == [f"{what} {who}" for who in bag.readers for what in ("mark", "ended")]


# --- Chained envelopes that are refused


def second(answers: dict[str, Answer], mail: int = 2) -> Script:
    return lambda step: answers.get(step.name) if step.mail == mail else None


@pytest.mark.parametrize("data", [b"503 5.5.1 no recipients\r\n", b"554 5.5.1 no valid recipients\r\n", b"451 no\r\n"])
@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({"mail": b"451 4.3.2 no\r\n"}, Replied(Reply(451, "no", "4.3.2"), Phase.MAIL)),
        ({"mail": b"550 no\r\n", "rcpt": b"550 5.1.1 no\r\n"}, Replied(Reply(550, "no"), Phase.MAIL)),
        ({"mail": b"550 no\r\n", "rcpt": b"250 ok\r\n"}, Replied(Reply(550, "no"), Phase.MAIL)),
        ({"rcpt": b"550 5.1.1 no\r\n"}, Replied(Reply(550, "no", "5.1.1"), Phase.RCPT)),
        ({"rcpt": b"452 4.2.2 full\r\n"}, Replied(Reply(452, "full", "4.2.2"), Phase.RCPT)),
        ({}, None),
    ],
)
async def test_refusal_of_a_chained_envelope_is_its_own_and_the_rest_go_on(
    answers: dict[str, Answer], outcome: Outcome | None, data: bytes
) -> None:
    bag, steps = Bag(readers(4)), list[str]()
    script = recorded(steps, once_each(second({**answers, "data": data})))
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        await bag.over(conversation)
        assert conversation.is_open

    refused = bag.outcomes["r1@example.net"]
    assert refused == (outcome or Replied(Reply(int(data[:3]), refused_text(data), refused_code(data)), Phase.DATA))
    assert bag.sent == ["r0@example.net", "r2@example.net", "r3@example.net"]
    assert server.mails == [received_by(who) for who in bag.sent]
    assert (server.connections, steps.count("rset")) == (1, 1)  # RFC 5321 4.1.1.5


def once_each(script: Script) -> Script:
    """Return a script that gives each answer once, since a refused mail does not count as one of the connection's."""
    said: set[str] = set()

    def run(step: Step) -> Answer:
        if step.name in said or (answer := script(step)) is None:
            return None
        said.add(step.name)
        return answer

    return run


def refused_text(said: bytes) -> str:
    return Reply.parse([said.rstrip()]).text


def refused_code(said: bytes) -> str | None:
    return Reply.parse([said.rstrip()]).enhanced


async def test_354_after_a_refused_recipient_is_answered_with_a_lone_dot() -> None:  # RFC 2920 3.1
    """A relay of the kind that the standard speaks of: it takes content for nobody, and must get none."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hej\r\n")
        await reader.readline()
        writer.write(b"250-hej\r\n250 PIPELINING\r\n")
        heard.append(await reader.readuntil(b"\r\nDATA\r\n"))
        writer.write(b"250 mail\r\n550 5.1.1 nobody\r\n354 data\r\n")
        heard.append(await reader.readuntil(b"\n"))
        writer.write(b"250 an empty mail for nobody, if you like\r\n")
        heard.append(await reader.readuntil(b"\r\nDATA\r\n"))
        writer.write(b"250 reset\r\n" + ENVELOPE)
        heard.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 taken\r\n")
        await reader.readline()
        writer.write(b"221 bye\r\n")
        writer.close()

    bag = Bag(readers(2))
    async with bare_server(serve) as url, talk(url) as conversation:
        await bag.over(conversation)

    assert bag.outcomes["r0@example.net"] == Replied(Reply(550, "nobody", "5.1.1"), Phase.RCPT)
    assert bag.sent == ["r1@example.net"]
    assert heard[1] == b".\r\n"
    assert heard[2].startswith(b"RSET\r\nMAIL FROM:")
    assert heard[3] == mail_to("r1@example.net") + b".\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        {"mail": b"451 no\r\n", "rcpt": b"250 ok\r\n", "data": b"354 go\r\n"},  # somebody may have been accepted
        {"mail": b"451 no\r\n", "rcpt": b"550 no\r\n", "data": b"354 go\r\n"},
        {"rcpt": b"550 no\r\n", "data": b"250 ok\r\n"},
        {"mail": b"451 no\r\n", "rcpt": b"354 go\r\n"},
        {"mail": b"354 go\r\n"},
        {"rcpt": b"354 go\r\n"},
        {"data": b"250 ok\r\n"},
        {"rset": b"502 what?\r\n", "rcpt": b"550 no\r\n"},
    ],
)
async def test_answer_out_of_step_ends_the_connection_and_sends_nobody_an_empty_mail(
    answers: dict[str, Answer],
) -> None:
    bag, steps = Bag(readers(4)), list[str]()
    async with RecordingServer(script=recorded(steps, second(answers))) as server, talk(server.url) as conversation:
        await bag.over(conversation)
        assert not conversation.is_open

    assert what_is_wrong(bag, server.mails) == []
    assert (bag.sent, bag.doubts) == (["r0@example.net"], [])
    assert "." not in steps


# --- Chained envelopes that come to nothing


@pytest.mark.parametrize(
    ("answer", "outcome", "mails"),
    [
        (b"421 4.3.2 closing\r\n", Replied(Reply(421, "closing", "4.3.2"), Phase.CONTENT), 1),
        (b"250 ok\r\n421 4.3.2 closing\r\n", Replied(Reply(250, "ok"), Phase.CONTENT), 2),
        (b"354 go\r\n", LostAfterDot("unexpected answer: 354 go"), 2),
        (b"garbage\r\n", LostAfterDot("not SMTP: 'garbage'"), 1),
        (Action.HANG, LostAfterDot("no answer within 0.3 s"), 1),
        (Action.DROP, LostAfterDot("the relay closed the connection"), 1),
        (Action.ACCEPT_AND_DROP, LostAfterDot("the relay closed the connection"), 2),
    ],
)
async def test_mail_is_judged_by_its_own_answer_and_who_was_chained_to_it_is_not_charged(
    answer: Answer, outcome: Outcome, mails: int
) -> None:
    bag = Bag(readers(4))
    async with RecordingServer(script=at("dot", answer, mail=2)) as server, talk(server.url, BRISK) as conversation:
        await bag.over(conversation)
        assert not conversation.is_open

    chained = bag.outcomes["r2@example.net"]
    assert bag.outcomes["r1@example.net"] == outcome
    assert chained == Replied(Reply(421, "closing", "4.3.2"), Phase.MAIL) or (
        isinstance(chained, LostBeforeDot) and chained.phase is Phase.MAIL
    )
    assert what_is_wrong(bag, server.mails) == []
    assert (len(server.mails), bag.taken) == (mails, 3)


async def test_reader_who_leaves_before_the_mark_of_a_chained_mail_gets_nothing() -> None:
    bag = Bag(readers(4), may_go=lambda who: who != "r2@example.net")
    async with RecordingServer() as server, talk(server.url) as conversation:
        await bag.over(conversation)
        assert not conversation.is_open

    assert bag.outcomes["r2@example.net"] == Withdrawn()
    assert server.mails == [received_by(who) for who in bag.sent] == [received_by(who) for who in readers(2)]
    assert bag.taken == 3


async def test_chained_mail_that_is_not_wanted_any_more_comes_back_and_the_one_before_it_is_answered() -> None:
    bag = Bag(readers(4), is_wanted=lambda who: who != "r2@example.net")
    async with RecordingServer() as server, talk(server.url) as conversation:
        await bag.over(conversation)
        assert not conversation.is_open

    assert bag.outcomes["r2@example.net"] == Untried()
    assert bag.sent == readers(2)
    assert "mark r2@example.net" not in bag.events
    assert server.mails == [received_by(who) for who in readers(2)]


async def test_cut_off_in_mid_chain_names_who_waits_for_an_answer_and_nobody_else() -> None:
    bag = Bag(readers(4))
    is_there = asyncio.Event()

    def script(step: Step) -> Answer:
        if (step.name, step.mail) != ("dot", 2):
            return None
        is_there.set()
        return Action.HANG

    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        carrying = asyncio.create_task(bag.over(conversation))
        await is_there.wait()
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        assert not conversation.is_open

    assert bag.outcomes["r1@example.net"] == LostAfterDot("cut off by us")
    assert bag.outcomes["r2@example.net"] == LostBeforeDot("cut off by us", Phase.MAIL)
    assert what_is_wrong(bag, server.mails) == []


async def test_cut_off_during_a_mark_is_told_at_once() -> None:
    bag = Bag(readers(1), holds_marks=True)
    async with RecordingServer() as server, talk(server.url) as conversation:
        carrying = asyncio.create_task(bag.over(conversation))
        while not bag.asked:
            await asyncio.sleep(0.001)
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        told = dict(bag.outcomes)
        bag.asked[0](True)

    assert told == bag.outcomes == {"r0@example.net": LostBeforeDot("cut off by us", Phase.CONTENT)}
    assert server.mails == []


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_error_of_ours_in_mid_chain_comes_out_and_leaves_nobody_untold(number: int) -> None:
    bag = Bag([*readers(number), "bad\r\n@example.net", *readers(9)])
    async with RecordingServer() as server, talk(server.url) as conversation:
        with pytest.raises(ValueError, match="not an address"):
            await bag.over(conversation)
        assert conversation.is_open == (number == 0)

    assert set(bag.outcomes) == set(readers(number))
    assert [mail.recipient for mail in server.mails] == bag.sent == readers(max(0, number - 1))
    assert bag.doubts == []


@pytest.mark.parametrize("answer", [None, Action.DROP, Action.HANG])
async def test_error_in_whoever_is_told_comes_out_however_the_mail_ended(answer: Answer) -> None:
    bag = Bag(readers(3))

    def broken(_: Outcome) -> None:
        raise RuntimeError("a fault of ours")

    async with RecordingServer(script=at("dot", answer)) as server, talk(server.url, BRISK) as conversation:
        first = bag.first()
        first.ended = broken  # type: ignore[assignment, method-assign]
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await conversation.carry(first, bag.following)
        assert not conversation.is_open

    assert isinstance(bag.outcomes["r1@example.net"], LostBeforeDot)
    assert len(server.mails) == (answer is None)


# --- Limits


async def test_connection_chains_no_more_than_it_may_carry() -> None:
    steps: list[str] = []
    carried = []
    bag = Bag(readers(7))
    async with RecordingServer(script=recorded(steps)) as server:
        relay = SmtpRelay(parse_relay(f"{server.url}?per_connection=3"))
        while bag.taken < 7:
            conversation = await relay.connect()
            before = bag.taken
            await bag.over(conversation)
            carried.append(bag.taken - before)
            await conversation.close()

    assert bag.sent == bag.readers
    assert carried == [3, 3, 1]
    assert sum(step.startswith("mail") for step in steps) == 7


async def test_limit_that_a_relay_has_shown_is_chained_up_to_and_not_beyond() -> None:
    steps: list[str] = []
    bag = Bag(readers(7))
    script = recorded(steps, lambda step: b"421 enough\r\n" if (step.name, step.mail) == ("mail", 4) else None)
    async with RecordingServer(script=script) as server:
        relay = SmtpRelay(parse_relay(server.url))
        relay.learned_per_connection = 3
        while bag.taken < 7:
            conversation = await relay.connect()
            await bag.over(conversation)
            await conversation.close()

    assert bag.sent == bag.readers
    assert sum(step.startswith("mail") for step in steps) == 7


async def test_mail_that_the_relay_would_refuse_is_passed_over_without_troubling_it() -> None:
    bag = Bag(["r0@example.net", "åsa@example.net", "r2@example.net"])
    script = at("ehlo", b"250-localhost\r\n250 PIPELINING\r\n")
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        await bag.over(conversation)
        assert conversation.is_open

    refused = bag.outcomes["åsa@example.net"]
    assert isinstance(refused, Replied)
    assert (refused.reply.code, refused.phase) == (553, Phase.RCPT)
    assert server.mails == [received_by("r0@example.net"), received_by("r2@example.net")]


# --- The connection cut anywhere


@pytest.mark.parametrize("action", [Action.DROP, Action.RESET, Action.ACCEPT_AND_DROP, Action.HANG])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "content", "dot"])
@pytest.mark.parametrize("offer", ["pipelined", "step by step"])
async def test_connection_that_ends_at_any_step_of_any_mail_loses_nobody(offer: str, step: str, action: Action) -> None:
    for number in (1, 2, 4):
        bag, script = Bag(readers(4)), at(step, action, mail=number)
        script = script if offer == "pipelined" else step_by_step(script)
        async with RecordingServer(script=script) as server, talk(server.url, BRISK) as conversation:
            await bag.over(conversation)

        assert what_is_wrong(bag, server.mails) == []
        assert len(bag.doubts) <= (step in ("content", "dot")) + (action is Action.RESET)
        assert len(server.mails) >= number - 1


@asynccontextmanager
async def cutting(port: int, octets: int, *, reset: bool) -> AsyncIterator[str]:
    """Run a way to a server that passes so many octets on to it, and then ends both sides."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def pass_back() -> None:
            while data := await there.read(65536):
                writer.write(data)

        passing = asyncio.create_task(pass_back())
        left = octets
        while left and (data := await reader.read(min(left, 65536))):
            left -= len(data)
            back.write(data)
        await asyncio.sleep(0.01)  # what the server says to it still comes through
        passing.cancel()
        sock: socket.socket = writer.get_extra_info("socket")
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for one in (back, writer):
            one.close()

    async with bare_server(serve) as url:
        yield url


@pytest.mark.parametrize("reset", [False, True])
async def test_connection_that_is_cut_inside_an_end_with_a_chained_envelope_loses_nobody(reset: bool) -> None:
    """Cut after each few octets from the content of the first mail to that of the third."""
    begun = len(b"EHLO [127.0.0.1]\r\n")
    envelope = len(b"MAIL FROM:<bounce@example.com> SIZE=81\r\nRCPT TO:<r0@example.net>\r\nDATA\r\n")
    mail = len(mail_to("r0@example.net")) + len(b".\r\n")
    first = begun + envelope + mail - 8

    doubts = 0
    for octets in range(first, first + envelope + mail, 3):
        bag = Bag(readers(3))
        async with RecordingServer() as server:
            async with cutting(server.port, octets, reset=reset) as url, talk(url, BRISK) as conversation:
                await bag.over(conversation)
            assert what_is_wrong(bag, server.mails) == [], octets
        doubts += len(bag.doubts)
        assert is_sent(bag.outcomes["r0@example.net"]) or octets < first + 10
    assert 0 < doubts < 30
    assert octets > first + envelope, "not as far as the second content"
