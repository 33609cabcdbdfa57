"""One connection of the recording SMTP server, well behaved unless a script tells it otherwise."""

import asyncio
import base64
import binascii
import re
import socket
import struct
from collections import deque
from collections.abc import Callable

from digest.demo.received import Received
from digest.demo.script import Action, Rules, Step

MAX_SIZE = 50_000_000
PIECES_APART = 0.01  #: seconds between the pieces of a scripted reply

_PATH = re.compile(r"(?:FROM|TO):\s*<([^>]*)>\s*(.*)", re.IGNORECASE)
_BDAT = re.compile(r"(\d{1,9})( LAST)?", re.IGNORECASE)  # RFC 3030 2
_FAREWELL = re.compile(rb"^(?:221|421)\b", re.MULTILINE)


class Session(asyncio.Protocol):
    """Reads commands from a buffer that may hold many of them, so a pipelining client needs nothing special."""

    def __init__(self, rules: Rules, connection: int, open_sessions: set["Session"]) -> None:
        self._rules = rules
        self._connection = connection
        self._open_sessions = open_sessions
        self._gone = asyncio.Event()
        self._mail = 1
        self._buffer = bytearray()
        self._replies: list[bytes] = []
        self._dripping: deque[bytes] = deque()  #: pieces of a reply that are still to come
        self._is_deaf = False  #: hung, leaving, or changing to TLS
        self._is_leaving = False
        self._has_greeted = False
        self._is_known = rules.credentials is None
        self._next_line: Callable[[str], str] | None = None  #: takes the rest of an AUTH
        self._wants_tls = False
        self._upgrade: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._in_content = False
        self._searched = 0  #: bytes of the content that hold no end
        self._chunk: tuple[int, bool] | None = None  #: how many octets come, and whether they are the last
        self._chunks = bytearray()
        self._has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_sessions.add(self)
        self._answer("connect", "", lambda: "220 localhost ESMTP digest demo")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_deaf = True
        self._open_sessions.discard(self)
        self._gone.set()

    async def end(self) -> None:
        """Tear the connection down; return when it is gone."""
        if self._upgrade:
            self._upgrade.cancel()
        self._transport.abort()
        await self._gone.wait()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._is_deaf and self._take():
            pass
        self._flush()

    def _take(self) -> bool:
        """Take the next line, content or chunk; False when it is not all there."""
        if self._chunk is not None:
            return self._take_chunk(*self._chunk)
        return self._take_content() if self._in_content else self._take_line()

    def _take_line(self) -> bool:
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            return False
        self._buffer = rest
        text = line.decode("utf-8", "replace").rstrip()
        if self._next_line:
            self._say(self._next_line(text))
        else:
            verb, _, argument = text.partition(" ")
            if verb.upper() == "BDAT" and (size := _BDAT.fullmatch(argument)):
                self._chunk = int(size[1]), bool(size[2])
                return True
            usual = getattr(self, f"_on_{verb.lower()}", None) if verb.isalpha() else None
            self._answer(
                verb.lower(), argument, lambda: usual(argument) if usual else "500 5.5.2 not a command of mine"
            )
        return True

    def _take_content(self) -> bool:
        if self._searched <= 2 < len(self._buffer):
            self._answer("content", "", lambda: "")
        # The buffer begins with a CRLF of our own (see _on_data): one search finds the end, of an empty mail too.
        end = self._buffer.find(b"\r\n.\r\n", max(0, self._searched - 4))
        self._searched = len(self._buffer)
        if end < 0 or self._is_deaf:
            return False
        content = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 5]
        self._answer("dot", "", lambda: self._accept(content.replace(b"\r\n.", b"\r\n")[2:]))  # RFC 5321 4.5.2
        self._forget()
        self._mail += 1
        return True

    def _take_chunk(self, octets: int, is_last: bool) -> bool:  # RFC 3030 2: it is read also when it is refused
        if self._buffer and not self._chunks and not self._has_begun:
            self._has_begun = True
            self._answer("content", "", lambda: "")
        if len(self._buffer) < octets or self._is_deaf:
            return False
        self._chunks += self._buffer[:octets]
        del self._buffer[:octets]
        self._chunk = None
        if not is_last:
            self._say(f"250 2.0.0 {octets} octets" if self._recipients else "503 5.5.1 RCPT first")
            return True
        content = bytes(self._chunks)
        self._answer("dot", "", lambda: self._accept(content) if self._recipients else "503 5.5.1 RCPT first")
        self._forget()
        self._mail += 1
        return True

    def _accept(self, content: bytes) -> str:
        self._rules.accept([Received(self._sender or "", recipient, content) for recipient in self._recipients])
        return f"250 2.0.0 taken, mail {self._mail} of connection {self._connection}"

    def _answer(self, name: str, argument: str, usual: Callable[[], str]) -> None:
        """Do and say what is usual at this step, or what the script wants instead."""
        script = self._rules.script
        match script(Step(name, argument, self._connection, self._mail)) if script else None:
            case None:
                self._say(usual())
            case Action() as action:
                self._misbehave(action, usual)
            case bytes() as reply:
                self._say_pieces((reply,), usual)
            case pieces:
                self._say_pieces(pieces, usual)

    def _misbehave(self, action: Action, usual: Callable[[], str]) -> None:
        self._is_deaf = True
        if action is Action.ACCEPT_AND_DROP:
            usual()
        elif action is Action.RESET:  # a close that lets nothing linger is an RST
            sock: socket.socket = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if action is not Action.HANG:
            self._flush()
            self._transport.close()

    def _say_pieces(self, pieces: tuple[bytes, ...], usual: Callable[[], str]) -> None:
        if pieces[0][:1] in (b"2", b"3"):
            usual()
        self._put(pieces[0])
        if pieces[1:]:
            self._flush()
            self._dripping.extend(pieces[1:])
            asyncio.get_running_loop().call_later(PIECES_APART, self._drip)

    def _drip(self) -> None:
        """Send the next piece, and after the last one the replies that had to wait for it."""
        if self._dripping and not self._transport.is_closing():
            self._transport.write(self._dripping.popleft())
            asyncio.get_running_loop().call_later(PIECES_APART, self._drip)
        else:
            self._dripping.clear()
            self._flush()

    def _say(self, reply: str) -> None:
        if reply:
            self._put(reply.encode() + b"\r\n")

    def _put(self, reply: bytes) -> None:
        self._replies.append(reply)
        if _FAREWELL.search(reply):
            self._is_deaf = self._is_leaving = True

    def _flush(self) -> None:
        """Send the replies so far in one packet (RFC 2920, 3.2), and do what had to wait for that."""
        if self._dripping:
            return
        replies, self._replies = b"".join(self._replies), []
        if replies and not self._transport.is_closing():
            self._transport.write(replies)
        if self._is_leaving:
            self._transport.close()
        elif self._wants_tls and not self._upgrade:
            self._upgrade = asyncio.get_running_loop().create_task(self._start_tls())

    # From here on a method for each command: it does what the command asks for and returns the usual reply.

    def _on_ehlo(self, argument: str) -> str:
        words = ["PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", f"SIZE {MAX_SIZE}"]
        words += ["STARTTLS"] if self._rules.tls and not self._upgrade else []
        words += ["AUTH PLAIN LOGIN"] if self._rules.credentials else []
        greeting = self._on_helo(argument).replace("250 ", "250-")
        return "\r\n".join([greeting, *(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}"])

    def _on_helo(self, _argument: str) -> str:
        self._forget()
        self._has_greeted = True
        return "250 localhost"

    def _on_mail(self, argument: str) -> str:
        path = _PATH.match(argument)
        if not self._has_greeted or self._sender is not None:
            return "503 5.5.1 not now"
        if not self._is_known:
            return "530 5.7.0 log in first"
        if not path:
            return "501 5.5.4 MAIL FROM:<address>"
        if any(int(size) > MAX_SIZE for size in re.findall(r"(?i)\bSIZE=(\d{1,15})\b", path[2])):
            return "552 5.3.4 too large"
        if not path[1].isascii() and "SMTPUTF8" not in path[2].upper():
            return "553 5.6.7 say SMTPUTF8 for such an address"
        self._sender = path[1]
        return "250 2.1.0 ok"

    def _on_rcpt(self, argument: str) -> str:
        path = _PATH.match(argument)
        if self._sender is None:
            return "503 5.5.1 MAIL first"
        if not path or not path[1]:
            return "501 5.5.4 RCPT TO:<address>"
        self._recipients.append(path[1])
        return "250 2.1.5 ok"

    def _on_data(self, _argument: str) -> str:
        if not self._recipients:
            return "503 5.5.1 RCPT first"
        self._in_content = True
        self._buffer[:0] = b"\r\n"
        return "354 end with a dot on a line of its own"

    def _on_rset(self, _argument: str) -> str:
        self._forget()
        return "250 2.0.0 forgotten"

    def _on_noop(self, _argument: str) -> str:
        return "250 2.0.0 ok"

    def _on_vrfy(self, _argument: str) -> str:
        return "252 2.1.5 send it some mail and see"  # RFC 5321 3.5.3

    def _on_quit(self, _argument: str) -> str:
        return "221 2.0.0 bye"

    def _on_starttls(self, _argument: str) -> str:
        if not self._rules.tls or self._upgrade:
            return "502 5.5.1 not offered"
        self._wants_tls = self._is_deaf = True
        return "220 2.0.0 go ahead"

    async def _start_tls(self) -> None:
        assert self._rules.tls
        # RFC 3207 4.2: what came before TLS counts no more, neither the greeting nor what was sent along with STARTTLS.
        self._buffer.clear()
        self._has_greeted = False
        try:
            loop = asyncio.get_running_loop()
            transport = await loop.start_tls(self._transport, self, self._rules.tls, server_side=True)
        except (
            OSError,
            asyncio.CancelledError,
        ):  # a client that does not like our certificate; asyncio tells us only here
            self.connection_lost(None)
            return
        assert transport
        self._transport = transport
        self._is_deaf = False
        self.data_received(b"")  # what came in before this task had its turn

    def _on_auth(self, argument: str) -> str:
        mechanism, _, initial = argument.partition(" ")
        match mechanism.upper():
            case "PLAIN":  # RFC 4616
                return self._auth_plain(initial) if initial else self._prompt("", self._auth_plain)
            case "LOGIN":
                return self._auth_user(initial) if initial else self._prompt("Username:", self._auth_user)
        return "504 5.5.4 PLAIN or LOGIN"

    def _prompt(self, question: str, then: Callable[[str], str]) -> str:
        self._next_line = then
        return f"334 {base64.b64encode(question.encode()).decode()}"

    def _auth_plain(self, text: str) -> str:
        return self._log_in(*_decoded(text).split("\0")[1:])

    def _auth_user(self, user: str) -> str:
        return self._prompt("Password:", lambda password: self._log_in(_decoded(user), _decoded(password)))

    def _log_in(self, *credentials: str) -> str:
        self._next_line = None
        self._is_known = credentials == self._rules.credentials
        return "235 2.7.0 welcome" if self._is_known else "535 5.7.8 wrong user or password"


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except binascii.Error:
        return ""
