"""The SMTP relay against real servers on loopback: our own in all its moods, and aiosmtpd for TLS and logins."""

import asyncio
import datetime as dt
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
import trustme
from aiosmtpd import smtp as aiosmtpd

from digest.delivery.conversation import SmtpConversation
from digest.delivery.outcome import (
    Envelope,
    LostAfterDot,
    LostBeforeDot,
    Phase,
    Replied,
    Reply,
    Withdrawn,
)
from digest.delivery.relay import SmtpRelay
from digest.delivery.relays import parse_relay
from digest.delivery.single import hand_over
from digest.delivery.wire import Timeouts
from digest.demo.smtpd import Action, Answer, Received, RecordingServer, Step
from tests.talking import (
    ENVELOPE,
    HASTY,
    PATIENT,
    a_mail,
    at,
    bare_server,
    certified,
    hand_one_over,
    lead_to_content,
    no,
    once,
    received,
    recorded,
    refused,
    step_by_step,
    talk,
    yes,
)

pytestmark = pytest.mark.usefixtures("quick_collections", "nothing_is_left_lying_about")

ACCEPTED = (250, 251, 252)
REFUSALS = (450, 451, 452, 550, 552, 554)

#: The steps of a mail as the recording server names them, with the phase they are to us.
STEPS = [("mail", Phase.MAIL), ("rcpt", Phase.RCPT), ("data", Phase.DATA), ("dot", Phase.CONTENT)]
BEFORE_DOT = [*STEPS[:3], ("content", Phase.CONTENT)]


# --- Mails that arrive


async def test_several_mails_go_over_one_connection_and_arrive_as_they_were_given() -> None:
    mails = {f"reader{n}@example.net": a_mail(f"Nummer {n}", lines=n * 400) for n in range(4)}

    async with RecordingServer() as server, talk(server.url) as conversation:
        for recipient, mail in mails.items():
            outcome = await hand_over(conversation, Envelope("", recipient), mail, yes)
            assert isinstance(outcome, Replied)
            assert (outcome.reply.code, outcome.reply.enhanced, outcome.phase) == (250, "2.0.0", Phase.CONTENT)

        assert conversation.is_open
        assert server.mails == [Received("", recipient, mail) for recipient, mail in mails.items()]
        assert server.connections == 1


@pytest.mark.parametrize("code", ACCEPTED)
async def test_any_2yz_after_the_dot_is_the_relays_yes(code: int) -> None:
    outcome, is_open, mails = await hand_one_over(at("dot", b"%d fine\r\n" % code))

    assert (outcome, is_open) == (Replied(Reply(code, "fine"), Phase.CONTENT), True)
    assert mails == [received(a_mail())]


async def test_size_is_told_to_a_relay_that_asks_for_it() -> None:  # RFC 1870 5
    steps: list[str] = []
    await hand_one_over(recorded(steps))

    assert f"mail FROM:<{ENVELOPE.sender}> SIZE={len(a_mail())}" in steps


async def test_relay_that_offers_nothing_gets_plain_commands() -> None:
    steps: list[str] = []
    await hand_one_over(recorded(steps, at("ehlo", b"250 localhost\r\n")))

    assert f"mail FROM:<{ENVELOPE.sender}>" in steps
    assert f"rcpt TO:<{ENVELOPE.recipient}>" in steps


async def test_recipient_forwarded_or_unverified_is_a_recipient_taken() -> None:  # RFC 5321 3.4, 3.5.3
    for code in (251, 252):
        outcome, _, mails = await hand_one_over(at("rcpt", b"%d will do\r\n" % code))
        assert isinstance(outcome, Replied)
        assert len(mails) == 1


# --- The mark


async def test_last_line_end_and_dot_wait_for_may_go() -> None:
    """A server of its own here, since the point is each byte that has arrived while the mark is being made."""
    mail, arrived, all_but_the_end = a_mail(lines=2000), bytearray(), asyncio.Event()
    seen_meanwhile = b""

    async def may_go() -> bool:
        nonlocal seen_meanwhile
        await asyncio.wait_for(all_but_the_end.wait(), 5)
        await asyncio.sleep(0.1)
        seen_meanwhile = bytes(arrived)
        return True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await lead_to_content(reader, writer)
        while not arrived.endswith(b"\r\n.\r\n"):
            arrived.extend(await reader.read(65536))
            if len(arrived) >= len(mail) - 2:
                all_but_the_end.set()
        writer.write(b"250 ok\r\n")
        await reader.readline()
        writer.write(b"221 bye\r\n")
        writer.close()
        await writer.wait_closed()

    async with bare_server(serve) as url, talk(url) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, mail, may_go)

    assert outcome == Replied(Reply(250, "ok"), Phase.CONTENT)
    assert seen_meanwhile == mail[:-2]
    assert bytes(arrived) == mail + b".\r\n"


