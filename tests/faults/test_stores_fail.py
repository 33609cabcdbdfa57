"""F30, F31 and F34: the store is locked, full, damaged or an old copy; nobody is lost or mailed twice by it."""

import resource
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.faults.first import with_less
from tests.faults.form import LONG, long
from tests.faults.invariants import invariants
from tests.faults.moods import Holding
from tests.faults.processes import Manners
from tests.faults.rounds import Round, a_round, rows

FAILED = (1, 3, 4)  #: never 0: failed, partly done, or the store's own trouble


def test_a_store_that_another_program_locks_for_a_while_only_delays(frozen: Path, tmp_path: Path) -> None:
    held = Holding(tmp_path, "data", 9)
    with a_round(frozen, tmp_path, 8, Manners(held)) as one:
        command = one.start()
        held.wait()
        with closing(sqlite3.connect(one.project / "digest.db", isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN EXCLUSIVE")
            threading.Timer(0.2, held.let_go).start()
            time.sleep(1)
            other.execute("COMMIT")
        ended = command.end()
        found = one.finish()

    assert ended.code == 0
    assert invariants(found) == []
    assert found.doubled == set()


@LONG
def test_a_store_that_stays_locked_stops_the_send_and_loses_nobody(frozen: Path, tmp_path: Path) -> None:
    held = Holding(tmp_path, "data", 9)
    with a_round(frozen, tmp_path, 8, Manners(held)) as one:
        command = one.start()
        held.wait()
        with closing(sqlite3.connect(one.project / "digest.db", isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN EXCLUSIVE")
            held.let_go()
            ended = command.end(within=120)
            other.execute("COMMIT")
        found = one.finish()

    assert ended.code in FAILED
    assert invariants(found) == []


@pytest.mark.parametrize("room", [long(0), 20_000, long(60_000)])
def test_a_disk_that_fills_up_stops_the_send_in_one_line(frozen: Path, tmp_path: Path, room: int) -> None:
    with a_round(frozen, tmp_path, 8) as one:
        log = one.project / "digest.db-wal"
        most = (log.stat().st_size if log.exists() else 0) + room
        full = one.send(first=partial(with_less, resource.RLIMIT_FSIZE, max(most, 1)))
        found = one.finish()

    assert full.code in FAILED
    assert len(full.err.strip().splitlines()) <= 2, full.err
    assert invariants(found) == []


def test_a_freeze_on_a_full_disk_leaves_nothing(few: Path, tmp_path: Path) -> None:
    with a_round(few, tmp_path) as one:
        full = one.send(first=partial(with_less, resource.RLIMIT_FSIZE, 30_000))
        left = (one.ledger(), one.mails())
        found = one.finish()

    assert full.code in FAILED
    assert left == ({}, [])
    assert invariants(found) == []


@pytest.mark.parametrize("what", [long("the head"), "delivery", "subscriber"])
def test_a_damaged_store_mails_nobody(frozen: Path, tmp_path: Path, what: str) -> None:
    with a_round(frozen, tmp_path, 8) as one:
        assert one.send(DIGEST_CRASH_AT="recorded:9").was_killed
        one.note_kill()
        whole = shutil.copytree(one.project, tmp_path / "whole")
        mailed = len(one.mails())
        spoil(one, what)
        refused = one.send()
        mailed_since = len(one.mails()) - mailed
        for file in whole.glob("digest.db*"):  # what was there is put back, into the same file
            (one.project / file.name).write_bytes(file.read_bytes())
        found = one.finish()

    assert refused.code in FAILED
    assert len(refused.err.strip().splitlines()) == 1, refused.err
    assert mailed_since == 0
    assert invariants(found) == []


def spoil(one: Round, what: str) -> None:
    """Write noise over a page of the store, once its log has been brought in."""
    rows(one.project, "PRAGMA wal_checkpoint(TRUNCATE)")
    sql = f"SELECT rootpage FROM sqlite_master WHERE name = '{what}'"
    page = rows(one.project, sql)[0][0] if what != "the head" else 1
    with (one.project / "digest.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def test_yesterdays_copy_of_the_store_mails_nobody_again(frozen: Path, tmp_path: Path) -> None:
    with a_round(frozen, tmp_path, 8) as one:
        old = (one.project / "digest.db").read_bytes()
        found = one.finish()
        for file in one.project.glob("digest.db-*"):
            if file.name != "digest.db-home":
                file.unlink()
        (one.project / "digest.db").write_bytes(old)
        refused = one.send()

    assert invariants(found) == []
    assert refused.code == 6
    assert len(one.mails()) == len(found.mails)
