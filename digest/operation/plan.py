"""What the schedule comes to: what became of each newsletter's last date, and the dates to come."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digest.edition.select import choose
from digest.models import Edition, MailingList, Newsletter
from digest.operation import schedule
from digest.operation.schedule import DAY, Slot
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import articles, editions, names, people

FAR = 10 * 366  #: days; the 29th of February may be that far away, with a year that skips it between


@dataclass(frozen=True)
class Coming:
    """A date that is to come: when, for how many readers, and with how many of the articles there are now."""

    newsletter: str
    date: dt.date
    at: dt.datetime  #: in the newsletter's zone
    asked: dt.time  #: as the schedule has it, which clocks may skip that night
    clock_change: str | None  #: forward, back
    comes_twice: bool  #: clocks show the time twice that night, and the first one is meant
    skipped: bool
    readers: int
    articles: int | None  #: for the next edition only
    state: str | None  #: for the next edition, when there is one of this date already

    @property
    def never_comes(self) -> bool:
        """Whether clocks skip the time that the schedule has, and it is later by that."""
        return self.at.time() != self.asked


@dataclass(frozen=True)
class Last:
    """The last date whose time has come, and what became of it."""

    newsletter: str
    date: dt.date
    at: dt.datetime  #: in the newsletter's zone
    state: str  #: the edition's, or ``due``, or ``missing`` when it has not begun in time
    reason: str


@dataclass(frozen=True)
class Plan:
    """The schedule of some newsletters, seen at one moment."""

    now: dt.datetime
    last: tuple[Last, ...]
    coming: tuple[Coming, ...]
    unscheduled: tuple[str, ...]  #: newsletters that are sent by hand only


def make_plan(project: Project, newsletters: Sequence[NewsletterSettings], now: dt.datetime, days: int) -> Plan:
    """Return the plan of these newsletters for so many days; a next date further away is shown all the same."""
    scheduled = [one for one in newsletters if one.schedule is not None]
    return Plan(
        now,
        tuple(last for one in scheduled if (last := _last(project, one, now)) is not None),
        tuple(date for one in scheduled for date in _coming(project, one, now, days)),
        tuple(one.name for one in newsletters if one.schedule is None),
    )


def _last(project: Project, newsletter: NewsletterSettings, now: dt.datetime) -> Last | None:
    slot = schedule.latest(newsletter, now)
    if slot is None:
        return None
    edition = _edition(project, newsletter, slot.date)
    if edition is not None:  # also a draft: what was taken back waits for a person
        state, reason = edition.state.value, edition.reason
    else:
        state, reason = "due" if schedule.lateness(newsletter, slot, now) is None else "missing", ""
    return Last(newsletter.name, slot.date, slot.at.astimezone(newsletter.zone), state, reason)


def _coming(project: Project, newsletter: NewsletterSettings, now: dt.datetime, days: int) -> Iterator[Coming]:
    readers = _readers(project, newsletter)
    is_next = True
    for slot in _slots(newsletter, now, days):
        skipped = schedule.is_skipped(newsletter, slot.date)
        if skipped or not is_next:
            yield _as_coming(newsletter, slot, readers=0 if skipped else readers)
            continue
        edition, waiting = _edition(project, newsletter, slot.date), _waiting(project, newsletter, slot)
        yield _as_coming(newsletter, slot, readers, waiting, edition.state.value if edition else None)
        is_next = False


def _slots(newsletter: NewsletterSettings, now: dt.datetime, days: int) -> Iterator[Slot]:
    """Yield the dates to come, with those that are skipped; past the days only until there is one to send on."""
    today = newsletter.date_at(now)
    wanted = True
    for n in range(max(days, FAR)):
        if n >= days and not wanted:
            return
        slot = schedule.slot_of(newsletter, today + n * DAY)
        if slot is None or slot.at <= now:
            continue
        skipped = schedule.is_skipped(newsletter, slot.date)
        if n < days or not skipped:
            yield slot
        wanted = wanted and skipped


def _as_coming(
    newsletter: NewsletterSettings, slot: Slot, readers: int, waiting: int | None = None, state: str | None = None
) -> Coming:
    wall = schedule.wall_time(newsletter, slot.date)
    assert wall is not None
    return Coming(
        newsletter=newsletter.name,
        date=slot.date,
        at=slot.at.astimezone(newsletter.zone),
        asked=wall.time(),
        clock_change=schedule.clock_change(newsletter.zone, slot.date),
        comes_twice=schedule.is_shown_twice(wall, newsletter.zone),
        skipped=schedule.is_skipped(newsletter, slot.date),
        readers=readers,
        articles=waiting,
        state=state,
    )


def _edition(project: Project, newsletter: NewsletterSettings, date: dt.date) -> Edition | None:
    number = names.find(project.store, Newsletter, newsletter.name)
    return editions.find(project.store, number, date) if number is not None else None


def _readers(project: Project, newsletter: NewsletterSettings) -> int:
    number = names.find(project.store, Newsletter, newsletter.name) or 0
    known = (names.find(project.store, MailingList, name) for name in newsletter.lists)
    return sum(people.languages(project.store, number, [one for one in known if one is not None]).values())


def _waiting(project: Project, newsletter: NewsletterSettings, slot: Slot) -> int:
    """Return how many articles the edition would have if nothing more came until its time."""
    number = names.find(project.store, Newsletter, newsletter.name)
    if number is None:
        return 0
    reach = None if editions.has_frozen(project.store, number) else newsletter.lookback_days
    candidates = articles.candidates(project.store, number)
    return len(choose(candidates, slot.date, newsletter.zone, slot.at, reach).chosen)