async def test_withdrawn_mail_is_cut_off_without_its_end() -> None:
    steps: list[str] = []
    async with RecordingServer(script=recorded(steps)) as server, talk(server.url) as conversation:
        assert await hand_over(conversation, ENVELOPE, a_mail(), no) == Withdrawn()
        assert not conversation.is_open

    assert server.mails == []
    assert "dot" not in steps


async def test_failing_mark_comes_out_and_nothing_is_delivered() -> None:
    async def disk_full() -> bool:
        raise OSError("disk full")

    async with RecordingServer() as server, talk(server.url) as conversation:
        with pytest.raises(OSError, match="disk full"):
            await hand_over(conversation, ENVELOPE, a_mail(), disk_full)
        assert not conversation.is_open

    assert server.mails == []


@pytest.mark.parametrize("action", [Action.DROP, Action.RESET])
async def test_connection_that_breaks_during_the_mark_is_lost_before_the_dot_once_the_mark_is_made(
    action: Action,
) -> None:
    is_marked = False

    async def slow_mark() -> bool:
        nonlocal is_marked
        await asyncio.sleep(0.1)
        is_marked = True
        return True

    async with RecordingServer(script=at("content", action)) as server, talk(server.url) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), slow_mark)

    assert isinstance(outcome, LostBeforeDot)
    assert outcome.phase is Phase.CONTENT
    assert is_marked


async def test_dot_that_the_kernel_does_not_take_has_not_left() -> None:
    async with RecordingServer() as server, talk(server.url) as conversation:
        assert isinstance(conversation, SmtpConversation)
        ours: socket.socket = conversation._wire._transport.get_extra_info("socket")

        async def mark() -> bool:
            ours.shutdown(socket.SHUT_WR)
            return True

        outcome = await hand_over(conversation, ENVELOPE, a_mail(), mark)

    assert outcome == LostBeforeDot("the relay closed the connection", Phase.CONTENT)
    assert server.mails == []


async def test_mark_is_not_asked_for_before_the_relay_wants_the_content() -> None:
    async def never() -> bool:
        raise AssertionError("asked too early")

    for name, _ in STEPS[:3]:
        async with RecordingServer(script=at(name, b"451 later\r\n")) as server, talk(server.url) as conversation:
            assert isinstance(await hand_over(conversation, ENVELOPE, a_mail(), never), Replied)


async def test_cancelled_mail_takes_its_connection_along() -> None:
    is_asked = asyncio.Event()

    async def for_ever() -> bool:
        is_asked.set()
        await asyncio.Event().wait()
        return True

    async with RecordingServer() as server, talk(server.url) as conversation:
        task = asyncio.create_task(hand_over(conversation, ENVELOPE, a_mail(), for_ever))
        await is_asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not conversation.is_open

    assert server.mails == []


# --- Refusals


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize(("name", "phase"), STEPS)
async def test_refusal_is_an_answer_and_the_next_mail_goes_over_the_same_connection(
    name: str, phase: Phase, code: int
) -> None:
    steps: list[str] = []
    script = recorded(steps, once(name, b"%d 4.3.2 no\r\n" % code))
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)
        assert outcome == Replied(Reply(code, "no", "4.3.2") if code < 500 else Reply(code, "4.3.2 no"), phase)
        assert conversation.is_open

        assert isinstance(await hand_over(conversation, ENVELOPE, a_mail("igen"), yes), Replied)

    assert server.mails == [received(a_mail("igen"))]
    assert server.connections == 1
    assert ("rset" in steps) == (name != "dot")  # RFC 5321 4.1.1.5; after the dot there is nothing left to forget


async def test_refused_rset_ends_the_conversation_before_the_next_mail() -> None:
    def script(step: Step) -> Answer:
        return {"rcpt": b"550 no\r\n", "rset": b"502 what?\r\n"}.get(step.name)

    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        await hand_over(conversation, ENVELOPE, a_mail(), yes)
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)

        assert outcome == LostBeforeDot("RSET refused: 502 what?", Phase.MAIL)
        assert not conversation.is_open


