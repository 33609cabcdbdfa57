"""How small values are written in digest.toml, the environment and flags: durations, rates, addresses, schedules."""

import datetime as dt
import re
from email.utils import parseaddr
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator

from digest.errors import nearest

DURATION = re.compile(r"(\d{1,6})\s*([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DATES = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")
RATE = re.compile(r"(\d+)(?:/(s|min|h|day))?")
RATE_SECONDS = {None: 1, "s": 1, "min": 60, "h": 3600, "day": 86400}
#: A DKIM selector: labels, as they can stand in DNS (RFC 6376, 3.1).
SELECTOR = re.compile(r"(?=.{1,63}$)[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*")
USER = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#]*@", re.IGNORECASE)
#: What of a page is looked for by CSS selectors.
SELECTED = ("item", "title", "link", "date", "lead", "section", "image")
SOME_DAY = dt.datetime(2000, 1, 1)  # noqa: DTZ001  from here on a schedule must come some time: which zone is no matter

T = TypeVar("T")


def shown(value: object) -> str:
    """Return a setting's value as a person writes it."""
    match value:
        case None:
            return ""
        case dt.timedelta():
            seconds = int(value.total_seconds())
            unit, size = next((u, s) for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % s == 0)
            return f"{seconds // size}{unit}"
        case tuple():
            return ", ".join(str(one) for one in value)
        case dict():
            return ", ".join(f"{name} = {one}" for name, one in value.items())
    return str(value)


def read_duration(text: object) -> dt.timedelta:
    """Return the time that ``90s``, ``30m``, ``6h`` or ``2d`` stands for; ``0`` needs no unit. Else ValueError."""
    if isinstance(text, dt.timedelta):
        return text
    if str(text).strip() == "0":
        return dt.timedelta()
    found = DURATION.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"{text!r} is not a duration; write 90s, 30m, 6h or 2d")
    return dt.timedelta(**{UNITS[found[2]]: int(found[1])})


def read_rate(text: str) -> tuple[tuple[int, int], ...]:
    """Return the limits that ``14``, ``14/s`` or ``14/s,50000/day`` stands for as (mails, seconds). Else ValueError."""
    limits = []
    for part in text.split(","):
        found = RATE.fullmatch(part.strip())
        if not found or int(found[1]) == 0:
            raise ValueError(f"{text!r} is not a rate; write 14/s or 14/s,50000/day (s, min, h, day)")
        limits.append((int(found[1]), RATE_SECONDS[found[2]]))
    return tuple(limits)


def read_dates(text: str) -> tuple[dt.date, dt.date]:
    """Return the first and last date that ``2025-12-24`` or ``2025-12-24..2026-01-06`` stands for. Else ValueError."""
    found = DATES.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a date; write 2025-12-24 or 2025-12-24..2026-01-06")
    first, last = (dt.date.fromisoformat(part or found[1]) for part in found.groups())
    if last < first:
        raise ValueError(f"{text!r} ends before it begins")
    return first, last


def masked(text: str) -> str:
    """Return text with the user and password of addresses in it left out."""
    return USER.sub(r"\1***@", text)


def _schedule(text: str) -> str:
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(
            f"{text!r} is no schedule; write minute, hour, day, month and weekday, "
            'as in "30 6 * * 1-5" for 06:30 from Monday to Friday'
        )
    try:
        comes = next(CronSim(text, SOME_DAY), None)
    except (CronSimError, ValueError) as error:
        # What it says of a number of five thousand digits is no help.
        words = str(error) if isinstance(error, CronSimError) else "a number too long"
        raise ValueError(f'{text!r} is no schedule: {words.lower()}; write "30 6 * * 1-5"') from None
    if comes is None:
        raise ValueError(f'{text!r} is on a day that never comes; write "30 6 * * 1-5"')
    return " ".join(fields)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone {name!r}; write one like Europe/Stockholm") from None
    return name


def _one_line(text: str) -> str:
    # What is written here ends in headers (CWE-93).
    if any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or c in "\u2028\u2029" for c in text):
        raise ValueError("must be one line without control characters")
    return text


def _mailbox(text: str) -> str:
    address = parseaddr(_one_line(text))[1]
    if address.count("@") != 1 or not all(address.split("@")) or " " in address:
        raise ValueError(f"{text!r} holds no address; write Name <name@example.com>")
    return text


def _dates(text: str) -> str:
    read_dates(text)
    return text


def _rate(text: str) -> str:
    read_rate(text)
    return text


def _domain_rates(rates: dict[str, str]) -> dict[str, str]:
    return _by_domain(rates, ' of readers; write "example.com" = "100/min"')


def _domains(sections: dict[str, T]) -> dict[str, T]:
    return _by_domain(sections, '; write [domains."example.com"]')


def _by_domain(given: dict[str, T], advice: str) -> dict[str, T]:
    """Return a table with its domains as envelopes and DNS name them: A-labels in small letters."""
    found: dict[str, T] = {}
    for name, value in given.items():
        domain = _domain(name, advice)
        if domain in found:
            raise ValueError(f"{name!r} stands there twice, differently written")
        found[domain] = value
    return found


def _domain(text: str, advice: str = "; write it as example.com") -> str:
    import idna  # few projects name any

    try:
        domain = idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError:
        domain = ""
    if "." not in domain:
        raise ValueError(f"{text!r} is no domain{advice}")
    return domain


def _selector(text: str) -> str:
    if not SELECTOR.fullmatch(text):
        raise ValueError(f"{text!r} is no selector; letters, digits and - make one, such as d1")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@\"<>]+(/[^\s?#\"<>]*)?", text):
        raise ValueError(f"{text!r} is not an address of the web; write https://nytt.example.com")
    return text.rstrip("/")


def _web_address(text: str) -> str:
    """Return an address to fetch, in ASCII as far as it can be told: it may have a user, a port and a query."""
    if not re.fullmatch(r"https?://[^\s/?#\"<>\\]+([/?][^\s\"<>]*)?", text, re.IGNORECASE):
        raise ValueError(f"{masked(text)!r} is not an address of the web; write https://news.example.com/rss.xml")
    return text.partition("#")[0]


def _selectors(found: dict[str, str]) -> dict[str, str]:
    for name in found:
        if name not in SELECTED:
            raise ValueError(f"unknown key select.{name}{nearest(name, SELECTED)}")
    if found and "item" not in found:
        raise ValueError('select needs item: the CSS selector of one article, as in item = "article.news"')
    return found


Line = Annotated[str, AfterValidator(_one_line)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Zone = Annotated[str, AfterValidator(_zone)]
Duration = Annotated[dt.timedelta, BeforeValidator(read_duration)]
Rate = Annotated[str, AfterValidator(_rate)]
DomainRates = Annotated[dict[str, Rate], AfterValidator(_domain_rates)]
Domain = Annotated[str, AfterValidator(lambda text: _domain(text))]
Domains = Annotated[dict[str, T], AfterValidator(_domains)]
Selector = Annotated[str, AfterValidator(_selector)]
WebAddress = Annotated[str, AfterValidator(_one_line), AfterValidator(_web_address)]
Selectors = Annotated[dict[str, Line], AfterValidator(_selectors)]
Url = Annotated[str, AfterValidator(_one_line), AfterValidator(_url)]
Dates = Annotated[str, AfterValidator(_dates)]
Schedule = Annotated[str, AfterValidator(_schedule)]
