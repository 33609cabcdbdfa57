"""Articles and their placements."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from digest.models import Article, Placement, PlacementState
from digest.store.store import Store, session_on
from digest.store.tables import ARTICLE, EDITION, NEWSLETTER, PLACEMENT, SOURCE


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


@dataclass(frozen=True)
class Limits:
    """An article of an edition that has an embargo, and whether the edition's newest letters were made with it."""

    id: int
    title: str
    embargo_until: dt.datetime | None
    expires: dt.datetime | None
    is_printed: bool


def limited_in(store: Store, edition_id: int) -> list[Limits]:
    """Return the articles of an edition that have an embargo, also one that is over."""
    columns = (ARTICLE.c.id, ARTICLE.c.title, ARTICLE.c.embargo_until, ARTICLE.c.expires, PLACEMENT.c.role)
    wanted = (
        select(*columns)
        .join(PLACEMENT, PLACEMENT.c.article_id == ARTICLE.c.id)
        .where(PLACEMENT.c.edition_id == edition_id, ARTICLE.c.embargo_until.is_not(None))
        .order_by(ARTICLE.c.id)
    )

    def read(connection: Connection) -> list[Limits]:
        rows = connection.execute(wanted).all()
        return [Limits(row.id, row.title, row.embargo_until, row.expires, row.role is not None) for row in rows]

    return store.read(read)


def sections(store: Store) -> list[str]:
    """Return the sections that articles have, as each spells it."""
    wanted = select(ARTICLE.c.section).where(ARTICLE.c.section != "").distinct()
    return store.read(lambda c: list(c.execute(wanted).scalars()))


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


def edition_key(newsletter: str, date: dt.date, number: int) -> str:
    """Return an edition's key: ``senaste-nytt/2025-11-30``, an extra one ``.../2025-11-30.2``."""
    return f"{newsletter}/{date.isoformat()}" + (f".{number}" if number > 1 else "")
