"""Processes that can be killed: ``digest`` commands and relays, forked from a server that has imported everything.

A command starts in milliseconds instead of most of a second, and is a process like any other: it has its own pid,
its own environment, and dies by a signal without a word. Whoever runs it waits for it, and reads what it printed.
"""

import asyncio
import importlib
import multiprocessing
import os
import select
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from digest.demo.smtpd import RecordingServer, Script
from tests.commands import Ended

#: Seconds until a command that does not end fails its test; in the long form there are far more readers.
PATIENCE = 1200.0 if "FAULTS_LONG" in os.environ else 60.0
First = Callable[[], object]  #: what a command's process does before anything else; picklable

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(
    ["tests.faults.processes", "tests.faults.first", "tests.faults.moods", "tests.faults.warm"]
)


class Command:
    """A ``digest`` command under way, in a process of its own, whose number is in the project's file ``pid``."""

    def __init__(self, project: Path, *arguments: str, first: First | None = None, **environment: str) -> None:
        self.started = time.monotonic()
        self._out = project / f".out-{time.monotonic_ns()}"
        self._err = self._out.with_name(self._out.name + ".err")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        self._process: BaseProcess = _forking.Process(
            target=_run, args=(project, arguments, {**kept, **environment}, self._out, self._err, first)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        (project / "pid").write_text(str(self.pid), encoding="ascii")

    def is_running(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def kill_after(self, seconds: float) -> None:
        """Kill the command so long after it was started, unless it has ended by then."""
        self._process.join(max(0.0, self.started + seconds - time.monotonic()))
        self.signal(signal.SIGKILL)

    def err(self) -> str:
        """Return what was said on stderr so far."""
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    def end(self, within: float = PATIENCE) -> Ended:
        """Wait for the end of the command; one that does not come to it is killed, and that is an error."""
        self._process.join(within)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            raise AssertionError(f"a command did not end within {within:.0f} s: {self.err()}")
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in (self._out, self._err))
        self._out.unlink(missing_ok=True)
        self._err.unlink(missing_ok=True)
        code = self._process.exitcode
        assert code is not None
        self._process.close()
        return Ended(code, out, err)


def digest(project: Path, *arguments: str, first: First | None = None, **environment: str) -> Ended:
    """Run a command to its end."""
    return Command(project, *arguments, first=first, **environment).end()


def _run(
    project: Path, arguments: tuple[str, ...], environment: dict[str, str], out: Path, err: Path, first: First | None
) -> None:
    """Be the command: what a shell does before, and what ``python -m digest`` does."""
    # Whoever runs the suite by nohup, or behind &, ignores these, and so would we.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(project)
    os.environ.clear()
    os.environ.update(environment)
    for path, number in ((out, 1), (err, 2)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    time.tzset()
    from digest.cli.app import run
    from digest.delivery import crash

    importlib.reload(crash)  # it reads where to die once, when it is first imported
    if first:
        first()
    code = run(list(arguments))
    sys.stdout.flush()
    sys.exit(code)


@dataclass(frozen=True)
class Manners:
    """How a relay is set up: what it asks for, and how it misbehaves. Made here, used over there."""

    make_script: Callable[[], Script] | None = None
    credentials: tuple[str, str] | None = None
    certificate: Path | None = None  #: a file with key and certificates: it offers STARTTLS
    keeps: bool = True  #: every mail as a file, durable before the 250


@dataclass(frozen=True)
class Served:
    """A relay in a process of its own, and where it keeps what it has taken."""

    port: int
    folder: Path
    process: BaseProcess

    @property
    def url(self) -> str:
        return f"smtp+plain://127.0.0.1:{self.port}"


@contextmanager
def relaying(folder: Path, manners: Manners | None = None) -> Iterator[Served]:
    """Run a recording relay while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = _forking.Pipe(duplex=False)
    process = _forking.Process(target=_serve, args=(folder, manners or Manners(), theirs))
    process.start()
    theirs.close()
    try:
        assert ours.poll(PATIENCE), "the relay did not start"
        yield Served(ours.recv(), folder, process)
    finally:
        ours.close()
        process.kill()  # what it has taken is on disk already: that is what it is for
        process.join()
        process.close()


def _serve(folder: Path, manners: Manners, started: Any) -> None:
    tls = None
    if manners.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(manners.certificate)

    wanted = select.poll()
    wanted.register(started.fileno(), 0)  # tells of nothing but its other end being closed

    async def serve() -> None:
        async with RecordingServer(
            folder if manners.keeps else None,
            manners.make_script() if manners.make_script else None,
            keep=False,
            tls=tls,
            credentials=manners.credentials,
        ) as server:
            started.send(server.port)
            while not wanted.poll(0):  # whoever wanted it may be killed like anybody else
                await asyncio.sleep(1)

    asyncio.run(serve())
