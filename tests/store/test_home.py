"""Whether a store is at home: every row of the table in ``digest/store/home.py``, with real copies."""

import datetime as dt
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from digest.errors import StoreError
from digest.store import Store, create, home, open_store
from digest.store.home import NotAdopted, Place, adopt, begin_generation, is_same, require_home, witness, witness_file
from tests.store.builders import NOON, a_frozen_edition, a_store_file, enrol, number_of, query

STEP = home.STEP


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = open_store(path)
    try:
        yield store
    finally:
        store.close()


def noted(path: Path) -> dict[str, Any]:
    ((words,),) = query(path, "SELECT home FROM installation")
    found: dict[str, Any] = json.loads(words)
    return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Change the machine that we are on: its id, or an empty one; it begins with one of its own."""
    file, mounts = tmp_path / "machine-id", tmp_path / "mounts"
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n")
    monkeypatch.setattr(home, "MACHINE_IDS", (tmp_path / "nothing", file))
    monkeypatch.setattr(home, "MOUNTS", mounts)

    def become(identity: str) -> None:
        file.write_text(identity + "\n")

    become("a" * 32)
    return become


@pytest.fixture
def at_work(tmp_path: Path, machine: Callable[[str], None]) -> Path:
    """The file of a store in a folder of its own, after two runs that mailed."""
    folder = tmp_path / "real"
    folder.mkdir()
    path = a_store_file(folder / "digest.db")
    mail(path)
    mail(path)
    return path


def mail(path: Path) -> None:
    """Do what a run that mails over the network does at its start."""
    with opened(path) as store:
        require_home(store)
        begin_generation(store)


def why(path: Path) -> str | None:
    """Return why a store is refused, None when it may send."""
    with opened(path) as store:
        try:
            require_home(store)
        except NotAdopted as refused:
            return refused.why
    return None


def test_new_store_takes_its_place_at_once_and_leaves_no_witness(path: Path) -> None:
    assert why(path) is None

    assert noted(path)["path"] == str(path)
    assert noted(path)["inode"] == path.stat().st_ino
    assert (noted(path)["generation"], witness(path)) == ("", "")
    assert not witness_file(path).exists()


def test_each_run_that_mails_has_a_generation_that_only_its_owner_reads_beside_the_store(at_work: Path) -> None:
    before = witness(at_work)
    mail(at_work)

    assert witness(at_work) == noted(at_work)["generation"] != before == noted(at_work)["earlier"]
    assert witness_file(at_work).stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in at_work.parent.iterdir()) == ["digest.db", "digest.db-home"]


def test_next_day_and_after_a_reboot_the_store_is_at_home(at_work: Path) -> None:
    assert why(at_work) is None


@pytest.mark.parametrize("identity", ["b" * 32, ""])
def test_container_made_anew_on_the_same_volume_is_at_home(
    at_work: Path, machine: Callable[[str], None], identity: str
) -> None:
    machine(identity)

    assert why(at_work) is None


def test_renamed_folder_is_at_home_and_the_next_run_notes_the_new_place(at_work: Path, tmp_path: Path) -> None:
    subprocess.run(["mv", at_work.parent, tmp_path / "renamed"], check=True)
    moved = tmp_path / "renamed" / "digest.db"

    assert why(moved) is None
    mail(moved)
    assert noted(moved)["path"] == str(moved)


def test_file_made_anew_in_its_place_is_at_home_on_a_known_machine_only(
    at_work: Path, machine: Callable[[str], None]
) -> None:
    subprocess.run(["cp", at_work, at_work.with_name("copy")], check=True)
    subprocess.run(["mv", at_work.with_name("copy"), at_work], check=True)
    assert at_work.stat().st_ino != noted(at_work)["inode"]

    assert why(at_work) is None
    machine("")
    assert (
        why(at_work)
        == "its file is another one than was at work here, and whether the machine is the same is not known"
    )
    machine("b" * 32)
    assert why(at_work) == f"it was at work on another machine, as {at_work}"


def test_copy_beside_is_refused_in_one_line_while_the_real_one_goes_on(at_work: Path, tmp_path: Path) -> None:
    subprocess.run(["cp", "-a", at_work.parent, tmp_path / "copy"], check=True)
    copy = tmp_path / "copy" / "digest.db"

    with opened(copy) as store, pytest.raises(NotAdopted) as refused:
        require_home(store)

    assert str(refused.value) == (
        f"digest.db is not at home here: it was at work as {at_work}; nothing was sent, so that no reader hears from "
        "two stores; see that the other one sends no more, then: digest db adopt"
    )
    assert refused.value.exit_code == 6
    assert why(at_work) is None


def test_refused_copy_cannot_begin_a_run_either(at_work: Path, tmp_path: Path) -> None:
    shutil.copytree(at_work.parent, tmp_path / "copy")
    before = noted(at_work)

    with opened(tmp_path / "copy" / "digest.db") as store, pytest.raises(NotAdopted):
        begin_generation(store)

    assert noted(tmp_path / "copy" / "digest.db") == before


def test_copy_of_a_store_that_was_asked_but_has_never_mailed_is_refused_too(path: Path, tmp_path: Path) -> None:
    assert why(path) is None
    copy = tmp_path / "copy.db"
    subprocess.run(["cp", path, copy], check=True)

    assert why(copy) == f"it was at work as {path}"


@pytest.mark.parametrize(
    ("noted_at", "here", "same"),
    [
        (Place(7, "/a", "m"), Place(7, "/a", "m"), True),
        (Place(7, "/a", "m"), Place(7, "/a", "n"), True),
        (Place(7, "/a", ""), Place(7, "/a", "n"), True),
        (Place(7, "/a", "m"), Place(7, "/b", "m"), True),
        (Place(7, "/a", ""), Place(7, "/b", ""), True),
        (Place(7, "/a", "m"), Place(7, "/b", ""), True),
        (Place(7, "/a", "m"), Place(7, "/b", "n"), False),
        (Place(7, "/a", "m"), Place(8, "/a", "m"), True),
        (Place(7, "/a", "m"), Place(8, "/a", "n"), False),
        (Place(7, "/a", "m"), Place(8, "/a", ""), False),
        (Place(7, "/a", ""), Place(8, "/a", ""), False),
        (Place(7, "/a", "m"), Place(8, "/b", "m"), False),
        (Place(7, "/a", ""), Place(8, "/b", ""), False),
    ],
)
def test_every_row_of_the_table(noted_at: Place, here: Place, same: bool) -> None:
    assert is_same(noted_at, here) is same


def test_in_a_container_the_machine_is_not_known(
    path: Path, tmp_path: Path, machine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = home.place_of(path).machine
    assert len(known) == 16
    assert "a" * 8 not in known, "the id itself is nobody's business (machine-id(5))"

    (tmp_path / "mounts").write_text("overlay / overlay rw,lowerdir=/x 0 0\nproc /proc proc rw 0 0\n")
    assert home.place_of(path).machine == ""

    monkeypatch.setattr(home, "MOUNTS", tmp_path / "no such system")
    assert home.place_of(path).machine == known


def test_old_copy_put_back_over_the_store_is_refused(at_work: Path) -> None:
    backup = at_work.with_name("yesterday")
    subprocess.run(["cp", at_work, backup], check=True)
    assert why(at_work) is None
    mail(at_work)
    inode = at_work.stat().st_ino

    subprocess.run(["cp", backup, at_work], check=True)

    assert at_work.stat().st_ino == inode
    assert why(at_work) == "it is an older copy, for digest.db-home says that it has been at work since"


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_copy_is_refused_however_young_the_store_was(path: Path, runs: int, machine: Callable[[str], None]) -> None:
    for _ in range(runs):
        mail(path)
    subprocess.run(["cp", path, path.with_name("copy")], check=True)
    mail(path)

    subprocess.run(["cp", path.with_name("copy"), path], check=True)

    assert why(path) is not None


def test_copy_from_today_put_back_is_at_home(at_work: Path) -> None:
    subprocess.run(["cp", at_work, at_work.with_name("copy")], check=True)
    subprocess.run(["cp", at_work.with_name("copy"), at_work], check=True)

    assert why(at_work) is None


def test_crashes_between_store_and_witness_do_not_turn_the_store_out(
    at_work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(home, "write_whole", crash)
            with opened(at_work) as store, pytest.raises(KeyboardInterrupt):
                begin_generation(store)
        assert witness(at_work) == noted(at_work)["earlier"] != noted(at_work)["generation"]
        assert why(at_work) is None

    mail(at_work)
    assert witness(at_work) == noted(at_work)["generation"]


def test_crash_in_the_very_first_run_does_not_turn_the_store_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(home, "write_whole", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with opened(path) as store, pytest.raises(KeyboardInterrupt):
            begin_generation(store)

    assert why(path) is None


def test_lost_witness_is_named(at_work: Path) -> None:
    witness_file(at_work).unlink()

    assert why(at_work) == "digest.db-home is missing"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"0" * 100_000])
def test_damaged_witness_is_no_leave_to_send(at_work: Path, content: bytes) -> None:
    witness_file(at_work).write_bytes(content)

    assert why(at_work) is not None


@pytest.mark.parametrize("words", ['{"inode": "x"}', "{}", '{"inode": 1, "path": "/", "machine": ""}'])
def test_note_that_cannot_be_read_is_no_leave_to_send(at_work: Path, words: str) -> None:
    with sqlite3.connect(at_work) as connection:
        connection.execute("UPDATE installation SET home = ?", (words,))
    connection.close()

    assert why(at_work) == "what it notes of its place cannot be read"


def test_store_from_before_there_were_homes_is_refused_where_another_has_been_at_work(at_work: Path) -> None:
    subprocess.run(["cp", a_store_file(at_work.with_name("old")), at_work], check=True)

    assert why(at_work) == "it has never been at work, but digest.db-home says that another one has"


def test_numbers_of_a_restored_store_are_passed_over_before_anybody_joins(path: Path) -> None:
    # A list may be brought in before the adoption, and links of lost letters carry the numbers that come next.
    with opened(path) as store:
        enrol(store, "anna@example.com")
        before = number_of(store, "anna@example.com")

    home.mark_restored(path, "nytt.zip")

    with opened(path) as store:
        enrol(store, "bo@example.com")
        assert number_of(store, "bo@example.com") > before + home.STEP


def test_restored_store_is_refused_until_it_is_adopted(path: Path) -> None:
    home.mark_restored(path, "nytt.zip, made 2025-11-30 06:00 UTC")
    assert why(path) == "it was restored from nytt.zip, made 2025-11-30 06:00 UTC"

    with opened(path) as store:
        adopt(store, NOON)

    assert why(path) is None
    assert noted(path)["since"] == "2025-11-30T12:00:00+00:00"
    mail(path)
    assert noted(path)["since"] == "2025-11-30T12:00:00+00:00"


def test_adopted_copy_sends_and_the_one_it_came_from_does_too(at_work: Path, tmp_path: Path) -> None:
    shutil.copytree(at_work.parent, tmp_path / "copy")
    copy = tmp_path / "copy" / "digest.db"
    with opened(copy) as store:
        adopt(store, NOON)

    assert why(copy) is None
    assert why(at_work) is None, "nobody can tell it; the person was asked"


def test_after_an_adoption_the_copy_that_was_put_back_stays_and_the_lost_one_is_old(at_work: Path) -> None:
    backup, lost = at_work.with_name("backup"), at_work.with_name("lost")
    subprocess.run(["cp", at_work, backup], check=True)
    mail(at_work)
    subprocess.run(["cp", at_work, lost], check=True)
    subprocess.run(["cp", backup, at_work], check=True)
    with opened(at_work) as store:
        adopt(store, NOON)
    assert why(at_work) is None

    subprocess.run(["cp", lost, at_work], check=True)
    assert why(at_work) is not None


def test_adoption_never_gives_out_a_number_that_another_copy_may_have_given_out(path: Path) -> None:
    with opened(path) as store:
        first = a_frozen_edition(store, "anna@example.com", "bo@example.com")
        adopt(store, NOON)
        (eva,) = enrol(store, "eva@example.com")
        later = a_frozen_edition(store, date=dt.date(2025, 12, 1))

    assert (first.id, later.id) == (1, 1 + STEP + 1)
    assert query(path, "SELECT id FROM subscriber ORDER BY id") == [(1,), (2,), (2 + STEP + 1,)]
    assert dict(query(path, "SELECT name, seq FROM sqlite_sequence")) == {
        "edition": 1 + STEP + 1, "subscriber": 2 + STEP + 1, "notice": STEP,
    }  # fmt: skip
    assert eva is not None


def test_adoption_twice_passes_over_twice(path: Path) -> None:
    with opened(path) as store:
        adopt(store, NOON)
        adopt(store, NOON)

    assert {seq for _, seq in query(path, "SELECT name, seq FROM sqlite_sequence")} == {2 * STEP}


def test_witness_that_cannot_be_written_is_one_clear_line_and_the_store_stays_at_home(at_work: Path) -> None:
    obstacle = witness_file(at_work).with_name("digest.db-home.unfinished")
    obstacle.mkdir()
    with (
        opened(at_work) as store,
        pytest.raises(StoreError, match=r"digest\.db-home cannot be written: Is a directory"),
    ):
        begin_generation(store)
    obstacle.rmdir()

    assert why(at_work) is None


def test_new_store_is_not_bothered_by_the_witness_of_one_that_is_gone(at_work: Path) -> None:
    at_work.unlink()
    create(at_work, NOON)

    assert why(at_work) is None


def test_new_store_is_not_made_beside_the_log_of_one_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "digest.db"
    path.with_name("digest.db-wal").write_bytes(b"what was not yet in the store")

    with pytest.raises(StoreError, match=r"digest\.db-wal is left of a store that is gone"):
        create(path, NOON)

    assert not path.exists()
