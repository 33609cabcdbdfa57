"""Dates and times as sources write them (ISO 8601)."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, and the date it was given as where no time of day was."""

    at: dt.datetime  #: aware, UTC
    on: dt.date | None = None


def read_moment(text: str, zone: ZoneInfo) -> Moment:
    """Return what a date, or a date and time, means in ``zone``; an offset of its own wins.

    A date alone is the first instant of that date. Where a clock is put forward, a time that the clock passes over is
    counted from before the change (02:30 is then 03:30); where it is put back, a time that comes twice is the first.
    Raises ValueError for anything that is not ISO 8601, or so far off that it has no UTC.
    """
    try:
        on = dt.date.fromisoformat(text)
    except ValueError:
        return Moment(_utc(dt.datetime.fromisoformat(text), zone))
    return Moment(_utc(dt.datetime.combine(on, dt.time.min), zone), on)


def _utc(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    # fold=0, which is what reading leaves, gives both answers of read_moment (PEP 495).
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
