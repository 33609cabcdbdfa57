"""How an edition's course is changed: by a send that begins or ends, and by an editor; each step with its history."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, or_, select, update

from digest.models import DeliveryState, Edition, EditionChange, EditionState, PlacementState
from digest.store.ledger import Claim, claimable, doubted, take
from digest.store.standing import is_open
from digest.store.store import Store, session_on
from digest.store.tables import ATTEMPT, DELIVERY, EDITION, EDITION_CHANGE, LETTER, PLACEMENT

SLICE = 1000  #: rows a write transaction: a reader who leaves meanwhile never waits long
RUNNING = (EditionState.FROZEN, EditionState.SENDING)
#: A letter that has not gone out and is not just going out.
WAITS = DELIVERY.c.state.in_([DeliveryState.PENDING, DeliveryState.DEFERRED])


@dataclass(frozen=True)
class Deed:
    """What somebody does to an edition: a line of its history."""

    verb: str
    by: str
    at: dt.datetime
    detail: str = ""


def history(store: Store, edition_id: int) -> list[EditionChange]:
    """Return what people did to an edition, oldest first."""
    wanted = select(EditionChange).where(EDITION_CHANGE.c.edition_id == edition_id).order_by(EDITION_CHANGE.c.id)

    def read(connection: Connection) -> list[EditionChange]:
        with session_on(connection) as session:
            return list(session.scalars(wanted))

    return store.read(read)


def state_of(store: Store, edition_id: int) -> EditionState:
    """Return an edition's state at this moment: a send looks at it while it runs."""
    wanted = select(EDITION.c.state).where(EDITION.c.id == edition_id)
    return EditionState(store.read(lambda c: c.execute(wanted).scalar_one()))


def begin_sending(store: Store, edition_id: int, now: dt.datetime) -> bool:
    """Take an edition to ``sending``; False when somebody has paused or cancelled it meanwhile."""
    values = {"state": EditionState.SENDING, "decided_at": now}
    return store.write(lambda c: _change(c, edition_id, RUNNING, values)).result()


def finish(store: Store, edition: Edition, now: dt.datetime) -> None:
    """End an edition of which nothing is open any more; of a cancelled one what came back open is cancelled too."""
    assert edition.id is not None
    number, done = edition.id, EditionState.REHEARSED if edition.rehearsal else EditionState.SENT
    if state_of(store, number) is EditionState.CANCELLED:
        cancel_open(store, number, now)
        return

    def change(connection: Connection) -> None:
        left = select(DELIVERY.c.subscriber_id).where(DELIVERY.c.edition_id == number, is_open()).limit(1)
        if connection.execute(left).first() is None:
            _change(connection, number, RUNNING, {"state": done, "decided_at": now, "finished_at": now})

    store.write(change).result()


def turn(store: Store, edition_id: int, expected: Sequence[EditionState], to: EditionState, deed: Deed) -> bool:
    """Bring an edition into a state; False when it is in none of the expected ones any more."""

    def change(connection: Connection) -> bool:
        turned = _change(connection, edition_id, expected, {"state": to, "decided_at": deed.at})
        if turned:
            note(connection, edition_id, deed)
        return turned

    return store.write(change).result()


def has_begun(store: Store, edition_id: int) -> bool:
    """Return whether any mail of an edition has been offered to a relay, whatever came of it."""
    tried = select(DELIVERY.c.subscriber_id).where(DELIVERY.c.edition_id == edition_id, _was_tried())
    return store.read(lambda c: c.execute(tried.limit(1)).first() is not None)


def _was_tried() -> Any:
    states = (DeliveryState.PENDING, DeliveryState.SKIPPED, DeliveryState.WITHDRAWN, DeliveryState.CANCELLED)
    return or_(DELIVERY.c.relay_id.is_not(None), DELIVERY.c.state.not_in(states))


