"""Notices: written in the transaction of their cause, claimed by whoever sends next."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.dialects.sqlite import insert

from digest.models import Notice, NoticeState
from digest.store.store import Store, session_on
from digest.store.tables import NOTICE, SOURCE_STATE

CLAIMED = dt.timedelta(minutes=15)  #: how long a notice is its claimer's; after a crash another one takes it up
OPEN = NOTICE.c.state.in_([NoticeState.WAITING, NoticeState.SENDING])
WRITTEN = ("kind", "key", "address", "newsletter", "facts", "made_at", "next_at")


@dataclass(frozen=True)
class Answer:
    """What came of one try at a notice."""

    state: NoticeState
    at: dt.datetime
    next_at: dt.datetime
    code: int | None = None
    text: str = ""


def add(connection: Connection, notices: Sequence[Notice]) -> None:
    """Write notices down within a transaction; who has been told the same thing before is not told again."""
    rows = [
        {**{name: getattr(notice, name) for name in WRITTEN}, "state": NoticeState.WAITING, "attempt": 0, "text": ""}
        for notice in notices
    ]
    if rows:
        connection.execute(insert(NOTICE).on_conflict_do_nothing(), rows)


def write(store: Store, notices: Sequence[Notice]) -> None:
    """Write notices down whose cause is nothing that is stored."""
    if notices:
        store.write(lambda connection: add(connection, notices)).result()


def write_of_sources(store: Store, notices: Sequence[Notice], sources: Sequence[int], at: dt.datetime) -> None:
    """Write notices down, and with them that their sources have been told of."""

    def change(connection: Connection) -> None:
        add(connection, notices)
        connection.execute(update(SOURCE_STATE).where(SOURCE_STATE.c.source_id.in_(sources)).values(told_at=at))

    store.write(change).result()


def is_due(store: Store, now: dt.datetime) -> bool:
    """Return whether a notice waits to be sent."""
    return store.read(lambda c: c.execute(select(NOTICE.c.id).where(OPEN, NOTICE.c.next_at <= now)).first()) is not None


def claim(store: Store, now: dt.datetime, limit: int) -> list[Notice]:
    """Claim notices whose time has come, the oldest first; each is its claimer's alone for a quarter of an hour."""

    def change(connection: Connection) -> list[Notice]:
        with session_on(connection) as session:
            due = select(Notice).where(OPEN, NOTICE.c.next_at <= now).order_by(NOTICE.c.id).limit(limit)
            claimed = list(session.scalars(due))
            for notice in claimed:
                notice.state, notice.attempt, notice.next_at = NoticeState.SENDING, notice.attempt + 1, now + CLAIMED
                session.add(notice)
            session.commit()
        return claimed

    return store.write(change).result()


def record(store: Store, notice: Notice, answer: Answer) -> None:
    """Write what came of a try, unless somebody else has taken the notice over."""
    ours = and_(NOTICE.c.id == notice.id, NOTICE.c.attempt == notice.attempt, NOTICE.c.state == NoticeState.SENDING)
    done = None if answer.state is NoticeState.WAITING else answer.at
    values = {
        "state": answer.state, "next_at": answer.next_at, "done_at": done, "code": answer.code, "text": answer.text,
    }  # fmt: skip
    store.write(lambda c: c.execute(update(NOTICE).where(ours).values(values))).result()
