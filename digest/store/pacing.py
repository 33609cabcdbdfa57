"""What a run reads of the ledger to keep its pace: what went before it, and where there is something to claim."""

import datetime as dt
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, and_, func, or_, select, type_coerce

from digest.models import DeliveryState
from digest.models.columns import EPOCH, MILLISECOND, milliseconds
from digest.store.ledger import DOUBT, WAITING, elsewhere, untried
from digest.store.store import Store
from digest.store.tables import ATTEMPT, DELIVERY, EDITION, SUBSCRIBER

#: Answered for good by a relay. What is in doubt is known by its attempts: there may be two.
ANSWERED = (DeliveryState.SENT, DeliveryState.FAILED)
RCPT = "rcpt"  #: the phase of an attempt that was refused for its reader
SLICES = 1000  #: of a window: what went within one of them counts as if it had gone at its end
ASKED = 100  #: deliveries that tell of what kind the refusals of an edition were


class Passed(NamedTuple):
    """Mails that a relay was or may have been handed within a slice of time, which ended at a moment."""

    relay_id: int | None  #: None where a process died before it could say
    at: dt.datetime
    mails: int


def handed_over(store: Store, window: dt.timedelta, now: dt.datetime) -> list[Passed]:
    """Return what was mailed within a window that ends now, of all editions, in order.

    Only editions that were not finished before it are looked through, and rehearsals not at all. A mail whose answer
    was lost after the dot counts beside the one that was sent in its place.
    """
    since, step = now - window, max(1, window // MILLISECOND // SLICES)
    recent = or_(EDITION.c.finished_at.is_(None), EDITION.c.finished_at >= since)
    editions = select(EDITION.c.id).where(EDITION.c.frozen_at.is_not(None), ~EDITION.c.rehearsal, recent)
    # A whole number to SQLAlchemy too: what is stored as milliseconds would come back as an instant otherwise.
    at = type_coerce(DELIVERY.c.done_at, BigInteger)
    answered = (
        select(DELIVERY.c.relay_id, at // step, func.count())
        .where(DELIVERY.c.edition_id.in_(editions), DELIVERY.c.state.in_(ANSWERED), at > milliseconds(since))
        .group_by(DELIVERY.c.relay_id, at // step)
    )
    lost = select(ATTEMPT.c.relay_id, ATTEMPT.c.at).where(
        ATTEMPT.c.edition_id.in_(editions), ATTEMPT.c.phase == DOUBT, ATTEMPT.c.at > since
    )

    def read(connection: Connection) -> Counter[tuple[int | None, int]]:
        found = Counter({(relay_id, slice_): count for relay_id, slice_, count in connection.execute(answered)})
        found.update((relay_id, milliseconds(at) // step) for relay_id, at in connection.execute(lost))
        return found

    rows = sorted(store.read(read).items(), key=lambda row: row[0][1])
    return [Passed(relay_id, EPOCH + (slice_ + 1) * step * MILLISECOND, count) for (relay_id, slice_), count in rows]


def has_sent(store: Store, edition_id: int) -> bool:
    """Return whether anybody has been sent an edition."""
    sent = select(DELIVERY.c.state).where(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.SENT)
    return store.read(lambda c: c.execute(sent.limit(1)).first()) is not None


def was_refused(store: Store, edition_id: int) -> bool:
    """Return whether most of what is put off of an edition was refused for the mail's own sake, or ours.

    By what is stored that is: after RCPT, or for good and yet not for the mailbox. Tells by the first that fall due.
    """
    first = (
        select(DELIVERY.c.subscriber_id, DELIVERY.c.attempt)
        .where(
            DELIVERY.c.edition_id == edition_id,
            WAITING,
            DELIVERY.c.next_at >= EPOCH,  # whoever is deferred has a time, and the index is of times
            DELIVERY.c.state == DeliveryState.DEFERRED,
        )
        .order_by(DELIVERY.c.next_at)
        .limit(ASKED)
        .subquery()
    )
    last = and_(
        ATTEMPT.c.edition_id == edition_id,
        ATTEMPT.c.subscriber_id == first.c.subscriber_id,
        ATTEMPT.c.n == first.c.attempt,
    )
    refused = or_(ATTEMPT.c.phase != RCPT, ATTEMPT.c.code >= 500)
    rows = store.read(lambda c: c.execute(select(refused).select_from(first.join(ATTEMPT, last))).scalars().all())
    return 2 * sum(map(bool, rows)) > len(rows)


def first_untried(store: Store, edition_id: int, after: int, passing_over: Collection[str]) -> int | None:
    """Return the number of the first reader, from a number on, who is to be claimed for the first time.

    A claim that begins there does not walk through those who are passed over while it keeps others from writing.
    """
    free = select(DELIVERY.c.subscriber_id).where(untried(edition_id, after), elsewhere(passing_over))
    if passing_over:
        free = free.join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
    return store.read(lambda c: c.execute(free.order_by(DELIVERY.c.subscriber_id).limit(1)).scalar())
