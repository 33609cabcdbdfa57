"""Whether anybody has changed the store, for whoever waits for that."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from digest.errors import StoreError
from digest.store.engine import as_store_error
from digest.store.store import Store


@contextmanager
def watched(store: Store) -> Iterator[Callable[[], object]]:
    """Yield a function whose answer is another one once something was committed, in whatever process; StoreError.

    It costs a look at the log's index. A work that changed nothing counts for nothing, and so does reading.
    """
    try:
        # A connection of its own, kept: SQLite's number compares with what this very connection saw before.
        with closing(sqlite3.connect(f"file:{quote(str(store.path))}?mode=ro", uri=True)) as connection:

            def state() -> object:
                found = _stat(store.path)  # another file may have been put in its place
                return found.st_dev, found.st_ino, connection.execute("PRAGMA data_version").fetchone()[0]

            yield state
    except sqlite3.Error as error:
        raise as_store_error(error, store.path) from error


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise StoreError(f"the store {path} is gone: {error.strerror}") from error
