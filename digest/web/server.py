"""A socket to listen on, and uvicorn behind it until a signal says stop."""

import errno
import os
import signal
import socket
import threading
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from digest.errors import DigestError

GRACE = 10  #: seconds for answers that are under way when a stop comes


class NoSuchHost(DigestError):
    """A host to listen on that is not one of this machine's."""

    exit_code = 2

    def __init__(self, host: str, words: str) -> None:
        super().__init__(f"cannot listen on {host!r} ({words}); --host takes an address of this machine: 127.0.0.1")
        self.host = host


class PortTaken(DigestError):
    """A port that cannot be had."""

    def __init__(self, host: str, port: int, words: str) -> None:
        super().__init__(f"cannot listen on port {port} of {host} ({words}); stop who does, or choose another: --port")
        self.port = port


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes one that is free. NoSuchHost, PortTaken."""
    if not host:  # to the system it would mean every address there is
        raise NoSuchHost(host, "empty")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
    except (socket.gaierror, UnicodeError) as error:
        raise NoSuchHost(host, getattr(error, "strerror", None) or "no such name") from error
    try:
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        words = os.strerror(error.errno or 0)
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortTaken(host, port, words) from error
        raise NoSuchHost(host, words) from error


def address_of(listening: socket.socket) -> str:
    """Return where a socket listens, as one types it into a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_for(app: ASGIApp) -> uvicorn.Server:
    """Return a server that says nothing by itself, and nothing of itself."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",  # everywhere the same, whatever else is installed
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="critical",  # malformed requests are no news; faults of ours are said by the door
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
    )


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Answer until SIGTERM, then return; KeyboardInterrupt after Ctrl-C. What is under way is finished first."""
    server = server_for(app)
    if threading.current_thread() is not threading.main_thread():
        server.run([listening])
        return
    # uvicorn raises the signal again when it has stopped, which would end us by it; a stop that was asked for is none.
    before = signal.signal(signal.SIGTERM, _was_asked_to)
    try:
        server.run([listening])
    finally:
        signal.signal(signal.SIGTERM, before)


def _was_asked_to(_signal: int, _frame: FrameType | None) -> None:
    pass
