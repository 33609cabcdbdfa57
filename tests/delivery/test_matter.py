"""Whose matter it is when a mail is put off."""

import pytest

from digest.delivery.matter import is_about_mail, is_about_one, may_be_about_speed, says_speed
from digest.delivery.outcome import LostBeforeDot, Phase, Replied, Reply


def reply(said: str) -> Reply:
    return Reply.parse([said.encode()])


@pytest.mark.parametrize(
    "said",
    [
        "452 4.2.2 mailbox full",
        "552 5.2.2 over quota",
        "450 4.2.1 this user receives mail too quickly",
        "450 4.1.2 <x@y.example>: Recipient address rejected: Domain not found",
        "450 4.1.1 unverified address",
        "451 4.7.1 Greylisting in action, please come back later",
        "450 you are graylisted",
        "452 mailbox full",
    ],
)
def test_what_is_about_one_reader_says_nothing_of_others(said: str) -> None:
    assert is_about_one(reply(said))


@pytest.mark.parametrize(
    "said",
    [
        "451 4.7.1 try again later",
        "452 4.5.3 too many recipients",
        "550 5.7.1 blocked",
        "450 4.7.28 rate limit",
        "451 no",
    ],
)
def test_what_may_be_about_all_of_a_domain_or_all_of_a_relay_is_not_about_one(said: str) -> None:
    assert not is_about_one(reply(said))


@pytest.mark.parametrize(
    ("said", "phase", "may_be", "is_sure"),
    [
        ("451 4.7.1 slow down", Phase.MAIL, True, True),
        ("452 4.3.1 insufficient system storage", Phase.MAIL, True, False),
        ("451 4.3.0 later", Phase.CONTENT, True, False),
        ("451 4.7.1 Ratelimit exceeded", Phase.CONTENT, True, True),
        ("450 4.7.1 Error: too much mail from 192.0.2.1", Phase.MAIL, True, True),
        ("454 Throttling failure: Maximum sending rate exceeded.", Phase.CONTENT, True, True),
        ("450 4.2.1 this user receives mail at too high a rate", Phase.RCPT, False, True),
        ("550 5.7.1 sender blocked", Phase.MAIL, False, False),
        ("421 4.7.0 too many messages in this connection", Phase.MAIL, False, False),
        ("421 4.7.0 too many connections from 192.0.2.1", Phase.MAIL, False, False),
        ("421 4.7.0 closing, bye", Phase.RCPT, False, False),
        ("421 4.7.0 try again in a minute", Phase.MAIL, False, False),
        ("421 4.7.28 your rate of mail is too high", Phase.MAIL, True, True),
        ("421 too many messages per minute", Phase.CONTENT, True, True),
    ],
)
def test_a_relay_may_ask_for_a_slower_pace_and_says_so_or_not(
    said: str, phase: Phase, *, may_be: bool, is_sure: bool
) -> None:
    assert may_be_about_speed(Replied(reply(said), phase)) is may_be
    assert says_speed(reply(said)) is is_sure


def test_a_lost_connection_says_nothing_of_speed() -> None:
    assert not may_be_about_speed(LostBeforeDot("closed", Phase.MAIL))


@pytest.mark.parametrize(
    ("said", "phase", "is_so"),
    [
        ("554 5.7.1 spam", Phase.CONTENT, True),
        ("451 4.3.0 later", Phase.CONTENT, True),
        ("554 no", Phase.DATA, True),
        ("552 5.3.4 too large", Phase.MAIL, True),
        ("550 5.7.1 your address is blocked by policy", Phase.RCPT, True),
        ("451 4.7.1 try again later", Phase.RCPT, False),
        ("451 4.7.1 greylisted", Phase.RCPT, False),
    ],
)
def test_whatever_is_refused_after_rcpt_is_the_mail_and_at_rcpt_what_says_so(
    said: str, phase: Phase, *, is_so: bool
) -> None:
    assert is_about_mail(Replied(reply(said), phase)) is is_so
