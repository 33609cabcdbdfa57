"""``digest db restore``: a project comes back whole, or nothing changes; a hostile file gets nowhere."""

import datetime as dt
import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digest.errors import BusyError
from digest.operation.archive import NotABackup
from digest.operation.backup import back_up
from digest.operation.restore import Moves, NotRestored, Restored
from digest.operation.restore import restore as bring_back
from digest.project import open_project, read_configuration
from digest.store import home
from digest.store.lock import hold
from digest.store.upgrade import migrate, versions
from tests.projects import KEY, TOML, a_project_folder
from tests.store.builders import LATER, NOON, enrol, query

ASIDE = "before-restore-20251130-130000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a reader, a list's file and a design of its own."""
    made = a_project_folder(tmp_path / "nytt")
    (made / "subscribers").mkdir()
    (made / "subscribers" / "industri.csv").write_text("e-post\nanna@example.com\n")
    (made / "subscribers" / "industri.csv").chmod(0o640)
    os.utime(made / "subscribers" / "industri.csv", (1_700_000_000, 1_700_000_000))
    (made / "templates" / "egen").mkdir(parents=True)
    (made / "templates" / "egen" / "letter.html.j2").write_text("<p>Å</p>")
    with open_project(made, {}) as project:
        enrol(project.store, "anna@example.com")
    return made


@pytest.fixture
def backup(folder: Path, tmp_path: Path) -> Path:
    """A backup of it, without secrets."""
    return back_up(read_configuration(folder, {}), tmp_path / "b.zip", NOON, {}).file


def restore(file: Path, folder: Path, *, replace: bool = False, environ: dict[str, str] | None = None) -> Restored:
    return bring_back(file, folder, LATER, environ or {}, replace=replace)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(file: Path, folder: Path, **how: Any) -> str:
    """Return why a restore is refused, and see that it changes nothing."""
    before, was_there = contents(folder), folder.exists()
    with pytest.raises((NotABackup, NotRestored)) as error:
        restore(file, folder, **how)
    assert error.value.exit_code == 1
    assert len(str(error.value).splitlines()) == 1
    assert "nothing was changed" in str(error.value)
    assert contents(folder) == before
    assert folder.exists() is was_there
    return str(error.value)


def test_project_comes_back_in_an_empty_place(backup: Path, folder: Path, tmp_path: Path) -> None:
    done = restore(backup, tmp_path / "a" / "new")

    assert (done.aside, done.has_key, done.store) == ((), False, done.folder / "digest.db")
    new, old = contents(done.folder), contents(folder)
    assert set(new) == {
        "digest.toml", "digest.db", "digest.db-send.lock", "subscribers/industri.csv", "templates/egen/letter.html.j2",
    }  # fmt: skip
    assert all(new[name] == old[name] for name in new if not name.startswith("digest.db"))
    file = done.folder / "subscribers" / "industri.csv"
    assert (file.stat().st_mode & 0o777, file.stat().st_mtime) == (0o640, 1_700_000_000)
    assert done.store.stat().st_mode & 0o777 == 0o600
    assert query(done.store, "SELECT address FROM subscriber") == [("anna@example.com",)]
    assert [path.name for path in done.folder.iterdir() if path.name.startswith(".")] == []


def test_restored_store_sends_nothing_until_it_is_adopted(backup: Path, tmp_path: Path) -> None:
    done = restore(backup, tmp_path / "new")
    (done.folder / ".env").write_text(f"DIGEST_SECRET_KEY={KEY}\n")

    with open_project(done.folder, {}) as project:
        assert home.why_away(project.store) == "it was restored from b.zip, made 2025-11-30T12:00:00+00:00"
        home.adopt(project.store, LATER)
        home.require_home(project.store)
        (eva,) = enrol(project.store, "eva@example.com")
    assert eva is not None
    # Once when it was restored, and once when it was adopted.
    assert query(done.store, "SELECT max(id) FROM subscriber") == [(1 + 2 * home.STEP + 1,)]


def test_key_is_asked_for_unless_it_is_there(folder: Path, tmp_path: Path) -> None:
    configuration = read_configuration(folder, {})
    with_key = back_up(configuration, tmp_path / "with.zip", NOON, {}, secrets=True).file
    without = back_up(configuration, tmp_path / "without.zip", NOON, {}).file
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    (prepared / ".env").write_text(f"DIGEST_SECRET_KEY={KEY}\n")

    assert restore(with_key, tmp_path / "1").has_key
    assert not restore(without, tmp_path / "2").has_key
    assert not restore(without, tmp_path / "3", environ={"DIGEST_SECRET_KEY": "o" * 40}).has_key
    assert restore(without, tmp_path / "4", environ={"DIGEST_SECRET_KEY": f"{'o' * 40} {KEY}"}).has_key
    assert restore(without, prepared).has_key
    assert (tmp_path / "1" / ".env").stat().st_mode & 0o777 == 0o600