@pytest.mark.parametrize(("name", "phase"), STEPS)
async def test_421_is_an_answer_and_ends_the_conversation(name: str, phase: Phase) -> None:  # RFC 5321 3.8
    outcome, is_open, mails = await hand_one_over(at(name, b"421 4.3.2 closing\r\n"))

    assert outcome == Replied(Reply(421, "closing", "4.3.2"), phase)
    assert not is_open
    assert mails == []


async def test_421_in_the_middle_of_the_content_is_lost_before_the_dot() -> None:
    async def mark() -> bool:
        await asyncio.sleep(0.05)
        return True

    async with RecordingServer(script=at("content", b"421 going down\r\n")) as server, talk(server.url) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), mark)

    assert outcome == LostBeforeDot("421 going down", Phase.CONTENT)


async def test_421_on_an_idle_connection_is_noticed_before_the_next_mail() -> None:
    connected: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hej\r\n")
        await reader.readline()
        writer.write(b"250 hej\r\n")
        connected.append(writer)
        await reader.read()
        writer.close()

    async with bare_server(serve) as url, talk(url) as conversation:
        connected[0].write(b"421 4.4.2 idle for too long\r\n")
        await asyncio.sleep(0.05)

        assert not conversation.is_open
        outcome = await hand_over(conversation, ENVELOPE, a_mail(), yes)

    assert outcome == LostBeforeDot("421 4.4.2 idle for too long", Phase.MAIL)


# --- Broken conversations


@pytest.mark.parametrize("action", [Action.DROP, Action.RESET])
@pytest.mark.parametrize(("name", "phase"), BEFORE_DOT[:3])
async def test_drop_before_the_dot_leaves_no_doubt(name: str, phase: Phase, action: Action) -> None:
    outcome, is_open, mails = await hand_one_over(at(name, action))

    assert isinstance(outcome, LostBeforeDot)
    assert outcome.phase is phase
    assert (is_open, mails) == (False, [])


@pytest.mark.parametrize("action", [Action.DROP, Action.RESET, Action.ACCEPT_AND_DROP])
async def test_drop_after_the_dot_is_in_doubt_whether_the_relay_took_it_or_not(action: Action) -> None:
    outcome, is_open, mails = await hand_one_over(at("dot", action))

    assert isinstance(outcome, LostAfterDot)
    assert not is_open
    assert len(mails) == (action is Action.ACCEPT_AND_DROP)


@pytest.mark.parametrize(("name", "phase"), STEPS)
async def test_silent_relay_is_given_up_after_the_time_of_its_step(name: str, phase: Phase) -> None:
    outcome, is_open, mails = await hand_one_over(at(name, Action.HANG), HASTY)

    reason = "no answer within 0.1 s"
    assert outcome == (LostAfterDot(reason) if name == "dot" else LostBeforeDot(reason, phase))
    assert (is_open, mails) == (False, [])


async def test_each_step_has_the_time_that_the_standard_gives_it() -> None:  # RFC 5321 4.5.3.2
    times = Timeouts()

    assert (times.mail, times.rcpt, times.data, times.block, times.content) == (300, 300, 120, 180, 600)


async def test_relay_that_takes_no_more_data_is_lost_before_the_dot() -> None:
    """40 MB do not fit into the buffers of loopback, so that the dot cannot have left when the time is up."""
    is_over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await lead_to_content(reader, writer)
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        await is_over.wait()
        writer.close()

    async with bare_server(serve) as url, talk(url, HASTY) as conversation:
        outcome = await hand_over(conversation, ENVELOPE, a_mail("x" * 70, lines=600_000), yes)
        is_over.set()

    assert outcome == LostBeforeDot("the relay took no data for 0.1 s", Phase.CONTENT)


@pytest.mark.parametrize("noise", [b"hello\r\n", b"55\r\n", b"999 what\r\n", b"\r\n", b"\xff\xfe\x00\r\n"])
@pytest.mark.parametrize(("name", "phase"), STEPS)
async def test_answer_that_is_no_answer_ends_the_conversation(name: str, phase: Phase, noise: bytes) -> None:
    outcome, is_open, mails = await hand_one_over(at(name, noise))

    assert isinstance(outcome, LostAfterDot if name == "dot" else LostBeforeDot)
    assert outcome.reason.startswith("not SMTP: ")
    assert (is_open, mails) == (False, [])


