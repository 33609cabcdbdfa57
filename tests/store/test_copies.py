import pytest

from digest.models import DeliveryState
from digest.store import Store
from digest.store.copies import Copy, copy_of, is_on_its_way
from digest.store.tables import DELIVERY, EDITION
from tests.store.builders import a_frozen_edition, a_newsletter_number, do, enrol, erase

ANNA, BO = "anna@example.com", "bo@example.com"


@pytest.fixture
def frozen(store: Store) -> Store:
    """A store with an edition for Anna, who is 1, and Bo, who is 2."""
    a_frozen_edition(store, ANNA, BO)
    return store


def set_state(store: Store, state: DeliveryState, subscriber_id: int) -> None:
    theirs = DELIVERY.update().where(DELIVERY.c.subscriber_id == subscriber_id)
    do(store, lambda c: c.execute(theirs.values(state=state)))


def test_a_copy_is_the_letter_and_whom_it_went_to(frozen: Store) -> None:
    assert copy_of(frozen, 1, 1) == Copy(1, "sv", ANNA, "")


def test_address_and_name_are_those_that_were_mailed(frozen: Store) -> None:
    do(frozen, lambda c: c.execute(DELIVERY.update().values(address="a@old.example", name="Anna A")))

    assert copy_of(frozen, 1, 1) == Copy(1, "sv", "a@old.example", "Anna A")


def test_of_an_erased_reader_only_the_letter_is_left(frozen: Store) -> None:
    erase(frozen, ANNA)

    assert copy_of(frozen, 1, 1) == Copy(1, "sv", "", "")


@pytest.mark.parametrize(("edition_id", "subscriber_id"), [(1, 3), (2, 1), (2**40 - 1, 2**40 - 1)])
def test_there_is_no_copy_without_a_delivery(frozen: Store, edition_id: int, subscriber_id: int) -> None:
    assert copy_of(frozen, edition_id, subscriber_id) is None


@pytest.mark.parametrize("state", DeliveryState)
def test_a_mail_is_on_its_way_only_while_it_is_being_sent(frozen: Store, state: DeliveryState) -> None:
    set_state(frozen, state, 1)

    assert is_on_its_way(frozen, 1, 1) is (state is DeliveryState.SENDING)
    assert not is_on_its_way(frozen, 1, 2)


def test_of_another_newsletter_no_mail_is_waited_for(frozen: Store) -> None:
    other = a_newsletter_number(frozen, "annat")
    a_frozen_edition(frozen, newsletter_id=other)
    enrol(frozen, ANNA)
    set_state(frozen, DeliveryState.SENDING, 1)
    do(frozen, lambda c: c.execute(DELIVERY.update().where(DELIVERY.c.edition_id == 1).values(state=3)))

    assert not is_on_its_way(frozen, 1, 1)
    assert is_on_its_way(frozen, 2, 1)
    assert is_on_its_way(frozen, 99, 1), "an edition that we do not know may be any newsletter's"


def test_an_older_edition_of_the_newsletter_is_waited_for_too(frozen: Store) -> None:
    a_frozen_edition(frozen, number=2)
    do(frozen, lambda c: c.execute(DELIVERY.update().where(DELIVERY.c.edition_id == 1).values(state=2)))

    assert is_on_its_way(frozen, 2, 1)
    assert frozen.read(lambda c: len(c.execute(EDITION.select()).all())) == 2
