"""Preflight: what holds a send, what deserves a look, and what it never cries wolf about."""

from typing import Any

import pytest

from digest.delivery.preflight import RULES, Level, Subject, check
from digest.letter.compose import compose
from digest.letter.templates import open_templates
from digest.models import Letter
from tests.builders import a_frame, a_newsletter, the_seed


@pytest.fixture(scope="module")
def letter() -> Letter:
    return compose(the_seed(), a_frame(), open_templates(), "n0nce000" * 4)


def a_subject(letter: Letter, **values: Any) -> Subject:
    newsletter = values.pop("newsletter", None) or a_newsletter(from_="Senaste nytt <nytt@tidningen.se>")
    defaults = {
        "newsletter": newsletter,
        "letters": [letter],
        "articles": 26,
        "readers": 1000,
        "base_url": "https://nytt.tidningen.se",
        "network": True,
    }
    return Subject(**{**defaults, **values})


def found(subject: Subject, rule: str) -> Level:
    return next(finding.level for finding in check(subject).findings if finding.rule == rule)


def test_an_ordinary_day_passes_every_rule(letter: Letter) -> None:
    verdict = check(a_subject(letter))

    assert verdict.level is Level.FINE
    assert [finding.rule for finding in verdict.findings] == list(RULES)


def test_a_missing_postal_address_holds_a_send_to_the_network_and_warns_of_a_rehearsal(letter: Letter) -> None:
    newsletter = a_newsletter(postal_address="", from_="nytt@tidningen.se")

    assert found(a_subject(letter, newsletter=newsletter), "postal_address") is Level.HOLD
    assert found(a_subject(letter, newsletter=newsletter, network=False), "postal_address") is Level.WARN


@pytest.mark.parametrize("address", ["nytt@example.com", "nytt@mail.example", "nytt@x.test", "nytt@x.invalid"])
def test_a_sender_at_an_example_domain_holds(letter: Letter, address: str) -> None:
    newsletter = a_newsletter(from_=address)

    assert found(a_subject(letter, newsletter=newsletter), "sender") is Level.HOLD
    assert found(a_subject(letter, newsletter=newsletter, network=False), "sender") is Level.FINE


def test_links_that_are_not_https_hold_a_send_to_the_network(letter: Letter) -> None:
    """RFC 8058, 3.1."""
    assert found(a_subject(letter, base_url="http://nytt.tidningen.se"), "base_url") is Level.HOLD
    assert found(a_subject(letter, base_url="http://127.0.0.1:8000", network=False), "base_url") is Level.FINE


def test_links_that_lead_elsewhere_hold_a_send_to_the_network_and_say_why(letter: Letter) -> None:
    elsewhere = a_subject(letter, unreachable="https://nytt.tidningen.se/healthz answers 404: correct base_url")

    (finding,) = [one for one in check(elsewhere).holds if one.rule == "base_url"]
    assert finding.message == elsewhere.unreachable
    assert check(elsewhere, ["base_url"]).level is Level.FINE
    assert found(a_subject(letter, unreachable="x", network=False), "base_url") is Level.FINE


@pytest.mark.parametrize("part", [b"text/plain", b"text/html"])
def test_a_part_without_an_unsubscribe_link_holds(letter: Letter, part: bytes) -> None:
    head, kind, rest = letter.mail.partition(b"Content-Type: " + part)
    without = rest.replace(b"\0token:unsubscribe:\0", b"", 1)
    broken = Letter(**{**letter.model_dump(), "mail": head + kind + without})

    assert found(a_subject(broken), "unsubscribe") is Level.HOLD


@pytest.mark.parametrize(("size", "level"), [(90_000, Level.FINE), (90_001, Level.WARN), (100_001, Level.HOLD)])
def test_html_that_gmail_would_cut_warns_and_then_holds(letter: Letter, size: int, level: Level) -> None:
    heavy = Letter(**{**letter.model_dump(), "html": "x" * size})

    assert found(a_subject(heavy), "html_size") is level


def test_nobody_to_mail_holds_and_no_article_warns(letter: Letter) -> None:
    assert found(a_subject(letter, readers=0), "readers") is Level.HOLD
    assert found(a_subject(letter, articles=0), "articles") is Level.WARN


def test_what_deserves_a_look_about_signatures_is_a_warning(letter: Letter) -> None:
    verdict = check(a_subject(letter, dkim=["the DKIM key keys/d1.pem has 1024 bits"]))

    assert verdict.level is Level.WARN
    assert [one.message for one in verdict.findings if one.rule == "dkim"] == ["the DKIM key keys/d1.pem has 1024 bits"]


def test_a_newsletter_that_looks_renamed_holds_until_it_says_what_it_was(letter: Letter) -> None:
    renamed = a_subject(letter, gone=["nyheter"], known=False)

    (finding,) = [one for one in check(renamed).findings if one.rule == "renamed"]
    assert finding.level is Level.HOLD
    assert 'formerly = "nyheter"' in finding.message
    assert found(a_subject(letter, gone=["nyheter"], known=True), "renamed") is Level.FINE


def test_editions_that_were_only_rehearsed_are_named_with_the_way_to_mail_them(letter: Letter) -> None:
    (finding,) = [
        one
        for one in check(a_subject(letter, rehearsed=["senaste-nytt/2025-11-29"])).findings
        if one.rule == "rehearsed"
    ]

    assert finding.level is Level.WARN
    assert "--date 2025-11-29" in finding.message


def test_forcing_a_rule_lifts_it_and_no_other(letter: Letter) -> None:
    subject = a_subject(letter, readers=0, base_url="http://nytt.tidningen.se")

    assert [finding.rule for finding in check(subject, ["readers"]).holds] == ["base_url"]
    assert check(subject, ["readers", "base_url"]).level is Level.FINE
