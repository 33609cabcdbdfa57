"""A connection to an SMTP relay as the conversation sees it: commands go out, replies come back in the same order."""

import asyncio
from collections import deque
from dataclasses import dataclass

from digest.delivery.outcome import Reply, is_last, printable

MAX_REPLY = 64 * 1024


class Lost(Exception):
    """The connection is of no more use; says why."""


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended."""

    reason: str
    at: float  #: as Wire.now() says it
    by_relay: bool  #: it closed, or said 421


class Wire(asyncio.Protocol):
    """Takes over a connected transport. Every command has a place in a queue of futures, where its reply turns up."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._expected: deque[asyncio.Future[Reply]] = deque()
        self.end: End | None = None  #: the first reason stays
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        # So that drained() means: in the kernel's hands. Not 0, which asyncio's TLS takes for "always full".
        transport.set_write_buffer_limits(high=1, low=0)
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return self.end is None and not self._transport.is_closing()

    def now(self) -> float:
        """Return seconds of the clock that connections are measured by."""
        return self._loop.time()

    def ask(self, command: bytes) -> asyncio.Future[Reply]:
        """Send a line and return where its reply will be; raises ``Lost`` when it cannot have left this machine."""
        if not self._expected and (self._buffer or self._lines):
            # What it has begun to say unasked would be read as the beginning of this reply.
            begun = b" ".join((*self._lines, bytes(self._buffer)))[:80]
            raise self.drop(f"not asked for: {printable(begun.decode('utf-8', 'replace'))!r}")
        self.write(command + b"\r\n")
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._expected.append(answer)
        return answer

    def write(self, data: bytes | memoryview) -> None:
        """Send; raises ``Lost``."""
        if self.is_open:
            self._transport.write(data)
        if not self.is_open:  # before, or because of it
            raise self.drop("the relay closed the connection", by_relay=True)

    async def reply(self, answer: asyncio.Future[Reply], seconds: float) -> Reply:
        """Return what ``ask`` promised; raises ``Lost``."""
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise self.drop(f"no answer within {seconds:g} s") from None

    async def drained(self, seconds: float) -> None:
        """Wait until what was written has left; raises ``Lost``."""
        try:
            if not self._flowing.is_set():
                async with asyncio.timeout(seconds):
                    await self._flowing.wait()
        except TimeoutError:
            raise self.drop(f"the relay took no data for {seconds:g} s") from None
        if self.end is not None:
            raise Lost(self.end.reason)

    def drop(self, reason: str, *, by_relay: bool = False) -> Lost:
        """End the connection at once, nothing more goes out; return the error to raise. The first reason stays."""
        if self.end is None:
            self.end = End(reason, self.now(), by_relay)
            self._transport.abort()
        self._flowing.set()
        while self._expected:
            answer = self._expected.popleft()
            if not answer.done():
                answer.set_exception(Lost(self.end.reason))
                answer.exception()  # seen: not every answer has somebody waiting for it
        return Lost(self.end.reason)

    async def close(self, seconds: float) -> None:
        """Close the connection, by force after this long."""
        try:
            if self.is_open:
                self._transport.close()
            await asyncio.wait([self._closed], timeout=seconds)
        finally:
            self.drop("closed by us")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) + sum(map(len, self._lines)) > MAX_REPLY:
            self.drop(f"a reply of more than {MAX_REPLY // 1024} kB")
            return
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._take(bytes(line.removesuffix(b"\r")))

    def _take(self, line: bytes) -> None:
        self._lines.append(line)
        if is_last(line):
            lines, self._lines = self._lines, []
            try:
                self._answer(Reply.parse(lines))
            except ValueError:
                self.drop(f"not SMTP: {printable(line[:80].decode('utf-8', 'replace'))!r}")

    def _answer(self, reply: Reply) -> None:
        if not self._expected:  # the 421 of an idle connection, or a relay out of step with us
            self.drop(str(reply), by_relay=reply.code == 421)
        elif not (answer := self._expected.popleft()).done():
            answer.set_result(reply)

    def pause_writing(self) -> None:
        self._flowing.clear()

    def resume_writing(self) -> None:
        self._flowing.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(f"connection lost: {exc}" if exc else "the relay closed the connection", by_relay=True)
        if not self._closed.done():
            self._closed.set_result(None)
