"""The ledger: claiming deliveries, the durable mark before the dot, and what came of each."""

import datetime as dt
import enum
import os
import socket
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, literal, or_, select, text, update

from digest.models import OPEN_STATES, DeliveryState, Edition
from digest.models.columns import milliseconds
from digest.store.audience import receives
from digest.store.prepared import Prepared
from digest.store.store import Store
from digest.store.tables import ATTEMPT, DELIVERY, LEASE, SUBSCRIBER

LEASE_TIME = dt.timedelta(minutes=15)  #: how long a silent process keeps what it has claimed
DOUBT = "dot"  #: the phase of an attempt whose answer was lost after the dot
INTERRUPTED = "the run was interrupted after the mail had gone out; the relay's answer is not known"


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery that is ours to try; ``attempt`` is the fencing token of every later write."""

    edition_id: int
    subscriber_id: int
    attempt: int
    letter_id: int
    address: str
    name: str
    doubts: int  #: how often it has been in doubt before
    tries: int  #: how often a relay has put it off before


class Mark(enum.Enum):
    """What the last look before the dot says."""

    GO = "go"
    WITHDRAWN = "withdrawn"  #: left, erased or suppressed meanwhile
    FENCED = "fenced"  #: somebody else has taken it over


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written about a delivery after an attempt; ``words`` make an attempt row of what was no plain 2yz."""

    state: DeliveryState
    at: dt.datetime
    relay_id: int | None = None
    next_at: dt.datetime | None = None
    closed: bool = False
    code: int | None = None
    enhanced: str | None = None
    phase: str = ""
    words: str | None = None

    @property
    def is_untaken(self) -> bool:
        """Whether the relay cannot have taken it and nothing was said about it: it is to be tried again at once."""
        before_dot = self.state is DeliveryState.IN_DOUBT and self.phase != DOUBT
        return before_dot or self.state is DeliveryState.PENDING


def take_lease(store: Store, now: dt.datetime) -> int:
    """Return the number under which this process claims."""
    row = {"host": socket.gethostname(), "process": os.getpid(), "started_at": now, "until": now + LEASE_TIME}
    lease = insert(LEASE).values(row).returning(LEASE.c.id)
    return int(store.write(lambda c: c.execute(lease).scalar_one()).result())


def end_lease(store: Store, edition_id: int, lease: int, now: dt.datetime) -> None:
    """Give back what a process has claimed and not tried."""

    def change(connection: Connection) -> None:
        ours = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.lease == lease)
        untried = DELIVERY.c.state == DeliveryState.PENDING
        connection.execute(update(DELIVERY).where(ours, untried).values(_free()))
        connection.execute(update(LEASE).where(LEASE.c.id == lease).values(ended_at=now))

    store.write(change).result()


def take_over(store: Store, edition: Edition, now: dt.datetime) -> int:
    """Settle what dead processes left of an edition; return how many mails are in doubt by that.

    Only under the lock that says no other process is sending.  What was claimed is free again.  What was marked
    ``sending`` may have gone out; but of a rehearsal it is just written once more, over the same file.
    """
    here = DELIVERY.c.edition_id == edition.id
    sending = and_(here, DELIVERY.c.state == DeliveryState.SENDING)
    doubtful = {"state": DeliveryState.IN_DOUBT, "lease": None, "next_at": None}

    def change(connection: Connection) -> int:
        claimed = and_(here, DELIVERY.c.state == DeliveryState.PENDING, DELIVERY.c.lease.is_not(None))
        connection.execute(update(DELIVERY).where(claimed).values(_free()))
        if edition.rehearsal:
            connection.execute(update(DELIVERY).where(sending).values(state=DeliveryState.PENDING, lease=None))
            return 0
        rows = connection.execute(select(DELIVERY.c.subscriber_id, DELIVERY.c.attempt).where(sending)).all()
        tries = [
            {
                "edition_id": edition.id, "subscriber_id": row.subscriber_id, "n": row.attempt, "at": now,
                "phase": DOUBT, "text": INTERRUPTED,
            }
            for row in rows
        ]  # fmt: skip
        if tries:
            connection.execute(insert(ATTEMPT), tries)
            connection.execute(update(DELIVERY).where(sending).values(doubtful))
        return len(rows)

    return store.write(change).result()


def _free() -> dict[str, Any]:
    """What frees a claim that was not tried: what was in doubt before it is in doubt still."""
    in_doubt, pending = literal(int(DeliveryState.IN_DOUBT)), literal(int(DeliveryState.PENDING))
    return {"state": case((attempts(ATTEMPT.c.phase == DOUBT) > 0, in_doubt), else_=pending), "lease": None}


