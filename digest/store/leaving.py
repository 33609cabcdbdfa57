"""A reader leaves, and comes back: subscriptions end, stops are recorded, what has not gone out is withdrawn."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from digest.models import DeliveryState, SubscriptionState, SuppressionReason
from digest.store.store import Store
from digest.store.subscriptions import Decide, Enrolled, Person, Vouching, enrol_some, note, record
from digest.store.tables import DELIVERY, EDITION, NEWSLETTER, STOP, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION


@dataclass(frozen=True)
class Served:
    """What an edition was: its newsletter, by number and by its name in the store, and the lists it went to."""

    newsletter_id: int
    newsletter: str
    list_ids: tuple[int, ...]


def served(store: Store, edition_id: int) -> Served | None:
    """Return whom an edition served, None when we do not know it."""
    wanted = (
        select(EDITION.c.newsletter_id, NEWSLETTER.c.name, EDITION.c.list_ids)
        .join(NEWSLETTER, NEWSLETTER.c.id == EDITION.c.newsletter_id)
        .where(EDITION.c.id == edition_id)
    )
    row = store.read(lambda c: c.execute(wanted).first())
    return Served(row[0], row[1], tuple(row[2])) if row is not None else None


def leave_newsletter(
    store: Store,
    subscriber_id: int,
    newsletter_id: int,
    *,
    ends: Collection[int],
    stays: Collection[int],
    vouching: Vouching,
    staying: str,
) -> None:
    """End a reader's subscriptions to some lists, and stop one newsletter: also where another list of its names them.

    A line of history says of each list what happened; ``staying`` is its reason where the subscription goes on.
    """

    def change(connection: Connection) -> None:
        ended = _end(connection, subscriber_id, SUBSCRIPTION.c.list_id.in_(ends), vouching)
        kept = _subscriptions(connection, subscriber_id, SUBSCRIPTION.c.list_id.in_(stays))
        if (ended or kept) and _stop(connection, newsletter_id, subscriber_id, vouching.at):
            said = Vouching(vouching.origin, vouching.by, staying, vouching.at)
            note(connection, kept, said)
        theirs = EDITION.c.newsletter_id == newsletter_id
        _withdraw(connection, subscriber_id, theirs, vouching.at)

    store.write(change).result()


def leave_everything(store: Store, subscriber_id: int, vouching: Vouching) -> None:
    """End all subscriptions of a reader."""

    def change(connection: Connection) -> None:
        _end(connection, subscriber_id, SUBSCRIPTION.c.list_id > 0, vouching)
        _withdraw(connection, subscriber_id, EDITION.c.id > 0, vouching.at)

    store.write(change).result()


def bring_back(
    store: Store, list_id: int, person: Person, decide: Decide, vouching: Vouching, newsletter_ids: Collection[int]
) -> Enrolled:
    """Bring one person to a list who wants it again: lift their stops on these newsletters, and an erasure."""

    def change(connection: Connection) -> Enrolled:
        erased = and_(SUPPRESSION.c.hash == person.hash, SUPPRESSION.c.reason == SuppressionReason.ERASED)
        connection.execute(delete(SUPPRESSION).where(erased))
        enrolled = enrol_some(connection, list_id, [person], decide, vouching)[0]
        number = connection.execute(select(SUBSCRIBER.c.id).where(SUBSCRIBER.c.hash == person.hash)).scalar_one()
        stopped = and_(STOP.c.subscriber_id == number, STOP.c.newsletter_id.in_(newsletter_ids))
        if enrolled.after is SubscriptionState.CONFIRMED:
            lifted = connection.execute(delete(STOP).where(stopped)).rowcount
            if lifted and enrolled.before is enrolled.after:
                note(connection, [{"subscriber_id": number, "list_id": list_id, "state": enrolled.after}], vouching)
        return enrolled

    return store.write(change).result()


def stops(store: Store, subscriber_id: int) -> list[str]:
    """Return the names of the newsletters that a reader has left."""
    wanted = (
        select(NEWSLETTER.c.name)
        .join(STOP, STOP.c.newsletter_id == NEWSLETTER.c.id)
        .where(STOP.c.subscriber_id == subscriber_id)
        .order_by(NEWSLETTER.c.name)
    )
    return store.read(lambda c: list(c.execute(wanted).scalars()))


def is_on_a_list(store: Store, subscriber_id: int) -> bool:
    """Return whether somebody is confirmed on any list."""
    on = (SUBSCRIPTION.c.subscriber_id == subscriber_id, SUBSCRIPTION.c.state == SubscriptionState.CONFIRMED)
    return store.read(lambda c: c.execute(select(SUBSCRIPTION.c.list_id).where(*on)).first() is not None)


def _end(connection: Connection, subscriber_id: int, which: Any, vouching: Vouching) -> bool:
    """End those of a reader's subscriptions; return whether there were any."""
    # Also where an editor or a file had taken them off: the row may come back, and they have said no.
    rows = _subscriptions(connection, subscriber_id, which)
    record(connection, [{**row, "state": SubscriptionState.UNSUBSCRIBED} for row in rows], vouching)
    return bool(rows)


def _subscriptions(connection: Connection, subscriber_id: int, which: Any) -> list[dict[str, Any]]:
    wanted = select(SUBSCRIPTION.c.subscriber_id, SUBSCRIPTION.c.list_id, SUBSCRIPTION.c.state).where(
        SUBSCRIPTION.c.subscriber_id == subscriber_id, SUBSCRIPTION.c.state != SubscriptionState.UNSUBSCRIBED, which
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]


def _stop(connection: Connection, newsletter_id: int, subscriber_id: int, now: dt.datetime) -> bool:
    """Record a stop; return whether there was none."""
    row = insert_or(STOP).values(newsletter_id=newsletter_id, subscriber_id=subscriber_id, at=now)
    return connection.execute(row.on_conflict_do_nothing()).rowcount > 0


def _withdraw(connection: Connection, subscriber_id: int, editions: Any, now: dt.datetime) -> None:
    """Take back a reader's letters that have not gone out; one whose content is on the wire goes on by itself."""
    waiting = (DeliveryState.PENDING, DeliveryState.DEFERRED)
    unfinished = select(EDITION.c.id).where(EDITION.c.frozen_at.is_not(None), EDITION.c.finished_at.is_(None), editions)
    here = and_(DELIVERY.c.edition_id.in_(unfinished), DELIVERY.c.subscriber_id == subscriber_id)
    gone = {"state": DeliveryState.WITHDRAWN, "lease": None, "next_at": None, "done_at": now}
    connection.execute(update(DELIVERY).where(here, DELIVERY.c.state.in_(waiting)).values(gone))
