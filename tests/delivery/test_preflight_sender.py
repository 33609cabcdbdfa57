"""What mailbox providers ask of a sender (RELIABILITY.md, A1), as far as it can be told without asking anybody."""

from typing import Any

import pytest

from digest.delivery.preflight import Level
from tests.builders import a_newsletter
from tests.examining import a_subject, found, messages, the_letter


@pytest.mark.parametrize(
    "address", ["nytt@gmail.com", "nytt@googlemail.com", "nytt@yahoo.se", "nytt@hotmail.com", "nytt@live.co.uk",
                "nytt@gmx.de", "nytt@icloud.com", "nytt@proton.me", "nytt@aol.com"],
)  # fmt: skip
def test_a_mailbox_providers_domain_holds_at_another_relay(address: str) -> None:
    newsletter = a_newsletter(from_=address)

    assert found(a_subject(newsletter=newsletter, relays=["smtp.tidningen.se"]), "sender") is Level.HOLD
    assert found(a_subject(newsletter=newsletter, relays=["127.0.0.1"], network=False), "sender") is Level.FINE


@pytest.mark.parametrize(
    ("address", "relay"),
    [
        ("nytt@gmail.com", "smtp.gmail.com"),
        ("nytt@outlook.com", "smtp-mail.outlook.com"),
        ("nytt@icloud.com", "smtp.mail.me.com"),
        ("no-reply@tidningen.se", "smtp.tidningen.se"),  # nobody need be able to answer
        ("nytt@gmail.tidningen.se", "smtp.tidningen.se"),
        ("nytt@me.se", "smtp.tidningen.se"),
        ("nytt@aol.se", "smtp.tidningen.se"),
    ],
)
def test_its_own_relay_and_what_only_looks_like_it_pass(address: str, relay: str) -> None:
    assert found(a_subject(newsletter=a_newsletter(from_=address), relays=[relay]), "sender") is Level.FINE


def test_one_relay_of_somebody_else_is_enough_to_hold() -> None:
    newsletter = a_newsletter(from_="nytt@gmail.com")

    assert (
        found(a_subject(newsletter=newsletter, relays=["smtp.gmail.com", "gmail.com.evil.se"]), "sender") is Level.HOLD
    )


@pytest.mark.parametrize("address", ["nytt@server.local", "nytt@mail.lan"])
def test_a_name_of_the_local_net_holds(address: str) -> None:
    assert found(a_subject(newsletter=a_newsletter(from_=address)), "sender") is Level.HOLD


@pytest.mark.parametrize("field", [b"List-Unsubscribe-Post", b"List-Unsubscribe"])
def test_a_letter_that_one_click_does_not_leave_holds(field: bytes) -> None:
    """RFC 8058, 3.1."""
    letter = the_letter()
    broken = letter.model_copy(update={"mail": letter.mail.replace(b"\r\n" + field + b":", b"\r\nX-Was:", 1)})

    assert found(a_subject(letter), "one_click") is Level.FINE
    assert found(a_subject(broken), "one_click") is Level.HOLD
    assert found(a_subject(broken, network=False), "one_click") is Level.FINE


def test_only_a_mailto_is_no_one_click() -> None:
    letter = the_letter()
    mailto = letter.model_copy(update={"mail": letter.mail.replace(b"<https://", b"<mailto:", 1)})

    assert found(a_subject(mailto), "one_click") is Level.HOLD


def test_without_https_one_reason_is_enough() -> None:
    plain = a_subject(the_letter(), base_url="http://nytt.tidningen.se")

    assert found(plain, "base_url") is Level.HOLD
    assert found(plain, "one_click") is Level.FINE


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"readers": 5_000}, Level.WARN),
        ({"readers": 4_999}, Level.FINE),
        ({"readers": 5_000, "signed": True}, Level.FINE),
        ({"readers": 5_000, "network": False}, Level.FINE),
    ],
)
def test_many_letters_that_nobody_here_signs_warn(values: dict[str, Any], level: Level) -> None:
    assert found(a_subject(**values), "dkim") is level


@pytest.mark.parametrize(
    ("bounces", "signed", "level"),
    [
        ("bounce@studsar.net", False, Level.WARN),
        ("bounce@studsar.net", True, Level.FINE),  # DMARC is content with one of both
        ("bounce@mail.tidningen.se", False, Level.FINE),
        ("bounce@tidningen.se", False, Level.FINE),
        (None, False, Level.FINE),
    ],
)
def test_return_paths_of_another_domain_warn_where_no_key_makes_up_for_it(
    bounces: str | None, signed: bool, level: Level
) -> None:
    """RFC 7489, 3.1."""
    newsletter = a_newsletter(from_="nytt@nytt.tidningen.se")

    assert found(a_subject(newsletter=newsletter, bounce_address=bounces, signed=signed), "alignment") is level


def test_two_organisations_under_one_suffix_are_two() -> None:
    newsletter = a_newsletter(from_="news@paper.co.uk")

    assert messages(a_subject(newsletter=newsletter, bounce_address="b@other.co.uk"), "alignment")
    assert not messages(a_subject(newsletter=newsletter, bounce_address="b@mail.paper.co.uk"), "alignment")