def cancel_open(store: Store, edition_id: int, now: dt.datetime) -> int:
    """Cancel what is open of a cancelled edition, in slices; return how many letters, 0 when it was done before.

    What is just going out is left to its send, which does this once more when it ends (``finish``).  A doubt is closed
    and stays a doubt: it may have arrived.
    """
    store.write(partial(_close_doubts, edition_id=edition_id)).result()
    cancelled, after = 0, 0
    while slice_ := store.write(partial(_cancel_slice, edition_id=edition_id, after=after, now=now)).result():
        count, after = slice_
        cancelled += count
    ended = and_(EDITION.c.id == edition_id, EDITION.c.finished_at.is_(None))
    store.write(lambda c: c.execute(update(EDITION).where(ended).values(finished_at=now))).result()
    return cancelled


def _close_doubts(connection: Connection, edition_id: int) -> None:
    # A second try of a doubt that was claimed or put off is a doubt again, not a letter that never went out.
    is_doubt = or_(WAITS, and_(DELIVERY.c.state == DeliveryState.IN_DOUBT, ~DELIVERY.c.closed))
    here = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.subscriber_id.in_(doubted(edition_id)))
    closed = {"state": DeliveryState.IN_DOUBT, "lease": None, "next_at": None, "closed": True}
    connection.execute(update(DELIVERY).where(here, is_doubt).values(closed))


def _cancel_slice(connection: Connection, edition_id: int, after: int, now: dt.datetime) -> tuple[int, int] | None:
    """Cancel the next letters in the readers' order; return how many, and the last reader's number."""
    wanted = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.subscriber_id > after, WAITS)
    some = select(DELIVERY.c.subscriber_id).where(wanted).order_by(DELIVERY.c.subscriber_id).limit(SLICE).subquery()
    last = connection.execute(select(func.max(some.c.subscriber_id))).scalar()
    if last is None:
        return None
    gone = {"state": DeliveryState.CANCELLED, "lease": None, "next_at": None, "done_at": now}
    here = update(DELIVERY).where(wanted, DELIVERY.c.subscriber_id <= last)
    return connection.execute(here.values(gone)).rowcount, last


def unbind(store: Store, edition_id: int, deed: Deed) -> int:
    """Give an edition's articles back, so that they go into the next one; return how many."""

    def change(connection: Connection) -> int:
        freed = _unbind(connection, edition_id, deed.at)
        if freed:
            note(connection, edition_id, replace(deed, detail=f"articles: {freed}"))
        return freed

    return store.write(change).result()


def _unbind(connection: Connection, edition_id: int, now: dt.datetime) -> int:
    bound = PLACEMENT.c.edition_id == edition_id
    free = {
        "state": _unbound_state(connection, edition_id), "edition_id": None, "role": None, "shown_as": None,
        "shown_by": None, "at": now,
    }  # fmt: skip
    return connection.execute(update(PLACEMENT).where(bound).values(free)).rowcount


def _unbound_state(connection: Connection, edition_id: int) -> Any:
    """What an article is again: pinned if it was, unless an editor has pinned another one since."""
    newsletter = select(EDITION.c.newsletter_id).where(EDITION.c.id == edition_id).scalar_subquery()
    newer = (PLACEMENT.c.newsletter_id == newsletter) & (PLACEMENT.c.state == PlacementState.PINNED)
    if connection.execute(select(PLACEMENT.c.article_id).where(newer)).first() is not None:
        return PlacementState.WAITING
    return case((PLACEMENT.c.pinned, PlacementState.PINNED.value), else_=PlacementState.WAITING.value)


def take_back(store: Store, edition_id: int, deed: Deed) -> None:
    """Make a draft of an edition again: its articles wait once more, its letters and deliveries are gone.

    Only for one of which nothing has gone over the network, under the lock that says nobody is sending.
    """

    def change(connection: Connection) -> None:
        _unbind(connection, edition_id, deed.at)
        for table in (ATTEMPT, DELIVERY, LETTER):
            connection.execute(delete(table).where(table.c.edition_id == edition_id))
        draft = {
            "state": EditionState.DRAFT, "decided_at": deed.at, "reason": deed.detail, "frozen_at": None,
            "finished_at": None, "audience": 0, "rehearsal": False,
        }  # fmt: skip
        connection.execute(update(EDITION).where(EDITION.c.id == edition_id).values(draft))
        note(connection, edition_id, deed)

    store.write(change).result()


