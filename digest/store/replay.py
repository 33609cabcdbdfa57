"""Outcomes that the store could not take when they came in, written into the ledger after all."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, insert, update

from digest.models import OPEN_STATES, DeliveryState
from digest.store.ledger import Entry, attempt_row
from digest.store.store import Store
from digest.store.tables import ATTEMPT, DELIVERY


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of one attempt at a delivery."""

    edition_id: int
    subscriber_id: int
    attempt: int
    entry: Entry


def replay(store: Store, kept: Sequence[Kept]) -> int:
    """Write outcomes in one commit; return how many.

    Only under the lock of sending, and before what was marked is taken for doubtful.  A delivery that has been claimed
    anew since, or is settled, stays as it is: the attempt's number tells.
    """
    return store.write(lambda connection: sum(_write(connection, one) for one in kept)).result()


def _write(connection: Connection, kept: Kept) -> bool:
    entry = kept.entry
    ours = and_(
        DELIVERY.c.edition_id == kept.edition_id,
        DELIVERY.c.subscriber_id == kept.subscriber_id,
        DELIVERY.c.attempt == kept.attempt,
        DELIVERY.c.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]),
    )
    values = {
        "state": entry.state, "lease": None, "next_at": entry.next_at, "closed": entry.closed,
        "relay_id": entry.relay_id, "code": entry.code, "enhanced": entry.enhanced,
        "done_at": None if entry.state in OPEN_STATES else entry.at,
    }  # fmt: skip
    written = connection.execute(update(DELIVERY).where(ours).values(values)).rowcount > 0
    if written and entry.words is not None:
        row = attempt_row(kept.edition_id, kept.subscriber_id, kept.attempt, entry)
        connection.execute(insert(ATTEMPT), row)
    return written