def settle_doubts(store: Store, edition_id: int, *, resend: bool, close: bool, now: dt.datetime) -> None:
    """Decide about the open doubts of an edition: send once more, close unsent, or neither and keep them open."""
    doubts = and_(
        DELIVERY.c.edition_id == edition_id,
        DELIVERY.c.state == DeliveryState.IN_DOUBT,
        ~DELIVERY.c.closed,
    )
    twice = attempts(ATTEMPT.c.phase == DOUBT) > 1

    def change(connection: Connection) -> None:
        connection.execute(update(DELIVERY).where(doubts, twice).values(closed=True, next_at=None))
        if resend:
            connection.execute(update(DELIVERY).where(doubts).values(next_at=now))
        elif close:
            connection.execute(update(DELIVERY).where(doubts).values(closed=True, next_at=None))
        else:
            connection.execute(update(DELIVERY).where(doubts).values(next_at=None))

    store.write(change).result()


def claim(store: Store, edition_id: int, lease: int, after: int, limit: int) -> list[Claim]:
    """Claim deliveries that have not been tried, from a reader's number on, in the readers' order."""
    fresh = and_(
        DELIVERY.c.edition_id == edition_id,
        DELIVERY.c.state == DeliveryState.PENDING,
        DELIVERY.c.lease.is_(None),
        DELIVERY.c.subscriber_id > after,
    )
    wanted = claimable().where(fresh).order_by(DELIVERY.c.subscriber_id).limit(limit)
    return store.write(lambda connection: take(connection, wanted, lease)).result()


def claim_due(store: Store, edition_id: int, lease: int, now: dt.datetime, limit: int) -> list[Claim]:
    """Claim deliveries that were put off, or are in doubt and to be sent once more, and whose time has come."""
    wanted = claimable().where(_is_due(edition_id, now)).order_by(DELIVERY.c.next_at).limit(limit)
    return store.write(lambda connection: take(connection, wanted, lease)).result()


#: The words of the partial index: SQLite uses it only where a query says the same.
WAITING = text("delivery.state IN (4, 6)")


def _is_due(edition_id: int, now: dt.datetime) -> Any:
    return and_(DELIVERY.c.edition_id == edition_id, WAITING, ~DELIVERY.c.closed, DELIVERY.c.next_at <= now)


def claimable() -> Any:
    """The query of deliveries as claims; its caller says which."""
    address = func.coalesce(DELIVERY.c.address, SUBSCRIBER.c.address)
    name = func.coalesce(DELIVERY.c.name, SUBSCRIBER.c.name)
    return select(
        DELIVERY.c.edition_id, DELIVERY.c.subscriber_id, DELIVERY.c.attempt + 1, DELIVERY.c.letter_id, address, name,
        attempts(ATTEMPT.c.phase == DOUBT), attempts(ATTEMPT.c.code.is_not(None)),
    ).join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)  # fmt: skip


def attempts(which: Any) -> Any:
    """The number of a delivery's attempt rows of one kind."""
    here = (ATTEMPT.c.edition_id == DELIVERY.c.edition_id, ATTEMPT.c.subscriber_id == DELIVERY.c.subscriber_id)
    return select(func.count()).where(*here, which).correlate(DELIVERY).scalar_subquery()


def take(connection: Connection, wanted: Any, lease: int) -> list[Claim]:
    """Claim what a query of claimable deliveries finds."""
    claims = [Claim(*row) for row in connection.execute(wanted)]
    if claims:
        ours = and_(DELIVERY.c.edition_id == bindparam("e"), DELIVERY.c.subscriber_id == bindparam("s"))
        row = update(DELIVERY).where(ours).values(
            state=DeliveryState.PENDING, lease=lease, attempt=bindparam("n"), next_at=None
        )  # fmt: skip
        connection.execute(row, [{"e": c.edition_id, "s": c.subscriber_id, "n": c.attempt} for c in claims])
    return claims


class Ledger:
    """The two writes of every mail of an edition, prepared once; both go to the writer at once and in order."""

    def __init__(self, store: Store, edition: Edition, relay_id: int) -> None:
        self._store = store
        ours = and_(
            DELIVERY.c.edition_id == edition.id,
            DELIVERY.c.subscriber_id == bindparam("s"),
            DELIVERY.c.attempt == bindparam("n"),
        )
        reader = (
            select(SUBSCRIBER.c.id)
            .where(SUBSCRIBER.c.id == bindparam("s"), receives(edition.newsletter_id, edition.list_ids))
            .exists()
        )
        claimed = DELIVERY.c.state == DeliveryState.PENDING
        held = or_(claimed, DELIVERY.c.state == DeliveryState.SENDING)
        marked: dict[str, Any] = {"state": DeliveryState.SENDING, "relay_id": relay_id}
        withdrawn: dict[str, Any] = {"state": DeliveryState.WITHDRAWN, "lease": None, "done_at": bindparam("at")}
        recorded: dict[str, Any] = {
            "state": bindparam("to"), "lease": None, "next_at": bindparam("next"), "closed": bindparam("shut"),
            "relay_id": bindparam("by"), "code": bindparam("reply"), "enhanced": bindparam("more"),
            "done_at": bindparam("at"),
        }  # fmt: skip
        self._mark = Prepared(update(DELIVERY).where(ours, claimed, reader).values(marked))
        self._withdraw = Prepared(update(DELIVERY).where(ours, claimed).values(withdrawn))
        self._record = Prepared(update(DELIVERY).where(ours, held).values(recorded))

    def mark_sending(self, claim: Claim, now: dt.datetime) -> "Future[Mark]":
        """Mark a delivery ``sending`` and look once more whether its reader may be mailed: one commit for both."""

        def work(connection: Connection) -> Mark:
            if self._mark.run(connection, s=claim.subscriber_id, n=claim.attempt):
                return Mark.GO
            gone = self._withdraw.run(connection, s=claim.subscriber_id, n=claim.attempt, at=milliseconds(now))
            return Mark.WITHDRAWN if gone else Mark.FENCED

        return self._store.write(work)

    def record(self, claim: Claim, entry: Entry) -> "Future[None]":
        """Write what came of an attempt, unless somebody else has taken the delivery over."""
        done = milliseconds(entry.at) if entry.state not in OPEN_STATES else None
        next_at = milliseconds(entry.next_at) if entry.next_at is not None else None

        def work(connection: Connection) -> None:
            written = self._record.run(
                connection, s=claim.subscriber_id, n=claim.attempt, to=int(entry.state), next=next_at, at=done,
                shut=entry.closed, by=entry.relay_id, reply=entry.code, more=entry.enhanced,
            )  # fmt: skip
            if written and entry.words is not None:
                connection.execute(insert(ATTEMPT), _attempt(claim, entry))

        return self._store.write(work)


