import datetime as dt
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest
from sqlalchemy import Engine, event

from digest.models import DeliveryState, Edition, SubscriptionState, SuppressionReason
from digest.store import Store, deliveries, editions, ledger, names, standing
from digest.store.ledger import DOUBT, INTERRUPTED, Claim, Entry, Mark
from tests.store.books import Ledger
from tests.store.builders import (
    LATER,
    NOON,
    a_frozen_edition,
    a_newsletter_number,
    a_plan,
    enrol,
    erase,
    query,
    some_articles,
    stop,
    suppress,
)

PENDING, SENDING, SENT, DEFERRED, FAILED, IN_DOUBT, WITHDRAWN, *_ = DeliveryState
ANNA, BO, CY = "anna@example.com", "bo@example.com", "cy@example.com"
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def edition(store: Store) -> Edition:
    """An edition for three readers, numbered 1 to 3."""
    return a_frozen_edition(store, ANNA, BO, CY)


@pytest.fixture
def book(store: Store, edition: Edition) -> Ledger:
    return Ledger(store, edition, names.relay_number(store, "mail.example.com"))


def claim(store: Store, *, after: int = 0, limit: int = 10, lease: int | None = None) -> list[Claim]:
    return ledger.claim(store, 1, lease or ledger.take_lease(store, NOON), after, limit)


def claim_due(store: Store, now: dt.datetime = NOON, limit: int = 10) -> list[Claim]:
    return ledger.claim_due(store, 1, ledger.take_lease(store, now), now, limit)


def take_over(store: Store) -> int:
    return ledger.take_over(store, editions.get(store, 1), NOON)


def attempt(book: Ledger, claim: Claim, state: DeliveryState, **values: object) -> None:
    """Try a claimed delivery and record what came of it."""
    assert book.mark_sending(claim, NOON).result() is Mark.GO
    book.record(claim, an_entry(state, **values)).result()


def an_entry(state: DeliveryState, **values: Any) -> Entry:
    defaults: dict[DeliveryState, dict[str, Any]] = {
        SENT: {"code": 250},
        DEFERRED: {"code": 451, "enhanced": "4.7.1", "phase": "rcpt", "words": "try later", "next_at": LATER},
        FAILED: {"code": 550, "enhanced": "5.1.1", "phase": "rcpt", "words": "no such user"},
        IN_DOUBT: {"phase": DOUBT, "words": "connection lost", "next_at": NOON},
        PENDING: {"phase": "content", "words": "connection lost"},
    }
    return Entry(**{"state": state, "at": NOON, "relay_id": 1, **defaults.get(state, {}), **values})


def rows(store: Store) -> list[tuple[int, DeliveryState, int, int | None]]:
    wanted = "SELECT subscriber_id, state, attempt, lease FROM delivery"
    return [(reader, DeliveryState(state), n, lease) for reader, state, n, lease in query(store.path, wanted)]


def states(store: Store) -> list[DeliveryState]:
    return [state for _, state, _, _ in rows(store)]


def counted(store: Store) -> dict[str, int]:
    return {state.word: count for state, count in standing.counts(store, 1).items() if count}


def test_claims_come_in_the_readers_order_each_once(store: Store, edition: Edition) -> None:
    lease = ledger.take_lease(store, NOON)

    first, second = claim(store, limit=2, lease=lease), claim(store, after=2, limit=2)

    assert first == [Claim(1, 1, 1, 1, ANNA, "", 0, 0), Claim(1, 2, 1, 1, BO, "", 0, 0)]
    assert [one.subscriber_id for one in second] == [3]
    assert claim(store) == []
    assert rows(store) == [(1, PENDING, 1, lease), (2, PENDING, 1, lease), (3, PENDING, 1, lease + 1)]


def test_claim_keeps_to_its_edition_and_to_readers_after_a_number(store: Store, edition: Edition) -> None:
    assert ledger.claim(store, 2, 1, 0, 10) == []
    assert [one.subscriber_id for one in claim(store, after=1, limit=1)] == [2]