async def test_one_answer_too_many_puts_a_conversation_out_of_step_and_ends_it() -> None:
    for name in ("mail", "rcpt"):
        outcome, is_open, mails = await hand_one_over(at(name, b"250 ok\r\n250 ok\r\n"))

        assert isinstance(outcome, LostBeforeDot)
        assert outcome.reason.startswith("unexpected answer: 250 ")
        assert (outcome.phase, is_open, mails) == (Phase.DATA, False, [])


@pytest.mark.parametrize(("name", "phase"), [("mail", Phase.RCPT), ("rcpt", Phase.DATA)])
async def test_answer_to_nothing_that_was_asked_ends_the_conversation(name: str, phase: Phase) -> None:
    outcome, is_open, mails = await hand_one_over(step_by_step(at(name, b"250 ok\r\n250 ok\r\n")))

    assert outcome == LostBeforeDot("250 ok", phase)
    assert (is_open, mails) == (False, [])


@pytest.mark.parametrize("noise", [b"2" * 70_000, b"250-" + b"x" * 70_000 + b"\r\n250 ok\r\n", b"250-more\r\n" * 8_000])
@pytest.mark.parametrize(("name", "phase"), STEPS)
async def test_answer_without_end_ends_the_conversation(name: str, phase: Phase, noise: bytes) -> None:
    outcome, is_open, _ = await hand_one_over(at(name, noise))

    reason = "a reply of more than 64 kB"
    assert outcome == (LostAfterDot(reason) if name == "dot" else LostBeforeDot(reason, phase))
    assert not is_open


async def test_250_for_data_is_not_taken_for_a_mail_delivered() -> None:
    outcome, is_open, mails = await hand_one_over(at("data", b"250 ok\r\n"))

    assert outcome == LostBeforeDot("unexpected answer: 250 ok", Phase.DATA)
    assert (is_open, mails) == (False, [])


async def test_yes_said_before_the_content_has_gone_is_not_taken_for_an_answer_to_it() -> None:
    outcome, is_open, mails = await hand_one_over(at("data", b"354 go\r\n250 taken\r\n"))

    assert outcome == LostBeforeDot("250 taken", Phase.CONTENT)
    assert (is_open, mails) == (False, [])


# --- Replies


@pytest.mark.parametrize(
    "pieces",
    [
        (b"55", b"0 5.1.1 no\r\n"),
        (b"550 5.1.1 no\r", b"\n"),
        (b"550-5.1.1 there is\r\n", b"550 5.1.1 nobody\r\n"),
        tuple(b"%c" % byte for byte in b"550 5.1.1 no\r\n"),
    ],
)
async def test_reply_may_come_in_pieces(pieces: tuple[bytes, ...]) -> None:
    outcome, is_open, _ = await hand_one_over(at("rcpt", pieces))

    assert isinstance(outcome, Replied)
    assert (outcome.reply.code, outcome.reply.enhanced, outcome.phase, is_open) == (550, "5.1.1", Phase.RCPT, True)


async def test_replies_may_be_glued_together() -> None:
    outcome, is_open, mails = await hand_one_over(at("dot", b"250 2.6.0 taken\r\n421 4.3.2 enough\r\n"))

    assert outcome == Replied(Reply(250, "taken", "2.6.0"), Phase.CONTENT)
    assert (is_open, len(mails)) == (False, 1)


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([b"250 ok"], Reply(250, "ok")),
        ([b"250"], Reply(250, "")),
        ([b"250 2.0.0"], Reply(250, "", "2.0.0")),
        (
            [b"550-5.1.1 The account does", b"550-5.1.1 not exist. ", b"550 5.1.1 See"],
            Reply(550, "The account does not exist. See", "5.1.1"),
        ),
        ([b"550-nobody", b"550"], Reply(550, "nobody")),
        ([b"550 5.7.26 unauthenticated"], Reply(550, "unauthenticated", "5.7.26")),
        ([b"550 4.1.1 of the wrong class"], Reply(550, "4.1.1 of the wrong class")),  # RFC 2034 4
        ([b"550 5.1.1.1 no code"], Reply(550, "5.1.1.1 no code")),
        ([b"554 192.0.2.1 is listed"], Reply(554, "192.0.2.1 is listed")),
        (["450 4.2.0 gråtestad".encode()], Reply(450, "gråtestad", "4.2.0")),
        ([b"450 gr\xe5"], Reply(450, "gr\N{REPLACEMENT CHARACTER}")),
        ([b"450 a\tb \x1b[31mred\x07\x00 \xe2\x80\xaehidden"], Reply(450, "a b [31mred hidden")),
        ([b"450 " + b"x" * 10_000], Reply(450, "x" * 500)),
    ],
)
def test_reply_is_read_without_codes_and_controls(lines: list[bytes], reply: Reply) -> None:  # RFC 5321 4.2, RFC 3463
    assert Reply.parse(lines) == reply


