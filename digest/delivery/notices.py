"""Notices on their way: claimed, composed and handed over, by whoever sends next."""

import asyncio
import datetime as dt
import random
from collections.abc import Sequence

from digest import tokens
from digest.delivery.classify import is_about_mailbox
from digest.delivery.outcome import (
    Conversation,
    Envelope,
    LostAfterDot,
    LostBeforeDot,
    Outcome,
    Relay,
    RelayRefused,
    Replied,
)
from digest.delivery.relays import parse_relays, relay_for
from digest.delivery.retry import back_off
from digest.delivery.single import hand_over
from digest.errors import DigestError
from digest.letter.dkim import Signer, signed
from digest.letter.keys import UnusableKey, keys_for
from digest.letter.values import address_spec
from digest.models import Notice, NoticeState
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import home, notices
from digest.store.notices import Answer
from digest.tokens import Purpose

BATCH = 20
GIVE_UP_AFTER = dt.timedelta(days=2)  #: an alert that is older than that says nothing new


def send_notices(project: Project, now: dt.datetime) -> list[str]:
    """Send the notices whose time has come; return what an editor should know about those that could not go."""
    if not notices.is_due(project.store, now):
        return []
    url = project.environment.notice_relay_url.get_secret_value() or project.environment.relay_url.get_secret_value()
    addresses = parse_relays(url)
    if not all(address.is_outbox for address in addresses) and home.why_away(project.store) is not None:
        return []  # a copy mails nobody
    tokens = project.environment.relay_token_command.get_secret_value()
    ways = [relay_for(address, project.folder, 1, tokens) for address in addresses]
    return asyncio.run(_send(project, ways, now))


async def _send(project: Project, ways: Sequence[Relay], now: dt.datetime) -> list[str]:
    try:
        conversation = await _connect(ways)
    except RelayRefused as refused:
        # Not claimed: whoever sends next tries again at once, and a relay that is down costs nobody their tries.
        return [f"notices wait: {refused}"]
    warnings = []
    try:
        while claimed := await asyncio.to_thread(notices.claim, project.store, now, BATCH):
            for notice in claimed:
                answer = await _hand_over(project, conversation, notice, now)
                await asyncio.to_thread(notices.record, project.store, notice, answer)
                if answer.state is not NoticeState.SENT:
                    warnings.append(f"notice to {notice.address} ({notice.kind}): {answer.text}")
                if not conversation.is_open:
                    await conversation.close()
                    conversation = await _connect(ways)
    except RelayRefused as refused:
        warnings.append(f"notices wait: {refused}")
    finally:
        await conversation.close()
    return warnings


async def _connect(ways: Sequence[Relay]) -> Conversation:
    """Return a conversation with the first relay that takes one; RelayRefused by the last when none does."""
    for relay in ways[:-1]:
        try:
            return await relay.connect()
        except RelayRefused:
            continue
    return await ways[-1].connect()


async def _hand_over(project: Project, conversation: Conversation, notice: Notice, now: dt.datetime) -> Answer:
    try:
        newsletter = _sender(project, notice)
        mail = _compose(project, notice, newsletter)
        envelope = Envelope(address_spec(newsletter.sender[1]), address_spec(notice.address))
    except DigestError as error:  # a template that an editor broke, an address that is none
        return Answer(NoticeState.FAILED, now, now, text=str(error)[:500])
    return _judge(await hand_over(conversation, envelope, mail), notice, now)


def _sender(project: Project, notice: Notice) -> NewsletterSettings:
    """Return the newsletter in whose name a notice goes; any other one where it is gone from digest.toml."""
    known = project.file.newsletters
    return known.get(notice.newsletter) or next(iter(known.values()), None) or project.newsletter(notice.newsletter)


def _compose(project: Project, notice: Notice, newsletter: NewsletterSettings) -> bytes:
    from digest.letter.notice import compose_notice  # templates are slow to load, and most sends have no notice
    from digest.letter.templates import open_templates

    ring = project.keys
    mail = compose_notice(
        notice.kind.value,
        notice.facts,
        newsletter,
        open_templates(project.folder),
        to=notice.address,
        at=notice.made_at,
        message_id=tokens.make(ring, ring.newest, Purpose.NOTICE, notice.id or 0, 0),
    )
    return signed(mail, _signers(project, newsletter), int(notice.made_at.timestamp()))


def _signers(project: Project, newsletter: NewsletterSettings) -> Sequence[Signer]:
    """Return who signs a notice; nobody where the key cannot be used, which is what it may be there to tell."""
    try:
        return [key.signer() for key in keys_for(project, newsletter.sender[1])]
    except UnusableKey:
        return []


def _judge(outcome: Outcome, notice: Notice, now: dt.datetime) -> Answer:
    """Return what becomes of a notice: one whose answer is lost goes out again, better twice than never."""
    code, words = None, ""
    match outcome:
        case Replied(reply) if reply.code < 300:
            return Answer(NoticeState.SENT, now, now, reply.code)
        case Replied(reply):
            code, words = reply.code, str(reply)
        case LostBeforeDot(reason) | LostAfterDot(reason):
            words = reason
    if isinstance(outcome, Replied) and is_about_mailbox(outcome):
        return Answer(NoticeState.FAILED, now, now, code, words)
    due = now + back_off(notice.attempt, random.random())  # noqa: S311  spreads retries, guards nothing
    state = NoticeState.FAILED if due > notice.made_at + GIVE_UP_AFTER else NoticeState.WAITING
    return Answer(state, now, due, code, words)