def test_lease_says_which_process_has_it_and_until_when(store: Store) -> None:
    lease = ledger.take_lease(store, NOON)

    ((number, host, process, length),) = query(
        store.path, "SELECT id, host, process, unixepoch(until) - unixepoch(started_at) FROM lease"
    )
    assert number == lease
    assert host
    assert process > 0
    assert length == 15 * 60


def test_given_back_is_what_was_claimed_and_not_tried(store: Store, book: Ledger) -> None:
    lease = ledger.take_lease(store, NOON)
    sent, sending, _ = claim(store, lease=lease)
    attempt(book, sent, SENT)
    book.mark_sending(sending, NOON).result()

    ledger.end_lease(store, 1, lease, LATER)

    assert rows(store) == [(1, SENT, 1, None), (2, SENDING, 1, lease), (3, PENDING, 1, None)]
    assert query(store.path, "SELECT ended_at IS NOT NULL FROM lease") == [(1,)]
    assert [(one.subscriber_id, one.attempt) for one in claim(store)] == [(3, 2)]


def test_ending_a_lease_leaves_the_claims_of_others(store: Store, edition: Edition) -> None:
    mine, theirs = ledger.take_lease(store, NOON), ledger.take_lease(store, NOON)
    claim(store, limit=1, lease=mine)
    claim(store, limit=1, lease=theirs)

    ledger.end_lease(store, 1, mine, LATER)

    assert [lease for *_, lease in rows(store)] == [None, theirs, None]


def test_mail_is_marked_before_its_dot_and_recorded_after(store: Store, book: Ledger) -> None:
    anna, *_ = claim(store)

    assert book.mark_sending(anna, NOON).result() is Mark.GO
    assert states(store)[0] is SENDING
    book.record(anna, an_entry(SENT, at=LATER)).result()

    assert query(store.path, "SELECT state, lease, relay_id, code, done_at FROM delivery WHERE subscriber_id = 1") == [
        (3, None, 1, 250, int(LATER.timestamp() * 1000))
    ]
    assert query(store.path, "SELECT * FROM attempt") == [], "a plain 2yz needs no words"


def test_mark_and_record_of_many_are_in_the_order_they_were_asked(store: Store, book: Ledger) -> None:
    claims = claim(store)
    marks = [book.mark_sending(one, NOON) for one in claims]
    records = [book.record(one, an_entry(SENT)) for one in claims]

    assert [mark.result() for mark in marks] == [Mark.GO] * 3
    for record in records:
        record.result()
    assert states(store) == [SENT] * 3


LEAVES: dict[str, Callable[[Store], object]] = {
    "left the list": lambda store: enrol(store, ANNA, state=SubscriptionState.UNSUBSCRIBED),
    "removed": lambda store: enrol(store, ANNA, state=SubscriptionState.REMOVED),
    "left the newsletter": lambda store: stop(store, a_newsletter_number(store), ANNA),
    "suppressed": lambda store: suppress(store, ANNA, SuppressionReason.COMPLAINT),
    "erased": lambda store: erase(store, ANNA),
}


@pytest.mark.parametrize("leaves", LEAVES.values(), ids=LEAVES)
def test_reader_who_leaves_before_the_mark_is_not_mailed(
    store: Store, book: Ledger, leaves: Callable[[Store], object]
) -> None:
    anna, bo, _ = claim(store)
    leaves(store)

    assert book.mark_sending(anna, LATER).result() is Mark.WITHDRAWN
    assert book.mark_sending(bo, LATER).result() is Mark.GO

    assert rows(store)[0] == (1, WITHDRAWN, 1, None)
    assert query(store.path, "SELECT done_at FROM delivery WHERE subscriber_id = 1") == [
        (int(LATER.timestamp() * 1000),)
    ]
    assert book.mark_sending(anna, LATER).result() is Mark.FENCED
    book.record(anna, an_entry(SENT)).result()
    assert states(store)[0] is WITHDRAWN


