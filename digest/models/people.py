"""Subscribers, their consent, and who must never be mailed."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from digest.models.columns import words


class Subscriber(SQLModel, table=True):
    """A person by address. Numbers are never used again: old links must go on meaning the same person."""

    id: int | None = Field(default=None, primary_key=True)
    hash: bytes | None = Field(default=None, max_length=16, unique=True)  #: of the address's key, see people/addresses
    address: str = Field(default="", max_length=320)  #: as it was given; mail goes to this spelling
    name: str = Field(default="", max_length=500)
    language: str | None = Field(default=None, max_length=35)
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  #: other columns of the list's file
    created_at: dt.datetime
    erased_at: dt.datetime | None = None

    __table_args__ = {"sqlite_autoincrement": True}


class SubscriptionState(enum.StrEnum):
    """Where a person stands with a list."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"  #: the reader left
    REMOVED = "removed"  #: an editor or the list's file took them off


class Origin(enum.StrEnum):
    """Where a subscription came from; a list's file governs only its own."""

    EDITOR = "editor"
    IMPORT = "import"
    FILE = "file"
    FORM = "form"
    LINK = "link"  #: the reader's own click on a letter's link


class Subscription(SQLModel, table=True):
    """Subscriber x list."""

    list_id: int = Field(foreign_key="mailing_list.id", primary_key=True)
    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True)
    state: SubscriptionState = Field(sa_type=words(SubscriptionState))
    origin: Origin = Field(sa_type=words(Origin))
    at: dt.datetime  #: since when it is so
    sections: str | None = None  #: what the reader chose, as in models/sections.py; None: all of them

    # Of part of the rows on PostgreSQL too, by the migrations: to say so here loads its dialect at every start.
    __table_args__ = (
        Index("ix_subscription_choosing", "list_id", sqlite_where=text("sections IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )


class Import(SQLModel, table=True):
    """One run of an import: its changes carry its number."""

    id: int | None = Field(default=None, primary_key=True)
    file: str
    at: dt.datetime
    by: str = Field(default="", max_length=200)


class ConsentChange(SQLModel, table=True):
    """One line of a subscription's history, with who vouches for it."""

    __tablename__ = "consent_change"

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(foreign_key="subscriber.id", index=True)
    list_id: int = Field(foreign_key="mailing_list.id")
    state: SubscriptionState = Field(sa_type=words(SubscriptionState))
    origin: Origin = Field(sa_type=words(Origin))
    at: dt.datetime
    by: str = Field(default="", max_length=200)
    reason: str = ""  #: the proof of consent, or why it ended
    import_id: int | None = Field(default=None, foreign_key="import.id")


class Stop(SQLModel, table=True):
    """A reader who left a newsletter: they get it on no list, until they ask for it again."""

    newsletter_id: int = Field(foreign_key="newsletter.id", primary_key=True)
    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True)
    at: dt.datetime

    __table_args__ = {"sqlite_with_rowid": False}


class SuppressionReason(enum.StrEnum):
    """Why an address must not be mailed."""

    EDITOR = "editor"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    ERASED = "erased"  #: was forgotten on request; no file brings them back


class Suppression(SQLModel, table=True):
    """A standing stop on an address over all lists; a keyed hash, so that it outlives the address's erasure."""

    hash: bytes = Field(max_length=16, primary_key=True)
    reason: SuppressionReason = Field(sa_type=words(SuppressionReason))
    detail: str = ""
    by: str = Field(default="", max_length=200)
    at: dt.datetime
