"""Test letters: a marked copy of the edition as it would go out now, to the editors. Nothing is frozen or recorded."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from digest.delivery.freeze import Draft
from digest.delivery.outcome import Envelope, LostAfterDot, LostBeforeDot, Outcome, Relay, Replied
from digest.delivery.preview import stranger
from digest.delivery.single import hand_over
from digest.letter.dkim import SignedStamp, open_signed
from digest.letter.keys import keys_for
from digest.letter.stamp import Stamp
from digest.letter.values import address_spec
from digest.models import Letter
from digest.project import Project


@dataclass(frozen=True)
class Tried:
    """What came of one test letter."""

    address: str
    taken: bool
    words: str


def send_test(
    project: Project, made: Draft, addresses: Sequence[str], relay: Relay, letters: Sequence[Letter] = ()
) -> list[Tried]:
    """Send letters of a draft to each address, one after the other, signed as the edition will be.

    Without ``letters`` the whole one in every language.  Raises UnusableKey, and RelayRefused when none can go.
    """
    signers = [key.signer() for key in keys_for(project, made.newsletter.sender[1])]
    sent = letters or [letter for letter in made.letters if letter.articles is None]
    stamps = [open_signed(letter.mail, signers, int(made.at.timestamp())) for letter in sent]
    return asyncio.run(_send_test(made, stamps, addresses, relay))


async def _send_test(
    made: Draft, stamps: Sequence[Stamp | SignedStamp], addresses: Sequence[str], relay: Relay
) -> list[Tried]:
    tried = []
    conversation = await relay.connect()
    try:
        for address in addresses:
            for stamp in stamps:
                if not conversation.is_open:
                    await conversation.close()
                    conversation = await relay.connect()
                # Each its own Message-ID: a mailbox drops what it has seen.
                reader = stranger(address)._replace(message_id=secrets.token_urlsafe(28))
                mail = stamp.fill(reader)
                envelope = Envelope(address_spec(made.newsletter.sender[1]), address_spec(address))
                outcome = await hand_over(conversation, envelope, mail)
                tried.append(Tried(address, _is_taken(outcome), _words(outcome)))
    finally:
        await conversation.close()
    return tried


def _is_taken(outcome: Outcome) -> bool:
    return isinstance(outcome, Replied) and outcome.reply.code < 300


def _words(outcome: Outcome) -> str:
    match outcome:
        case Replied(reply):
            return str(reply)
        case LostBeforeDot(reason) | LostAfterDot(reason):
            return reason
    return ""
