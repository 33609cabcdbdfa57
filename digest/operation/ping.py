"""A monitor is told that a send has begun, has gone well or has failed, and raises the alarm when it hears nothing."""

import queue
import threading
from typing import Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from digest import __version__

Event = Literal["start", "success", "failure"]
PATHS: dict[Event, str] = {"start": "/start", "success": "", "failure": "/fail"}  #: as healthchecks.io has them
PATIENCE = 5.0  #: seconds for all of it: no send waits longer for its monitor
MOST = 10_000  #: bytes of words


def ping(url: str, event: Event, words: str = "") -> str | None:
    """Tell a monitor of an event, with a few words; return one line for the editor where it has not heard, else None.

    Never raises, and takes five seconds at most.  The line names the host only: the path of the URL is a secret.
    """
    parts = _split(url)
    if parts is None:
        return f"the monitor was not told ({event}): DIGEST_PING_URL is not an address of the web; write https://..."
    target = _with_path(parts, PATHS[event])
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    # In a thread: the time limits of an HTTP client are for each step, and there is none for the name server.
    threading.Thread(target=lambda: told.put(_tell(target, words)), daemon=True, name="ping").start()
    try:
        trouble = told.get(timeout=PATIENCE)
    except queue.Empty:
        trouble = _silent()
    return f"the monitor at {parts.hostname} was not told ({event}): {trouble}" if trouble else None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def _with_path(parts: SplitResult, more: str) -> str:
    path = parts.path.rstrip("/") + more if more else parts.path
    return urlunsplit(parts._replace(path=path, fragment=""))


def _tell(url: str, words: str) -> str:
    """Return what went wrong, or an empty string."""
    import httpx2

    body = words.encode(errors="replace")[:MOST].decode(errors="ignore").encode()
    headers = {"User-Agent": f"digest/{__version__}", "Content-Type": "text/plain; charset=utf-8"}
    try:
        # Redirects are not followed: the words are for this monitor. What it says is not read to its end.
        with httpx2.stream("POST" if body else "GET", url, content=body, headers=headers, timeout=PATIENCE) as answer:
            code = answer.status_code
    except httpx2.TimeoutException:
        return _silent()
    except httpx2.TransportError as error:
        return " ".join(str(error).split()) or type(error).__name__
    except Exception as error:  # noqa: BLE001  whatever it is, a send goes on without its monitor
        return type(error).__name__
    if 300 <= code < 400:
        return f"it answered {code}, which leads elsewhere; write that address into DIGEST_PING_URL"
    return f"it answered {code}" if code >= 400 else ""


def _silent() -> str:
    return f"no answer within {PATIENCE:g} s"
