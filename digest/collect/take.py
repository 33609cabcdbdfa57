"""Taking articles in: from folders, files and by hand, each once, and placed in the newsletters it goes to."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.files import Reading, read_articles
from digest.collect.rows import Found, read_row
from digest.errors import ConfigError, nearest
from digest.models import Article, Newsletter, PlacementState, Source
from digest.project import Project
from digest.settings import SourceSettings
from digest.store import articles, editions, names
from digest.store.articles import Home, Saved
from digest.tables import Problem

MARKDOWN = frozenset({".md", ".markdown"})
ENDINGS = MARKDOWN | {".json", ".jsonl", ".ndjson", ".csv"}
LARGEST = 200_000_000  #: bytes of a file of articles


@dataclass(frozen=True)
class Taken:
    """What came of one source, or of one file: ``found`` is the sum of the next four."""

    source: str | None
    file: str | None
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()
    error: str | None = None

    @property
    def skipped(self) -> int:
        """Rows that could not be read."""
        return len(self.problems)

    @property
    def has_failed(self) -> bool:
        """Whether nothing at all could be read."""
        return bool(self.error or self.problems) and not self.new + self.changed + self.unchanged

    def as_json(self) -> dict[str, Any]:
        """Return the contract's row."""
        return {
            "source": self.source, "file": self.file,
            "found": self.new + self.changed + self.unchanged + self.skipped,
            "new": self.new, "changed": self.changed, "unchanged": self.unchanged, "skipped": self.skipped,
            "error": self.error,
        }  # fmt: skip


def collect_sources(project: Project, wanted: Sequence[str], now: dt.datetime) -> list[Taken]:
    """Take in what sources have, all of them when none is named; one that fails stops no other."""
    known = project.file.sources
    for name in wanted:
        if name not in known:
            listed = ", ".join(known) or "none yet"
            raise ConfigError(f"no source {name!r} in digest.toml; it has: {listed}{nearest(name, known)}")
    return [_collect(project, known[name], now) for name in wanted or known]


def _collect(project: Project, source: SourceSettings, now: dt.datetime) -> Taken:
    assert source.folder is not None
    folder = project.folder / source.folder
    if not folder.is_dir():
        return Taken(source.name, None, error=f"no folder {source.folder}; make it, or correct [sources.{source.name}]")
    readings = [_read_of_many(project, path, _below(folder, path), source.name, now) for path in _files(folder)]
    return _take(project, readings, source.name, None, now)


def collect_files(project: Project, paths: Sequence[Path], source: str | None, now: dt.datetime) -> list[Taken]:
    """Take in files, and the files of folders, in place of a source; a row for each file."""
    taken = []
    for path in paths:
        files = [(file, _below(path, file)) for file in _files(path)] if path.is_dir() else [(path, path.name)]
        for file, name in files:
            reading = _read(project, file, _name_in_source(project, file, source) or name, source, now)
            taken.append(_take(project, [reading], source, str(file), now))
    return taken


def take_row(project: Project, row: Mapping[str, object], source: str | None, now: dt.datetime) -> Taken:
    """Take in one article that an editor wrote by hand."""
    given = {name: value for name, value in row.items() if value is not None}
    found = read_row(given, "the article", zone=_zone(project, source), now=now, source=source)
    reading = Reading(problems=(found,)) if isinstance(found, Problem) else Reading(found=(found,))
    return _take(project, [reading], source, None, now)


def _files(folder: Path) -> list[Path]:
    """Return a folder's files of articles, by name; what an editor or the system keeps there besides is left alone."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS
        and path.is_file()
        and not any(part.startswith((".", "~")) for part in path.relative_to(folder).parts)
    )


def _below(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _name_in_source(project: Project, file: Path, source: str | None) -> str | None:
    """Return what a file given by hand is called in its source's folder, None where it lies elsewhere."""
    settings = project.file.sources.get(source or "")
    if settings is None or settings.folder is None:
        return None
    folder, at = (project.folder / settings.folder).resolve(), file.parent.resolve() / file.name
    return _below(folder, at) if at.is_relative_to(folder) else None


def _read(project: Project, path: Path, name: str, source: str | None, now: dt.datetime) -> Reading | str:
    """Return what a file holds, or why it cannot be read; ``name`` is its path below its folder."""
    try:
        if path.stat().st_size > LARGEST:
            return f"{path.name} is larger than {LARGEST // 1_000_000} MB; split it"
        data = path.read_bytes()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    reading = read_articles(data, path.name, zone=_zone(project, source), now=now, source=source)
    if path.suffix.lower() in MARKDOWN:
        for found in reading.found:
            # Known by its file's name: several folders may each have an index.md.
            found.article.guid = name if found.article.guid == path.name else found.article.guid
    return reading