def test_who_left_before_a_retry_is_not_mailed_again(store: Store, book: Ledger) -> None:
    anna, *_ = claim(store)
    attempt(book, anna, DEFERRED, next_at=NOON)
    enrol(store, ANNA, state=SubscriptionState.UNSUBSCRIBED)
    (again,) = claim_due(store)

    assert book.mark_sending(again, NOON).result() is Mark.WITHDRAWN


def test_attempt_that_was_taken_over_writes_nothing(store: Store, book: Ledger) -> None:
    stale, *_ = claim(store)
    take_over(store)  # as a process does that finds the first one dead
    fresh, *_ = claim(store)
    assert (stale.attempt, fresh.attempt) == (1, 2)

    assert book.mark_sending(stale, NOON).result() is Mark.FENCED
    book.record(stale, an_entry(FAILED)).result()

    assert rows(store)[0][1:3] == (PENDING, 2)
    assert query(store.path, "SELECT * FROM attempt") == []
    attempt(book, fresh, SENT)
    assert states(store)[0] is SENT


def test_stale_record_does_not_undo_what_came_of_a_later_attempt(store: Store, book: Ledger) -> None:
    stale, *_ = claim(store)
    book.mark_sending(stale, NOON).result()
    take_over(store)
    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)
    (again,) = claim_due(store)
    attempt(book, again, SENT)

    book.record(stale, an_entry(FAILED)).result()

    assert rows(store)[0][1:3] == (SENT, 2)


def test_two_who_mark_the_same_attempt_are_told_apart(store: Store, book: Ledger) -> None:
    anna, *_ = claim(store)

    assert [book.mark_sending(anna, NOON).result() for _ in range(2)] == [Mark.GO, Mark.FENCED]


def test_what_a_dead_process_left_is_taken_over(store: Store, edition: Edition) -> None:
    code = f"""\
        import datetime as dt, os, signal
        from pathlib import Path
        from digest.store import deliveries, editions, ledger, open_store
        from tests.store.books import Ledger
        store = open_store(Path({str(store.path)!r}))
        now = dt.datetime.now(dt.UTC)
        claims = ledger.claim(store, 1, ledger.take_lease(store, now), 0, 2)
        Ledger(store, editions.get(store, 1), 1).mark_sending(claims[0], now).result()
        os.kill(os.getpid(), signal.SIGKILL)
        """
    killed = subprocess.run([sys.executable, "-c", dedent(code)], check=False)
    assert killed.returncode == -9
    assert [(state, lease) for _, state, _, lease in rows(store)] == [(SENDING, 1), (PENDING, 1), (PENDING, None)]

    assert take_over(store) == 1

    assert rows(store) == [(1, IN_DOUBT, 1, None), (2, PENDING, 1, None), (3, PENDING, 0, None)]
    (doubt, *_) = deliveries.listing(store, edition_id=1)
    assert (doubt.text, doubt.closed) == (INTERRUPTED, False)
    assert take_over(store) == 0


def test_what_was_left_of_a_rehearsal_is_just_written_again(store: Store) -> None:
    edition = a_frozen_edition(store, ANNA, BO, rehearsal=True)
    anna, _ = claim(store)
    Ledger(store, edition, names.relay_number(store, "outbox")).mark_sending(anna, NOON).result()

    assert take_over(store) == 0

    assert rows(store) == [(1, PENDING, 1, None), (2, PENDING, 1, None)]


def test_taking_over_keeps_to_its_edition(store: Store, book: Ledger) -> None:
    anna, *_ = claim(store)
    book.mark_sending(anna, NOON).result()
    some_articles(store, "b")
    second = editions.freeze(store, a_plan(store, number=2))
    assert second is not None

    assert ledger.take_over(store, second, NOON) == 0

    assert states(store)[0] is SENDING


