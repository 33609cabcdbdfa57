"""The two writes of every mail: the durable mark before its dot, and what came of it; for many mails in one work."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, insert, or_, select, update

from digest.models import OPEN_STATES, DeliveryState, Edition
from digest.models.columns import milliseconds
from digest.store.audience import receives
from digest.store.engine import driver_of
from digest.store.ledger import CLAIMED, Claim, Entry, Mark, attempt_row
from digest.store.prepared import Prepared, given
from digest.store.tables import ATTEMPT, DELIVERY, SUBSCRIBER


class ToMark(NamedTuple):
    """A mail whose dot waits for its mark."""

    claim: Claim
    relay_id: int
    at: dt.datetime


class ToRecord(NamedTuple):
    """A mail that something has come of."""

    claim: Claim
    entry: Entry


Asked = ToMark | ToRecord


class Marks:
    """An edition's two writes, prepared once.

    A row at a time, for each must say by itself whether it was written, and on the driver's own connection: a row
    costs 5 us of a processor that way, in place of 70 by SQLAlchemy (docs/benchmarks.md).
    """

    def __init__(self, edition: Edition) -> None:
        s, n, by = given(1), given(2), given(3)  # reader, attempt and relay: the first of all three
        ours = and_(
            DELIVERY.c.edition_id == edition.id, DELIVERY.c.subscriber_id == s, DELIVERY.c.attempt == n
        )  # fmt: skip
        may_be_mailed = receives(edition.newsletter_id, edition.list_ids)
        reader = select(SUBSCRIBER.c.id).where(SUBSCRIBER.c.id == s, may_be_mailed).exists()
        # What was given back has no lease: a mark that comes late must not take it up again.
        claimed = and_(DELIVERY.c.state == DeliveryState.PENDING, CLAIMED)
        held = or_(claimed, DELIVERY.c.state == DeliveryState.SENDING)
        marked: dict[str, Any] = {"state": DeliveryState.SENDING, "relay_id": by}
        withdrawn: dict[str, Any] = {"state": DeliveryState.WITHDRAWN, "lease": None, "done_at": given(3)}
        recorded: dict[str, Any] = {
            "state": given(4), "lease": None, "next_at": given(5), "closed": given(6), "relay_id": by,
            "code": given(7), "enhanced": given(8), "done_at": given(9),
        }  # fmt: skip
        self._mark = Prepared(update(DELIVERY).where(ours, claimed, reader).values(marked))
        self._withdraw = Prepared(update(DELIVERY).where(ours, claimed).values(withdrawn))
        self._record = Prepared(update(DELIVERY).where(ours, held).values(recorded))

    def write(self, connection: Connection, asked: Iterable[Asked]) -> list[Mark | None]:
        """Write all of it in the order in which it was asked; return what each mark says, None for a record.

        A mark looks once more whether its reader may be mailed. What somebody else has taken over stays as it is.
        """
        driver, said = driver_of(connection), list[Mark | None]()
        for one in asked:
            if isinstance(one, ToMark):
                said.append(self._to_mark(driver, one))
            else:
                self._to_record(connection, driver, one)
                said.append(None)
        return said

    def _to_mark(self, driver: Any, asked: ToMark) -> Mark:
        claim, relay_id, at = asked
        if self._mark.run(driver, claim.subscriber_id, claim.attempt, relay_id):
            return Mark.GO
        gone = self._withdraw.run(driver, claim.subscriber_id, claim.attempt, milliseconds(at))
        return Mark.WITHDRAWN if gone else Mark.FENCED

    def _to_record(self, connection: Connection, driver: Any, asked: ToRecord) -> None:
        claim, entry = asked
        done_at = None if entry.state in OPEN_STATES else milliseconds(entry.at)
        next_at = None if entry.next_at is None else milliseconds(entry.next_at)
        written = self._record.run(
            driver, claim.subscriber_id, claim.attempt, entry.relay_id, int(entry.state), next_at, entry.closed,
            entry.code, entry.enhanced, done_at,
        )  # fmt: skip
        if written and entry.words is not None:
            row = attempt_row(claim.edition_id, claim.subscriber_id, claim.attempt, entry)
            connection.execute(insert(ATTEMPT), row)
