"""DIGEST_PING_URL: a monitor is told when an edition begins and how it ended, and never stands in a send's way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import TOML, Run

DATE = ("--date", "2025-11-30")
Calls = list[tuple[str, str]]


@contextmanager
def monitoring(status: int = 200) -> Iterator[tuple[str, Calls]]:
    """Run a monitor on loopback; yields its address and what it has heard."""
    heard: Calls = []

    class Monitor(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            heard.append((self.path, body))
            self.send_response(status)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Monitor)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ping/secret-id", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_send_that_goes_well_is_told_at_its_start_and_its_end(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monitoring() as (url, heard):
        monkeypatch.setenv("DIGEST_PING_URL", url)
        sent = digest("send", *DATE)

    assert (sent.code, sent.err) == (0, "")
    assert [path for path, _ in heard] == ["/ping/secret-id/start", "/ping/secret-id"]
    assert heard[1][1] == "nyheter/2025-11-30: 3 letters written to outbox/. Nobody was mailed"


def test_what_is_held_or_fails_is_told_as_a_failure(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (ready / "digest.toml").write_text(TOML.replace('lists = ["industri"]', 'lists = ["ingen"]'))
    with monitoring() as (url, heard):
        monkeypatch.setenv("DIGEST_PING_URL", url)
        assert digest("send", *DATE).code == 6
        (ready / "digest.toml").write_text(TOML)
        monkeypatch.setenv("DIGEST_RELAY_URL", "smtp+plain://127.0.0.1:1")
        assert digest("send", *DATE, "--wait", "0").code == 1

    assert [path.rpartition("/")[2] for path, _ in heard] == ["start", "fail"] * 2


def test_cron_that_finds_nothing_to_do_says_nothing(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (ready / "digest.toml").write_text(TOML.replace("[lists", 'schedule = "0 0 29 2 *"\n[lists', 1))
    with monitoring() as (url, heard):
        monkeypatch.setenv("DIGEST_PING_URL", url)
        assert digest("send", "--due").code == 0

    assert heard == []


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--test", "red@example.com")])
def test_trials_are_nobody_s_business(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    with monitoring() as (url, heard):
        monkeypatch.setenv("DIGEST_PING_URL", url)
        assert digest("send", *DATE, *arguments).code == 0

    assert heard == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_monitor_in_trouble_is_a_warning_that_keeps_its_secret(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with monitoring(status) as (url, _):
        monkeypatch.setenv("DIGEST_PING_URL", url)
        sent = digest("send", *DATE)

    assert sent.code == 0
    assert len(sent.err.splitlines()) == 2
    assert f"it answered {status}" in sent.err
    assert "secret-id" not in sent.err + digest("config", "show").out
