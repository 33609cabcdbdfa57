"""A connection to an SMTP relay as a conversation sees it: commands go out, replies come back in the same order."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from digest.delivery.outcome import Reply, is_last, printable

MAX_REPLY = 64 * 1024
LONG = 200  #: bytes of a line that is not kept for when it comes again

#: Who takes a reply, and how many seconds the relay has for it.
Answer = tuple[Callable[[Reply], None], float]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the relay, by RFC 5321, 4.5.3.2; the first and the last are ours."""

    connect: float = 30  #: for each step until it is ready for mail
    mail: float = 300  # 4.5.3.2.2
    rcpt: float = 300  # 4.5.3.2.3
    data: float = 120  # 4.5.3.2.4
    block: float = 180  # 4.5.3.2.5
    content: float = 600  # 4.5.3.2.6: ending it early is how mail is doubled
    quit: float = 2


TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended."""

    reason: str
    at: float  #: as Wire.now() says it
    by_relay: bool  #: it closed, or said 421


class Listener(Protocol):
    """Whoever speaks over a wire. Replies go to those who were named when the command was sent."""

    def flows(self) -> None:
        """What was written has left, after it had not at once."""

    def lost(self) -> None:
        """The wire has ended; ``Wire.end`` says how. Called once, in the middle of whatever ended it."""

    def failed(self, error: Exception) -> None:
        """Take an error of our own out of a callback, where nobody is there to catch it."""


class Wire(asyncio.Protocol):
    """Takes over a connected transport. Every command has a place in a queue, where its reply turns up.

    One timer for all of it: it is moved only when it goes off, or would go off too late.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.listener: Listener | None = None
        self.end: End | None = None  #: the first reason stays
        self.is_flowing = True  #: all that was written is in the kernel's hands
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._buffer = b""
        self._lines: list[bytes] = []
        self._held = 0  # bytes in them
        self._expected: deque[Answer] = deque()
        self._is_reading = False
        self._asked: tuple[bytes, tuple[Answer, ...]] | None = None  # once that is over
        self._timer: asyncio.TimerHandle | None = None
        self._late_at = 0.0  # 0: nothing is waited for
        self._seconds = 0.0
        self._closed: asyncio.Future[None] = self._loop.create_future()
        # So that is_flowing means: in the kernel's hands. Not 0, which asyncio's TLS takes for "always full".
        transport.set_write_buffer_limits(high=1, low=0)
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return self.end is None and not self._transport.is_closing()

    def now(self) -> float:
        """Return seconds of the clock that connections are measured by."""
        return self._loop.time()

    def ask(self, commands: bytes, *answers: Answer) -> bool:
        """Send commands, with who takes their replies; False when they cannot have left this machine.

        In the middle of what has come in they wait for its end: whatever stands there is no answer to them.
        """
        if self._is_reading and not self._expected:
            self._asked = (commands, answers)
            return True
        if not self._expected and (self._buffer or self._lines):
            # What it has begun to say unasked would be read as the beginning of this reply.
            begun = b" ".join((*self._lines, self._buffer))[:80]
            self.drop(f"not asked for: {printable(begun.decode('utf-8', 'replace'))!r}")
            return False
        if not self.write(commands):
            return False
        is_first = not self._expected
        self._expected.extend(answers)
        if is_first:
            self._wait(answers[0][1])
        return True

    def write(self, data: bytes | memoryview) -> bool:
        """Send; False when it cannot have left this machine."""
        if self.end is None and not self._transport.is_closing():
            self._transport.write(data)
        if self._transport.is_closing():  # before, or because of it
            self.drop("the relay closed the connection", by_relay=True)
        return self.end is None

    def wait_for_flow(self, seconds: float) -> None:
        """Have ``flows`` called when what was written has left; the connection ends when it does not."""
        self._wait(seconds)

    def drop(self, reason: str, *, by_relay: bool = False) -> None:
        """End the connection at once, nothing more goes out. The first reason stays."""
        if self.end is not None:
            return
        self.end = End(reason, self.now(), by_relay)
        self._expected.clear()
        self._late_at = 0.0
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        if self.listener is not None:
            self.listener.lost()

    def fail(self, error: Exception) -> None:
        """End the connection for an error of our own, and pass it to whoever can raise it."""
        if self.listener is not None:
            self.listener.failed(error)
        self.drop("given up by us")

    async def close(self, seconds: float) -> None:
        """Close the connection, by force after this long."""
        try:
            if self.is_open:
                self._transport.close()
            await asyncio.wait([self._closed], timeout=seconds)
        finally:
            self.drop("closed by us")

    def data_received(self, data: bytes) -> None:
        if self.end is not None:
            return
        *lines, self._buffer = (self._buffer + data if self._buffer else data).split(b"\n")
        self._is_reading = True
        try:
            for line in lines:
                if self.is_open:
                    self._take(line.removesuffix(b"\r"))
            self._is_reading = False
            if self._asked is not None and self.end is None:
                (commands, answers), self._asked = self._asked, None
                self.ask(commands, *answers)
        except Exception as error:  # noqa: BLE001  asyncio would log it and go on
            self.fail(error)
            return
        if self._held + len(self._buffer) > MAX_REPLY:
            self.drop(f"a reply of more than {MAX_REPLY // 1024} kB")
        if lines and not self._lines and self._expected:  # one that drips has no more time than one that hangs
            self._wait(self._expected[0][1])

    def _take(self, line: bytes) -> None:
        try:
            is_one = not self._lines and is_last(line) and len(line) <= LONG
            reply = _reply(line) if is_one else self._of_many(line)
        except ValueError:
            self.drop(f"not SMTP: {printable(line[:80].decode('utf-8', 'replace'))!r}")
        else:
            if reply is not None:
                self._answer(reply)

    def _of_many(self, line: bytes) -> Reply | None:
        """Return the reply that ends with this line, one of several or a long one; None while more are to come."""
        self._lines.append(line)
        self._held += len(line) + len(b"\r\n")
        if self._held > MAX_REPLY:
            self.drop(f"a reply of more than {MAX_REPLY // 1024} kB")
        if self.end is not None or not is_last(line):
            return None
        lines, self._lines, self._held = self._lines, [], 0
        return Reply.parse(lines)

    def _answer(self, reply: Reply) -> None:
        if not self._expected:  # the 421 of an idle connection, or a relay out of step with us
            self.drop(str(reply), by_relay=reply.code == 421)
            return
        heard, _ = self._expected.popleft()
        if not self._expected:
            self._late_at = 0.0
        heard(reply)

    def _wait(self, seconds: float) -> None:
        """Give the relay so long for what it owes us next, from now on."""
        self._seconds, self._late_at = seconds, self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._late_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._late_at, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._late_at:
            return
        if self._late_at > self._loop.time():
            self._timer = self._loop.call_at(self._late_at, self._look)
            return
        what = "no answer within" if self._expected else "the relay took no data for"
        self.drop(f"{what} {self._seconds:g} s")

    def pause_writing(self) -> None:
        self.is_flowing = False

    def resume_writing(self) -> None:
        self.is_flowing = True
        if self.end is not None or self.listener is None:
            return
        if not self._expected:
            self._late_at = 0.0
        try:
            self.listener.flows()
        except Exception as error:  # noqa: BLE001  as above
            self.fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(f"connection lost: {exc}" if exc else "the relay closed the connection", by_relay=True)
        if not self._closed.done():
            self._closed.set_result(None)


@lru_cache(maxsize=256)  # a relay says the same for thousands of mails; reading it takes 5 us
def _reply(line: bytes) -> Reply:
    return Reply.parse([line])
