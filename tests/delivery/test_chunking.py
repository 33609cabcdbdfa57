"""Whole transactions in flight (RFC 3030): every mail is marked before it leaves, and no more are in doubt than fit."""

import asyncio

import pytest

from digest.delivery.chunking import ChunkingConversation
from digest.delivery.conversation import SmtpConversation
from digest.delivery.outcome import LostAfterDot, LostBeforeDot, Phase, Replied, Reply, Withdrawn
from digest.demo.smtpd import Action, Answer, RecordingServer, Script
from tests.carrying import Bag, mail_to, readers, received_by, what_is_wrong
from tests.talking import BRISK, at, bare_server, recorded, talk

pytestmark = pytest.mark.usefixtures("quick_collections", "nothing_is_left_lying_about")

WINDOW = 4


async def carried(bag: Bag, script: Script | None = None, more: str = "") -> tuple[bool, list[str]]:
    """Carry a bag over one conversation; return whether that is still open, and whose mails the relay has."""
    async with RecordingServer(script=script) as server:
        async with talk(f"{server.url}?window={WINDOW}{more}", BRISK) as conversation:
            assert isinstance(conversation, ChunkingConversation)
            await bag.over(conversation)
            is_open = conversation.is_open
        assert what_is_wrong(bag, server.mails, WINDOW) == []
        return is_open, [mail.recipient for mail in server.mails]


async def test_mails_arrive_as_they_were_given_and_in_order() -> None:
    bag = Bag(readers(20))

    assert await carried(bag) == (True, bag.readers)
    assert bag.sent == bag.readers


