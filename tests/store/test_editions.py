import datetime as dt
import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert

from digest.errors import StoreError
from digest.models import Article, Attempt, EditionState, Placement, PlacementRole, PlacementState, SubscriptionState
from digest.store import Store, articles, editions, steering
from digest.store.editions import Freezing, Listed
from tests.builders import SUNDAY
from tests.store.builders import (
    LATER,
    NOON,
    a_deed,
    a_frozen_edition,
    a_letter,
    a_list_number,
    a_newsletter_number,
    a_person,
    a_plan,
    do,
    enrol,
    erase,
    in_languages,
    number_of,
    query,
    some_articles,
    stop,
    suppress,
)

TABLES = ("edition", "letter", "delivery", "placement")
SATURDAY = SUNDAY - dt.timedelta(days=1)


def contents(store: Store) -> dict[str, list[object]]:
    return {table: query(store.path, f"SELECT * FROM {table}") for table in TABLES}


def placements(store: Store) -> list[tuple[str, str, int | None, str | None]]:
    wanted = "SELECT title, state, edition_id, role FROM placement JOIN article ON article.id = article_id ORDER BY 1"
    return query(store.path, wanted)


def readers(store: Store) -> list[str]:
    wanted = "SELECT s.address FROM delivery JOIN subscriber AS s ON s.id = subscriber_id ORDER BY s.id"
    return [address for (address,) in query(store.path, wanted)]


def pin(store: Store, number: int) -> None:
    articles.place(store, [number], None, PlacementState.PINNED, by="red", now=NOON)


def test_freeze_writes_the_edition_binds_stores_letters_and_makes_deliveries(store: Store) -> None:
    enrol(store, "anna@example.com", "bo@example.com")
    some_articles(store, "a", "b", "c")
    plan = a_plan(
        store, roles={1: PlacementRole.LEAD, 2: PlacementRole.FOLDED}, passed=[3], rendered=_candidates(store)[:2],
        rehearsal=True, bounce_address="bounce@example.com",
    )  # fmt: skip

    edition = editions.freeze(store, plan)

    assert edition is not None
    assert edition.model_dump() == {
        "id": 1, "newsletter_id": 1, "date": SUNDAY, "number": 1, "state": EditionState.FROZEN, "reason": "",
        "decided_at": NOON, "frozen_at": NOON, "finished_at": None, "rehearsal": True, "list_ids": [1], "audience": 2,
        "sender": "nytt@example.com", "bounce_address": "bounce@example.com", "key": "0" * 16, "give_up_at": LATER,
        "dkim": [],
    }  # fmt: skip
    assert editions.get(store, 1) == edition
    assert placements(store) == [
        ("a", "bound", 1, "lead"), ("b", "bound", 1, "folded"), ("c", "passed", None, None)
    ]  # fmt: skip
    assert [letter.mail for letter in editions.letters(store, 1)] == [b"Nytt"]
    assert query(store.path, "SELECT edition_id, subscriber_id, letter_id, state, attempt, closed FROM delivery") == [
        (1, 1, 1, 1, 0, 0), (1, 2, 1, 1, 0, 0)
    ]  # fmt: skip


def _candidates(store: Store) -> list[tuple[Article, Placement]]:
    return articles.candidates(store, a_newsletter_number(store))


def test_freeze_that_fails_at_its_end_has_done_nothing(store: Store) -> None:
    enrol(store, "anna@example.com")
    some_articles(store, "a")
    before = contents(store)
    refused = a_letter()
    plan = replace(a_plan(store), letters=[a_letter(), refused])
    refused.__dict__["text"] = None  # NOT NULL: the second letter cannot be stored

    with pytest.raises(StoreError, match=r"NOT NULL constraint failed: letter\.text"):
        editions.freeze(store, plan)

    assert contents(store) == before


def test_second_freeze_finds_the_first_one(store: Store) -> None:
    some_articles(store, "a")
    plan = a_plan(store)
    assert editions.freeze(store, plan)
    before = contents(store)

    assert editions.freeze(store, plan) is None
    assert editions.freeze(store, a_plan(store, rendered=[])) is None, "also one that binds nothing of the first"

    assert contents(store) == before


def test_freeze_is_off_when_an_article_has_changed_since_it_was_rendered(store: Store) -> None:
    some_articles(store, "a", "b")
    plan = a_plan(store)
    articles.edit(store, 2, {"title": "c"}, LATER)
    before = contents(store)

    assert editions.freeze(store, plan) is None

    assert contents(store) == before


