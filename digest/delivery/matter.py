"""Whose matter it is when a mail is put off: one reader's, a domain's, the relay's own, or not to be told yet."""

import re
from enum import Enum, auto

from digest.delivery.classify import judge
from digest.delivery.outcome import Outcome, Phase, Replied, Reply
from digest.delivery.replies import Subject


class Matter(Enum):
    """Whom a refusal that puts a mail off is about."""

    READER = auto()
    DOMAIN = auto()
    RELAY = auto()
    UNKNOWN = auto()  #: nothing to compare it with yet


#: Of a 4yz or 5yz at RCPT. Subjects of enhanced codes (RFC 3463, 3.2 and 3.3): addressing and mailbox status.
_ONE_BY_CODE = re.compile(r"[45]\.[12]\.\d{1,3}")
#: Greylisting is of sender and reader together, and every reader of ours has a sender of their own (VERP).
_ONE_BY_WORDS = re.compile(r"gr[ae]y-?\s?list|\bmailbox (?:is )?full|over ?quota|\bquota exceeded", re.IGNORECASE)
#: What a refusal says when it is about speed, and not about how many connections, or mails on one of them.
_SPEED = re.compile(
    r"\brate\b|rate.?limit|throttl|too (?:fast|quick|frequent)|slow(?:er|(?: it)? down)|\bvolume\b|too much mail"
    r"|(?:per|each|every|this|last) (?:second|minute|hour|day)\b",
    re.IGNORECASE,
)


def is_about_one(reply: Reply) -> bool:
    """Return whether a refusal at RCPT is about one reader, so that it says nothing of others of their domain."""
    by_code = reply.enhanced is not None and _ONE_BY_CODE.fullmatch(reply.enhanced) is not None
    return by_code or bool(_ONE_BY_WORDS.search(reply.text))


def may_be_about_speed(outcome: Outcome) -> bool:
    """Return whether what came of a mail may ask for a slower pace: every 4yz of which it is not known otherwise.

    A 421 ends a conversation, and relays say it of too many connections, or mails on one (RFC 5321, 3.8): only where
    it speaks of speed it is about that.
    """
    match outcome:
        case Replied(reply, phase) if 400 <= reply.code < 500:
            is_one = phase is Phase.RCPT and is_about_one(reply)
            return not is_one and (reply.code != 421 or says_speed(reply))
    return False


def says_speed(reply: Reply) -> bool:
    """Return whether a refusal speaks of how fast our mail comes."""
    return bool(_SPEED.search(reply.text))


def is_about_mail(outcome: Outcome) -> bool:
    """Return whether what put a mail off refuses the mail itself, or us, whoever reads it.

    After RCPT every refusal does. At RCPT one that the words say it of; others may pass when tried again.
    """
    if not isinstance(outcome, Replied):
        return False
    return outcome.phase is not Phase.RCPT or judge(outcome.reply).subject is Subject.US
