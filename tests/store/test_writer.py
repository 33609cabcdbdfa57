import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, text
from sqlalchemy.exc import StatementError

from digest.errors import StoreError
from digest.models import Letter, RelayName
from digest.store import Store, open_store
from digest.store.engine import WRITE, driver_of, make_engine
from digest.store.store import session_on
from digest.store.tables import RELAY
from digest.store.writer import GROUP, Writer
from tests.store.builders import do, query

PATIENCE = 10


def adding(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(insert(RelayName).values(name=name))
        return name

    return work


def names_in(store: Store) -> list[str]:
    return list(store.read(lambda c: c.execute(select(RELAY.c.name).order_by(RELAY.c.id)).scalars().all()))


def commits(path: Path) -> int:
    """Count the commits in the write-ahead log: frames that say how large the file is after them."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    frames = [log[at : at + 24] for at in range(32, len(log), 24 + page)]
    return sum(frame[8:16] == log[16:24] and any(frame[4:8]) for frame in frames)


@contextmanager
def held_up(store: Store) -> Iterator[None]:
    """Keep the writer at a work of its own, so that all that is queued meanwhile waits together."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        begun.set()
        go_on.wait(PATIENCE)
        time.sleep(0.02)  # its group is over: what waits makes the next one

    waiting = store.write(wait)
    begun.wait(PATIENCE)
    try:
        yield
    finally:
        go_on.set()
        waiting.result(PATIENCE)


def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next groups be as large as what waits, however busy the machine is."""
    monkeypatch.setattr("digest.store.writer.GROUP", 60.0)


@contextmanager
def another_process_writing(path: Path, seconds: float) -> Iterator[None]:
    code = f"""\
        import sqlite3, time
        connection = sqlite3.connect({str(path)!r})
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO relay (name) VALUES ('theirs')")
        print("begun", flush=True)
        time.sleep({seconds})
        connection.commit()
        """
    command = [sys.executable, "-c", dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield
    assert process.returncode == 0


def test_works_that_wait_together_are_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    do(store, adding("first"))
    with held_up(store):
        unhurried(monkeypatch)
        before = commits(store.path)
        futures = [store.write(adding(f"relay {n}")) for n in range(20)]
    for future in futures:
        future.result(PATIENCE)

    assert commits(store.path) - before == 1
    assert len(names_in(store)) == 21


def test_group_ends_within_what_a_write_transaction_may_take() -> None:
    assert 0 < GROUP <= 0.020


def test_long_queue_is_more_than_one_commit(store: Store) -> None:
    def slowly(connection: Connection) -> None:
        time.sleep(0.006)
        adding(str(time.monotonic_ns()))(connection)

    with held_up(store):
        before = commits(store.path)
        futures = [store.write(slowly) for _ in range(6)]
    for future in futures:
        future.result(PATIENCE)

    assert commits(store.path) - before > 1, "a mark does not wait for the whole of an import"


def test_future_resolves_only_after_the_commit_that_holds_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[tuple[str]]] = []
    with held_up(store):
        unhurried(monkeypatch)
        futures = [store.write(adding(name)) for name in ("a", "b", "c")]
        for future in futures:
            future.add_done_callback(
                lambda _: seen.append(query(store.path, "SELECT name FROM relay ORDER BY id"))  # another connection
            )
    do(store, lambda _: None)

    assert seen == [[("a",), ("b",), ("c",)]] * 3


def test_works_run_in_the_order_they_came_in(store: Store) -> None:
    wanted = [f"relay {n:03}" for n in range(200)]

    futures = [store.write(adding(name)) for name in wanted]

    assert [future.result(PATIENCE) for future in futures] == wanted
    assert names_in(store) == wanted


def test_work_that_fails_undoes_only_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(connection: Connection) -> None:
        adding("half")(connection)
        raise LookupError("the other half")

    with held_up(store):
        unhurried(monkeypatch)
        good, bad, also_good = store.write(adding("a")), store.write(failing), store.write(adding("b"))

    assert isinstance(bad.exception(PATIENCE), LookupError)
    assert (good.result(PATIENCE), also_good.result(PATIENCE)) == ("a", "b")
    assert names_in(store) == ["a", "b"]


def test_work_that_breaks_a_rule_of_the_store_undoes_only_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(connection: Connection) -> None:
        adding("half")(connection)
        adding("a")(connection)

    with held_up(store):
        unhurried(monkeypatch)
        good, bad, also_good = store.write(adding("a")), store.write(twice), store.write(adding("b"))

    assert str(bad.exception(PATIENCE)) == f"the store {store.path}: UNIQUE constraint failed: relay.name"
    assert (good.result(PATIENCE), also_good.result(PATIENCE)) == ("a", "b")
    assert names_in(store) == ["a", "b"]


def test_record_that_cannot_be_written_undoes_only_its_own_work(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def an_orphan(connection: Connection) -> None:
        adding("half")(connection)
        with session_on(connection) as session:
            session.add(Letter(edition_id=99, language="sv", subject="", html="", text="", mail=b""))
            session.commit()

    with held_up(store):
        unhurried(monkeypatch)
        good, bad, also_good = store.write(adding("a")), store.write(an_orphan), store.write(adding("b"))

    assert "FOREIGN KEY" in str(bad.exception(PATIENCE))
    assert (good.result(PATIENCE), also_good.result(PATIENCE)) == ("a", "b")
    assert names_in(store) == ["a", "b"]


def pages(connection: Connection) -> int:
    return int(connection.execute(text("PRAGMA page_count")).scalar_one())


def limit_to(store: Store, most: int) -> None:
    # Only on this connection, and for as long as it lives: the writer's is the one that counts.
    do(store, lambda c: c.execute(text(f"PRAGMA max_page_count={most}")).scalar())


def test_full_disk_fails_every_work_of_the_group_and_none_after_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_to(store, do(store, pages) + 5)
    with held_up(store):
        unhurried(monkeypatch)
        works = [store.write(adding("small")), store.write(adding("x" * 100_000))]

    for work in works:
        failed = work.exception(PATIENCE)
        assert isinstance(failed, StoreError)
        assert str(failed) == f"the store {store.path}: database or disk is full; make room there and run this again"
    assert names_in(store) == []

    limit_to(store, 1_000_000)

    assert do(store, adding("y" * 100_000)) == "y" * 100_000
    assert len(names_in(store)) == 1


def test_full_disk_at_the_end_fails_what_was_queued_instead_of_keeping_it_waiting(store: Store) -> None:
    limit_to(store, do(store, pages) + 5)
    with held_up(store):
        work = store.write(adding("x" * 100_000))
        closing = threading.Thread(target=store.close)
        closing.start()
        time.sleep(0.01)
    closing.join(PATIENCE)

    assert not closing.is_alive()
    assert isinstance(work.exception(PATIENCE), StoreError)


def test_another_process_that_writes_only_delays(store: Store) -> None:
    with another_process_writing(store.path, 0.3):
        begun = time.monotonic()
        do(store, adding("ours"))
        waited = time.monotonic() - begun

    assert names_in(store) == ["theirs", "ours"]
    assert 0.05 < waited < 3


def test_lock_that_is_never_let_go_is_reported_in_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.store.writer.PATIENCE", 0.1)
    with another_process_writing(store.path, 1.0):
        refused = store.write(adding("ours")).exception(PATIENCE)
    assert str(refused).endswith("digest.db is locked by another program; close it there and run this again")
    do(store, adding("later"))

    assert names_in(store) == ["theirs", "later"]


def test_closing_commits_what_is_queued(path: Path) -> None:
    store = open_store(path)
    with held_up(store):
        futures = [store.write(adding(f"relay {n}")) for n in range(50)]
    store.close()

    assert all(future.done() for future in futures)
    assert query(path, "SELECT count(*) FROM relay") == [(50,)]
    assert not path.with_name(path.name + "-wal").exists(), "the file is let go of, with all that was written in it"


def test_closing_twice_or_unused_does_nothing(path: Path) -> None:
    store = open_store(path)
    store.close()
    store.close()

    assert query(path, "PRAGMA quick_check") == [("ok",)]


def test_store_that_cannot_be_opened_for_writing_fails_the_work(tmp_path: Path) -> None:
    engine = make_engine(tmp_path / "missing" / "digest.db", WRITE, patience=0)
    writer = Writer(engine, tmp_path)

    works = [writer.submit(adding("a")), writer.submit(adding("b"))]

    for work in works:
        assert isinstance(work.exception(PATIENCE), StoreError)
    writer.close()
    engine.dispose()


async def test_work_goes_on_when_who_waited_for_it_has_gone(store: Store) -> None:
    def wait(store: Store, work: Callable[[Connection], object]) -> "asyncio.Task[object]":
        future: Future[object] = store.write(work)
        return asyncio.ensure_future(asyncio.wait_for(asyncio.wrap_future(future), PATIENCE))

    def failing(_: Connection) -> None:
        raise LookupError

    with held_up(store):
        tasks = [wait(store, adding("a")), wait(store, failing)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert await asyncio.to_thread(do, store, adding("b")) == "b"
    assert names_in(store) == ["a", "b"], "a record of what was sent must not be lost with its task"


def test_many_threads_write_through_the_one_door(store: Store) -> None:
    def write(number: int) -> None:
        for n in range(25):
            do(store, adding(f"{number}/{n}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert store.read(lambda c: c.execute(select(func.count()).select_from(RELAY)).scalar_one()) == 200


def test_all_who_stood_behind_a_lock_hear_of_it_together_and_the_next_ones_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.writer.PATIENCE", 0.4)
    monkeypatch.setattr("digest.store.writer.SHORT", 0.1)
    do(store, adding("ours"))
    with another_process_writing(store.path, 1.6):
        begun = time.monotonic()
        waiting = [store.write(adding(f"relay {n}")) for n in range(10)]
        refused = [work.exception(PATIENCE) for work in waiting]
        first = time.monotonic() - begun
        later = [store.write(adding(f"later {n}")).exception(PATIENCE) for n in range(3)]
        second = time.monotonic() - begun - first

    assert all(isinstance(error, StoreError) for error in [*refused, *later])
    assert 0.4 <= first < 0.8, "ten marks that wait at once must not wait one after the other"
    assert second < 0.8
    assert do(store, adding("free")) == "free"


def test_log_does_not_grow_with_a_long_send_also_while_others_read(store: Store) -> None:
    log = store.path.with_name("digest.db-wal")
    do(store, adding("x" * 400_000))  # some hundred pages
    stop, largest, written = threading.Event(), 0, 0

    def read() -> None:
        while not stop.is_set():
            names_in(store)

    def work(connection: Connection) -> None:
        connection.execute(text("UPDATE relay SET name = hex(randomblob(200000))"))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(100):
            do(store, work)
            written += 400_000
            largest = max(largest, log.stat().st_size)
    finally:
        stop.set()
        reader.join()

    assert largest < written / 3, "SQLite's own checkpoint at 1,000 pages lets the log begin anew"


def test_error_before_a_statement_reaches_the_store_undoes_only_its_own_work(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(connection: Connection) -> None:
        connection.execute(select(RELAY.c.name).where(RELAY.c.id == bindparam("missing")))

    with held_up(store):
        unhurried(monkeypatch)
        good, bad, also_good = store.write(adding("a")), store.write(wrong), store.write(adding("b"))

    assert isinstance(bad.exception(PATIENCE), StatementError)
    assert (good.result(PATIENCE), also_good.result(PATIENCE)) == ("a", "b")
    assert names_in(store) == ["a", "b"]


def test_error_of_the_first_statement_of_a_commit_undoes_only_its_own_work(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(name: str) -> Callable[[Connection], None]:
        insertion = f"INSERT INTO relay (name) VALUES ('{name}')"
        return lambda connection: driver_of(connection).execute(insertion)

    def wrong(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM nowhere"))

    with held_up(store):
        unhurried(monkeypatch)
        good, bad, also_good = store.write(bare("a")), store.write(wrong), store.write(bare("b"))

    assert isinstance(bad.exception(PATIENCE), StoreError)
    assert (good.exception(PATIENCE), also_good.exception(PATIENCE)) == (None, None)
    assert names_in(store) == ["a", "b"]


def test_driver_error_is_told_as_one_line_of_ours_and_undoes_only_its_own_work(store: Store) -> None:
    def wrong(connection: Connection) -> None:
        driver_of(connection).execute("INSERT INTO relay (name) VALUES ('half')")
        driver_of(connection).execute("INSERT INTO relay (name) VALUES ('half')")

    bad, good = store.write(wrong), store.write(adding("a"))

    assert str(bad.exception(PATIENCE)) == f"the store {store.path}: UNIQUE constraint failed: relay.name"
    assert good.result(PATIENCE) == "a"
    assert names_in(store) == ["a"]
