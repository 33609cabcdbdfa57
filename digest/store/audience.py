"""Who may be mailed, as SQL: one rule for the freeze, and for the last look before the dot."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, false, or_, select

from digest.models import Edition, SubscriptionState
from digest.store.store import Store
from digest.store.tables import STOP, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION


def receives(newsletter_id: int, list_ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that a row of ``subscriber`` is a reader of a newsletter with these lists.

    Confirmed on one of the lists, not erased, not suppressed, and has not left the newsletter.
    """
    confirmed = select(SUBSCRIPTION.c.list_id).where(
        or_(false(), *(SUBSCRIPTION.c.list_id == number for number in list_ids)),
        SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id,
        SUBSCRIPTION.c.state == SubscriptionState.CONFIRMED,
    )
    left = select(STOP.c.at).where(STOP.c.newsletter_id == newsletter_id, STOP.c.subscriber_id == SUBSCRIBER.c.id)
    suppressed = select(SUPPRESSION.c.at).where(SUPPRESSION.c.hash == SUBSCRIBER.c.hash)
    return and_(SUBSCRIBER.c.hash.is_not(None), confirmed.exists(), ~left.exists(), ~suppressed.exists())


def is_reader(store: Store, edition: Edition, subscriber_id: int) -> bool:
    """Return whether a subscriber is one of those that an edition is for, as things stand now."""
    return would_receive(store, edition.newsletter_id, edition.list_ids, subscriber_id)


def would_receive(store: Store, newsletter_id: int, list_ids: Sequence[int], subscriber_id: int) -> bool:
    """Return whether a subscriber is a reader of a newsletter with these lists."""
    reader = select(SUBSCRIBER.c.id).where(SUBSCRIBER.c.id == subscriber_id, receives(newsletter_id, list_ids))
    return store.read(lambda c: c.execute(reader).first() is not None)
