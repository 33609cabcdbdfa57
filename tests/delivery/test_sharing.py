"""Random readers and articles, frozen in a real store: everybody gets what they chose, once, or is skipped."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.delivery.variants import Variant, plan
from digest.edition.topics import Topics
from digest.models import DeliveryState, Letter
from digest.models.sections import joined, section_key
from digest.store import Store, articles, editions, open_store, variants
from digest.store.variants import Wanted
from tests.builders import an_article
from tests.store.builders import (
    a_letter,
    a_list_number,
    a_newsletter_number,
    a_person,
    a_plan,
    a_store_file,
    enrol,
    query,
    save,
    stop,
    suppress,
)

SECTIONS = ("Energi", "Fordon", "Bygg, anläggning", "Miljö", "Handel")
LISTS = ("industri", "handel", "resten")
Choices = dict[str, dict[str, frozenset[str]]]  #: by address and list; none chosen: all


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store with nothing in it."""
    opened = open_store(a_store_file(tmp_path / "digest.db"))
    yield opened
    opened.close()


def some_readers(store: Store, chance: random.Random, count: int = 40) -> Choices:
    """Bring readers to some of the lists, each with a choice of their own; some get nothing at all."""
    found: Choices = {}
    for n in range(count):
        address, language = f"r{n}@example.com", chance.choice([None, "sv", "en", "en-GB", "de"])
        for name in chance.sample(LISTS[:2], chance.randint(1, 2)):
            names = chance.sample([*SECTIONS, "Sport"], chance.choice([0, 1, 1, 2, 3]))
            person = a_person(address, language=language, sections=joined(names))
            enrol(store, person, list_id=a_list_number(store, name))
            found.setdefault(address, {})[name] = frozenset(map(section_key, names))
        out = chance.random()
        if out < 0.05:
            suppress(store, address)
        elif out < 0.1:
            stop(store, a_newsletter_number(store), address)
        if out < 0.1:
            del found[address]
    return found


def letter_of(variant: Variant) -> Letter:
    letter = a_letter(variant.language)
    letter.articles = None if variant.articles is None else sorted(variant.articles)
    return letter


@pytest.mark.parametrize("seed", range(6))
def test_every_reader_gets_exactly_what_they_chose_once_or_is_skipped(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    readers = some_readers(store, chance)
    sections = [chance.choice([*SECTIONS, *map(str.upper, SECTIONS), *[""] * (seed % 2)]) for _ in range(6)]
    save(store, *(an_article(f"a{n}", url=None, link=f"https://x.example/{n}", section=section)
                  for n, section in enumerate(sections)))  # fmt: skip
    chosen = [article for article, _ in articles.candidates(store, a_newsletter_number(store))]
    list_ids, topics, wishes = [a_list_number(store, name) for name in LISTS], Topics(chosen), Counter[Wanted]()

    def told(wanted: Wanted, count: int) -> None:
        wishes[Wanted(wanted.language, topics.here(wanted.sections))] += count

    variants.hear(store, a_newsletter_number(store), list_ids, told)
    made = plan("sv", chosen, wishes)
    letters = [letter_of(one) for one in made.all]
    edition = editions.freeze(store, a_plan(store, letters=letters, letter_for=made.place_for, list_ids=list_ids))

    assert edition is not None
    assert edition.audience == sum(wishes.values()) == len(readers)
    found = query(
        store.path,
        """SELECT subscriber.address, delivery.state, letter.articles, letter.language, subscriber.language
        FROM delivery JOIN subscriber ON subscriber.id = subscriber_id JOIN letter ON letter.id = letter_id""",
    )
    assert sorted(row[0] for row in found) == sorted(readers), "each has one row, and nobody else"
    stored = {one.id: one for one in editions.letters(store, 1)}
    numbers = {article.id for article in chosen}
    for address, state, held, language, asked in found:
        lists = readers[address].values()
        wanted = None if not all(lists) else frozenset[str]().union(*lists)
        allowed = {a.id for a in chosen if wanted is None or section_key(a.section) in {"", *wanted}}
        if not allowed:
            assert state == DeliveryState.SKIPPED
            continue
        assert state == DeliveryState.PENDING
        assert (numbers if held is None else set(json.loads(held))) == allowed
        assert language == ("en" if (asked or "").startswith("en") else "sv"), "there is no German yet"
    assert len(stored) == len({(one.language, tuple(one.articles or ())) for one in stored.values()})


def test_choice_made_while_letters_are_rendered_is_looked_at_in_the_freeze(store: Store) -> None:
    enrol(store, a_person("anna@example.com", sections="Energi"), a_person("bo@example.com", sections=""))
    save(store, *(an_article(one, url=None, link=f"https://x.example/{one}", section=one) for one in SECTIONS[:3]))
    chosen = [article for article, _ in articles.candidates(store, a_newsletter_number(store))]
    made = plan("sv", chosen, {Wanted(None, frozenset({"energi"})): 1, Wanted(None): 1})
    frozen = a_plan(store, letters=[letter_of(one) for one in made.all], letter_for=made.place_for)
    enrol(store, a_person("bo@example.com", sections="Sport"), a_person("cy@example.com", sections="Fordon|Sport"))

    editions.freeze(store, frozen)

    found = dict(query(store.path, "SELECT subscriber_id, letter_id FROM delivery WHERE state = 1"))
    assert found == {1: 2, 3: 1}, "no letter holds only what Cy wants, so it is the whole"
    assert query(store.path, "SELECT subscriber_id FROM delivery WHERE state = 8") == [(2,)]
