"""What a relay's reply speaks of: this mailbox, or us and now."""

import re

from digest.delivery.outcome import Phase, Replied, Reply

#: Enhanced codes (RFC 3463, 3.2) that say the mailbox is not there: bad mailbox, system or syntax, no mailbox, moved
#: without forwarding, null MX (RFC 7505), and an address that cannot be sent to at all (RFC 6531, 3.7.4.2).
MAILBOX = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.6.7"})
#: What relays say of a mailbox when they give no enhanced code, or a vague one.
WORDS = re.compile(
    r"""
      user\ (?:is\ )?(?:unknown|not\ found) | unknown\ (?:user|recipient|mailbox|local\ part)
    | no\ such\ (?:user|recipient|mailbox|address|person)
    | (?:mailbox|recipient|address|user|account)\ (?:does\ not|doesn't|doesn’t|not)\ exist
    | (?:mailbox|recipient|address|account)\ (?:is\ )?(?:unknown|not\ found|disabled|deactivated|inactive)
    | (?:invalid|bad)\ (?:recipient|mailbox|user)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_about_mailbox(outcome: Replied) -> bool:
    """Return whether a refusal speaks of this reader's mailbox, so that trying again is of no use.

    Only a 5yz at RCPT can: after the content a relay speaks of the mail, and a 4yz of now (RFC 5321, 4.2.1).
    """
    reply = outcome.reply
    if outcome.phase is not Phase.RCPT or not 500 <= reply.code < 600:
        return False
    return reply.enhanced in MAILBOX or bool(WORDS.search(reply.text))


def is_about_us(reply: Reply, phase: Phase) -> bool:
    """Return whether a reply is the relay's trouble with us rather than with a mail: never charged to a reader."""
    return reply.code == 421 or phase is Phase.MAIL
