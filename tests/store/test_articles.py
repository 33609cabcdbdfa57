import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from digest.errors import StoreError
from digest.models import Article, PlacementRole, PlacementState, Source
from digest.store import Store, accounts, articles, editions, names, saving
from digest.store.articles import edition_key
from digest.store.saving import Home, Saved
from tests.builders import SUNDAY, an_article
from tests.store.builders import (
    LATER,
    NOON,
    a_frozen_edition,
    a_newsletter_number,
    a_plan,
    query,
    save,
    some_articles,
)

NEW, CHANGED, UNCHANGED, DOUBLED = Saved.NEW, Saved.CHANGED, Saved.UNCHANGED, Saved.DOUBLED
WAITING, PINNED, SHELVED, BOUND = (
    PlacementState.WAITING,
    PlacementState.PINNED,
    PlacementState.SHELVED,
    PlacementState.BOUND,
)
A, B = "https://nytt.example.com/a", "https://nytt.example.com/b"


def a_source(store: Store, name: str = "press") -> int:
    return names.number(store, Source, name, None, NOON)


def titles(store: Store) -> list[str]:
    return [title for (title,) in query(store.path, "SELECT title FROM article ORDER BY id")]


def states(store: Store) -> dict[str, str]:
    wanted = "SELECT title, state FROM placement JOIN article ON article.id = article_id ORDER BY article_id"
    return dict(query(store.path, wanted))


def place(store: Store, state: PlacementState, *numbers: int, newsletter: int | None = None) -> set[int]:
    return articles.place(store, numbers, newsletter, state, by="red", now=LATER)


def test_article_known_by_its_source_s_id_is_updated(store: Store) -> None:
    press = a_source(store)

    assert save(store, an_article("Utkast", source_id=press, guid="7", link=A)) == [NEW]
    assert save(store, an_article("Rost", source_id=press, guid="7", link=A), now=LATER) == [CHANGED]
    assert save(store, an_article("Rost", source_id=press, guid="7", link=A), now=LATER) == [UNCHANGED]

    assert query(store.path, "SELECT title, first_seen < changed_at FROM article") == [("Rost", 1)]


def test_article_of_another_source_is_known_by_its_link_and_stays_as_the_first_one_words_it(store: Store) -> None:
    # Two feeds with one article would else change it to and fro for ever.
    save(store, an_article("Rost", source_id=a_source(store), guid="7", link=A))

    assert save(store, an_article("Rost!", source_id=a_source(store, "other"), guid="8", link=A)) == [DOUBLED]

    assert query(store.path, "SELECT title, source_id, guid FROM article") == [("Rost", a_source(store), "7")]


def test_id_of_another_source_is_another_article(store: Store) -> None:
    found = [an_article(name, source_id=a_source(store, name), guid="7", link=None) for name in ("a", "b")]

    assert save(store, *found) == [NEW, NEW]


def test_article_without_id_and_link_is_never_taken_for_another(store: Store) -> None:
    nameless = [an_article(title, guid=None, link=None) for title in ("Rost", "Ruda")]

    assert save(store, *nameless) == [NEW, NEW]


def test_article_that_stands_twice_in_one_file_is_saved_once(store: Store) -> None:
    press = a_source(store)
    found = [
        an_article("Rost", source_id=press, guid="7", link=A),
        an_article("Rost", source_id=press, guid="7", link=A),
        an_article("Rost, rättad", link=A),
        an_article("Rost, rättad igen", source_id=press, guid="7", link=None),
    ]

    assert save(store, *found) == [NEW, UNCHANGED, CHANGED, CHANGED]
    assert titles(store) == ["Rost, rättad igen"]


def test_page_that_moves_keeps_its_first_link(store: Store) -> None:
    press = a_source(store)
    save(store, an_article(source_id=press, guid="7", link=A))

    save(store, an_article(source_id=press, guid="7", link=B))

    assert query(store.path, "SELECT link FROM article") == [(A,)]


def test_article_that_had_no_link_gets_one(store: Store) -> None:
    press = a_source(store)
    save(store, an_article(source_id=press, guid="7", link=None))

    assert save(store, an_article(source_id=press, guid="7", link=A)) == [CHANGED]

    assert query(store.path, "SELECT link FROM article") == [(A,)]


def test_link_of_another_article_stays_with_that_one(store: Store) -> None:
    press = a_source(store)
    save(store, an_article("Rost", source_id=press, guid="7", link=None), an_article("Ruda", link=A))

    assert save(store, an_article("Rost", source_id=press, guid="7", link=A, lead="Ny.")) == [CHANGED]

    assert query(store.path, "SELECT title, lead, link FROM article ORDER BY id") == [
        ("Rost", "Ny.", None),
        ("Ruda", "", A),
    ]


