"""A server on loopback that takes mail and throws it away, as a process of its own."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from getpass import getuser

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  #: where Debian keeps Postfix's tools, off a user's PATH
LONGEST = 10.0  #: seconds until it must listen


def postfix_tool(name: str) -> str | None:
    """Return where one of Postfix's tools is, None where Postfix is not installed."""
    return shutil.which(name) or shutil.which(name, path=SBIN)


def sink_name() -> str:
    """Return what mail goes to."""
    return "Postfix's smtp-sink" if postfix_tool("smtp-sink") else "digest.demo.smtpd (no smtp-sink here)"


def sink(*, pipelining: bool = True) -> AbstractContextManager[int]:
    """Run smtp-sink, or our own server where Postfix is not there; yields its port."""
    tool, port = postfix_tool("smtp-sink"), _free_port()
    if tool:
        options = [*(["-u", "nobody"] if getuser() == "root" else []), *([] if pipelining else ["-p"])]
        return _served([tool, *options, f"127.0.0.1:{port}", "1000"], port)
    return _served([sys.executable, "-m", "digest.demo.smtpd", "--port", str(port)], port)


def far(to: int, seconds: float) -> AbstractContextManager[int]:
    """Run a line to a port with so long a round trip; yields the port at its near end."""
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.delay", "--port", str(port), "--to", str(to)]
    return _served([*command, "--seconds", str(seconds)], port)


@contextmanager
def _served(command: list[str], port: int) -> Iterator[int]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield port
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + LONGEST
    while server.poll() is None and time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{server.args!r} does not listen on port {port}")
