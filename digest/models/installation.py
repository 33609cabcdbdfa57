"""The one row that says which store this is."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel


class Installation(SQLModel, table=True):
    """Which store this is: its identity, the pepper of its suppressions, and the key it is signed with."""

    id: int = Field(default=1, primary_key=True)
    uid: str = Field(max_length=32)  #: random, goes into every token; a copied store keeps it
    pepper: str = Field(max_length=64)  #: hex; keys the hashes of addresses, never rotated
    key: str | None = Field(default=None, max_length=16)  #: fingerprint of the newest secret key used with it
    created_at: dt.datetime
    home: dict[str, Any] | None = Field(default=None, sa_type=JSON)  #: where it is at work, see store/home.py