@pytest.mark.parametrize("line", [b"", b"25", b"150 no such class", b"600 nor this", b"2500 ok", b"250_ok", b" 250 ok"])
def test_what_is_no_reply_is_not_read_as_one(line: bytes) -> None:
    with pytest.raises(ValueError, match="not an SMTP reply"):
        Reply.parse([line])


async def test_reply_of_10_kilobytes_is_taken_and_cut() -> None:
    outcome, _, mails = await hand_one_over(at("dot", b"250-" + b"x" * 10_000 + b"\r\n250 end\r\n"))

    assert outcome == Replied(Reply(250, "x" * 500), Phase.CONTENT)
    assert len(mails) == 1


# --- The gate: envelopes and mails that must not reach the wire


@pytest.mark.parametrize(
    "bad", ["a\r\nDATA\r\n@b.se", "a b@c.se", "<a@b.se>", "a@b.se>", "a\x00@b.se", "a@b\N{NEXT LINE}.se"]
)
async def test_address_that_could_break_a_command_is_refused_by_us(bad: str) -> None:
    steps: list[str] = []
    async with RecordingServer(script=recorded(steps)) as server, talk(server.url) as conversation:
        for envelope in (replace(ENVELOPE, recipient=bad), replace(ENVELOPE, sender=bad)):
            with pytest.raises(ValueError, match="not an address"):
                await hand_over(conversation, envelope, a_mail(), yes)
        assert conversation.is_open
        assert [step for step in steps if step.startswith("mail")] == []


@pytest.mark.parametrize(
    "bad", [b"", b"no end", b"a\r\n.\r\nMAIL FROM:<x>\r\n", b"a\r\n.b\r\n", b".a\r\n", b"a\n.\r\nb\r\n", b"a\n"]
)
async def test_mail_that_could_end_early_is_refused_by_us(bad: bytes) -> None:  # RFC 5321 4.5.2
    async with RecordingServer() as server, talk(server.url) as conversation:
        with pytest.raises(ValueError, match="CRLF"):
            await hand_over(conversation, ENVELOPE, bad, yes)
        assert isinstance(await hand_over(conversation, ENVELOPE, a_mail(), yes), Replied)

    assert server.mails == [received(a_mail())]


async def test_domain_beyond_ascii_goes_as_a_label_without_smtputf8() -> None:  # RFC 5890 2.3.2.1
    steps: list[str] = []
    script = recorded(steps, at("ehlo", b"250 localhost\r\n"))
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        await hand_over(conversation, Envelope("nytt@åäö.example", "asa@Räksmörgås.example"), a_mail(), yes)

    assert "mail FROM:<nytt@xn--4cab6c.example>" in steps
    assert "rcpt TO:<asa@xn--rksmrgs-5wao1o.example>" in steps


async def test_name_beyond_ascii_goes_with_smtputf8_where_it_is_offered() -> None:  # RFC 6531 3.4
    steps: list[str] = []
    async with RecordingServer(script=recorded(steps)) as server, talk(server.url) as conversation:
        outcome = await hand_over(conversation, replace(ENVELOPE, recipient="åsa@example.net"), a_mail(), yes)

    assert isinstance(outcome, Replied)
    assert outcome.reply.code == 250
    assert any(step.startswith("mail") and step.endswith(" SMTPUTF8") for step in steps)
    assert server.mails[0].recipient == "åsa@example.net"