def _read_of_many(project: Project, path: Path, name: str, source: str, now: dt.datetime) -> Reading | str:
    """Return what one file of a folder holds; its problems name it."""
    reading = _read(project, path, name, source, now)
    if isinstance(reading, str):
        return reading
    problems = tuple(Problem(f"{name}, {problem.where}", problem.reason) for problem in reading.problems)
    return Reading(reading.found, problems, reading.unknown)


def _take(
    project: Project, readings: Sequence[Reading | str], source: str | None, file: str | None, now: dt.datetime
) -> Taken:
    errors = [reading for reading in readings if isinstance(reading, str)]
    read = [reading for reading in readings if isinstance(reading, Reading)]
    found = [found for reading in read for found in reading.found]
    counted = Counter(_save(project, found, now))
    return Taken(
        source,
        file,
        counted[Saved.NEW],
        counted[Saved.CHANGED],
        counted[Saved.UNCHANGED],
        tuple(problem for reading in read for problem in reading.problems),
        tuple(dict.fromkeys(name for reading in read for name in reading.unknown)),
        "; ".join(errors) or None,
    )


def _save(project: Project, found: Sequence[Found], now: dt.datetime) -> list[Saved]:
    sources = {one.source for one in found}
    homes = _Homes(project, sources, now)
    taken = [homes.numbered(one, project.file.sources.get(one.source or "")) for one in found]
    return articles.save(project.store, taken, homes.home, now)


class _Homes:
    """Where the articles of each source go, settled once for a file or folder."""

    def __init__(self, project: Project, sources: set[str | None], now: dt.datetime) -> None:
        store, file = project.store, project.file
        self._now = now
        self._letters = {
            name: names.number(store, Newsletter, name, letter.formerly, now)
            for name, letter in file.newsletters.items()
        }
        self._settings = {self._letters[name]: letter for name, letter in file.newsletters.items()}
        is_new = {name: name is not None and names.find(store, Source, name) is None for name in sources}
        self._numbers = {name: self._number(project, name) for name in sources}
        self._goes_to = {
            self._numbers[name]: [self._letters[letter] for letter in file.newsletters_for(name)] for name in sources
        }
        # A source that joins later reaches back as far as a first edition does; before that edition all of it waits.
        self._joins_late = {
            (self._numbers[name], letter)
            for name in sources
            for letter in self._goes_to[self._numbers[name]]
            if is_new[name] and editions.has_frozen(store, letter)
        }

    def _number(self, project: Project, name: str | None) -> int | None:
        if name is None:
            return None
        settings = project.file.sources.get(name)
        return names.number(project.store, Source, name, settings.formerly if settings else None, self._now)

    def numbered(self, found: Found, settings: SourceSettings | None) -> Article:
        """Return a found article with its source's number, its source's section, and something to know it by."""
        article = found.article
        article.source_id = self._numbers[found.source]
        article.section = article.section or (settings.section if settings else "")
        if article.guid is None and article.link is None:
            said = f"{article.title}\n{article.published_on or article.published or ''}"
            article.guid = f"title:{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        return article

    def home(self, article: Article) -> Home:
        """Return the newsletters an article goes to, and whether it waits there or is too old."""
        goes_to = self._goes_to[article.source_id]
        return Home({letter: self._state(article, letter) for letter in goes_to})

    def _state(self, article: Article, letter: int) -> PlacementState:
        if (article.source_id, letter) not in self._joins_late:
            return PlacementState.WAITING
        settings = self._settings[letter]
        earliest = settings.date_at(self._now) - dt.timedelta(days=settings.lookback_days)
        date = article.published_on or (article.published and article.published.astimezone(settings.zone).date())
        return PlacementState.PASSED if date is not None and date < earliest else PlacementState.WAITING


def _zone(project: Project, source: str | None) -> ZoneInfo:
    """Return the zone of times without one: the source's, else that of the first newsletter it goes to."""
    settings = project.file.sources.get(source or "")
    if settings is not None and settings.timezone:
        return ZoneInfo(settings.timezone)
    letters = project.file.newsletters_for(source)
    return project.file.newsletters[letters[0]].zone if letters else ZoneInfo("UTC")
