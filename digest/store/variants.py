"""What readers want to read, as SQL: their language and sections, and an audience shared out among letters by them.

Readers who want the same are one row here, however many they are.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    case,
    func,
    insert,
    literal,
    null,
    select,
)
from sqlalchemy.schema import CreateTable, DropTable

from digest.models import DeliveryState, SubscriptionState
from digest.models.columns import Instant
from digest.models.sections import section_key, split
from digest.store.audience import receives
from digest.store.store import Store
from digest.store.tables import DELIVERY, SUBSCRIBER, SUBSCRIPTION

SLICE = 1000  #: wishes in memory at a time: there may be as many as readers
#: Between the language and the sections of each list, and for a list that somebody is not on. Neither is ever in a
#: text of ours (digest/tables.py, tidy).
_BETWEEN, _ABSENT = "\x1f", "\x1e"

_SHARE = Table(
    "share",
    MetaData(),
    Column("wish", String, primary_key=True),
    Column("letter_id", Integer, nullable=False),
    Column("state", Integer, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)


class Wanted(NamedTuple):
    """What a reader wants: a language, and sections by their keys (None for either: did not say, all of them)."""

    language: str | None
    sections: frozenset[str] | None = None


#: Is told what so many readers want.
Hear = Callable[[Wanted, int], None]
#: Returns the place of the letter for readers who want this; None when there is nothing in it for them.
LetterFor = Callable[[Wanted], int | None]


def hear(store: Store, newsletter_id: int, list_ids: Sequence[int], told: Hear) -> None:
    """Tell what a newsletter's readers want, each wish with the number of its readers; one may come up twice."""
    store.read(partial(_hear, newsletter_id=newsletter_id, list_ids=list_ids, told=told))


def _hear(connection: Connection, newsletter_id: int, list_ids: Sequence[int], told: Hear) -> None:
    # Lists between which nobody has chosen cost a look at each reader, and not one at each of their subscriptions.
    has_choice = has_chosen(connection, list_ids)
    wish = _wish(list_ids) if has_choice else SUBSCRIBER.c.language
    wishes = select(wish, func.count()).where(receives(newsletter_id, list_ids)).group_by(wish)
    for text, readers in connection.execute(wishes).yield_per(SLICE):
        told(_read(text) if has_choice else Wanted(text), readers)


def wanted_by(store: Store, list_ids: Sequence[int], subscriber_id: int) -> Wanted:
    """Return what a subscriber wants of a newsletter with these lists; all of it where they are on none of them."""
    wish = select(_wish(list_ids)).where(SUBSCRIBER.c.id == subscriber_id)
    return _read(store.read(lambda c: c.execute(wish).scalar_one()))


def has_chosen(connection: Connection, list_ids: Sequence[int]) -> bool:
    """Return whether anybody on these lists has chosen sections."""
    chosen = select(SUBSCRIPTION.c.list_id).where(SUBSCRIPTION.c.sections.is_not(None))
    # List by list: each is one look into the index of those who have.
    return any(connection.execute(chosen.where(SUBSCRIPTION.c.list_id == one).limit(1)).first() for one in list_ids)


def share_out(
    connection: Connection,
    edition_id: int,
    newsletter_id: int,
    list_ids: Sequence[int],
    letter_ids: Sequence[int],
    letter_for: LetterFor,
    now: dt.datetime,
) -> int:
    """Make a delivery for every reader by what they want; return how many.

    For whom there is nothing it is skipped, and names the first letter, which everybody would get who wants it all.
    """
    connection.execute(CreateTable(_SHARE))
    rows: list[tuple[str, int, DeliveryState]] = []
    wish = _wish(list_ids)
    here = receives(newsletter_id, list_ids)
    for text in connection.execute(select(wish).where(here).distinct()).scalars().yield_per(SLICE):
        place = letter_for(_read(text))
        state = DeliveryState.SKIPPED if place is None else DeliveryState.PENDING
        rows.append((text, letter_ids[place or 0], state))
        if len(rows) == SLICE:
            _keep(connection, rows)
    _keep(connection, rows)
    is_skipped = _SHARE.c.state == int(DeliveryState.SKIPPED)
    done_at = case((is_skipped, literal(now, Instant())), else_=null())
    readers = (
        select(
            literal(edition_id), SUBSCRIBER.c.id, _SHARE.c.letter_id, _SHARE.c.state, literal(0), literal(0), done_at
        )
        .select_from(SUBSCRIBER.join(_SHARE, _SHARE.c.wish == wish))
        .where(here)
        .order_by(SUBSCRIBER.c.id)
    )
    columns = ["edition_id", "subscriber_id", "letter_id", "state", "attempt", "closed", "done_at"]
    made = connection.execute(insert(DELIVERY).from_select(columns, readers, include_defaults=False)).rowcount
    connection.execute(DropTable(_SHARE))
    return made


def _keep(connection: Connection, rows: list[tuple[str, int, DeliveryState]]) -> None:
    if rows:
        values = [{"wish": wish, "letter_id": letter, "state": int(state)} for wish, letter, state in rows]
        connection.execute(insert(_SHARE), values)
    rows.clear()


def _wish(list_ids: Sequence[int]) -> ColumnElement[str]:
    """Return what a row of ``subscriber`` wants, as one text: it is grouped and looked up by that."""
    wish: ColumnElement[str] = func.coalesce(SUBSCRIBER.c.language, "")
    for number in list_ids:
        chosen = select(func.coalesce(SUBSCRIPTION.c.sections, "")).where(
            SUBSCRIPTION.c.list_id == number,
            SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id,
            SUBSCRIPTION.c.state == SubscriptionState.CONFIRMED,
        )
        theirs = func.coalesce(chosen.correlate(SUBSCRIBER).scalar_subquery(), _ABSENT)
        wish = wish.concat(_BETWEEN).concat(theirs)
    return wish


def _read(wish: str) -> Wanted:
    """Return what a text of ``_wish`` says: who is on several lists wants what was chosen on any of them."""
    language, *lists = wish.split(_BETWEEN)
    on = [text for text in lists if text != _ABSENT]
    is_all = not on or not all(on)
    sections = None if is_all else frozenset(section_key(name) for text in on for name in split(text))
    return Wanted(language or None, sections)