@pytest.mark.parametrize("state", [PlacementState.SHELVED, PlacementState.DROPPED, PlacementState.PINNED])
def test_freeze_is_off_when_an_editor_has_placed_an_article_otherwise(store: Store, state: PlacementState) -> None:
    some_articles(store, "a")
    plan = a_plan(store)
    articles.place(store, [1], None, state, by="red", now=NOON)

    assert editions.freeze(store, plan) is None

    assert placements(store) == [("a", state.value, None, None)]


def test_freeze_is_off_when_an_article_stands_elsewhere_in_its_day(store: Store) -> None:
    some_articles(store, "a")
    plan = a_plan(store)
    articles.rank(store, a_newsletter_number(store), {1: 5})

    assert editions.freeze(store, plan) is None


def test_freeze_is_off_when_an_article_went_into_another_edition(store: Store) -> None:
    some_articles(store, "a")
    plan = a_plan(store)
    assert editions.freeze(store, replace(plan, number=2))

    assert editions.freeze(store, plan) is None


def test_article_that_came_in_since_waits_for_the_next_edition(store: Store) -> None:
    some_articles(store, "a")
    plan = a_plan(store)
    some_articles(store, "b")

    assert editions.freeze(store, plan)

    assert placements(store) == [("a", "bound", 1, "headline"), ("b", "waiting", None, None)]


@pytest.mark.parametrize("state", [PlacementState.PINNED, PlacementState.SHELVED, PlacementState.DROPPED])
def test_what_an_editor_says_of_an_old_article_counts_more_than_its_age(store: Store, state: PlacementState) -> None:
    some_articles(store, "a", "old")
    plan = replace(a_plan(store, rendered=_candidates(store)[:1]), passed=[2])
    articles.place(store, [2], None, state, by="red", now=NOON)

    assert editions.freeze(store, plan)

    assert placements(store)[1] == ("old", state.value, None, None)


def test_article_of_the_same_story_is_bound_with_what_is_printed_in_its_place(store: Store) -> None:
    some_articles(store, "a", "b")
    roles = {1: PlacementRole.HEADLINE, 2: PlacementRole.ALSO}
    edition = editions.freeze(store, a_plan(store, roles=roles, shown_as={2: (1, "longest")}))

    assert edition is not None
    bound = articles.printed_in(store, edition.id or 0)
    assert [(p.role, p.shown_as, p.shown_by) for _, p in bound] == [
        (PlacementRole.HEADLINE, None, None), (PlacementRole.ALSO, 1, "longest"),
    ]  # fmt: skip
    steering.unbind(store, edition.id or 0, a_deed())
    assert [(p.role, p.shown_as, p.shown_by) for _, p in articles.candidates(store, 1)] == [(None, None, None)] * 2


def test_article_of_two_newsletters_is_bound_in_one(store: Store) -> None:
    one, two = a_newsletter_number(store, "nyheter"), a_newsletter_number(store, "annat")
    some_articles(store, "a")
    do(store, lambda c: c.exec_driver_sql(
        "INSERT INTO placement (article_id, newsletter_id, state, pinned, rank, by, at)"
        f" SELECT article_id, {two}, state, 0, 0, '', at FROM placement"
    ))  # fmt: skip

    assert editions.freeze(store, a_plan(store, newsletter_id=one))

    assert [p.state for _, p in articles.candidates(store, two)] == [PlacementState.WAITING]
    assert articles.candidates(store, one) == []


def test_audience_is_who_is_confirmed_unsuppressed_and_has_not_left_each_once(store: Store) -> None:
    industri, other = a_list_number(store, "industri"), a_list_number(store, "annan")
    both = ["anna@example.com", "Bo@example.com"]
    states = [SubscriptionState.UNCONFIRMED, SubscriptionState.UNSUBSCRIBED, SubscriptionState.REMOVED]
    for state in states:
        enrol(store, f"{state.value}@example.com", state=state)
    enrol(store, *both, list_id=industri)
    enrol(store, *both, "other@example.com", "unsubscribed@example.com", list_id=other)
    enrol(store, "elsewhere@example.com", list_id=a_list_number(store, "tredje"))
    enrol(store, "suppressed@example.com", "stopped@example.com", "erased@example.com")
    suppress(store, "suppressed@example.com")
    stop(store, a_newsletter_number(store), "stopped@example.com")
    stop(store, a_newsletter_number(store, "annat"), "anna@example.com")
    erase(store, "erased@example.com")
    some_articles(store, "a")

    edition = editions.freeze(store, a_plan(store, list_ids=[industri, other]))

    assert edition is not None
    # Who left one list of the two and is confirmed on the other is a reader still.
    assert sorted(readers(store)) == [
        "Bo@example.com", "anna@example.com", "other@example.com", "unsubscribed@example.com",
    ]  # fmt: skip
    assert edition.audience == 4


