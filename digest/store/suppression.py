"""Standing stops on addresses, known by their hashes."""

import datetime as dt
from dataclasses import replace

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from digest.models import Suppression, SuppressionReason
from digest.store.store import Store, session_on
from digest.store.subscriptions import Vouching, note
from digest.store.tables import SUBSCRIBER, SUBSCRIPTION, SUPPRESSION


def find(store: Store, hash_: bytes) -> Suppression | None:
    """Return what stands against an address."""

    def read(connection: Connection) -> Suppression | None:
        with session_on(connection) as session:
            return session.get(Suppression, hash_)

    return store.read(read)


def suppress(store: Store, hash_: bytes, reason: SuppressionReason, vouching: Vouching) -> bool:
    """Put a stop on an address, whether or not anybody is known by it; return whether there was none."""

    def change(connection: Connection) -> bool:
        if not put(connection, hash_, reason, vouching.reason, vouching.by, vouching.at):
            return False
        _note(connection, hash_, replace(vouching, reason=f"suppressed: {vouching.reason}"))
        return True

    return store.write(change).result()


def put(connection: Connection, hash_: bytes, reason: SuppressionReason, detail: str, by: str, at: dt.datetime) -> bool:
    """Put a stop on an address within a transaction; one that is there already stays, and False is returned."""
    row = {"hash": hash_, "reason": reason, "detail": detail, "by": by, "at": at}
    return connection.execute(insert(SUPPRESSION).values(row).on_conflict_do_nothing()).rowcount > 0


def lift(store: Store, hash_: bytes, vouching: Vouching) -> bool:
    """Lift the stop on an address; return whether there was one. What the reader complained about stays."""
    liftable = (SUPPRESSION.c.hash == hash_, SUPPRESSION.c.reason != SuppressionReason.COMPLAINT)

    def change(connection: Connection) -> bool:
        if not connection.execute(delete(SUPPRESSION).where(*liftable)).rowcount:
            return False
        _note(connection, hash_, replace(vouching, reason=f"suppressed no more: {vouching.reason}"))
        return True

    return store.write(change).result()


def _note(connection: Connection, hash_: bytes, vouching: Vouching) -> None:
    """Write it into the history of each of the person's subscriptions, which stay as they are."""
    theirs = (
        select(SUBSCRIPTION.c.subscriber_id, SUBSCRIPTION.c.list_id, SUBSCRIPTION.c.state)
        .join(SUBSCRIBER, SUBSCRIBER.c.id == SUBSCRIPTION.c.subscriber_id)
        .where(SUBSCRIBER.c.hash == hash_)
    )
    note(connection, [dict(row) for row in connection.execute(theirs).mappings()], vouching)
