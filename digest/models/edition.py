"""Editions and the letters made of them."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from digest.models.columns import words


class EditionState(enum.StrEnum):
    """How far an edition has come."""

    DRAFT = "draft"
    EMPTY = "empty"  #: nothing new: decided, binds nothing
    HELD = "held"  #: stopped by preflight, lateness or an editor; binds nothing
    FROZEN = "frozen"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    REHEARSED = "rehearsed"  #: written to the outbox; nobody was mailed
    CANCELLED = "cancelled"


class Edition(SQLModel, table=True):
    """One newsletter's digest for one date: what is rendered, sent and archived.

    Everything that going on with a send needs is here and in its letters, so that it needs no digest.toml.
    """

    id: int | None = Field(default=None, primary_key=True)
    newsletter_id: int = Field(foreign_key="newsletter.id")
    date: dt.date
    number: int = 1  #: 2 and on for extra editions of the date
    state: EditionState = Field(default=EditionState.DRAFT, sa_type=words(EditionState))
    reason: str = ""  #: why it is empty or held
    decided_at: dt.datetime  #: when it came into its state
    frozen_at: dt.datetime | None = None  #: from here on neither articles nor readers change
    finished_at: dt.datetime | None = None  #: nothing open any more
    rehearsal: bool = False  #: frozen for the outbox
    list_ids: list[int] = Field(default_factory=list, sa_type=JSON)  #: whose readers it is for
    audience: int = 0  #: readers at the freeze
    sender: str = Field(default="", max_length=320)  #: envelope sender
    bounce_address: str | None = Field(default=None, max_length=320)  #: return paths are made under it
    key: str = Field(default="", max_length=16)  #: fingerprint of the secret key its tokens are signed with
    dkim: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)  #: keys that sign it: letter/keys.py
    give_up_at: dt.datetime | None = None  #: deferred mail is tried until then

    # Its number stands in links for ever, so none is used again.
    __table_args__ = (UniqueConstraint("newsletter_id", "date", "number"), {"sqlite_autoincrement": True})


class EditionChange(SQLModel, table=True):
    """One line of an edition's history: what a person did to it, for whoever takes over."""

    __tablename__ = "edition_change"

    id: int | None = Field(default=None, primary_key=True)
    edition_id: int = Field(foreign_key="edition.id", index=True, ondelete="CASCADE")
    verb: str = Field(max_length=24)  #: paused, resumed, cancelled, revised ...
    at: dt.datetime
    by: str = Field(default="", max_length=200)
    detail: str = ""


class Letter(SQLModel, table=True):
    """An edition for one variant, finished; ``mail`` has slots, see ``digest/letter/stamp.py``."""

    id: int | None = Field(default=None, primary_key=True)
    edition_id: int = Field(foreign_key="edition.id", index=True, ondelete="CASCADE")
    version: int = 1  #: 2 and on when it was revised; who had the earlier one keeps it
    made_at: dt.datetime | None = None
    language: str = Field(max_length=35)
    #: Numbers of those of the edition's articles that its readers' sections leave; None: all.
    articles: list[int] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    subject: str
    html: str  #: with slots at their defaults: the public form
    text: str  #: likewise
    mail: bytes
    #: The HTML with all that the mail only counts as "N more on the web", with slots; empty when it counts nothing.
    page: str = ""
    costs: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  #: octets of its HTML, see letter/budget.py
