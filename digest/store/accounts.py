"""What an audit reads: every place of a newsletter's articles, and the book beside what is there. In flat memory."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, func, select

from digest.models import PlacementState
from digest.store.articles import edition_key
from digest.store.sources import Balance, balances
from digest.store.store import Store
from digest.store.tables import ARTICLE, EDITION, NEWSLETTER, PLACEMENT

T = TypeVar("T")
AT_ONCE = 2000  #: rows in memory
MOST = 20  #: numbers that are named of what is lost
WAITING = (PlacementState.WAITING, PlacementState.PINNED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One article's place in a newsletter, with what decides whether readers may see it while it waits."""

    number: int
    state: str
    edition: str | None = None  #: its key
    by: str = ""
    embargo_until: dt.datetime | None = None
    expires: dt.datetime | None = None


@dataclass(frozen=True)
class Lost:
    """What does not belong together: numbers of articles of which only the place is left, and numbers that are gone."""

    placements: int  #: how many there are
    without_article: tuple[int, ...]
    missing: tuple[int, ...]  #: numbers below the highest that no article has


def read_places(store: Store, newsletter_id: int, fold: Callable[[Iterator[Entry]], T]) -> T:
    """Return what is made of all places in a newsletter, as of one moment; they come one by one."""

    def read(connection: Connection) -> T:
        keys = _edition_keys(connection, newsletter_id)
        return fold(_places(connection.execution_options(yield_per=AT_ONCE), newsletter_id, keys))

    return store.read(read)


def _edition_keys(connection: Connection, newsletter_id: int) -> dict[int, str]:
    wanted = (
        select(EDITION.c.id, NEWSLETTER.c.name, EDITION.c.date, EDITION.c.number)
        .join(NEWSLETTER, NEWSLETTER.c.id == EDITION.c.newsletter_id)
        .where(EDITION.c.newsletter_id == newsletter_id)
    )
    return {row.id: edition_key(row.name, row.date, row.number) for row in connection.execute(wanted)}


def _places(connection: Connection, newsletter_id: int, keys: Mapping[int, str]) -> Iterator[Entry]:
    here, at_rest = PLACEMENT.c.newsletter_id == newsletter_id, PLACEMENT.c.state.not_in(WAITING)
    # Of a million that have run nothing of the article itself is wanted: looking each up would take most of the time.
    rest = select(PLACEMENT.c.article_id, PLACEMENT.c.state, PLACEMENT.c.edition_id, PLACEMENT.c.by)
    for number, state, edition, by in connection.execute(rest.where(here, at_rest).order_by(PLACEMENT.c.article_id)):
        yield Entry(number, state.value, keys.get(edition), by)
    columns = (PLACEMENT.c.article_id, PLACEMENT.c.state, PLACEMENT.c.edition_id, PLACEMENT.c.by)
    waiting = (
        select(*columns, ARTICLE.c.embargo_until, ARTICLE.c.expires)
        .join(ARTICLE, ARTICLE.c.id == PLACEMENT.c.article_id)
        .where(here, ~at_rest)
        .order_by(PLACEMENT.c.article_id)
    )
    for number, state, edition, by, embargo_until, expires in connection.execute(waiting):
        yield Entry(number, state.value, keys.get(edition), by, embargo_until, expires)


def without_place(store: Store) -> list[int]:
    """Return the numbers of articles that are placed nowhere."""
    placed = select(PLACEMENT.c.article_id).where(PLACEMENT.c.article_id == ARTICLE.c.id).exists()
    wanted = select(ARTICLE.c.id).where(~placed).order_by(ARTICLE.c.id)
    return list(store.read(lambda c: c.execute(wanted).scalars().all()))


def titles(store: Store, numbers: Iterable[int]) -> dict[int, str]:
    """Return the titles of articles by their numbers."""
    left = iter(numbers)

    def read(connection: Connection) -> dict[int, str]:
        found: dict[int, str] = {}
        while some := list(islice(left, AT_ONCE)):
            wanted = select(ARTICLE.c.id, ARTICLE.c.title).where(ARTICLE.c.id.in_(some))
            found |= {row.id: row.title for row in connection.execute(wanted)}
        return found

    return store.read(read)


def book(store: Store) -> tuple[list[Balance], Lost]:
    """Return the book of every source beside what is there, as of one moment."""

    def read(connection: Connection) -> tuple[list[Balance], Lost]:
        found = balances(connection)
        return found, _lost(connection, is_short=any(one.articles < one.new for one in found))

    return store.read(read)


def _lost(connection: Connection, *, is_short: bool) -> Lost:
    placements = int(connection.execute(select(func.count()).select_from(PLACEMENT)).scalar_one())
    there = select(ARTICLE.c.id).where(ARTICLE.c.id == PLACEMENT.c.article_id).exists()
    astray = select(PLACEMENT.c.article_id).where(~there).distinct().order_by(PLACEMENT.c.article_id).limit(MOST)
    numbers = tuple(connection.execute(astray).scalars())
    return Lost(placements, numbers, tuple(_gaps(connection)) if is_short else ())


def _gaps(connection: Connection) -> Iterable[int]:
    """Return the first numbers that no article has: they are given in their order."""
    following = func.lead(ARTICLE.c.id).over(order_by=ARTICLE.c.id)
    beside = select(ARTICLE.c.id, following.label("following")).subquery()
    wanted = select(beside).where(beside.c.following > beside.c.id + 1).order_by(beside.c.id).limit(MOST)
    first = connection.execute(select(func.min(ARTICLE.c.id))).scalar() or 1
    gaps = [range(1, first)] + [range(row.id + 1, row.following) for row in connection.execute(wanted)]
    return [number for gap in gaps for number in gap[:MOST]][:MOST]
