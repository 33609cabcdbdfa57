"""Subscribers as people ask about them: who is on which list, what became of them, how many there are."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, true

from digest.models import ConsentChange, SubscriptionState
from digest.models.sections import split
from digest.store.audience import receives
from digest.store.store import Store, session_on
from digest.store.tables import CONSENT_CHANGE, MAILING_LIST, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION

PAGE = 1000  #: subscribers read at a time


@dataclass(frozen=True)
class Known:
    """A subscriber as commands show them."""

    id: int
    address: str
    name: str
    language: str | None
    attributes: dict[str, Any]
    lists: dict[str, str]
    suppressed: str | None
    sections: dict[str, list[str]] = field(default_factory=dict)  #: by list, where any were chosen


def listing(
    store: Store,
    *,
    list_id: int | None = None,
    states: Collection[SubscriptionState] = (),
    hash_: bytes | None = None,
    limit: int | None = None,
) -> Iterator[Known]:
    """Yield subscribers by number; narrowed by list, states or address. Erased ones are left out."""
    wanted = (
        select(
            SUBSCRIBER.c.id, SUBSCRIBER.c.address, SUBSCRIBER.c.name, SUBSCRIBER.c.language,
            SUBSCRIBER.c.attributes, SUPPRESSION.c.reason,
        )
        .outerjoin(SUPPRESSION, SUPPRESSION.c.hash == SUBSCRIBER.c.hash)
        .where(*_are(list_id, states), SUBSCRIBER.c.id > bindparam("after"))
        .order_by(SUBSCRIBER.c.id)
        .limit(bindparam("most"))
    )  # fmt: skip
    if hash_ is not None:
        wanted = wanted.where(SUBSCRIBER.c.hash == hash_)
    after, left = 0, limit
    while left is None or left > 0:
        most = PAGE if left is None else min(PAGE, left)
        page = store.read(partial(_page, wanted=wanted, after=after, most=most))
        yield from page
        if len(page) < most:
            return
        after = page[-1].id
        left = None if left is None else left - len(page)


def _are(list_id: int | None, states: Collection[SubscriptionState]) -> list[ColumnElement[bool]]:
    """The conditions that a row of ``subscriber`` is somebody with such a subscription, and not erased."""
    known = SUBSCRIBER.c.hash.is_not(None)
    on = [SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id]
    if list_id is not None:
        on.append(SUBSCRIPTION.c.list_id == list_id)
    if states:
        on.append(SUBSCRIPTION.c.state.in_(states))
    return [known, select(SUBSCRIPTION.c.list_id).where(*on).exists()] if len(on) > 1 else [known]


def attribute_names(store: Store, list_id: int | None, states: Collection[SubscriptionState]) -> list[str]:
    """Return what the attributes of subscribers are called, sorted; narrowed as a listing is."""
    one = func.json_each(SUBSCRIBER.c.attributes).table_valued("key")
    # json_each is asked anew for every subscriber: there is nothing to join on.
    every = select(one.c.key).select_from(SUBSCRIBER).join(one, true()).where(*_are(list_id, states))
    wanted = every.distinct().order_by(one.c.key)
    return store.read(lambda c: list(c.execute(wanted).scalars()))


def lists_with_choices(store: Store) -> list[str]:
    """Return the names of the lists of which somebody has chosen sections."""
    choosing = select(SUBSCRIPTION.c.list_id).where(
        SUBSCRIPTION.c.list_id == MAILING_LIST.c.id, SUBSCRIPTION.c.sections.is_not(None)
    )
    wanted = select(MAILING_LIST.c.name).where(choosing.exists()).order_by(MAILING_LIST.c.name)
    return store.read(lambda c: list(c.execute(wanted).scalars()))


def _page(connection: Connection, wanted: Any, after: int, most: int) -> list[Known]:
    rows = connection.execute(wanted, {"after": after, "most": most}).all()
    where = (
        select(SUBSCRIPTION.c.subscriber_id, MAILING_LIST.c.name, SUBSCRIPTION.c.state, SUBSCRIPTION.c.sections)
        .join(MAILING_LIST, MAILING_LIST.c.id == SUBSCRIPTION.c.list_id)
        .where(SUBSCRIPTION.c.subscriber_id.in_([row.id for row in rows]))
        .order_by(MAILING_LIST.c.name)
    )
    lists: dict[int, dict[str, str]] = {}
    sections: dict[int, dict[str, list[str]]] = {}
    for found in connection.execute(where):
        lists.setdefault(found.subscriber_id, {})[found.name] = found.state.value
        if found.sections:
            sections.setdefault(found.subscriber_id, {})[found.name] = split(found.sections)
    return [
        Known(
            row.id, row.address, row.name, row.language, row.attributes, lists.get(row.id, {}),
            row.reason.value if row.reason else None, sections.get(row.id, {}),
        )
        for row in rows
    ]  # fmt: skip


def history(store: Store, number: int) -> list[tuple[ConsentChange, str]]:
    """Return a subscriber's history, oldest first, each line with its list's name."""
    wanted = (
        select(ConsentChange, MAILING_LIST.c.name)
        .join(MAILING_LIST, MAILING_LIST.c.id == CONSENT_CHANGE.c.list_id)
        .where(CONSENT_CHANGE.c.subscriber_id == number)
        .order_by(CONSENT_CHANGE.c.id)
    )

    def read(connection: Connection) -> list[tuple[ConsentChange, str]]:
        with session_on(connection) as session:
            return [(change, name) for change, name in session.execute(wanted)]

    return store.read(read)


def languages(store: Store, newsletter_id: int, list_ids: Sequence[int]) -> dict[str | None, int]:
    """Return how many readers a newsletter has for each language they asked for (None: did not say)."""
    wanted = (
        select(SUBSCRIBER.c.language, func.count())
        .where(receives(newsletter_id, list_ids))
        .group_by(SUBSCRIBER.c.language)
    )
    return store.read(lambda c: dict(c.execute(wanted).all()))


def counts(store: Store) -> dict[str, dict[str, int]]:
    """Return how many subscriptions each list has in each state."""
    wanted = (
        select(MAILING_LIST.c.name, SUBSCRIPTION.c.state, func.count())
        .join(SUBSCRIPTION, SUBSCRIPTION.c.list_id == MAILING_LIST.c.id)
        .group_by(MAILING_LIST.c.name, SUBSCRIPTION.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for name, state, count in store.read(lambda c: c.execute(wanted).all()):
        found.setdefault(name, {})[state.value] = count
    return found
