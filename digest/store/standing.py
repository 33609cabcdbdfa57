"""How an edition stands in the ledger: reading only."""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from digest.models import OPEN_STATES, DeliveryState
from digest.store.ledger import WAITING, is_due
from digest.store.store import Store
from digest.store.tables import DELIVERY


def all_counts(store: Store) -> dict[int, dict[DeliveryState, int]]:
    """Return for every edition with deliveries how many of them are in each state."""
    wanted = select(DELIVERY.c.edition_id, DELIVERY.c.state, func.count()).group_by(
        DELIVERY.c.edition_id, DELIVERY.c.state
    )
    found: dict[int, dict[DeliveryState, int]] = {}
    for edition_id, state, count in store.read(lambda c: c.execute(wanted).all()):
        found.setdefault(edition_id, dict.fromkeys(DeliveryState, 0))[state] = count
    return found


def counts(store: Store, edition_id: int) -> dict[DeliveryState, int]:
    """Return how many deliveries of an edition are in each state."""
    wanted = (
        select(DELIVERY.c.state, func.count()).where(DELIVERY.c.edition_id == edition_id).group_by(DELIVERY.c.state)
    )
    found: dict[DeliveryState, int] = dict(store.read(lambda c: c.execute(wanted).all()))
    return {state: found.get(state, 0) for state in DeliveryState}


def open_count(store: Store, edition_id: int) -> int:
    """Return how many deliveries of an edition still want something: mail to send, or a doubt to settle."""
    wanted = select(func.count()).where(DELIVERY.c.edition_id == edition_id, is_open())
    return int(store.read(lambda c: c.execute(wanted).scalar_one()))


def due_count(store: Store, edition_id: int, now: dt.datetime) -> int:
    """Return how many deliveries of an edition may be tried at this moment."""
    pending = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.PENDING)

    def read(connection: Connection) -> int:
        wanted = (select(func.count()).where(condition) for condition in (pending, is_due(edition_id, now)))
        return sum(int(connection.execute(count).scalar_one()) for count in wanted)

    return store.read(read)


def has_work(store: Store, edition_id: int, until: dt.datetime) -> bool:
    """Return whether something of an edition may be tried by a moment, or was left by a process that died."""
    here = DELIVERY.c.edition_id == edition_id
    untried = and_(here, DELIVERY.c.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]))

    def read(connection: Connection) -> bool:
        wanted = (select(DELIVERY.c.state).where(some).limit(1) for some in (is_due(edition_id, until), untried))
        return any(connection.execute(one).first() is not None for one in wanted)

    return store.read(read)


def next_due(store: Store, edition_id: int) -> dt.datetime | None:
    """Return when the next deferred mail of an edition is to be tried, None when none waits."""
    waits = and_(DELIVERY.c.edition_id == edition_id, WAITING, ~DELIVERY.c.closed)
    return store.read(lambda c: c.execute(select(func.min(DELIVERY.c.next_at)).where(waits)).scalar())


def is_open() -> Any:
    """The condition that a delivery still wants something."""
    in_doubt = and_(DELIVERY.c.state == DeliveryState.IN_DOUBT, ~DELIVERY.c.closed)
    return or_(DELIVERY.c.state.in_(OPEN_STATES), in_doubt)
