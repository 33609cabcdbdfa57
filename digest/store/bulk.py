"""Many rows at once: by the driver, with values as they are stored.

Going through SQLAlchemy for each slice costs twice what SQLite does with it: it writes a list of a thousand values into
the statement anew, and turns every value of every row (docs/benchmarks.md).
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, FromClause, func

from digest.store.prepared import DIALECT, Prepared, given


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


def as_list(numbers: Sequence[int]) -> str:
    """Return numbers as one value of a statement, however many there are."""
    return f"[{','.join(map(str, numbers))}]"


def listed(place: int) -> FromClause:
    """Return the numbers that ``as_list`` gives in a place of a statement, as a table with a column ``value``."""
    return func.json_each(given(place)).table_valued("value")
