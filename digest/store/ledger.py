"""The ledger: claiming deliveries, and what becomes of claims, doubts and what was put off."""

import datetime as dt
import enum
import os
import socket
from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, case, func, insert, literal, select, text, true, update

from digest.models import DeliveryState, Edition
from digest.store.engine import driver_of
from digest.store.prepared import Prepared, given
from digest.store.store import Store
from digest.store.tables import ATTEMPT, DELIVERY, LEASE, SUBSCRIBER

LEASE_TIME = dt.timedelta(minutes=15)  #: how long a silent process keeps what it has claimed
DOUBT = "dot"  #: the phase of an attempt whose answer was lost after the dot
#: The words of a partial index: SQLite uses it only where a query says the same.
WAITING = text("delivery.state IN (4, 6)")
#: What a process holds, claimed or marked. Said as a range: with less SQLite walks through the whole edition instead.
CLAIMED = DELIVERY.c.lease > 0
INTERRUPTED = "the run was interrupted after the mail had gone out; the relay's answer is not known"


class Claim(NamedTuple):  # made a million times: a quarter of what a frozen dataclass takes
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


class Entry(NamedTuple):  # as a claim
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
    if not passing_over:
        return store.write(lambda connection: _take_next(connection, edition_id, lease, after, limit)).result()
    fresh = and_(untried(edition_id, after), elsewhere(passing_over))
    wanted = claimable().where(fresh).order_by(DELIVERY.c.subscriber_id).limit(limit)
    return store.write(lambda connection: take(connection, wanted, lease)).result()


def _take_next(connection: Connection, edition_id: int, lease: int, after: int, limit: int) -> list[Claim]:
    driver, (next_ones, their_claim) = driver_of(connection), _hot()
    claims = [Claim._make(row) for row in next_ones.rows(driver, edition_id, after, limit)]
    if claims:
        their_claim.run(driver, edition_id, after, claims[-1].subscriber_id, lease)
    return claims


@cache
def _hot() -> tuple[Prepared, Prepared]:
    """Return what finds the next readers of an edition, and what claims all up to the last of them."""
    fresh = untried(given(1), given(2))
    next_ones = claimable().where(fresh).order_by(DELIVERY.c.subscriber_id).limit(given(3))
    taken = {"lease": given(4), "attempt": DELIVERY.c.attempt + 1, "next_at": None}
    return Prepared(next_ones), Prepared(
        update(DELIVERY).where(fresh, DELIVERY.c.subscriber_id <= given(3)).values(taken)
    )


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


def untried(edition_id: Any, after: Any) -> Any:
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
    """Claim what a query of claimable deliveries finds, all of them of one edition."""
    claims = [Claim(*row) for row in connection.execute(wanted)]
    if claims:
        readers = DELIVERY.c.subscriber_id.in_([claim.subscriber_id for claim in claims])
        ours = and_(DELIVERY.c.edition_id == claims[0].edition_id, readers)
        taken = {"state": DeliveryState.PENDING, "lease": lease, "attempt": DELIVERY.c.attempt + 1, "next_at": None}
        connection.execute(update(DELIVERY).where(ours).values(taken))
    return claims


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
