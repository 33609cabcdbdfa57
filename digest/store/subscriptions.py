"""Subscriptions: bringing people to lists and taking them off, with a line of history for each change."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from digest.models import DeliveryState, Origin, SubscriptionState, SuppressionReason
from digest.store.store import Store
from digest.store.tables import (
    CONSENT_CHANGE,
    DELIVERY,
    EDITION,
    IMPORT,
    SUBSCRIBER,
    SUBSCRIPTION,
    SUPPRESSION,
)

SLICE = 1000  #: rows a write transaction: a mark of the ledger waits no longer than that
#: States in which somebody is on a list.
LIVING = (SubscriptionState.CONFIRMED, SubscriptionState.UNCONFIRMED)


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
    takes_over: bool = True  #: a subscription that came through something else is theirs from now on


#: What becomes of a subscription: from its state today and through what it came (both None: new), and whether the
#: address is suppressed; None leaves it as it is.
Decide = Callable[[SubscriptionState | None, Origin | None, bool], SubscriptionState | None]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of one person: the subscription's state before and after; None where there is none."""

    before: SubscriptionState | None
    after: SubscriptionState | None
    suppressed: SuppressionReason | None
    updated: bool

    @property
    def is_change(self) -> bool:
        """Whether anything is to be written."""
        return self.updated or self.after is not self.before


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
            partial(enrol_some, list_id=list_id, people=part, decide=decide, vouching=vouching)
        ).result()
    return enrolled


def foresee(store: Store, list_id: int, people: Sequence[Person], decide: Decide) -> list[Enrolled]:
    """Return what would become of people, a slice of them at most, and change nothing."""

    def read(connection: Connection) -> list[Enrolled]:
        return _outcomes(_known(connection, list_id, people), _suppressed(connection, people), people, decide)

    return store.read(read)


def enrol_some(
    connection: Connection, list_id: int, people: Sequence[Person], decide: Decide, vouching: Vouching
) -> list[Enrolled]:
    """Bring a slice of people to a list within a transaction."""
    known = _known(connection, list_id, people)
    enrolled = _outcomes(known, _suppressed(connection, people), people, decide)
    erased = SuppressionReason.ERASED
    # Whom we have erased is not written down again.
    named = [(p, one) for p, one in zip(people, enrolled, strict=True) if p.hash in known or one.suppressed != erased]
    for person, one in named:
        if one.updated:
            _bring_up_to_date(connection, known[person.hash], person)
    _add(connection, [person for person, _ in named if person.hash not in known], vouching.at)
    numbers = _numbers(connection, [person for person, _ in named])
    changes = [
        {"subscriber_id": numbers[person.hash], "list_id": list_id, "state": one.after}
        for person, one in named
        if one.after is not one.before
    ]
    record(connection, changes, vouching)
    return enrolled


def _outcomes(
    known: Mapping[bytes, Any], suppressed: Mapping[bytes, SuppressionReason], people: Sequence[Person], decide: Decide
) -> list[Enrolled]:
    outcomes = []
    states: dict[bytes, SubscriptionState | None] = {hash_: row.state for hash_, row in known.items()}
    for person in people:
        row, reason, before = known.get(person.hash), suppressed.get(person.hash), states.get(person.hash)
        if row is None and reason is SuppressionReason.ERASED:
            outcomes.append(Enrolled(None, None, reason, updated=False))
            continue
        after = decide(before, row.origin if row else None, reason is not None) or before
        states[person.hash] = after
        outcomes.append(Enrolled(before, after, reason, updated=row is not None and bool(_said_anew(row, person))))
    return outcomes


