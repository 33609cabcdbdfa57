"""``digest status``: one screen for a person, lines for programs, one object for scripts."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import READERS, Run
from tests.serving import serving


def screen(project: Path, columns: int = 80) -> list[str]:
    """Return what a terminal of this width is sent, line by line and without its colours."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(columns), "TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "digest", "status"], cwd=project, stdin=theirs, stdout=theirs, stderr=theirs, env=environ
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:  # Linux says so when the last one has hung up
            pass
        assert process.wait(60) == 0
    os.close(ours)
    return said.decode().splitlines()


def test_empty_project(project: Path, digest: Run) -> None:
    shown = digest("status")

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines()[:2] == [
        "edition\tstate\tarticles\treaders\tsent\topen\tfailed\tin doubt", "nothing needs a hand",
    ]  # fmt: skip
    assert digest("status", "--json").json["editions"] == []


def test_lines_for_other_programs(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-30")
    (ready / ".env").chmod(0o644)
    lines = digest("status").out.splitlines()

    assert lines[1] == "nyheter/2025-11-30\trehearsed\t2\t3\t3\t0\t0\t0"
    assert lines[2] == f"needs a hand\t.env\tother users of this machine can read it\tchmod 600 {ready / '.env'}"
    assert [cell.split()[0] for cell in lines[3].split("\t")] == ["digest", "store", "python", "sqlite"]


def test_json_is_the_contract_s(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-30")
    said = digest("status", "--json").json

    assert list(said) == ["schema", "editions", "running", "needs", "versions", "installation", "notices", "sources"]
    assert said["editions"] == digest("editions", "list", "--json").json["editions"]
    assert (said["running"], said["needs"], said["notices"]) == (None, [], {"waiting": 0, "failed": 0})


def test_needs_do_not_change_the_exit_code(ready: Path, digest: Run) -> None:
    (ready / ".env").chmod(0o644)
    assert digest("status").code == 0


def test_normal_day_fits_a_small_terminal(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-30")
    with closing(sqlite3.connect(ready / "digest.db")) as store, store:
        for day in range(1, 12):
            store.execute(
                "INSERT INTO edition (newsletter_id, date, number, state, reason, decided_at, rehearsal, list_ids, "
                "audience, sender, key) SELECT newsletter_id, ?, 1, 'empty', '', decided_at, 0, '[]', 0, '', '' "
                "FROM edition WHERE id = 1",
                (f"2025-11-{day:02}",),
            )
    lines = screen(ready)

    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["edition", "state", "readers", "sent"], "columns of noughts tell nothing"
    assert sum(line.startswith("nyheter/2025-11-") for line in lines) == 10
    assert "✓ nothing needs a hand" in lines


def test_need_at_a_terminal_has_its_command_whole_below_it(ready: Path) -> None:
    (ready / ".env").chmod(0o644)
    lines = screen(ready, 60)

    at = lines.index("● .env other users of this machine can read it")
    assert "".join(lines[at + 1 :]).startswith(f"  → chmod 600 {ready / '.env'}")
    assert lines[0] == "no edition yet; begin with: digest preview"


def test_running_send_is_seen_from_outside(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "".join(f"r{number}@example.com;;\n" for number in range(20))
    (ready / "more.csv").write_text(READERS + more, encoding="utf-8")
    digest("subscribers", "import", "more.csv", "--list", "industri", "--confirmed")
    with serving() as server:
        environ = {**os.environ, "DIGEST_RELAY_URL": server.url, "DIGEST_RELAY_RATE": "8/s"}
        command = [sys.executable, "-m", "digest", "send", "--date", "2025-11-30", "--json"]
        with subprocess.Popen(command, cwd=ready, env=environ, stdout=subprocess.PIPE, text=True) as process:
            seen = None
            while seen is None and process.poll() is None:
                said = digest("status", "--json").json
                running = said["running"]
                seen = said if running and running["seconds_left"] else None
                time.sleep(0.05)
            assert process.stdout is not None
            sent = json.loads(process.stdout.read())

    assert sent["sent"] == 23
    assert seen is not None
    assert seen["running"]["edition"] == "nyheter/2025-11-30"
    assert 0 < seen["running"]["left"] < 23
    assert seen["running"]["per_second"] > 0
    assert seen["needs"] == []
    assert digest("status", "--json").json["running"] is None
