"""Taking articles in: what has been read becomes stored articles, each once, and placed where it goes."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.folders import ENDINGS, files_in, name_in_source, read_file
from digest.collect.homes import Homes, is_older, settle, zone_of
from digest.collect.rows import Found, Reading, read_row
from digest.models import Article
from digest.project import Project
from digest.settings import ON_THE_WEB, SourceSettings
from digest.store import saving, sources
from digest.store.saving import Book, Saved
from digest.store.sources import Refused
from digest.tables import Problem

#: What feeds, pages and sitemaps are saved as.
SAVED = frozenset({".xml", ".rss", ".atom", ".rdf", ".html", ".htm"})


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
    notes: tuple[str, ...] = ()
    #: Items of somebody else's that are no articles: told to who looks, and no failure of ours.
    refused: tuple[Problem, ...] = ()

    @property
    def skipped(self) -> int:
        """Rows that could not be read."""
        return len(self.problems) + len(self.refused)

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


@dataclass(frozen=True)
class FirstLook:
    """What a new source brings to newsletters that have had editions: so many, so many of them older than a date."""

    source: str
    found: int
    old: int
    earliest: dt.date


#: Says how far back a new source reaches; None leaves it to the lookback.
Ask = Callable[[FirstLook], dt.date | None]


def lookback(_: FirstLook) -> None:
    """Leave it to the lookback, as nobody is there to be asked."""


def collect_files(project: Project, paths: Sequence[Path], source: str | None, now: dt.datetime) -> list[Taken]:
    """Take in files, and the files of folders, in place of a source; a row for each file.

    Files of articles, and for a source on the web what it would have answered: a saved feed, page or sitemap.
    """
    settings = project.file.sources.get(source or "")
    folder = project.folder / settings.folder if settings and settings.folder else None
    zone = zone_of(project.file, source)
    taken = []
    read = []
    for path in paths:
        files = files_in(path, {*ENDINGS, *SAVED}) if path.is_dir() else [(path, path.name)]
        for file, name in files:
            if file.suffix.lower() in SAVED:
                read.append((file, _read_saved(file, settings, zone, now)))
                continue
            within = folder and name_in_source(folder, file)
            read.append((file, read_file(file, within or name, zone=zone, now=now, source=source)))
    homes = settle(project, {source, *sources_of([reading for _, reading in read])}, now)
    for file, reading in read:
        taken.append(take(project, homes, [reading], source, str(file), by_editor=True))
    mark_joined(project, homes, [one.source for one in _found([reading for _, reading in read])])
    return taken


def _read_saved(file: Path, settings: SourceSettings | None, zone: ZoneInfo, now: dt.datetime) -> Reading | str:
    """Return what a file holds that a source on the web might have answered, or why it cannot be read."""
    from digest.collect.answers import Answer, FetchFailed
    from digest.collect.feeds import NotAFeed
    from digest.collect.visit import read  # with all that fetches

    if settings is None or settings.kind not in ON_THE_WEB:
        return f"{file.name} looks like a saved feed or page: say of which source on the web with --source NAME"
    try:
        return read(settings, Answer(settings.place, file.read_bytes()), zone, now)
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    except (NotAFeed, FetchFailed) as error:
        return str(error)


def take_row(project: Project, row: Mapping[str, object], source: str | None, now: dt.datetime) -> Taken:
    """Take in one article that an editor wrote by hand."""
    given = {name: value for name, value in row.items() if value is not None}
    found = read_row(given, "the article", zone=zone_of(project.file, source), now=now, source=source)
    reading = Reading(problems=(found,)) if isinstance(found, Problem) else Reading(found=(found,))
    homes = settle(project, {source, *sources_of([reading])}, now)
    return take(project, homes, [reading], source, None, by_editor=True)


def take(
    project: Project,
    homes: Homes,
    readings: Sequence[Reading | str],
    source: str | None,
    file: str | None = None,
    ask: Ask = lookback,
    *,
    by_editor: bool = False,
) -> Taken:
    """Save what has been read, in as many readings as there are files; a string is why one could not be read."""
    errors = [reading for reading in readings if isinstance(reading, str)]
    read = [reading for reading in readings if isinstance(reading, Reading)]
    found = _found(readings)
    articles = [homes.numbered(one) for one in found]
    reach = _reach(homes, source, articles, ask)
    said_by = {id(article): one.source for one, article in zip(found, articles, strict=True)}
    problems = tuple(problem for reading in read for problem in reading.problems)
    book = Book(
        homes.numbers[source],
        [Refused(problem.where, problem.reason) for problem in problems],
        homes.gone,
        frozenset(homes.letters),
        by_editor=by_editor,
    )
    saved = saving.save(
        project.store, articles, lambda article: homes.home(said_by[id(article)], article, reach), homes.now, book
    )
    counted = Counter(saved)
    return Taken(
        source,
        file,
        counted[Saved.NEW],
        counted[Saved.CHANGED],
        counted[Saved.UNCHANGED] + counted[Saved.DOUBLED],
        problems,
        tuple(dict.fromkeys(name for reading in read for name in reading.unknown)),
        "; ".join(errors) or None,
        tuple(dict.fromkeys(note for reading in read for note in reading.notes)),
    )


def sources_of(readings: Sequence[Reading | str]) -> set[str | None]:
    """Return the sources that what has been read is said to come from."""
    return {one.source for one in _found(readings)}


def mark_joined(project: Project, homes: Homes, named: Sequence[str | None]) -> None:
    """Remember that all that new sources brought is placed: what comes later is late, and waits however old."""
    for name in set(named):
        number = homes.numbers[name]
        if number is not None and homes.is_new(name):
            sources.set_state(project.store, number, {"joined_at": homes.now}).result()


def _found(readings: Sequence[Reading | str]) -> list[Found]:
    return [found for reading in readings if isinstance(reading, Reading) for found in reading.found]


def _reach(homes: Homes, source: str | None, articles: Sequence[Article], ask: Ask) -> dt.date | None:
    """Return how far back a new source reaches, when somebody says so."""
    if source is None or not articles or not homes.is_new(source) or not homes.goes_to[source]:
        return None
    letter = min(homes.goes_to[source], key=homes.earliest)
    earliest, zone = homes.earliest(letter), homes.letters[letter].zone
    old = sum(is_older(article, earliest, zone) for article in articles)
    return ask(FirstLook(source, len(articles), old, earliest))
