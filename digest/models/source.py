"""Sources: how each is doing, what of it has been read, and the book of what it brought."""

import datetime as dt

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class SourceState(SQLModel, table=True):
    """How a source is doing; what it is stands in digest.toml."""

    __tablename__ = "source_state"

    source_id: int = Field(foreign_key="source.id", primary_key=True, ondelete="CASCADE")
    joined_at: dt.datetime | None = None  #: when its first articles were all placed; until then it is new
    # What the last whole reading was of: asked again, only what differs is read.
    settings: str = Field(default="", max_length=64)  #: a hash of its settings and our version
    url: str | None = Field(default=None, max_length=2000)  #: what tags and hash belong to
    etag: str | None = Field(default=None, max_length=1000)
    modified: str | None = Field(default=None, max_length=200)  #: Last-Modified, in the server's own words
    body: str | None = Field(default=None, max_length=64)  #: a hash of the bytes
    # Where it is now.
    url_now: str | None = Field(default=None, max_length=2000)  #: where it has moved for good
    moved_to: str | None = Field(default=None, max_length=2000)  #: where a permanent redirect leads
    moved_count: int = 0  #: how many times in a row it has
    feed: str | None = Field(default=None, max_length=2000)  #: the feed that its page announces
    # Health.
    last_try: dt.datetime | None = None
    last_ok: dt.datetime | None = None
    last_error: str = Field(default="", max_length=500)  #: of the last try; empty when it went well
    failures: int = 0  #: in a row
    failing_since: dt.datetime | None = None
    told_at: dt.datetime | None = None  #: when the editors were told that it fails, or has ended
    next_try: dt.datetime | None = None  #: not before
    found: int = 0  #: items, when it was last read
    paused_at: dt.datetime | None = None
    paused_by: str = Field(default="", max_length=200)
    ended_at: dt.datetime | None = None  #: it has said that it is gone (410)


class SourceMark(SQLModel, table=True):
    """A file or mail of a source that has been read, and its state then."""

    __tablename__ = "source_mark"

    source_id: int = Field(foreign_key="source.id", primary_key=True, ondelete="CASCADE")
    name: str = Field(primary_key=True, max_length=1000)
    mark: str = Field(default="", max_length=100)  #: size and time of change; of a mail nothing, it never changes


class Collected(SQLModel, table=True):
    """A line of the book: what one collect brought from one source; ``found`` is the sum of the four after it."""

    id: int | None = Field(default=None, primary_key=True)
    source_id: int | None = Field(default=None, foreign_key="source.id", index=True)  #: none: by hand, without a source
    at: dt.datetime
    found: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    doubled: int = 0  #: of the unchanged: what was another source's already, or stood there twice
    reasons: int = 0  #: of the refused: how many were remembered (``Refusal``), less those since forgotten
    placed: int = 0  #: in how many newsletters its articles were placed, together


class Refusal(SQLModel, table=True):
    """An item that is no article, and why; once, however often it is found."""

    id: int | None = Field(default=None, primary_key=True)
    source_id: int | None = Field(default=None, foreign_key="source.id")
    key: str = Field(max_length=64)  #: a hash of where it stood and why
    place: str = Field(default="", max_length=500)
    reason: str = Field(max_length=500)
    first_at: dt.datetime
    last_at: dt.datetime

    __table_args__ = (
        UniqueConstraint("source_id", "key"),
        Index("ix_refusal_last_at", "last_at"),
    )
