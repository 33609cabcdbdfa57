"""Dates in a text that name the wrong weekday, in Swedish and English."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

WEEKDAYS = (
    ("måndag", "mån", "monday", "mon"),
    ("tisdag", "tis", "tuesday", "tues", "tue"),
    ("onsdag", "ons", "wednesday", "wed"),
    ("torsdag", "tors", "tor", "thursday", "thurs", "thur", "thu"),
    ("fredag", "fre", "friday", "fri"),
    ("lördag", "lör", "saturday", "sat"),
    ("söndag", "sön", "sunday", "sun"),
)
MONTHS = (
    ("januari", "january", "jan"),
    ("februari", "february", "feb"),
    ("mars", "march", "mar"),
    ("april", "apr"),
    ("maj", "may"),
    ("juni", "june", "jun"),
    ("juli", "july", "jul"),
    ("augusti", "august", "aug"),
    ("september", "sept", "sep"),
    ("oktober", "october", "okt", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SWEDISH = {name for names, full in zip(WEEKDAYS, ENGLISH, strict=True) for name in names[: names.index(full)]}
WEEKDAY_OF = {name: n for n, names in enumerate(WEEKDAYS) for name in names}
MONTH_OF = {name: n for n, names in enumerate(MONTHS, 1) for name in names}
_DAY = "|".join(sorted(WEEKDAY_OF, key=len, reverse=True))
_MONTH = "|".join(sorted(MONTH_OF, key=len, reverse=True))
#: A weekday that stands for itself: of "måndag-tisdag 1-2 december" neither is said of one date.
_BEFORE = rf"(?<![\w/–-])(?:(?P<span>{_DAY})(?:en)?\s*(?:[–/-]|och|and|till|to|or|eller)\s*)?"
FOUND = re.compile(
    rf"{_BEFORE}(?P<weekday>{_DAY})(?:en)?\.?,?\s+(?:den\s+|the\s+)?(?:"
    rf"(?P<d1>\d{{1,2}})(?:st|nd|rd|th|:[ae])?\s+(?:of\s+)?(?P<m1>{_MONTH})\b\.?"  # 30 november, 30th of November
    rf"|(?P<m2>{_MONTH})\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*[–-]\s*\d)"  # November 30
    r")(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?(?!\w)"
    # "varje onsdag 1 juni–31 augusti": the weekday is not the first day's.
    r"(?!\.?(?:,?\s+(?:19|20)\d\d)?\s*(?:[–-]|till|to|until)\s*(?:den\s+|the\s+)?\d)",
    re.IGNORECASE,
)
#: A date without a year that is so near to the edition is the one of that year.
NEAR = dt.timedelta(days=120)


@dataclass(frozen=True, slots=True)
class Slip:
    """A date as it is written, and the weekday that it is."""

    written: str
    weekday: str


def wrong_weekdays(text: str, today: dt.date) -> Iterator[Slip]:
    """Yield the dates in a text whose weekday is wrong, seen from an edition's date; in doubt it is right."""
    for found in FOUND.finditer(text) if any(character.isdigit() for character in text) else ():
        if found["span"]:
            continue
        month = MONTH_OF[(found["m1"] or found["m2"]).casefold()]
        dates = _meant(found["year"], month, int(found["d1"] or found["d2"]), today)
        name = found["weekday"].casefold()
        if dates and WEEKDAY_OF[name] not in {date.weekday() for date in dates}:
            right = dates[0].weekday()
            yield Slip(" ".join(found[0].split()), WEEKDAYS[right][0] if name in SWEDISH else ENGLISH[right].title())


def _meant(year: str | None, month: int, day: int, today: dt.date) -> list[dt.date]:
    """Return the dates that may be meant, the likeliest first; none for one that no calendar has."""
    years = [int(year)] if year else [today.year - 1, today.year, today.year + 1]
    dates = []
    for one in years:
        try:
            dates.append(dt.date(one, month, day))
        except ValueError:
            continue
    dates.sort(key=lambda date: abs(date - today))
    return dates[:1] if dates and abs(dates[0] - today) <= NEAR else dates