def _attempt(claim: Claim, entry: Entry) -> dict[str, Any]:
    return {
        "edition_id": claim.edition_id, "subscriber_id": claim.subscriber_id, "n": claim.attempt, "at": entry.at,
        "relay_id": entry.relay_id, "phase": entry.phase, "code": entry.code, "enhanced": entry.enhanced,
        "text": entry.words,
    }  # fmt: skip


def expire(store: Store, edition_id: int, now: dt.datetime) -> int:
    """Give up deferred mail of an edition; return how many."""
    late = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.DEFERRED)
    row = update(DELIVERY).where(late).values(state=DeliveryState.EXPIRED, next_at=None, done_at=now)
    return store.write(lambda c: c.execute(row).rowcount).result()


def all_counts(store: Store) -> dict[int, dict[DeliveryState, int]]:
    """Return for every edition with deliveries how many of them are in each state."""
    wanted = select(DELIVERY.c.edition_id, DELIVERY.c.state, func.count()).group_by(
        DELIVERY.c.edition_id, DELIVERY.c.state
    )
    found: dict[int, dict[DeliveryState, int]] = {}
    for edition_id, state, count in store.read(lambda c: c.execute(wanted).all()):
        found.setdefault(edition_id, dict.fromkeys(DeliveryState, 0))[state] = count
    return found


def counts(store: Store, edition_id: int) -> dict[DeliveryState, int]:
    """Return how many deliveries of an edition are in each state."""
    wanted = (
        select(DELIVERY.c.state, func.count()).where(DELIVERY.c.edition_id == edition_id).group_by(DELIVERY.c.state)
    )
    found: dict[DeliveryState, int] = dict(store.read(lambda c: c.execute(wanted).all()))
    return {state: found.get(state, 0) for state in DeliveryState}


def open_count(store: Store, edition_id: int) -> int:
    """Return how many deliveries of an edition still want something: mail to send, or a doubt to settle."""
    wanted = select(func.count()).where(DELIVERY.c.edition_id == edition_id, is_open())
    return int(store.read(lambda c: c.execute(wanted).scalar_one()))


def due_count(store: Store, edition_id: int, now: dt.datetime) -> int:
    """Return how many deliveries of an edition may be tried at this moment."""
    pending = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.PENDING)

    def read(connection: Connection) -> int:
        wanted = (select(func.count()).where(condition) for condition in (pending, _is_due(edition_id, now)))
        return sum(int(connection.execute(count).scalar_one()) for count in wanted)

    return store.read(read)


def has_work(store: Store, edition_id: int, until: dt.datetime) -> bool:
    """Return whether something of an edition may be tried by a moment, or was left by a process that died."""
    here = DELIVERY.c.edition_id == edition_id
    untried = and_(here, DELIVERY.c.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]))

    def read(connection: Connection) -> bool:
        wanted = (select(DELIVERY.c.state).where(some).limit(1) for some in (_is_due(edition_id, until), untried))
        return any(connection.execute(one).first() is not None for one in wanted)

    return store.read(read)


def next_due(store: Store, edition_id: int) -> dt.datetime | None:
    """Return when the next deferred mail of an edition is to be tried, None when none waits."""
    waits = and_(DELIVERY.c.edition_id == edition_id, WAITING, ~DELIVERY.c.closed)
    return store.read(lambda c: c.execute(select(func.min(DELIVERY.c.next_at)).where(waits)).scalar())


def is_open() -> Any:
    """The condition that a delivery still wants something."""
    in_doubt = and_(DELIVERY.c.state == DeliveryState.IN_DOUBT, ~DELIVERY.c.closed)
    return or_(DELIVERY.c.state.in_(OPEN_STATES), in_doubt)
