"""Deliveries as people ask about them: who got an edition, and what a reader got."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, literal, select

from digest.models import Delivery, DeliveryState
from digest.store.ledger import CLAIMED, DOUBT, WAITING, attempts
from digest.store.standing import is_open
from digest.store.store import Store, session_on
from digest.store.tables import ATTEMPT, DELIVERY, EDITION, LEASE, RELAY, SUBSCRIBER


@dataclass(frozen=True)
class Told:
    """One delivery as commands show it."""

    edition_id: int
    subscriber_id: int
    address: str
    state: DeliveryState
    attempts: int
    closed: bool
    code: int | None
    enhanced: str | None
    text: str | None
    relay: str | None
    at: dt.datetime | None


def listing(
    store: Store,
    *,
    edition_id: int | None = None,
    subscriber_id: int | None = None,
    limit: int | None = None,
) -> list[Told]:
    """Return deliveries with the relay's last words: an edition's by reader, or a reader's, the newest first."""
    # A plain 2yz leaves no attempt row behind; the number in the row counts claims, which are not tries.
    plain = case((DELIVERY.c.state == literal(int(DeliveryState.SENT)), 1), else_=0)
    tried = attempts(ATTEMPT.c.n > 0) + plain
    tries = ATTEMPT.alias()
    last = select(func.max(tries.c.n)).where(
        tries.c.edition_id == DELIVERY.c.edition_id, tries.c.subscriber_id == DELIVERY.c.subscriber_id
    )
    wanted = (
        select(
            DELIVERY.c.edition_id, DELIVERY.c.subscriber_id,
            func.coalesce(DELIVERY.c.address, SUBSCRIBER.c.address), DELIVERY.c.state, tried,
            DELIVERY.c.closed, DELIVERY.c.code, DELIVERY.c.enhanced, ATTEMPT.c.text, RELAY.c.name,
            DELIVERY.c.done_at,
        )
        .join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .outerjoin(RELAY, RELAY.c.id == DELIVERY.c.relay_id)
        .outerjoin(
            ATTEMPT,
            and_(
                ATTEMPT.c.edition_id == DELIVERY.c.edition_id,
                ATTEMPT.c.subscriber_id == DELIVERY.c.subscriber_id,
                ATTEMPT.c.n == last.scalar_subquery(),
                DELIVERY.c.state != DeliveryState.SENT,  # what a relay said before it took the mail is over
            ),
        )
        .limit(limit)
    )  # fmt: skip
    if edition_id is not None:
        wanted = wanted.where(DELIVERY.c.edition_id == edition_id).order_by(DELIVERY.c.subscriber_id)
    if subscriber_id is not None:
        every = select(EDITION.c.id)  # the key begins with the edition: naming them all keeps this a look-up
        wanted = wanted.where(DELIVERY.c.edition_id.in_(every), DELIVERY.c.subscriber_id == subscriber_id)
        wanted = wanted.order_by(DELIVERY.c.edition_id.desc())
    return store.read(lambda c: [Told(*row) for row in c.execute(wanted)])


@dataclass(frozen=True)
class Doubt:
    """A delivery of which nobody knows whether it has arrived."""

    edition_id: int
    subscriber_id: int
    attempt: int
    address: str
    relay: str | None
    since: dt.datetime
    closed: bool  #: neither sent again nor waiting for it


def doubts(store: Store, edition_id: int | None, *, interrupted: bool) -> list[Doubt]:
    """Return what is in doubt, the newest edition first; looking settles nothing.

    ``interrupted``: nobody is sending, so what is still marked as going out was left by a process that died.
    """
    # What a rehearsal was writing when it died is just written once more: nobody was mailed.
    cut_off = and_(CLAIMED, DELIVERY.c.state == DeliveryState.SENDING, ~EDITION.c.rehearsal)
    in_doubt = and_(WAITING, DELIVERY.c.state == DeliveryState.IN_DOUBT)
    last = select(func.max(ATTEMPT.c.at)).where(
        ATTEMPT.c.edition_id == DELIVERY.c.edition_id,
        ATTEMPT.c.subscriber_id == DELIVERY.c.subscriber_id,
        ATTEMPT.c.phase == DOUBT,
    )
    wanted = (
        select(
            DELIVERY.c.edition_id, DELIVERY.c.subscriber_id, DELIVERY.c.attempt,
            func.coalesce(DELIVERY.c.address, SUBSCRIBER.c.address), RELAY.c.name,
            func.coalesce(last.scalar_subquery(), LEASE.c.started_at, EDITION.c.decided_at),
            DELIVERY.c.closed,
        )
        .join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .join(EDITION, EDITION.c.id == DELIVERY.c.edition_id)
        .outerjoin(RELAY, RELAY.c.id == DELIVERY.c.relay_id)
        .outerjoin(LEASE, LEASE.c.id == DELIVERY.c.lease)
    )  # fmt: skip

    def read(connection: Connection) -> list[Doubt]:
        # One after the other, and of all editions: each has an index of its own, with few rows. With OR between them,
        # or with the edition's number, SQLite walks through every row of the edition instead.
        kinds = [in_doubt, cut_off] if interrupted else [in_doubt]
        return [Doubt(*row) for kind in kinds for row in connection.execute(wanted.where(kind))]

    found = [doubt for doubt in store.read(read) if edition_id in (None, doubt.edition_id)]
    return sorted(found, key=lambda doubt: (-doubt.edition_id, doubt.subscriber_id))


def one(store: Store, edition_id: int, subscriber_id: int) -> Delivery | None:
    """Return a reader's delivery of an edition."""
    here = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.subscriber_id == subscriber_id)

    def read(connection: Connection) -> Delivery | None:
        with session_on(connection) as session:
            return session.scalars(select(Delivery).where(here)).first()

    return store.read(read)


def readers_of_letters(store: Store, edition_id: int) -> dict[int, int]:
    """Return how many readers each letter of an edition is for; whom it skips are none of them."""
    wanted = select(DELIVERY.c.letter_id, func.count()).where(
        DELIVERY.c.edition_id == edition_id, DELIVERY.c.state != DeliveryState.SKIPPED
    )
    return dict(store.read(lambda c: c.execute(wanted.group_by(DELIVERY.c.letter_id)).all()))


def letters_to_go(store: Store, edition_id: int) -> list[int]:
    """Return the numbers of the letters that readers of an edition are still to get."""
    wanted = select(DELIVERY.c.letter_id).where(DELIVERY.c.edition_id == edition_id, is_open()).distinct()
    return list(store.read(lambda c: c.execute(wanted).scalars().all()))
