"""An edition laid out: the lead story, then the headlines of each date, newest date first."""

import datetime as dt
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from zoneinfo import ZoneInfo

from digest.models import Article, Placement, PlacementRole, PlacementState

NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Day:
    """The headlines of one date."""

    date: dt.date
    articles: tuple[Article, ...]


class Why(enum.StrEnum):
    """Why one article of several that tell the same story is shown."""

    PINNED = "pinned"
    PREFERRED = "preferred"
    FIRST = "first"
    LONGEST = "longest"

    @property
    def words(self) -> str:
        """As an editor reads it."""
        said = {Why.PINNED: "is pinned", Why.PREFERRED: "is of a preferred source", Why.LONGEST: "is the longest"}
        return said.get(self, "was the first")


@dataclass(frozen=True)
class Story:
    """What several sources tell: the article that is printed, and those that it stands for."""

    shown: Article
    others: tuple[Article, ...]  #: a link to each is printed beside it
    why: Why
    hidden: tuple[Article, ...] = ()  #: others that readers may not see at present


@dataclass(frozen=True)
class Layout:
    """What one edition prints and in which order; ``folded`` are bound to it and counted as "N more on the web"."""

    date: dt.date
    lead: Article | None
    days: tuple[Day, ...]
    folded: tuple[Article, ...] = ()
    stories: tuple[Story, ...] = ()  #: what several sources tell; the others are bound, and linked to as "also in"

    @property
    def printed(self) -> tuple[Article, ...]:
        """Every article that is printed, the lead story first."""
        lead = (self.lead,) if self.lead else ()
        return lead + tuple(article for day in self.days for article in day.articles)

    @property
    def told(self) -> int:
        """How many stories readers find in the edition, the folded ones too: one that three sources tell is one."""
        return len(self.printed) + len(self.folded)

    @property
    def count(self) -> int:
        """How many articles the edition holds: also those that another source's are printed in place of."""
        return self.told + sum(len(story.others) for story in self.stories)

    @property
    def also(self) -> dict[int | None, tuple[Article, ...]]:
        """The articles that tell the same story as a printed one, by its number."""
        return {story.shown.id: story.others for story in self.stories}

    def unfolded(self, zone: ZoneInfo) -> "Layout":
        """Return the same edition with everything printed: what is folded stands last under its date."""
        days = {day.date: day.articles for day in self.days}
        for article in self.folded:
            date = date_of(article, self.date, zone)
            days[date] = (*days.get(date, ()), article)
        shown = tuple(Day(date, days[date]) for date in sorted(days, reverse=True))
        return replace(self, days=shown, folded=())

    def roles(self) -> dict[int, PlacementRole]:
        """Return how each article is printed, by its number."""
        roles = {article.id: PlacementRole.HEADLINE for article in self.printed}
        roles |= {article.id: PlacementRole.FOLDED for article in self.folded}
        if self.lead:
            roles[self.lead.id] = PlacementRole.LEAD
        roles |= {article.id: PlacementRole.ALSO for story in self.stories for article in story.others}
        return {number: role for number, role in roles.items() if number is not None}

    def shown_as(self) -> dict[int, tuple[int, str]]:
        """Return of each article that is not printed itself which one is in its place, and why that one."""
        pairs = [(other, story) for story in self.stories for other in (*story.others, *story.hidden)]
        return {other.id: (story.shown.id, story.why.value) for other, story in pairs if other.id and story.shown.id}


def date_of(article: Article, edition: dt.date, zone: ZoneInfo) -> dt.date:
    """Return the date an article stands under, in the newsletter's zone.

    An undated one stands under the earlier of the day it was first seen and the edition's date.
    """
    if article.published_on is not None:
        return article.published_on
    if article.published is not None:
        return article.published.astimezone(zone).date()
    return min(article.first_seen.astimezone(zone).date(), edition)


def lay_out(
    chosen: Sequence[tuple[Article, Placement]],
    date: dt.date,
    zone: ZoneInfo,
    max_articles: int,
    stories: Collection[Story] = (),
) -> Layout:
    """Return the chosen articles as an edition of this date prints them, one of each story.

    The pinned article leads; with none pinned the newest that has a lead text, else the newest.  More than
    ``max_articles``: the pinned and the newest are printed, the rest is folded.
    """
    others = {article.id for story in stories for article in story.others}
    shown = [pair for pair in chosen if pair[0].id not in others] if others else chosen
    newest = sorted(shown, key=lambda pair: _newness(pair[0], date, zone), reverse=True)
    lead = _lead(newest)
    rest = [pair for pair in newest if pair[0] is not lead]
    rest.sort(key=lambda pair: pair[1].state is not PlacementState.PINNED)  # printed whatever their age
    room = max_articles - (1 if lead else 0)
    printed, folded = rest[:room], rest[room:]
    printed.sort(key=lambda pair: _newness(pair[0], date, zone), reverse=True)
    rest_of_them = tuple(article for article, _ in folded)
    return Layout(date, lead, _days(printed, date, zone), rest_of_them, tuple(stories))


def _lead(newest: Iterable[tuple[Article, Placement]]) -> Article | None:
    pairs = list(newest)
    pinned = [pair for pair in pairs if pair[1].state is PlacementState.PINNED]
    if pinned:
        return min(pinned, key=lambda pair: pair[1].rank)[0]
    with_lead = [article for article, _ in pairs if article.lead]
    return next(iter(with_lead or [article for article, _ in pairs]), None)


def _days(pairs: Sequence[tuple[Article, Placement]], edition: dt.date, zone: ZoneInfo) -> tuple[Day, ...]:
    ranks: Mapping[int | None, int] = {article.id: placement.rank for article, placement in pairs}
    articles = [article for article, _ in pairs]  # newest first, so that equal ranks stay in that order
    articles.sort(key=lambda a: (-date_of(a, edition, zone).toordinal(), ranks[a.id]))
    return tuple(Day(date, tuple(day)) for date, day in groupby(articles, key=lambda a: date_of(a, edition, zone)))


def _newness(article: Article, edition: dt.date, zone: ZoneInfo) -> tuple[dt.date, dt.datetime, int]:
    # The same moment twice (dates without a time, one import): what came first in its file stands first.
    moment = NEVER if article.published_on is not None else article.published or NEVER
    return date_of(article, edition, zone), moment, -(article.id or 0)
