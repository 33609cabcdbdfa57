"""Statements of the hot path: made by SQLAlchemy once, run by the driver.

Three of them run for every mail of a send. Going through SQLAlchemy each time costs thirty times what SQLite does
with them, and a value that is given by name twice what one in its place does (docs/benchmarks.md).
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, literal_column
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase

DIALECT = sqlite.dialect()


def given(place: int) -> ColumnElement[Any]:
    """Return what stands in a statement for the value that is given in a place, from 1 on, as it is stored."""
    return literal_column(f"?{place}")


class Prepared:
    """One statement as text; the values that never change are in it."""

    def __init__(self, statement: UpdateBase | Select[Any]) -> None:
        self._sql = str(statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))

    def run(self, driver: Any, *values: object) -> int:
        """Run it and return how many rows it changed; what is wrong comes out as the driver's own error."""
        return int(driver.execute(self._sql, values).rowcount)

    def rows(self, driver: Any, *values: object) -> list[tuple[Any, ...]]:
        """Run it and return what it finds, as it is stored."""
        found: list[tuple[Any, ...]] = driver.execute(self._sql, values).fetchall()
        return found
