"""Articles and their placements."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from digest.models import Article, Placement, PlacementState
from digest.store.store import Store, session_on
from digest.store.tables import ARTICLE, EDITION, NEWSLETTER, PLACEMENT, SOURCE

SLICE = 500  #: rows a write transaction: a mark of the ledger never waits long behind an import
#: What an article says; the rest is who it is, and when we saw it.
CONTENT = (
    "title", "subtitle", "lead", "body", "section", "author", "image", "language",
    "published", "published_on", "embargo_until", "expires", "url",
)  # fmt: skip


Row = dict[str, Any]
Identity = tuple[int | None, str | None] | str | None


class Saved(enum.Enum):
    """What became of an article that came in."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Home:
    """Where an article of one source goes: the newsletters' numbers, and how each takes it."""

    newsletters: Mapping[int, PlacementState]


@dataclass(frozen=True)
class Placed:
    """One article's place in one newsletter, in words."""

    newsletter: str
    state: str
    edition: str | None
    by: str
    at: dt.datetime


@dataclass(frozen=True)
class Listed:
    """An article with its source and places."""

    article: Article
    source: str | None
    placements: tuple[Placed, ...]


def save(store: Store, articles: Sequence[Article], home: Callable[[Article], Home], now: dt.datetime) -> list[Saved]:
    """Take articles in, each once, and place them; return what became of each, in their order.

    An article is known by its source and the source's id, or by its canonical link; known ones are updated.
    """
    saved: list[Saved] = []
    for start in range(0, len(articles), SLICE):
        part = articles[start : start + SLICE]
        saved += store.write(partial(_save, articles=part, home=home, now=now)).result()
    return saved


def _save(
    connection: Connection, articles: Sequence[Article], home: Callable[[Article], Home], now: dt.datetime
) -> list[Saved]:
    known = _known(connection, articles)
    saved, places = [], []
    for article in articles:
        row = next((known[name] for name in _identities(article) if name in known), None)
        content = {name: getattr(article, name) for name in CONTENT}
        if row is None:
            outcome, row = Saved.NEW, _add(connection, article, content, now)
        else:
            # The link it has stays: another one that leads to the same guid may belong to another article tomorrow.
            content["link"] = row["link"] or (None if article.link in known else article.link)
            changed = {name: value for name, value in content.items() if value != row[name]}
            if changed:
                change = update(ARTICLE).where(ARTICLE.c.id == row["id"])
                connection.execute(change.values(**changed, changed_at=now))
            outcome, row = Saved.CHANGED if changed else Saved.UNCHANGED, {**row, **changed}
        known |= _names_of(row)  # it may come a second time further down
        saved.append(outcome)
        for newsletter, state in home(article).newsletters.items():
            place = {"article_id": row["id"], "newsletter_id": newsletter, "state": state, "at": now}
            places.append({**place, "rank": 0, "pinned": False, "by": ""})
    if places:
        connection.execute(insert(PLACEMENT).on_conflict_do_nothing(), places)
    return saved


def _add(connection: Connection, article: Article, content: Row, now: dt.datetime) -> Row:
    identity = {"source_id": article.source_id, "guid": article.guid, "link": article.link}
    row = {**content, **identity, "first_seen": article.first_seen, "changed_at": now}
    return {**row, "id": connection.execute(ARTICLE.insert().values(row).returning(ARTICLE.c.id)).scalar_one()}


def _identities(article: Article) -> list[Identity]:
    """Return what an article is known by, the stronger word first: a page that moves keeps its source's id."""
    by_guid: list[Identity] = [(article.source_id, article.guid)] if article.guid is not None else []
    return by_guid + ([article.link] if article.link is not None else [])


def _known(connection: Connection, articles: Sequence[Article]) -> dict[Identity, Row]:
    same: list[ColumnElement[bool]] = [ARTICLE.c.link.in_([a.link for a in articles if a.link is not None])]
    for source in {a.source_id for a in articles}:  # each by itself: the index begins with the source
        guids = [a.guid for a in articles if a.guid is not None and a.source_id == source]
        same.append(and_(ARTICLE.c.source_id == source, ARTICLE.c.guid.in_(guids)))
    known: dict[Identity, Row] = {}
    for found in connection.execute(select(ARTICLE).where(or_(*same))).mappings():
        known |= _names_of(dict(found))
    return known


def _names_of(row: Row) -> dict[Identity, Row]:
    return {(row["source_id"], row["guid"]): row, row["link"]: row}


def edit(store: Store, number: int, fields: Mapping[str, object], now: dt.datetime) -> None:
    """Change what an article says."""
    change = update(ARTICLE).where(ARTICLE.c.id == number).values(**fields, changed_at=now)
    store.write(lambda c: c.execute(change)).result()


def candidates(store: Store, newsletter_id: int) -> list[tuple[Article, Placement]]:
    """Return the articles that wait or are pinned for a newsletter, with their placements."""
    waiting = (PlacementState.WAITING, PlacementState.PINNED)
    wanted = (
        select(Article, Placement)
        .join(Placement, PLACEMENT.c.article_id == ARTICLE.c.id)
        .where(PLACEMENT.c.newsletter_id == newsletter_id, PLACEMENT.c.state.in_(waiting))
        .order_by(ARTICLE.c.id)
    )

    def read(connection: Connection) -> list[tuple[Article, Placement]]:
        with session_on(connection) as session:
            return [(article, placement) for article, placement in session.execute(wanted)]

    return store.read(read)


