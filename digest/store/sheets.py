"""The subscriptions that a list's file governs: those that came through it, and no others."""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from digest.models import Origin, SubscriptionState
from digest.store.bulk import as_list, listed
from digest.store.engine import driver_of
from digest.store.prepared import Prepared, given
from digest.store.store import Store
from digest.store.subscriptions import LIVING, SLICE, Vouching, record_all, unhurried
from digest.store.tables import MAILING_LIST, SUBSCRIBER, SUBSCRIPTION


def kept_by_file(store: Store, list_id: int) -> Iterator[tuple[int, str]]:
    """Yield number and address of everybody whom a list's file keeps on it."""
    after = 0
    while page := store.read(lambda c: _kept_behind().rows(driver_of(c), list_id, after)):  # noqa: B023  read at once
        yield from page
        after = page[-1][0]


@cache
def _kept_behind() -> Prepared:
    people = SUBSCRIBER.join(SUBSCRIPTION, SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id)
    # In terms of the subscription: a page begins where its key says, not with a walk from the list's start.
    behind = and_(_kept_by_file(given(1)), SUBSCRIPTION.c.subscriber_id > given(2))
    page = select(SUBSCRIBER.c.id, SUBSCRIBER.c.address).select_from(people).where(behind)
    return Prepared(page.order_by(SUBSCRIPTION.c.subscriber_id).limit(SLICE))


def take_off(store: Store, list_id: int, numbers: Sequence[int], vouching: Vouching) -> int:
    """Take off a list whom its file names no more, in slices; return how many it still kept on it."""
    gone, write = 0, unhurried(store)
    for start in range(0, len(numbers), SLICE):
        part = numbers[start : start + SLICE]
        gone += write(partial(_take_off, list_id=list_id, numbers=part, vouching=vouching))
    return gone


def _take_off(connection: Connection, list_id: int, numbers: Sequence[int], vouching: Vouching) -> int:
    # Looked at once more: meanwhile somebody may have left, or an editor have brought them back.
    kept = [number for (number,) in _still_kept().rows(driver_of(connection), as_list(numbers), list_id)]
    record_all(connection, list_id, SubscriptionState.REMOVED, kept, vouching)
    return len(kept)


@cache
def _still_kept() -> Prepared:
    named = SUBSCRIPTION.c.subscriber_id.in_(select(listed(1).c.value))
    return Prepared(select(SUBSCRIPTION.c.subscriber_id).where(_kept_by_file(given(2)), named))


def _kept_by_file(list_id: ColumnElement[Any]) -> Any:
    return and_(
        SUBSCRIPTION.c.list_id == list_id, SUBSCRIPTION.c.origin == Origin.FILE, SUBSCRIPTION.c.state.in_(LIVING)
    )


def note_sync(store: Store, list_id: int, at: dt.datetime) -> None:
    """Note when a list was last in agreement with its file."""
    row = update(MAILING_LIST).where(MAILING_LIST.c.id == list_id).values(synced_at=at)
    store.write(lambda c: c.execute(row)).result()
