import datetime as dt
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from digest.edition.select import choose, cut_off, is_published
from digest.models import Article, Placement, PlacementState
from tests.builders import SUNDAY, an_article

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = dt.datetime(2025, 11, 30, 12, tzinfo=STOCKHOLM)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PINNED = PlacementState.PINNED
Pair = tuple[Article, Placement]


def a_candidate(title: str = "Luftrenare", state: PlacementState = PlacementState.WAITING, **values: Any) -> Pair:
    article = an_article(title, **values)
    return article, Placement(article_id=article.id or 1, newsletter_id=1, state=state, at=NOON)


def chosen(
    *candidates: Pair, date: dt.date = SUNDAY, now: dt.datetime = NOON, reach: int | None = None
) -> tuple[list[str], list[str]]:
    """Return the titles that go in, and those that are passed."""
    choice = choose(candidates, date, STOCKHOLM, now, reach)
    return [article.title for article, _ in choice.chosen], [article.title for article in choice.passed]


def goes_in(*, date: dt.date = SUNDAY, now: dt.datetime = NOON, reach: int | None = None, **values: Any) -> bool:
    return chosen(a_candidate(**values), date=date, now=now, reach=reach)[0] == ["Luftrenare"]


def local(date: dt.date, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(hour, minute, second, microsecond), STOCKHOLM)


def test_today_s_edition_takes_what_is_out_by_now() -> None:
    assert goes_in(published=NOON - HOUR)
    assert goes_in(published=NOON)
    assert not goes_in(published=NOON + dt.timedelta(microseconds=1))


def test_past_date_s_edition_takes_what_was_out_by_the_end_of_that_day() -> None:
    now = NOON + 3 * DAY

    assert goes_in(published=local(SUNDAY, 23, 59, 59, 999_999), now=now)
    assert not goes_in(published=local(SUNDAY + DAY), now=now), "midnight is the next day's"


def test_day_is_the_newsletter_s_own() -> None:
    just_after_midnight = dt.datetime(2025, 11, 30, 23, 30, tzinfo=dt.UTC)  # the 1st of December in Stockholm

    assert not goes_in(published=just_after_midnight, now=NOON + 3 * DAY)
    assert goes_in(published=just_after_midnight, date=SUNDAY + DAY, now=NOON + 3 * DAY)
    assert cut_off(SUNDAY, just_after_midnight, STOCKHOLM) < just_after_midnight, "it is past in Stockholm"
    assert cut_off(SUNDAY, just_after_midnight, ZoneInfo("UTC")) == just_after_midnight


@pytest.mark.parametrize(
    ("date", "last_hour"),
    [
        (dt.date(2025, 3, 29), "2025-03-29T22:00+00:00"),
        (dt.date(2025, 3, 30), "2025-03-30T21:00+00:00"),  # 23 hours long
        (dt.date(2025, 3, 31), "2025-03-31T21:00+00:00"),
        (dt.date(2025, 10, 25), "2025-10-25T21:00+00:00"),
        (dt.date(2025, 10, 26), "2025-10-26T22:00+00:00"),  # 25 hours long
        (dt.date(2025, 10, 27), "2025-10-27T22:00+00:00"),
    ],
)
def test_day_ends_at_midnight_also_when_clocks_change(date: dt.date, last_hour: str) -> None:
    last = dt.datetime.fromisoformat(last_hour)

    assert goes_in(published=last, date=date)
    assert goes_in(published=last + HOUR - dt.timedelta(seconds=1), date=date)
    assert not goes_in(published=last + HOUR, date=date)


@pytest.mark.parametrize("fold", [0, 1])
def test_hour_that_comes_twice_belongs_to_its_day(fold: int) -> None:
    autumn = dt.date(2025, 10, 26)
    twice = dt.datetime(2025, 10, 26, 2, 30, tzinfo=STOCKHOLM, fold=fold)
    now = dt.datetime(2025, 10, 26, 2, 45, tzinfo=STOCKHOLM, fold=0)

    assert goes_in(published=twice.astimezone(dt.UTC), date=autumn)
    assert goes_in(published=twice.astimezone(dt.UTC), date=autumn, now=now) == (fold == 0), "half past two is to come"


def test_date_without_a_time_is_out_from_that_date_on() -> None:
    midnight = local(SUNDAY + DAY).astimezone(dt.UTC)

    assert goes_in(published_on=SUNDAY, published=local(SUNDAY))
    assert not goes_in(published_on=SUNDAY + DAY, published=midnight)
    assert not goes_in(published_on=SUNDAY + DAY, published=midnight, now=NOON + 3 * DAY)
    assert goes_in(published_on=SUNDAY + DAY, published=midnight, date=SUNDAY + DAY, now=NOON + 3 * DAY)


