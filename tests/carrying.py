"""Mails that follow one another over a conversation, and what came of each."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from digest.delivery.outcome import Conversation, Envelope, LostAfterDot, Outcome, Parcel, Phase, Replied
from digest.demo.smtpd import Received

SENDER = "bounce@example.com"


def mail_to(who: str, lines: int = 3) -> bytes:
    return f"Message-ID: <{who}>\r\nSubject: Senaste nytt\r\n\r\n".encode() + b"Hej!\r\n" * lines


def received_by(who: str) -> Received:
    return Received(SENDER, who, mail_to(who))


def is_sent(outcome: Outcome) -> bool:
    return isinstance(outcome, Replied) and outcome.phase is Phase.CONTENT and outcome.reply.code < 300


@dataclass
class Bag:
    """Mails for these readers; ``may_go`` is the ledger's word, said in another turn of the loop as there."""

    readers: Sequence[str]
    may_go: Callable[[str], bool] = lambda who: True
    is_wanted: Callable[[str], bool] = lambda who: True
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    taken: int = 0
    holds_marks: bool = False  #: a test says itself when each is made, by what is in ``asked``
    asked: list[Callable[[bool], None]] = field(default_factory=list)

    def following(self) -> Parcel | None:
        if self.taken == len(self.readers):
            return None
        self.taken += 1
        return Carried(self, self.readers[self.taken - 1])

    def first(self) -> Parcel:
        parcel = self.following()
        assert parcel is not None
        return parcel

    async def over(self, conversation: Conversation) -> dict[str, Outcome]:
        """Carry all that one conversation takes, and return what came of it."""
        await conversation.carry(self.first(), self.following)
        return self.outcomes

    @property
    def sent(self) -> list[str]:
        return [who for who, outcome in self.outcomes.items() if is_sent(outcome)]

    @property
    def doubts(self) -> list[str]:
        return [who for who, outcome in self.outcomes.items() if isinstance(outcome, LostAfterDot)]


class Carried:
    """One of them."""

    is_dot_safe = False

    def __init__(self, bag: Bag, who: str) -> None:
        self.envelope, self.mail = Envelope(SENDER, who), mail_to(who)
        self._bag, self._who = bag, who

    def is_wanted(self) -> bool:
        return self._bag.is_wanted(self._who)

    def mark(self, then: Callable[[bool], None]) -> None:
        self._bag.events.append(f"mark {self._who}")
        if self._bag.holds_marks:
            self._bag.asked.append(then)
        else:
            asyncio.get_running_loop().call_soon(lambda: then(self._bag.may_go(self._who)))

    def ended(self, outcome: Outcome) -> None:
        assert self._who not in self._bag.outcomes, "told twice"
        self._bag.outcomes[self._who] = outcome
        self._bag.events.append(f"ended {self._who}")


def readers(count: int) -> list[str]:
    return [f"r{n}@example.net" for n in range(count)]


def what_is_wrong(bag: Bag, mails: Sequence[Received], most_doubts: int = 1) -> list[str]:
    """Return which of the promises do not hold: sent is taken, taken is sent or in doubt, and nobody gets two."""
    got = [mail.recipient for mail in mails]
    whole = {who: mail_to(who) for who in bag.readers}
    return [
        *(f"{who} was sent, and the relay has nothing" for who in bag.sent if who not in got),
        *(f"{who} was taken, and is {bag.outcomes.get(who)}" for who in got if who not in (*bag.sent, *bag.doubts)),
        *(f"{who} got two" for who in got if got.count(who) > 1),
        *(f"{mail.recipient} got {mail.content!r}" for mail in mails if mail.content != whole.get(mail.recipient)),
        *(f"{who} was never told of" for who in bag.readers[: bag.taken] if who not in bag.outcomes),
        *([f"in doubt: {bag.doubts}"] if len(bag.doubts) > most_doubts else []),
    ]
