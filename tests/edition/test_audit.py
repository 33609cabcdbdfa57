import datetime as dt
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.edition.audit import Account, account_for
from digest.models import PlacementState
from digest.store.accounts import Entry

NOW = dt.datetime(2025, 11, 30, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
EDITION = "nyheter/2025-11-30"


def placed(state: str, number: int = 1, **values: Any) -> Entry:
    """Return an article's place in the newsletter."""
    return Entry(number, state, EDITION if state == PlacementState.BOUND else None, "red", **values)


def account(*places: Entry, nowhere: tuple[int, ...] = ()) -> Account:
    return account_for("nyheter", places, nowhere, NOW)


def where(account: Account) -> dict[str, list[int]]:
    """Return the numbers of the articles in each place that has some."""
    places = {f"in {key}": list(bound) for key, bound in account.editions.items()}
    for name in (field.name for field in fields(account) if field.name not in ("newsletter", "editions")):
        found = [one[0] if isinstance(one, tuple) else one for one in getattr(account, name)]
        if found:
            places[name] = found
    return places


@pytest.mark.parametrize(
    ("state", "values", "place"),
    [
        (PlacementState.WAITING, {}, "waiting"),
        (PlacementState.PINNED, {}, "pinned"),
        (PlacementState.SHELVED, {}, "shelved"),
        (PlacementState.DROPPED, {}, "dropped"),
        (PlacementState.PASSED, {}, "passed"),
        (PlacementState.BOUND, {}, f"in {EDITION}"),
        (PlacementState.WAITING, {"embargo_until": NOW + HOUR}, "embargoed"),
        (PlacementState.PINNED, {"embargo_until": NOW + HOUR}, "embargoed"),
        (PlacementState.WAITING, {"embargo_until": NOW}, "waiting"),
        (PlacementState.WAITING, {"expires": NOW}, "expired"),
        (PlacementState.PINNED, {"expires": NOW}, "expired"),
        (PlacementState.WAITING, {"expires": NOW, "embargo_until": NOW + HOUR}, "expired"),
        (PlacementState.WAITING, {"expires": NOW + HOUR}, "waiting"),
        (PlacementState.BOUND, {"expires": NOW}, f"in {EDITION}"),
        (PlacementState.SHELVED, {"embargo_until": NOW + HOUR}, "shelved"),
    ],
)
def test_article_is_where_its_placement_says(state: PlacementState, values: dict[str, Any], place: str) -> None:
    assert where(account(placed(state, **values))) == {place: [1]}


def test_what_an_editor_took_out_says_who_did() -> None:
    found = account(placed("shelved"), placed("dropped", 2))

    assert (found.shelved, found.dropped) == ([(1, "red")], [(2, "red")])


def test_articles_of_several_editions_stand_under_each() -> None:
    found = account(placed("bound"), Entry(2, "bound", "nyheter/2025-12-01"))

    assert where(found) == {f"in {EDITION}": [1], "in nyheter/2025-12-01": [2]}
    assert found.articles == 2


def test_article_that_is_placed_nowhere_is_unexplained() -> None:
    assert where(account(nowhere=(7,))) == {"unexplained": [7]}


@pytest.mark.parametrize("state", ["bound", "lost"])
def test_placement_that_leads_nowhere_is_unexplained(state: str) -> None:
    assert where(account(Entry(7, state))) == {"unexplained": [7]}


MOMENTS = st.none() | st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR)
ARTICLES = st.lists(st.tuples(st.none() | st.sampled_from(PlacementState), MOMENTS, MOMENTS), max_size=20)


@given(ARTICLES)
def test_every_article_is_in_exactly_one_place(
    articles: list[tuple[PlacementState | None, dt.datetime | None, dt.datetime | None]],
) -> None:
    places = [
        placed(state, n, embargo_until=embargo, expires=expires)
        for n, (state, embargo, expires) in enumerate(articles)
        if state is not None
    ]
    nowhere = tuple(n for n, (state, _, _) in enumerate(articles) if state is None)

    found = account(*places, nowhere=nowhere)

    numbers = sorted(number for place in where(found).values() for number in place)
    assert numbers == list(range(len(articles)))
    assert found.articles == len(numbers)
    assert tuple(found.unexplained) == nowhere
