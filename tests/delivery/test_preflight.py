"""Preflight: what holds a send, what deserves a look, and what it never cries wolf about."""

import dataclasses
import re

import pytest

from digest.delivery.preflight import RULES, Finding, Level, check, gist
from digest.models import Letter
from digest.thresholds import BOUNDS, RULE_NAMES, Thresholds
from tests.builders import a_newsletter, the_seed
from tests.checkout import ROOT
from tests.examining import a_subject, found, messages, the_letter


@pytest.fixture(scope="module")
def letter() -> Letter:
    return the_letter()


def test_an_ordinary_day_passes_every_rule(letter: Letter) -> None:
    verdict = check(a_subject(letter, layout=the_seed()))

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


def test_every_rule_has_a_weight_in_digest_toml_and_a_row_in_the_docs() -> None:
    docs = (ROOT / "docs" / "preflight.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", docs, re.MULTILINE)

    assert set(RULE_NAMES) == set(RULES)
    assert {*BOUNDS, "weights", "given"} == {field.name for field in dataclasses.fields(Thresholds)}
    assert set(rows) == {*RULES, *BOUNDS}
    assert len(rows) == len(set(rows))
    for name in BOUNDS:
        assert f"| `{name}` | `{getattr(Thresholds(), name):g}` |" in docs


@pytest.mark.parametrize(("weight", "level"), [("warn", Level.WARN), ("hold", Level.HOLD)])
def test_digest_toml_says_whether_a_rule_warns_or_holds(letter: Letter, weight: str, level: Level) -> None:
    newsletter = a_newsletter(postal_address="", from_="nytt@tidningen.se", preflight={"postal_address": weight})

    assert found(a_subject(letter, newsletter=newsletter), "postal_address") is level
    assert found(a_subject(letter, newsletter=newsletter, network=False), "postal_address") is level
    assert check(a_subject(letter)).level is Level.FINE  # no rule holds that has nothing to say


@pytest.mark.parametrize(("network", "level"), [(True, Level.HOLD), (False, Level.WARN)])
def test_what_providers_ask_never_holds_a_rehearsal(letter: Letter, network: bool, level: Level) -> None:
    newsletter = a_newsletter(from_="nytt@tidningen.se", preflight={"dkim": "hold"})
    subject = a_subject(letter, newsletter=newsletter, network=network, dkim=["a key of 1024 bits"])

    assert found(subject, "dkim") is level


def test_a_rule_that_is_off_says_nothing_and_is_named(letter: Letter) -> None:
    newsletter = a_newsletter(postal_address="", from_="nytt@tidningen.se", preflight={"postal_address": "off"})
    verdict = check(a_subject(letter, newsletter=newsletter))

    assert (verdict.level, verdict.off) == (Level.FINE, ("postal_address",))
    assert "postal_address" not in {finding.rule for finding in verdict.findings}


def test_what_is_the_same_in_a_hundred_letters_is_said_once(letter: Letter) -> None:
    heavy = Letter(**{**letter.model_dump(), "html": "x" * 95_000})

    assert len(messages(a_subject(letter, letters=[heavy] * 100), "html_size")) == 1


def test_a_person_reads_what_holds_first_and_a_few_findings_of_a_rule() -> None:
    warns = [Finding("repeated", Level.WARN, f"no {n}") for n in range(9)]
    said = list(gist([Finding("late", Level.FINE, ""), *warns, Finding("readers", Level.HOLD, "nobody")]))

    assert [finding.rule for finding in said] == ["readers", *["repeated"] * 4]
    assert said[-1].message == "and 6 more; digest check --json names them"
    assert len(list(gist(warns[:4]))) == 4