def listing(
    store: Store,
    *,
    newsletter_id: int | None = None,
    states: Iterable[PlacementState] = (),
    numbers: Iterable[int] | None = None,
    limit: int | None = None,
) -> list[Listed]:
    """Return articles newest first, with their source and places; narrowed by newsletter, state or number."""
    wanted = select(Article).order_by(func.coalesce(ARTICLE.c.published, ARTICLE.c.first_seen).desc(), ARTICLE.c.id)
    places = [PLACEMENT.c.article_id == ARTICLE.c.id]
    if newsletter_id is not None:
        places.append(PLACEMENT.c.newsletter_id == newsletter_id)
    if chosen := tuple(states):
        places.append(PLACEMENT.c.state.in_(chosen))
    if len(places) > 1:
        wanted = wanted.where(select(PLACEMENT.c.article_id).where(*places).exists())
    if numbers is not None:
        wanted = wanted.where(ARTICLE.c.id.in_(list(numbers)))
    wanted = wanted.limit(limit)

    def read(connection: Connection) -> list[Listed]:
        with session_on(connection) as session:
            articles = list(session.scalars(wanted))
        placed = _placements(connection, articles if numbers is not None or limit is not None else None)
        sources = {row.id: row.name for row in connection.execute(select(SOURCE.c.id, SOURCE.c.name))}
        return [Listed(a, sources.get(a.source_id or 0), tuple(placed.get(a.id or 0, ()))) for a in articles]

    return store.read(read)


def _placements(connection: Connection, articles: Sequence[Article] | None) -> dict[int, list[Placed]]:
    wanted = (
        select(
            PLACEMENT.c.article_id, PLACEMENT.c.state, PLACEMENT.c.by, PLACEMENT.c.at,
            NEWSLETTER.c.name, EDITION.c.date, EDITION.c.number,
        )
        .join(NEWSLETTER, NEWSLETTER.c.id == PLACEMENT.c.newsletter_id)
        .outerjoin(EDITION, EDITION.c.id == PLACEMENT.c.edition_id)
    )  # fmt: skip
    if articles is not None:
        wanted = wanted.where(PLACEMENT.c.article_id.in_([a.id for a in articles]))
    placed: dict[int, list[Placed]] = {}
    for row in connection.execute(wanted):
        edition = edition_key(row.name, row.date, row.number) if row.date else None
        placed.setdefault(row.article_id, []).append(Placed(row.name, row.state.value, edition, row.by, row.at))
    return placed


def printed_in(store: Store, edition_id: int) -> list[tuple[Article, Placement]]:
    """Return the articles of an edition as they read now, with their placements in it."""
    wanted = (
        select(Article, Placement)
        .join(Placement, PLACEMENT.c.article_id == ARTICLE.c.id)
        .where(PLACEMENT.c.edition_id == edition_id)
        .order_by(ARTICLE.c.id)
    )

    def read(connection: Connection) -> list[tuple[Article, Placement]]:
        with session_on(connection) as session:
            return [(article, placement) for article, placement in session.execute(wanted)]

    return store.read(read)


def place(
    store: Store,
    numbers: Sequence[int],
    newsletter_id: int | None,
    state: PlacementState,
    *,
    by: str,
    now: dt.datetime,
) -> set[int]:
    """Put articles into a state, in one newsletter or in all they are placed in; return those it was done for.

    Articles that are bound to an edition stay so.  One is pinned in a newsletter at a time: of several the last.
    """
    pinned = state is PlacementState.PINNED
    parts = [[number] for number in numbers] if pinned else [list(numbers)]

    def change(connection: Connection) -> set[int]:
        return {number for part in parts for number in placed(connection, part)}

    def placed(connection: Connection, part: Sequence[int]) -> list[int]:
        here = [PLACEMENT.c.article_id.in_(part), PLACEMENT.c.state != PlacementState.BOUND]
        if newsletter_id is not None:
            here.append(PLACEMENT.c.newsletter_id == newsletter_id)
        rows = connection.execute(select(PLACEMENT.c.article_id, PLACEMENT.c.newsletter_id).where(*here)).all()
        if pinned:
            was = [PLACEMENT.c.newsletter_id.in_([r.newsletter_id for r in rows]), PLACEMENT.c.state == state]
            waiting = {"state": PlacementState.WAITING, "pinned": False, "by": by, "at": now}
            connection.execute(update(PLACEMENT).where(*was).values(waiting))
        connection.execute(update(PLACEMENT).where(*here).values(state=state, pinned=pinned, by=by, at=now))
        return [row.article_id for row in rows]

    return store.write(change).result()


def rank(store: Store, newsletter_id: int, ranks: Mapping[int, int]) -> None:
    """Set where articles stand inside their day."""
    change = (
        update(PLACEMENT)
        .where(PLACEMENT.c.article_id == bindparam("article"), PLACEMENT.c.newsletter_id == newsletter_id)
        .values(rank=bindparam("stands"))
    )
    rows = [{"article": article, "stands": stands} for article, stands in ranks.items()]
    store.write(lambda c: c.execute(change, rows)).result()


def with_link(store: Store, link: str) -> int | None:
    """Return the number of the article with a canonical link."""
    return store.read(lambda c: c.execute(select(ARTICLE.c.id).where(ARTICLE.c.link == link)).scalar())


def without_place(store: Store) -> list[Article]:
    """Return the articles that are placed nowhere: the audit's unexplained ones."""
    placed = select(PLACEMENT.c.article_id).where(PLACEMENT.c.article_id == ARTICLE.c.id).exists()

    def read(connection: Connection) -> list[Article]:
        with session_on(connection) as session:
            return list(session.scalars(select(Article).where(~placed).order_by(ARTICLE.c.id)))

    return store.read(read)


def edition_key(newsletter: str, date: dt.date, number: int) -> str:
    """Return an edition's key: ``senaste-nytt/2025-11-30``, an extra one ``.../2025-11-30.2``."""
    return f"{newsletter}/{date.isoformat()}" + (f".{number}" if number > 1 else "")