async def test_so_many_are_in_flight_before_any_is_answered() -> None:
    """This relay answers nothing until it has four mails whole, and of the rest one for one."""
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard

        async def next_mail() -> None:
            nonlocal heard
            heard += await reader.readuntil(b" LAST\r\n")
            heard += await reader.readexactly(len(mail_to("r0@example.net")))

        answer = b"250 reset\r\n250 mail\r\n250 rcpt\r\n250 taken\r\n"
        writer.write(b"220 hej\r\n")
        await reader.readline()
        writer.write(b"250-hej\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
        for n in range(7):
            await next_mail()
            writer.write(answer if n >= WINDOW - 1 else b"")
        writer.write(answer * (WINDOW - 1))
        await reader.readline()
        writer.write(b"221 bye\r\n")
        writer.close()

    bag = Bag(readers(7))
    async with bare_server(serve) as url, talk(f"{url}?window={WINDOW}") as conversation:
        async with asyncio.timeout(5):
            await bag.over(conversation)

    assert bag.sent == bag.readers
    assert heard == b"".join(
        b"RSET\r\nMAIL FROM:<bounce@example.com>\r\nRCPT TO:<%b>\r\nBDAT %d LAST\r\n%b"
        % (who.encode(), len(mail_to(who)), mail_to(who))
        for who in bag.readers
    )


async def test_nothing_of_a_mail_leaves_before_its_mark() -> None:
    steps: list[str] = []
    bag = Bag(readers(2), holds_marks=True)
    async with (
        RecordingServer(script=recorded(steps)) as server,
        talk(f"{server.url}?window={WINDOW}") as conversation,
    ):
        carrying = asyncio.create_task(bag.over(conversation))
        while len(bag.asked) < 2:
            await asyncio.sleep(0.001)
        bag.asked[1](True)  # the second's comes first, and waits for its turn
        await asyncio.sleep(0.02)
        before = list(steps)
        bag.asked[0](True)
        await carrying

    assert [step.split()[0] for step in before] == ["connect", "ehlo"]
    assert [mail.recipient for mail in server.mails] == bag.readers


async def test_reader_who_has_left_costs_neither_mail_nor_connection() -> None:
    bag = Bag(readers(9), may_go=lambda who: who not in ("r0@example.net", "r5@example.net"))

    assert await carried(bag) == (True, [who for who in bag.readers if who not in ("r0@example.net", "r5@example.net")])
    assert bag.outcomes["r5@example.net"] == Withdrawn()


@pytest.mark.parametrize(
    ("step", "phase"), [("rset", Phase.MAIL), ("mail", Phase.MAIL), ("rcpt", Phase.RCPT), ("dot", Phase.CONTENT)]
)
async def test_refusal_is_one_mails_own_and_those_behind_it_arrive(step: str, phase: Phase) -> None:
    bag = Bag(readers(9))
    answers = iter([None, None, b"451 4.3.2 no\r\n"])

    def script(at_step: object) -> Answer:
        return next(answers, None) if getattr(at_step, "name", "") == step else None

    is_open, got = await carried(bag, script)

    if step == "rset":  # of which nothing says whether it was heeded: what the relay takes after it is in doubt
        assert (is_open, bag.doubts[0]) == (False, "r2@example.net")
        return
    assert bag.outcomes["r2@example.net"] == Replied(Reply(451, "no", "4.3.2"), phase)
    assert (is_open, got) == (True, [who for who in bag.readers if who != "r2@example.net"])


@pytest.mark.parametrize(
    "answer",
    [Action.DROP, Action.RESET, Action.ACCEPT_AND_DROP, Action.HANG, b"354 go\r\n", b"?\r\n", b"421 closing\r\n"],
)
@pytest.mark.parametrize("step", ["mail", "rcpt", "content", "dot"])
async def test_connection_that_ends_leaves_no_more_doubts_than_the_window(step: str, answer: Answer) -> None:
    bag = Bag(readers(20))
    is_open, got = await carried(bag, at(step, answer, mail=6))

    assert not is_open
    assert set(got) <= {*bag.sent, *bag.doubts}
    assert 0 < len(bag.doubts) <= WINDOW
    assert len(bag.sent) <= 6


async def test_yes_to_a_mail_that_was_refused_is_in_doubt() -> None:
    bag = Bag(readers(2))
    steps = {"rcpt": b"550 5.1.1 nobody\r\n", "dot": b"250 taken\r\n"}
    await carried(bag, lambda step: steps.get(step.name) if step.mail == 1 else None)

    assert isinstance(bag.outcomes["r0@example.net"], LostAfterDot)


async def test_connection_carries_no_more_than_it_may() -> None:
    bag = Bag(readers(9))

    assert await carried(bag, more="&per_connection=5") == (False, readers(5))
    assert bag.taken == 5


async def test_cut_off_names_what_is_out_and_gives_back_what_is_not() -> None:
    bag = Bag(readers(9), holds_marks=True)
    async with (
        RecordingServer(script=at("dot", Action.HANG)) as server,
        talk(f"{server.url}?window={WINDOW}") as conversation,
    ):
        carrying = asyncio.create_task(bag.over(conversation))
        await asyncio.sleep(0)
        for then in bag.asked[:2]:
            then(True)
        await asyncio.sleep(0.05)
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying

    assert bag.doubts == readers(2)
    assert list(bag.outcomes.values())[2:] == [LostBeforeDot("cut off by us", Phase.MAIL)] * (WINDOW - 2)
    assert server.mails == []


async def test_connection_lost_during_a_mark_is_lost_before_anything_has_left() -> None:
    bag = Bag(readers(1), holds_marks=True)
    async with RecordingServer() as server, talk(f"{server.url}?window={WINDOW}") as conversation:
        carrying = asyncio.create_task(bag.over(conversation))
        await asyncio.sleep(0)
        await conversation.close()
        bag.asked[0](True)
        await carrying

    assert bag.outcomes == {"r0@example.net": LostBeforeDot("closed by us", Phase.MAIL)}


@pytest.mark.parametrize("missing", ["PIPELINING", "CHUNKING"])
async def test_window_changes_nothing_at_a_relay_that_does_not_offer_it(missing: str) -> None:
    offered = [word for word in ("PIPELINING", "CHUNKING", "8BITMIME") if word != missing]
    greeting = "".join(f"250-{word}\r\n" for word in ("localhost", *offered)) + "250 SMTPUTF8\r\n"
    bag = Bag(readers(3))
    async with (
        RecordingServer(script=at("ehlo", greeting.encode())) as server,
        talk(f"{server.url}?window={WINDOW}") as conversation,
    ):
        assert isinstance(conversation, SmtpConversation)
        await bag.over(conversation)

    assert server.mails == [received_by(who) for who in bag.readers]
