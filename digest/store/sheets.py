"""The subscriptions that a list's file governs: those that came through it, and no others."""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, select, update

from digest.models import Origin, SubscriptionState
from digest.store.bulk import listed
from digest.store.store import Store
from digest.store.subscriptions import LIVING, SLICE, Vouching, record_all, unhurried
from digest.store.tables import MAILING_LIST, SUBSCRIBER, SUBSCRIPTION


def kept_by_file(store: Store, list_id: int) -> Iterator[tuple[int, bytes, str]]:
    """Yield number, hash and address of everybody whom a list's file keeps on it."""
    wanted = (
        select(SUBSCRIBER.c.id, SUBSCRIBER.c.hash, SUBSCRIBER.c.address)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id)
        # In terms of the subscription: a page begins where its key says, not with a walk from the list's start.
        .where(_kept_by_file(list_id), SUBSCRIPTION.c.subscriber_id > bindparam("after"))
        .order_by(SUBSCRIPTION.c.subscriber_id)
        .limit(SLICE)
    )
    after = 0
    while page := store.read(partial(_rows, wanted, after)):
        yield from page
        after = page[-1][0]


def _rows(wanted: Select[Any], after: int, connection: Connection) -> list[tuple[int, bytes, str]]:
    return [(number, hash_, address) for number, hash_, address in connection.execute(wanted, {"after": after})]


def take_off(store: Store, list_id: int, numbers: Sequence[int], vouching: Vouching) -> int:
    """Take off a list whom its file names no more, in slices; return how many it still kept on it."""
    gone, write = 0, unhurried(store)
    for start in range(0, len(numbers), SLICE):
        part = numbers[start : start + SLICE]
        gone += write(partial(_take_off, list_id=list_id, numbers=part, vouching=vouching))
    return gone


def _take_off(connection: Connection, list_id: int, numbers: Sequence[int], vouching: Vouching) -> int:
    # Looked at once more: meanwhile somebody may have left, or an editor have brought them back.
    named = SUBSCRIPTION.c.subscriber_id.in_(select(listed(numbers).c.value))
    rows = connection.execute(select(SUBSCRIPTION.c.subscriber_id).where(_kept_by_file(list_id), named)).scalars().all()
    record_all(connection, list_id, SubscriptionState.REMOVED, rows, vouching)
    return len(rows)


def _kept_by_file(list_id: int) -> Any:
    return and_(
        SUBSCRIPTION.c.list_id == list_id, SUBSCRIPTION.c.origin == Origin.FILE, SUBSCRIPTION.c.state.in_(LIVING)
    )


def note_sync(store: Store, list_id: int, at: dt.datetime) -> None:
    """Note when a list was last in agreement with its file."""
    row = update(MAILING_LIST).where(MAILING_LIST.c.id == list_id).values(synced_at=at)
    store.write(lambda c: c.execute(row)).result()
