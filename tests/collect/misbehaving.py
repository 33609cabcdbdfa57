"""A small web server on loopback that says exactly what a test tells it to, bytes, pauses and resets included."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Asked = Mapping[str, str]
#: What is sent for a path: bytes; or a function of the headers that were sent, which may wait between its pieces.
Reply = bytes | Callable[[Asked], bytes] | Callable[[Asked], AsyncIterator[bytes]]


class Reset(Exception):
    """Ends a connection with a reset."""


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole answer; header names are written with _ for -."""
    lines = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value != "-")
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return answer(status=status, Location=to)


@dataclass
class WebServer:
    """Where it is, what it says, and what it was asked."""

    port: int
    scheme: str = "http"
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, Asked]] = field(default_factory=list)
    open: int = 0
    most: int = 0  #: connections at once

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Return the address of a path."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """Return what was asked for, in order, robots.txt left out."""
        return [path for path, _ in self.asked if path != "/robots.txt"]


TLS_HANDSHAKE = b"\x16"  #: what a connection of TLS begins with (RFC 8446, 5.1)


@contextmanager
def misbehaving(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Serve while the block runs; a path nobody has set is not found."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = WebServer(0, "https" if context else "http")
    listening = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(lambda r, w: _serve(served, r, w), "127.0.0.1", 0, ssl=context), loop
    ).result(10)
    served.port = listening.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(_stop(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(listening: asyncio.Server) -> None:
    listening.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(served: WebServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    served.open += 1
    served.most = max(served.most, served.open)
    try:
        while begin := await reader.read(1):
            if begin == TLS_HANDSHAKE:  # whose bytes may well have no line end that one could wait for
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                break
            path = (begin + await reader.readline()).split()[1].decode()
            headers = {}
            while (row := (await reader.readline()).strip()) != b"":
                name, _, value = row.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            served.asked.append((path, headers))
            await _reply(served.replies.get(path, answer(status="404 Not Found")), headers, writer)
    except Reset:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        served.open -= 1
        writer.close()


async def _reply(reply: Reply, headers: Asked, writer: asyncio.StreamWriter) -> None:
    said = reply(headers) if callable(reply) else reply
    if isinstance(said, bytes):
        writer.write(said)
        await writer.drain()
        if b"Connection: close" in said.partition(b"\r\n\r\n")[0]:
            raise ConnectionError
        return
    async for piece in said:
        writer.write(piece)
        await writer.drain()
    raise ConnectionError  # whoever answers in pieces ends with the connection
