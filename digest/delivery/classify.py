"""What a relay's reply speaks of: this mailbox, us, or now. The tables are in ``replies``; deciding only."""

import re
from dataclasses import dataclass
from functools import lru_cache

from digest.delivery.outcome import Phase, Replied, Reply
from digest.delivery.replies import AGAINST, CODES, CODES_BY_SUBJECT, MAILBOX, SPECIAL, Saying, Subject

# Addresses, links and host names hold words too: "spam@", "block.example", "?p=NoSuchUser".
_NAMES = re.compile(
    r"<[^>]*>|\S+@\S+|https?:\S*|\(\S+\)|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b(?=[/:\s\]),]|$)", re.IGNORECASE
)
# qmail and its like put the enhanced code at the end: "sorry, no mailbox here by that name. (#5.1.1)".
_CODE_AT_END = re.compile(r"\(#([45]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a refusal speaks of, and by which row of the tables."""

    subject: Subject
    reason: str


def judge(reply: Reply) -> Judgement:
    """Return what a refusal (4yz, 5yz) speaks of.

    Whatever hints at us or at now wins over a code that speaks of the mailbox, which hosts are careless with. A 4yz
    never speaks of the mailbox: the relay itself says that it may pass (RFC 5321, 4.2.1).
    """
    return _judged(reply.code, _enhanced(reply), " ".join(_NAMES.sub(" ", reply.text).split()))


@lru_cache(maxsize=1000)  # a host says the same of thousands, but for their addresses; reading the tables takes 0.3 ms
def _judged(code: int, enhanced: str | None, words: str) -> Judgement:
    found = (
        _first(SPECIAL, f"{code} {enhanced} {words}")
        or _first(AGAINST, words)
        or _by_code(enhanced)
        or _first(MAILBOX, words)
        or Judgement(Subject.US if code >= 500 else Subject.NOW, "nothing is known of these words")
    )
    if found.subject is Subject.MAILBOX and code < 500:
        return Judgement(Subject.NOW, "a 4yz may pass")
    return found


def is_about_mailbox(outcome: Replied) -> bool:
    """Return whether a refusal speaks of this reader's mailbox, so that trying again is of no use.

    Only a 5yz at RCPT can: after the content a relay speaks of the mail.
    """
    reply = outcome.reply
    return outcome.phase is Phase.RCPT and 500 <= reply.code < 600 and judge(reply).subject is Subject.MAILBOX


def is_about_us(reply: Reply, phase: Phase) -> bool:
    """Return whether a reply is the relay's trouble with us rather than with a mail: never charged to a reader."""
    return reply.code == 421 or (phase is Phase.MAIL and not is_about_size(reply))


def is_about_size(reply: Reply) -> bool:
    """Return whether a reply refuses a mail for its size, as MAIL with SIZE is (RFC 1870, 6.1 and RFC 3463, 3.4)."""
    return reply.code == 552 or reply.enhanced in ("5.3.4", "5.2.3")


def _enhanced(reply: Reply) -> str | None:
    if reply.enhanced is not None:
        return reply.enhanced
    found = _CODE_AT_END.search(reply.text)
    return found[1] if found else None


def _by_code(enhanced: str | None) -> Judgement | None:
    _, _, detail = (enhanced or "").partition(".")
    found = CODES.get(detail) or CODES_BY_SUBJECT.get(detail.partition(".")[0])
    return Judgement(*found) if found else None


def _first(sayings: tuple[Saying, ...], words: str) -> Judgement | None:
    for saying in sayings:
        if saying.words.search(words):
            return Judgement(saying.subject, saying.reason)
    return None