def test_date_without_a_time_is_that_date_whatever_the_source_s_zone() -> None:
    in_tokyo = dt.datetime.combine(SUNDAY, dt.time(), ZoneInfo("Asia/Tokyo")).astimezone(dt.UTC)
    in_honolulu = dt.datetime.combine(SUNDAY, dt.time(), ZoneInfo("Pacific/Honolulu")).astimezone(dt.UTC)

    for midnight in (in_tokyo, in_honolulu):
        assert is_published(an_article(published_on=SUNDAY, published=midnight), SUNDAY, NOON - DAY)
        assert not is_published(an_article(published_on=SUNDAY, published=midnight), SUNDAY - DAY, NOON + DAY)


@pytest.mark.parametrize("reach", [None, 0, 7])
def test_undated_article_always_goes_in(reach: int | None) -> None:
    assert goes_in(first_seen=NOON - 400 * DAY, reach=reach)
    assert goes_in(first_seen=NOON, date=SUNDAY - 5 * DAY, reach=reach)


def test_article_under_embargo_waits() -> None:
    assert not goes_in(embargo_until=NOON + HOUR)
    assert goes_in(embargo_until=NOON), "it ends at that moment"
    assert not goes_in(embargo_until=NOON + HOUR, date=SUNDAY - DAY), "a past edition is read today"


def test_expired_article_stays_out() -> None:
    assert goes_in(expires=NOON + HOUR)
    assert not goes_in(expires=NOON)
    assert not goes_in(expires=NOON - HOUR, state=PINNED)


def test_first_edition_reaches_so_many_days_back_and_passes_what_is_older() -> None:
    candidates = [
        a_candidate("in time", published=local(SUNDAY - 7 * DAY)),
        a_candidate("by date", published_on=SUNDAY - 7 * DAY, published=local(SUNDAY - 7 * DAY)),
        a_candidate("a second older", published=local(SUNDAY - 7 * DAY) - dt.timedelta(seconds=1)),
        a_candidate("a day older", published_on=SUNDAY - 8 * DAY, published=local(SUNDAY - 8 * DAY)),
        a_candidate("ancient", published=NOON - 4000 * DAY),
    ]

    assert chosen(*candidates, reach=7) == (["in time", "by date"], ["a second older", "a day older", "ancient"])


def test_reach_is_counted_in_dates_also_when_clocks_change() -> None:
    monday = dt.date(2025, 3, 31)  # the day before has 23 hours
    now = dt.datetime(2025, 3, 31, 12, tzinfo=STOCKHOLM)

    assert goes_in(published=local(monday - DAY), date=monday, now=now, reach=1)
    assert not goes_in(published=local(monday - DAY) - dt.timedelta(seconds=1), date=monday, now=now, reach=1)


def test_reach_is_counted_back_from_the_edition_s_date() -> None:
    past = SUNDAY - 10 * DAY

    assert goes_in(published=local(past - 7 * DAY), date=past, reach=7)
    assert not goes_in(published=local(past - 8 * DAY), date=past, reach=7)


def test_first_edition_that_reaches_nowhere_has_today_s() -> None:
    assert goes_in(published=local(SUNDAY), reach=0)
    assert not goes_in(published=local(SUNDAY) - HOUR, reach=0)


def test_later_editions_take_everything_that_waits_however_old() -> None:
    ancient = a_candidate("ancient", published=NOON - 4000 * DAY)

    assert chosen(ancient, reach=None) == (["ancient"], [])


def test_pinned_article_goes_into_the_first_edition_though_it_is_old() -> None:
    assert chosen(a_candidate("pinned", PINNED, published=NOON - 400 * DAY), reach=7) == (["pinned"], [])


def test_what_may_not_be_shown_yet_is_not_passed_either() -> None:
    old = NOON - 400 * DAY
    candidates = [
        a_candidate("embargo", published=old, embargo_until=NOON + HOUR),
        a_candidate("expired", published=old, expires=NOON),
        a_candidate("to come", published=NOON + HOUR),
    ]

    assert chosen(*candidates, reach=7) == ([], [])


def test_nothing_that_waits_makes_an_empty_choice() -> None:
    assert chosen() == chosen(reach=7) == ([], [])


def test_order_of_the_candidates_is_kept() -> None:
    titles = [f"article {n}" for n in range(9)]

    assert chosen(*(a_candidate(title) for title in titles), reach=7)[0] == titles


def test_first_edition_over_a_large_archive_is_chosen_at_once() -> None:
    archive = [a_candidate(str(n), id=n, published=NOON - n * HOUR) for n in range(2000)]

    begun = time.process_time()
    new, old = chosen(*archive, reach=7)

    assert (len(new), len(old)) == (181, 1819)
    assert time.process_time() - begun < 2
