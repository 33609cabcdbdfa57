"""How values are stored: names of constraints, enums as their words, the ledger's states and instants as integers."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy import Enum as SAEnum
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

# Set before the first table is declared: a constraint without a name cannot be changed by a migration.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MILLISECOND = dt.timedelta(milliseconds=1)


def words(of: type[enum.Enum]) -> SAEnum:
    """Return a column type that stores an enum's values as text, on every database the same.

    SQLAlchemy's own default stores the members' names and makes a native type on PostgreSQL, which cannot grow
    inside a transaction.  A word that is none of them is refused before it is stored, where nobody could read it.
    """
    values = [member.value for member in of]
    return SAEnum(of, native_enum=False, length=24, values_callable=lambda _: values, validate_strings=True)


class Code(TypeDecorator[enum.IntEnum]):
    """An ``IntEnum`` as a small integer: one byte a row in a ledger of millions."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, of: type[enum.IntEnum]) -> None:
        super().__init__()
        self.of = of

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else int(self.of(value))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Any:
        return None if value is None else self.of(value)


def milliseconds(value: dt.datetime) -> int:
    """Return an aware datetime as milliseconds since 1970; ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {value.isoformat()}")
    return (value - EPOCH) // MILLISECOND


class Instant(TypeDecorator[dt.datetime]):
    """An aware datetime as milliseconds since 1970: a quarter of the bytes of a date written out."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else EPOCH + value * MILLISECOND
