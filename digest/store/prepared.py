"""Statements of the hot path: made by SQLAlchemy once, run by the driver.

Two statements run for every mail of a send. Going through SQLAlchemy each time costs thirty times what SQLite does
with them (docs/benchmarks.md); values are given as they are stored.
"""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase

DIALECT = sqlite.dialect(paramstyle="named")


class Prepared:
    """One statement as text, with the values that never change."""

    def __init__(self, statement: UpdateBase) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self._sql = str(compiled)
        self._fixed = dict(compiled.params)

    def run(self, connection: Connection, **values: object) -> int:
        """Run it with the values of its parameters, as they are stored, and return how many rows it changed."""
        cursor: Any = connection.exec_driver_sql(self._sql, {**self._fixed, **values})
        return int(cursor.rowcount)
