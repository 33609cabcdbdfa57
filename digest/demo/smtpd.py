"""A small SMTP server that records what it takes, durably before its 250; for the demo, the tests and the benchmarks.

As a process of its own: ``python -m digest.demo.smtpd --folder F``. It needs nothing but the standard library.
"""

import argparse
import asyncio
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from digest.demo.received import Received, read_received, write_received
from digest.demo.script import Action, Answer, Rules, Script, Step
from digest.demo.session import Session

__all__ = ["Action", "Answer", "Received", "RecordingServer", "Script", "Step", "read_received"]


class RecordingServer:
    """An SMTP server on 127.0.0.1, open while the ``async with`` lasts.

    With a folder, each mail is a file in it, fsynced before the 250 (``read_received`` reads them back); without one,
    mails are kept in memory, or only counted (``keep=False``). A mail for several recipients is kept once for each.
    ``tls`` makes it offer STARTTLS, ``credentials`` makes it ask for AUTH. ``script`` is asked before every answer.
    """

    def __init__(
        self,
        folder: Path | None = None,
        script: Script | None = None,
        *,
        port: int = 0,
        keep: bool = True,
        tls: ssl.SSLContext | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port = port  #: 0 becomes the real one
        self.accepted = 0  #: mails so far
        self.connections = 0  #: so far
        self._keep = keep
        self._mails: list[Received] = []
        self._rules = Rules(self._accept, script, tls, credentials)
        self._sessions: set[Session] = set()

    async def __aenter__(self) -> Self:
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_session, "127.0.0.1", self.port, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*(session.end() for session in self._sessions))
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """This server as DIGEST_RELAY_URL names it."""
        return f"smtp+plain://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[Received]:
        """What was accepted so far, in that order."""
        return read_received(self.folder) if self.folder else list(self._mails)

    def _new_session(self) -> Session:
        self.connections += 1
        return Session(self._rules, self.connections, self._sessions)

    def _accept(self, mails: Sequence[Received]) -> None:
        if self.folder:
            write_received(self.folder, mails)
        elif self._keep:
            self._mails += mails
        self.accepted += len(mails)


async def serve(folder: Path | None, port: int) -> int:
    """Record until SIGTERM or SIGINT; return how many mails were accepted."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with RecordingServer(folder, port=port, keep=False) as server:
        sys.stdout.write(f"listening on 127.0.0.1:{server.port}\n")
        sys.stdout.flush()
        await stop.wait()
        return server.accepted


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m digest.demo.smtpd", description="Record mail on loopback.")
    parser.add_argument(
        "--folder", type=Path, help="where to keep each mail, durably; without it they are only counted"
    )
    parser.add_argument("--port", type=int, default=0, help="default: any that is free, as printed")
    options = parser.parse_args()
    asyncio.run(serve(options.folder, options.port))


if __name__ == "__main__":
    main()
