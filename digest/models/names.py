"""Numbers for names: what digest.toml calls things gets a row when first used, and nothing else of it is stored."""

import datetime as dt

from sqlmodel import Field, SQLModel


class Named(SQLModel):
    """A number and the name it was first used under, which is kept for ever (List-Id carries it)."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=100)  #: the name today
    first_name: str = Field(unique=True, max_length=100)  #: the name it began with
    created_at: dt.datetime


class Newsletter(Named, table=True):
    """A newsletter's number, and the List-Id it first went out with (RFC 2919: stable for ever)."""

    list_id: str | None = Field(default=None, max_length=255)


class Source(Named, table=True):
    """A source's number."""


class MailingList(Named, table=True):
    """A list's number."""

    __tablename__ = "mailing_list"

    synced_at: dt.datetime | None = None  #: when its file was last brought in


class RelayName(SQLModel, table=True):
    """A relay's number: ledger rows say by it who took a mail. What has been learned of it is for tomorrow."""

    __tablename__ = "relay"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=300)
    per_connection: int | None = None  #: mails it has been seen to take on one connection before it ends it
    pace: float | None = None  #: mails a second it has been seen to bear; empty until it first put one off
    learned_at: dt.datetime | None = None  #: when one of these was learned
