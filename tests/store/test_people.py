import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from digest.models import DeliveryState, MailingList, Origin, SubscriptionState, SuppressionReason
from digest.store import Store, deliveries, ledger, names, people, rolls, subscriptions
from digest.store.ledger import Claim, Entry, Mark
from digest.store.people import Known
from digest.store.subscriptions import SLICE
from digest.store.writer import PAUSE
from tests.store.books import Ledger
from tests.store.builders import (
    CONFIRMED,
    LATER,
    NOON,
    a_frozen_edition,
    a_list_number,
    a_newsletter_number,
    a_person,
    a_vouching,
    enrol,
    erase,
    number_of,
    query,
    suppress,
)

UNCONFIRMED, UNSUBSCRIBED, REMOVED = (
    SubscriptionState.UNCONFIRMED,
    SubscriptionState.UNSUBSCRIBED,
    SubscriptionState.REMOVED,
)
ANNA, BO = "anna@example.com", "bo@example.com"


def known(store: Store, address: str = ANNA) -> Known:
    return next(people.listing(store, hash_=a_person(address).hash))


def lines(store: Store, address: str = ANNA) -> list[tuple[str, str, str]]:
    told = people.history(store, number_of(store, address))
    return [(name, change.state.value, change.reason) for change, name in told]


def test_new_person_gets_a_number_and_a_first_line_of_history(store: Store) -> None:
    (enrolled,) = enrol(store, a_person(ANNA, name="Anna", language="sv", attributes={"ort": "Luleå"}))

    assert (enrolled.before, enrolled.after, enrolled.suppressed, enrolled.updated) == (None, CONFIRMED, None, False)
    assert known(store) == Known(1, ANNA, "Anna", "sv", {"ort": "Luleå"}, {"industri": "confirmed"}, None)
    ((change, name),) = people.history(store, 1)
    assert name == "industri"
    assert (change.state, change.origin, change.by, change.reason, change.at, change.import_id) == (
        CONFIRMED, Origin.EDITOR, "red", "asked for it", NOON, None,
    )  # fmt: skip


def test_person_keeps_their_number_over_lists_and_spellings(store: Store) -> None:
    enrol(store, ANNA)

    enrol(store, "Anna@Example.com", list_id=a_list_number(store, "annan"))

    assert (known(store).id, known(store).address) == (1, "Anna@Example.com")
    assert known(store).lists == {"annan": "confirmed", "industri": "confirmed"}


def test_empty_cell_says_nothing(store: Store) -> None:
    enrol(store, a_person(name="Anna", language="sv", attributes={"ort": "Luleå", "titel": "vd"}))

    (enrolled,) = enrol(store, a_person(attributes={"ort": "Boden"}))

    assert enrolled.updated
    assert (known(store).name, known(store).language) == ("Anna", "sv")
    assert known(store).attributes == {"ort": "Boden", "titel": "vd"}
    (again,) = enrol(store, a_person(name="Anna"))
    assert not again.updated


def test_decision_is_asked_with_the_state_today_and_the_suppression(store: Store) -> None:
    enrol(store, ANNA, state=UNSUBSCRIBED)
    suppress(store, BO)
    asked = []

    def decide(before: SubscriptionState | None, origin: Origin | None, suppressed: bool) -> SubscriptionState | None:
        asked.append((before, origin, suppressed))
        return None

    enrolled = subscriptions.enrol(store, a_list_number(store), [a_person(ANNA), a_person(BO)], decide, a_vouching())

    assert asked == [(UNSUBSCRIBED, Origin.EDITOR, False), (None, None, True)]
    assert [(one.before, one.after, one.suppressed) for one in enrolled] == [
        (UNSUBSCRIBED, UNSUBSCRIBED, None), (None, None, SuppressionReason.BOUNCE),
    ]  # fmt: skip
    assert known(store, BO).lists == {}, "known by address, on no list"


def test_history_grows_only_when_something_changes(store: Store) -> None:
    enrol(store, ANNA, state=UNCONFIRMED)
    enrol(store, ANNA, state=UNCONFIRMED)
    enrol(store, ANNA, state=CONFIRMED)
    enrol(store, ANNA, list_id=a_list_number(store, "annan"), state=REMOVED)

    assert [line[:2] for line in lines(store)] == [
        ("industri", "unconfirmed"), ("industri", "confirmed"), ("annan", "removed"),
    ]  # fmt: skip
    assert query(store.path, "SELECT count(*) FROM subscription") == [(2,)]


def test_person_who_stands_twice_in_a_file_is_one(store: Store) -> None:
    first, second = enrol(store, a_person(ANNA), a_person("ANNA@example.com"))

    assert (first.before, second.before, second.after) == (None, CONFIRMED, CONFIRMED)
    assert query(store.path, "SELECT count(*) FROM subscriber") == [(1,)]
    assert len(lines(store)) == 1


