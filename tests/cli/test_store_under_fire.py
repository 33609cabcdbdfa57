"""``digest send`` while its store is locked, damaged, or not ours to write: nobody is lost or mailed twice by it."""

import contextlib
import os
import pkgutil
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import digest as package
from digest.delivery.emergency import journal_file, waiting
from digest.demo.smtpd import Answer, Script, Step
from tests.cli.conftest import Run, in_process_of_its_own
from tests.cli.test_send import DATE, READERS, use
from tests.commands import Ended
from tests.serving import serving
from tests.store.builders import a_store_file, query

PAGE = 4096
EVERY = 6  #: of so many pages of a store one is spoilt
LOCKING = """\
import sqlite3, sys
store = sqlite3.connect("digest.db", isolation_level=None, timeout=10)
sys.stdin.readline()
store.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locker(project: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that locks the store when told to, and lets go when told again, or killed."""
    command = [sys.executable, "-c", LOCKING]
    with subprocess.Popen(command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def locking_at_dot(process: "subprocess.Popen[str]") -> Script:
    """Return a script that has the store locked when the first mail is there, before its answer."""
    left = [process]

    def script(step: Step) -> Answer:
        if step.name == "dot" and left:
            other = left.pop()
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdin.write("lock\n")
            other.stdin.flush()
            assert other.stdout.readline() == "locked\n"
        return None

    return script


def go_on(digest: Run, monkeypatch: pytest.MonkeyPatch) -> tuple[Ended, list[tuple[str, bytes]]]:
    """Send; return how that ended, and what was mailed but for alerts to the editors."""
    with serving() as server:
        use(monkeypatch, server.url)
        ended = digest("send", *DATE, "--wait", "0")
        mails = [(mail.recipient, mail.content) for mail in server.mails]
        return ended, [mail for mail in mails if mail[0] != "red@example.com"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits for a lock as long as a test does."""
    monkeypatch.setattr("digest.store.writer.PATIENCE", 0.6)
    monkeypatch.setattr("digest.store.writer.SHORT", 0.05)


@pytest.mark.usefixtures("impatient")
def test_answer_that_the_store_cannot_take_goes_to_the_journal_and_nobody_is_in_doubt_or_mailed_twice(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with locker(ready) as process, serving(locking_at_dot(process)) as server:
        use(monkeypatch, server.url)
        locked = digest("send", *DATE)
        mailed = [mail.recipient for mail in server.mails]
        kept = waiting(ready / "digest.db")
        marked = query(ready / "digest.db", "SELECT count(*) FROM delivery WHERE state = 2")
        checked, backed_up = digest("db", "check"), digest("db", "backup", ready.with_name("backup.zip"))
        named = digest("editions", "doubts", "--json").json["doubts"]
        process.kill()
        process.wait()
        again = digest("send", *DATE, "--json")
        doubts = digest("editions", "doubts", "--json").json["doubts"]

    assert locked.code == 1
    assert len(locked.err.splitlines()) == 1, locked.err
    assert "is locked by another program" in locked.err
    assert "is in digest.db-emergency, and the next digest send reads it" in locked.err
    assert mailed == READERS[:1], "new claims stop first: the second mail got no mark, hence no dot"
    assert (marked, [one.subscriber_id for one in kept][:1]) == ([(1,)], [1])
    assert named == [], "its mark is there still, but the relay's answer is known"
    assert "waits in digest.db-emergency" in checked.out + checked.err
    assert "digest.db-emergency, where what came of" in backed_up.out
    assert (again.code, again.json["sent"], again.json["now"]["sent"], doubts) == (0, 3, 2, [])
    assert Counter(mail.recipient for mail in server.mails) == Counter(READERS)
    assert waiting(ready / "digest.db") == []


@pytest.mark.usefixtures("impatient")
def test_conversation_that_cannot_be_marked_does_not_cut_off_one_that_waits_for_its_answer(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = threading.Event()

    def other(step: Step) -> Answer:
        if step.name == "data":
            locked.wait(10)  # its mark is asked for when the store cannot be written
        return None

    with locker(ready) as process:
        lock = locking_at_dot(process)

        def slow(step: Step) -> Answer:
            lock(step)
            if step.name == "dot" and not locked.is_set():
                locked.set()
                time.sleep(1.5)  # longer than the writer's patience: the other conversation has ended by then
            return None

        with serving(slow) as one, serving(other) as two:
            use(monkeypatch, f"{one.url}?connections=1 {two.url}?connections=1")
            failed = digest("send", *DATE)
            process.kill()
            process.wait()
            again = digest("send", *DATE, "--json")

    assert failed.code == 1
    assert (again.code, again.json["sent"], again.json["in_doubt"]) == (0, 3, 0)
    assert Counter(mail.recipient for mail in [*one.mails, *two.mails]) == Counter(READERS)


@contextmanager
def a_small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 24 MB, or the test is skipped: only root can have one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")
def test_disk_that_fills_up_during_a_send_leaves_nobody_in_doubt(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with a_small_disk(tmp_path / "disk") as disk:
        project, room = shutil.copytree(ready, disk / "project"), ["some"]
        monkeypatch.chdir(project)

        def script(step: Step) -> Answer:
            if step.name == "dot" and room:
                room.clear()
                with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(PAGE))
            return None

        with serving(script) as server:
            use(monkeypatch, server.url)
            full = digest("send", *DATE)
            kept = waiting(project / "digest.db")
            short = digest("send", *DATE)
            (disk / "filler").unlink()
            again = digest("send", *DATE, "--json")
        monkeypatch.chdir(ready)

    assert (full.code, len(full.err.splitlines())) == (1, 1), full
    assert "database or disk is full" in full.err
    assert [one.subscriber_id for one in kept][:1] == [1]
    assert short.code == 1
    assert "make room there and run this again" in short.err
    assert (again.code, again.json["sent"], again.json["in_doubt"]) == (0, 3, 0)
    assert Counter(mail.recipient for mail in server.mails if mail.recipient in READERS) == Counter(READERS)


def test_lock_that_is_let_go_in_time_only_delays(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with locker(ready) as process:
        lock, dots = locking_at_dot(process), list[Step]()

        def script(step: Step) -> Answer:
            lock(step)
            if step.name == "dot":
                dots.append(step)
            if step.name == "data" and len(dots) == 1:  # the second mail's mark is about to wait
                _let_go_later(process)
            return None

        with serving(script) as server:
            use(monkeypatch, server.url)
            sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"], sent.err) == (0, 3, "")
    assert not waiting(ready / "digest.db")


def _let_go_later(process: "subprocess.Popen[str]") -> None:
    def let_go() -> None:
        assert process.stdin is not None
        process.stdin.write("let go\n")
        process.stdin.flush()

    threading.Timer(0.4, let_go).start()


def test_journal_of_another_store_stops_a_send_before_anything_goes_out(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal_file(ready / "digest.db").write_bytes(b"somebody's notes\n" * 100)
    refused, mails = go_on(digest, monkeypatch)

    assert (refused.code, mails) == (1, [])
    assert "digest.db-emergency is no emergency journal, or is damaged; move it away" in refused.err


@pytest.fixture
def half_sent(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose send was killed when the first of three readers had been mailed; its log is still there."""
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with serving(folder=ready.with_name("taken")) as server:
        killed = in_process_of_its_own(ready, "send", *DATE, DIGEST_CRASH_AT="marked:2", DIGEST_RELAY_URL=server.url)
    assert killed.code < 0
    assert len(list(ready.with_name("taken").glob("*.eml"))) == 1
    return ready


def test_noise_over_any_page_mails_nobody_twice_or_garbage(
    half_sent: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = half_sent / "digest.db"
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = {file: file.read_bytes() for file in half_sent.glob("digest.db*")}
    whole, right = go_on(digest, monkeypatch)
    assert (whole.code, [who for who, _ in right]) == (0, READERS[1:])
    for page in range(0, len(files[path]) // PAGE, EVERY):
        put_back(half_sent, files)
        with path.open("r+b") as file_:
            file_.seek(page * PAGE)
            file_.write(random.Random(page).randbytes(PAGE))
        ended, mails = go_on(digest, monkeypatch)

        assert set(mails) <= set(right), f"page {page + 1}"
        assert len(mails) == len(set(mails)), f"page {page + 1}"
        assert ended.code in (0, 1, 3, 4), f"page {page + 1}"
        assert ended.code != 0 or sorted(mails) == sorted(right), f"page {page + 1}"
        assert "Traceback" not in ended.err
        assert len(ended.err.splitlines()) <= 1, f"page {page + 1}: {ended.err}"


def test_log_that_is_not_what_it_was_mails_nobody_who_is_not_named(
    half_sent: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, data = half_sent / "digest.db-wal", (half_sent / "digest.db-wal").read_bytes()
    files = {file: file.read_bytes() for file in half_sent.glob("digest.db*") if file != log}
    middle = len(data) // 2
    logs = {
        "missing": b"",
        "foreign": a_strange_log(half_sent.with_name("strange.db")),
        "cut": data[:middle],
        "noise": data[:middle] + random.Random(1).randbytes(PAGE) + data[middle + PAGE :],
    }
    for what, spoilt in logs.items():
        put_back(half_sent, {**files, log: spoilt})
        (half_sent / "digest.db-shm").unlink(missing_ok=True)
        ended, mails = go_on(digest, monkeypatch)

        # The disk has lost what it had promised; the witness beside the store knows of the run that is missing.
        assert (ended.code, mails) in [(6, []), (4, []), (1, [])], (what, ended)
        assert "Traceback" not in ended.err
        assert len(ended.err.splitlines()) == 1, (what, ended.err)


def a_strange_log(path: Path) -> bytes:
    """Return the log of another store of the same kind."""
    with closing(sqlite3.connect(a_store_file(path))) as strange:
        strange.execute("PRAGMA journal_mode=WAL")
        strange.execute("INSERT INTO relay (name) VALUES ('strange')")
        strange.execute("UPDATE installation SET created_at = '2020-01-01 00:00:00.000000'")
        strange.commit()
        return path.with_name(path.name + "-wal").read_bytes()


def put_back(project: Path, files: dict[Path, bytes]) -> None:
    """Write a store's files as they were, into the same places; what was made since is gone."""
    for file in project.glob("digest.db*"):
        if file not in files:
            file.unlink()
    for file, data in files.items():
        file.write_bytes(data)


AS_NOBODY = """\
import importlib, os, sys
for name in {modules!r}:
    importlib.import_module(name)
from digest.cli.app import run
assert run(["send", "--date", "2025-11-30", "--dry-run"]) == 0  # all is imported: nobody may not read our Python
os.setgid(65534)
os.setuid(65534)
sys.exit(run(["send", "--date", "2025-11-30"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_store_of_another_owner_mails_nobody(ready: Path) -> None:
    modules = [one.name for one in pkgutil.walk_packages(package.__path__, "digest.") if "migrations" not in one.name]
    modules.remove("digest.__main__")
    with TemporaryDirectory() as folder, serving() as server:
        project = Path(folder) / "project"
        shutil.copytree(ready, project)
        for path in (Path(folder), project, *project.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # to be read by everybody, and written by root alone
        ended = subprocess.run(
            [sys.executable, "-c", AS_NOBODY.format(modules=modules)], cwd=project, capture_output=True, text=True,
            env={**os.environ, "DIGEST_RELAY_URL": server.url}, check=False, timeout=60,
        )  # fmt: skip

    assert ended.returncode in (1, 4), ended
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "permissions" in ended.stderr
    assert server.mails == []
