"""Dates and times as sources write them: ISO 8601, RFC 5322, and what people make of both in their languages."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

LONGEST_DATE = 100  #: characters: what is longer is a sentence
FIRST_YEAR = 1971  #: news are younger; 1970 and before are what programs write for "no date" (0001, 1900, epoch zero)
AHEAD = dt.timedelta(days=1)  #: what is dated further ahead of now is dated wrong


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


@lru_cache(maxsize=1024)
def any_moment(text: str, zone: ZoneInfo, now: dt.datetime) -> Moment | None:
    """Return what a date means that nobody checked, None for what is none.

    Read are ISO 8601, RFC 5322 with the names of zones, seconds since 1970, and dates with the month's name in any of
    the usual languages or day first in numbers; without a year it is the latest such date; today and yesterday count
    from ``now``. A zone that is not known counts as ``zone``.
    """
    text = " ".join(text.split())
    if not text or len(text) > LONGEST_DATE:
        return None
    try:
        return _iso(text, zone) or _seconds(text) or _written(text.lower(), zone, now)
    except (ValueError, OverflowError):
        return None


def believed(moment: Moment | None, now: dt.datetime) -> Moment | None:
    """Return a source's date if it can be true, else None: then the article is undated.

    No news are from 1970 or before (FIRST_YEAR). Up to a day ahead a date is kept: clocks and zones are wrong by hours,
    and the article waits for its hour. Further ahead it is that of an event, or of a broken clock; kept, it would hold
    back an article that is out already.
    """
    if moment is None or moment.at.year < FIRST_YEAR or moment.at > now + AHEAD:
        return None
    return moment


def _utc(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    # fold=0, which is what reading leaves, gives both answers of read_moment (PEP 495).
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


_ISO = re.compile(
    r"""(?P<year>[0-9]{4}) (?: -?(?P<month>[0-9]{2}) (?: -?(?P<day>[0-9]{2}) )? | -(?P<nth>[0-9]{3}) )?
        (?: (?: [Tt]\ ? | \ ) (?P<hour>[0-9]{2})
            (?: :?(?P<minute>[0-9]{2}) (?: :?(?P<second>[0-9]{2}) (?:[.,][0-9]+)? )? )?
            (?: \ ? (?P<zone> [Zz] | [+-][0-9]{2}(?::?[0-9]{2})? ) )? )?""",
    re.VERBOSE,
)
_COMPACT = re.compile(r"[0-9]{4}-?W[0-9]{2}.*")  # weeks are left to the standard library


def _iso(text: str, zone: ZoneInfo) -> Moment | None:
    match = _ISO.fullmatch(text)
    if match is None or len(text) == 6:  # six digits are a year and a month to nobody
        return read_moment(text, zone) if _COMPACT.fullmatch(text) else None
    year = int(match["year"])
    if match["nth"]:
        on = dt.date(year, 1, 1) + dt.timedelta(days=int(match["nth"]) - 1)
        if on.year != year:
            return None
    else:
        on = dt.date(year, int(match["month"] or 1), int(match["day"] or 1))
    if match["hour"] is None:
        return Moment(_utc(dt.datetime.combine(on, dt.time.min), zone), on)
    clock = (int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0))
    return Moment(_at(on, clock, _offset(match["zone"] or "", zone)))


def _seconds(text: str) -> Moment | None:
    if not re.fullmatch(r"[0-9]{9,10}([0-9]{3})?(\.[0-9]+)?", text):
        return None
    whole = text.partition(".")[0]
    return Moment(dt.datetime.fromtimestamp(int(whole) // (1000 if len(whole) > 10 else 1), dt.UTC))


_CLOCK = re.compile(
    r"(?<![0-9])(?:t|kl\.? ?)?(?P<hour>[0-9]{1,2})(?P<colon>[:.h])(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?(?![0-9.:/-])(?: ?(?P<half>[ap])\.?m\b\.?)?"
)
_ZONE = re.compile(r"(?<![0-9a-z])(?:gmt|utc?)? ?([+-][0-9]{2}(?::?[0-9]{2})?|(?<=[cmt])[+-][0-9])(?![0-9:.-])")
_NUMBERS = re.compile(r"(?<![0-9])([0-9]{1,4})([./-])([0-9]{1,2})\2([0-9]{2,4})(?![0-9])")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,4}(?![0-9])")
_NEAR = {
    **dict.fromkeys(("idag", "i dag", "today", "heute", "tänään"), 0),
    **dict.fromkeys(("igår", "i går", "yesterday", "gestern", "i forgårs"), 1),
    **dict.fromkeys(("i förrgår", "vorgestern"), 2),
}


def _written(text: str, zone: ZoneInfo, now: dt.datetime) -> Moment | None:
    """Return a date in words or numbers, in lower case."""
    clock = _CLOCK.search(text)
    tz: dt.tzinfo = zone
    rest = text
    if clock and (clock["colon"] != "." or not _NUMBERS.search(text, clock.start(), clock.end() + 5)):
        rest = f"{text[: clock.start()]} {text[clock.end() :]}"
        if offset := _ZONE.search(rest, clock.start()):
            tz = _offset(offset[1], zone)
            rest = f"{rest[: offset.start()]} {rest[offset.end() :]}"
        else:
            tz = next((_ZONES[word] for word in _WORD.findall(rest) if word in _ZONES), zone)
    else:
        clock = None
    on = _date(rest, zone, now)
    if on is None:
        return None
    if clock is None:
        return Moment(_utc(dt.datetime.combine(on, dt.time.min), zone), on)
    hour = int(clock["hour"])
    if clock["half"]:
        hour = hour % 12 + (12 if clock["half"] == "p" else 0)
    return Moment(_at(on, (hour, int(clock["minute"]), int(clock["second"] or 0)), tz))


def _date(text: str, zone: ZoneInfo, now: dt.datetime) -> dt.date | None:
    if numbers := _NUMBERS.search(text):
        return _in_numbers(numbers[1], numbers[3], numbers[4])
    words = _WORD.findall(text)
    months = [(word, month) for word in words if (month := month_of(word))]
    numbers_left = _NUMBER.findall(text)
    today = now.astimezone(zone).date()
    if not months:
        phrase = " ".join(words)
        near = next((days for word, days in _NEAR.items() if phrase == word or phrase.startswith(f"{word} ")), None)
        return None if near is None or numbers_left else today - dt.timedelta(days=near)
    # "mar" is March, and Tuesday in the south: the month is then the other word.
    month = months[-1][1]
    return _around(month, numbers_left, today)


def _around(month: int, numbers: Sequence[str], today: dt.date) -> dt.date | None:
    """Return the date of a month's name with the one or two numbers beside it."""
    years = [number for number in numbers if len(number) >= 3]
    days = [number for number in numbers if len(number) <= 2]
    if not days or len(years) > 1:
        return None
    if years:
        return dt.date(_year(years[0]), month, int(days[0]))
    if len(days) > 1:
        return dt.date(_year(days[1]), month, int(days[0]))
    year = today.year if (month, int(days[0])) <= (today.month, today.day) else today.year - 1
    return dt.date(year, month, int(days[0]))


