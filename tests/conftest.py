"""What holds for every test: away from the checkout, without the developer's settings, without a network."""

import ipaddress
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

#: How to get the programs that tests drive; .ci/run installs them.
TOOLS = {
    "chromium": "apt-get install chromium",
    "git": "apt-get install git",
    "postfix": "apt-get install postfix",
    "spamassassin": "apt-get install spamassassin",
}
REQUIRE_ALL = "DIGEST_REQUIRE_ALL"


class NetworkUsed(BaseException):
    """A test reached for the network: no Exception, so that no code under test takes it for a failure to handle."""


_reached: list[str] = []


def _is_here(host: object, *, asked: bool) -> bool:
    """Return whether talking to this host, or asking for its address, keeps on this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if not isinstance(name, str) or name in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return asked or address.is_loopback


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection, packet and question for an address that would leave this machine."""
    if not event.startswith("socket."):
        return
    match event, arguments:
        case (("socket.connect" | "socket.sendto" | "socket.sendmsg"), (sock, (host, *_))):
            # A packet on a connected socket has no address of its own; AF_UNIX has a path for one.
            here = sock.family not in (socket.AF_INET, socket.AF_INET6) or _is_here(host, asked=False)
        case (("socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr"), (host, *_)):
            here = _is_here(host, asked=True)
        case _:
            return
    if not here:
        _reached.append(f"{event} {host!r}")
        raise NetworkUsed(_reached[-1])


def pytest_configure() -> None:
    """Put the guard up, once in each process; what is started before the first test has no settings either."""
    sys.addaudithook(_guard)
    for name in _settings():
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # "make test &" in a script ignores it (POSIX, 2.11), and so would every program that a test interrupts.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _settings() -> list[str]:
    return [name for name in os.environ if name.startswith("DIGEST_") and name != REQUIRE_ALL]


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in its own empty folder, with an empty home and no setting of whoever runs it.

    Processes that it starts inherit all of that: a ``.env`` in the checkout can never mail anybody.
    """
    home = tmp_path.with_name(f"{tmp_path.name}-home")
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in [*_settings(), *(name for name in os.environ if name.startswith("XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[list[str]]:
    """Fail the test if it reached for the network, also where the code swallowed that; yields what it reached for."""
    _reached.clear()
    yield _reached
    assert not _reached, f"this test reached for the network: {', '.join(_reached)}"


@pytest.fixture
def needs() -> Callable[[str], Path]:
    """Return a function that finds a program, or skips the test and says how to get it.

    Where DIGEST_REQUIRE_ALL=1 is set, as in .ci/run, the test fails instead.
    """

    def find(tool: str) -> Path:
        found = shutil.which(tool, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
        if found:
            return Path(found)
        lacking(f"no {tool} on this machine; get it with: {TOOLS[tool]}")

    return find


def lacking(words: str) -> NoReturn:
    """Skip the test for want of something; where DIGEST_REQUIRE_ALL=1 is set, fail it."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(words)
    pytest.skip(words)
