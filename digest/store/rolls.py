"""Whom we know, for many at once: looked up by their hashes, added, and brought up to date."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, or_, select, update

from digest.models import DeliveryState, Origin, SubscriptionState, SuppressionReason
from digest.store.bulk import Bulk
from digest.store.engine import driver_of
from digest.store.prepared import Prepared, given
from digest.store.tables import DELIVERY, EDITION, SUBSCRIBER, SUBSCRIPTION, SUPPRESSION

SLICE = 1000  #: rows a write transaction: a mark of the ledger waits no longer than that
#: Whoever has tried to deliver, or is at it: the mail may be out under the name and spelling of then.
_TRIED = or_(
    DELIVERY.c.state.not_in([DeliveryState.PENDING, DeliveryState.SKIPPED]),
    DELIVERY.c.relay_id.is_not(None),
    DELIVERY.c.lease.is_not(None),  # it may be going out at this moment, with the name it was claimed with
)


#: By what is stored, which is None where there is no subscription.
_STATES: dict[str | None, SubscriptionState | None] = {
    None: None,
    **{state.value: state for state in SubscriptionState},
}
_ORIGINS: dict[str | None, Origin | None] = {None: None, **{origin.value: origin for origin in Origin}}


class Person(NamedTuple):
    """Somebody as an import or an editor names them; ``hash`` says who it is."""

    hash: bytes
    address: str
    name: str = ""
    language: str | None = None
    attributes: Mapping[str, str] = MappingProxyType({})
    sections: str | None = None  #: as in models/sections.py; empty: all of them; None: nothing is said about it


class Known(NamedTuple):
    """Somebody as the store has them, with their subscription to one list."""

    id: int
    address: str
    name: str
    language: str | None
    attributes: str  #: as JSON
    state: SubscriptionState | None
    origin: Origin | None
    sections: str | None  #: None: all of them


def known(connection: Connection, list_id: int, people: Sequence[Person]) -> dict[bytes, Known]:
    """Return whom we know of a slice of people by hash, with their subscription to the list."""
    found = _known(_size(people)).rows(driver_of(connection), *_hashes(people), list_id)
    return {
        hash_: Known(number, address, name, language, attributes, _STATES[state], _ORIGINS[origin], sections)
        for hash_, number, address, name, language, attributes, state, origin, sections in found
    }


def suppressed(connection: Connection, people: Sequence[Person]) -> dict[bytes, SuppressionReason]:
    """Return what stands against a slice of people by hash."""
    found = _suppressed(_size(people)).rows(driver_of(connection), *_hashes(people))
    return {hash_: SuppressionReason(reason) for hash_, reason in found}


def add(connection: Connection, people: Iterable[Person], created_at: object) -> dict[bytes, int]:
    """Write down people whom we did not know, each once; return the numbers of all who are new by hash."""
    rows = {p.hash: (*p[:4], as_json(p.attributes), created_at) for p in people}
    if not rows:
        return {}
    # Numbers only grow, so what has been added stands behind the last one.
    last = connection.execute(select(func.max(SUBSCRIBER.c.id))).scalar() or 0
    driver = driver_of(connection)
    _add().each(driver, list(rows.values()))
    return dict(_behind().rows(driver, last))


def said_anew(one: Known, person: Person) -> bool:
    """Return whether anything is said anew about a person; an empty cell says nothing."""
    return not (
        person.address == one.address
        and (not person.name or person.name == one.name)
        and (not person.language or person.language == one.language)
        and (not person.attributes or _has(one.attributes, person.attributes))
    )


def chosen_anew(one: Known | None, person: Person) -> bool:
    """Return whether other sections are chosen for a person than the subscription has."""
    return person.sections is not None and person.sections != ((one and one.sections) or "")


def choose(connection: Connection, list_id: int, choices: Sequence[tuple[int, str | None]]) -> None:
    """Write down the sections chosen for people's subscriptions to a list, by their numbers."""
    rows = [(sections or None, list_id, number) for number, sections in choices]
    _choose().each(driver_of(connection), rows)


