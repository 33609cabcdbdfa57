"""Whatever a relay answers, breaks off or glues together: sent is taken, and what was taken is sent or in doubt."""

import asyncio

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from digest.delivery.wire import Timeouts
from digest.demo.smtpd import Action, Answer, RecordingServer, Script, Step
from tests.carrying import Bag, readers, what_is_wrong
from tests.talking import step_by_step, talk

MAILS = 5
BRISK = Timeouts(5.0, *[0.05] * 6)
ANSWERS: list[Answer] = [
    *(b"%d 4.3.0 so\r\n" % code for code in (250, 251, 354, 421, 450, 452, 550, 554)),
    b"503 5.5.1 not now\r\n",
    b"250-first\r\n250 last\r\n",
    b"250 ok\r\n250 ok\r\n",
    b"250 ok\r\n354 go\r\n",
    b"354 go\r\n250 ok\r\n",
    b"550 no\r\n250 ok\r\n",
    b"250 ok\r\n421 closing\r\n",
    b"250",
    b"250-ok\r\n550 no\r\n",
    b"what?\r\n",
    b"\r\n",
    (b"25", b"0 ok\r", b"\n"),
    (b"550-no\r\n", b"550 never\r\n"),
    *Action,
]
STEPS = ["rset", "mail", "rcpt", "data", "dot", "quit"]
NTH = st.integers(1, MAILS)
MOODS = st.builds(
    lambda answers, ends: {**answers, **ends},
    st.dictionaries(st.tuples(st.sampled_from(STEPS), NTH), st.sampled_from(ANSWERS), max_size=4),
    # A relay that refuses in the midst of a content, and takes it all the same, lies: nobody can tell.
    st.dictionaries(st.tuples(st.just("content"), NTH), st.sampled_from([*Action, b"421 closing\r\n"]), max_size=1),
)


def moody(moods: dict[tuple[str, int], Answer]) -> Script:
    """Return a script that answers so at these steps, each counted by itself; usually otherwise."""
    seen: dict[str, int] = {}

    def script(step: Step) -> Answer:
        seen[step.name] = seen.get(step.name, 0) + 1
        return moods.get((step.name, seen[step.name]))

    return script


#: With a window an answer too many cannot be told from the next one, since no 354 stands among them to count by.
DOUBLED = [answer for answer in ANSWERS if isinstance(answer, bytes) and answer.count(b"\n") > answer.count(b"-") + 1]


@settings(max_examples=100, deadline=None)
@given(MOODS, st.sampled_from(["pipelined", "step by step", "window"]), st.sets(st.integers(0, MAILS - 1), max_size=1))
def test_sent_is_taken_and_taken_is_sent_or_in_doubt(
    moods: dict[tuple[str, int], Answer], way: str, left: set[int]
) -> None:
    assume(way != "window" or not any(answer in DOUBLED for answer in moods.values()))
    gone = {readers(MAILS)[n] for n in left}
    bag = Bag(readers(MAILS), may_go=lambda who: who not in gone)

    async def send() -> None:
        script = moody(moods)
        script = step_by_step(script) if way == "step by step" else script
        async with RecordingServer(script=script) as server:
            url = f"{server.url}?window=3" if way == "window" else server.url
            connections = 0
            while bag.taken < MAILS:
                connections += 1
                async with talk(url, BRISK) as conversation:
                    await bag.over(conversation)
            wrong = what_is_wrong(bag, server.mails, connections * (3 if way == "window" else 1))
            assert not wrong, (wrong, moods)
            assert not gone & {mail.recipient for mail in server.mails}

    asyncio.run(send())
