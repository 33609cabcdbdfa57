import datetime as dt
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.edition.audit import Account, account_for
from digest.models import Article, PlacementState
from digest.store.articles import Listed, Placed
from tests.builders import an_article

NOW = dt.datetime(2025, 11, 30, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
EDITION = "nyheter/2025-11-30"


def listed(*places: tuple[str, str], newsletter: str = "nyheter", number: int = 1, **values: Any) -> Listed:
    """Return an article with its places: pairs of newsletter and state."""
    found = [
        Placed(name, state, EDITION if state == PlacementState.BOUND else None, "red", NOW) for name, state in places
    ]
    return Listed(an_article(str(number), id=number, url=None, **values), None, tuple(found))


def account(*placed: Listed, nowhere: tuple[Article, ...] = ()) -> Account:
    return account_for("nyheter", placed, nowhere, NOW)


def where(account: Account) -> dict[str, list[int | None]]:
    """Return the numbers of the articles in each place that has some."""
    places = {f"in {key}": [article.id for article in bound] for key, bound in account.editions.items()}
    for name in (field.name for field in fields(account) if field.name not in ("newsletter", "editions")):
        found = [one[0] if isinstance(one, tuple) else one for one in getattr(account, name)]
        if found:
            places[name] = [article.id for article in found]
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
    assert where(account(listed(("nyheter", state), **values))) == {place: [1]}


def test_what_an_editor_took_out_says_who_did() -> None:
    found = account(listed(("nyheter", "shelved")), listed(("nyheter", "dropped"), number=2))

    assert [by for _, by in (*found.shelved, *found.dropped)] == ["red", "red"]


def test_articles_of_several_editions_stand_under_each() -> None:
    second = Placed("nyheter", "bound", "nyheter/2025-12-01", "", NOW)
    found = account(listed(("nyheter", "bound")), Listed(an_article("2", id=2), None, (second,)))

    assert where(found) == {f"in {EDITION}": [1], "in nyheter/2025-12-01": [2]}
    assert found.articles == 2


def test_placement_in_another_newsletter_is_not_this_one_s() -> None:
    found = account(listed(("annat", "waiting")), listed(("annat", "bound"), ("nyheter", "waiting"), number=2))

    assert where(found) == {"waiting": [2]}
    assert found.articles == 1


def test_article_that_is_placed_nowhere_is_unexplained() -> None:
    assert where(account(nowhere=(an_article("7", id=7),))) == {"unexplained": [7]}


@pytest.mark.parametrize("state", ["bound", "lost"])
def test_placement_that_leads_nowhere_is_unexplained(state: str) -> None:
    astray = Listed(an_article("7", id=7), None, (Placed("nyheter", state, None, "", NOW),))

    assert where(account(astray)) == {"unexplained": [7]}


MOMENTS = st.none() | st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR)
ARTICLES = st.lists(
    st.builds(
        lambda states, embargo, expires: (states, {"embargo_until": embargo, "expires": expires}),
        st.dictionaries(st.sampled_from(["nyheter", "annat"]), st.sampled_from(PlacementState)),
        MOMENTS,
        MOMENTS,
    ),
    max_size=20,
)


@given(ARTICLES)
def test_every_article_is_in_exactly_one_place(articles: list[tuple[dict[str, str], dict[str, Any]]]) -> None:
    everything = [listed(*states.items(), number=n, **values) for n, (states, values) in enumerate(articles)]
    nowhere = tuple(one.article for one in everything if not one.placements)

    found = account(*everything, nowhere=nowhere)

    numbers = sorted(number or 0 for place in where(found).values() for number in place)
    assert numbers == [n for n, (states, _) in enumerate(articles) if "nyheter" in states or not states]
    assert found.articles == len(numbers)
    assert found.unexplained == list(nowhere)