def test_project_that_is_there_is_not_touched(backup: Path, folder: Path) -> None:
    assert refused(backup, folder).startswith(f"{folder / 'digest.db'} is there already; restore to another folder, or")


@pytest.mark.parametrize("name", ["digest.toml", "digest.db", "digest.db-wal", "subscribers/x.csv", "templates/x"])
def test_any_piece_of_a_project_is_in_the_way(backup: Path, tmp_path: Path, name: str) -> None:
    there = tmp_path / "new" / name
    there.parent.mkdir(parents=True)
    there.write_text("somebody's")

    assert "is there already" in refused(backup, tmp_path / "new")


def test_empty_folders_and_what_is_no_part_of_a_project_are_not_in_the_way(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "new" / "subscribers").mkdir(parents=True)
    (tmp_path / "new" / "notes.txt").write_text("mine")

    restore(backup, tmp_path / "new")

    assert (tmp_path / "new" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "new" / "subscribers" / "industri.csv").exists()


def test_replacing_moves_everything_aside_and_deletes_nothing(backup: Path, folder: Path) -> None:
    with open_project(folder, {}) as project:
        home.require_home(project.store)
        home.begin_generation(project.store)
        enrol(project.store, "eva@example.com")
    (folder / "subscribers" / "ny.csv").write_text("e-post\n")
    (folder / "digest.db-wal").write_bytes(b"what another store was about to write")
    (folder / "outbox").mkdir()
    before = contents(folder)

    done = restore(backup, folder, replace=True)

    aside = folder / ASIDE
    assert done.aside == (aside,)
    kept = contents(aside)
    assert kept == {name: before[name] for name in before if name not in (".env", "digest.db-send.lock")}
    assert (folder / ".env").read_bytes() == before[".env"], "the backup has none, so it stays"
    assert not (folder / "subscribers" / "ny.csv").exists()
    assert not (folder / "digest.db-wal").exists(), "it would be written over the store"
    assert (folder / "outbox").is_dir()
    assert query(folder / "digest.db", "SELECT count(*) FROM subscriber") == [(1,)]
    assert done.has_key


def test_replacing_twice_in_a_second_keeps_both(backup: Path, folder: Path) -> None:
    first, second = restore(backup, folder, replace=True), restore(backup, folder, replace=True)

    assert [path.name for path in (*first.aside, *second.aside)] == [ASIDE, f"{ASIDE}-2"]


def test_while_somebody_sends_nothing_is_replaced(backup: Path, folder: Path) -> None:
    before = contents(folder)

    with hold(folder / "digest.db-send.lock"), pytest.raises(BusyError):
        restore(backup, folder, replace=True)

    assert {k: v for k, v in contents(folder).items() if "lock" not in k} == before


def test_store_goes_where_the_environment_says(backup: Path, tmp_path: Path) -> None:
    environ = {"DIGEST_DATABASE_URL": f"sqlite:///{tmp_path}/data/nytt.db"}
    done = restore(backup, tmp_path / "new", environ=environ)

    assert done.store == tmp_path / "data" / "nytt.db"
    assert query(done.store, "SELECT address FROM subscriber") == [("anna@example.com",)]
    assert not (tmp_path / "new" / "digest.db").exists()
    assert "is there already" in refused(backup, tmp_path / "other", environ=environ)

    again = restore(backup, tmp_path / "other", environ=environ, replace=True)
    assert again.aside == (tmp_path / "data" / ASIDE,)


def test_store_goes_where_the_backup_s_own_settings_say(folder: Path, tmp_path: Path) -> None:
    (folder / "data").mkdir()
    (folder / "digest.db").rename(folder / "data" / "my.db")
    (folder / ".env").write_text(f"DIGEST_SECRET_KEY={KEY}\nDIGEST_DATABASE_URL=sqlite:///data/my.db\n")
    file = back_up(read_configuration(folder, {}), tmp_path / "b.zip", NOON, {}, secrets=True).file

    done = restore(file, tmp_path / "new")

    assert done.store == tmp_path / "new" / "data" / "my.db"
    with open_project(done.folder, {}) as project:
        assert project.store.path == done.store