def a_doubt(store: Store, book: Ledger) -> Claim:
    anna, *_ = claim(store)
    attempt(book, anna, IN_DOUBT, next_at=None)
    return anna


def test_doubt_is_sent_once_more_and_then_closed(store: Store, book: Ledger) -> None:
    a_doubt(store, book)
    assert claim_due(store) == [], "not by itself"

    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)
    (again,) = claim_due(store)
    assert (again.attempt, again.doubts) == (2, 1)
    attempt(book, again, IN_DOUBT, next_at=None)

    ledger.settle_doubts(store, 1, resend=True, close=False, now=LATER)
    assert claim_due(store, LATER) == []
    told = deliveries.listing(store, edition_id=1)[0]
    assert (told.state, told.closed, told.attempts) == (IN_DOUBT, True, 2)


def test_doubt_that_is_kept_stays_open_and_is_not_sent(store: Store, book: Ledger) -> None:
    a_doubt(store, book)
    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)

    ledger.settle_doubts(store, 1, resend=False, close=False, now=NOON)

    assert claim_due(store, LATER) == []
    assert standing.next_due(store, 1) is None
    assert standing.open_count(store, 1) == 3
    assert not deliveries.listing(store, edition_id=1)[0].closed
    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)
    assert len(claim_due(store)) == 1, "a human may still have it sent"


def test_doubt_that_is_skipped_is_closed_unsent(store: Store, book: Ledger) -> None:
    a_doubt(store, book)

    ledger.settle_doubts(store, 1, resend=False, close=True, now=NOON)

    told = deliveries.listing(store, edition_id=1)[0]
    assert (told.state, told.closed) == (IN_DOUBT, True)
    assert standing.open_count(store, 1) == 2
    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)
    assert claim_due(store) == [], "what is closed stays closed"


def test_settling_doubts_keeps_to_its_edition(store: Store, book: Ledger) -> None:
    a_doubt(store, book)

    ledger.settle_doubts(store, 2, resend=False, close=True, now=NOON)

    assert not deliveries.listing(store, edition_id=1)[0].closed


@pytest.mark.parametrize("died", [True, False])
def test_doubt_claimed_and_not_tried_is_a_doubt_still(store: Store, book: Ledger, died: bool) -> None:
    a_doubt(store, book)
    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)
    lease = ledger.take_lease(store, NOON)
    ledger.claim_due(store, 1, lease, NOON, 10)
    if died:
        take_over(store)
    else:
        ledger.end_lease(store, 1, lease, NOON)

    assert states(store)[0] is IN_DOUBT, "it may have gone out: whoever looks must be told"
    ledger.settle_doubts(store, 1, resend=False, close=False, now=NOON)
    assert claim_due(store, LATER) == []


def test_deferred_mail_falls_due_at_its_time_the_earliest_first(store: Store, book: Ledger) -> None:
    for one, minutes in zip(claim(store), (3, 1, 2), strict=True):
        attempt(book, one, DEFERRED, next_at=NOON + minutes * MINUTE)

    assert standing.next_due(store, 1) == NOON + MINUTE
    assert claim_due(store, NOON) == []
    assert [one.subscriber_id for one in claim_due(store, NOON + 2 * MINUTE)] == [2, 3]
    assert standing.next_due(store, 1) == NOON + 3 * MINUTE
    assert [(one.subscriber_id, one.attempt) for one in claim_due(store, LATER, limit=1)] == [(1, 2)]


def test_mail_lost_before_the_dot_is_claimed_again_at_once(store: Store, book: Ledger) -> None:
    anna, *_ = claim(store)
    attempt(book, anna, PENDING)

    (again,) = claim(store)

    assert (again.subscriber_id, again.attempt, again.doubts) == (1, 2, 0)
    assert again.tries == 0, "no relay has put it off"


