import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digest.errors import BusyError, StoreError
from digest.store.lock import hold, is_held

CODE = """\
import sys, time
from pathlib import Path
from digest.store.lock import hold, is_held
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", CODE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_lock_that_another_process_holds_is_refused_until_that_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "digest.lock"
    with held_by_another_process(path) as other:
        with pytest.raises(BusyError) as refused, hold(path):
            pass
        assert str(refused.value) == "another run is at it (it holds digest.lock); wait for it to end"
        assert refused.value.exit_code == 5

        other.kill()
        other.wait()

        with hold(path):
            pass


def test_who_waits_gets_the_lock_when_the_other_process_ends(tmp_path: Path) -> None:
    path, got = tmp_path / "digest.lock", threading.Event()

    def wait() -> None:
        with hold(path, wait=True):
            got.set()

    with held_by_another_process(path) as other:
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not got.wait(0.1)
        other.communicate("go\n", timeout=10)
        assert got.wait(10)
        waiting.join()


def test_lock_is_free_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "digest.lock"
    with pytest.raises(LookupError), hold(path):
        raise LookupError

    with hold(path), pytest.raises(BusyError), hold(path):
        pass


def test_file_of_the_lock_stays_and_is_nobody_else_s(tmp_path: Path) -> None:
    path = tmp_path / "digest.lock"

    with hold(path):
        pass

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b""


def test_lock_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    words = r"missing/digest\.lock cannot be made: No such file or directory; look at the folder's permissions"
    with pytest.raises(StoreError, match=words), hold(tmp_path / "missing" / "digest.lock"):
        pass


def test_one_can_see_whether_a_lock_is_held_without_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "digest.lock"
    assert not is_held(path)
    assert not path.exists()

    with held_by_another_process(path) as other:
        assert is_held(path)
        other.kill()
        other.wait()

    assert not is_held(path)
    with hold(path):
        assert is_held(path)


def test_process_that_is_stopped_keeps_its_lock_until_it_goes_on_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "digest.lock"
    with held_by_another_process(path) as other:
        other.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, other.pid, os.WSTOPPED)
        with pytest.raises(BusyError), hold(path):
            pass
        assert is_held(path)

        other.send_signal(signal.SIGCONT)
        other.communicate("go on\n", timeout=10)

        with hold(path):
            pass
