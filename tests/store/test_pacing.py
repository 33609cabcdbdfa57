"""What a run reads of the ledger to keep its pace."""

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing

import pytest

from digest.models import DeliveryState
from digest.models.columns import milliseconds
from digest.store import Store
from digest.store.pacing import Passed, first_untried, handed_over, has_sent, was_refused
from tests.store.builders import NOON

SECOND, HOUR, DAY = dt.timedelta(seconds=1), dt.timedelta(hours=1), dt.timedelta(days=1)
SENT, PENDING = DeliveryState.SENT, DeliveryState.PENDING


@pytest.fixture
def store(store: Store) -> Store:
    """A store with two editions and no delivery."""
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(
            "INSERT INTO newsletter (id, name, first_name, created_at) VALUES (1, 'n', 'n', '2025-11-30 12:00:00')"
        )
    an_edition(store, 1)
    an_edition(store, 2)
    return store


def an_edition(store: Store, number: int, *, finished: dt.datetime | None = None, rehearsal: bool = False) -> None:
    row = {
        "id": number, "newsletter_id": 1, "date": f"2025-11-{number:02}", "number": 1, "state": "sending",
        "reason": "", "decided_at": text(NOON), "frozen_at": text(NOON), "finished_at": finished and text(finished),
        "rehearsal": rehearsal, "list_ids": "[]", "audience": 1, "sender": "", "key": "",
    }  # fmt: skip
    insert(store, "INSERT OR REPLACE INTO edition", row)


def a_delivery(
    store: Store,
    edition: int,
    reader: int,
    *,
    state: DeliveryState = SENT,
    done: dt.datetime | None = None,
    relay: int = 1,
    address: str = "a@example.com",
) -> None:
    at = milliseconds(done) if done else None
    row = {
        "edition_id": edition, "subscriber_id": reader, "letter_id": 1, "state": int(state), "attempt": 1,
        "closed": False, "relay_id": relay, "done_at": at, "next_at": 1 if state is DeliveryState.DEFERRED else None,
    }  # fmt: skip
    person = {"id": reader, "address": address, "name": "", "attributes": "{}", "created_at": text(NOON)}
    insert(store, "INSERT OR REPLACE INTO subscriber", person)
    insert(store, "INSERT INTO delivery", row)


def an_attempt(
    store: Store, edition: int, reader: int, phase: str, code: int | None, *, at: dt.datetime = NOON,
    relay: int | None = 1,
) -> None:  # fmt: skip
    row = {
        "edition_id": edition, "subscriber_id": reader, "n": 1, "at": text(at), "relay_id": relay, "phase": phase,
        "code": code, "text": "",
    }  # fmt: skip
    insert(store, "INSERT INTO attempt", row)


def insert(store: Store, what: str, row: Mapping[str, object]) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        marks = ", ".join("?" * len(row))
        connection.execute(f"{what} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def text(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def counts(passed: Sequence[Passed]) -> list[tuple[int | None, int]]:
    return [(one.relay_id, one.mails) for one in passed]


def test_what_was_mailed_in_a_window_is_counted_over_all_editions(store: Store) -> None:
    a_delivery(store, 1, 1, done=NOON - HOUR)
    a_delivery(store, 1, 2, done=NOON - 23 * HOUR, relay=2)
    a_delivery(store, 2, 1, done=NOON - HOUR)
    a_delivery(store, 2, 2, done=NOON - 25 * HOUR)

    assert counts(handed_over(store, DAY, NOON)) == [(2, 1), (1, 2)]
    assert counts(handed_over(store, 2 * HOUR, NOON)) == [(1, 2)]
    assert handed_over(store, SECOND, NOON) == []


@pytest.mark.parametrize("window", [SECOND, 60 * SECOND, HOUR, DAY])
@pytest.mark.parametrize("part", [0.001, 0.1, 0.2503, 0.77777, 0.9989])
def test_no_mail_is_counted_as_earlier_than_it_went_and_none_much_later(
    store: Store, window: dt.timedelta, part: float
) -> None:
    went = NOON - part * window
    a_delivery(store, 1, 1, done=went)

    (found,) = handed_over(store, window, NOON)

    assert went <= found.at + SECOND / 1000
    assert found.at <= went + window / 1000 + SECOND / 1000


@pytest.mark.parametrize("state", list(DeliveryState))
def test_what_a_relay_has_answered_for_good_counts(store: Store, state: DeliveryState) -> None:
    a_delivery(store, 1, 1, state=state, done=NOON - SECOND)

    assert bool(handed_over(store, HOUR, NOON)) is (state in (DeliveryState.SENT, DeliveryState.FAILED))


def test_a_mail_whose_answer_was_lost_after_the_dot_counts_beside_the_one_that_was_sent_in_its_place(
    store: Store,
) -> None:
    a_delivery(store, 1, 1, done=NOON - SECOND)
    an_attempt(store, 1, 1, "dot", None, at=NOON - SECOND, relay=None)
    a_delivery(store, 1, 2, state=DeliveryState.IN_DOUBT, done=NOON - SECOND)
    an_attempt(store, 1, 2, "dot", None, at=NOON - SECOND)
    an_attempt(store, 1, 3, "dot", None, at=NOON - 2 * HOUR)
    an_attempt(store, 1, 4, "rcpt", 451, at=NOON - SECOND)

    assert dict(counts(handed_over(store, HOUR, NOON))) == {1: 2, None: 1}


def test_rehearsals_do_not_count(store: Store) -> None:
    an_edition(store, 2, rehearsal=True)
    a_delivery(store, 2, 1, done=NOON - SECOND)

    assert handed_over(store, HOUR, NOON) == []


def test_an_edition_that_was_finished_within_the_window_counts(store: Store) -> None:
    an_edition(store, 2, finished=NOON - SECOND)
    a_delivery(store, 2, 1, done=NOON - 2 * SECOND)

    assert counts(handed_over(store, HOUR, NOON)) == [(1, 1)]


def test_the_first_reader_who_was_not_tried_is_found_passing_over_domains(store: Store) -> None:
    a_delivery(store, 1, 1, done=NOON)
    a_delivery(store, 1, 2, state=PENDING, address="bo@Slow.example")
    a_delivery(store, 1, 3, state=PENDING, address="eva@notslow.example")

    assert first_untried(store, 1, 0, ()) == 2
    assert first_untried(store, 1, 0, {"slow.example"}) == 3
    assert first_untried(store, 1, 0, {"slow.example", "notslow.example"}) is None
    assert first_untried(store, 1, 2, ()) == 3
    assert first_untried(store, 2, 0, ()) is None


def test_whether_anybody_was_sent(store: Store) -> None:
    a_delivery(store, 1, 1, done=NOON)
    a_delivery(store, 2, 1, state=DeliveryState.DEFERRED)

    assert (has_sent(store, 1), has_sent(store, 2)) == (True, False)


@pytest.mark.parametrize(
    ("phase", "code", "is_so"),
    [("content", 451, True), ("data", 554, True), ("rcpt", 550, True), ("rcpt", 451, False), ("mail", 552, True)],
)
def test_whether_the_mail_itself_was_refused(store: Store, phase: str, code: int, *, is_so: bool) -> None:
    assert not was_refused(store, 1)
    for n in (1, 2, 3):
        a_delivery(store, 1, n, state=DeliveryState.DEFERRED)
        an_attempt(store, 1, n, *(("rcpt", 451) if n == 1 else (phase, code)))

    assert was_refused(store, 1) is is_so
    assert not was_refused(store, 2)
