"""Notices: mail to one person about our work or their subscription, written down with its cause."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from digest.models.columns import words


class NoticeKind(enum.StrEnum):
    """What a notice is about; each has its template."""

    FAILED = "failed"  #: a send could not go out
    HELD = "held"  #: an edition was stopped by preflight or lateness
    DEFERRED = "deferred"  #: mail is still put off when half of its time is over
    MISSING = "missing"  #: a scheduled edition is neither out nor empty when it was expected
    SOURCES = "sources"  #: sources have failed for a day, or have ended


class NoticeState(enum.StrEnum):
    """What has become of a notice."""

    WAITING = "waiting"
    SENDING = "sending"  #: claimed until ``next_at``; whoever died with it, another takes it up then
    SENT = "sent"
    FAILED = "failed"  #: refused for good, or tried for too long


class Notice(SQLModel, table=True):
    """One notice to one person. ``facts`` fill its template when it is sent, in the newsletter's language."""

    id: int | None = Field(default=None, primary_key=True)
    kind: NoticeKind = Field(sa_type=words(NoticeKind))
    key: str = Field(max_length=200)  #: what it is about: nobody is told the same thing twice
    address: str = Field(max_length=320)
    newsletter: str = Field(max_length=100)  #: by whose sender, and in whose language
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    made_at: dt.datetime
    state: NoticeState = Field(default=NoticeState.WAITING, sa_type=words(NoticeState))
    attempt: int = 0  #: the fencing token, as in the ledger
    next_at: dt.datetime
    done_at: dt.datetime | None = None
    code: int | None = None
    text: str = Field(default="", max_length=500)  #: the relay's words, where it did not take it

    __table_args__ = (
        UniqueConstraint("key", "address"),
        Index(
            "ix_notice_open",
            "next_at",
            sqlite_where=sql("state IN ('waiting', 'sending')"),
        ),
        {"sqlite_autoincrement": True},  # its number stands in its Message-ID
    )
