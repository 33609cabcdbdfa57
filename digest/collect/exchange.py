"""One question to a server and its answer, read to the end within the limits."""

import base64
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote

import httpcore2
import httpx2

from digest.collect.answers import REDIRECTS, Answer, Failure, FetchFailed, Known, charset_of, refusal
from digest.collect.dialing import NoAddress
from digest.collect.guard import Refused
from digest.collect.inflate import LARGEST, Inflater, NotCompressed, TooLarge


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A redirect: where it leads, as the server says it, and its status."""

    location: str
    status: int


async def ask_twice(
    client: httpx2.AsyncClient, parts: SplitResult, known: Known, now: dt.datetime
) -> Answer | Elsewhere:
    """Ask, and once more where the connection was no good: a kept one may have been closed just then."""
    try:
        return await ask(client, parts, known, now)
    except (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError):
        pass
    try:
        return await ask(client, parts, known, now)
    except (httpcore2.RemoteProtocolError, httpcore2.NetworkError) as error:
        raise FetchFailed("the connection broke before an answer", Failure.SILENT) from error


async def ask(client: httpx2.AsyncClient, parts: SplitResult, known: Known, now: dt.datetime) -> Answer | Elsewhere:
    """Return the answer, its address still empty, or where it leads; FetchFailed."""
    async with _reached(client, parts, known) as response:
        status, headers = response.status_code, response.headers
        if status in REDIRECTS:
            return Elsewhere(headers.get("location", ""), status)
        content_type = headers.get("content-type", "")
        # A body that comes with a 304 all the same is not read: RFC 9110, 15.4.5 has none.
        is_unchanged = status == 304 and bool(known.headers)
        failed = None if is_unchanged else refusal(status, headers.get("retry-after", ""), now)
        if failed is not None:
            raise failed
        data, is_cut = (b"", False) if is_unchanged else await _body(response)
    return Answer(
        url="",
        data=data,
        charset=charset_of(content_type),
        content_type=content_type,
        etag=headers.get("etag", "")[:1000] or None,
        modified=headers.get("last-modified", "")[:200] or None,
        is_unchanged=is_unchanged,
        is_cut=is_cut,
    )


@asynccontextmanager
async def _reached(client: httpx2.AsyncClient, parts: SplitResult, known: Known) -> AsyncIterator[httpx2.Response]:
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    try:
        request = client.build_request("GET", bare, headers={**known.headers, **_login(parts)})
    except (httpx2.InvalidURL, ValueError):
        raise FetchFailed("it is no address of the web", Failure.REFUSED) from None
    try:
        response = await client.send(request, stream=True)
    except Refused as error:
        raise FetchFailed(f"not fetched: {error}", Failure.REFUSED) from None
    except NoAddress as error:
        raise FetchFailed(str(error), Failure.SILENT) from error
    except (httpcore2.ConnectError, httpcore2.TimeoutException) as error:
        raise FetchFailed(_unreachable(parts.hostname or "", error), Failure.SILENT) from error
    except (httpcore2.LocalProtocolError, httpcore2.UnsupportedProtocol, httpx2.HTTPError) as error:
        raise FetchFailed(f"it cannot be asked for: {error}") from error
    try:
        yield response
    finally:
        await response.aclose()


async def _body(response: httpx2.Response) -> tuple[bytes, bool]:
    """Return a body as it was meant, and whether its end is missing."""
    is_cut = False
    try:
        inflater = Inflater(response.headers.get("content-encoding", "").strip().lower())
        try:
            async for piece in response.aiter_raw():
                inflater.take(piece)
        except (httpcore2.RemoteProtocolError, httpcore2.ReadError):
            is_cut = True  # what has come may still hold whole articles
        except httpcore2.TimeoutException:
            raise TimeoutError from None
        data, lacks_end = inflater.whole()
    except TooLarge:
        raise FetchFailed(f"it is larger than {LARGEST // 1_000_000} MB") from None
    except NotCompressed as error:
        raise FetchFailed(str(error)) from None
    return data, is_cut or lacks_end


def _login(parts: SplitResult) -> dict[str, str]:
    """Return the header for the user and password of an address (RFC 7617)."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


def _unreachable(host: str, error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {host} is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no safe connection with {host}: {(cause.reason or 'TLS failed').lower().replace('_', ' ')}"
        cause = cause.__cause__ or cause.__context__
    return f"{host} cannot be reached"
