"""What a press release says of its own embargo, in its subject or its first lines. Decides only."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

from digest.collect.dates import any_moment

#: Kept back until an editor has looked: better than a story that breaks its embargo because nobody could read its date.
UNTIL_SOMEBODY_LOOKS = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
FIRST_LINES = 2_000  #: characters
_WORD = r"(?:strictly |strikt )?(?:under )?embargo(?:ed)?\b"
_UNTIL = r"(?:until|till|til|to|fram till|t\.?o\.?m\.?|bis|intill)\b"
_LAST_DAY = re.compile(r"t\.?o\.?m", re.IGNORECASE)  #: the day that it names is under embargo too
#: "Embargo: ...", "[EMBARGO] ...", "EMBARGO till 1 december 2025 kl 06:00", "Embargo 2025-12-01 06:00 - ..."; not an
#: embargo on oil.
_SAID = re.compile(
    rf"^[^\w\n]*{_WORD}[^\w\n]*(?:(?P<until>{_UNTIL})[^\w\n]*|(?<=[])*:–—|-])[ \t]*|(?<=[:–—|-])$|(?=[0-9]))"
    r"(?P<when>[^\n]{0,80})",
    re.IGNORECASE | re.MULTILINE,
)
_ALONE = re.compile(r"^[^\w\n]*(?:STRICTLY |STRIKT )?(?:UNDER )?EMBARGO(?:ED)?[^\w\n]*$", re.MULTILINE)
_CLOCK = re.compile(r"\b(?:kl|klockan|at)\b|[0-9] ?[ap]\.?m\b|[0-9][:.][0-9]{2}\b", re.IGNORECASE)
_YEAR = re.compile(r"\b20[0-9]{2}\b")


def embargo_of(subject: str, text: str, zone: ZoneInfo, now: dt.datetime) -> dt.datetime | None:
    """Return until when a release is under embargo, None when it says nothing of one; it stands first on its line.

    A date that is not whole, with its year and, where it speaks of a time, that too, is not trusted.
    """
    said = [match for words in (subject, text[:FIRST_LINES]) if (match := _SAID.search(words))]
    if not said and not _ALONE.search(text[:FIRST_LINES]):
        return None
    return next((at for match in said if (at := _moment(match, zone, now))), UNTIL_SOMEBODY_LOOKS)


def _moment(said: re.Match[str], zone: ZoneInfo, now: dt.datetime) -> dt.datetime | None:
    when = said["when"]
    for part in (re.split(r"[:–—|-](?:\s|$)", when)[0], when):
        moment = any_moment(part.strip(" \t.,:;–—|-()[]*"), zone, now) if _YEAR.search(part) else None
        if moment is not None and (moment.on is None or not _CLOCK.search(when)):
            if moment.on is not None and _LAST_DAY.match(said["until"] or ""):
                return dt.datetime.combine(moment.on + dt.timedelta(days=1), dt.time(), zone).astimezone(dt.UTC)
            return moment.at
    return None
