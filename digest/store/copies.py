"""One reader's copy of an edition, for the pages that its links lead to."""

from dataclasses import dataclass

from sqlalchemy import func, select

from digest.models import DeliveryState
from digest.store.store import Store
from digest.store.tables import DELIVERY, EDITION, LETTER, SUBSCRIBER


@dataclass(frozen=True)
class Copy:
    """What a reader was mailed, or will be."""

    letter_id: int
    language: str  #: the letter's
    address: str  #: empty once the reader is erased
    name: str
    articles: list[int] | None = None  #: those that the letter was made of; None: all of the edition's


def copy_of(store: Store, edition_id: int, subscriber_id: int) -> Copy | None:
    """Return a reader's copy of an edition; None where there is no delivery."""
    wanted = (
        select(
            DELIVERY.c.letter_id, LETTER.c.language, LETTER.c.articles,
            func.coalesce(DELIVERY.c.address, SUBSCRIBER.c.address, ""),
            func.coalesce(DELIVERY.c.name, SUBSCRIBER.c.name, ""),
            SUBSCRIBER.c.erased_at,
        )
        .join(LETTER, LETTER.c.id == DELIVERY.c.letter_id)
        .join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .where(DELIVERY.c.edition_id == edition_id, DELIVERY.c.subscriber_id == subscriber_id)
    )  # fmt: skip
    row = store.read(lambda c: c.execute(wanted).first())
    if row is None:
        return None
    letter_id, language, articles, address, name, erased_at = row
    if erased_at:
        address = name = ""
    return Copy(letter_id, language, address, name, articles)


def is_on_its_way(store: Store, edition_id: int, subscriber_id: int) -> bool:
    """Return whether a mail to a reader is going out now, of any edition of this one's newsletter.

    Of an edition that we do not know it may be any newsletter's.
    """
    newsletter = select(EDITION.c.newsletter_id).where(EDITION.c.id == edition_id).scalar_subquery()
    same = select(EDITION.c.id).where(EDITION.c.newsletter_id == func.coalesce(newsletter, EDITION.c.newsletter_id))
    sending = (
        select(DELIVERY.c.edition_id)
        .where(
            DELIVERY.c.edition_id.in_(same),  # the key begins with the edition: naming them keeps this a look-up
            DELIVERY.c.subscriber_id == subscriber_id,
            DELIVERY.c.state == DeliveryState.SENDING,
        )
        .limit(1)
    )
    return store.read(lambda c: c.execute(sending).first() is not None)
