"""The one writer: a thread that commits for everybody who is waiting (group commit)."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from digest.store.engine import DRIVER_ERRORS, as_store_error, begin, driver_of, is_locked

T = TypeVar("T")

GROUP = 0.010  #: seconds of work that are committed together; what comes later waits for the next commit
PAUSE = 0.002  #: between two tries to get the write lock; SQLite's own waiting grows to 100 ms
#: Seconds until another program's lock is reported. A mail whose mark waits has had its 354: relays wait for minutes.
PATIENCE = 30.0
SHORT = 0.5  #: the same once that has happened, until the lock is seen to be free


@dataclass
class Work:
    """One piece of work in its savepoint; its future resolves after the commit that holds it."""

    run: Callable[[Connection], Any]
    future: "Future[Any]" = field(default_factory=Future)
    result: Any = None


class Writer:
    """Runs works one after the other on the only connection that writes."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._works: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_locked_out = False
        self._connection: Connection | None = None  # the thread's own: taking one from the pool costs as much as a mail

    def submit(self, run: Callable[[Connection], T]) -> "Future[T]":
        """Queue a work; the future has its result once it is durable, or the error that undid it alone.

        It cannot be cancelled: what came of a mail is recorded also when nobody waits for it any more.
        """
        work = Work(run)
        work.future.set_running_or_notify_cancel()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="store writer", daemon=True)
                self._thread.start()
            self._works.put(work)
        return work.future

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        with self._starting:
            if self._thread is not None:
                self._works.put(None)
                self._thread.join()
                self._thread = None

    def _serve(self) -> None:
        while (work := self._works.get()) is not None:
            self._commit(work)
        self._let_go()

    def _commit(self, first: Work) -> None:
        """Commit a work with all that wait behind it."""
        group = [first]
        try:
            with self._connected() as connection:
                self._begin(connection)
                ends = time.monotonic() + GROUP
                self._run(connection, first)
                while time.monotonic() < ends and (work := self._next()) is not None:
                    group.append(work)
                    self._run(connection, work)
                connection.commit()
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            if self._is_locked_out:  # who stood behind this one has waited as long
                group += iter(self._next, None)
            known = as_store_error(error, self._path) if isinstance(error, DRIVER_ERRORS) else error
            for work in _waiting(group):
                work.future.set_exception(known)
        for work in _waiting(group):
            work.future.set_result(work.result)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Yield the connection that writes; after an error the next one is as good as new."""
        self._connection = self._connection or self._engine.connect()
        try:
            yield self._connection
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _next(self) -> Work | None:
        """Return the work that waits next, None when there is none or the queue has ended."""
        try:
            work = self._works.get_nowait()
        except queue.Empty:
            return None
        if work is None:
            self._works.put(None)  # for _serve
        return work

    def _begin(self, connection: Connection) -> None:
        ends = time.monotonic() + (SHORT if self._is_locked_out else PATIENCE)
        while True:
            try:
                begin(connection)
            except DRIVER_ERRORS as error:
                self._is_locked_out = is_locked(error) and time.monotonic() > ends
                if not is_locked(error) or self._is_locked_out:
                    raise
                time.sleep(PAUSE)
            else:
                self._is_locked_out = False
                return

    def _run(self, connection: Connection, work: Work) -> None:
        # Savepoints in plain SQL: SQLAlchemy compiles its own anew each time, at three times the price of a mark.
        driver = driver_of(connection)
        driver.execute("SAVEPOINT work")
        try:
            work.result = work.run(connection)
            driver.execute("RELEASE work")
        except DRIVER_ERRORS as error:
            # A full disk ends the whole transaction in SQLite, savepoints and all; a broken rule only the work.
            if not driver.in_transaction:
                raise
            _undo(driver)
            work.future.set_exception(as_store_error(error, self._path))
        except Exception as error:  # noqa: BLE001  it belongs to whoever waits for the future
            _undo(driver)
            work.future.set_exception(error)


def _undo(driver: Any) -> None:
    driver.execute("ROLLBACK TO work")
    driver.execute("RELEASE work")


def _waiting(works: Iterable[Work]) -> list[Work]:
    return [work for work in works if not work.future.done()]