def test_what_may_be_tried_now_is_pending_or_has_fallen_due(store: Store, book: Ledger) -> None:
    assert standing.due_count(store, 1, NOON) == 3
    anna, bo, _ = claim(store)
    attempt(book, anna, DEFERRED, next_at=LATER)
    attempt(book, bo, IN_DOUBT, next_at=None)

    assert standing.due_count(store, 1, NOON) == 1
    assert standing.due_count(store, 1, LATER) == 2
    ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON)
    assert standing.due_count(store, 1, LATER) == 3
    ledger.settle_doubts(store, 1, resend=False, close=True, now=NOON)
    assert standing.due_count(store, 1, LATER) == 2


def test_index_of_what_waits_is_used(store: Store, book: Ledger) -> None:
    # A partial index: only for a query that says the same words. A million sent deliveries are not looked through.
    where = str(ledger.WAITING)
    plan = query(store.path, f"EXPLAIN QUERY PLAN SELECT min(next_at) FROM delivery WHERE edition_id = 1 AND {where}")

    assert "ix_delivery_waiting" in str(plan)


def test_deferred_mail_is_given_up_and_nothing_else(store: Store, book: Ledger) -> None:
    anna, bo, _ = claim(store)
    attempt(book, anna, DEFERRED)
    attempt(book, bo, IN_DOUBT)

    assert ledger.expire(store, 1, LATER) == 1

    assert counted(store) == {"pending": 1, "in_doubt": 1, "expired": 1}
    assert deliveries.listing(store, edition_id=1)[0].at == LATER


def test_counts_of_every_state_add_up_to_the_audience(store: Store, book: Ledger, edition: Edition) -> None:
    assert set(standing.counts(store, 1)) == set(DeliveryState)
    assert standing.all_counts(store) == {1: standing.counts(store, 1)}
    seen = [counted(store)]
    anna, bo, cy = claim(store)
    attempt(book, anna, SENT)
    attempt(book, bo, FAILED)
    seen.append(counted(store))
    book.mark_sending(cy, NOON).result()
    seen.append(counted(store))

    assert seen == [
        {"pending": 3}, {"sent": 1, "failed": 1, "pending": 1}, {"sent": 1, "failed": 1, "sending": 1},
    ]  # fmt: skip
    assert {sum(one.values()) for one in seen} == {edition.audience}


@pytest.mark.parametrize(
    ("state", "is_open"),
    [(SENT, False), (FAILED, False), (DEFERRED, True), (IN_DOUBT, True), (PENDING, True)],
)
def test_edition_is_done_when_nothing_of_it_is_open(
    store: Store, book: Ledger, state: DeliveryState, is_open: bool
) -> None:
    anna, bo, cy = claim(store)
    attempt(book, bo, SENT)
    attempt(book, cy, SENT)
    assert standing.open_count(store, 1) == 1

    attempt(book, anna, state)

    assert standing.open_count(store, 1) == is_open


def test_deliveries_are_listed_with_the_relay_s_own_words(store: Store, book: Ledger) -> None:
    anna, bo, _ = claim(store)
    attempt(book, anna, FAILED, at=LATER)
    attempt(book, bo, SENT)

    failed, sent, pending = deliveries.listing(store, edition_id=1)

    assert (failed.address, failed.state, failed.attempts, failed.code, failed.enhanced, failed.text) == (
        ANNA, FAILED, 1, 550, "5.1.1", "no such user",
    )  # fmt: skip
    assert (failed.relay, failed.at) == ("mail.example.com", LATER)
    assert (sent.state, sent.attempts, sent.code, sent.text, sent.at) == (SENT, 1, 250, None, NOON)
    assert (pending.state, pending.attempts, pending.relay, pending.at) == (PENDING, 0, None, None), "claimed only"
    assert len(deliveries.listing(store, edition_id=1, limit=2)) == 2


