"""What conftest.py promises to every test."""

import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_ALL, TOOLS

Needs = Callable[[str], Path]


def test_every_test_runs_in_an_empty_folder_with_an_empty_home(tmp_path: Path) -> None:
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == list(Path.home().iterdir()) == []


def test_no_setting_of_whoever_runs_the_tests_reaches_them() -> None:
    assert {name for name in os.environ if name.startswith("DIGEST_")} <= {REQUIRE_ALL}


@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
@pytest.mark.parametrize("address", [("192.0.2.1", 25), ("mail.example.com", 25), ("0.0.0.0", 25)])
def test_nothing_goes_off_this_machine(no_network: list[str], event: str, address: tuple[str, int]) -> None:
    with socket.socket() as sock, pytest.raises(BaseException, match=re.escape(address[0])) as refused:
        sys.audit(event, sock, address)  # as the socket would, which asks before it does anything

    assert not isinstance(refused.value, Exception)
    assert no_network == [str(refused.value)]
    no_network.clear()


@pytest.mark.parametrize("ask", [socket.gethostbyname, lambda host: socket.getaddrinfo(host, 25)])
def test_nobody_is_asked_for_an_address(no_network: list[str], ask: Callable[[str], object]) -> None:
    with pytest.raises(BaseException, match=r"mail\.example\.com"):
        ask("mail.example.com")

    assert no_network
    no_network.clear()


def test_connection_on_loopback_is_allowed() -> None:
    with socket.create_server(("localhost", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            with socket.create_connection((host, server.getsockname()[1])) as connection:
                assert connection.getpeername() == server.getsockname()


def test_tool_that_is_there_is_found(needs: Needs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "chromium").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert needs("chromium") == tmp_path / "chromium"


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_missing_tool_skips_the_test_and_fails_it_where_all_must_run(
    needs: Needs, monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(TOOLS, "no-such-tool", "apt-get install no-such-tool")
    monkeypatch.setenv(REQUIRE_ALL, required)

    with pytest.raises(outcome, match=r"^no no-such-tool on this machine; get it with: apt-get install no-such-tool$"):
        needs("no-such-tool")
