"""Whether a store is sound: SQLite's own checks, what must always hold of the ledger, and counts for a look at it."""

import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, create_engine, func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from digest.models import DeliveryState, EditionState, NoticeState, PlacementState
from digest.store.articles import edition_key
from digest.store.engine import as_store_error
from digest.store.standing import is_open
from digest.store.store import Store
from digest.store.tables import ARTICLE, ATTEMPT, DELIVERY, EDITION, LETTER, MAILING_LIST, NEWSLETTER, NOTICE, PLACEMENT

MOST = 20  #: of SQLite's complaints; thousands would say no more
SQLITE = sqlite3.sqlite_version
WAITING = (NoticeState.WAITING, NoticeState.SENDING)
OPEN_AFTER_END = (EditionState.SENT, EditionState.REHEARSED)
WITH_LETTERS = (EditionState.FROZEN, EditionState.SENDING, EditionState.PAUSED, *OPEN_AFTER_END)


@dataclass(frozen=True)
class Trouble:
    """Something that does not hold: the name of the rule, where, and how often."""

    rule: str
    where: str
    count: int


def damage(path: Path) -> list[str]:
    """Return what SQLite says is broken in a store's file, in its own words; StoreError when it cannot even be read."""
    with _looking(path) as connection:
        rows = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST})").scalars().all()
    return [" ".join(str(row).split()) for row in rows if row != "ok"]


def troubles(path: Path) -> list[Trouble]:
    """Return where a store that can be read breaks what must always hold, all of it as of one moment; StoreError."""
    with _looking(path) as connection:
        return [*_references(connection), *_editions(connection), *_counted(connection)]


def notice_counts(store: Store) -> dict[NoticeState, int]:
    """Return how many notices are in each state."""
    wanted = select(NOTICE.c.state, func.count()).group_by(NOTICE.c.state)
    found: dict[NoticeState, int] = dict(store.read(lambda c: [(row[0], row[1]) for row in c.execute(wanted)]))
    return {state: found.get(state, 0) for state in NoticeState}


def notice_waiting_since(store: Store) -> dt.datetime | None:
    """Return since when the notice that has waited longest waits, None when none does."""
    waits = NOTICE.c.state.in_(WAITING)
    return store.read(lambda c: c.execute(select(func.min(NOTICE.c.made_at)).where(waits)).scalar())


def failed_notices(store: Store, since: dt.datetime) -> tuple[int, str]:
    """Return how many notices have failed since a moment, and what the relay said of the last one."""
    failed = and_(NOTICE.c.state == NoticeState.FAILED, NOTICE.c.made_at >= since)

    def read(connection: Connection) -> tuple[int, str]:
        words = connection.execute(select(NOTICE.c.text).where(failed).order_by(NOTICE.c.id)).scalars().all()
        return len(words), words[-1] if words else ""

    return store.read(read)


def synced(store: Store) -> dict[str, dt.datetime | None]:
    """Return for every list that has a row when its file was last brought in."""
    wanted = select(MAILING_LIST.c.name, MAILING_LIST.c.synced_at)
    return store.read(lambda c: {row.name: row.synced_at for row in c.execute(wanted)})


def unplaced(store: Store) -> int:
    """Return how many articles are placed nowhere."""
    return store.read(lambda c: int(c.execute(_unplaced()).scalar_one()))


def sent_since(store: Store, edition_id: int, since: dt.datetime) -> tuple[int, dt.datetime | None, dt.datetime | None]:
    """Return how many letters of an edition have been taken since a moment, and when the first and the last of them."""
    wanted = select(func.count(), func.min(DELIVERY.c.done_at), func.max(DELIVERY.c.done_at)).where(
        DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.SENT, DELIVERY.c.done_at >= since
    )
    count, first, last = store.read(lambda c: c.execute(wanted).one())
    return int(count), first, last


def deferred_since(store: Store, edition_id: int) -> dt.datetime | None:
    """Return when the letters of an edition that are put off now were first put off."""
    wanted = (
        select(func.min(ATTEMPT.c.at))
        .join(
            DELIVERY,
            and_(DELIVERY.c.edition_id == ATTEMPT.c.edition_id, DELIVERY.c.subscriber_id == ATTEMPT.c.subscriber_id),
        )
        .where(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.DEFERRED)
    )
    return store.read(lambda c: c.execute(wanted).scalar())


def next_try(store: Store, edition_id: int) -> dt.datetime | None:
    """Return when a letter of an edition that is put off is tried again, None when none is."""
    put_off = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.DEFERRED)
    return store.read(lambda c: c.execute(select(func.min(DELIVERY.c.next_at)).where(put_off)).scalar())