async def test_name_beyond_ascii_is_refused_for_a_relay_that_cannot_take_it() -> None:  # RFC 6531 3.7.4.2
    steps: list[str] = []
    script = recorded(steps, at("ehlo", b"250 localhost\r\n"))
    async with RecordingServer(script=script) as server, talk(server.url) as conversation:
        outcome = await hand_over(conversation, replace(ENVELOPE, recipient="åsa@example.net"), a_mail(), yes)

        assert isinstance(outcome, Replied)
        assert (outcome.reply.code, outcome.reply.enhanced, outcome.phase) == (553, "5.6.7", Phase.RCPT)
        assert conversation.is_open
        assert [step for step in steps if step.startswith("mail")] == []


# --- Connections that end


async def test_connection_ends_itself_after_the_mails_it_may_carry() -> None:
    steps: list[str] = []
    async with (
        RecordingServer(script=recorded(steps)) as server,
        talk(f"{server.url}?per_connection=2") as conversation,
    ):
        is_open_after = []
        for _ in range(2):
            await hand_over(conversation, ENVELOPE, a_mail(), yes)
            is_open_after.append(conversation.is_open)
        third = await hand_over(conversation, ENVELOPE, a_mail(), yes)

    assert is_open_after == [True, False]
    assert isinstance(third, LostBeforeDot)
    assert len(server.mails) == 2
    assert steps.count("quit") == 1


async def test_goodbye_is_said_politely_and_waits_only_a_little() -> None:
    for answer in (None, Action.HANG, Action.DROP, Action.RESET, b"500 never\r\n", b"garbage\r\n"):
        steps: list[str] = []
        async with RecordingServer(script=recorded(steps, at("quit", answer))) as server:
            async with talk(server.url, HASTY) as conversation:
                pass
            await conversation.close()  # again: nothing happens
        assert steps[-1] == "quit"


async def test_closing_during_a_mail_cuts_it_off() -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def mark() -> bool:
        is_asked.set()
        await may_answer.wait()
        return True

    async with RecordingServer() as server, talk(server.url) as conversation:
        task = asyncio.create_task(hand_over(conversation, ENVELOPE, a_mail(), mark))
        await is_asked.wait()
        await conversation.close()
        may_answer.set()

        assert await task == LostBeforeDot("closed by us", Phase.CONTENT)
    assert server.mails == []


async def test_server_that_closes_an_idle_connection_is_noticed() -> None:
    async with RecordingServer() as server:
        conversation = await SmtpRelay(parse_relay(server.url)).connect()
    await asyncio.sleep(0)

    assert not conversation.is_open
    assert isinstance(await hand_over(conversation, ENVELOPE, a_mail(), yes), LostBeforeDot)
    await conversation.close()


# --- Connections that never begin


async def test_relay_that_is_not_there_is_named_with_what_to_check() -> None:
    async with RecordingServer() as server:
        url = server.url
    error = await refused(url)

    assert (error.phase, error.reply, error.exit_code) == (Phase.CONNECT, None, 1)
    assert str(error).startswith(f"relay {url.removeprefix('smtp+plain://')} failed at connect: [Errno 111] ")
    assert str(error).endswith("; check host and port in the relay's URL, and that the relay is up")


@pytest.mark.parametrize(
    ("name", "answer", "phase", "reply"),
    [
        ("connect", b"554 5.7.1 go away\r\n", Phase.GREETING, Reply(554, "go away", "5.7.1")),
        ("connect", b"421 busy\r\n", Phase.GREETING, Reply(421, "busy")),
        ("connect", b"554-no\r\n554 never\r\n", Phase.GREETING, Reply(554, "no never")),
        ("connect", b"SSH-2.0-OpenSSH_9.2\r\n", Phase.GREETING, None),
        ("connect", Action.DROP, Phase.GREETING, None),
        ("connect", Action.RESET, Phase.GREETING, None),
        ("connect", Action.HANG, Phase.GREETING, None),
        ("ehlo", b"550 5.7.1 not you\r\n", Phase.EHLO, Reply(550, "not you", "5.7.1")),
        ("ehlo", b"421 4.3.2 closing\r\n", Phase.EHLO, Reply(421, "closing", "4.3.2")),
        ("ehlo", b"450 gr\xe5\r\n", Phase.EHLO, Reply(450, "gr\N{REPLACEMENT CHARACTER}")),
        ("ehlo", b"garbage\r\n", Phase.EHLO, None),
        ("ehlo", Action.DROP, Phase.EHLO, None),
        ("ehlo", Action.RESET, Phase.EHLO, None),
        ("ehlo", Action.HANG, Phase.EHLO, None),
    ],
)
async def test_conversation_refused_is_an_error_with_step_and_words(
    name: str, answer: Answer, phase: Phase, reply: Reply | None
) -> None:
    async with RecordingServer(script=at(name, answer)) as server:
        error = await refused(server.url)

    assert (error.phase, error.reply) == (phase, reply)
    assert (str(reply) in str(error)) if reply else ("failed at" in str(error))


