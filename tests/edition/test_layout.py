import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.edition.layout import Layout, date_of, lay_out
from digest.models import Article, Placement, PlacementRole, PlacementState
from tests.builders import SUNDAY, an_article, the_seed

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = dt.datetime(2025, 11, 30, 12, tzinfo=STOCKHOLM)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PINNED, WAITING = PlacementState.PINNED, PlacementState.WAITING
Pair = tuple[Article, Placement]


def placed(number: int, *, state: PlacementState = WAITING, rank: int = 0, **values: Any) -> Pair:
    """Return an article called by its number, with its place."""
    place = Placement(article_id=number, newsletter_id=1, state=state, rank=rank, at=NOON, pinned=state is PINNED)
    return an_article(str(number), id=number, url=None, **values), place


def laid_out(*pairs: Pair, most: int = 60) -> Layout:
    return lay_out(pairs, SUNDAY, STOCKHOLM, most)


def told(layout: Layout) -> tuple[str | None, dict[dt.date, list[str]], list[str]]:
    """Return the lead's title, those of each date, and the folded ones."""
    return (
        layout.lead.title if layout.lead else None,
        {day.date: [article.title for article in day.articles] for day in layout.days},
        [article.title for article in layout.folded],
    )


def test_nothing_chosen_is_nothing_printed() -> None:
    layout = laid_out()

    assert told(layout) == (None, {}, [])
    assert (layout.count, layout.printed, layout.roles()) == (0, (), {})


def test_pinned_article_leads_and_is_not_repeated_under_its_date() -> None:
    layout = laid_out(placed(1, published=NOON, lead="Text."), placed(2, state=PINNED, published=NOON - 3 * DAY))

    assert told(layout) == ("2", {SUNDAY: ["1"]}, [])


def test_with_nothing_pinned_the_newest_with_a_lead_text_leads() -> None:
    layout = laid_out(
        placed(1, published=NOON),
        placed(2, published=NOON - 2 * HOUR, lead="Text."),
        placed(3, published=NOON - HOUR, lead="Text."),
    )

    assert told(layout) == ("3", {SUNDAY: ["1", "2"]}, [])


def test_with_no_lead_text_at_all_the_newest_leads() -> None:
    layout = laid_out(placed(1, published=NOON - DAY), placed(2, published=NOON), placed(3, published=NOON - HOUR))

    assert told(layout)[0] == "2"


def test_only_article_leads_an_edition_without_headlines() -> None:
    assert told(laid_out(placed(1, published=NOON))) == ("1", {}, [])


def test_days_are_newest_first_in_the_newsletter_s_zone() -> None:
    layout = laid_out(
        placed(1, state=PINNED, published=NOON),
        placed(2, published=dt.datetime(2025, 11, 28, 23, 30, tzinfo=dt.UTC)),  # half past midnight in Stockholm
        placed(3, published=dt.datetime(2025, 11, 28, 22, 30, tzinfo=dt.UTC)),
        placed(4, published=dt.datetime(2025, 11, 30, 9, 0, tzinfo=dt.UTC)),
        placed(5, published=dt.datetime(2025, 11, 29, 9, 0, tzinfo=dt.UTC)),
    )

    assert told(layout)[1] == {SUNDAY: ["4"], SUNDAY - DAY: ["5", "2"], SUNDAY - 2 * DAY: ["3"]}
    assert [day.date for day in layout.days] == [SUNDAY, SUNDAY - DAY, SUNDAY - 2 * DAY]


def test_inside_a_day_rank_counts_and_then_time() -> None:
    layout = laid_out(
        placed(1, state=PINNED, published=NOON),
        placed(2, published=NOON - 1 * HOUR),
        placed(3, published=NOON - 2 * HOUR, rank=-1),
        placed(4, published=NOON - 3 * HOUR),
        placed(5, published=NOON, rank=7),
        placed(6, published=NOON - 4 * HOUR, rank=-1),
    )

    assert told(layout)[1] == {SUNDAY: ["3", "6", "2", "4", "5"]}


def test_rank_moves_nothing_to_another_day() -> None:
    layout = laid_out(
        placed(1, state=PINNED, published=NOON),
        placed(2, published=NOON - DAY, rank=-9),
        placed(3, published=NOON),
    )

    assert told(layout)[1] == {SUNDAY: ["3"], SUNDAY - DAY: ["2"]}


def test_dates_without_a_time_stand_in_the_order_of_their_file_after_what_has_one() -> None:
    midnight = NOON.replace(hour=0)
    dated: dict[str, Any] = {"published_on": SUNDAY, "published": midnight}
    layout = laid_out(
        placed(9, state=PINNED, published=NOON), placed(3, **dated), placed(1, **dated), placed(2, **dated),
        placed(4, published=midnight + HOUR),
    )  # fmt: skip

    assert told(layout)[1] == {SUNDAY: ["4", "1", "2", "3"]}


