"""Somebody else's database: one SELECT, read and never written."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from digest.errors import DigestError

SECONDS = 20
MOST = 10_000  #: rows
STEPS = 10_000  #: of SQLite's machine between two looks at the clock
#: How each kind of database is told that we only read, and for how long.
PROMISES: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("PRAGMA query_only = ON",),
    "postgresql": ("SET TRANSACTION READ ONLY", f"SET LOCAL statement_timeout = {SECONDS * 1000}"),
    "mysql": ("SET TRANSACTION READ ONLY", f"SET SESSION max_execution_time = {SECONDS * 1000}"),
    "mariadb": ("SET TRANSACTION READ ONLY", f"SET SESSION max_statement_time = {SECONDS}"),
}


class ForeignError(DigestError):
    """A database of somebody else's that does not give what was asked for."""


def select_rows(url: str, query: str) -> list[tuple[tuple[str, Any], ...]]:
    """Return the rows of a SELECT, each as column names with values; ForeignError in words without the password.

    The transaction is read-only where the database knows such, and is rolled back in any case.
    """
    if not re.match(r"\s*(SELECT|WITH)\b", query, re.IGNORECASE):
        raise ForeignError("query must be one SELECT")
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            for promise in PROMISES.get(engine.dialect.name, ()):
                connection.exec_driver_sql(promise)
            rows = list(_rows(connection, query))
            connection.rollback()
            return rows
    except (SQLAlchemyError, OSError) as error:
        words = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
        raise ForeignError(f"the database says: {words}") from error
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            # Not made when it is missing, and not written.
            parsed = parsed.set(database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"})
        # A literal colon in the query is no parameter of ours.
        engine = create_engine(parsed, poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ForeignError(
            "database is no address of one; write sqlite:///cms.db or postgresql://user@host/db"
        ) from None
    except ImportError as error:
        raise ForeignError(f"the driver for this database is not installed: {error.name}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _limited)
    return engine


def _limited(connection: Any, _: object) -> None:
    ends = time.monotonic() + SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)


def _rows(connection: Connection, query: str) -> Iterator[tuple[tuple[str, Any], ...]]:
    asked = text(query.replace(":", "\\:")).execution_options(stream_results=True)
    found = connection.execute(asked)
    names = list(found.keys())
    for n, row in enumerate(found):
        if n == MOST:
            raise ForeignError(f"the query brings more than {MOST:,} rows; let it ask for the newest only")
        yield tuple(zip(names, row, strict=True))
