"""When a newsletter's editions are due: wall time in its zone, each date at most once, over both clock changes."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from digest.settings import NewsletterSettings

LOOK_BACK = 8  #: days; a date that nobody has begun with for so long is no longer gone after
SECOND = dt.timedelta(seconds=1)
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Slot:
    """A date of the schedule, and the instant (in UTC) that its edition is due."""

    date: dt.date
    at: dt.datetime


def latest(newsletter: NewsletterSettings, now: dt.datetime) -> Slot | None:
    """Return the newest date that is scheduled, not skipped, and whose time has come; None when it is long ago."""
    today = newsletter.date_at(now)
    slots = (slot_of(newsletter, today - n * DAY) for n in range(LOOK_BACK + 1))
    return next((slot for slot in slots if slot and slot.at <= now and not is_skipped(newsletter, slot.date)), None)


def upcoming(newsletter: NewsletterSettings, start: dt.datetime, days: int) -> Iterator[Slot]:
    """Yield what is scheduled on the dates from start's on, in the newsletter's zone; skipped ones are left out."""
    first = newsletter.date_at(start)
    for n in range(days):
        slot = slot_of(newsletter, first + n * DAY)
        if slot and not is_skipped(newsletter, slot.date):
            yield slot


def is_skipped(newsletter: NewsletterSettings, date: dt.date) -> bool:
    """Return whether skip_dates takes this date out."""
    return any(first <= date <= last for first, last in newsletter.skipped)


def lateness(newsletter: NewsletterSettings, slot: Slot, now: dt.datetime) -> dt.timedelta | None:
    """Return how late it is for an edition that has not begun, once that is more than send_before; None in time."""
    late = now - slot.at
    return late if late > newsletter.send_before else None


def expected_at(newsletter: NewsletterSettings, slot: Slot) -> dt.datetime | None:
    """Return when an edition is expected to be out: the first time at or after its own that clocks show expect_by."""
    if newsletter.expect_by is None:
        return None
    time, date = dt.time.fromisoformat(newsletter.expect_by), newsletter.date_at(slot.at)
    shown = [dt.datetime.combine(date + n * DAY, time.replace(fold=fold)) for n in (0, 1) for fold in (0, 1)]
    return min(at for wall in shown if (at := instant_of(wall, newsletter.zone)) >= slot.at)


def slot_of(newsletter: NewsletterSettings, date: dt.date) -> Slot | None:
    """Return when the edition of a date is due, skipped or not; of several times a day the first one counts."""
    wall = wall_time(newsletter, date)
    return Slot(date, instant_of(wall, newsletter.zone)) if wall else None


def wall_time(newsletter: NewsletterSettings, date: dt.date) -> dt.datetime | None:
    """Return the time of a date as the schedule has it, without a zone; None for a date that it leaves out."""
    return _first_of(newsletter.schedule, date) if newsletter.schedule is not None else None


@lru_cache(maxsize=4096)
def _first_of(schedule: str, date: dt.date) -> dt.datetime | None:
    # Without a zone: with one, cronsim lets `*/5 2 * * *` fall out on the night when two o'clock does not come.
    midnight = dt.datetime.combine(date, dt.time())
    first = next(CronSim(schedule, midnight - SECOND), None)
    return first if first is not None and first.date() == date else None


def instant_of(wall: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the instant, in UTC, when clocks show this time.

    The first one where they show it twice (the second for ``fold=1``); the end of the gap where they skip it.
    """
    while is_skipped_by_clocks(wall, zone):
        wall += MINUTE
    return wall.replace(tzinfo=zone).astimezone(dt.UTC)


def is_skipped_by_clocks(wall: dt.datetime, zone: ZoneInfo) -> bool:
    """Return whether clocks never show this time, since they were put forward over it."""
    at = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    return at.astimezone(zone).replace(tzinfo=None, fold=0) != wall.replace(fold=0)


def is_shown_twice(wall: dt.datetime, zone: ZoneInfo) -> bool:
    """Return whether clocks show this time twice, since they were put back over it."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first != second and not is_skipped_by_clocks(wall, zone)


def clock_change(zone: ZoneInfo, date: dt.date) -> str | None:
    """Return ``forward`` or ``back`` for a date on which clocks are changed that way."""
    midnight = dt.datetime.combine(date, dt.time(), zone)
    before, after = midnight.utcoffset(), (midnight + DAY).utcoffset()
    assert before is not None
    assert after is not None
    if before == after:
        return None
    return "forward" if after > before else "back"
