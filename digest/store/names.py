"""Numbers for the names of digest.toml: a row when a name is first used, found again after a rename."""

import datetime as dt

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from digest.errors import ConfigError
from digest.models import Named, Newsletter
from digest.store.store import Store, session_on
from digest.store.tables import EDITION, NEWSLETTER, PLACEMENT, RELAY, STOP, table


class NameTaken(ConfigError):
    """A name is the first one of something that is called otherwise today."""

    def __init__(self, name: str, today: str) -> None:
        super().__init__(f"{name!r} is what {today!r} was first called, and stays its own for ever; take another name")
        self.name = name


def number_of(connection: Connection, kind: type[Named], name: str, formerly: str | None, now: dt.datetime) -> int:
    """Return a name's number within a transaction, giving it one; ``formerly`` finds it under its old name."""
    names = table(kind)
    if formerly is not None:
        taken = select(names.c.id).where(names.c.name == name).exists()
        connection.execute(update(names).where(names.c.name == formerly, ~taken).values(name=name))
    row = {"name": name, "first_name": name, "created_at": now}
    connection.execute(insert(names).values(row).on_conflict_do_nothing())
    known = connection.execute(select(names.c.id).where(names.c.name == name)).scalar()
    if known is None:
        raise NameTaken(name, connection.execute(select(names.c.name).where(names.c.first_name == name)).scalar_one())
    return int(known)


def rename(store: Store, kind: type[Named], name: str, formerly: str) -> None:
    """Let a name stand for what its former one stood for, unless it stands for something already.

    A newsletter that preflight has held because it looked renamed has a row by then: what waits in it moves over.
    """
    fresh, known = find(store, kind, name), find(store, kind, formerly)
    if known is None or (fresh is not None and (kind is not Newsletter or _has_gone_out(store, fresh))):
        return
    names = table(kind)

    def change(connection: Connection) -> None:
        if fresh is not None:
            _move_over(connection, fresh, known)
        connection.execute(update(names).where(names.c.id == known).values(name=name))

    store.write(change).result()


def _has_gone_out(store: Store, newsletter_id: int) -> bool:
    frozen = select(EDITION.c.id).where(EDITION.c.newsletter_id == newsletter_id, EDITION.c.frozen_at.is_not(None))
    return store.read(lambda c: c.execute(frozen.limit(1)).first() is not None)


def _move_over(connection: Connection, fresh: int, known: int) -> None:
    """Give a newsletter the articles that wait in another one, and take that one away with what it had decided."""
    for moved, key in ((PLACEMENT, PLACEMENT.c.article_id), (STOP, STOP.c.subscriber_id)):
        there = select(key).where(moved.c.newsletter_id == known)
        here = moved.c.newsletter_id == fresh
        connection.execute(update(moved).where(here, key.not_in(there)).values(newsletter_id=known))
        connection.execute(delete(moved).where(here))
    connection.execute(delete(EDITION).where(EDITION.c.newsletter_id == fresh))
    connection.execute(delete(NEWSLETTER).where(NEWSLETTER.c.id == fresh))


def number(store: Store, kind: type[Named], name: str, formerly: str | None, now: dt.datetime) -> int:
    """Return a name's number, giving it one when it is first used."""
    known = find(store, kind, name)
    return known if known is not None else store.write(lambda c: number_of(c, kind, name, formerly, now)).result()


def find(store: Store, kind: type[Named], name: str) -> int | None:
    """Return a name's number, None while it has not been used."""
    names = table(kind)
    return store.read(lambda c: c.execute(select(names.c.id).where(names.c.name == name)).scalar())


def names(store: Store, kind: type[Named]) -> dict[int, str]:
    """Return every name of a kind by its number."""
    known = table(kind)
    return store.read(lambda c: {row.id: row.name for row in c.execute(select(known.c.id, known.c.name))})


def newsletter(store: Store, name: str, formerly: str | None, list_id: str, now: dt.datetime) -> Newsletter:
    """Return a newsletter's row; the List-Id it is first asked with stays for ever (RFC 2919, section 2)."""

    def settle(connection: Connection) -> Newsletter:
        at = number_of(connection, Newsletter, name, formerly, now)
        unset = NEWSLETTER.c.list_id.is_(None)
        connection.execute(update(NEWSLETTER).where(NEWSLETTER.c.id == at, unset).values(list_id=list_id))
        with session_on(connection) as session:
            return session.get_one(Newsletter, at)

    return store.write(settle).result()


def relay_number(store: Store, name: str) -> int:
    """Return the number under which ledger rows name a relay, giving it one when it is first used."""

    def settle(connection: Connection) -> int:
        connection.execute(insert(RELAY).values(name=name).on_conflict_do_nothing())
        return int(connection.execute(select(RELAY.c.id).where(RELAY.c.name == name)).scalar_one())

    return store.write(settle).result()
