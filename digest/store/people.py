"""Subscribers, their subscriptions and the history of both."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from digest.models import ConsentChange, DeliveryState, Origin, SubscriptionState
from digest.store.audience import receives
from digest.store.store import Store, session_on
from digest.store.tables import (
    CONSENT_CHANGE,
    DELIVERY,
    EDITION,
    IMPORT,
    MAILING_LIST,
    SUBSCRIBER,
    SUBSCRIPTION,
    SUPPRESSION,
)

SLICE = 1000  #: rows a write transaction: a mark of the ledger waits no longer than that


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as an import or an editor names them; ``hash`` says who it is."""

    hash: bytes
    address: str
    name: str = ""
    language: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Vouching:
    """Who brings people to a list, and what speaks for their consent."""

    origin: Origin
    by: str
    reason: str
    at: dt.datetime
    import_id: int | None = None


#: What becomes of a subscription: from its state today (None: new) and whether the address is suppressed.
Decide = Callable[[SubscriptionState | None, bool], SubscriptionState | None]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of one person: the subscription's state before and after; None where there is none."""

    before: SubscriptionState | None
    after: SubscriptionState | None
    suppressed: bool
    updated: bool


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


def begin_import(store: Store, file: str, by: str, now: dt.datetime) -> int:
    """Record an import and return the number its changes carry."""
    row = insert(IMPORT).values(file=file, at=now, by=by).returning(IMPORT.c.id)
    return int(store.write(lambda c: c.execute(row).scalar_one()).result())


def enrol(store: Store, list_id: int, people: Sequence[Person], decide: Decide, vouching: Vouching) -> list[Enrolled]:
    """Bring people to a list, in slices; return what became of each, in their order.

    Whom we know keeps their number; their name, language and attributes are brought up to date.
    """
    enrolled: list[Enrolled] = []
    for start in range(0, len(people), SLICE):
        part = people[start : start + SLICE]
        enrolled += store.write(
            partial(_enrol, list_id=list_id, people=part, decide=decide, vouching=vouching)
        ).result()
    return enrolled


def _enrol(
    connection: Connection, list_id: int, people: Sequence[Person], decide: Decide, vouching: Vouching
) -> list[Enrolled]:
    known = _subscribers(connection, people)
    _add(connection, [p for p in people if p.hash not in known], vouching.at)
    updated = {p.hash for p in people if p.hash in known and _bring_up_to_date(connection, known[p.hash], p)}
    numbers = {hash_: row.id for hash_, row in _subscribers(connection, people).items()}
    states = _states(connection, list_id, list(numbers.values()))
    stopped = _suppressed(connection, list(numbers))
    enrolled, changes = [], []
    for person in people:
        number = numbers[person.hash]
        before, suppressed = states.get(number), person.hash in stopped
        after = decide(before, suppressed)
        if after is not None and after is not before:
            changes.append({"subscriber_id": number, "list_id": list_id, "state": after})
            states[number] = after
        enrolled.append(Enrolled(before, states.get(number), suppressed, person.hash in updated))
    _record(connection, changes, vouching)
    return enrolled


def _record(connection: Connection, changes: list[dict[str, Any]], vouching: Vouching) -> None:
    if not changes:
        return
    said = {"origin": vouching.origin, "at": vouching.at}
    row = insert_or(SUBSCRIPTION)
    same = ["list_id", "subscriber_id"]
    newer = {name: row.excluded[name] for name in ("state", "origin", "at")}
    connection.execute(
        row.on_conflict_do_update(index_elements=same, set_=newer), [{**change, **said} for change in changes]
    )
    proof = {"by": vouching.by, "reason": vouching.reason, "import_id": vouching.import_id}
    connection.execute(insert(CONSENT_CHANGE), [{**change, **said, **proof} for change in changes])


def _subscribers(connection: Connection, people: Sequence[Person]) -> dict[bytes, Any]:
    wanted = select(
        SUBSCRIBER.c.id, SUBSCRIBER.c.hash, SUBSCRIBER.c.address, SUBSCRIBER.c.name, SUBSCRIBER.c.language,
        SUBSCRIBER.c.attributes,
    ).where(SUBSCRIBER.c.hash.in_([p.hash for p in people]))  # fmt: skip
    return {row.hash: row for row in connection.execute(wanted)}


def _add(connection: Connection, people: Sequence[Person], now: dt.datetime) -> None:
    rows = [
        {
            "hash": p.hash, "address": p.address, "name": p.name, "language": p.language,
            "attributes": p.attributes, "created_at": now,
        }
        for p in {p.hash: p for p in people}.values()
    ]  # fmt: skip
    if rows:
        connection.execute(insert(SUBSCRIBER), rows)


def _bring_up_to_date(connection: Connection, row: Any, person: Person) -> bool:
    """Take over what is said anew about a person; an empty cell says nothing."""
    said = {
        "address": person.address,
        "name": person.name or row.name,
        "language": person.language or row.language,
        "attributes": {**row.attributes, **person.attributes},
    }
    changed = {name: value for name, value in said.items() if value != getattr(row, name)}
    if "name" in changed or "address" in changed:
        _keep_as_mailed(connection, row.id, row.address, row.name)
    if changed:
        connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.id == row.id).values(changed))
    return bool(changed)


