"""The door: what every request comes in through, and every answer goes out by."""

import re
import time
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH
from digest.web.site import Site

#: On every answer, where it says nothing else: addresses hold tokens, and pages need nothing from anywhere.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
KNOWN = ("/", "/healthz", "/robots.txt")
TOKENS = re.compile(r"[A-Za-z0-9_-]{36,}")


class Door:
    """The application as a server sees it: with or without the prefix of base_url, with headers, and never failing."""

    def __init__(self, inside: ASGIApp, site: Site, *, log: bool) -> None:
        self._inside = inside
        self._site = site
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        path = without_prefix(scope["path"], self._site.prefixes())
        what = f"{scope['method'][:10]} {shown(path)}"
        began, status = time.monotonic(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._inside({**scope, "path": path}, receive, sending)
        except Exception as error:  # noqa: BLE001  answered with a page; uvicorn would print a traceback, tokens and all
            self._site.say(f"{what}: {fault(error)}")
        if self._log:
            self._site.say(f"{what} {status} {(time.monotonic() - began) * 1000:.0f} ms")


def without_prefix(path: str, prefixes: Iterable[str]) -> str:
    """Return a path without the one of base_url: a web server in front of us may hand it on, or take it off."""
    for prefix in prefixes:
        if path == prefix or path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix) or "/"
    return path


def shown(path: str) -> str:
    """Return a path as it may be written down: who has a token can act for its reader."""
    for start in (UNSUBSCRIBE_PATH, VIEW_PATH):
        if path.startswith(start):
            return f"{start}…"
    return path if path in KNOWN else "/…"


def fault(error: Exception) -> str:
    """Return an error in one line without anything that could be a token."""
    return TOKENS.sub("…", " ".join(f"{type(error).__name__}: {error}".split()))