def test_import_of_more_than_a_slice_comes_out_in_order(store: Store) -> None:
    number = subscriptions.begin_import(store, "industri.csv", "red", NOON)
    enrol(store, "3@example.com", state=UNSUBSCRIBED)
    everybody = [a_person(f"{n}@example.com", name=str(n)) for n in range(SLICE + 5)]

    enrolled = subscriptions.enrol(
        store, a_list_number(store), everybody,
        lambda before, origin, suppressed: None if before else CONFIRMED,
        a_vouching(import_id=number, origin=Origin.IMPORT),
    )  # fmt: skip

    assert [n for n, one in enumerate(enrolled) if one.after is not CONFIRMED] == [3]
    assert people.counts(store) == {"industri": {"confirmed": SLICE + 4, "unsubscribed": 1}}
    changes = "SELECT file, i.by, count(*) FROM import AS i JOIN consent_change ON import_id = i.id"
    assert query(store.path, changes) == [("industri.csv", "red", SLICE + 4)]


def test_very_many_are_written_in_the_order_of_their_hashes_and_told_in_their_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(store, "3@example.com", state=UNSUBSCRIBED)
    suppress(store, "7@example.com")
    everybody = [a_person(f"{n}@example.com", name=str(n)) for n in range(2 * SLICE + 5)]
    monkeypatch.setattr(subscriptions, "MANY", SLICE)

    enrolled = subscriptions.enrol(
        store, a_list_number(store), everybody, lambda before, origin, suppressed: before or CONFIRMED, a_vouching()
    )

    assert [n for n, one in enumerate(enrolled) if one.after is not CONFIRMED] == [3]
    assert [n for n, one in enumerate(enrolled) if one.suppressed] == [7]
    hashes = [hash_ for (hash_,) in query(store.path, "SELECT hash FROM subscriber WHERE id > 1 ORDER BY id")]
    assert hashes == sorted(hashes)
    assert len(hashes) == 2 * SLICE + 4
    foreseen = subscriptions.foresee_with_numbers(store, a_list_number(store), everybody, lambda *_: None)
    assert [number for _, number in foreseen[3:5]] == [1, number_of(store, "4@example.com")]


def test_who_changes_twice_in_a_slice_ends_as_the_last_row_says(store: Store) -> None:
    somebody = [a_person(BO), a_person(ANNA), a_person("ANNA@example.com")]
    suppress(store, BO)

    enrolled = subscriptions.enrol(
        store, a_list_number(store), somebody,
        lambda before, origin, suppressed: CONFIRMED if before or suppressed else UNCONFIRMED, a_vouching(),
    )  # fmt: skip

    assert [one.after for one in enrolled] == [CONFIRMED, UNCONFIRMED, CONFIRMED]
    assert known(store).lists == {"industri": "confirmed"}
    assert [line[:2] for line in lines(store)] == [("industri", "unconfirmed"), ("industri", "confirmed")]


def test_between_two_slices_who_waits_for_the_lock_looks_once_at_least(store: Store) -> None:
    began, ended = list[float](), list[float]()

    def work(_: Connection) -> None:
        began.append(time.monotonic())
        ended.append(time.monotonic())

    write = subscriptions.unhurried(store)
    for _ in range(3):
        write(work)

    assert all(start - end > PAUSE for start, end in zip(began[1:], ended, strict=False))


@given(st.dictionaries(st.text(), st.text()))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_attributes_are_stored_as_json_writes_them(attributes: dict[str, str]) -> None:
    assert rolls.as_json(attributes) == json.dumps(attributes)


def test_ending_takes_off_the_lists_somebody_is_on_and_keeps_the_history(store: Store) -> None:
    industri, other, third = (a_list_number(store, name) for name in ("industri", "annan", "tredje"))
    enrol(store, ANNA, BO)
    enrol(store, ANNA, list_id=other, state=UNCONFIRMED)
    enrol(store, ANNA, list_id=third, state=UNSUBSCRIBED)

    ended = subscriptions.end(store, a_person().hash, [industri, other, third], a_vouching(reason="moved"))

    assert sorted(ended) == [industri, other]
    assert known(store).lists == {"annan": "removed", "industri": "removed", "tredje": "unsubscribed"}
    assert lines(store)[-2:] == [("industri", "removed", "moved"), ("annan", "removed", "moved")]
    assert known(store, BO).lists == {"industri": "confirmed"}
    assert subscriptions.end(store, a_person().hash, [industri], a_vouching()) == []


def test_ending_keeps_to_the_lists_it_is_told(store: Store) -> None:
    enrol(store, ANNA)
    enrol(store, ANNA, list_id=a_list_number(store, "annan"))

    subscriptions.end(store, a_person().hash, [a_list_number(store, "annan")], a_vouching())

    assert known(store).lists == {"annan": "removed", "industri": "confirmed"}


def test_listing_goes_on_over_more_than_a_page(store: Store) -> None:
    everybody = [a_person(f"{n}@example.com") for n in range(SLICE + 2)]
    enrol(store, *everybody)

    def told(limit: int | None) -> list[int]:
        return [one.id for one in people.listing(store, limit=limit)]

    assert told(None) == list(range(1, SLICE + 3))
    assert told(SLICE + 1) == list(range(1, SLICE + 2))
    assert told(SLICE) == list(range(1, SLICE + 1))
    assert told(3) == [1, 2, 3]
    assert told(0) == []


