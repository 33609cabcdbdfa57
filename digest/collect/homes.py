"""Where the articles of each source go, and how much of what a new source brings is too old."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from digest import __version__
from digest.collect.rows import Found
from digest.collect.sameness import fingerprint
from digest.models import Article, Newsletter, PlacementState, SourceState
from digest.project import Project
from digest.settings import NewsletterSettings, ProjectFile, SourceSettings
from digest.store import editions, names, sources
from digest.store.saving import Home

#: How far a new source may reach back when somebody has said so.
EVERYTHING, NOTHING = dt.date.min, dt.date.max


@dataclass(frozen=True)
class Homes:
    """Settled once for a run: numbers for names, which newsletters have begun, and which sources are new."""

    now: dt.datetime
    settings: Mapping[str, SourceSettings]
    numbers: Mapping[str | None, int | None]
    states: Mapping[int, SourceState]
    goes_to: Mapping[str | None, tuple[int, ...]]
    letters: Mapping[int, NewsletterSettings]
    begun: frozenset[int]  #: newsletters that have had an edition
    gone: frozenset[int]  #: sources that digest.toml has no more

    def state(self, source: str | None) -> SourceState:
        """Return how a source is doing."""
        number = self.numbers[source] or 0
        return self.states.get(number) or SourceState(source_id=number)

    def is_new(self, source: str | None) -> bool:
        """Return whether a source's first articles have not all been placed yet."""
        state = self.states.get(self.numbers[source] or 0)
        return source is not None and (state is None or state.joined_at is None)

    def numbered(self, found: Found) -> Article:
        """Return a found article with its source's number, its source's section, and something to know it by."""
        article = found.article
        settings = self.settings.get(found.source or "")
        article.source_id = self.numbers[found.source]
        article.section = article.section or (settings.section if settings else "")
        article.fingerprint = fingerprint(article.title, article.lead)
        if article.guid is None and article.link is None:
            said = f"{article.title}\n{article.published_on or article.published or ''}"
            article.guid = f"title:{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        return article

    def home(self, source: str | None, article: Article, reach: dt.date | None) -> Home:
        """Return the newsletters an article goes to, and whether it waits there or is too old.

        ``reach`` is how far back a new source goes, where somebody has said so; else the lookback decides.
        """
        goes_to = self.goes_to[source]
        is_new = self.is_new(source)
        fresh = {letter: self._state(article, letter, reach, is_new=is_new) for letter in goes_to}
        return Home(fresh, {letter: self._state(article, letter, reach, is_new=True) for letter in goes_to})

    def _state(self, article: Article, letter: int, reach: dt.date | None, *, is_new: bool) -> PlacementState:
        # A source that joins later reaches back as far as a first edition does; before that edition all of it waits.
        if not is_new or (reach is None and letter not in self.begun):
            return PlacementState.WAITING
        settings = self.letters[letter]
        earliest = self.earliest(letter) if reach is None else reach
        return PlacementState.PASSED if is_older(article, earliest, settings.zone) else PlacementState.WAITING

    def earliest(self, letter: int) -> dt.date:
        """Return the oldest date that a newsletter takes from a source that joins now."""
        settings = self.letters[letter]
        return settings.date_at(self.now) - dt.timedelta(days=settings.lookback_days)


def is_older(article: Article, earliest: dt.date, zone: ZoneInfo) -> bool:
    """Return whether an article is older than a date; one without a date is not, unless nothing at all is wanted."""
    date = article.published_on or (article.published and article.published.astimezone(zone).date())
    return date < earliest if date is not None else earliest == NOTHING


def settle(project: Project, wanted: Iterable[str | None], now: dt.datetime) -> Homes:
    """Return where the articles of these sources go; a name that is used for the first time gets its number."""
    store, file = project.store, project.file
    letters = {
        name: names.number(store, Newsletter, name, letter.formerly, now) for name, letter in file.newsletters.items()
    }
    wanted, known = list(wanted), sources.numbers(store)
    fresh = {name: file.sources.get(name) for name in wanted if name is not None and name not in known}
    formerly = {name: settings.formerly if settings else None for name, settings in fresh.items()}
    numbers: dict[str | None, int | None] = {None: None}
    numbers.update({**known, **sources.number_all(store, formerly, now)})
    return Homes(
        now=now,
        settings=file.sources,
        numbers=numbers,
        states=sources.states(store),
        goes_to={name: tuple(letters[letter] for letter in file.newsletters_for(name)) for name in {None, *wanted}},
        letters={letters[name]: letter for name, letter in file.newsletters.items()},
        begun=frozenset(number for number in letters.values() if editions.has_frozen(store, number)),
        gone=frozenset(number for name, number in known.items() if name not in file.sources),
    )


def signature(file: ProjectFile, settings: SourceSettings) -> str:
    """Return a hash of all that decides what is made of a source: when it changes, the source is read anew."""
    said = f"{__version__}\n{settings!r}\n{file.newsletters_for(settings.name)}\n{zone_of(file, settings.name)}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def zone_of(file: ProjectFile, source: str | None) -> ZoneInfo:
    """Return the zone of times without one: the source's, else that of the first newsletter it goes to."""
    settings = file.sources.get(source or "")
    if settings is not None and settings.timezone:
        return ZoneInfo(settings.timezone)
    letters = file.newsletters_for(source)
    return file.newsletters[letters[0]].zone if letters else ZoneInfo("UTC")
