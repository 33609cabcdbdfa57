"""What handing a mail to a relay can come to, and what a relay is to the send."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from digest.errors import DigestError

MAX_TEXT = 500
CUT_OFF = "cut off by us"  #: of a connection

# RFC 5321 4.2: three digits, then the end, a blank, or a hyphen where more lines follow. There is no 1yz any more.
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
# RFC 3463 2 and RFC 2034 4: class.subject.detail before the text, on every line, in the class of the reply code.
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


class Phase(StrEnum):
    """The step of a conversation at which something happened, in the order of the steps."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a relay said, fit to be stored and printed."""

    code: int  #: 200 to 599
    text: str  #: its words without the codes, on one line, nothing unprintable, at most 500 characters
    enhanced: str | None = None  #: "5.1.1", as in RFC 3463

    @classmethod
    def parse(cls, lines: Sequence[bytes]) -> Self:
        """Return the reply that these lines make; ``ValueError`` where they are no SMTP reply (RFC 5321, 4.2).

        The lines come without their ends. Bytes that are not UTF-8 become U+FFFD. Lines of different codes are no
        reply (4.2.1): which of them is meant cannot be told.
        """
        matches = [_LINE.fullmatch(line) for line in lines]
        if not matches or not (last := matches[-1]) or any(match and match[1] != last[1] for match in matches):
            raise ValueError("not an SMTP reply")
        words = [match[3] or b"" if match else b"" for match in matches]
        return cls.of(int(last[1]), [word.decode("utf-8", "replace") for word in words])

    @classmethod
    def of(cls, code: int, lines: Sequence[str]) -> Self:
        """Return the reply with this code whose lines, already without it, are these."""
        enhanced, words = None, []
        for line in lines:
            match = _ENHANCED.match(line)
            if match and line[0] == str(code)[0]:
                enhanced, line = enhanced or match[1], line[match.end() :]
            words.append(line)
        return cls(code, printable(" ".join(words)), enhanced)

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.code, self.enhanced, self.text) if part)


def is_last(line: bytes) -> bool:
    """Say whether a reply ends with this line; a hyphen after the code announces another (RFC 5321, 4.2.1)."""
    return line[3:4] != b"-"


def printable(text: str) -> str:
    """Return a stranger's words on one line, without controls and invisible marks, at most 500 characters."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(c for c in line if c.isprintable())
    return line[:MAX_TEXT]


@dataclass(frozen=True, slots=True)
class Replied:
    """The relay answered: the mail is its own now (2yz, only ever at ``content``), or it refused it (4yz, 5yz)."""

    reply: Reply
    phase: Phase


@dataclass(frozen=True, slots=True)
class LostBeforeDot:
    """The conversation broke before the end of the mail was sent: the relay cannot have taken it."""

    reason: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class LostAfterDot:
    """The end of the mail went out and no answer came: the relay may have taken it (RFC 1047)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The mark said no: the connection was dropped instead of the end of the mail being sent."""


@dataclass(frozen=True, slots=True)
class Untried:
    """It was not wanted any more when the relay wanted its content; nothing was said about it, and nothing marked."""


Outcome = Replied | LostBeforeDot | LostAfterDot | Withdrawn | Untried


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP is told: return path (empty for none) and the one recipient. Non-ASCII is allowed."""

    sender: str
    recipient: str


class Parcel(Protocol):
    """One mail on its way, as a conversation sees it. All of it happens in the loop, and none of it waits."""

    envelope: Envelope
    mail: bytes  #: final: CRLF lines, none begins with a dot, CRLF at the end
    is_dot_safe: bool  #: whether who made it has seen to that; else all of it is searched

    def is_wanted(self) -> bool:
        """Return whether it is still to go; asked once the relay wants its content."""
        ...

    def mark(self, then: Callable[[bool], None]) -> None:
        """Have ``then`` called, later, with whether the end of the mail may go out, once that is durable."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """Take what came of it; called once."""
        ...


#: Returns the next mail if one may go at this moment. It may ride with the end of the one before.
Following = Callable[[], Parcel | None]


class Conversation(Protocol):
    """One open connection to a relay; whoever opened it closes it, also when it is not open."""

    @property
    def is_open(self) -> bool:
        """Whether another mail can go over it."""
        ...

    async def carry(self, first: Parcel, following: Following) -> None:
        """Hand over a mail and what follows it; return when nothing follows or the conversation is over.

        Each parcel is asked for its mark when the relay wants its content, may be written meanwhile, and ends once
        that is durable. Raises ``ValueError`` for a mail or an address that could break a command, and whatever a
        parcel or ``following`` raises. Cut off, or after that, the conversation is not open; either way every parcel
        it was given has been told what came of it.
        """
        ...

    async def close(self) -> None:
        """Say goodbye and close; raises nothing. A mail under way is cut off."""
        ...


class Relay(Protocol):
    """A server that takes our mail."""

    name: str  #: "mail.example.com:587", never with credentials; "outbox"
    connections: int  #: most to keep open
    window: int  #: most mails that wait for their answer on one of them
    is_outbox: bool
    learned_per_connection: int | None  #: mails on one connection, as earlier runs and this one have seen it end them

    async def connect(self) -> Conversation:
        """Return a conversation that is ready for mail; raises ``RelayRefused`` (a relay on the network)."""
        ...


_ADVICE = {
    Phase.CONNECT: "check host and port in the relay's URL, and that the relay is up",
    Phase.GREETING: "the relay takes no connections from here just now: ask whoever runs it, or try later",
    Phase.EHLO: "the relay does not talk to this machine: ask whoever runs it",
    Phase.TLS: "nothing is sent without TLS: correct host, port or scheme in the relay's URL, or the certificate",
    Phase.AUTH: "check user and password in the relay's URL",
}


class RelayRefused(DigestError):
    """No conversation with a relay could be begun; no mail was touched."""

    def __init__(
        self,
        relay: str,
        phase: Phase,
        reply: Reply | None = None,
        reason: str = "",
        *,
        advice: str | None = None,
        cannot_log_in: bool = False,
    ) -> None:
        said = f"refused us at {phase}: {reply}" if reply else f"failed at {phase}: {reason}"
        super().__init__(f"relay {relay} {said}; {advice or _ADVICE.get(phase, 'try later')}")
        self.relay = relay
        self.phase = phase
        self.reply = reply
        #: Whether it is our login, which is no other an hour later; a 454 (RFC 4954, 4.7) or a lost connection may be.
        self.is_login = cannot_log_in or (phase is Phase.AUTH and reply is not None and reply.code >= 500)
        if self.is_login:
            self.exit_code = 4  # credentials, in the contract of exit codes