def bring_up_to_date(connection: Connection, changes: Iterable[tuple[Known, Person]]) -> None:
    """Write down what is said anew about people."""
    now: dict[int, Known] = {}
    renamed: list[Known] = []
    for one, person in changes:
        was = now.get(one.id, one)
        now[one.id] = was._replace(
            address=person.address,
            name=person.name or was.name,
            language=person.language or was.language,
            attributes=_merged(was.attributes, person.attributes),
        )
        if now[one.id][1:3] != was[1:3]:
            renamed.append(was)
    _keep_as_mailed(connection, renamed)
    _renew().each(driver_of(connection), [(*one[1:5], one.id) for one in now.values()])


def _keep_as_mailed(connection: Connection, renamed: Collection[Known]) -> None:
    """Write into the ledger whom letters went to before that changes: a retry must have the same bytes."""
    unfinished = select(EDITION.c.id).where(EDITION.c.frozen_at.is_not(None), EDITION.c.finished_at.is_(None))
    if not renamed or connection.execute(unfinished.limit(1)).first() is None:
        return
    here = and_(DELIVERY.c.edition_id.in_(unfinished), DELIVERY.c.subscriber_id == bindparam("number"))
    # Each by itself: the first spelling that went out is the one that stays.
    for column in (DELIVERY.c.address, DELIVERY.c.name):
        kept = update(DELIVERY).where(here, _TRIED, column.is_(None)).values({column: bindparam("kept")})
        connection.execute(kept, [{"number": one.id, "kept": getattr(one, column.name)} for one in renamed])


def as_json(attributes: Mapping[str, str]) -> str:
    """Return attributes as their column stores them: json.dumps of texts, in a third of its time."""
    return f"{{{', '.join([f'{quoted(name)}: {quoted(value)}' for name, value in attributes.items()])}}}"


def _has(stored: str, said: Mapping[str, str]) -> bool:
    return stored == as_json(said) or said.items() <= json.loads(stored).items()


def _merged(stored: str, said: Mapping[str, str]) -> str:
    return stored if _has(stored, said) else json.dumps({**json.loads(stored), **said})


def _size(people: Sequence[Person]) -> int:
    """Return how many hashes the statement for so many people takes: there are two, so that both stay prepared."""
    if len(people) > SLICE:
        raise ValueError(f"{len(people)} people are more than a slice of {SLICE}")
    return 1 if len(people) == 1 else SLICE


def _hashes(people: Sequence[Person]) -> list[bytes | None]:
    hashes: list[bytes | None] = [person.hash for person in people]
    return hashes + [None] * (_size(people) - len(people))  # nobody's


@cache
def _known(size: int) -> Prepared:
    theirs = and_(SUBSCRIPTION.c.list_id == given(size + 1), SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id)
    columns = [getattr(SUBSCRIBER.c, name) for name in Known._fields[:5]]
    wanted = select(SUBSCRIBER.c.hash, *columns, SUBSCRIPTION.c.state, SUBSCRIPTION.c.origin, SUBSCRIPTION.c.sections)
    people = SUBSCRIBER.outerjoin(SUBSCRIPTION, theirs)
    return Prepared(wanted.select_from(people).where(SUBSCRIBER.c.hash.in_(_places(size))))


@cache
def _suppressed(size: int) -> Prepared:
    return Prepared(select(SUPPRESSION.c.hash, SUPPRESSION.c.reason).where(SUPPRESSION.c.hash.in_(_places(size))))


def _places(size: int) -> list[ColumnElement[Any]]:
    return [given(place) for place in range(1, size + 1)]


@cache
def _add() -> Bulk:
    columns = ("hash", "address", "name", "language", "attributes", "created_at")
    return Bulk(insert(SUBSCRIBER).values({name: given(place) for place, name in enumerate(columns, 1)}))


@cache
def _behind() -> Prepared:
    return Prepared(select(SUBSCRIBER.c.hash, SUBSCRIBER.c.id).where(SUBSCRIBER.c.id > given(1)))


@cache
def _renew() -> Bulk:
    columns = ("address", "name", "language", "attributes")
    renewed = {name: given(place) for place, name in enumerate(columns, 1)}
    return Bulk(update(SUBSCRIBER).where(SUBSCRIBER.c.id == given(5)).values(renewed))


@cache
def _choose() -> Bulk:
    theirs = and_(SUBSCRIPTION.c.list_id == given(2), SUBSCRIPTION.c.subscriber_id == given(3))
    return Bulk(update(SUBSCRIPTION).where(theirs).values(sections=given(1)))
