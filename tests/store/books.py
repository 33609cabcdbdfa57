"""The two writes of a mail one at a time, as a send makes them for many."""

import datetime as dt
from concurrent.futures import Future

from digest.models import Edition
from digest.store import Store
from digest.store.ledger import Claim, Entry, Mark
from digest.store.marks import Asked, Marks, ToMark, ToRecord


class Ledger:
    """Marks and records of an edition by one relay."""

    def __init__(self, store: Store, edition: Edition, relay_id: int) -> None:
        self._store, self._relay_id, self._marks = store, relay_id, Marks(edition)

    def mark_sending(self, claim: Claim, now: dt.datetime) -> "Future[Mark | None]":
        """Mark a delivery ``sending``."""
        return self._write(ToMark(claim, self._relay_id, now))

    def record(self, claim: Claim, entry: Entry) -> "Future[Mark | None]":
        """Write what came of an attempt."""
        return self._write(ToRecord(claim, entry))

    def _write(self, asked: Asked) -> "Future[Mark | None]":
        return self._store.write(lambda connection: self._marks.write(connection, [asked])[0])
