"""The way out for questions to an edition's links: into the net, never into our own network."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpcore2
import httpx2

from digest import __version__
from digest.collect.dialing import GuardedBackend, GuardedTransport, Names, NoAddress, Resolve
from digest.collect.guard import Refused, check_url
from digest.delivery.findings import Asked
from digest.delivery.links import ALL, SECONDS, Ask, Reply, ask_all


def ask_links(urls: Sequence[str], base_url: str) -> dict[str, Asked]:
    """Return what links and pictures come to, asked for over the network."""

    async def asked() -> dict[str, Asked]:
        async with guarded(base_url) as ask:
            return await ask_all(urls, ask)

    return asyncio.run(asked())


@asynccontextmanager
async def guarded(
    base_url: str, *, resolve: Resolve | None = None, dial: httpcore2.AsyncNetworkBackend | None = None
) -> AsyncIterator[Ask]:
    """Open a client that asks public addresses only (collect/guard.py says which these are)."""
    names = Names()
    backend = GuardedBackend(resolve or names, private=False, dial=dial)
    client = httpx2.AsyncClient(
        transport=GuardedTransport(backend, ssl.create_default_context(), ALL),
        headers={"User-Agent": f"digest/{__version__} (+{base_url})", "Accept-Encoding": "identity"},
        timeout=SECONDS,
        trust_env=False,  # a proxy would connect to what nobody has checked
    )

    async def ask(method: str, url: str) -> Reply:
        try:
            check_url(url, private=False)
        except Refused:
            return Reply()  # another port, or no page at all: a reader may get there all the same
        try:
            # Of a GET the head is enough: its body is let go of unread.
            async with client.stream(method, url, follow_redirects=False) as answer:
                return Reply(answer.status_code, answer.headers.get("location", ""), _size(answer))
        except Refused as error:
            return Reply(silence=f"readers cannot go there: {str(error).partition(';')[0]}")
        except NoAddress as error:
            return Reply(silence=str(error))
        except (httpcore2.TimeoutException, httpx2.TimeoutException):
            return Reply(silence=f"no answer within {SECONDS:g} s")
        except (httpcore2.ConnectError, httpx2.ConnectError) as error:
            return Reply(silence=f"it cannot be reached ({' '.join(str(error).split()) or 'no connection'})")
        except Exception as error:  # noqa: BLE001  whatever a stranger's server does to our client is an answer too
            return Reply(-1, silence=f"it does not speak as a web server does ({type(error).__name__})")

    try:
        yield ask
    finally:
        await client.aclose()
        names.close()


def _size(answer: httpx2.Response) -> int | None:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 16 else None
