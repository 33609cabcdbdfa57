"""A store's content in a file of its own: as of one moment, while others write, and nothing that has been erased."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from digest.errors import StoreError
from digest.store.engine import as_store_error

STEPS = 100_000  #: of SQLite's machine, after which a signal is heard


@dataclass(frozen=True)
class Contents:
    """What a copy of a store holds: whose it is, and its rows by table."""

    version: str
    uid: str
    key: str | None
    rows: dict[str, int]


def take(path: Path, to: Path) -> Contents:
    """Write what lives in a store to an empty file, read it through, and return what it holds; StoreError."""
    # VACUUM INTO writes every living row anew: a plain copy of the file would carry deleted ones in its free pages.
    with _reading(path) as store:
        try:
            store.execute("VACUUM INTO ?", (str(to),))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise StoreError(
                    f"{path.name} cannot be copied to {to} ({error}); look at the disk's room; nothing was left behind"
                ) from error
            raise
    return contents(to)


def contents(path: Path) -> Contents:
    """Read a copy of a store through and return what it holds; StoreError when it is damaged or none of ours."""
    with _reading(path) as store:
        verdict = store.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StoreError(f"the copy of the store is damaged ({' '.join(verdict.split())})")
        names = [str(name) for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if not {"alembic_version", "installation"} <= set(names):
            raise StoreError(f"{path.name} is not a store of digest")
        who = store.execute("SELECT version_num, uid, key FROM alembic_version, installation").fetchone()
        if who is None:
            raise StoreError(f"{path.name} is a store of digest without its first row")
        rows = {name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608
        return Contents(str(who[0]), str(who[1]), who[2], rows)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.set_progress_handler(lambda: None, STEPS)  # Python hears signals when it is called
            yield connection
    except sqlite3.Error as error:
        # What was raised by a signal does not come through SQLite; nobody else interrupts us.
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise as_store_error(error, path) from error
