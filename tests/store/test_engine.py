import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from digest.errors import ConfigError, StoreError
from digest.models import Letter, RelayName
from digest.store import Store, open_store
from digest.store.engine import READ, WRITE, as_store_error, is_locked, locate, make_engine
from digest.store.tables import LETTER, RELAY
from tests.store.builders import do, query

RELAYS = select(func.count()).select_from(RELAY)


def test_row_that_refers_to_nothing_is_refused(store: Store) -> None:
    orphan = insert(Letter).values(edition_id=99, language="sv", subject="", html="", text="", mail=b"")

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        do(store, lambda c: c.execute(orphan))

    assert not store.read(lambda c: c.execute(select(LETTER.c.id)).all())


@pytest.mark.parametrize(("begin", "pragmas"), [(WRITE, ("wal", 2, 1)), (READ, ("wal", 2, 1))])
def test_every_connection_keeps_a_log_syncs_it_and_enforces_references(
    path: Path, begin: str, pragmas: tuple[str, int, int]
) -> None:
    engine = make_engine(path, begin)
    names = ("journal_mode", "synchronous", "foreign_keys")
    with engine.connect() as connection:
        found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]
    engine.dispose()

    assert tuple(found) == pragmas


def test_write_transaction_has_the_lock_before_it_reads(path: Path) -> None:
    engine = make_engine(path, WRITE)
    with engine.begin() as connection, closing(sqlite3.connect(path, timeout=0)) as other:
        connection.execute(RELAYS)

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

        connection.execute(insert(RelayName).values(name="a"))
    engine.dispose()

    assert query(path, "SELECT name FROM relay") == [("a",)]


def test_writers_that_read_and_then_write_wait_for_each_other_instead_of_failing(path: Path) -> None:
    def count_up(connection: Connection) -> None:
        count = connection.execute(RELAYS).scalar_one()
        connection.execute(insert(RelayName).values(name=str(count)))  # unique: a count read too early would fail

    def run(_: int) -> None:
        store = open_store(path)
        for _ in range(15):
            do(store, count_up)
        store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))

    assert query(path, "SELECT count(*) FROM relay") == [(60,)]


def test_all_that_a_work_reads_is_of_one_moment(store: Store) -> None:
    def read(connection: Connection) -> list[int]:
        before = connection.execute(RELAYS).scalar_one()
        do(store, lambda c: c.execute(insert(RelayName).values(name="meanwhile")))
        return [before, connection.execute(RELAYS).scalar_one()]

    assert store.read(read) == [0, 0]
    assert store.read(lambda c: c.execute(RELAYS).scalar_one()) == 1


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///digest.db", "/srv/nyheter/digest.db"),
        ("sqlite:///data/å.db", "/srv/nyheter/data/å.db"),
        ("sqlite:////var/lib/digest.db", "/var/lib/digest.db"),
    ],
)
def test_store_is_found_relative_to_the_project(url: str, path: str) -> None:
    assert locate(url, Path("/srv/nyheter")) == Path(path)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("digest.db", "is no database URL; write sqlite:///digest.db"),
        ("postgresql://anna:CANARY@db.example.com/digest", "names a postgresql store"),
        ("sqlite://", "sqlite:///digest.db"),
        ("sqlite:///:memory:", "sqlite:///digest.db"),
    ],
)
def test_other_kinds_of_store_are_refused_without_naming_their_password(url: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        locate(url, Path("/srv/nyheter"))

    assert words in str(refused.value)
    assert "CANARY" not in str(refused.value)


def test_lock_of_another_program_is_told_from_every_other_error(path: Path) -> None:
    engine = make_engine(path, WRITE, patience=0)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DBAPIError) as locked, engine.begin():
            pass
        other.rollback()
    twice = insert(RelayName).values([{"name": "a"}, {"name": "a"}])
    with pytest.raises(IntegrityError) as broken, engine.begin() as connection:
        connection.execute(twice)
    engine.dispose()

    assert is_locked(locked.value)
    assert "locked by another program" in str(as_store_error(locked.value, path))
    assert not is_locked(broken.value)
    assert str(as_store_error(broken.value, path)) == f"the store {path}: UNIQUE constraint failed: relay.name"


def test_damaged_store_is_told_in_one_line_with_what_to_do(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 5])

    with pytest.raises(ConfigError, match=r"digest\.db is not a store or is damaged .*; restore it from a backup"):
        open_store(path)


def test_what_sqlite_says_of_a_read_is_one_line_too(store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        store.read(lambda c: c.execute(text("SELECT weather FROM relay")))

    assert str(refused.value) == f"the store {store.path}: no such column: weather"


def test_store_that_cannot_be_opened_says_what_to_look_at(tmp_path: Path) -> None:
    engine = make_engine(tmp_path / "missing" / "digest.db", WRITE)
    with pytest.raises(DBAPIError) as refused, engine.begin():
        pass
    engine.dispose()

    assert "look at its permissions and its folder's" in str(as_store_error(refused.value, tmp_path))
