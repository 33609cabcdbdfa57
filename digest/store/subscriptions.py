"""Subscriptions: bringing people to lists and taking them off, with a line of history for each change."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, insert, select, true
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as insert_or

from digest.models import Origin, SubscriptionState, SuppressionReason
from digest.store import rolls
from digest.store.bulk import as_list, listed, stored
from digest.store.engine import driver_of
from digest.store.prepared import Prepared, given
from digest.store.rolls import SLICE, Known, Person
from digest.store.store import Store
from digest.store.tables import CONSENT_CHANGE, IMPORT, SUBSCRIBER, SUBSCRIPTION
from digest.store.writer import PAUSE

__all__ = ["SLICE", "Person", "Vouching", "enrol", "foresee"]

#: So many people at once are written down in the order of their hashes. New ones get their numbers in it: in the order
#: of a file every row of a slice changes another page of the hashes' index once there are millions.
MANY = 10_000
GAP = 1.25 * PAUSE  #: seconds between two slices: who waits for the lock looks that often, and a little later
T = TypeVar("T")
#: States in which somebody is on a list.
LIVING = (SubscriptionState.CONFIRMED, SubscriptionState.UNCONFIRMED)


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
#: address is suppressed; None leaves it as it is. Of people who stand alike it is asked once.
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
    work = partial(enrol_some, list_id=list_id, decide=decide, vouching=vouching)
    write = unhurried(store)
    return _by_slices(people, lambda part: write(partial(work, people=part)))


def unhurried(store: Store) -> Callable[[Callable[[Connection], T]], T]:
    """Return what does one work after the other, and lets whoever waits for the store come in between."""
    gap = 0.0

    def write(work: Callable[[Connection], T]) -> T:
        nonlocal gap
        time.sleep(gap)  # not before the first
        gap = GAP
        return store.write(work).result()

    return write


def foresee(store: Store, list_id: int, people: Sequence[Person], decide: Decide) -> list[Enrolled]:
    """Return what would become of people, in their order, and change nothing."""
    return [one for one, _ in foresee_with_numbers(store, list_id, people, decide)]


def foresee_with_numbers(
    store: Store, list_id: int, people: Sequence[Person], decide: Decide
) -> list[tuple[Enrolled, int | None]]:
    """Return what would become of people, each with their number if they have one."""

    def read(connection: Connection, part: Sequence[Person]) -> list[tuple[Enrolled, int | None]]:
        known = rolls.known(connection, list_id, part)
        outcomes = _outcomes(known, rolls.suppressed(connection, part), part, decide)
        numbered = [known[person.hash].id if person.hash in known else None for person in part]
        return list(zip(outcomes, numbered, strict=True))

    return _by_slices(people, lambda part: store.read(partial(read, part=part)))


def _by_slices(people: Sequence[Person], work: Callable[[Sequence[Person]], Sequence[T]]) -> list[T]:
    """Do a work with slices of people, and return what it does for each person, in their order."""
    if len(people) < MANY:
        return [one for start in range(0, len(people), SLICE) for one in work(people[start : start + SLICE])]
    order = sorted(range(len(people)), key=[person.hash for person in people].__getitem__)
    done: list[Any] = [None] * len(people)
    for start in range(0, len(people), SLICE):
        places = order[start : start + SLICE]
        for place, one in zip(places, work([people[n] for n in places]), strict=True):
            done[place] = one
    return done


def enrol_some(
    connection: Connection, list_id: int, people: Sequence[Person], decide: Decide, vouching: Vouching
) -> list[Enrolled]:
    """Bring a slice of people to a list within a transaction."""
    known = rolls.known(connection, list_id, people)
    enrolled = _outcomes(known, rolls.suppressed(connection, people), people, decide)
    both = list(zip(people, enrolled, strict=True))
    rolls.bring_up_to_date(connection, [(known[person.hash], person) for person, one in both if one.updated])
    # Whom we have erased is not written down again.
    new = [p for p, one in both if p.hash not in known and one.suppressed is not SuppressionReason.ERASED]
    numbers = {hash_: one.id for hash_, one in known.items()}
    numbers |= rolls.add(connection, new, stored(SUBSCRIBER.c.created_at, vouching.at))
    changes = [(numbers[person.hash], one.after) for person, one in both if one.after and one.after is not one.before]
    _record_changes(connection, list_id, changes, vouching)
    chosen = [p for p in people if p.sections is not None and rolls.chosen_anew(known.get(p.hash), p)]
    rolls.choose(connection, list_id, [(numbers[p.hash], p.sections) for p in chosen if p.hash in numbers])
    return enrolled


def _record_changes(
    connection: Connection, list_id: int, changes: Sequence[tuple[int, SubscriptionState]], vouching: Vouching
) -> None:
    if len({number for number, _ in changes}) < len(changes):  # somebody changes twice: one after the other
        rows = [{"subscriber_id": number, "list_id": list_id, "state": state} for number, state in changes]
        record(connection, rows, vouching)
        return
    for state in dict.fromkeys(state for _, state in changes):
        record_all(connection, list_id, state, [number for number, into in changes if into is state], vouching)


def _outcomes(
    known: Mapping[bytes, Known],
    suppressed: Mapping[bytes, SuppressionReason],
    people: Sequence[Person],
    decide: Decide,
) -> list[Enrolled]:
    if not known and not suppressed and len({person.hash for person in people}) == len(people):
        return [_outcome(None, None, None, False, decide)] * len(people)  # as in the first import of a list
    outcomes: list[Enrolled] = []
    decided: dict[tuple[object, ...], Enrolled] = {}
    states: dict[bytes, SubscriptionState | None] = {}  # somebody may stand in the slice twice
    for person in people:
        one, reason = known.get(person.hash), suppressed.get(person.hash)
        before = states.get(person.hash, one.state if one else None)
        updated = one is not None and (
            rolls.said_anew(one, person) or (one.state is not None and rolls.chosen_anew(one, person))
        )
        alike = (before, one and one.origin, reason, updated, one is None)
        if alike not in decided:
            decided[alike] = _outcome(one, before, reason, updated, decide)
        outcomes.append(decided[alike])
        states[person.hash] = decided[alike].after
    return outcomes


def _outcome(
    one: Known | None, before: SubscriptionState | None, reason: SuppressionReason | None, updated: bool, decide: Decide
) -> Enrolled:
    if one is None and reason is SuppressionReason.ERASED:
        return Enrolled(None, None, reason, updated=False)
    after = decide(before, one.origin if one else None, reason is not None) or before
    return Enrolled(before, after, reason, updated)


def record(connection: Connection, changes: Sequence[dict[str, Any]], vouching: Vouching) -> None:
    """Set states of subscriptions, each given as subscriber_id, list_id and state, and write their history."""
    if not changes:
        return
    said = {"origin": vouching.origin, "at": vouching.at}
    row = _renewing(insert_or(SUBSCRIPTION), vouching.takes_over)
    connection.execute(row, [{**change, **said} for change in changes])
    note(connection, changes, vouching)


def record_all(
    connection: Connection, list_id: int, state: SubscriptionState, numbers: Sequence[int], vouching: Vouching
) -> None:
    """Set the state of many people's subscriptions to one list, each named once, and write their history."""
    driver, people = driver_of(connection), as_list(numbers)
    # Stored alike in both tables.
    same = [stored(SUBSCRIPTION.c[name], value) for name, value in zip(
        ("state", "origin", "at"), (state, vouching.origin, vouching.at), strict=True
    )]  # fmt: skip
    _set_all(vouching.takes_over).run(driver, people, list_id, *same)
    _note_all().run(driver, people, list_id, *same, vouching.by, vouching.reason, vouching.import_id)


