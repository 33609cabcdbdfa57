"""The store as one object: reading in the caller's thread, writing through one door."""

import datetime as dt
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sqlalchemy import Connection, insert, select, update
from sqlmodel import Session

from digest.errors import ConfigError, StoreError, StoreMissing
from digest.models import Installation
from digest.store.disk import require_local
from digest.store.engine import DRIVER_ERRORS, READ, WRITE, as_store_error, make_engine
from digest.store.upgrade import MIGRATIONS, bring_up, check_version, migrate, version_of, versions
from digest.store.writer import Writer

T = TypeVar("T")


class Store:
    """An open store. What it returns is detached: it changes only through a function of this package."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers = make_engine(path, READ)
        self._writing = make_engine(path, WRITE, patience=0)
        self._writer = Writer(self._writing, path)
        self.installation = self.read(_installation)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what a work reads, all of it from one moment."""
        try:
            with self._readers.begin() as connection:
                return work(connection)
        except DRIVER_ERRORS as error:
            raise as_store_error(error, self.path) from error

    def write(self, work: Callable[[Connection], T]) -> "Future[T]":
        """Queue a work for the writer; the future resolves after the commit that holds it."""
        return self._writer.submit(work)

    def close(self) -> None:
        """Commit what is queued and let go of the file."""
        self._writer.close()
        self._writing.dispose()
        self._readers.dispose()

    def accept_keys(self, fingerprints: tuple[str, ...]) -> None:
        """Record the newest key that tokens are signed with; ConfigError unless the last one is still among ours."""
        last = self.installation.key
        if last is not None and last not in fingerprints:
            raise ConfigError(
                f"the store {self.path.name} was signed with another DIGEST_SECRET_KEY ({last}...): links in letters "
                "already sent would stop working; put that key back, behind a new one if you like"
            )
        if fingerprints and fingerprints[0] != last:
            newest = fingerprints[0]
            self.write(lambda c: c.execute(update(Installation).values(key=newest))).result()
            self.installation = self.read(_installation)


def session_on(connection: Connection) -> Session:
    """Return a session for records within the transaction of a connection; what it loads stays readable after."""
    # In a savepoint of its own: a flush that fails would else roll back the works of everybody in the group.
    return Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")


def create(path: Path, now: dt.datetime) -> None:
    """Make a store of the newest version, with an identity and a pepper of its own; StoreError where one is."""
    require_local(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and moved there whole: who is interrupted leaves no half of a store.
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        made.touch(mode=0o600)  # it holds people's addresses
        migrate(made)
        engine = make_engine(made, WRITE)
        try:
            with engine.begin() as connection:
                identity = {"id": 1, "uid": secrets.token_hex(16), "pepper": secrets.token_hex(32), "created_at": now}
                connection.execute(insert(Installation), identity)
        finally:
            engine.dispose()
        if path.exists():
            raise StoreError(f"there is a store at {path} already; nothing was changed")
        _refuse_remains(path)
        path.with_name(path.name + "-home").unlink(missing_ok=True)  # it spoke of a store that is gone
        made.rename(path)


def _refuse_remains(path: Path) -> None:
    """Raise StoreError where a store that is gone has left its log: SQLite would write it over the new one."""
    for kind in ("-wal", "-journal"):
        left = path.with_name(path.name + kind)
        if left.exists() and left.stat().st_size:
            raise StoreError(f"{left} is left of a store that is gone; put that back beside it, or move it away")


def open_store(path: Path, migrations: Path = MIGRATIONS) -> Store:
    """Return the store in a file, brought up to the newest version where it is older.

    StoreMissing when there is none: a cron job in the wrong folder must not find a new, empty one.
    """
    if not path.exists():
        raise StoreMissing(str(path))
    require_local(path)
    version, known = version_of(path), versions(migrations)
    check_version(path, version, known)
    if version is not None and version != known[-1]:
        bring_up(path, version, migrations)
    return Store(path)


def _installation(connection: Connection) -> Installation:
    with session_on(connection) as session:
        return session.scalars(select(Installation)).one()