@pytest.mark.parametrize("at_once", [True, False])
def test_link_that_once_led_to_another_article_makes_no_one_of_two(store: Store, at_once: bool) -> None:
    press = a_source(store)
    found = [
        an_article("Rost", source_id=press, guid="7", link=A),
        an_article("Rost", source_id=press, guid="7", link=B),
        an_article("Ruda", source_id=press, guid="8", link=B),
    ]

    saved = save(store, *found) if at_once else [one for article in found for one in save(store, article)]

    assert saved == [NEW, UNCHANGED, NEW]
    assert titles(store) == ["Rost", "Ruda"]


def test_outcomes_are_in_the_order_of_the_file_over_more_than_one_slice(store: Store) -> None:
    save(store, an_article("1", guid="1", link=None))
    found = [an_article(str(n), guid=str(n), link=None) for n in range(saving.SLICE + 3)]
    found.append(an_article("4, rättad", guid="4", link=None))

    saved = save(store, *found)

    assert [n for n, one in enumerate(saved) if one is not NEW] == [1, len(found) - 1]
    assert (saved[1], saved[-1]) == (UNCHANGED, CHANGED)
    assert len(titles(store)) == saving.SLICE + 3


def test_known_articles_are_looked_up_by_index_and_not_searched_for(store: Store) -> None:
    # In a write transaction, which may take 20 ms, and over an archive that grows for ever.
    asked: list[str] = []

    def listen(*arguments: Any) -> None:
        asked.append(arguments[2])

    found = [an_article(source_id=a_source(store), guid="7", link=A), an_article(guid="8", link=B)]
    event.listen(Engine, "before_cursor_execute", listen)
    try:
        save(store, *found)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)

    (look_up,) = [sql for sql in asked if sql.startswith("SELECT article.id")]
    plan = query(store.path, f"EXPLAIN QUERY PLAN {look_up}", *[None] * look_up.count("?"))
    assert "SCAN" not in str(plan)
    assert "uq_article_source_id_guid" in str(plan)


def test_article_is_placed_once_and_stays_where_an_editor_put_it(store: Store) -> None:
    save(store, an_article(guid="7"))
    place(store, SHELVED, 1)

    save(store, an_article("Rost", guid="7"))

    assert states(store) == {"Rost": "shelved"}


def test_article_that_comes_again_for_another_newsletter_is_placed_there_too(store: Store) -> None:
    one, two = a_newsletter_number(store, "ett"), a_newsletter_number(store, "två")
    save(store, an_article(guid="7"), newsletters=[one])

    save(store, an_article(guid="7"), newsletters=[one, two], state=PlacementState.PASSED)

    assert query(store.path, "SELECT newsletter_id, state FROM placement") == [(one, "waiting"), (two, "passed")]


def test_articles_go_where_their_source_goes(store: Store) -> None:
    one, two = a_newsletter_number(store, "ett"), a_newsletter_number(store, "två")
    homes = {"a": Home({one: WAITING}), "b": Home({two: WAITING}), "c": Home({})}

    saving.save(store, [an_article(title, guid=title, url=None) for title in homes], lambda a: homes[a.title], NOON)

    assert query(store.path, "SELECT article_id, newsletter_id FROM placement") == [(1, one), (2, two)]
    assert accounts.without_place(store) == [3]


def test_broken_article_undoes_its_slice_and_leaves_earlier_ones(store: Store) -> None:
    found = [an_article(str(n), guid=str(n), link=None) for n in range(saving.SLICE)]
    broken = an_article("b", guid="b", link=None, source_id=99)

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        save(store, *found, an_article("a", guid="a", link=None), broken)

    assert len(titles(store)) == saving.SLICE


def test_pinning_one_unpins_the_other_of_that_newsletter(store: Store) -> None:
    one, two = a_newsletter_number(store, "ett"), a_newsletter_number(store, "två")
    save(store, *(an_article(str(n), guid=str(n), link=None) for n in range(3)), newsletters=[one, two])

    assert place(store, PINNED, 1) == {1}
    assert place(store, PINNED, 2, newsletter=one) == {2}

    pinned = "SELECT article_id, newsletter_id, by FROM placement WHERE state = 'pinned' AND pinned"
    assert query(store.path, pinned) == [(1, two, "red"), (2, one, "red")]
    assert query(store.path, "SELECT state, pinned FROM placement WHERE article_id = 1 AND newsletter_id = ?", one) == [
        ("waiting", 0)
    ]


def test_of_several_pinned_at_once_only_the_last_is(store: Store) -> None:
    some_articles(store, "a", "b", "c")

    place(store, PINNED, 1, 3, 2)

    assert states(store) == {"a": "waiting", "b": "pinned", "c": "waiting"}


def test_placing_says_who_and_when(store: Store) -> None:
    some_articles(store, "a", "b")

    assert place(store, SHELVED, 1, 2) == {1, 2}

    (place_of_a,) = articles.listing(store, numbers=[1])[0].placements
    assert (place_of_a.state, place_of_a.by, place_of_a.at) == ("shelved", "red", LATER)


