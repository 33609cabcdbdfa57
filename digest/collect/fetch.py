"""Fetching: politely, within limits that hold whatever a server does, and only where the guard lets us."""

import asyncio
import datetime as dt
import ssl
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urljoin

import httpcore2
import httpx2

from digest import __version__
from digest.collect import robots
from digest.collect.answers import PERMANENT, Answer, Failure, FetchFailed, Known
from digest.collect.dialing import GuardedBackend, GuardedTransport, Names, Resolve
from digest.collect.exchange import Elsewhere, ask_twice
from digest.collect.guard import Refused, check_url, without_user
from digest.collect.robots import NOTHING_ALLOWED, Rules, read_robots

SECONDS = 20.0  #: for one answer, redirects included, however slowly it drips
A_HOST = 2  #: connections
ALL = 64  #: connections at once
#: http to https, to www, to a new path, to whoever serves feeds now: each address is checked anew.
MOST_REDIRECTS = 5
SILENT_HOST = 3  #: failures to reach a host until it is left alone for this round
ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


class Fetcher:
    """Fetches for one round of collecting: what is learned of hosts holds for all sources on them."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        resolve: Resolve | None = None,
        dial: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._names = Names()
        self._now = now
        contact = f" (+{base_url})" if base_url else ""
        headers = {
            "User-Agent": f"{robots.TOKEN}/{__version__}{contact}",
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip, deflate",
        }
        context = ssl.create_default_context()
        # Two pools: a connection into a private network is never there for a source that may not go there.
        self._clients = {
            private: httpx2.AsyncClient(
                transport=GuardedTransport(
                    GuardedBackend(resolve or self._names, private=private, dial=dial), context, ALL
                ),
                headers=headers,
                timeout=SECONDS,
                trust_env=False,  # a proxy would connect to what nobody has checked
            )
            for private in (False, True)
        }
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(A_HOST))
        self._busy: dict[str, FetchFailed] = {}
        self._silent: Counter[str] = Counter()
        self._robots: dict[tuple[str, bool], asyncio.Task[Rules]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._robots.values():
            task.cancel()
        for client in self._clients.values():
            await client.aclose()
        self._names.close()

    async def get(
        self, url: str, *, private: bool = False, known: Known | None = None, as_page: bool = False
    ) -> Answer:
        """Return what is at an address, or that it is as ``known``; FetchFailed says in words why not.

        ``as_page`` goes by the site's robots.txt; what is there for programs and was asked for by name does not.
        """
        permanent: str | None = None
        is_permanent = True
        seen: list[str] = []
        here = url
        left = SECONDS
        while True:
            parts = _checked(here, private=private)
            if as_page and not (await self._rules(parts, private=private)).allow(here):
                raise FetchFailed(f"robots.txt of {parts.hostname} asks programs to keep away from it", Failure.REFUSED)
            found, spent = await self._polite(parts, private, known or Known(), left)
            left -= spent
            if isinstance(found, Answer):
                return replace(found, url=without_user(here), permanent=permanent and without_user(permanent))
            seen.append(here)
            there = _redirected(here, found.location)
            if there in seen:
                raise FetchFailed("its redirects go round in a circle")
            if len(seen) > MOST_REDIRECTS:
                raise FetchFailed(f"it redirects more than {MOST_REDIRECTS} times")
            is_permanent = is_permanent and found.status in PERMANENT
            permanent = there if is_permanent else permanent
            here = there

    async def _polite(
        self, parts: SplitResult, private: bool, known: Known, left: float
    ) -> tuple[Answer | Elsewhere, float]:
        """Return the answer and the seconds it took, not those of waiting for a turn; remember how the host took it."""
        host = parts.hostname or ""
        clock = asyncio.get_running_loop().time
        async with self._hosts[host]:
            if (busy := self._busy.get(host)) is not None:
                raise FetchFailed(f"not asked: {host} wants to be left alone", busy.kind, busy.retry_at)
            if self._silent[host] >= SILENT_HOST:
                raise FetchFailed(f"not asked: {host} could not be reached just now", Failure.SILENT)
            asked = clock()
            try:
                async with asyncio.timeout(left):
                    found = await ask_twice(self._clients[private], parts, known, self._now())
            except TimeoutError:
                self._silent[host] += 1
                raise FetchFailed(f"no whole answer within {SECONDS:g} s", Failure.SILENT) from None
            except FetchFailed as failed:
                if failed.kind is Failure.BUSY:
                    self._busy[host] = failed
                self._silent[host] += failed.kind is Failure.SILENT
                raise
            self._silent[host] = 0
            return found, clock() - asked

    async def _rules(self, parts: SplitResult, *, private: bool) -> Rules:
        """Return what a site asks of programs; it is asked once a round, whoever needs it first."""
        place = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="/robots.txt", query="", fragment="")
        key = (place.geturl(), private)
        if key not in self._robots:
            self._robots[key] = asyncio.create_task(self._read_rules(*key))
        return await asyncio.shield(self._robots[key])

    async def _read_rules(self, url: str, private: bool) -> Rules:
        try:
            return read_robots((await self.get(url, private=private)).data)
        except FetchFailed as failed:
            # RFC 9309, 2.3.1.3: what is not there allows everything; 2.3.1.4: what cannot be reached allows nothing.
            out_of_reach = failed.kind in (Failure.SILENT, Failure.BUSY) or (failed.status or 0) >= 500
            return NOTHING_ALLOWED if out_of_reach else Rules()


def _checked(url: str, *, private: bool) -> SplitResult:
    try:
        return check_url(url, private=private)
    except Refused as error:
        raise FetchFailed(f"not fetched: {error}", Failure.REFUSED) from None


def _redirected(here: str, location: str) -> str:
    """Return where a redirect leads; a user it names is not gone with, ours stays on the same host and scheme."""
    if not location:
        raise FetchFailed("it redirects without saying where")
    try:
        there = without_user(urljoin(here, location.strip()))
        from_, to = check_url(here, private=True), check_url(there, private=True)
    except (ValueError, Refused):
        raise FetchFailed("it redirects to what is no address of the web", Failure.REFUSED) from None
    user, at, _ = from_.netloc.rpartition("@")
    same = at and (from_.scheme, from_.hostname, from_.port) == (to.scheme, to.hostname, to.port)
    return to._replace(netloc=f"{user}@{to.netloc}").geturl() if same else there