# Made once: a statement of SQLAlchemy's that is made for each slice is garbage that holds itself, and so its values,
# until somebody looks: 15 MB of a million rows.
@cache
def _set_all(takes_over: bool) -> Prepared:
    row = insert_or(SUBSCRIPTION).from_select(*_for_each_given("list_id", "state", "origin", "at"))
    return Prepared(_renewing(row, takes_over))


@cache
def _note_all() -> Prepared:
    columns = ("list_id", "state", "origin", "at", "by", "reason", "import_id")
    return Prepared(insert(CONSENT_CHANGE).from_select(*_for_each_given(*columns)))


def _for_each_given(*columns: str) -> tuple[list[str], Select[Any]]:
    """Return a row for each of the people given first: its columns, and values that but for them are the same."""
    people = listed(1)
    same = [given(place) for place, _ in enumerate(columns, 2)]
    # Without a condition SQLite takes ON CONFLICT for a part of the SELECT's join.
    return ["subscriber_id", *columns], select(people.c.value, *same).where(true())


def _renewing(row: Insert, takes_over: bool) -> Insert:
    renewed = ("state", "origin", "at") if takes_over else ("state", "at")
    newer = {name: row.excluded[name] for name in renewed}
    return row.on_conflict_do_update(index_elements=["list_id", "subscriber_id"], set_=newer)


def note(connection: Connection, changes: Sequence[dict[str, Any]], vouching: Vouching) -> None:
    """Write lines of history and leave the subscriptions as they are."""
    said = {
        "origin": vouching.origin, "at": vouching.at, "by": vouching.by, "reason": vouching.reason,
        "import_id": vouching.import_id,
    }  # fmt: skip
    if changes:
        connection.execute(insert(CONSENT_CHANGE), [{**change, **said} for change in changes])


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
