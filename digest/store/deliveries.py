"""Deliveries as people ask about them: who got an edition, and what a reader got."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import and_, case, func, literal, select

from digest.models import DeliveryState
from digest.store.ledger import attempts
from digest.store.store import Store
from digest.store.tables import ATTEMPT, DELIVERY, EDITION, RELAY, SUBSCRIBER


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
