"""An audience shared out among letters by language and sections."""

from collections import Counter

import pytest
from sqlalchemy import update

from digest.models import DeliveryState
from digest.store import Store, deliveries, editions, standing, variants
from digest.store.tables import SUBSCRIPTION
from digest.store.variants import Wanted, wanted_by
from tests.store.builders import (
    NOON,
    a_letter,
    a_list_number,
    a_newsletter_number,
    a_person,
    a_plan,
    do,
    enrol,
    number_of,
    some_articles,
    stop,
    suppress,
)

PENDING, SKIPPED = DeliveryState.PENDING, DeliveryState.SKIPPED
ANNA, BO, CY, DAG = "anna@example.com", "bo@example.com", "cy@example.com", "dag@example.com"


def a_reader(
    store: Store, address: str, sections: str | None, *, language: str | None = None, on: str = "industri"
) -> None:
    person = a_person(address, language=language, sections=sections)
    enrol(store, person, list_id=a_list_number(store, on))


def heard(store: Store, *lists: str) -> Counter[Wanted]:
    found: Counter[Wanted] = Counter()

    def told(wanted: Wanted, readers: int) -> None:
        found[wanted] += readers

    numbers = [a_list_number(store, name) for name in lists or ["industri"]]
    variants.hear(store, a_newsletter_number(store), numbers, told)
    return found


def sections(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_readers_who_want_the_same_are_one_wish(store: Store) -> None:
    a_reader(store, ANNA, "Energi|Fordon", language="sv")
    a_reader(store, BO, "Energi|Fordon", language="sv")
    a_reader(store, CY, None, language="sv")
    a_reader(store, DAG, "")

    energy = sections("energi", "fordon")
    assert heard(store) == {Wanted("sv", energy): 2, Wanted("sv"): 1, Wanted(None): 1}


def test_without_a_choice_only_languages_are_asked_about(store: Store) -> None:
    a_reader(store, ANNA, None, language="sv")
    a_reader(store, BO, "", language="en")

    assert not do(store, lambda c: variants.has_chosen(c, [a_list_number(store)]))
    assert heard(store) == {Wanted("sv"): 1, Wanted("en"): 1}


def test_who_gets_nothing_wants_nothing(store: Store) -> None:
    for address in (ANNA, BO, CY):
        a_reader(store, address, "Energi")
    suppress(store, ANNA)
    stop(store, a_newsletter_number(store), BO)

    assert heard(store) == {Wanted(None, sections("energi")): 1}


def test_who_is_on_two_lists_wants_what_was_chosen_on_either(store: Store) -> None:
    a_reader(store, ANNA, "Energi")
    a_reader(store, ANNA, "Fordon", on="handel")
    a_reader(store, BO, "Energi")
    a_reader(store, BO, "", on="handel")
    a_reader(store, CY, "Energi")

    assert heard(store, "industri", "handel") == {
        Wanted(None, sections("energi", "fordon")): 1, Wanted(None): 1, Wanted(None, sections("energi")): 1,
    }  # fmt: skip
    assert heard(store, "handel") == {Wanted(None, sections("fordon")): 1, Wanted(None): 1}


def test_list_that_somebody_has_left_says_nothing_of_what_they_want(store: Store) -> None:
    a_reader(store, ANNA, "Energi")
    a_reader(store, ANNA, "", on="handel")
    here = SUBSCRIPTION.c.list_id == a_list_number(store, "handel")
    do(store, lambda c: c.execute(update(SUBSCRIPTION).where(here).values(state="removed")))

    assert heard(store, "industri", "handel") == {Wanted(None, sections("energi")): 1}
    numbers = [a_list_number(store), a_list_number(store, "handel")]
    assert wanted_by(store, numbers, number_of(store, ANNA)) == Wanted(None, sections("energi"))
    assert wanted_by(store, [a_list_number(store, "annan")], number_of(store, ANNA)) == Wanted(None)


def test_freeze_makes_a_delivery_for_every_reader_by_what_they_want(store: Store) -> None:
    for address, chosen in ((ANNA, "Energi"), (BO, "Fordon"), (CY, ""), (DAG, "Energi|Fordon")):
        a_reader(store, address, chosen)
    some_articles(store, "a")
    places = {sections("energi"): 1, sections("fordon"): None, None: 0, sections("energi", "fordon"): 2}
    letters = [a_letter("sv"), a_letter("en"), a_letter("de")]

    edition = editions.freeze(store, a_plan(store, letters=letters, letter_for=lambda one: places[one.sections]))

    assert edition is not None
    found = [deliveries.one(store, 1, number_of(store, address)) for address in (ANNA, BO, CY, DAG)]
    assert [one and (one.letter_id, one.state) for one in found] == [
        (2, PENDING), (1, SKIPPED), (1, PENDING), (3, PENDING),
    ]  # fmt: skip
    assert [one and one.done_at for one in found] == [None, NOON, None, None]
    assert edition.audience == 4
    assert deliveries.readers_of_letters(store, 1) == {1: 1, 2: 1, 3: 1}, "who is skipped reads none"
    assert standing.open_count(store, 1) == 3


def test_second_freeze_finds_no_trace_of_the_first(store: Store) -> None:
    a_reader(store, ANNA, "Energi")
    some_articles(store, "a", "b")
    first = a_plan(store)
    editions.freeze(store, first)
    some_articles(store, "c")

    assert editions.freeze(store, a_plan(store, number=2)) is not None


def test_more_wishes_than_are_held_in_memory_are_shared_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "SLICE", 2)
    for n in range(7):
        a_reader(store, f"r{n}@example.com", f"Energi|Ort {n}")
    some_articles(store, "a")

    edition = editions.freeze(store, a_plan(store))

    assert edition is not None
    assert edition.audience == 7
