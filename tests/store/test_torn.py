"""A store that is torn is recognised, and says so in one line with what to do."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from digest.errors import DigestError, StoreError
from digest.models import Edition
from digest.store import Store, editions, ledger, open_store
from digest.store.torn import refuse_torn, refuse_torn_store
from tests.store.builders import NOON, a_frozen_edition, do

PAGE = 4096
READERS = [f"reader{n}@example.com" for n in range(300)]


@pytest.fixture
def frozen(path: Path) -> Path:
    """A store with an edition for so many readers that its tables have several pages; nobody has it open."""
    store = open_store(path)
    a_frozen_edition(store, *READERS)
    do(store, lambda c: c.execute(text("UPDATE letter SET mail = zeroblob(20000)")))  # on pages of their own
    store.close()
    return path


@pytest.fixture
def edition(frozen: Path) -> Iterator[tuple[Store, Edition]]:
    store = open_store(frozen)
    yield store, editions.get(store, 1)
    store.close()


def pages_of(path: Path, table: str) -> list[int]:
    """Return the pages on which a table lies, from 1."""
    with closing(sqlite3.connect(path)) as connection:
        wanted = "SELECT pageno FROM dbstat WHERE name = ? ORDER BY pageno"
        return [page for (page,) in connection.execute(wanted, (table,))]


def overwrite(path: Path, page: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(data)


def look(path: Path, *, died: bool) -> None:
    store = open_store(path)
    try:
        refuse_torn(store, editions.get(store, 1), died=died)
    finally:
        store.close()


def test_whole_store_is_not_refused_and_tells_what_is_open(edition: tuple[Store, Edition]) -> None:
    assert refuse_torn(*edition, died=True) == len(READERS)
    refuse_torn_store(edition[0])


@pytest.mark.parametrize("table", ["letter", "edition", "installation", "suppression"])
def test_noise_in_a_short_table_is_found_before_every_run(frozen: Path, table: str) -> None:
    for page in pages_of(frozen, table):
        whole = frozen.read_bytes()
        overwrite(frozen, page, random.Random(page).randbytes(PAGE))

        with pytest.raises(DigestError) as refused:
            look(frozen, died=False)
        assert "digest db restore" in str(refused.value)
        frozen.write_bytes(whole)


def test_noise_among_the_deliveries_is_found_after_a_death(frozen: Path) -> None:
    for page in pages_of(frozen, "delivery"):
        whole = frozen.read_bytes()
        overwrite(frozen, page, random.Random(page).randbytes(PAGE))

        with pytest.raises(StoreError, match="digest db check"):
            look(frozen, died=True)
        frozen.write_bytes(whole)


def test_deliveries_that_do_not_add_up_to_the_audience_are_found(frozen: Path) -> None:
    with closing(sqlite3.connect(frozen)) as connection, connection:
        connection.execute("DELETE FROM delivery WHERE subscriber_id = 7")

    with pytest.raises(StoreError, match="299 deliveries of an edition for 300 readers"):
        look(frozen, died=False)


@pytest.mark.parametrize("table", ["article", "subscriber", "subscription", "consent_change"])
def test_noise_anywhere_is_found_before_a_new_edition_is_made(frozen: Path, table: str) -> None:
    overwrite(frozen, pages_of(frozen, table)[-1], random.Random(1).randbytes(PAGE))
    store = open_store(frozen)
    try:
        with pytest.raises(StoreError, match="digest db check"):
            refuse_torn_store(store)
    finally:
        store.close()


def test_store_that_was_cut_off_is_refused(frozen: Path) -> None:
    whole = frozen.read_bytes()
    frozen.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DigestError) as refused:
        look(frozen, died=False)
    assert len(str(refused.value).splitlines()) == 1


def test_only_a_run_that_has_not_ended_by_itself_has_died(store: Store) -> None:
    a_frozen_edition(store, "anna@example.com")
    assert not ledger.has_died(store)

    lease = ledger.take_lease(store, NOON)
    assert ledger.has_died(store)
    ledger.end_lease(store, 1, lease, NOON)
    assert not ledger.has_died(store)

    ledger.take_lease(store, NOON)
    last = ledger.take_lease(store, NOON)
    ledger.end_lease(store, 1, last, NOON)
    assert not ledger.has_died(store), "who begins under the lock ends what the dead have left"