def test_archive_larger_than_a_statement_has_room_for_is_passed_all_the_same(store: Store) -> None:
    most = 100
    some_articles(store, *(str(n) for n in range(3 * most)))
    plan = a_plan(store, rendered=_candidates(store)[: most + 1])
    passed = range(most + 2, 3 * most + 1)
    do(store, lambda c: limit_parameters(c, most))

    assert editions.freeze(store, replace(plan, passed=list(passed)))

    states = [state for _, state, _, _ in placements(store)]
    assert (states.count("bound"), states.count("passed")) == (most + 1, len(passed))


def limit_parameters(connection: Connection, most: int) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, most)


def test_edition_for_nobody_has_no_delivery(store: Store) -> None:
    edition = a_frozen_edition(store)

    assert edition.audience == 0
    assert readers(store) == []


def test_reader_who_joins_after_the_freeze_gets_the_next_edition(store: Store) -> None:
    a_frozen_edition(store, "anna@example.com")

    enrol(store, "bo@example.com")

    assert readers(store) == ["anna@example.com"]


def test_each_reader_gets_the_letter_of_their_language_else_the_first(store: Store) -> None:
    languages = {
        "anna@example.com": "sv", "liam@example.com": "en", "ian@example.com": "en-GB", "who@example.com": None,
        "dora@example.com": "de",
    }  # fmt: skip
    for address, language in languages.items():
        enrol(store, a_person(address, language=language))
    some_articles(store, "a")
    plan = a_plan(store, **in_languages("sv", "en", asked=["sv", "en", "en-GB", "de"]))

    editions.freeze(store, plan)

    wanted = """
        SELECT subscriber.address, letter.language FROM delivery JOIN letter ON letter.id = letter_id
        JOIN subscriber ON subscriber.id = subscriber_id
        """
    assert dict(query(store.path, wanted)) == {
        "anna@example.com": "sv", "liam@example.com": "en", "ian@example.com": "en", "who@example.com": "sv",
        "dora@example.com": "sv",
    }  # fmt: skip


def test_letters_are_read_with_the_newsletter_s_own_language_first(store: Store) -> None:
    some_articles(store, "a")
    editions.freeze(store, a_plan(store, letters=[a_letter("sv"), a_letter("en"), a_letter("de")]))

    assert [letter.language for letter in editions.letters(store, 1)] == ["sv", "en", "de"]
    assert editions.letters(store, 2) == []


def test_taking_back_makes_a_draft_whose_articles_wait_again(store: Store) -> None:
    enrol(store, "anna@example.com")
    some_articles(store, "a", "b")
    pin(store, 2)
    edition = editions.freeze(store, a_plan(store, rehearsal=True))
    assert edition is not None
    assert edition.id is not None
    trouble = insert(Attempt).values(edition_id=edition.id, subscriber_id=1, n=1, at=NOON, phase="rcpt", text="later")
    do(store, lambda c: c.execute(trouble))
    steering.turn(store, edition.id, [EditionState.FROZEN], EditionState.REHEARSED, a_deed(NOON))

    steering.take_back(store, edition.id, a_deed(LATER))

    assert placements(store) == [("a", "waiting", None, None), ("b", "pinned", None, None)]
    for table in ("letter", "delivery", "attempt"):
        assert query(store.path, f"SELECT * FROM {table}") == []
    draft = editions.get(store, edition.id)
    assert (draft.state, draft.frozen_at, draft.finished_at, draft.audience, draft.rehearsal, draft.decided_at) == (
        EditionState.DRAFT, None, None, 0, False, LATER,
    )  # fmt: skip
    again = editions.freeze(store, a_plan(store))
    assert again is not None
    assert again.id == edition.id, "links that a rehearsal showed go on meaning this edition"


def test_article_pinned_since_stays_the_only_one_when_an_edition_is_taken_back(store: Store) -> None:
    some_articles(store, "a")
    pin(store, 1)
    edition = editions.freeze(store, a_plan(store, rehearsal=True))
    assert edition is not None
    assert edition.id is not None
    some_articles(store, "b")
    pin(store, 2)

    steering.take_back(store, edition.id, a_deed(LATER))

    assert placements(store) == [("a", "waiting", None, None), ("b", "pinned", None, None)]


def test_taking_back_leaves_other_editions_alone(store: Store) -> None:
    first = a_frozen_edition(store, "anna@example.com", date=SATURDAY)
    some_articles(store, "b")
    second = editions.freeze(store, a_plan(store))
    assert second is not None
    assert second.id is not None

    steering.take_back(store, second.id, a_deed(LATER))

    assert placements(store) == [("Luftrenare", "bound", first.id, "headline"), ("b", "waiting", None, None)]
    assert len(editions.letters(store, first.id or 0)) == 1
    assert readers(store) == ["anna@example.com"]


