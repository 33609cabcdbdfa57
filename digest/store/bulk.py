"""Many rows at once: by the driver, with values as they are stored.

Going through SQLAlchemy for each slice costs twice what SQLite does with it: it writes a list of a thousand values into
the statement anew, and turns every value of every row (docs/benchmarks.md).
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, FromClause, func, literal

from digest.store.prepared import DIALECT, Prepared


class Bulk(Prepared):
    """A statement that is run for many rows of values."""

    def each(self, driver: Any, rows: Sequence[tuple[object, ...]]) -> None:
        """Run it for each of these rows."""
        if rows:
            driver.executemany(self._sql, rows)


def stored(column: Column[Any], value: object) -> Any:
    """Return a value as a column stores it."""
    turn: Callable[[object], Any] | None = column.type.dialect_impl(DIALECT).bind_processor(DIALECT)
    return turn(value) if turn else value


def listed(numbers: Sequence[int]) -> FromClause:
    """Return numbers as a table with a column ``value``: one value of a statement, however many there are."""
    return func.json_each(literal(f"[{','.join(map(str, numbers))}]")).table_valued("value")
