"""How far a mail has come in its transaction, and what is known of it when the connection ends. Decides only."""

from enum import Enum, auto

from digest.delivery.outcome import LostAfterDot, LostBeforeDot, Outcome, Parcel, Phase, Replied, Reply

_FOLLOWS = {Phase.MAIL: Phase.RCPT, Phase.RCPT: Phase.DATA, Phase.DATA: Phase.CONTENT}
_LETS_GO_ON = {Phase.MAIL: 2, Phase.RCPT: 2, Phase.DATA: 3}


class Word(Enum):
    """What an answer to a command of the envelope comes to."""

    GO_ON = auto()
    REFUSED = auto()  #: this command or one before it; nothing is to follow
    LONE_DOT = auto()  #: the relay wants a content for nobody
    OUT_OF_STEP = auto()  #: nothing that is said on this connection means what it seems to


class Trip:
    """A parcel whose envelope has gone out, or is about to; ``mail`` and ``rcpt`` are its commands."""

    __slots__ = ("dot_is_out", "is_marking", "mail", "outcome", "parcel", "phase", "rcpt")

    def __init__(self, parcel: Parcel, mail: bytes, rcpt: bytes) -> None:
        self.parcel, self.mail, self.rcpt = parcel, mail, rcpt
        self.phase = Phase.MAIL  #: what is waited for
        self.outcome: Outcome | None = None  #: what is known before it can be told
        self.is_marking = self.dot_is_out = False

    def hear(self, reply: Reply, phase: Phase) -> Word:
        """Take note of the answer to a command of the envelope; return what it comes to.

        Behind a refusal the answers to the commands that were sent along say no more (RFC 2920, 3.1). But for 354: a
        single dot is the way out of that, where RCPT was refused and every answer stands in its place, so that there
        is nobody whom an empty mail could reach. Where RCPT may have been taken, only the end of the connection is.
        """
        kind = reply.code // 100
        if self.outcome is not None:
            if kind == 3:
                at_rcpt = isinstance(self.outcome, Replied) and self.outcome.phase is Phase.RCPT
                return Word.LONE_DOT if phase is Phase.DATA and at_rcpt else Word.OUT_OF_STEP
            return Word.OUT_OF_STEP if kind == 2 and phase is Phase.DATA else Word.REFUSED
        self.phase = phase
        if kind == _LETS_GO_ON[phase]:
            self.phase = _FOLLOWS[phase]
            return Word.GO_ON
        if kind < 4:  # passed on, a 250 for DATA would be read as a mail delivered
            return Word.OUT_OF_STEP
        self.outcome = Replied(reply, phase)
        return Word.REFUSED

    def lost(self, reason: str) -> Outcome:
        """Return what is known of it when the connection has ended."""
        if self.outcome is not None:
            return self.outcome
        return LostAfterDot(reason) if self.dot_is_out else LostBeforeDot(reason, self.phase)
