import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from digest.models import DeliveryState, Edition, EditionState, Letter, PlacementRole, PlacementState
from digest.store import Store, articles, deliveries, editions, ledger, names, revision, standing, steering
from digest.store.ledger import DOUBT, Claim, Mark
from digest.store.revision import Revision
from digest.store.steering import SLICE
from digest.store.tables import SUBSCRIBER
from tests.store.books import Ledger
from tests.store.builders import (
    LATER,
    NOON,
    a_deed,
    a_frozen_edition,
    a_letter,
    a_newsletter_number,
    a_plan,
    do,
    enrol,
    in_languages,
    number_of,
    query,
    some_articles,
)
from tests.store.test_ledger import ANNA, BO, CY, an_entry, attempt, claim, claim_due, counted, states

PENDING, SENDING, SENT, DEFERRED, FAILED, IN_DOUBT, WITHDRAWN, SKIPPED, CANCELLED, EXPIRED = DeliveryState
FROZEN, PAUSED, RUNNING = EditionState.FROZEN, EditionState.PAUSED, EditionState.SENDING
AGAIN = (EditionState.SENDING, EditionState.SENT)
DAY = dt.timedelta(days=1)


@pytest.fixture
def edition(store: Store) -> Edition:
    """An edition for three readers, numbered 1 to 3."""
    return a_frozen_edition(store, ANNA, BO, CY)


@pytest.fixture
def book(store: Store, edition: Edition) -> Ledger:
    return Ledger(store, edition, names.relay_number(store, "mail.example.com"))


@pytest.fixture(autouse=True)
def adding_up(store: Store) -> Iterator[None]:
    """Whatever was done to an edition, its counts add up to its audience."""
    yield
    for one in editions.listing(store):
        assert sum(standing.counts(store, one.edition.id or 0).values()) == one.edition.audience


def state(store: Store, number: int = 1) -> EditionState:
    return steering.state_of(store, number)


def turn(store: Store, to: EditionState, *expected: EditionState) -> bool:
    return steering.turn(store, 1, expected or [state(store)], to, a_deed())


def verbs(store: Store) -> list[str]:
    return [one.verb for one in steering.history(store, 1)]


def all_sent(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, SENT)
    steering.begin_sending(store, 1, NOON)
    steering.finish(store, editions.get(store, 1), NOON)


def test_a_turn_is_written_with_its_history(store: Store, edition: Edition) -> None:
    assert steering.turn(store, 1, [FROZEN], PAUSED, a_deed(LATER))

    (line,) = steering.history(store, 1)
    assert (line.verb, line.by, line.at, line.detail) == ("paused", "anna", LATER, "")
    paused = editions.get(store, 1)
    assert (paused.state, paused.decided_at) == (PAUSED, LATER)


def test_a_turn_from_a_state_that_has_changed_meanwhile_writes_nothing(store: Store, edition: Edition) -> None:
    steering.begin_sending(store, 1, NOON)

    assert not steering.turn(store, 1, [FROZEN], PAUSED, a_deed(LATER))

    assert (state(store), verbs(store)) == (RUNNING, [])


@pytest.mark.parametrize("stopped", [PAUSED, EditionState.CANCELLED])
def test_a_send_does_not_begin_with_what_was_stopped_before(
    store: Store, edition: Edition, stopped: EditionState
) -> None:
    turn(store, stopped)

    assert not steering.begin_sending(store, 1, NOON)
    assert state(store) is stopped


def test_an_edition_with_nothing_open_is_done_and_one_that_is_paused_stays_so(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, SENT)
    turn(store, PAUSED)
    steering.finish(store, editions.get(store, 1), LATER)
    assert state(store) is PAUSED

    turn(store, RUNNING)
    steering.finish(store, editions.get(store, 1), LATER)
    done = editions.get(store, 1)
    assert (done.state, done.finished_at) == (EditionState.SENT, LATER)