@pytest.mark.parametrize("state", [EditionState.EMPTY, EditionState.HELD, EditionState.DRAFT])
def test_decision_is_recorded_with_its_reason_and_binds_nothing(store: Store, state: EditionState) -> None:
    number = a_newsletter_number(store)
    some_articles(store, "a")

    edition = editions.decide(store, number, SUNDAY, 1, state, "nothing new", NOON)

    assert (edition.state, edition.reason, edition.decided_at) == (state, "nothing new", NOON)
    assert editions.find(store, number, SUNDAY) == edition
    assert editions.find(store, number, SATURDAY) is None
    assert editions.find(store, number, SUNDAY, 2) is None
    assert placements(store) == [("a", "waiting", None, None)]


def test_empty_or_held_edition_can_still_be_frozen(store: Store) -> None:
    number = a_newsletter_number(store)
    decided = editions.decide(store, number, SUNDAY, 1, EditionState.HELD, "no postal address", NOON)
    some_articles(store, "a")

    edition = editions.freeze(store, a_plan(store, at=LATER))

    assert edition is not None
    assert (edition.id, edition.state, edition.reason) == (decided.id, EditionState.FROZEN, "")


def test_state_goes_on_and_the_end_is_kept(store: Store) -> None:
    edition = a_frozen_edition(store)
    assert edition.id is not None

    steering.begin_sending(store, edition.id, NOON)
    assert editions.get(store, edition.id).finished_at is None
    steering.finish(store, edition, LATER)

    sent = editions.get(store, edition.id)
    assert (sent.state, sent.decided_at, sent.finished_at) == (EditionState.SENT, LATER, LATER)


def test_newsletter_has_had_an_edition_when_one_was_frozen(store: Store) -> None:
    number = a_newsletter_number(store)
    editions.decide(store, number, SATURDAY, 1, EditionState.EMPTY, "", NOON)
    assert not editions.has_frozen(store, number)

    edition = a_frozen_edition(store)

    assert editions.has_frozen(store, number)
    assert not editions.has_frozen(store, number, but=edition.id)
    assert not editions.has_frozen(store, a_newsletter_number(store, "annat"))
    steering.take_back(store, edition.id or 0, a_deed(LATER))
    assert not editions.has_frozen(store, number), "a rehearsal is no edition"


def test_editions_are_listed_newest_first_with_their_articles(store: Store) -> None:
    a_frozen_edition(store, date=SATURDAY)
    annat = a_newsletter_number(store, "annat")
    editions.decide(store, annat, SUNDAY, 1, EditionState.EMPTY, "nothing new", NOON)
    editions.decide(store, annat, SUNDAY, 2, EditionState.HELD, "late", NOON)

    def told(listed: list[Listed]) -> list[tuple[str, int]]:
        return [(one.key, one.articles) for one in listed]

    everything = [("annat/2025-11-30.2", 0), ("annat/2025-11-30", 0), ("nyheter/2025-11-29", 1)]
    assert told(editions.listing(store)) == everything
    assert told(editions.listing(store, limit=1)) == everything[:1]
    assert told(editions.listing(store, newsletter_id=annat)) == everything[:2]
    assert told(editions.listing(store, states=[EditionState.FROZEN])) == everything[2:]
    assert told(editions.listing(store, numbers=[1, 2])) == everything[1:]


def test_number_of_an_edition_is_never_used_again(store: Store) -> None:
    edition = a_frozen_edition(store)
    steering.take_back(store, edition.id or 0, a_deed(NOON))
    do(store, lambda c: c.exec_driver_sql("DELETE FROM edition"))

    again = editions.decide(store, a_newsletter_number(store), SUNDAY, 1, EditionState.EMPTY, "", NOON)

    assert (edition.id, again.id) == (1, 2)


def test_plan_is_data_that_a_retry_can_use_again(store: Store) -> None:
    some_articles(store, "a")
    plan: Freezing = a_plan(store)
    articles.edit(store, 1, {"lead": "Ny."}, LATER)
    assert editions.freeze(store, plan) is None

    edition = editions.freeze(store, replace(plan, rendered=_candidates(store)))

    assert edition is not None
    assert number_of_letters(store) == 1


def number_of_letters(store: Store) -> int:
    return len(query(store.path, "SELECT id FROM letter"))


def test_reader_s_number_is_what_the_ledger_goes_by(store: Store) -> None:
    a_frozen_edition(store, "bo@example.com", "anna@example.com")

    assert query(store.path, "SELECT subscriber_id FROM delivery") == [
        (number_of(store, "bo@example.com"),), (number_of(store, "anna@example.com"),),
    ]  # fmt: skip
