"""The ledger: claiming deliveries, the durable mark before the dot, and what came of each."""

import datetime as dt
import enum
import os
import socket
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, literal, or_, select, text, true, update

from digest.models import OPEN_STATES, DeliveryState, Edition
from digest.models.columns import milliseconds
from digest.store.audience import receives
from digest.store.prepared import Prepared
from digest.store.store import Store
from digest.store.tables import ATTEMPT, DELIVERY, LEASE, SUBSCRIBER

LEASE_TIME = dt.timedelta(minutes=15)  #: how long a silent process keeps what it has claimed
DOUBT = "dot"  #: the phase of an attempt whose answer was lost after the dot
#: The words of a partial index: SQLite uses it only where a query says the same.
WAITING = text("delivery.state IN (4, 6)")
#: What a process holds, claimed or marked. Said as a range: with less SQLite walks through the whole edition instead.
CLAIMED = DELIVERY.c.lease > 0
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
    """Return the number under which this process claims; those of dead ones end here.

    Only under the lock that says no other process is sending.
    """
    row = {"host": socket.gethostname(), "process": os.getpid(), "started_at": now, "until": now + LEASE_TIME}

    def change(connection: Connection) -> int:
        connection.execute(update(LEASE).where(LEASE.c.ended_at.is_(None)).values(ended_at=now))
        return int(connection.execute(insert(LEASE).values(row).returning(LEASE.c.id)).scalar_one())

    return store.write(change).result()


def has_died(store: Store) -> bool:
    """Return whether the last process that claimed has not ended its lease: it was killed, or the power went."""
    return store.read(lambda c: c.execute(select(LEASE.c.id).where(LEASE.c.ended_at.is_(None))).first()) is not None


def end_lease(store: Store, edition_id: int, lease: int, now: dt.datetime) -> None:
    """Give back what a process has claimed and not tried."""

    def change(connection: Connection) -> None:
        ours = and_(DELIVERY.c.edition_id == edition_id, CLAIMED, DELIVERY.c.lease == lease)
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
    sending = and_(here, CLAIMED, DELIVERY.c.state == DeliveryState.SENDING)
    doubtful = {"state": DeliveryState.IN_DOUBT, "lease": None, "next_at": None}

    def change(connection: Connection) -> int:
        claimed = and_(here, CLAIMED, DELIVERY.c.state == DeliveryState.PENDING)
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
        DELIVERY.c.subscriber_id.in_(doubted(edition_id)),
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


def doubted(edition_id: int) -> Any:
    """The query of an edition's readers whose mail may have arrived once, its answer being lost after the dot."""
    return select(ATTEMPT.c.subscriber_id).where(ATTEMPT.c.edition_id == edition_id, ATTEMPT.c.phase == DOUBT)


def claim(
    store: Store, edition_id: int, lease: int, after: int, limit: int, passing_over: Collection[str] = ()
) -> list[Claim]:
    """Claim deliveries that have not been tried, from a reader's number on, in the readers' order.

    ``passing_over``: domains, as ``elsewhere`` takes them, whose readers are left where they are.
    """
    fresh = and_(untried(edition_id, after), elsewhere(passing_over))
    wanted = claimable().where(fresh).order_by(DELIVERY.c.subscriber_id).limit(limit)
    return store.write(lambda connection: take(connection, wanted, lease)).result()


def claim_due(
    store: Store, edition_id: int, lease: int, now: dt.datetime, limit: int, passing_over: Collection[str] = ()
) -> list[Claim]:
    """Claim deliveries that were put off, or are in doubt and to be sent once more, and whose time has come."""
    due = and_(is_due(edition_id, now), elsewhere(passing_over))
    wanted = claimable().where(due).order_by(DELIVERY.c.next_at).limit(limit)
    return store.write(lambda connection: take(connection, wanted, lease)).result()


def is_due(edition_id: int, now: dt.datetime) -> Any:
    """The condition that a delivery was put off, or is to be sent once more, and its time has come."""
    return and_(DELIVERY.c.edition_id == edition_id, WAITING, ~DELIVERY.c.closed, DELIVERY.c.next_at <= now)


def untried(edition_id: int, after: int) -> Any:
    """The condition that a delivery is free to be claimed for the first time, from a reader's number on."""
    return and_(
        DELIVERY.c.edition_id == edition_id,
        DELIVERY.c.state == DeliveryState.PENDING,
        DELIVERY.c.lease.is_(None),
        DELIVERY.c.subscriber_id > after,
    )


def elsewhere(domains: Collection[str]) -> Any:
    """The condition that a reader's address ends in none of these domains, in small letters as they may be spelled."""
    address = func.lower(func.coalesce(DELIVERY.c.address, SUBSCRIBER.c.address))
    return and_(true(), *(~address.endswith(f"@{domain}", autoescape=True) for domain in sorted(domains)))


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
        # What was given back has no lease: a mark that comes late must not take it up again.
        claimed = and_(DELIVERY.c.state == DeliveryState.PENDING, CLAIMED)
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
                row = attempt_row(claim.edition_id, claim.subscriber_id, claim.attempt, entry)
                connection.execute(insert(ATTEMPT), row)

        return self._store.write(work)


def attempt_row(edition_id: int, subscriber_id: int, n: int, entry: Entry) -> dict[str, Any]:
    """Return the row of an attempt that was no plain 2yz."""
    return {
        "edition_id": edition_id, "subscriber_id": subscriber_id, "n": n, "at": entry.at, "relay_id": entry.relay_id,
        "phase": entry.phase, "code": entry.code, "enhanced": entry.enhanced, "text": entry.words,
    }  # fmt: skip


def expire(store: Store, edition_id: int, now: dt.datetime) -> int:
    """Give up deferred mail of an edition; return how many."""
    late = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.state == DeliveryState.DEFERRED)
    row = update(DELIVERY).where(late).values(state=DeliveryState.EXPIRED, next_at=None, done_at=now)
    return store.write(lambda c: c.execute(row).rowcount).result()
