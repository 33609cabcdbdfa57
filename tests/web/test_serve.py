"""``digest serve`` as a process: where it listens, what it says, how it stops."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from digest.cli.app import run
from digest.web.server import address_of, listen
from tests.web.conftest import ONE_CLICK, URLENCODED, Mailed, Served


@contextmanager
def serving(mailed: Mailed, *options: str) -> Iterator[tuple[subprocess.Popen[str], Served]]:
    """Run the command on a free port until the block is left, or it ends by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "digest", "serve", "--port", "0", *options],
        cwd=mailed.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        port = re.search(r"listening on http://[^ ]*:(\d+);", first)
        assert port, first
        yield process, Served(int(port[1]))
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_readers_are_answered_until_sigterm_which_is_success(mailed: Mailed) -> None:
    with serving(mailed) as (process, served):
        assert served.get("/healthz").json["status"] == "ok"
        assert served.one_click(mailed.leave()).status == 200
        process.terminate()
        assert ended(process) == (0, "", "")
    assert mailed.subscription() == "unsubscribed"


def test_ctrl_c_ends_it_as_interrupted(mailed: Mailed) -> None:
    with serving(mailed) as (process, served):
        assert served.get("/").status == 200
        process.send_signal(signal.SIGINT)
        assert ended(process) == (130, "", "")


def test_an_idle_connection_does_not_keep_it_from_stopping(mailed: Mailed) -> None:
    with serving(mailed) as (process, served), socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(20).startswith(b"HTTP/1.1 200 ")
        process.terminate()
        began = time.monotonic()
        assert ended(process)[0] == 0
        assert time.monotonic() - began < 5


def test_a_click_that_is_under_way_is_answered_before_it_stops(mailed: Mailed) -> None:
    mailed.do("UPDATE delivery SET state = 2 WHERE subscriber_id = 1")  # sending: the answer waits for it
    with serving(mailed) as (process, served):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
        with closing(connection):
            connection.request("POST", mailed.leave(), ONE_CLICK, URLENCODED)
            time.sleep(0.5)
            process.terminate()
            assert connection.getresponse().status == 200
        assert ended(process)[0] == 0


def test_the_log_of_v_has_no_token_and_malformed_requests_are_no_news(mailed: Mailed) -> None:
    with serving(mailed, "-v") as (process, served):
        served.get(mailed.leave())
        served.get(mailed.view())
        with socket.create_connection(("127.0.0.1", served.port)) as sock:
            sock.sendall(b"nonsense\r\n\r\n")
            sock.recv(100)
        process.terminate()
        code, out, err = ended(process)

    assert (code, out) == (0, "")
    assert [re.sub(r"\d+ ms", "N ms", line) for line in err.splitlines()] == [
        "digest: GET /u/… 200 N ms",
        "digest: GET /view/… 200 N ms",
    ]


def test_a_port_that_is_taken_is_one_line(mailed: Mailed, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code = run(["serve", "--port", str(port), "--project", str(mailed.folder)])

    said = capfd.readouterr()
    assert (code, said.out) == (1, "")
    assert said.err == (
        f"digest: cannot listen on port {port} of 127.0.0.1 (Address already in use); "
        "stop who does, or choose another: --port\n"
    )


@pytest.mark.parametrize("host", ["192.0.2.7", "", "::1%nosuch", "a..b", "å" * 70])
def test_a_host_that_is_not_ours_is_one_line(mailed: Mailed, capfd: pytest.CaptureFixture[str], host: str) -> None:
    code = run(["serve", "--host", host, "--port", "0", "--project", str(mailed.folder)])

    said = capfd.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.startswith(f"digest: cannot listen on {host!r} (")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_a_port_that_is_none_is_a_slip_in_usage(mailed: Mailed, capfd: pytest.CaptureFixture[str], port: str) -> None:
    assert run(["serve", f"--port={port}", "--project", str(mailed.folder)]) == 2
    assert "--port" in capfd.readouterr().err


def test_without_a_project_there_is_nothing_to_serve(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "0"]) == 4
    assert "no digest.toml" in capfd.readouterr().err


def test_it_can_listen_on_ipv6(mailed: Mailed) -> None:
    with closing(listen("::1", 0)) as listening:
        assert re.fullmatch(r"http://\[::1\]:\d+", address_of(listening))


def test_it_may_run_beside_a_send_and_another_of_its_kind(mailed: Mailed) -> None:
    with serving(mailed) as (_, one), serving(mailed) as (_, other):
        answers: list[int] = []
        clicks = [
            threading.Thread(target=lambda server=server: answers.append(server.one_click(mailed.leave()).status))
            for server in (one, other) * 5
        ]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()

    assert answers == [200] * 10
    assert mailed.rows("SELECT count(*) FROM consent_change WHERE state = 'unsubscribed'") == [(1,)]