async def test_refused_conversation_leaves_no_connection_open() -> None:
    is_closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hej\r\n")
        await reader.readline()
        writer.write(b"550 not you\r\n")
        await reader.read()
        is_closed.set()
        writer.close()

    async with bare_server(serve) as url:
        error = await refused(url)
        assert error.phase is Phase.EHLO
        assert await asyncio.wait_for(is_closed.wait(), 5)


async def test_banner_that_drips_is_given_up_in_time() -> None:
    drip = tuple(b"%c" % byte for byte in b"220 " + b"x" * 200 + b"\r\n")
    async with RecordingServer(script=at("connect", drip)) as server:
        error = await refused(server.url)

    assert error.phase is Phase.GREETING


# --- TLS and logins, against aiosmtpd


@dataclass
class Independent:
    """aiosmtpd, and what it was told."""

    port: int = 0
    mails: list[Received] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def take(self, _server: object, _session: object, envelope: SimpleNamespace) -> str:
        self.mails += [Received(envelope.mail_from, to, envelope.content) for to in envelope.rcpt_tos]
        return "250 2.0.0 taken"

    def log_in(
        self, _server: object, _session: object, _envelope: object, _mechanism: str, data: object
    ) -> aiosmtpd.AuthResult:
        assert isinstance(data, aiosmtpd.LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return aiosmtpd.AuthResult(success=data.password == PASSWORD.encode(), handled=False)


PASSWORD = "p@ss/wörd"
LOGIN = "editor%40example.com:p%40ss%2Fw%C3%B6rd@"


@asynccontextmanager
async def independent_server(
    starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Independent]:
    seen = Independent()

    def session() -> aiosmtpd.SMTP:
        return aiosmtpd.SMTP(
            SimpleNamespace(handle_DATA=seen.take),
            hostname="localhost",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=seen.log_in,
            auth_required=starttls is not None,
            auth_require_tls=starttls is not None,  # of TLS from the start it knows nothing
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    async with server:
        yield seen
        await asyncio.sleep(0.01)  # its sessions notice that they are over


async def test_mail_goes_through_starttls_and_login_to_an_independent_server(trusted: trustme.CA) -> None:
    async with (
        independent_server(starttls=certified(trusted)) as server,
        talk(f"smtp://{LOGIN}localhost:{server.port}") as conversation,
    ):
        for _ in range(3):
            outcome = await hand_over(conversation, ENVELOPE, a_mail(lines=2000), yes)
            assert outcome == Replied(Reply(250, "taken", "2.0.0"), Phase.CONTENT)

    assert server.logins == [("editor@example.com", PASSWORD)]
    assert server.mails == [received(a_mail(lines=2000))] * 3


async def test_mail_goes_over_tls_from_the_start_to_an_independent_server(trusted: trustme.CA) -> None:
    async with (
        independent_server(tls=certified(trusted)) as server,
        talk(f"smtps://{LOGIN}localhost:{server.port}") as conversation,
    ):
        await hand_over(conversation, ENVELOPE, a_mail(), yes)
        assert await hand_over(conversation, ENVELOPE, a_mail(), no) == Withdrawn()

    assert server.mails == [received(a_mail())]


async def test_login_refused_names_the_step_and_not_the_password(trusted: trustme.CA) -> None:
    async with independent_server(starttls=certified(trusted)) as server:
        error = await refused(f"smtp://editor:wrong-password@localhost:{server.port}", PATIENT)

    assert error.phase is Phase.AUTH
    assert error.reply == Reply(535, "Authentication credentials invalid", "5.7.8")
    assert error.exit_code == 4
    assert "wrong-password" not in str(error)
    assert str(error).endswith("check user and password in the relay's URL")


async def test_login_that_fails_for_now_is_no_fault_of_the_credentials(trusted: trustme.CA) -> None:
    script = at("auth", b"454 4.7.0 directory is down\r\n")
    async with RecordingServer(script=script, tls=certified(trusted), credentials=("editor", "pw")) as server:
        error = await refused(f"smtp://editor:pw@localhost:{server.port}", PATIENT)

    assert (error.phase, error.exit_code) == (Phase.AUTH, 1)
    assert error.reply == Reply(454, "directory is down", "4.7.0")


async def test_relay_without_login_is_refused_when_we_have_one() -> None:
    async with RecordingServer() as server:
        error = await refused(server.url.replace("127", "editor:pw@127", 1))

    assert (error.phase, error.reply) == (Phase.AUTH, None)


async def test_login_works_without_tls_on_loopback() -> None:
    async with (
        RecordingServer(credentials=("editor", "pw")) as server,
        talk(server.url.replace("127", "editor:pw@127", 1)) as conversation,
    ):
        await hand_over(conversation, ENVELOPE, a_mail(), yes)

    assert len(server.mails) == 1


async def test_relay_without_starttls_gets_nothing(trusted: trustme.CA) -> None:
    steps: list[str] = []
    async with RecordingServer(script=recorded(steps), credentials=("editor", "pw")) as server:
        error = await refused(f"smtp://editor:pw@localhost:{server.port}")

    assert error.phase is Phase.TLS
    assert "STARTTLS" in str(error)
    assert [step.split()[0] for step in steps] == ["connect", "ehlo"]


@pytest.mark.parametrize("answer", [b"454 4.7.0 not now\r\n", b"421 busy\r\n", Action.DROP, Action.RESET, Action.HANG])
async def test_starttls_that_does_not_come_about_gets_nothing(trusted: trustme.CA, answer: Answer) -> None:
    steps: list[str] = []
    script = recorded(steps, at("starttls", answer))
    async with RecordingServer(script=script, tls=certified(trusted)) as server:
        error = await refused(f"smtp://editor:pw@localhost:{server.port}")

    assert error.phase is Phase.TLS
    assert [step.split()[0] for step in steps] == ["connect", "ehlo", "starttls"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("fault", ["wrong name", "expired", "unknown authority"])
async def test_certificate_that_does_not_hold_gets_nothing(trusted: trustme.CA, fault: str, scheme: str) -> None:
    context = {
        "wrong name": lambda: certified(trusted, name="relay.example.com"),
        "expired": lambda: certified(trusted, not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        "unknown authority": lambda: certified(trustme.CA()),
    }[fault]()
    starttls, tls = (context, None) if scheme == "smtp" else (None, context)
    async with independent_server(starttls, tls) as server:
        error = await refused(f"{scheme}://editor:pw@localhost:{server.port}", PATIENT)

    assert (error.phase, error.reply) == (Phase.TLS, None)
    assert "certificate is not accepted" in str(error)
    assert (server.mails, server.logins) == ([], [])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_tls_of_another_age_gets_nothing(trusted: trustme.CA, scheme: str) -> None:  # RFC 8996
    context = certified(trusted)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is what this test is about
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    starttls, tls = (context, None) if scheme == "smtp" else (None, context)
    async with independent_server(starttls, tls) as server:
        error = await refused(f"{scheme}://editor:pw@localhost:{server.port}", PATIENT)

    assert (error.phase, error.reply) == (Phase.TLS, None)
    assert (server.mails, server.logins) == ([], [])


async def test_tls_from_the_start_where_there_is_none_is_a_matter_of_tls() -> None:
    async with RecordingServer() as server:
        error = await refused(f"smtps://localhost:{server.port}")

    assert error.phase is Phase.TLS


async def test_what_is_said_before_tls_counts_no_more(trusted: trustme.CA) -> None:  # RFC 3207 4.2
    """Words that somebody on the way glues behind the relay's 220 must not pass for words of the encrypted session."""
    steps: list[str] = []
    script = recorded(steps, at("starttls", b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"))
    async with RecordingServer(script=script, tls=certified(trusted)) as server:
        async with talk(f"smtp://localhost:{server.port}") as conversation:
            await hand_over(conversation, ENVELOPE, a_mail(), yes)
        assert server.mails == [received(a_mail())]
        error = await refused(f"smtp://editor:pw@localhost:{server.port}", PATIENT)

    assert (error.phase, error.reply) == (Phase.AUTH, None)
    assert [step.split()[0] for step in steps if step.startswith(("ehlo", "starttls"))] == [
        "ehlo",
        "starttls",
        "ehlo",
    ] * 2