def try_again(
    store: Store,
    edition_id: int,
    expected: Sequence[EditionState],
    states: Sequence[DeliveryState],
    code: str | None,
    give_up_at: dt.datetime,
    deed: Deed,
) -> int | None:
    """Make what was put off, refused or given up due at once; return how many, None in no expected state any more.

    ``code`` narrows it to one reply: ``550``, or enhanced ``5.7.1``.  An edition that was done is sending again.
    """
    here = [DELIVERY.c.edition_id == edition_id, DELIVERY.c.state.in_(states)]
    if code is not None:
        here.append(DELIVERY.c.code == int(code) if code.isdecimal() else DELIVERY.c.enhanced == code)
    due = {"state": DeliveryState.DEFERRED, "next_at": deed.at, "done_at": None, "lease": None}

    def change(connection: Connection) -> int | None:
        state = connection.execute(select(EDITION.c.state).where(EDITION.c.id == edition_id)).scalar_one()
        if state not in expected:
            return None
        changed = connection.execute(update(DELIVERY).where(*here).values(due)).rowcount
        if changed:
            _go_on(connection, edition_id, give_up_at, deed.at)
            note(connection, edition_id, deed)
        return changed

    return store.write(change).result()


def _go_on(connection: Connection, edition_id: int, give_up_at: dt.datetime, now: dt.datetime) -> None:
    """Let an edition that was done be sent once more; one that is paused stays so."""
    here = EDITION.c.id == edition_id
    connection.execute(update(EDITION).where(here, EDITION.c.give_up_at < give_up_at).values(give_up_at=give_up_at))
    again = {"state": EditionState.SENDING, "decided_at": now, "finished_at": None}
    _change(connection, edition_id, [EditionState.SENT, EditionState.REHEARSED], again)


def claim_again(
    store: Store, edition_id: int, subscriber_id: int, letter_id: int, lease: int, give_up_at: dt.datetime, deed: Deed
) -> Claim:
    """Claim one reader's delivery for one more copy of the same letter, making it for a reader who joined later.

    ``letter_id`` is for who had none.  The audience grows with who joined later, so that the counts add up to it.
    """
    here = and_(DELIVERY.c.edition_id == edition_id, DELIVERY.c.subscriber_id == subscriber_id)
    fresh: dict[str, Any] = {"state": DeliveryState.PENDING, "closed": False, "done_at": None}
    letter = case((DELIVERY.c.state == DeliveryState.SKIPPED, letter_id), else_=DELIVERY.c.letter_id)

    def change(connection: Connection) -> Claim:
        if not connection.execute(update(DELIVERY).where(here).values(**fresh, letter_id=letter)).rowcount:
            known = {"edition_id": edition_id, "subscriber_id": subscriber_id, "letter_id": letter_id, "attempt": 0}
            connection.execute(insert(DELIVERY).values({**known, **fresh}))
            grown = {"audience": EDITION.c.audience + 1}
            connection.execute(update(EDITION).where(EDITION.c.id == edition_id).values(grown))
        _go_on(connection, edition_id, give_up_at, deed.at)
        note(connection, edition_id, deed)
        (claim,) = take(connection, claimable().where(here), lease)
        return claim

    return store.write(change).result()


def _change(
    connection: Connection, edition_id: int, expected: Sequence[EditionState], values: Mapping[str, Any]
) -> bool:
    here = and_(EDITION.c.id == edition_id, EDITION.c.state.in_(list(expected)))
    return bool(connection.execute(update(EDITION).where(here).values(values)).rowcount)


def note(connection: Connection, edition_id: int, deed: Deed) -> None:
    """Add a line to an edition's history."""
    line = {"edition_id": edition_id, "verb": deed.verb, "by": deed.by, "at": deed.at, "detail": deed.detail}
    connection.execute(insert(EDITION_CHANGE), line)


def note_to(store: Store, edition_id: int, deed: Deed) -> None:
    """Add a line to an edition's history, by itself."""
    store.write(lambda c: note(c, edition_id, deed)).result()
