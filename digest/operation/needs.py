"""What of a project needs a person's hand, and the command that would help."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.health import unwell
from digest.environment import is_readable_by_others
from digest.models import EditionState
from digest.project import Project
from digest.store import health, home
from digest.store.editions import Listed

PATIENCE = dt.timedelta(minutes=30)  #: until a notice that waits is worth a word
MEMORY = dt.timedelta(days=7)  #: how long one that has failed is
FRACTION = dt.timedelta(seconds=2)  #: a file that was written while it was read in is not newer than that
FORCED = re.compile(r"([a-z_]+): ")


@dataclass(frozen=True)
class Need:
    """One thing that needs a hand: what, where, and the command that would help."""

    what: str
    where: str
    do: str


@dataclass(frozen=True)
class Open:
    """An edition with mail left, and its counts."""

    listed: Listed
    counts: Mapping[str, Any]


def needs(
    project: Project, now: dt.datetime, newest: list[Listed], open_: list[Open], *, sending: bool
) -> Iterator[Need]:
    """Yield what needs a hand, the most urgent first; ``newest`` is each newsletter's last edition."""
    why = home.why_away(project.store)
    if why is not None:
        yield Need(f"not at home here: {why}", project.store.path.name, "digest db adopt")
    yield from (_held(one) for one in newest if one.edition.state is EditionState.HELD)
    yield from (_draft(one) for one in newest if one.edition.state is EditionState.DRAFT)
    for one in open_:
        yield from _of_open(project, one, now, sending=sending)
    yield from _notices(project, now)
    yield from _lists(project)
    yield from _sources(project, now)
    if is_readable_by_others(project.folder / ".env"):
        yield Need("other users of this machine can read it", ".env", f"chmod 600 {project.folder / '.env'}")
    if count := health.unplaced(project.store):
        yield Need(f"{_several(count, 'article')} placed nowhere", "articles", "digest editions audit")


def _held(one: Listed) -> Need:
    send = f"digest send {one.newsletter} --date {one.edition.date}"
    rule = FORCED.match(one.edition.reason)
    return Need(f"held: {one.edition.reason}", one.key, f"{send} --force {rule[1]}" if rule else send)


def _draft(one: Listed) -> Need:
    send = f"digest send {one.newsletter} --date {one.edition.date}"
    return Need("taken back, and nothing sends it by itself", one.key, send)


def _of_open(project: Project, one: Open, now: dt.datetime, *, sending: bool) -> Iterator[Need]:
    """Yield what an open edition needs: nothing while it is being sent."""
    edition, key = one.listed.edition, one.listed.key
    number, counts = edition.id or 0, one.counts
    untried, put_off = counts["pending"] + counts["sending"], counts["deferred"]
    when = _clock(project, one.listed.newsletter, now)
    send = f"digest send {one.listed.newsletter}"
    if one.listed.newsletter not in project.file.newsletters and edition.state is not EditionState.CANCELLED:
        left = _several(untried + put_off, "letter")
        yield Need(f"digest.toml does not name its newsletter, {left} left", key, f"digest editions cancel {key}")
        return
    if edition.state is EditionState.PAUSED:
        left = _several(untried + put_off, "letter")
        yield Need(f"paused since {when(edition.decided_at)}, {left} left", key, f"digest editions resume {key}")
        return
    if sending:
        return
    if edition.state is EditionState.CANCELLED:
        words = f"{_several(counts['sending'], 'letter')} going out when it was cancelled, and nobody is sending"
        yield Need(words, key, f"digest editions cancel {key}")
        return
    doubts = health.open_doubts(project.store, number)
    if untried or not (put_off or doubts):
        words = f"{_several(untried, 'letter')} left, and nobody is sending"
        yield Need(words + (f"; {put_off:,} put off" if put_off else ""), key, send)
    elif put_off:
        since, again = health.deferred_since(project.store, number), health.next_try(project.store, number)
        words = f"{_several(put_off, 'letter')} put off" + (f" since {when(since)}" if since else "")
        yield Need(words + (f", next try {when(again)}" if again and again > now else ""), key, send)
    if doubts:
        yield Need(f"{_several(doubts, 'letter')} in doubt", key, f"digest editions doubts {key}")


def _notices(project: Project, now: dt.datetime) -> Iterator[Need]:
    failed, words = health.failed_notices(project.store, now - MEMORY)
    if failed:
        yield Need(
            f"{_several(failed, 'notice')} failed" + (f": {words}" if words else ""), "editors", "digest config show"
        )
    since = health.notice_waiting_since(project.store)
    if since is not None and now - since > PATIENCE:
        waiting = sum(health.notice_counts(project.store)[state] for state in health.WAITING)
        when = _clock(project, None, now)(since)
        yield Need(f"{_several(waiting, 'notice')} waiting since {when}", "editors", "digest send --due")


def _lists(project: Project) -> Iterator[Need]:
    """Yield the lists whose file was saved after it was last brought in."""
    known = health.synced(project.store)
    for name in project.file.list_names:
        saved = _saved_at(project.folder / "subscribers" / f"{name}.csv")
        if saved is None:
            continue
        last = known.get(name)
        if last is None:
            yield Need("never brought in", f"subscribers/{name}.csv", f"digest subscribers sync {name}")
        elif saved > last + FRACTION:
            yield Need("changed since it was brought in", f"subscribers/{name}.csv", f"digest subscribers sync {name}")


def _sources(project: Project, now: dt.datetime) -> Iterator[Need]:
    """Yield the sources that bring nothing just now, and why."""
    for one in unwell(project):
        state, name = one.state, one.settings.name
        when = _clock(project, next(iter(one.newsletters), None), now)
        where, do = f"source {name}", f"digest sources resume {name}"
        match one.word:
            case "paused":
                by = f" by {state.paused_by}" if state.paused_by else ""
                yield Need(f"paused since {when(state.paused_at)}{by}" if state.paused_at else "paused", where, do)
            case "ended":
                since = f" since {when(state.ended_at)}" if state.ended_at else ""
                yield Need(f"ended{since}: {state.last_error}", where, do)
            case _:
                since = f" since {when(state.failing_since)}" if state.failing_since else ""
                later = f", next try {when(state.next_try)}" if state.next_try and state.next_try > now else ""
                yield Need(f"failing{since}: {state.last_error}{later}", where, f"digest sources test {name}")


def _saved_at(path: Path) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    except (OSError, OverflowError, ValueError):  # no file, or a time that no calendar has
        return None


def _clock(project: Project, newsletter: str | None, now: dt.datetime) -> Callable[[dt.datetime], str]:
    """Return what writes a moment as a newsletter's clock shows it, without the date if it is today; else in UTC."""
    settings = project.file.newsletters.get(newsletter or "")
    zone, name = (settings.zone, "") if settings is not None else (ZoneInfo("UTC"), " UTC")

    def write(at: dt.datetime) -> str:
        here = at.astimezone(zone)
        is_today = here.date() == now.astimezone(zone).date()
        return f"{here:%H:%M}{name}" if is_today else f"{here:%Y-%m-%d %H:%M}{name}"

    return write


def _several(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
