"""Forgetting a person: an empty row with their number, a stop on their address, and no byte of them in the file."""

import datetime as dt
import re
import sqlite3
import time
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, delete, func, or_, select, update

from digest.models import DeliveryState, SuppressionReason
from digest.store.engine import as_store_error
from digest.store.lock import is_held, send_lock
from digest.store.store import Store
from digest.store.suppression import put
from digest.store.tables import (
    ATTEMPT,
    CONSENT_CHANGE,
    DELIVERY,
    EDITION,
    EDITION_CHANGE,
    NOTICE,
    STOP,
    SUBSCRIBER,
    SUBSCRIPTION,
    SUPPRESSION,
)

ERASED = "(erased)"  #: stands where a text held the address
PATIENCE = 5.0  #: seconds for others to end what they read
_CHUNK = 1 << 22
#: Texts that may hold an address of somebody: words of editors and of relays.
_TEXTS: tuple[Column[Any], ...] = (
    EDITION.c.reason,
    EDITION_CHANGE.c.detail,
    CONSENT_CHANGE.c.reason,
    SUPPRESSION.c.detail,
    NOTICE.c.text,
)


@dataclass(frozen=True)
class Erased:
    """What was done about one person, and by which words the store knew them."""

    number: int
    withdrawn: int  #: letters that had not gone out
    addresses: frozenset[str]
    names: frozenset[str]


def erase(store: Store, hash_: bytes, editors: Collection[str], by: str, now: dt.datetime) -> Erased | None:
    """Leave an empty row of a person, their number and what adds up to counts; None when nobody has that hash.

    Nothing brings them back but a person with a reason: the address is suppressed, where it is not so already. Notices
    to them go, unless they are one of the ``editors``; elsewhere the address is replaced.
    """

    def change(connection: Connection) -> Erased | None:
        known = connection.execute(select(SUBSCRIBER).where(SUBSCRIBER.c.hash == hash_)).first()
        if known is None:
            return None
        mailed = connection.execute(
            select(DELIVERY.c.address, DELIVERY.c.name).where(_theirs(DELIVERY, known.id)).distinct()
        ).all()
        addresses = frozenset(filter(None, [known.address, *(row.address for row in mailed)]))
        names = frozenset(filter(None, [known.name, *(row.name for row in mailed)]))
        withdrawn = _empty_ledger(connection, known.id, now)
        for table in (CONSENT_CHANGE, SUBSCRIPTION, STOP):
            connection.execute(delete(table).where(table.c.subscriber_id == known.id))
        nothing: dict[str, Any] = {
            "hash": None,
            "address": "",
            "name": "",
            "language": None,
            "attributes": {},
            "erased_at": now,
        }
        connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.id == known.id).values(nothing))
        put(connection, hash_, SuppressionReason.ERASED, "", by, now)
        connection.execute(update(SUPPRESSION).where(SUPPRESSION.c.hash == hash_).values(detail=""))
        for address in addresses:
            _clean_notices(connection, address, editors)
            _clean_texts(connection, address)
        return Erased(known.id, withdrawn, addresses, names)

    return store.write(change).result()


def _theirs(table: Table, number: int) -> Any:
    every = select(EDITION.c.id)  # the key begins with the edition: naming them all keeps this a look-up
    return and_(table.c.edition_id.in_(every), table.c.subscriber_id == number)


def _empty_ledger(connection: Connection, number: int, now: dt.datetime) -> int:
    """Withdraw what has not gone out and take the person out of the rest, which is left to be counted."""
    waiting = DELIVERY.c.state.in_([DeliveryState.PENDING, DeliveryState.DEFERRED])
    doubt = and_(DELIVERY.c.state == DeliveryState.IN_DOUBT, ~DELIVERY.c.closed)
    gone = {"state": DeliveryState.WITHDRAWN, "lease": None, "next_at": None, "done_at": now}
    theirs = _theirs(DELIVERY, number)
    withdrawn = connection.execute(update(DELIVERY).where(theirs, or_(waiting, doubt)).values(gone)).rowcount
    connection.execute(update(DELIVERY).where(theirs).values(address=None, name=None))
    connection.execute(update(ATTEMPT).where(_theirs(ATTEMPT, number)).values(text=""))
    return withdrawn


def _clean_notices(connection: Connection, address: str, editors: Collection[str]) -> None:
    if address.lower() not in {editor.lower() for editor in editors}:
        connection.execute(delete(NOTICE).where(func.lower(NOTICE.c.address) == address.lower()))
    for number, facts in connection.execute(select(NOTICE.c.id, NOTICE.c.facts)).all():
        if (cleaned := without(facts, address)) != facts:
            connection.execute(update(NOTICE).where(NOTICE.c.id == number).values(facts=cleaned))


def _clean_texts(connection: Connection, address: str) -> None:
    for column in _TEXTS:
        (key,) = column.table.primary_key
        holding = select(key, column).where(column.icontains(address, autoescape=True))
        for number, text in connection.execute(holding).all():
            row = update(column.table).where(key == number)
            connection.execute(row.values({column.name: without(text, address)}))


def without(value: Any, address: str) -> Any:
    """Return a value of JSON in which no text holds the address."""
    match value:
        case str():
            return re.sub(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)", ERASED, value, flags=re.IGNORECASE)
        case list():
            return [without(one, address) for one in value]
        case dict():
            return {name: without(one, address) for name, one in value.items()}
    return value


def scrub(path: Path, words: Collection[str], *, thoroughly: bool = False) -> str | None:
    """Let no byte of these words stay behind in a store's file; return why some may, in words, or None.

    SQLite overwrites a row that is erased (secure_delete), but not the copies that pages keep of it when rows are moved
    between them. So the file is looked through, and written anew where it holds one; ``thoroughly``: in any case.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as store:
            store.execute("PRAGMA secure_delete=ON")
            if not _empty_log(store):
                return f"{path.name}-wal may still hold them: another program is reading the store; run this once more"
            if thoroughly or holds(path, words):
                if is_held(send_lock(path)):  # whose marks would wait too long behind it
                    return f"{path.name} may still hold them: a send is running; run this once more when it has ended"
                store.execute("VACUUM")
                if not _empty_log(store):
                    return f"{path.name} may still hold them: another program is reading it; run this once more"
    except sqlite3.Error as error:
        return str(as_store_error(error, path))
    return None


def _empty_log(store: sqlite3.Connection) -> bool:
    """Bring what is in the log beside a store into it, and cut the log to nothing."""
    ends = time.monotonic() + PATIENCE
    while store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def holds(path: Path, words: Iterable[str]) -> bool:
    """Return whether one of these words stands anywhere in a file; letters of ASCII in any case."""
    wanted = [word.encode().lower() for word in words if word]
    overlap = max(map(len, wanted), default=0)
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            looked_at = before + chunk.lower()
            if any(word in looked_at for word in wanted):
                return True
            before = looked_at[-overlap:]
    return False
