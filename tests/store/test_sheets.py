from digest.models import Origin, SubscriptionState
from digest.store import Store, people, sheets, subscriptions
from digest.store.subscriptions import SLICE
from tests.store.builders import (
    CONFIRMED,
    LATER,
    a_list_number,
    a_person,
    a_vouching,
    do,
    enrol,
    number_of,
    query,
)

ANNA, BO, CY = "anna@example.com", "bo@example.com", "cy@example.com"


def join_by_file(store: Store, *addresses: str, state: SubscriptionState = CONFIRMED) -> None:
    vouching = a_vouching(origin=Origin.FILE, takes_over=False)
    somebody = [a_person(address) for address in addresses]
    subscriptions.enrol(store, a_list_number(store), somebody, lambda before, origin, suppressed: state, vouching)


def kept(store: Store) -> list[str]:
    return [address for _, address in sheets.kept_by_file(store, a_list_number(store))]


def test_file_keeps_who_came_through_it_and_is_on_the_list(store: Store) -> None:
    join_by_file(store, ANNA, state=SubscriptionState.UNCONFIRMED)
    join_by_file(store, BO)
    join_by_file(store, CY, state=SubscriptionState.UNSUBSCRIBED)
    enrol(store, "eva@example.com")

    assert kept(store) == [ANNA, BO]
    assert list(sheets.kept_by_file(store, 99)) == []


def test_row_takes_no_subscription_over_that_came_through_something_else(store: Store) -> None:
    enrol(store, ANNA, state=SubscriptionState.UNCONFIRMED)
    join_by_file(store, ANNA)

    assert kept(store) == []
    assert query(store.path, "SELECT state, origin FROM subscription") == [("confirmed", "editor")]
    told = [(change.state, change.origin) for change, _ in people.history(store, 1)]
    assert told[-1] == (CONFIRMED, Origin.FILE), "the history says who vouched"


def test_more_than_a_page_is_kept_in_order(store: Store) -> None:
    addresses = [f"r{n}@example.com" for n in range(2 * SLICE + 1)]
    join_by_file(store, *addresses)

    assert kept(store) == addresses


def test_who_is_brought_back_meanwhile_is_not_taken_off(store: Store) -> None:
    join_by_file(store, ANNA, BO)
    both = [number_of(store, address) for address in (ANNA, BO)]
    do(store, lambda c: c.exec_driver_sql("UPDATE subscription SET origin = 'editor' WHERE subscriber_id = 2"))

    vouching = a_vouching(origin=Origin.FILE, takes_over=False)
    assert sheets.take_off(store, a_list_number(store), both, vouching) == 1

    assert query(store.path, "SELECT state, origin FROM subscription ORDER BY subscriber_id") == [
        ("removed", "file"), ("confirmed", "editor"),
    ]  # fmt: skip


def test_foreseeing_changes_nothing(store: Store) -> None:
    join_by_file(store, ANNA)
    somebody = [a_person(ANNA, name="Anna"), a_person(BO)]

    foreseen = subscriptions.foresee(
        store, a_list_number(store), somebody, lambda before, origin, suppressed: CONFIRMED
    )

    assert [(one.before, one.after, one.updated, one.is_change) for one in foreseen] == [
        (CONFIRMED, CONFIRMED, True, True), (None, CONFIRMED, False, True),
    ]  # fmt: skip
    assert query(store.path, "SELECT name FROM subscriber") == [("",)]


def test_time_of_a_sync_is_noted(store: Store) -> None:
    number = a_list_number(store)

    sheets.note_sync(store, number, LATER)

    assert query(store.path, "SELECT synced_at FROM mailing_list") == [("2025-11-30 13:00:00.000000",)]


def test_what_is_deleted_is_overwritten(store: Store) -> None:
    assert do(store, lambda c: c.exec_driver_sql("PRAGMA secure_delete").scalar()) == 1
