import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from digest.operation.schedule import (
    DAY,
    MINUTE,
    Slot,
    clock_change,
    expected_at,
    instant_of,
    is_shown_twice,
    is_skipped,
    is_skipped_by_clocks,
    lateness,
    latest,
    slot_of,
    upcoming,
    wall_time,
)
from digest.settings import NewsletterSettings
from tests.builders import a_newsletter

HOUR = dt.timedelta(hours=1)
YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
#: Every kind of zone: two ordinary ones, one that moves by half an hour, one that never moves, one that moves over
#: midnight to the day before, and one where a midnight does not come.
ZONES = {
    "Europe/Stockholm": (dt.date(2026, 3, 29), dt.date(2026, 10, 25)),
    "America/New_York": (dt.date(2026, 3, 8), dt.date(2026, 11, 1)),
    "Australia/Lord_Howe": (dt.date(2026, 10, 4), dt.date(2026, 4, 5)),
    "Asia/Tokyo": (dt.date(2026, 3, 29), dt.date(2026, 10, 25)),
    "America/Nuuk": (dt.date(2026, 3, 28), dt.date(2026, 10, 24)),
    "America/Santiago": (dt.date(2026, 9, 6), dt.date(2026, 4, 4)),
}
SCHEDULES = ["30 2 * * *", "0 0 * * *", "59 23 * * *", "*/30 * * * *", "*/5 2 * * *", "30 23 * * *", "0 6 * * 1-5"]
NIGHTS = [(zone, *nights) for zone, nights in ZONES.items()]


