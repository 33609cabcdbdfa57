"""``digest status``: what runs, what ran last, and what needs a hand."""

import datetime as dt
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from digest import __version__
from digest.collect.health import unwell
from digest.delivery.report import edition_json
from digest.models import EditionState, NoticeState
from digest.operation.needs import Need, Open, needs
from digest.operation.soundness import is_sending
from digest.project import Project
from digest.store import editions, health
from digest.store.editions import Listed
from digest.store.upgrade import versions

LAST = 10  #: editions
WINDOW = dt.timedelta(minutes=1)  #: over which the speed is taken


@dataclass(frozen=True)
class Running:
    """The edition that a living process is sending."""

    edition: str
    left: int
    per_second: float
    seconds_left: int | None  #: None while nothing has been taken in the last minute


@dataclass(frozen=True)
class Status:
    """All of it; an edition is the contract's JSON."""

    editions: Sequence[dict[str, Any]]
    running: Running | None
    needs: Sequence[Need]
    versions: dict[str, str]
    installation: str
    notices: dict[str, int]
    sources: Sequence[Mapping[str, Any]]  #: those that fail, have ended or are paused

    def as_json(self) -> dict[str, Any]:
        """Return what ``digest status --json`` prints."""
        return {
            "editions": list(self.editions),
            "running": asdict(self.running) if self.running else None,
            "needs": [asdict(need) for need in self.needs],
            "versions": self.versions,
            "installation": self.installation,
            "notices": self.notices,
            "sources": list(self.sources),
        }


def look(project: Project, now: dt.datetime) -> Status:
    """Return how things stand."""
    listed = editions.listing(project.store)
    last = {one.key: edition_json(project, one) for one in listed[:LAST]}
    open_ = [
        Open(one, last.get(one.key) or edition_json(project, one))
        for one in listed
        if one.edition.state in editions.OPEN or (one.key in last and _is_cut_off(one, last[one.key]))
    ]
    # Asked only where it matters: whoever begins to send in the very instant that one asks would be turned away.
    sending = any(not _is_paused(one) for one in open_) and is_sending(project.store.path)
    newest = {one.newsletter: one for one in reversed(listed)}
    counts = health.notice_counts(project.store)
    return Status(
        editions=list(last.values()),
        running=_running(project, open_, now) if sending else None,
        needs=list(needs(project, now, list(newest.values()), open_, sending=sending)),
        versions={
            "digest": __version__,
            "store": versions()[-1],  # opening it has brought it up
            "python": platform.python_version(),
            "sqlite": health.SQLITE,
        },
        installation=project.store.installation.uid,
        notices={
            "waiting": sum(counts[state] for state in health.WAITING),
            "failed": counts[NoticeState.FAILED],
        },
        sources=[one.as_brief_json() for one in unwell(project)],
    )


def _is_paused(one: Open) -> bool:
    return one.listed.edition.state is EditionState.PAUSED


def _is_cut_off(one: Listed, counts: dict[str, Any]) -> bool:
    """Return whether letters of a cancelled edition were going out, of which nobody has noted the end."""
    return one.edition.state is EditionState.CANCELLED and counts["sending"] > 0


def _running(project: Project, open_: Sequence[Open], now: dt.datetime) -> Running | None:
    """Return the edition that is being sent: of several open ones that of which a letter was taken last."""
    found: list[tuple[dt.datetime, int, float, Open]] = []
    for one in open_:
        if not _is_paused(one):
            taken, first, last = health.sent_since(project.store, one.listed.edition.id or 0, now - WINDOW)
            seconds = max((now - first).total_seconds(), 1.0) if first else 0.0
            begun = last or one.listed.edition.decided_at
            found.append((begun, one.listed.edition.id or 0, taken / seconds if seconds else 0.0, one))
    if not found:
        return None
    _, _, speed, one = max(found, key=lambda each: each[:2])
    # Counted anew, now that the speed is known: what has been taken since must not be among what is left.
    counts = edition_json(project, one.listed)
    due = counts["pending"] + counts["sending"]
    left = due + counts["deferred"]
    return Running(one.listed.key, left, round(speed, 1), round(due / speed) if speed else None)
