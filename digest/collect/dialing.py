"""Connections for fetching: the address that was checked is the address that is connected to."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore2
import httpx2

from digest.collect.guard import Refused, check_address, numeric

Resolve = Callable[[str, int], Awaitable[list[str]]]
#: Threads that ask name servers: one that does not answer keeps its thread for half a minute.
LOOKUPS = 16
CONNECT = 8.0  #: seconds for one address of several


class NoAddress(OSError):
    """A host that has no address."""


class Names:
    """Asks the system for the addresses of hosts, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, "lookup")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return a host's addresses, the best first; NoAddress."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise NoAddress(f"the host {host} is not known") from error
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    def close(self) -> None:
        """Let go of the threads; one that waits for a name server is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that have been checked, whatever their name says a moment later."""

    def __init__(self, resolve: Resolve, *, private: bool, dial: httpcore2.AsyncNetworkBackend | None = None) -> None:
        self._resolve = resolve
        self._private = private
        self._dial = dial or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host by an address of it that may be connected to; Refused when one of them may not.

        One bad address condemns the name: nobody honest has a public and a private one for the same host.
        """
        given = numeric(host)
        addresses = [str(given)] if given is not None else await self._resolve(host, port)
        if not addresses:
            raise NoAddress(f"the host {host} is not known")
        for address in addresses:
            check_address(ipaddress.ip_address(address.partition("%")[0]), private=self._private)
        trouble: Exception = NoAddress(host)
        for address in addresses:
            try:
                return await self._dial.connect_tcp(address, port, CONNECT, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                trouble = error
        raise trouble

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        """Refuse: no source is a socket of this machine."""
        raise Refused(path)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """httpx2's way to our connections; what goes wrong on it comes as httpcore2's own errors."""

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext, connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context, max_connections=connections, keepalive_expiry=5.0, network_backend=backend
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask, and return the answer with its body still to come."""
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore2.Request(request.method, url, headers=request.headers.raw, extensions=request.extensions)
        answer = await self._pool.handle_async_request(asked)
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.aiter_stream():
            yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()