def _keep_as_mailed(connection: Connection, number: int, address: str, name: str) -> None:
    """Write into the ledger whom letters went to before that changes: a retry must have the same bytes."""
    tried = or_(
        DELIVERY.c.state.not_in([DeliveryState.PENDING, DeliveryState.SKIPPED]),
        DELIVERY.c.relay_id.is_not(None),
        DELIVERY.c.lease.is_not(None),  # it may be going out at this moment, with the name it was claimed with
    )
    unfinished = select(EDITION.c.id).where(EDITION.c.frozen_at.is_not(None), EDITION.c.finished_at.is_(None))
    here = and_(DELIVERY.c.edition_id.in_(unfinished), DELIVERY.c.subscriber_id == number)
    # Each by itself: the first spelling that went out is the one that stays.
    for column, value in ((DELIVERY.c.address, address), (DELIVERY.c.name, name)):
        connection.execute(update(DELIVERY).where(here, tried, column.is_(None)).values({column: value}))


def _states(connection: Connection, list_id: int, numbers: Sequence[int]) -> dict[int, SubscriptionState]:
    wanted = select(SUBSCRIPTION.c.subscriber_id, SUBSCRIPTION.c.state).where(
        SUBSCRIPTION.c.list_id == list_id, SUBSCRIPTION.c.subscriber_id.in_(numbers)
    )
    return {row.subscriber_id: row.state for row in connection.execute(wanted)}


def _suppressed(connection: Connection, hashes: Sequence[bytes]) -> set[bytes]:
    return set(connection.execute(select(SUPPRESSION.c.hash).where(SUPPRESSION.c.hash.in_(hashes))).scalars())


def end(store: Store, hash_: bytes, list_ids: Sequence[int], vouching: Vouching) -> list[int]:
    """Take somebody off lists as an editor; return the lists they were on."""

    def change(connection: Connection) -> list[int]:
        on = (
            select(SUBSCRIPTION.c.list_id, SUBSCRIPTION.c.subscriber_id)
            .join(SUBSCRIBER, SUBSCRIBER.c.id == SUBSCRIPTION.c.subscriber_id)
            .where(
                SUBSCRIBER.c.hash == hash_,
                SUBSCRIPTION.c.list_id.in_(list_ids),
                SUBSCRIPTION.c.state.in_([SubscriptionState.CONFIRMED, SubscriptionState.UNCONFIRMED]),
            )
        )
        rows = connection.execute(on).all()
        gone = SubscriptionState.REMOVED
        _record(
            connection,
            [{"subscriber_id": r.subscriber_id, "list_id": r.list_id, "state": gone} for r in rows],
            vouching,
        )
        return [row.list_id for row in rows]

    return store.write(change).result()


def listing(
    store: Store,
    *,
    list_id: int | None = None,
    state: SubscriptionState | None = None,
    hash_: bytes | None = None,
    limit: int | None = None,
) -> Iterator[Known]:
    """Yield subscribers by number; narrowed by list, state or address. Erased ones are left out."""
    on = [SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id]
    if list_id is not None:
        on.append(SUBSCRIPTION.c.list_id == list_id)
    if state is not None:
        on.append(SUBSCRIPTION.c.state == state)
    wanted = (
        select(
            SUBSCRIBER.c.id, SUBSCRIBER.c.address, SUBSCRIBER.c.name, SUBSCRIBER.c.language,
            SUBSCRIBER.c.attributes, SUPPRESSION.c.reason,
        )
        .outerjoin(SUPPRESSION, SUPPRESSION.c.hash == SUBSCRIBER.c.hash)
        .where(SUBSCRIBER.c.hash.is_not(None), SUBSCRIBER.c.id > bindparam("after"))
        .order_by(SUBSCRIBER.c.id)
        .limit(bindparam("most"))
    )  # fmt: skip
    if len(on) > 1:
        wanted = wanted.where(select(SUBSCRIPTION.c.list_id).where(*on).exists())
    if hash_ is not None:
        wanted = wanted.where(SUBSCRIBER.c.hash == hash_)
    after, left = 0, limit
    while left is None or left > 0:
        most = SLICE if left is None else min(SLICE, left)
        page = store.read(partial(_page, wanted=wanted, after=after, most=most))
        yield from page
        if len(page) < most:
            return
        after = page[-1].id
        left = None if left is None else left - len(page)


def _page(connection: Connection, wanted: Any, after: int, most: int) -> list[Known]:
    rows = connection.execute(wanted, {"after": after, "most": most}).all()
    where = (
        select(SUBSCRIPTION.c.subscriber_id, MAILING_LIST.c.name, SUBSCRIPTION.c.state)
        .join(MAILING_LIST, MAILING_LIST.c.id == SUBSCRIPTION.c.list_id)
        .where(SUBSCRIPTION.c.subscriber_id.in_([row.id for row in rows]))
        .order_by(MAILING_LIST.c.name)
    )
    lists: dict[int, dict[str, str]] = {}
    for found in connection.execute(where):
        lists.setdefault(found.subscriber_id, {})[found.name] = found.state.value
    return [
        Known(
            row.id, row.address, row.name, row.language, row.attributes, lists.get(row.id, {}),
            row.reason.value if row.reason else None,
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