def test_last_words_count_and_a_mail_that_was_taken_in_the_end_has_none(store: Store, book: Ledger) -> None:
    anna, bo, _ = claim(store)
    attempt(book, anna, DEFERRED, next_at=NOON, words="greylisted")
    attempt(book, bo, DEFERRED, next_at=NOON, words="greylisted")
    anna, bo = claim_due(store)
    assert (anna.tries, anna.doubts) == (1, 0)
    attempt(book, anna, SENT)
    attempt(book, bo, DEFERRED, words="still greylisted")

    sent, deferred, _ = deliveries.listing(store, edition_id=1)

    assert (sent.attempts, sent.code, sent.text) == (2, 250, None)
    assert (deferred.attempts, deferred.text) == (2, "still greylisted")
    assert query(store.path, "SELECT subscriber_id, n, text FROM attempt") == [
        (1, 1, "greylisted"), (2, 1, "greylisted"), (2, 2, "still greylisted"),
    ]  # fmt: skip


def test_reader_s_deliveries_are_listed_newest_edition_first(store: Store, edition: Edition) -> None:
    some_articles(store, "b")
    second = editions.freeze(store, a_plan(store, number=2))
    assert second is not None

    told = deliveries.listing(store, subscriber_id=2)

    assert [(one.edition_id, one.address) for one in told] == [(second.id, BO), (edition.id, BO)]
    assert [one.edition_id for one in deliveries.listing(store, subscriber_id=2, limit=1)] == [second.id]
    assert deliveries.listing(store, subscriber_id=99) == []


def test_every_mail_is_sent_once_however_its_run_ends(store: Store, book: Ledger) -> None:
    sent: Counter[int] = Counter()
    for _ in range(5):
        take_over(store)
        lease = ledger.take_lease(store, NOON)
        for one in claim(store, limit=2, lease=lease)[:1]:  # it is stopped with one claim in hand
            attempt(book, one, SENT)
            sent[one.subscriber_id] += 1
        ledger.end_lease(store, 1, lease, NOON)

    assert sent == {1: 1, 2: 1, 3: 1}
    assert standing.open_count(store, 1) == 0


def plans(store: Store, work: Callable[[], object]) -> dict[str, list[str]]:
    """Return how SQLite goes about each statement on deliveries that a work runs."""
    asked: list[tuple[str, Any]] = []

    def listen(_c: object, _cursor: object, sql: str, parameters: Any, _x: object, _many: bool) -> None:
        if "delivery" in sql:
            asked.append((sql, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert asked
    return {sql: [row[3] for row in query(store.path, f"EXPLAIN QUERY PLAN {sql}", *values)] for sql, values in asked}


@pytest.mark.parametrize("left", ["take_over", "settle_doubts", "end_lease", "doubts"])
def test_what_a_process_has_left_is_found_without_a_look_at_every_row(
    store: Store, book: Ledger, edition: Edition, left: str
) -> None:
    book.mark_sending(claim(store)[0], NOON).result()
    works: dict[str, Callable[[], object]] = {
        "take_over": lambda: ledger.take_over(store, edition, NOON),
        "settle_doubts": lambda: ledger.settle_doubts(store, 1, resend=True, close=False, now=NOON),
        "end_lease": lambda: ledger.end_lease(store, 1, 1, NOON),
        "doubts": lambda: deliveries.doubts(store, 1, interrupted=True),
    }

    for sql, plan in plans(store, works[left]).items():
        looks = [step for step in plan if "delivery" in step]
        assert looks, sql
        for step in looks:
            of_one = "PRIMARY KEY (edition_id=? AND subscriber_id=?)"
            assert of_one in step or "INDEX ix_delivery_" in step or "autoindex" in step, (step, sql)


def test_mark_that_comes_after_its_claim_was_given_back_is_fenced(store: Store, book: Ledger) -> None:
    lease = ledger.take_lease(store, NOON)
    anna = claim(store, lease=lease)[0]
    ledger.end_lease(store, 1, lease, NOON)

    assert book.mark_sending(anna, NOON).result() is Mark.FENCED
    assert rows(store)[0] == (1, PENDING, 1, None)