def _in_numbers(first: str, second: str, third: str) -> dt.date:
    """Return 2025/11/30, 30/11/2025 or, where that is none, 11/30/2025."""
    if len(first) == 4:
        return dt.date(int(first), int(second), int(third))
    day, month = int(first), int(second)
    return dt.date(_year(third), *((day, month) if month > 12 else (month, day)))


def _year(text: str) -> int:
    # RFC 5322, 4.3: two digits, and three as in "125" for 2025
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(text) == 3 else year


def _at(on: dt.date, clock: tuple[int, int, int], tz: dt.tzinfo) -> dt.datetime:
    """Return the instant; 24:00 is the next day's beginning, and a leap second the next minute's."""
    hour, minute, second = clock
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        raise ValueError("no such time of day")
    start = dt.datetime.combine(on, dt.time.min) + dt.timedelta(days=hour // 24)
    wall = start.replace(hour=hour % 24, minute=minute, second=min(second, 59))
    return _utc(wall.replace(tzinfo=tz), tz) + dt.timedelta(seconds=second // 60)


def _offset(text: str, zone: ZoneInfo) -> dt.tzinfo:
    if text in ("", "Z", "z"):
        return dt.UTC if text else zone
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:2]), int(digits[2:] or 0)) if len(digits) != 3 else (int(digits[0]), int(digits[1:]))
    if hours > 14 or minutes > 59:
        return zone  # there is none such (+9999): then the time is as good as one without a zone
    return dt.timezone((-1 if text[0] == "-" else 1) * dt.timedelta(hours=hours, minutes=minutes))


def month_of(word: str) -> int | None:
    """Return the number of a month called by its name or abbreviation, without a full stop, in lower case."""
    return _MONTHS.get(word) or (_more_months().get(word) if len(word) >= 3 else None)


@cache
def _more_months() -> dict[str, int]:
    """Return the names of months in languages that are met less often: a tenth of a second to look up."""
    from babel.dates import get_month_names

    return {
        name.lower().strip(". "): month
        for language in ("fi", "nl", "fr", "es", "it", "pt", "pl", "cs", "hu", "et", "lv", "lt", "is", "el", "ru", "uk")
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for month, name in get_month_names(width, context, locale=language).items()
    }


_NAMES = """
    january jan januari januar jänner jän
    february feb februari februar febr
    march mar mars märz mär mrz marts
    april apr
    may maj mai
    june jun juni
    july jul juli
    august aug augusti
    september sep sept
    october oct oktober okt
    november nov
    december dec dezember dez desember des
"""
_MONTHS = {
    name: month for month, line in enumerate(_NAMES.strip().splitlines(), 1) for name in line.split()
}  # in English, Swedish, German, Norwegian and Danish

#: Hours from UTC. Not those that mean several (IST, AST in places): the source's own zone is the better guess.
_HOURS = {
    0: "gmt ut utc z wet", 1: "cet mez met west bst", 2: "cest mesz mest met_dst cedt eet oez", 3: "eest oesz msk",
    8: "hkt sgt awst", 9: "jst kst", 10: "aest", 11: "aedt", 12: "nzst", 13: "nzdt",
    -3: "adt brt art", -4: "edt", -5: "est cdt", -6: "cst mdt", -7: "mst pdt", -8: "pst akdt", -9: "akst", -10: "hst",
}  # fmt: skip
_ZONES = {name: dt.timezone(dt.timedelta(hours=hours)) for hours, names in _HOURS.items() for name in names.split()}
