"""The ledger: one row for each reader of each edition, written before the first mail."""

import datetime as dt
import enum

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from digest.models.columns import Code, Instant


class DeliveryState(enum.IntEnum):
    """What has become of one reader's letter. The numbers are stored and never change their meaning."""

    PENDING = 1
    SENDING = 2  #: durable before the final dot may go out
    SENT = 3  #: the relay said 2yz, no more
    DEFERRED = 4
    FAILED = 5  #: refused for good, about this mailbox
    IN_DOUBT = 6  #: the dot may have gone out, the reply is not known
    WITHDRAWN = 7  #: left, erased or suppressed after the freeze
    SKIPPED = 8  #: nothing in it for this reader
    CANCELLED = 9
    EXPIRED = 10  #: deferred until it was too late

    @property
    def word(self) -> str:
        """The state as commands and JSON name it."""
        return self.name.lower()


#: Work is left while a delivery is in one of these; one in doubt is open until it is closed.
OPEN_STATES = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DEFERRED)


class Delivery(SQLModel, table=True):
    """Edition x reader. Message-ID, return path and links are functions of its two numbers, never stored."""

    edition_id: int = Field(foreign_key="edition.id", primary_key=True)
    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True)
    letter_id: int = Field(foreign_key="letter.id")
    state: DeliveryState = Field(sa_type=Code(DeliveryState))
    attempt: int = 0  #: the fencing token: every write of an attempt names its number
    closed: bool = False  #: in doubt, and neither sent again nor waiting for it
    lease: int | None = None  #: who has claimed it; also while it is sending
    next_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    relay_id: int | None = None
    code: int | None = None
    enhanced: str | None = Field(default=None, max_length=12)
    done_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    address: str | None = Field(default=None, max_length=320)  #: what was mailed, where the reader has changed it since
    name: str | None = Field(default=None, max_length=500)

    # Of part of the rows on PostgreSQL too, by the migrations: to say so here loads its dialect at every start.
    __table_args__ = (
        Index(
            "ix_delivery_waiting",
            "edition_id",
            "next_at",
            sqlite_where=text("state IN (4, 6)"),
        ),
        Index(
            "ix_delivery_claimed",
            "edition_id",
            "lease",
            sqlite_where=text("lease IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )


class Attempt(SQLModel, table=True):
    """One try that was not a plain 2yz, with the relay's own words."""

    edition_id: int = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    at: dt.datetime
    relay_id: int | None = Field(default=None, foreign_key="relay.id")
    phase: str = Field(max_length=12)
    code: int | None = None
    enhanced: str | None = Field(default=None, max_length=12)
    text: str = Field(default="", max_length=500)


class Lease(SQLModel, table=True):
    """One process that claims deliveries; its rows are free again when it is gone.

    Whether it lives says the lock on a file (store/lock.py), which a stopped process keeps and a dead one does not.
    ``until`` is for owners that no lock of this machine shows; on SQLite there are none, and nobody reads it.
    """

    id: int | None = Field(default=None, primary_key=True)
    host: str = Field(max_length=255)
    process: int
    started_at: dt.datetime
    until: dt.datetime
    ended_at: dt.datetime | None = None