def every(step: dt.timedelta, start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """Yield instants, as a clock shows them to who looks so often."""
    while start < end:
        yield start
        start += step


def found_by_looking(
    newsletter: NewsletterSettings, start: dt.datetime, end: dt.datetime, step: dt.timedelta
) -> list[Slot]:
    """Return the dates that ``latest`` comes up with while time goes on, and check what holds at every look."""
    found: list[Slot] = []
    for now in every(step, start, end):
        slot = latest(newsletter, now)
        assert slot is None or slot.at <= now
        if slot is not None and (not found or slot != found[-1]):
            assert not found or now - slot.at < step, "it is found as soon as its time has come"
            found.append(slot)
    return found


def wanted(newsletter: NewsletterSettings, first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the dates of a schedule of every day, or of weekdays, counted by themselves."""
    only_weekdays = str(newsletter.schedule).endswith("1-5")
    dates = [first + n * DAY for n in range((last - first).days + 1)]
    return [date for date in dates if date.weekday() < 5 or not only_weekdays]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("zone", ZONES)
def test_each_date_of_a_year_is_found_once(zone: str, schedule: str) -> None:
    newsletter = a_newsletter(timezone=zone, schedule=schedule)
    found = found_by_looking(newsletter, YEAR, YEAR + 366 * DAY, HOUR)

    assert [slot.date for slot in found] == wanted(newsletter, found[0].date, found[-1].date)
    assert len(found) > 260
    assert all(before.at < after.at for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("zone", "schedule"),
    [
        ("Europe/Stockholm", "30 2 * * *"),
        ("America/New_York", "0 0 * * *"),
        ("Australia/Lord_Howe", "59 23 * * *"),
        ("Asia/Tokyo", "*/30 * * * *"),
    ],
)
def test_each_date_of_a_year_is_found_once_by_a_look_every_five_minutes(zone: str, schedule: str) -> None:
    newsletter = a_newsletter(timezone=zone, schedule=schedule)
    found = found_by_looking(newsletter, YEAR, YEAR + 365 * DAY, 5 * MINUTE)

    assert [slot.date for slot in found] == wanted(newsletter, found[0].date, found[-1].date)
    assert len(found) >= 365


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("zone", "forward", "back"), NIGHTS)
def test_each_date_is_found_once_by_a_look_every_minute_of_a_clock_change(
    zone: str, forward: dt.date, back: dt.date, schedule: str
) -> None:
    newsletter = a_newsletter(timezone=zone, schedule=schedule)
    for night in (forward, back):
        noon = dt.datetime.combine(night - DAY, dt.time(12), ZoneInfo(zone)).astimezone(dt.UTC)
        found = found_by_looking(newsletter, noon, noon + 2 * DAY + 2 * HOUR, MINUTE)[1:]  # the first came before
        dates = [slot.date for slot in found]

        assert dates == (wanted(newsletter, dates[0], dates[-1]) if dates else [])
        assert night in dates or (night.weekday() >= 5 and schedule.endswith("1-5"))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("zone", "forward", "back"), NIGHTS)
def test_what_is_to_come_is_what_will_have_come(zone: str, forward: dt.date, back: dt.date, schedule: str) -> None:
    newsletter = a_newsletter(timezone=zone, schedule=schedule)
    for night in (forward, back):
        start = dt.datetime.combine(night - 2 * DAY, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC)
        slots = list(upcoming(newsletter, start, 5))

        assert [slot.date for slot in slots] == wanted(newsletter, night - 2 * DAY, night + 2 * DAY)
        assert all(latest(newsletter, slot.at) == slot for slot in slots)
        assert all(latest(newsletter, slot.at - MINUTE) != slot for slot in slots)


@pytest.mark.parametrize(
    ("zone", "date", "schedule", "at"),
    [
        ("Europe/Stockholm", "2026-03-28", "30 2 * * *", "2026-03-28T01:30Z"),
        ("Europe/Stockholm", "2026-03-29", "30 2 * * *", "2026-03-29T01:00Z"),  # 03:00: 02:30 does not come
        ("Europe/Stockholm", "2026-03-29", "*/5 2 * * *", "2026-03-29T01:00Z"),
        ("Europe/Stockholm", "2026-03-29", "30 3 * * *", "2026-03-29T01:30Z"),
        ("Europe/Stockholm", "2026-10-25", "30 2 * * *", "2026-10-25T00:30Z"),  # the first of two
        ("Europe/Stockholm", "2026-10-25", "0 3 * * *", "2026-10-25T02:00Z"),
        ("America/New_York", "2026-03-08", "30 2 * * *", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01", "30 1 * * *", "2026-11-01T05:30Z"),
        ("Australia/Lord_Howe", "2026-10-04", "15 2 * * *", "2026-10-03T15:30Z"),  # 02:30, half an hour is left out
        ("Australia/Lord_Howe", "2026-04-05", "45 1 * * *", "2026-04-04T14:45Z"),
        ("Asia/Tokyo", "2026-03-29", "30 2 * * *", "2026-03-28T17:30Z"),
        ("America/Santiago", "2026-09-06", "0 0 * * *", "2026-09-06T04:00Z"),  # 01:00: there is no midnight
        ("America/Nuuk", "2026-03-28", "30 23 * * *", "2026-03-29T01:00Z"),  # 00:00 of the next day, still this date's
        ("UTC", "2026-03-29", "*/30 * * * *", "2026-03-29T00:00Z"),
        ("UTC", "2026-03-29", "0 18,6,12 * * *", "2026-03-29T06:00Z"),
    ],
)
def test_a_date_is_due_when_clocks_show_its_first_time(zone: str, date: str, schedule: str, at: str) -> None:
    day = dt.date.fromisoformat(date)

    assert slot_of(a_newsletter(timezone=zone, schedule=schedule), day) == Slot(day, dt.datetime.fromisoformat(at))


@pytest.mark.parametrize("zone", ZONES)
def test_instants_are_in_utc(zone: str) -> None:
    newsletter = a_newsletter(timezone=zone, schedule="30 6 * * *", expect_by="07:15")
    slot = latest(newsletter, YEAR + DAY / 2)

    assert slot is not None
    assert slot.at.tzinfo is dt.UTC
    expected = expected_at(newsletter, slot)
    assert expected is not None
    assert expected.tzinfo is dt.UTC


def test_now_may_be_told_in_any_zone() -> None:
    newsletter = a_newsletter(schedule="30 6 * * *")
    now = dt.datetime(2026, 5, 5, 20, tzinfo=ZoneInfo("America/New_York"))  # 02:00 of the 6th in Stockholm

    assert latest(newsletter, now) == latest(newsletter, now.astimezone(dt.UTC))
    assert next(upcoming(newsletter, now, 1)).date == dt.date(2026, 5, 6)


def test_newsletter_without_a_schedule_has_no_dates() -> None:
    newsletter = a_newsletter()

    assert latest(newsletter, YEAR) is None
    assert list(upcoming(newsletter, YEAR, 400)) == []
    assert slot_of(newsletter, YEAR.date()) is None
    assert wall_time(newsletter, YEAR.date()) is None


def test_date_of_a_rare_schedule_is_gone_after_for_eight_days() -> None:
    newsletter = a_newsletter(timezone="UTC", schedule="0 6 1 * *")
    first = dt.datetime(2026, 5, 1, 6, tzinfo=dt.UTC)

    assert latest(newsletter, first - MINUTE) is None
    assert latest(newsletter, first + 8 * DAY) == Slot(first.date(), first)
    assert latest(newsletter, first + 9 * DAY) is None


def test_skipped_dates_are_left_out_over_new_year() -> None:
    newsletter = a_newsletter(schedule="30 6 * * *", skip_dates=["2025-12-24..2026-01-06", "2026-01-08"])
    start = dt.datetime(2025, 12, 22, tzinfo=dt.UTC)
    days = [slot.date for slot in upcoming(newsletter, start, 20)]
    found = found_by_looking(newsletter, start, start + 20 * DAY, HOUR)

    assert days == [
        dt.date(2025, 12, 22), dt.date(2025, 12, 23), dt.date(2026, 1, 7), dt.date(2026, 1, 9), dt.date(2026, 1, 10),
    ]  # fmt: skip
    assert [slot.date for slot in found[1:]] == days
    assert is_skipped(newsletter, dt.date(2025, 12, 24))
    assert is_skipped(newsletter, dt.date(2026, 1, 6))
    assert not is_skipped(newsletter, dt.date(2026, 1, 7))


def test_machine_that_slept_finds_the_newest_date_and_how_late_it_is() -> None:
    newsletter = a_newsletter(timezone="UTC", schedule="30 6 * * *", send_before="6h")
    due = dt.datetime(2026, 5, 5, 6, 30, tzinfo=dt.UTC)
    slot = latest(newsletter, due + 3 * DAY + HOUR)  # asleep since Sunday

    assert slot == Slot(dt.date(2026, 5, 8), due + 3 * DAY)
    assert lateness(newsletter, slot, slot.at) is None
    assert lateness(newsletter, slot, slot.at + 6 * HOUR) is None
    assert lateness(newsletter, slot, slot.at + 6 * HOUR + MINUTE) == 6 * HOUR + MINUTE


def test_lateness_is_counted_in_time_that_has_gone_by() -> None:
    newsletter = a_newsletter(schedule="0 0 * * *", send_before="6h")
    night = slot_of(newsletter, dt.date(2026, 3, 29))
    assert night is not None
    at_seven = dt.datetime(2026, 3, 29, 7, tzinfo=ZoneInfo("Europe/Stockholm"))

    assert lateness(newsletter, night, at_seven) is None  # six hours after midnight, though clocks show seven
    assert lateness(newsletter, night, at_seven + MINUTE) == 6 * HOUR + MINUTE


@pytest.mark.parametrize(
    ("date", "schedule", "expect_by", "at"),
    [
        ("2026-05-05", "30 6 * * *", "07:15", "2026-05-05T05:15Z"),
        ("2026-05-05", "30 6 * * *", "06:30", "2026-05-05T04:30Z"),
        ("2026-05-05", "30 23 * * *", "00:15", "2026-05-05T22:15Z"),  # after midnight, clocks say
        ("2026-05-05", "30 6 * * *", "06:15", "2026-05-06T04:15Z"),
        ("2026-03-29", "0 1 * * *", "02:30", "2026-03-29T01:00Z"),  # which is 03:00, when 02:30 does not come
        ("2026-03-28", "30 3 * * *", "02:30", "2026-03-29T01:00Z"),
        ("2026-10-25", "30 1 * * *", "02:30", "2026-10-25T00:30Z"),
        ("2026-10-25", "30 2 * * *", "02:15", "2026-10-25T01:15Z"),  # the second 02:15 of that night
        ("2026-10-25", "30 6 * * *", "07:15", "2026-10-25T06:15Z"),
    ],
)
def test_edition_is_expected_when_clocks_next_show_that_time(date: str, schedule: str, expect_by: str, at: str) -> None:
    newsletter = a_newsletter(schedule=schedule, expect_by=expect_by)
    slot = slot_of(newsletter, dt.date.fromisoformat(date))
    assert slot is not None

    assert expected_at(newsletter, slot) == dt.datetime.fromisoformat(at)


def test_nothing_is_expected_without_expect_by() -> None:
    assert expected_at(a_newsletter(schedule="30 6 * * *"), Slot(YEAR.date(), YEAR)) is None


@pytest.mark.parametrize(("zone", "forward", "back"), NIGHTS)
def test_dates_on_which_clocks_are_changed_are_known(zone: str, forward: dt.date, back: dt.date) -> None:
    changes = {date: clock_change(ZoneInfo(zone), date) for n in range(365) if (date := YEAR.date() + n * DAY)}
    changed = {date: change for date, change in changes.items() if change}

    assert changed == ({} if zone == "Asia/Tokyo" else {forward: "forward", back: "back"})


def test_times_that_clocks_skip_or_show_twice_are_told_apart() -> None:
    stockholm = ZoneInfo("Europe/Stockholm")
    spring, autumn = dt.datetime(2026, 3, 29, 2, 30), dt.datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001

    assert is_skipped_by_clocks(spring, stockholm)
    assert not is_shown_twice(spring, stockholm)
    assert is_shown_twice(autumn, stockholm)
    assert not is_skipped_by_clocks(autumn, stockholm)
    assert not is_skipped_by_clocks(autumn.replace(fold=1), stockholm)
    assert instant_of(autumn.replace(fold=1), stockholm) - instant_of(autumn, stockholm) == HOUR
    assert not is_shown_twice(autumn + HOUR, stockholm)
    assert not is_skipped_by_clocks(spring + HOUR / 2, stockholm)
