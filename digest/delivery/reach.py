"""Whether base_url leads to this installation: what readers press in the letters must end here."""

import contextlib
import json
import queue
import socket
import ssl
import threading
import time

import httpx2

from digest import __version__

PATIENCE = 5.0  #: seconds for all of it, looking the name up included
LARGEST = 64_000  #: octets of an answer that are read
#: Uncompressed, so that what is read is what was sent.
HEADERS = {"User-Agent": f"digest/{__version__}", "Accept-Encoding": "identity"}
ABOUT = "let the web server there pass it on to `digest serve`, or correct base_url"


def reach(base_url: str, uid: str) -> str | None:
    """Return None when base_url answers as the installation with this uid, else why it does not and what to do.

    Asks ``/healthz`` once, over the network; a redirect is not followed, since a one-click unsubscribe is not either
    (RFC 8058, 3.1).
    """
    url = f"{base_url}/healthz"
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # In a thread, because looking up a name knows no deadline; it is left behind when it takes too long.
    threading.Thread(target=lambda: heard.put(_ask(url, uid)), name="reach", daemon=True).start()
    with contextlib.suppress(queue.Empty):
        return heard.get(timeout=PATIENCE)
    return _silent(url)


def _ask(url: str, uid: str) -> str | None:
    ends = time.monotonic() + PATIENCE
    try:
        with (
            httpx2.Client(verify=ssl.create_default_context(), timeout=PATIENCE, follow_redirects=False) as client,
            client.stream("GET", url, headers=HEADERS) as answer,
        ):
            body = b""
            for part in answer.iter_raw(4096):
                body += part
                if len(body) > LARGEST or time.monotonic() > ends:
                    break
            return _judged(url, answer, body, uid)
    except httpx2.TimeoutException:
        return _silent(url)
    except Exception as error:  # noqa: BLE001  whatever a stranger's server does to our client is an answer too
        return _unreachable(url, error)


def _judged(url: str, answer: httpx2.Response, body: bytes, uid: str) -> str | None:
    """Return what an answer says of where base_url leads."""
    if answer.is_redirect:
        target = answer.headers.get("location", "somewhere else")[:200]
        return f"{url} redirects to {target}: mailbox providers follow no redirect; set base_url to where it leads"
    if answer.status_code == 503:
        return f"{url} answers 503: `digest serve`, or what stands before it, cannot work; look at what it says"
    if answer.status_code != 200:
        return f"{url} answers {answer.status_code}: {ABOUT}"
    installation = _installation(body)
    if installation is None:
        return f"{url} answers, but not as digest does: {ABOUT}"
    if installation != uid:
        return f"{url} answers for another installation of digest: serve this project there, or correct base_url"
    return None


def _installation(body: bytes) -> str | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):  # also of no text at all, or brackets without end
        return None
    found = said.get("installation") if isinstance(said, dict) else None
    return found if isinstance(found, str) else None


def _unreachable(url: str, error: Exception) -> str:
    """Return why there was no answer, from the innermost of the errors that were raised on the way."""
    causes = [error]
    while (inner := causes[-1].__cause__ or causes[-1].__context__) and isinstance(inner, Exception):
        causes.append(inner)
    for cause in causes:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"{url} has a certificate that nobody trusts ({cause.verify_message}): renew or correct it"
            case socket.gaierror():
                return f"{url} cannot be reached: no address is known for this name; correct base_url, or its DNS entry"
            case ConnectionRefusedError():
                return f"{url} cannot be reached: connection refused; start the web server there, and `digest serve`"
    words = " ".join(str(error).split()) or type(error).__name__
    return f"{url} cannot be reached ({words}): {ABOUT}"


def _silent(url: str) -> str:
    return f"{url} does not answer within {PATIENCE:g} s: look at the web server there, and at `digest serve`"