def test_an_edition_with_something_open_is_not_done(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    attempt(book, first, SENT)
    steering.begin_sending(store, 1, NOON)
    steering.finish(store, editions.get(store, 1), LATER)

    assert state(store) is RUNNING


def test_a_claim_that_was_not_tried_has_begun_nothing(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    assert not steering.has_begun(store, 1)

    book.mark_sending(first, NOON).result()
    assert steering.has_begun(store, 1)
    ledger.take_over(store, editions.get(store, 1), NOON)
    assert steering.has_begun(store, 1)


def test_what_was_offered_and_lost_before_the_dot_has_begun(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    attempt(book, first, PENDING)

    assert steering.has_begun(store, 1)


def test_who_left_before_anything_went_out_has_begun_nothing(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    do(store, lambda c: c.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.id == 1).values(hash=None)))
    book.mark_sending(first, NOON).result()

    assert states(store) == [WITHDRAWN, PENDING, PENDING]
    assert not steering.has_begun(store, 1)


def cancel(store: Store, at: dt.datetime = LATER) -> int:
    if state(store) is not EditionState.CANCELLED:
        turn(store, EditionState.CANCELLED)
    return steering.cancel_open(store, 1, at)


def test_cancelling_takes_what_is_pending_and_put_off_and_leaves_what_is_done(store: Store, book: Ledger) -> None:
    enrol(store, "dan@example.com")
    anna, bo, _ = claim(store)
    attempt(book, anna, SENT)
    attempt(book, bo, DEFERRED)

    assert cancel(store) == 2

    assert states(store) == [SENT, CANCELLED, CANCELLED]
    rows = query(store.path, "SELECT lease, next_at FROM delivery WHERE state = 9")
    assert rows == [(None, None)] * 2
    ended = editions.get(store, 1)
    assert (ended.state, ended.finished_at) == (EditionState.CANCELLED, LATER)
    assert standing.open_count(store, 1) == 0


def test_cancelling_goes_by_slices_and_none_is_left_between_them(store: Store) -> None:
    most = 2 * SLICE + 3
    enrol(store, *(f"{n}@example.com" for n in range(most)))
    a_frozen_edition(store)

    assert cancel(store) == most
    assert counted(store) == {"cancelled": most}


def test_cancelling_killed_on_its_way_is_completed_by_the_next(store: Store) -> None:
    most = SLICE + 3
    enrol(store, *(f"{n}@example.com" for n in range(most)))
    a_frozen_edition(store)
    turn(store, EditionState.CANCELLED)
    do(store, lambda c: steering._cancel_slice(c, 1, 0, NOON))
    assert counted(store) == {"cancelled": SLICE, "pending": 3}

    assert (cancel(store), cancel(store, LATER + DAY)) == (3, 0)

    assert counted(store) == {"cancelled": most}
    assert editions.get(store, 1).finished_at == LATER, "when it was done, not when somebody asked again"


def test_cancelling_closes_a_doubt_and_keeps_it_one(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, IN_DOUBT)
    # One waits, one is claimed for its second try, and one's second try was put off.
    second, third = claim_due(store)[:2]
    attempt(book, third, DEFERRED)
    assert (second.doubts, states(store).count(IN_DOUBT)) == (1, 0)
    ledger.end_lease(store, 1, 2, NOON)

    assert cancel(store) == 0

    assert states(store) == [IN_DOUBT] * 3
    assert all(one.closed for one in deliveries.doubts(store, 1, interrupted=False))
    assert standing.open_count(store, 1) == 0


def test_a_claim_of_a_send_that_runs_is_fenced_by_cancelling(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    cancel(store)

    assert book.mark_sending(first, NOON).result() is Mark.FENCED
    assert states(store) == [CANCELLED] * 3


def test_what_is_going_out_while_it_is_cancelled_is_left_to_its_send(store: Store, book: Ledger) -> None:
    first, second, _ = claim(store)
    for one in (first, second):
        book.mark_sending(one, NOON).result()
    assert cancel(store) == 1
    assert states(store) == [SENDING, SENDING, CANCELLED]

    book.record(first, an_entry(SENT)).result()
    book.record(second, an_entry(DEFERRED)).result()
    steering.finish(store, editions.get(store, 1), LATER)

    assert states(store) == [SENT, CANCELLED, CANCELLED]
    assert state(store) is EditionState.CANCELLED


def test_articles_given_back_wait_again_and_that_is_noted_once(store: Store, edition: Edition) -> None:
    cancel(store)

    assert steering.unbind(store, 1, a_deed(LATER, "unbound")) == 1
    assert steering.unbind(store, 1, a_deed(LATER, "unbound")) == 0

    (line,) = [one for one in steering.history(store, 1) if one.verb == "unbound"]
    assert line.detail == "articles: 1"
    assert [place.state for _, place in articles.candidates(store, a_newsletter_number(store))] == [
        PlacementState.WAITING
    ]


def try_again(store: Store, *which: DeliveryState, code: str | None = None, at: dt.datetime = NOON) -> int | None:
    return steering.try_again(store, 1, AGAIN, which or (DEFERRED,), code, at + DAY, a_deed(at, "retried"))


def test_what_was_put_off_is_due_at_once(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, DEFERRED)
    steering.begin_sending(store, 1, NOON)
    assert claim_due(store) == []

    assert try_again(store) == 3

    assert len(claim_due(store)) == 3
    assert verbs(store) == ["retried"]
    assert editions.get(store, 1).give_up_at == NOON + DAY


def test_who_was_refused_is_tried_again_only_when_asked_for_and_by_the_code(store: Store, book: Ledger) -> None:
    anna, bo, cy = claim(store)
    attempt(book, anna, FAILED)
    attempt(book, bo, FAILED, code=553, enhanced="5.1.3")
    attempt(book, cy, SENT)
    all_sent(store, book)
    assert state(store) is EditionState.SENT

    assert try_again(store) == 0
    assert (state(store), verbs(store)) == (EditionState.SENT, [])
    assert try_again(store, FAILED, code="5.1.9") == 0
    assert try_again(store, FAILED, code="5.1.3") == 1
    assert states(store) == [FAILED, DEFERRED, SENT]
    assert try_again(store, FAILED, code="550") == 1
    assert states(store) == [DEFERRED, DEFERRED, SENT]
    again = editions.get(store, 1)
    assert (again.state, again.finished_at) == (RUNNING, None)


def test_a_later_end_of_trying_is_never_brought_forward(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, DEFERRED)
    steering.begin_sending(store, 1, NOON)
    try_again(store, at=NOON - 5 * DAY)

    assert editions.get(store, 1).give_up_at == LATER


def test_nothing_is_tried_again_in_an_edition_that_was_cancelled_meanwhile(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, FAILED)
    turn(store, EditionState.CANCELLED)

    assert try_again(store, FAILED) is None
    assert states(store) == [FAILED] * 3


def claim_again(store: Store, reader: int, letter: int = 1) -> Claim:
    lease = ledger.take_lease(store, NOON)
    return steering.claim_again(store, 1, reader, letter, lease, LATER + DAY, a_deed(NOON, "resent"))


def test_a_reader_who_has_had_it_keeps_their_letter_and_gets_a_new_attempt(store: Store, book: Ledger) -> None:
    all_sent(store, book)

    again = claim_again(store, 2, letter=99)

    assert (again.subscriber_id, again.attempt, again.letter_id, again.address) == (2, 2, 1, BO)
    assert states(store) == [SENT, PENDING, SENT]
    assert (state(store), editions.get(store, 1).audience) == (RUNNING, 3)
    attempt(book, again, SENT)
    steering.finish(store, editions.get(store, 1), LATER)
    assert (state(store), verbs(store)) == (EditionState.SENT, ["resent"])


def test_a_reader_who_joined_later_makes_the_audience_one_more(store: Store, book: Ledger) -> None:
    all_sent(store, book)
    enrol(store, "dan@example.com")

    again = claim_again(store, number_of(store, "dan@example.com"))

    assert (again.attempt, again.address) == (1, "dan@example.com")
    assert editions.get(store, 1).audience == 4
    assert counted(store) == {"sent": 3, "pending": 1}


def test_another_copy_in_a_paused_edition_does_not_let_it_go_on(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    attempt(book, first, SENT)
    turn(store, PAUSED)

    claim_again(store, 1)

    assert state(store) is PAUSED


def test_a_closed_doubt_may_be_sent_once_more(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, IN_DOUBT, closed=True, next_at=None)

    again = claim_again(store, 1)

    assert again.doubts == 1
    assert [one.subscriber_id for one in deliveries.doubts(store, 1, interrupted=False)] == [2, 3]


def a_revision(store: Store, *letters: Letter, **values: Any) -> Revision:
    printed = articles.printed_in(store, 1)
    defaults = {
        "edition_id": 1, "version": 2, "letters": letters or (a_letter(),),
        "seen": {article.id: article.changed_at for article, _ in printed}, "roles": {}, "dkim": [],
    }  # fmt: skip
    return Revision(**{**defaults, **values})


def revise(store: Store, *letters: Letter, **values: Any) -> int | None:
    return revision.revise(store, a_revision(store, *letters, **values), a_deed(LATER, "revised"))


def letter_of(store: Store) -> list[int]:
    return [number for (number,) in query(store.path, "SELECT letter_id FROM delivery ORDER BY subscriber_id")]


def test_a_revised_letter_is_for_who_has_had_none(store: Store, book: Ledger) -> None:
    anna, bo, _ = claim(store)
    attempt(book, anna, SENT)
    attempt(book, bo, DEFERRED)
    ledger.end_lease(store, 1, 1, NOON)
    turn(store, PAUSED)

    assert revision.to_revise(store, 1) == 2
    assert revise(store) == 2

    assert letter_of(store) == [1, 2, 2]
    assert [(one.version, one.made_at) for one in editions.letters(store, 1)] == [(1, NOON), (2, LATER)]
    assert deliveries.readers_of_letters(store, 1) == {1: 1, 2: 2}
    assert editions.revised(store, a_newsletter_number(store)) == [1]
    assert verbs(store)[-1] == "revised"


def test_mail_in_doubt_keeps_its_letter_also_while_its_second_try_waits(store: Store, book: Ledger) -> None:
    anna, bo, cy = claim(store)
    attempt(book, anna, IN_DOUBT)
    attempt(book, bo, IN_DOUBT)
    (again,) = [one for one in claim_due(store) if one.subscriber_id == bo.subscriber_id]
    attempt(book, again, DEFERRED)
    attempt(book, cy, DEFERRED)
    turn(store, PAUSED)

    assert (revise(store), letter_of(store)) == (1, [1, 1, 2])


def test_a_second_revision_replaces_the_first_for_who_waits(store: Store, book: Ledger) -> None:
    anna, *_ = claim(store)
    turn(store, PAUSED)
    revise(store)
    attempt(book, anna, SENT)

    assert revise(store, version=3) == 2
    assert letter_of(store) == [2, 3, 3]


def test_each_language_gets_its_own_revised_letter(store: Store) -> None:
    enrol(store, ANNA, BO)
    do(store, lambda c: c.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.id == 2).values(language="en")))
    some_articles(store, "a")
    editions.freeze(store, a_plan(store, **in_languages("sv", "en")))
    turn(store, PAUSED)

    assert revise(store, a_letter("sv"), a_letter("en")) == 2
    assert letter_of(store) == [3, 4]


@pytest.mark.parametrize("now", [RUNNING, FROZEN, EditionState.CANCELLED])
def test_nothing_is_revised_in_what_is_not_paused_any_more(store: Store, edition: Edition, now: EditionState) -> None:
    turn(store, now)

    assert revise(store) is None
    assert len(editions.letters(store, 1)) == 1


def test_nothing_is_revised_from_an_article_that_has_changed_since_it_was_rendered(
    store: Store, edition: Edition
) -> None:
    turn(store, PAUSED)
    plan = a_revision(store)
    articles.edit(store, 1, {"title": "Rättad"}, LATER)

    assert revision.revise(store, plan, a_deed()) is None
    assert len(editions.letters(store, 1)) == 1


def test_nothing_is_written_where_nobody_waits_for_a_letter(store: Store, book: Ledger) -> None:
    for one in claim(store):
        attempt(book, one, SENT)
    turn(store, PAUSED)
    before = verbs(store)

    assert (revision.to_revise(store, 1), revise(store)) == (0, 0)
    assert len(editions.letters(store, 1)) == 1
    assert verbs(store) == before


def test_a_revision_says_how_each_article_is_printed_now(store: Store, edition: Edition) -> None:
    turn(store, PAUSED)
    revise(store, roles={1: PlacementRole.LEAD})

    assert [place.role for _, place in articles.printed_in(store, 1)] == [PlacementRole.LEAD]


def test_mail_that_a_rehearsal_was_writing_when_it_died_is_no_doubt(store: Store) -> None:
    enrol(store, ANNA, BO)
    some_articles(store, "a")
    edition = editions.freeze(store, a_plan(store, rehearsal=True))
    assert edition is not None
    book = Ledger(store, edition, names.relay_number(store, "outbox"))
    first, *_ = claim(store)
    book.mark_sending(first, NOON).result()

    assert deliveries.doubts(store, None, interrupted=True) == []


def test_mail_that_a_process_was_sending_when_it_died_is_a_doubt_before_anybody_settles_it(
    store: Store, book: Ledger
) -> None:
    first, *_ = claim(store)
    book.mark_sending(first, NOON).result()

    (doubt,) = deliveries.doubts(store, None, interrupted=True)

    assert (doubt.edition_id, doubt.address, doubt.relay, doubt.since, doubt.closed) == (
        1, ANNA, "mail.example.com", NOON, False,
    )  # fmt: skip
    assert deliveries.doubts(store, None, interrupted=False) == []
    assert states(store)[0] is SENDING, "looking settles nothing"


def test_doubts_of_one_edition_are_not_those_of_another(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    attempt(book, first, IN_DOUBT)

    assert len(deliveries.doubts(store, 1, interrupted=False)) == 1
    assert deliveries.doubts(store, 2, interrupted=False) == []


def test_an_attempt_row_stays_when_a_doubt_is_cancelled(store: Store, book: Ledger) -> None:
    first, *_ = claim(store)
    attempt(book, first, IN_DOUBT)
    cancel(store)

    assert query(store.path, "SELECT subscriber_id, phase FROM attempt") == [(1, DOUBT)]
