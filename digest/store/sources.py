"""Sources in the store: how each is doing, what of it has been read, and the book of what it brought."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, delete, func, insert, select, update

from digest.models import Source, SourceState
from digest.store.names import number_of
from digest.store.store import Store, session_on
from digest.store.tables import ARTICLE, COLLECTED, REFUSAL, SOURCE, SOURCE_MARK, SOURCE_STATE

COUNTS = ("found", "new", "changed", "unchanged", "refused", "doubled", "reasons", "placed")
KEPT = dt.timedelta(days=400)  #: how long a refusal is remembered after it was last seen
SLICE = 1000


@dataclass(frozen=True)
class Refused:
    """An item that is no article: where it stood, and why."""

    place: str
    reason: str

    @property
    def key(self) -> str:
        """What it is known by when it is found again."""
        return hashlib.sha256(f"{self.place}\n{self.reason}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Balance:
    """The book of one source: ``new`` articles have come in by it, and there are ``articles`` of it."""

    source: str | None
    found: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    doubled: int = 0  #: of the unchanged
    reasons: int = 0  #: of the refused: how many should be remembered
    placed: int = 0  #: places given, by whatever source each article is of
    articles: int = 0
    refusals: int = 0  #: reasons that are remembered

    @property
    def explained(self) -> int:
        """How many of the items found are accounted for."""
        return self.new + self.changed + self.unchanged + self.refused

    @property
    def is_sound(self) -> bool:
        """Whether every item found is explained, and every article is one that was found."""
        return (self.found, self.new, self.reasons) == (self.explained, self.articles, self.refusals)


def states(store: Store) -> dict[int, SourceState]:
    """Return how every source is doing that has been collected, by its number."""

    def read(connection: Connection) -> dict[int, SourceState]:
        with session_on(connection) as session:
            return {state.source_id: state for state in session.scalars(select(SourceState))}

    return store.read(read)


def set_state(store: Store, source_id: int, values: Mapping[str, Any]) -> "Future[None]":
    """Write part of how a source is doing; the future resolves once it is durable."""

    def change(connection: Connection) -> None:
        write_state(connection, source_id, values)

    return store.write(change)


def write_state(connection: Connection, source_id: int, values: Mapping[str, Any]) -> None:
    """Write part of how a source is doing, within a transaction."""
    known = connection.execute(update(SOURCE_STATE).where(SOURCE_STATE.c.source_id == source_id).values(**values))
    if not known.rowcount:
        connection.execute(insert(SOURCE_STATE).values(**{**_fresh(source_id), **values}))


def _fresh(source_id: int) -> dict[str, Any]:
    fields = SourceState(source_id=source_id)
    return {column.name: getattr(fields, column.name) for column in SOURCE_STATE.columns}


def numbers(store: Store) -> dict[str, int]:
    """Return the numbers of all sources by their names."""
    return store.read(lambda c: {row.name: row.id for row in c.execute(select(SOURCE.c.id, SOURCE.c.name))})


def number_all(store: Store, formerly: Mapping[str, str | None], now: dt.datetime) -> dict[str, int]:
    """Give sources that are used for the first time their numbers; each comes with the name it had, if any."""
    works = {
        name: store.write(partial(number_of, kind=Source, name=name, formerly=old, now=now))
        for name, old in formerly.items()
    }
    return {name: work.result() for name, work in works.items()}


def marks(store: Store, source_id: int) -> dict[str, str]:
    """Return which files or mails of a source have been read, each with what it was like."""
    wanted = select(SOURCE_MARK.c.name, SOURCE_MARK.c.mark).where(SOURCE_MARK.c.source_id == source_id)
    return store.read(lambda c: {row.name: row.mark for row in c.execute(wanted)})


def set_marks(store: Store, source_id: int, read: Mapping[str, str], gone: Iterable[str] = ()) -> None:
    """Remember files or mails of a source as read, and forget those that are gone."""
    names, lost = list(read), list(gone)
    works = []
    for start in range(0, max(len(names), len(lost)), SLICE):
        some, less = names[start : start + SLICE], lost[start : start + SLICE]

        def change(connection: Connection, some: Sequence[str] = some, less: Sequence[str] = less) -> None:
            here = SOURCE_MARK.c.source_id == source_id
            connection.execute(delete(SOURCE_MARK).where(here, SOURCE_MARK.c.name.in_([*some, *less])))
            if some:
                rows = [{"source_id": source_id, "name": name, "mark": read[name]} for name in some]
                connection.execute(insert(SOURCE_MARK), rows)

        works.append(store.write(change))
    for work in works:
        work.result()


def enter(
    connection: Connection, line: int | None, source_id: int | None, counts: Mapping[str, int], at: dt.datetime
) -> int:
    """Add counts to a line of the book, or begin one; return its number. In the transaction of what is counted."""
    if line is None:
        row = {name: counts.get(name, 0) for name in COUNTS}
        begun = insert(COLLECTED).values(source_id=source_id, at=at, **row).returning(COLLECTED.c.id)
        return int(connection.execute(begun).scalar_one())
    more = {name: COLLECTED.c[name] + counts[name] for name in COUNTS if counts.get(name)}
    if more:
        connection.execute(update(COLLECTED).where(COLLECTED.c.id == line).values(**more))
    return line


def refuse(connection: Connection, source_id: int | None, refused: Iterable[Refused], at: dt.datetime) -> int:
    """Remember items that are no articles, each once, in the transaction that counts them; return how many are new."""
    by_key = {one.key: one for one in refused}
    if not by_key:
        return 0
    here = REFUSAL.c.source_id.is_(None) if source_id is None else REFUSAL.c.source_id == source_id
    known = set(connection.execute(select(REFUSAL.c.key).where(here, REFUSAL.c.key.in_(list(by_key)))).scalars())
    if known:
        connection.execute(update(REFUSAL).where(here, REFUSAL.c.key.in_(known)).values(last_at=at))
    fresh = [
        {
            "source_id": source_id, "key": one.key, "place": one.place[:500], "reason": one.reason[:500],
            "first_at": at, "last_at": at,
        }
        for one in by_key.values()
        if one.key not in known
    ]  # fmt: skip
    if fresh:
        connection.execute(insert(REFUSAL), fresh)
    _forget(connection, at)
    return len(fresh)


def _forget(connection: Connection, at: dt.datetime) -> None:
    """Forget refusals that nobody has seen for long, in the book too."""
    old = REFUSAL.c.last_at < at - KEPT
    counted = select(REFUSAL.c.source_id, func.count()).where(old).group_by(REFUSAL.c.source_id)
    for source_id, count in connection.execute(counted).all():
        enter(connection, None, source_id, {"reasons": -count}, at)
    connection.execute(delete(REFUSAL).where(old))


def refusals(store: Store, source_id: int | None) -> list[Refused]:
    """Return the items of a source that are no articles, those seen last first."""
    here = REFUSAL.c.source_id.is_(None) if source_id is None else REFUSAL.c.source_id == source_id
    wanted = select(REFUSAL.c.place, REFUSAL.c.reason).where(here).order_by(REFUSAL.c.last_at.desc(), REFUSAL.c.id)
    return store.read(lambda c: [Refused(row.place, row.reason) for row in c.execute(wanted)])


def book(store: Store) -> list[Balance]:
    """Return the book of every source, and that of articles without one; what the audit looks at."""
    return store.read(balances)


def balances(connection: Connection) -> list[Balance]:
    """Return the book beside what is there, within a transaction."""
    sums = [func.sum(COLLECTED.c[name]).label(name) for name in COUNTS]
    names: dict[int | None, str] = dict(connection.execute(select(SOURCE.c.id, SOURCE.c.name)).all())
    entered = connection.execute(select(COLLECTED.c.source_id, *sums).group_by(COLLECTED.c.source_id))
    lines = {row[0]: [int(count) for count in row[1:]] for row in entered}
    articles, refusals = _counted(connection, ARTICLE.c.source_id), _counted(connection, REFUSAL.c.source_id)
    return [
        Balance(
            names.get(number or 0),
            **dict(zip(COUNTS, lines.get(number, [0] * len(COUNTS)), strict=True)),
            articles=articles.get(number, 0),
            refusals=refusals.get(number, 0),
        )
        for number in sorted({*lines, *articles, *refusals}, key=lambda n: n or 0)
    ]


def _counted(connection: Connection, source: Column[Any]) -> dict[int | None, int]:
    return dict(connection.execute(select(source, func.count()).group_by(source)).all())