def open_doubts(store: Store, edition_id: int) -> int:
    """Return how many letters of an edition are in doubt and not settled."""
    doubts = and_(DELIVERY.c.state == DeliveryState.IN_DOUBT, ~DELIVERY.c.closed)
    wanted = select(func.count()).where(DELIVERY.c.edition_id == edition_id, doubts)
    return store.read(lambda c: int(c.execute(wanted).scalar_one()))


@contextmanager
def _looking(path: Path) -> Iterator[Connection]:
    """Read a store as it is, without bringing it up to date and without writing to it."""
    where = f"{path.resolve().as_uri()}?mode=ro"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(where, uri=True, isolation_level=None), poolclass=NullPool
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
    except DBAPIError as error:
        raise as_store_error(error, path) from error
    finally:
        engine.dispose()


def _references(connection: Connection) -> list[Trouble]:
    counts: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        counts[table, parent] = counts.get((table, parent), 0) + 1
    return [Trouble("references", f"{table} to {parent}", count) for (table, parent), count in counts.items()]


def _editions(connection: Connection) -> list[Trouble]:
    """Return what does not hold of editions, by their keys."""
    rules = {
        "audience": _select_editions(func.abs(EDITION.c.audience - _deliveries())).where(
            EDITION.c.audience != _deliveries()
        ),
        "letters": _select_editions(1).where(EDITION.c.state.in_(WITH_LETTERS), _letters() == 0),
        "letter": _select_editions(_strange_letters()).where(_strange_letters() > 0),
        "finished": _select_editions(_deliveries(is_open())).where(
            EDITION.c.state.in_(OPEN_AFTER_END), _deliveries(is_open()) > 0
        ),
        "cancelled": _select_editions(_deliveries(is_open(), DELIVERY.c.state != DeliveryState.SENDING)).where(
            EDITION.c.state == EditionState.CANCELLED,
            _deliveries(is_open(), DELIVERY.c.state != DeliveryState.SENDING) > 0,
        ),
        "sending": _select_editions(_going()).where(EDITION.c.state != EditionState.CANCELLED, _going() > 0),
        "cut_off": _select_editions(_going()).where(EDITION.c.state == EditionState.CANCELLED, _going() > 0),
    }
    return [
        Trouble(rule, edition_key(name, date, number), int(count))
        for rule, wanted in rules.items()
        for name, date, number, count in connection.execute(wanted.order_by(EDITION.c.id))
    ]


def _select_editions(count: Any) -> Select[Any]:
    """Return editions by the parts of their keys, each with a count."""
    named = select(NEWSLETTER.c.name, EDITION.c.date, EDITION.c.number).add_columns(func.coalesce(count, 0))
    return named.join_from(EDITION, NEWSLETTER, NEWSLETTER.c.id == EDITION.c.newsletter_id)


def _deliveries(*which: Any) -> Any:
    here = select(func.count()).where(DELIVERY.c.edition_id == EDITION.c.id, *which)
    return here.correlate(EDITION).scalar_subquery()


def _going() -> Any:
    return _deliveries(DELIVERY.c.state == DeliveryState.SENDING)


def _letters() -> Any:
    return select(func.count()).where(LETTER.c.edition_id == EDITION.c.id).correlate(EDITION).scalar_subquery()


def _strange_letters() -> Any:
    joined = select(func.count()).join_from(DELIVERY, LETTER, LETTER.c.id == DELIVERY.c.letter_id)
    here = joined.where(DELIVERY.c.edition_id == EDITION.c.id, LETTER.c.edition_id != EDITION.c.id)
    return here.correlate(EDITION).scalar_subquery()


def _counted(connection: Connection) -> list[Trouble]:
    """Return what does not hold of articles, by number."""
    found = {"bound": _unbound(), "unplaced": _unplaced()}
    counts: Sequence[tuple[str, int]] = [(rule, connection.execute(one).scalar_one()) for rule, one in found.items()]
    return [Trouble(rule, "", count) for rule, count in counts if count]


def _unbound() -> Select[Any]:
    """Count the placements that say bound and name no edition of theirs, or name one and do not say bound."""
    joined = select(func.count()).select_from(PLACEMENT).outerjoin(EDITION, EDITION.c.id == PLACEMENT.c.edition_id)
    bound = PLACEMENT.c.state == PlacementState.BOUND
    nowhere = or_(EDITION.c.id.is_(None), EDITION.c.newsletter_id != PLACEMENT.c.newsletter_id)
    return joined.where(or_(and_(bound, nowhere), and_(~bound, PLACEMENT.c.edition_id.is_not(None))))


def _unplaced() -> Select[Any]:
    placed = select(PLACEMENT.c.article_id).where(PLACEMENT.c.article_id == ARTICLE.c.id).exists()
    return select(func.count()).select_from(ARTICLE).where(~placed)
