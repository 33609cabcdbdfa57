"""How sources are doing, in words; and pausing one, or letting it go on."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from digest.errors import ConfigError, nearest
from digest.models import Source, SourceState
from digest.notation import masked
from digest.project import Project, who_does_this
from digest.settings import SourceSettings
from digest.store import names, sources


@dataclass(frozen=True)
class Health:
    """One source and how it is doing."""

    settings: SourceSettings
    newsletters: tuple[str, ...]
    state: SourceState
    articles: int

    @property
    def word(self) -> str:
        """How it is: new, fine, failing, paused or ended."""
        if self.state.paused_at is not None:
            return "paused"
        if self.state.ended_at is not None:
            return "ended"
        if self.state.failures:
            return "failing"
        return "fine" if self.state.last_ok is not None else "new"

    @property
    def place(self) -> str:
        """Where it is, and where it is now when it has moved."""
        place = masked(self.settings.place)
        return f"{place} -> {self.state.url_now}" if self.state.url_now else place

    def as_brief_json(self) -> dict[str, Any]:
        """Return what ``digest status --json`` prints of it: without what must be counted."""
        return {name: value for name, value in self.as_json().items() if name != "articles"}

    def as_json(self) -> dict[str, Any]:
        """Return what ``digest sources list --json`` prints of it."""
        state = self.state
        return {
            "source": self.settings.name,
            "kind": self.settings.kind,
            "place": masked(self.settings.place),
            "url_now": state.url_now,
            "newsletters": list(self.newsletters),
            "state": self.word,
            "articles": self.articles,
            "found": state.found,
            "last_ok": _instant(state.last_ok),
            "last_try": _instant(state.last_try),
            "last_error": state.last_error or None,
            "failures": state.failures,
            "next_try": _instant(state.next_try),
            "paused_at": _instant(state.paused_at),
            "paused_by": state.paused_by or None,
            "ended_at": _instant(state.ended_at),
        }


def _instant(at: dt.datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def health(project: Project) -> list[Health]:
    """Return how every source of digest.toml is doing."""
    numbers, states = sources.numbers(project.store), sources.states(project.store)
    articles = {one.source: one.articles for one in sources.book(project.store)}
    return [
        Health(
            settings,
            project.file.newsletters_for(name),
            states.get(numbers.get(name, 0)) or SourceState(source_id=0),
            articles.get(name, 0),
        )
        for name, settings in project.file.sources.items()
    ]


def unwell(project: Project) -> list[Health]:
    """Return the sources of digest.toml that fail, have ended or are paused; their articles are not counted."""
    numbers, states = sources.numbers(project.store), sources.states(project.store)
    found = [
        Health(settings, project.file.newsletters_for(name), state, 0)
        for name, settings in project.file.sources.items()
        if (state := states.get(numbers.get(name, 0))) is not None
    ]
    return [one for one in found if one.word not in ("fine", "new")]


def missing(project: Project) -> dict[str, list[dict[str, str | None]]]:
    """Return by newsletter which of its sources could not be had when they were last tried, and why."""
    found: dict[str, list[dict[str, str | None]]] = {name: [] for name in project.file.newsletters}
    for one in unwell(project):
        if one.word in ("failing", "ended"):  # one that is paused, somebody has left out
            for newsletter in one.newsletters:
                words = {"source": one.settings.name, "error": one.state.last_error}
                found[newsletter].append({**words, "last_ok": _instant(one.state.last_ok)})
    return found


def find(project: Project, name: str) -> SourceSettings:
    """Return a source's settings; ConfigError when digest.toml has none of the name."""
    known = project.file.sources
    if name not in known:
        listed = ", ".join(known) or "none yet"
        raise ConfigError(f"no source {name!r} in digest.toml; it has: {listed}{nearest(name, known)}")
    return known[name]


def pause(project: Project, name: str, now: dt.datetime) -> None:
    """Leave a source out of collecting until it is resumed, and remember who said so."""
    _set(project, name, now, {"paused_at": now, "paused_by": who_does_this()})


def resume(project: Project, name: str, now: dt.datetime) -> None:
    """Let a source be collected again at once, whether it was paused, has ended or backs off."""
    values = {"paused_at": None, "paused_by": "", "ended_at": None, "next_try": None, "failures": 0}
    values |= {"failing_since": None, "told_at": None}
    _set(project, name, now, values)


def _set(project: Project, name: str, now: dt.datetime, values: dict[str, Any]) -> None:
    settings = find(project, name)
    number = names.number(project.store, Source, name, settings.formerly, now)
    sources.set_state(project.store, number, values).result()
