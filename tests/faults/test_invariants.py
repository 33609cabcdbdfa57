"""The judge of the suite is judged: a check that cannot fail proves nothing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from digest.demo.smtpd import Received
from tests.commands import Ended
from tests.faults.invariants import COUNTED, Evidence, Kill, Row, Tally, invariants

ANNA, BO, LIAM = READERS = ("anna@example.com", "bo@example.com", "liam@example.com")


def a_mail(who: str, words: bytes = b"") -> Received:
    return Received("nytt@example.com", who, f"Message-ID: <{who}>\r\n\r\nNytt\r\n".encode() + words)


def a_report(ledger: dict[str, Row], code: int = 0, **values: Any) -> Ended:
    counts = {state: sum(row.state == state for row in ledger.values()) for state in COUNTED}
    report = {"state": "sent", "audience": len(ledger), **counts, "now": {"sent": 0}, **values}
    return Ended(code, json.dumps(report), "")


def evidence(*mails: Received, ledger: dict[str, Row] | None = None, **values: Any) -> Evidence:
    """Return what there is to judge by when all went well, but for what is given."""
    rows = {who: Row("sent") for who in READERS} | (ledger or {})
    taken: Sequence[Received] = mails or [a_mail(who) for who in READERS]
    return Evidence(frozenset(READERS), rows, taken, **{"last": a_report(rows), "again": a_report(rows), **values})


def test_nothing_is_found_where_all_went_well() -> None:
    assert invariants(evidence()) == []


def test_a_double_that_was_named_is_no_fault() -> None:
    found = evidence(*map(a_mail, [*READERS, BO]), kills=[Kill(1, frozenset([BO]))])

    assert invariants(found) == []
    assert (found.doubled, found.lost) == ({BO}, set())


def test_who_is_closed_in_doubt_and_was_named_is_not_lost() -> None:
    rows = {BO: Row("in_doubt", closed=True)}
    found = evidence(a_mail(ANNA), a_mail(LIAM), ledger=rows, kills=[Kill(1, frozenset([BO]))])

    assert invariants(found) == []


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ("I1: lost", evidence(a_mail(ANNA), a_mail(LIAM))),
        ("I1: lost", evidence(a_mail(ANNA), a_mail(LIAM), ledger={BO: Row("in_doubt", closed=True)})),
        ("I1: mailed and no reader", evidence(*map(a_mail, [*READERS, "eva@example.com"]))),
        ("I2: doubled and never named", evidence(*map(a_mail, [*READERS, BO]))),
        ("I2: doubled and never", evidence(*map(a_mail, [*READERS, BO]), kills=[Kill(1, frozenset([ANNA]))])),
        ("I2: three", evidence(*map(a_mail, [*READERS, BO, BO]), kills=[Kill(1, frozenset([BO]))])),
        ("I3", evidence(kills=[Kill(1, frozenset([BO, ANNA]))])),
        ("I4: copies differ", evidence(*map(a_mail, READERS), a_mail(BO, b"x"), kills=[Kill(1, frozenset([BO]))])),
        ("I4: letters", evidence(a_mail(ANNA), a_mail(BO), replace(a_mail(BO), recipient=LIAM))),
        ("I5", evidence(ledger={BO: Row("pending")})),
        ("I5", evidence(ledger={BO: Row("sending")})),
        ("I5", evidence(ledger={BO: Row("in_doubt")})),
        ("I6", evidence(gone=frozenset([BO]))),
        ("I7: the report says 0 failed", evidence(last=a_report({who: Row("sent") for who in READERS}, failed=0),
                                                  ledger={BO: Row("failed")})),
        ("I7: exit 3", evidence(last=a_report({who: Row("sent") for who in READERS}, code=3))),
        ("I7: the ledger says sent", evidence(a_mail(ANNA), a_mail(LIAM))),
        ("I7: the relay has it", evidence(ledger={BO: Row("failed")})),
        ("I8", evidence(again=a_report({}, now={"sent": 1}))),
        ("I8", evidence(again=a_report({}, code=3))),
    ],
)  # fmt: skip
def test_a_fault_is_found(which: str, found: Evidence) -> None:
    assert any(words.startswith(which) for words in invariants(found)), invariants(found)


def test_a_reader_without_a_row_is_found() -> None:
    found = evidence(a_mail(ANNA), a_mail(LIAM))
    rows = {who: row for who, row in found.ledger.items() if who != BO}

    assert "I1: not in the ledger: bo@example.com" in invariants(replace(found, ledger=rows, last=a_report(rows)))


def test_many_rounds_add_up() -> None:
    tally = Tally()
    tally.add("first", evidence(*map(a_mail, [*READERS, BO]), kills=[Kill(1, frozenset([BO]))]))
    tally.add("second", evidence(a_mail(ANNA), a_mail(LIAM), a_mail(LIAM), kills=[Kill(1)]))

    assert (tally.rounds, tally.kills, tally.readers) == (2, 2, 6)
    assert (tally.lost, tally.doubles, tally.doubts, tally.unnamed) == (1, 2, 1, 1)
    assert all(words.startswith("second: ") for words in tally.broken)