@pytest.mark.parametrize("error", [OSError(28, "No space left on device", "x"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_what_fails_half_way_is_taken_back(
    backup: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, step: int
) -> None:
    move, moved = Moves.move, 0

    def fail_late(self: Moves, source: Path, target: Path) -> None:
        nonlocal moved
        moved += 1
        if moved == step:
            raise error
        move(self, source, target)

    monkeypatch.setattr(Moves, "move", fail_late)
    before = {k: v for k, v in contents(folder).items() if "lock" not in k}

    with pytest.raises((NotRestored, KeyboardInterrupt)):
        restore(backup, folder, replace=True)

    assert moved == step
    assert {k: v for k, v in contents(folder).items() if "lock" not in k} == before


# What is no backup, or not a whole one.


def test_file_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "gone.zip", tmp_path / "new")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 but no more"])
def test_file_that_is_no_zip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.zip").write_bytes(content)

    assert "it is not a whole zip file" in refused(tmp_path / "b.zip", tmp_path / "new")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_truncated_backup(backup: Path, tmp_path: Path, part: float) -> None:
    whole = backup.read_bytes()
    backup.write_bytes(whole[: int(len(whole) * part)])

    assert "it is not a whole zip file" in refused(backup, tmp_path / "new")


def test_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("holiday.jpg", "x")

    assert "it holds no manifest.json" in refused(tmp_path / "b.zip", tmp_path / "new")


@pytest.mark.parametrize("damaged", range(6))
def test_flipped_bytes_anywhere_are_noticed(backup: Path, tmp_path: Path, damaged: int) -> None:
    whole = bytearray(backup.read_bytes())
    at = len(whole) * (damaged + 1) // 7
    for place in range(at, at + 8):
        whole[place] ^= 0xFF
    backup.write_bytes(whole)

    assert str(backup) in refused(backup, tmp_path / "new")


Change = Callable[[dict[str, Any], dict[str, bytes]], None]


def forged(backup: Path, change: Change, *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a backup anew after a change to its manifest and members; what is not changed fits."""
    with zipfile.ZipFile(backup) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(manifest, members)
    file = backup.with_name("forged.zip")
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
        archive.writestr("manifest.json", json.dumps(manifest))
    return file


def add(name: str, content: bytes = b"evil") -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members[name] = content
        manifest["members"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    return change


def set_(**values: Any) -> Change:
    return lambda manifest, _: manifest.update(values)


def test_forging_itself_works(backup: Path, tmp_path: Path) -> None:
    restore(forged(backup, add("subscribers/ny.csv")), tmp_path / "new")

    assert (tmp_path / "new" / "subscribers" / "ny.csv").read_bytes() == b"evil"


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/tmp/evil", "subscribers/../../evil", "subscribers//evil", "./evil", "evil",
        ".git/hooks/pre-commit", "outbox/new/1", "digest.db-wal", "subscribers", "templates/",
        "subscribers/a/../../../evil",
    ],
)  # fmt: skip
def test_name_that_leads_astray_is_refused(backup: Path, tmp_path: Path, name: str) -> None:
    why = refused(forged(backup, add(name)), tmp_path / "new")

    assert "it would write to" in why or "is no part of a project" in why or "does not hold what" in why
    assert not (tmp_path / "evil").exists()
    assert not Path("/tmp/evil").exists()


def test_link_in_a_zip_is_a_file_with_words(backup: Path, tmp_path: Path) -> None:
    content = b"/etc/passwd"
    file = forged(backup, add("subscribers/link.csv", content))
    with zipfile.ZipFile(file) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(file, "w") as archive:
        for info, body in members:
            if info.filename.endswith("link.csv"):
                info.external_attr = 0o120777 << 16
            archive.writestr(info, body)

    restore(file, tmp_path / "new")

    assert not (tmp_path / "new" / "subscribers" / "link.csv").is_symlink()
    assert (tmp_path / "new" / "subscribers" / "link.csv").read_bytes() == content


def test_bomb_is_refused_before_it_goes_off(backup: Path, tmp_path: Path) -> None:
    def swell(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["subscribers/industri.csv"] = bytes(50_000_000)

    assert "longer than its manifest says" in refused(forged(backup, swell), tmp_path / "new")


def test_bomb_that_says_how_large_it_is_must_fit_on_the_disk(backup: Path, tmp_path: Path) -> None:
    def swell(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["members"]["subscribers/industri.csv"]["size"] = shutil.disk_usage(tmp_path).total

    assert "has room for" in refused(forged(backup, swell), tmp_path / "new")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_(format=2), "its format is 2, this program knows 1; install a newer digest"),
        (set_(format="x"), "is not a backup's"),
        (set_(members=[]), "is not a backup's"),
        (set_(uid="../.."), "is not a backup's"),
        (set_(rows={}), "its store is another one than its manifest says"),
        (set_(uid="0" * 32), "its store is another one than its manifest says"),
        (lambda manifest, members: manifest.clear(), "is not a backup's"),
        (lambda manifest, members: members.pop("digest.toml"), "does not hold what"),
        (lambda manifest, members: members.update(more=b""), "does not hold what"),
        (lambda manifest, members: members.update({"digest.toml": b"x" * len(members["digest.toml"])}), "is damaged"),
        (add("digest.toml", b"[newsletters"), "digest.toml is not TOML"),
        (add("digest.toml", b"nonsense = 1\n"), "unknown key nonsense"),
        (add("digest.db", b"no store"), "is not a store"),
    ],
)
def test_backup_that_does_not_fit_together_is_refused(backup: Path, tmp_path: Path, change: Change, words: str) -> None:
    assert words in refused(forged(backup, change), tmp_path / "new")


def test_backup_without_a_store_or_settings_is_refused(backup: Path, tmp_path: Path) -> None:
    def drop(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        del manifest["members"]["digest.db"], members["digest.db"]

    assert "it holds no digest.toml or no store" in refused(forged(backup, drop), tmp_path / "new")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_name_that_is_there_twice_is_refused(backup: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(backup, "a") as archive:
        archive.writestr("digest.toml", "[newsletters]")

    assert "does not hold what" in refused(backup, tmp_path / "new")


def test_manifest_without_end_is_refused(tmp_path: Path, backup: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"[" * 100_000)
    assert "is not a backup's" in refused(tmp_path / "b.zip", tmp_path / "new")

    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(65 << 20))
    assert "is too large" in refused(tmp_path / "c.zip", tmp_path / "new")


def a_backup_of_version(folder: Path, to: Path, version: str) -> Path:
    with closing(sqlite3.connect(folder / "digest.db")) as store, store:
        store.execute("UPDATE alembic_version SET version_num = ?", (version,))
    return back_up(read_configuration(folder, {}), to, NOON, {}).file


def test_store_of_a_newer_program_is_refused(folder: Path, tmp_path: Path) -> None:
    file = a_backup_of_version(folder, tmp_path / "b.zip", "9999")

    assert "its store has version 9999, this program knows up to" in refused(file, tmp_path / "new")


def test_store_of_an_older_program_is_brought_up_and_not_at_home(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "old")
    (folder / "digest.db").unlink()
    migrate(folder / "digest.db", to="0001")
    with closing(sqlite3.connect(folder / "digest.db")) as store, store:
        row = ("1" * 32, "2" * 64, "2025-11-30 12:00:00.000000")
        store.execute("INSERT INTO installation (id, uid, pepper, created_at) VALUES (1, ?, ?, ?)", row)
    file = back_up(read_configuration(folder, {}), tmp_path / "b.zip", NOON, {}).file
    done = restore(file, tmp_path / "new")

    assert query(done.store, "SELECT version_num FROM alembic_version") == [(versions()[-1],)]
    (done.folder / ".env").write_text(f"DIGEST_SECRET_KEY={KEY}\n")
    with open_project(done.folder, {}) as project:
        assert "it was restored from" in str(home.why_away(project.store))


def test_damaged_store_in_a_backup_that_fits_is_refused(backup: Path, tmp_path: Path) -> None:
    def damage(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        torn = bytearray(members["digest.db"])
        torn[8192:40960] = bytes(40960 - 8192)
        add("digest.db", bytes(torn))(manifest, members)

    assert "of the store is damaged (" in refused(forged(backup, damage), tmp_path / "new")


def test_names_of_keys_are_what_digest_toml_says(folder: Path, tmp_path: Path) -> None:
    domain = '\n[domains."example.com"]\ndkim_selector = "d1"\ndkim_key_file = "keys/d1.pem"\n'
    (folder / "digest.toml").write_text(TOML + domain)
    (folder / "keys").mkdir()
    (folder / "keys" / "d1.pem").write_text("the private key")
    file = back_up(read_configuration(folder, {}), tmp_path / "b.zip", NOON, {}, secrets=True).file

    done = restore(file, tmp_path / "new")
    assert (done.folder / "keys" / "d1.pem").read_text() == "the private key"
    assert (done.folder / "keys" / "d1.pem").stat().st_mode & 0o077 in (0, 0o044)


def test_a_file_in_the_place_of_the_folder(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file")

    with pytest.raises(NotRestored, match="cannot be restored to"):
        restore(backup, tmp_path / "new")


def test_moment_in_the_folder_s_name_is_utc(backup: Path, folder: Path) -> None:
    now = dt.datetime(2025, 11, 30, 14, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    done = bring_back(backup, folder, now, {}, replace=True)

    assert done.aside[0].name == ASIDE