def test_bound_article_stays_where_it_is(store: Store) -> None:
    a_frozen_edition(store)

    assert place(store, PINNED, 1) == set()

    assert states(store) == {"Luftrenare": "bound"}


def test_article_pinned_by_releasing_loses_its_pin(store: Store) -> None:
    some_articles(store, "a")
    place(store, PINNED, 1)

    place(store, WAITING, 1)

    assert query(store.path, "SELECT state, pinned FROM placement") == [("waiting", 0)]


def test_candidates_wait_or_are_pinned(store: Store) -> None:
    some_articles(store, *(state.value for state in PlacementState))
    for number, state in enumerate(PlacementState, 1):
        place(store, state, number)
    other = a_newsletter_number(store, "annat")

    found = articles.candidates(store, a_newsletter_number(store))

    assert [(article.title, placement.state) for article, placement in found] == [
        ("waiting", WAITING),
        ("pinned", PINNED),
    ]
    assert articles.candidates(store, other) == []


def test_listing_is_newest_first_with_source_and_places(store: Store) -> None:
    press = a_source(store)
    day = dt.timedelta(days=1)
    save(
        store,
        an_article("old", guid="1", link=None, published=NOON - day, source_id=press),
        an_article("undated", guid="2", link=None, first_seen=NOON),
        an_article("new", guid="3", link=None, published=NOON + day),
    )
    save(store, an_article("both", guid="4", link=None, published=NOON - 2 * day), newsletters=[
        a_newsletter_number(store), a_newsletter_number(store, "annat")
    ])  # fmt: skip

    listed = articles.listing(store)

    assert [(one.article.title, one.source) for one in listed] == [
        ("new", None), ("undated", None), ("old", "press"), ("both", None),
    ]  # fmt: skip
    assert {place.newsletter for place in listed[3].placements} == {"nyheter", "annat"}
    assert [one.article.title for one in articles.listing(store, limit=2)] == ["new", "undated"]
    assert [one.article.title for one in articles.listing(store, numbers=[1, 4, 99])] == ["old", "both"]
    annat = articles.listing(store, newsletter_id=a_newsletter_number(store, "annat"))
    assert [one.article.title for one in annat] == ["both"]


def test_listing_narrows_newsletter_and_state_together(store: Store) -> None:
    one, two = a_newsletter_number(store, "ett"), a_newsletter_number(store, "två")
    save(store, an_article("a", guid="a", link=None), newsletters=[one, two])
    place(store, SHELVED, 1, newsletter=two)

    assert articles.listing(store, newsletter_id=one, states=[SHELVED]) == []
    assert len(articles.listing(store, newsletter_id=two, states=[SHELVED, BOUND])) == 1
    assert len(articles.listing(store, states=[SHELVED])) == 1


def test_listed_article_names_the_edition_it_is_in(store: Store) -> None:
    a_frozen_edition(store, number=2)

    assert [place.edition for place in articles.listing(store)[0].placements] == ["nyheter/2025-11-30.2"]


def test_articles_of_an_edition_are_read_with_how_they_were_printed(store: Store) -> None:
    some_articles(store, "a", "b", "c")
    roles = {1: PlacementRole.FOLDED, 2: PlacementRole.LEAD, 3: PlacementRole.HEADLINE}
    plan = replace(a_plan(store), roles=roles)
    edition = editions.freeze(store, plan)

    assert edition is not None
    assert edition.id is not None
    found = articles.printed_in(store, edition.id)
    assert [(article.title, place.role) for article, place in found] == [
        ("a", PlacementRole.FOLDED), ("b", PlacementRole.LEAD), ("c", PlacementRole.HEADLINE),
    ]  # fmt: skip


def test_editing_sets_what_is_given_and_when(store: Store) -> None:
    some_articles(store, "a")

    articles.edit(store, 1, {"title": "b", "published_on": SUNDAY}, LATER)

    article: Article = articles.listing(store)[0].article
    assert (article.title, article.published_on, article.changed_at) == ("b", SUNDAY, LATER)


def test_rank_is_set_in_one_newsletter(store: Store) -> None:
    one, two = a_newsletter_number(store, "ett"), a_newsletter_number(store, "två")
    save(store, *(an_article(str(n), guid=str(n), link=None) for n in range(2)), newsletters=[one, two])

    articles.rank(store, one, {1: -1, 2: 5})

    assert query(store.path, "SELECT newsletter_id, article_id, rank FROM placement ORDER BY 1, 2") == [
        (one, 1, -1), (one, 2, 5), (two, 1, 0), (two, 2, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "key"), [(1, "nyheter/2025-11-30"), (2, "nyheter/2025-11-30.2")])
def test_key_of_an_extra_edition_has_its_number(number: int, key: str) -> None:
    assert edition_key("nyheter", SUNDAY, number) == key
