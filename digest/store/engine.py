"""Engines on SQLite: how a connection is set up, and how its transactions begin."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from digest.errors import ConfigError, StoreError

READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
#: Milliseconds. Readers never wait in WAL but while another process opens or closes the file; a migration waits for the
#: end of its writing. The writer does with none: it waits by itself, and shorter (writer.py).
PATIENCE = 5000
#: What a statement can end in: by SQLAlchemy, or by the driver itself.
DRIVER_ERRORS = (DBAPIError, sqlite3.Error)
LOOK = "look at its permissions and its folder's"


def locate(url: str, folder: Path) -> Path:
    """Return the file that a database URL names, relative to the project's folder; ConfigError for another kind."""
    try:
        parsed: URL = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number, and it repeats it
        raise ConfigError("DIGEST_DATABASE_URL is no database URL; write sqlite:///digest.db") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ConfigError(
            f"DIGEST_DATABASE_URL names a {parsed.get_backend_name()} store; so far it can be a file of SQLite: "
            "sqlite:///digest.db"
        )
    return folder / parsed.database


def make_engine(path: Path, begins: str, *, foreign_keys: bool = True, patience: int = PATIENCE) -> Engine:
    """Return an engine whose transactions start with ``begins``, and wait that many milliseconds for a lock.

    WRITE takes the write lock at once: a transaction that reads first and writes later would fail with "database is
    locked" whenever somebody commits in between, and no waiting helps it.
    """
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    # Who only reads leaves the file as it is: it may turn out to be somebody else's.
    # What is deleted is overwritten: somebody who asked to be forgotten must not be left in a free page.
    keeping = ("journal_mode=WAL", "secure_delete=ON") if begins == WRITE else ()

    def set_up(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in (
            f"busy_timeout={PATIENCE}",  # another process may be closing the file just now
            *keeping,
            "synchronous=FULL",  # a commit that was answered survives the power cut
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
            f"busy_timeout={patience}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def start(connection: Connection) -> None:
        if not driver_of(connection).in_transaction:  # the writer begins by itself
            connection.exec_driver_sql(begins)

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", start)
    return engine


def begin(connection: Connection) -> None:
    """Begin to write; raises the driver's own error.

    By the driver, for SQLAlchemy takes as long for a statement as a mail's mark takes. Then it is told, since it rolls
    back after an error where it knows of no transaction, and others' works with it.
    """
    driver_of(connection).execute(WRITE)
    connection.begin()


def driver_of(connection: Connection) -> Any:
    """Return the driver's connection, which is in the same transaction."""
    return connection.connection.driver_connection


def is_locked(error: BaseException) -> bool:
    """Return whether an error says that another process holds the store."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", 0) or 0
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def as_store_error(error: DBAPIError | sqlite3.Error, path: Path) -> StoreError:
    """Return a driver's error as one line of ours."""
    original = error.orig if isinstance(error, DBAPIError) else error
    words, kind = str(original), (getattr(original, "sqlite_errorcode", 0) or 0) & 0xFF
    match kind:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"the store {path} is locked by another program; close it there and run this again")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, words)
        case sqlite3.SQLITE_READONLY:
            return StoreError(f"the store {path} cannot be written ({words}); {LOOK}")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(f"the store {path} cannot be opened ({words}); {LOOK}")
        case sqlite3.SQLITE_FULL:
            return StoreError(f"the store {path}: {words}; make room there and run this again")
        case sqlite3.SQLITE_IOERR:
            return StoreError(f"the store {path}: {words}; look at the disk (dmesg, df) and run: digest db check")
    return StoreError(f"the store {path}: {words}")


def damaged(path: Path, words: str) -> StoreError:
    """Return the error that a store cannot be trusted, and what to do."""
    return StoreError(
        f"{path} is not a store or is damaged ({words}); restore it from a backup: digest db check says what is wrong, "
        "digest db restore BACKUP --replace brings it back"
    )