def test_listing_is_narrowed_by_list_state_and_address(store: Store) -> None:
    other = a_list_number(store, "annan")
    enrol(store, ANNA, state=CONFIRMED)
    enrol(store, ANNA, list_id=other, state=UNSUBSCRIBED)
    enrol(store, BO, list_id=other, state=CONFIRMED)
    suppress(store, BO, SuppressionReason.COMPLAINT)

    def told(list_id: int | None = None, *states: SubscriptionState) -> list[str]:
        return [one.address for one in people.listing(store, list_id=list_id, states=states)]

    assert told() == [ANNA, BO]
    assert told(list_id=other) == [ANNA, BO]
    assert told(None, CONFIRMED) == [ANNA, BO]
    assert told(other, CONFIRMED) == [BO]
    assert told(other, CONFIRMED, UNSUBSCRIBED) == [ANNA, BO]
    assert told(list_id=0) == []
    assert (known(store, BO).suppressed, known(store).suppressed) == ("complaint", None)


def test_erased_person_is_listed_no_more_and_their_number_not_used_again(store: Store) -> None:
    enrol(store, ANNA, BO)
    erase(store, ANNA)

    assert [one.address for one in people.listing(store)] == [BO]
    enrol(store, ANNA)
    assert number_of(store, ANNA) == 3


def test_languages_are_counted_over_readers_only(store: Store) -> None:
    enrol(store, a_person("1@example.com", language="sv"), a_person("2@example.com", language="sv"), "3@example.com")
    enrol(store, a_person("4@example.com", language="en"), state=UNCONFIRMED)
    enrol(store, a_person("5@example.com", language="en"))
    suppress(store, "5@example.com")
    lists = [a_list_number(store)]

    assert people.languages(store, a_newsletter_number(store), lists) == {"sv": 2, None: 1}
    assert people.languages(store, a_newsletter_number(store), []) == {}


def test_renamed_list_keeps_its_people(store: Store) -> None:
    enrol(store, ANNA)

    names.number(store, MailingList, "trade", "industri", LATER)

    assert known(store).lists == {"trade": "confirmed"}
    assert people.counts(store) == {"trade": {"confirmed": 1}}


# Once a letter may have gone out, its later attempts must have the same bytes: the same name, the same spelling.


def begin(store: Store) -> tuple[Ledger, Claim]:
    enrol(store, a_person(ANNA, name="Anna Öberg"))
    edition = a_frozen_edition(store)
    book = Ledger(store, edition, names.relay_number(store, "mail.example.com"))
    return book, claim(store)


def claim(store: Store) -> Claim:
    lease = ledger.take_lease(store, NOON)
    claims = ledger.claim(store, 1, lease, 0, 10) or ledger.claim_due(store, 1, lease, LATER, 10)
    (found,) = claims
    return found


def marry(store: Store) -> None:
    enrol(store, a_person("ANNA@example.com", name="Anna Ek"))


@pytest.mark.parametrize("state", ["deferred", "in doubt", "pending again"])
def test_change_after_a_try_keeps_what_was_mailed(store: Store, state: str) -> None:
    book, first = begin(store)
    assert book.mark_sending(first, NOON).result() is Mark.GO
    entries = {
        "deferred": Entry(DeliveryState.DEFERRED, NOON, 1, next_at=NOON, code=451, phase="rcpt", words="later"),
        "in doubt": Entry(DeliveryState.IN_DOUBT, NOON, 1, next_at=NOON, phase="dot", words="gone"),
        "pending again": Entry(DeliveryState.PENDING, NOON, 1, phase="content", words="gone"),
    }
    book.record(first, entries[state]).result()

    marry(store)
    enrol(store, a_person("anna@EXAMPLE.com", name="Anna Ek-Öberg"))

    again = claim(store)
    assert (again.attempt, again.address, again.name) == (2, ANNA, "Anna Öberg")
    assert known(store).name == "Anna Ek-Öberg"
    (told,) = deliveries.listing(store, edition_id=1)
    assert told.address == ANNA


def test_change_between_claim_and_try_keeps_what_is_about_to_be_mailed(store: Store) -> None:
    book, first = begin(store)
    marry(store)
    assert (first.address, first.name) == (ANNA, "Anna Öberg"), "what stands in the mail that is going out"
    book.mark_sending(first, NOON).result()
    book.record(first, Entry(DeliveryState.IN_DOUBT, NOON, 1, next_at=NOON, phase="dot", words="gone")).result()

    again = claim(store)

    assert (again.address, again.name) == (ANNA, "Anna Öberg")


def test_change_before_the_first_try_is_what_is_mailed(store: Store) -> None:
    enrol(store, a_person(ANNA, name="Anna Öberg"))
    a_frozen_edition(store)
    marry(store)

    found = claim(store)

    assert (found.address, found.name) == ("ANNA@example.com", "Anna Ek")
