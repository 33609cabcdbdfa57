"""Asking a letter's links and pictures, all at once and within limits, whether readers get anywhere by them."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from digest.delivery.findings import Asked

SECONDS = 10.0  #: for one answer
ALL = 32  #: questions at a time
A_HOST = 2  #: of them to one host
MOST = 1_000  #: links; of more the first are asked
MOST_REDIRECTS = 5
SILENT_HOST = 3  #: questions without an answer, until a host is left alone
FOR_GOOD = (301, 308)  # RFC 9110, 15.4: who links there is asked to change the link
FOR_NOW = (302, 303, 307)
#: A page may be there for readers and not for programs: nothing can be told from these.
NOT_FOR_US = frozenset({401, 402, 403, 405, 406, 407, 418, 425, 429, 451, 501, 503, 999})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said at once: its status, where it points, how long the body is, or why there was no answer.

    Of one that nobody could ask there is nothing to say.
    """

    status: int = 0
    location: str = ""
    size: int | None = None
    silence: str = ""


#: Ask once, by HEAD or GET, without following a redirect and without reading a body.
Ask = Callable[[str, str], Awaitable[Reply]]


async def ask_all(urls: Sequence[str], ask: Ask) -> dict[str, Asked]:
    """Return what each link came to; each is asked for once, two at a time of one host."""
    everywhere = asyncio.Semaphore(ALL)
    hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(A_HOST))
    silent: Counter[str] = Counter()
    said: dict[str, str] = {}

    async def once(method: str, url: str) -> Reply:
        host = urlsplit(url).netloc.lower()
        async with hosts[host], everywhere:
            if silent[host] >= SILENT_HOST:
                return Reply(silence=said[host])
            try:
                async with asyncio.timeout(SECONDS):
                    reply = await ask(method, url)
            except TimeoutError:
                reply = Reply(silence=f"no answer within {SECONDS:g} s")
            if reply.silence:
                silent[host] += 1
                said[host] = reply.silence
            return reply

    wanted = list(dict.fromkeys(urls))[:MOST]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_follow(url, once)) for url in wanted]
    return {url: task.result() for url, task in zip(wanted, tasks, strict=True)}


async def _follow(url: str, once: Ask) -> Asked:
    """Return where a link leads in the end."""
    try:
        urlsplit(url)
    except ValueError:  # articles' links are addresses; a design may have anything
        return Asked("it is no address; correct the link")
    here, is_for_good = url, False
    for _ in range(MOST_REDIRECTS + 1):
        reply = await once("HEAD", here)
        if reply.status >= 400 or (reply.silence and reply.status):
            reply = await once("GET", here)  # not every server knows HEAD, or means what it says to it
        if reply.status not in (*FOR_GOOD, *FOR_NOW) or not reply.location:
            return _judged(url, here, reply, is_for_good=is_for_good)
        is_for_good = is_for_good or reply.status in FOR_GOOD
        try:
            here = urljoin(here, reply.location)
        except ValueError:
            return Asked("it redirects to what is no address")
    return Asked(f"it redirects more than {MOST_REDIRECTS} times")


def _judged(url: str, here: str, reply: Reply, *, is_for_good: bool) -> Asked:
    if reply.silence:
        return Asked(reply.silence)
    if reply.status >= 400 and reply.status not in NOT_FOR_US:
        at = f" at {here}" if here != url else ""
        return Asked(f"it answers {reply.status}{at}; correct the link or drop the article")
    if _is_front_page(here) and not _is_front_page(url):
        return Asked(moved="it leads to the front page only: the article may be gone", size=reply.size)
    if is_for_good and not _is_same(url, here):
        return Asked(moved=f"moved for good: link to {here}", size=reply.size)
    return Asked(size=reply.size)


def _is_front_page(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query


def _is_same(url: str, there: str) -> bool:
    """Return whether only the scheme, a www or a slash at the end is another one: nothing an editor has to mend."""
    first, last = urlsplit(url), urlsplit(there)
    hosts = [(one.hostname or "").removeprefix("www.") for one in (first, last)]
    return hosts[0] == hosts[1] and first.path.rstrip("/") == last.path.rstrip("/") and first.query == last.query
