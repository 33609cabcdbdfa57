"""``digest db backup``: one file, whole and consistent, with nothing in it that was erased or is not ours."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from digest.errors import BusyError, ConfigError, StoreError, StoreMissing
from digest.operation.archive import is_inside
from digest.operation.backup import BackedUp, NoBackup, back_up
from digest.project import open_project, read_configuration
from digest.store.lock import hold
from tests.projects import TOML, a_project_folder
from tests.store.builders import NOON, enrol, query

DOMAIN = '\n[domains."example.com"]\ndkim_selector = "d1"\ndkim_key_file = "keys/d1.pem"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a list's file and a design of its own."""
    made = a_project_folder(tmp_path / "nytt", TOML + DOMAIN)
    for name, text in {
        "subscribers/industri.csv": "e-post\nanna@example.com\n",
        "templates/nytt/letter.html.j2": "<p>Å</p>",
        "keys/d1.pem": "the private key",
        "outbox/new/1": "a letter",
        "articles/a.json": "[]",
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    return made


def make(folder: Path, file: Path, *, secrets: bool = False, overwrite: bool = False) -> BackedUp:
    return back_up(read_configuration(folder, {}), file, NOON, {}, secrets=secrets, overwrite=overwrite)


def names(file: Path) -> set[str]:
    with zipfile.ZipFile(file) as archive:
        return set(archive.namelist())


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_backup_holds_what_a_project_comes_back_from_and_no_secret(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    made = make(folder, file)

    assert names(file) == {
        "digest.toml", "digest.db", "subscribers/industri.csv", "templates/nytt/letter.html.j2", "manifest.json",
    }  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.size == file.stat().st_size
    assert made.missing == (
        ".env with DIGEST_SECRET_KEY (--with-secrets takes it in; "
        "without it links in letters already sent stop working)",
        "keys/d1.pem with a secret",
        "outbox/",
        "articles/",
    )
    assert left_in(tmp_path) == ["b.zip", "nytt"], "nothing half done is left"
    assert not [name for name in left_in(folder) if name.startswith("digest.db-")]


def test_secrets_go_in_when_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    (folder / "keys" / "secret").write_text("k" * 40)
    (folder / ".env").write_text(f"DIGEST_SECRET_KEY_FILE={Path('keys', 'secret')}\n")
    made = make(folder, tmp_path / "b.zip", secrets=True)

    assert {".env", "keys/d1.pem", "keys/secret"} <= names(tmp_path / "b.zip")
    assert made.missing == ("outbox/", "articles/")


def test_secrets_outside_the_project_are_named_and_not_taken(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "d1.pem").write_text("the private key")
    (folder / "digest.toml").write_text(TOML + DOMAIN.replace("keys/d1.pem", "../d1.pem"))
    configuration = read_configuration(folder, {"DIGEST_SECRET_KEY": "e" * 40})
    made = back_up(configuration, tmp_path / "b.zip", NOON, {}, secrets=True)

    assert "DIGEST_SECRET_KEY, which is set outside the project" in made.missing[0]
    assert made.missing[1] == "../d1.pem with a secret"
    assert not [name for name in names(tmp_path / "b.zip") if "pem" in name]


def test_manifest_accounts_for_every_byte(folder: Path, tmp_path: Path) -> None:
    make(folder, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        sizes = {info.filename: info.file_size for info in archive.infolist()}

    assert {name: member["size"] for name, member in manifest["members"].items()} == {
        name: size for name, size in sizes.items() if name != "manifest.json"
    }
    assert (manifest["format"], manifest["made_at"]) == (1, "2025-11-30T12:00:00+00:00")
    assert query(folder / "digest.db", "SELECT uid FROM installation") == [(manifest["uid"],)]
    assert manifest["rows"]["installation"] == 1


def test_project_without_subscribers_and_templates_is_backed_up(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "bare")
    make(folder, tmp_path / "b.zip")

    assert names(tmp_path / "b.zip") == {"digest.toml", "digest.db", "manifest.json"}


def test_backup_needs_neither_the_key_nor_a_store_of_the_newest_version(folder: Path, tmp_path: Path) -> None:
    (folder / ".env").unlink()
    made = make(folder, tmp_path / "b.zip")

    assert made.manifest.key is None
    assert "DIGEST_SECRET_KEY" not in "".join(made.missing), "it has never been signed"


def test_store_is_of_one_moment_while_others_write(folder: Path, tmp_path: Path) -> None:
    """A pair of rows is written in one transaction: no backup may hold one without the other."""
    with closing(sqlite3.connect(folder / "digest.db")) as store, store:
        store.execute("PRAGMA journal_mode=WAL")
    ended, pairs = threading.Event(), 0

    def write() -> None:
        nonlocal pairs
        with closing(sqlite3.connect(folder / "digest.db", timeout=30)) as store:
            while not ended.is_set():
                with store:
                    for name in ("a", "b"):
                        store.execute("INSERT INTO relay (name) VALUES (?)", (f"{name}{pairs}" + "x" * 250,))
                pairs += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = []
        for number in range(5):
            before = pairs
            made.append(make(folder, tmp_path / f"{number}.zip").manifest.rows["relay"])
            while pairs == before:
                time.sleep(0.01)
    finally:
        ended.set()
        writer.join()

    assert made == sorted(made)
    assert made[-1] > made[0]
    assert [count % 2 for count in made] == [0] * 5


def test_erased_reader_does_not_travel(folder: Path, tmp_path: Path) -> None:
    with open_project(folder, {}) as project:
        enrol(project.store, *(f"kanariefagel{n}@example.com" for n in range(200)))
    with closing(sqlite3.connect(folder / "digest.db")) as store, store:
        store.execute("PRAGMA secure_delete=OFF")
        store.execute("UPDATE subscriber SET address = 'x' || id, hash = NULL")
        store.execute("DELETE FROM consent_change")
    assert b"kanariefagel" in (folder / "digest.db").read_bytes(), "the file itself still has it in free pages"

    make(folder, tmp_path / "b.zip")

    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert b"kanariefagel" not in archive.read("digest.db")


def test_store_elsewhere_is_taken_from_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (folder / "digest.db").rename(tmp_path / "data" / "nytt.db")
    configuration = read_configuration(folder, {"DIGEST_DATABASE_URL": f"sqlite:///{tmp_path}/data/nytt.db"})

    made = back_up(configuration, tmp_path / "b.zip", NOON, {})

    assert "digest.db" in made.manifest.members
    with pytest.raises(StoreMissing):
        make(folder, tmp_path / "c.zip")


def test_file_that_is_there_is_kept_unless_one_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("yesterday's")

    with pytest.raises(
        NoBackup, match=r"b\.zip is there already; name another file, or write over it with --overwrite"
    ):
        make(folder, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "yesterday's"

    make(folder, tmp_path / "b.zip", overwrite=True)
    assert zipfile.is_zipfile(tmp_path / "b.zip")


@pytest.mark.parametrize("name", ["digest.db", "digest.db-wal", "digest.db-home", "digest.toml", ".env", "keys/d1.pem"])
def test_project_is_never_written_over_by_its_own_backup(folder: Path, name: str) -> None:
    before = (folder / "digest.db").read_bytes()

    with pytest.raises(NoBackup, match="is part of the project itself"):
        make(folder, folder / name, overwrite=True)

    assert (folder / "digest.db").read_bytes() == before


def test_link_to_the_store_is_no_way_round(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").symlink_to(folder / "digest.db")

    with pytest.raises(NoBackup, match="is part of the project itself"):
        make(folder, tmp_path / "b.zip", overwrite=True)


@pytest.mark.parametrize("name", ["subscribers/b.zip", "templates/nytt/b.zip"])
def test_backup_is_not_part_of_itself(folder: Path, name: str) -> None:
    with pytest.raises(NoBackup, match="which is backed up itself; name a file elsewhere"):
        make(folder, folder / name)

    assert not (folder / name).exists()


def test_backup_in_the_project_s_folder_is_fine_and_not_in_the_next_one(folder: Path) -> None:
    make(folder, folder / "b.zip")
    make(folder, folder / "c.zip")

    assert names(folder / "b.zip") == names(folder / "c.zip")


def test_folder_in_the_place_of_the_file_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NoBackup, match=r"is a folder; name a file in it, such as .*/digest\.zip"):
        make(folder, tmp_path)
    with pytest.raises(StoreError, match=r"missing/b\.zip\.unfinished cannot be made: No such file or directory"):
        make(folder, tmp_path / "missing" / "b.zip")


def test_odd_names_links_and_files_that_are_none(folder: Path, tmp_path: Path) -> None:
    at = folder / "subscribers"
    (tmp_path / "passwords").write_text("secret of the machine")
    odd = "läsare (1)\n\\ 'kopia'.csv"
    (at / odd).write_text("e-post\n")
    (at / "inside.csv").symlink_to(at / "industri.csv")
    (at / "outside.csv").symlink_to(tmp_path / "passwords")
    (at / "nowhere.csv").symlink_to(at / "gone")
    (at / "loop").symlink_to(at)
    (at / "away").symlink_to(tmp_path)
    os.mkfifo(at / "pipe")
    os.close(os.open(os.fsencode(at) + b"/b\xe5.csv", os.O_CREAT | os.O_WRONLY))
    os.utime(at / "industri.csv", (0, 0))  # before zip files know dates

    made = make(folder, tmp_path / "b.zip")

    assert {f"subscribers/{odd}", "subscribers/inside.csv", "subscribers/industri.csv"} <= names(tmp_path / "b.zip")
    assert {one.name: one.reason for one in made.left_out} == {
        "subscribers/outside.csv": "a link that leads out of the project",
        "subscribers/nowhere.csv": "a link that leads nowhere",
        "subscribers/away": "a link that leads out of the project",
        "subscribers/loop": "not a file",
        "subscribers/pipe": "not a file",
        "subscribers/b\\xe5.csv": "its name is not UTF-8",
    }
    assert b"secret of the machine" not in b"".join(contents(tmp_path / "b.zip"))


def contents(file: Path) -> list[bytes]:
    with zipfile.ZipFile(file) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_folder_that_is_a_link_out_of_the_project_is_left_out(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "subscribers", tmp_path / "elsewhere")
    (folder / "subscribers").symlink_to(tmp_path / "elsewhere")

    made = make(folder, tmp_path / "b.zip")

    assert [one.name for one in made.left_out] == ["subscribers/"]


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("subscribers/a.csv", True), ("a", True), ("...", True), ("", False), ("/etc/passwd", False), ("..", False),
        ("../a", False), ("a/../../b", False), ("a//b", False), ("./a", False), ("a/", False), ("a\0b", False),
        (".", False),
    ],
)  # fmt: skip
def test_what_is_inside_a_folder(name: str, inside: bool) -> None:
    assert is_inside(name) is inside


@pytest.mark.parametrize("content", [b"", b"no store at all " * 1000])
def test_file_that_is_no_store_is_not_backed_up(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / "digest.db").write_bytes(content)

    with pytest.raises((StoreError, ConfigError)) as refused:
        make(folder, tmp_path / "b.zip")

    assert len(str(refused.value).splitlines()) == 1
    assert left_in(tmp_path) == ["nytt"]


def test_damaged_store_is_not_backed_up_as_if_it_were_whole(folder: Path, tmp_path: Path) -> None:
    with open_project(folder, {}) as project:
        enrol(project.store, *(f"{n}@example.com" for n in range(500)))
    whole = (folder / "digest.db").read_bytes()
    (folder / "digest.db").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(StoreError):
        make(folder, tmp_path / "b.zip")
    assert left_in(tmp_path) == ["nytt"]


def test_two_at_the_same_time_do_not_write_over_each_other(folder: Path, tmp_path: Path) -> None:
    with hold(tmp_path / "b.zip.unfinished"), pytest.raises(BusyError):
        make(folder, tmp_path / "b.zip")


def test_what_a_killed_backup_left_is_no_obstacle(folder: Path, tmp_path: Path) -> None:
    for name in ("b.zip.unfinished", "b.zip.store.unfinished"):
        (tmp_path / name).write_text("half")

    make(folder, tmp_path / "b.zip")

    assert left_in(tmp_path) == ["b.zip", "nytt"]


def in_a_process(folder: Path, code: str) -> "subprocess.Popen[str]":
    call = "sys.exit(run(['db', 'backup', 'b.zip', '--project', 'nytt']))"
    lines = f"import sys; from digest.cli.app import run\n{code}\n{call}"
    return subprocess.Popen([sys.executable, "-c", lines], cwd=folder.parent, stderr=subprocess.PIPE, text=True)


def test_full_disk_is_one_clear_line_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    (folder / "subscribers" / "big.csv").write_bytes(os.urandom(900_000))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    for bytes_ in (100_000, 800_000):  # too little for the store, enough for it and not for the rest
        with in_a_process(folder, limit.format(bytes_)) as process:
            said = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert len(said.splitlines()) == 1
        assert "b.zip" in said
        assert left_in(tmp_path) == ["nytt"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_stopped_backup_leaves_nothing(folder: Path, tmp_path: Path, signum: signal.Signals) -> None:
    (folder / "subscribers" / "big.csv").write_bytes(os.urandom(200_000_000))
    with in_a_process(folder, "") as process:
        ends = time.monotonic() + 30
        while not (tmp_path / "b.zip.unfinished").exists() and time.monotonic() < ends:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signum)
        process.communicate(timeout=60)

    assert process.returncode == 130
    assert left_in(tmp_path) == ["nytt"]


def test_unreadable_file_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "subscribers" / "mine.csv").symlink_to("/proc/self/mem")
    assert make(folder, tmp_path / "a.zip").left_out[0].name == "subscribers/mine.csv"
    if os.geteuid():
        (folder / "subscribers" / "industri.csv").chmod(0)
        with pytest.raises(NoBackup, match=r"industri\.csv cannot be read: Permission denied; nothing was written"):
            make(folder, tmp_path / "b.zip")
        assert not (tmp_path / "b.zip").exists()