def record(connection: Connection, changes: Sequence[dict[str, Any]], vouching: Vouching) -> None:
    """Set states of subscriptions, each given as subscriber_id, list_id and state, and write their history."""
    if not changes:
        return
    said = {"origin": vouching.origin, "at": vouching.at}
    row = insert_or(SUBSCRIPTION)
    same = ["list_id", "subscriber_id"]
    renewed = ("state", "origin", "at") if vouching.takes_over else ("state", "at")
    newer = {name: row.excluded[name] for name in renewed}
    connection.execute(
        row.on_conflict_do_update(index_elements=same, set_=newer), [{**change, **said} for change in changes]
    )
    note(connection, changes, vouching)


def note(connection: Connection, changes: Sequence[dict[str, Any]], vouching: Vouching) -> None:
    """Write lines of history and leave the subscriptions as they are."""
    said = {
        "origin": vouching.origin, "at": vouching.at, "by": vouching.by, "reason": vouching.reason,
        "import_id": vouching.import_id,
    }  # fmt: skip
    if changes:
        connection.execute(insert(CONSENT_CHANGE), [{**change, **said} for change in changes])


def _known(connection: Connection, list_id: int, people: Sequence[Person]) -> dict[bytes, Any]:
    """Return whom we know of them by hash, with their subscription to the list."""
    theirs = and_(SUBSCRIPTION.c.list_id == list_id, SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id)
    wanted = (
        select(
            SUBSCRIBER.c.id, SUBSCRIBER.c.hash, SUBSCRIBER.c.address, SUBSCRIBER.c.name, SUBSCRIBER.c.language,
            SUBSCRIBER.c.attributes, SUBSCRIPTION.c.state, SUBSCRIPTION.c.origin,
        )
        .outerjoin(SUBSCRIPTION, theirs)
        .where(SUBSCRIBER.c.hash.in_([p.hash for p in people]))
    )  # fmt: skip
    return {row.hash: row for row in connection.execute(wanted)}


def _numbers(connection: Connection, people: Sequence[Person]) -> dict[bytes, int]:
    wanted = select(SUBSCRIBER.c.hash, SUBSCRIBER.c.id).where(SUBSCRIBER.c.hash.in_([p.hash for p in people]))
    return {row.hash: row.id for row in connection.execute(wanted)}


def _suppressed(connection: Connection, people: Sequence[Person]) -> dict[bytes, SuppressionReason]:
    wanted = select(SUPPRESSION.c.hash, SUPPRESSION.c.reason).where(SUPPRESSION.c.hash.in_([p.hash for p in people]))
    return {row.hash: row.reason for row in connection.execute(wanted)}


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


def _said_anew(row: Any, person: Person) -> dict[str, Any]:
    """Return what is said anew about a person; an empty cell says nothing."""
    said = {
        "address": person.address,
        "name": person.name or row.name,
        "language": person.language or row.language,
        "attributes": {**row.attributes, **person.attributes},
    }
    return {name: value for name, value in said.items() if value != getattr(row, name)}


def _bring_up_to_date(connection: Connection, row: Any, person: Person) -> None:
    changed = _said_anew(row, person)
    if "name" in changed or "address" in changed:
        _keep_as_mailed(connection, row.id, row.address, row.name)
    connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.id == row.id).values(changed))


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


def end(store: Store, hash_: bytes, list_ids: Sequence[int], vouching: Vouching) -> list[int]:
    """Take somebody off lists as an editor; return the lists they were on."""

    def change(connection: Connection) -> list[int]:
        on = (
            select(SUBSCRIPTION.c.list_id, SUBSCRIPTION.c.subscriber_id)
            .join(SUBSCRIBER, SUBSCRIBER.c.id == SUBSCRIPTION.c.subscriber_id)
            .where(SUBSCRIBER.c.hash == hash_, SUBSCRIPTION.c.list_id.in_(list_ids), SUBSCRIPTION.c.state.in_(LIVING))
        )
        rows = connection.execute(on).mappings().all()
        record(connection, [{**row, "state": SubscriptionState.REMOVED} for row in rows], vouching)
        return [row["list_id"] for row in rows]

    return store.write(change).result()