@pytest.mark.parametrize(
    ("values", "date"),
    [
        ({"published": dt.datetime(2025, 11, 28, 23, 30, tzinfo=dt.UTC)}, SUNDAY - DAY),
        ({"published": NOON - 3 * DAY, "published_on": SUNDAY}, SUNDAY),
        ({"first_seen": NOON - 3 * DAY}, SUNDAY - 3 * DAY),
        ({"first_seen": NOON + 3 * DAY}, SUNDAY),
        ({"first_seen": dt.datetime(2025, 11, 28, 23, 30, tzinfo=dt.UTC)}, SUNDAY - DAY),
        ({"published": dt.datetime(2025, 3, 30, 0, 59, tzinfo=dt.UTC)}, dt.date(2025, 3, 30)),
        ({"published": dt.datetime(2025, 3, 29, 23, 0, tzinfo=dt.UTC)}, dt.date(2025, 3, 30)),
        ({"published": dt.datetime(2025, 10, 25, 22, 0, tzinfo=dt.UTC)}, dt.date(2025, 10, 26)),
        ({"published": dt.datetime(2025, 10, 26, 22, 59, tzinfo=dt.UTC)}, dt.date(2025, 10, 26)),
        ({"published": dt.datetime(2025, 10, 26, 23, 0, tzinfo=dt.UTC)}, dt.date(2025, 10, 27)),
    ],
    ids=[
        "a moment in the newsletter's zone", "a date of its own, wherever it begins", "undated: first seen",
        "undated and first seen later: the edition's date", "undated, in the newsletter's zone", "spring, before",
        "spring, midnight", "autumn, midnight", "autumn, the 25th hour", "autumn, the day after",
    ],
)  # fmt: skip
def test_article_stands_under_its_date(values: dict[str, Any], date: dt.date) -> None:
    assert date_of(an_article(**values), SUNDAY, STOCKHOLM) == date


def test_undated_article_stands_last_in_its_day() -> None:
    layout = laid_out(
        placed(1, state=PINNED, published=NOON), placed(2, first_seen=NOON), placed(3, published=NOON - 3 * HOUR)
    )

    assert told(layout)[1] == {SUNDAY: ["3", "2"]}


def test_more_than_there_is_room_for_are_folded_the_oldest_first() -> None:
    pairs = [placed(n, published=NOON - n * DAY) for n in range(6)]

    layout = laid_out(*pairs, most=4)

    assert told(layout) == ("0", {SUNDAY - n * DAY: [str(n)] for n in (1, 2, 3)}, ["4", "5"])
    assert (layout.count, len(layout.printed)) == (6, 4)


def test_rank_does_not_save_an_old_article_from_being_folded() -> None:
    layout = laid_out(placed(1, published=NOON), placed(2, published=NOON - DAY, rank=-9), placed(3), most=2)

    assert told(layout)[2] == ["2"]


def test_pinned_articles_are_printed_whatever_their_age_and_stand_under_their_date_by_time() -> None:
    # Two are pinned when an edition is taken back after another article was pinned.
    layout = laid_out(
        placed(1, state=PINNED, published=NOON - 9 * DAY),
        placed(2, state=PINNED, published=NOON - 9 * DAY + 2 * HOUR),
        placed(3, published=NOON - 9 * DAY + HOUR),
        placed(4, published=NOON - 10 * DAY),
        most=3,
    )

    assert told(layout) == ("2", {(NOON - 9 * DAY).date(): ["3", "1"]}, ["4"])
    assert told(laid_out(placed(1, state=PINNED, published=NOON - DAY), placed(2, published=NOON), most=1)) == (
        "1", {}, ["2"],
    )  # fmt: skip


def test_every_article_has_its_role() -> None:
    layout = laid_out(*(placed(n, published=NOON - n * DAY) for n in range(1, 5)), most=2)

    assert layout.roles() == {
        1: PlacementRole.LEAD, 2: PlacementRole.HEADLINE, 3: PlacementRole.FOLDED, 4: PlacementRole.FOLDED,
    }  # fmt: skip


def test_lead_comes_first_of_what_is_printed() -> None:
    layout = laid_out(placed(1, published=NOON), placed(2, published=NOON - DAY, lead="Text."), placed(3))

    assert [article.title for article in layout.printed] == ["2", "1", "3"]


def test_sample_has_five_dates_of_five_headlines_newest_first() -> None:
    layout = the_seed()

    assert layout.lead is not None
    assert "Xiaomi" in layout.lead.title
    assert [len(day.articles) for day in layout.days] == [5] * 5
    assert [day.date.day for day in layout.days] == [30, 28, 27, 26, 25]


PAIRS = st.lists(
    st.builds(
        lambda number, hours, dated, state, rank, lead: placed(
            number, state=state, rank=rank, lead=lead,
            published=NOON - hours * HOUR if dated else None,
            published_on=(NOON - hours * HOUR).date() if dated == "on" else None,
        ),
        st.integers(1, 10**6), st.integers(-30, 300), st.sampled_from(["at", "on", ""]),
        st.sampled_from([WAITING, WAITING, WAITING, PINNED]), st.integers(-2, 2), st.sampled_from(["", "Text."]),
    ),
    max_size=25, unique_by=lambda pair: pair[0].id,
)  # fmt: skip


@given(PAIRS, st.integers(1, 30))
def test_every_article_stands_in_exactly_one_place(pairs: list[Pair], most: int) -> None:
    layout = laid_out(*pairs, most=most)

    found = [article.id for article in (*layout.printed, *layout.folded)]
    assert sorted(found, key=str) == sorted((article.id for article, _ in pairs), key=str)
    assert layout.count == len(pairs)
    assert set(layout.roles()) == {article.id for article, _ in pairs}
    assert (layout.lead is None) == (not pairs)
    assert len(layout.printed) == min(len(pairs), most)
    assert [day.date for day in layout.days] == sorted({day.date for day in layout.days}, reverse=True)
    assert all(day.articles for day in layout.days)
    assert layout == laid_out(*reversed(pairs), most=most), "the order in which they were read does not matter"
