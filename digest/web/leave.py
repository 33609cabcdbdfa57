"""The link to leave by. To look changes nothing; to press the button, or a mailbox provider's one click, does it."""

import asyncio
import datetime as dt
import time
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from digest import tokens
from digest.people.leaving import Standing, leave, standing
from digest.project import Project
from digest.store.copies import copy_of, is_on_its_way
from digest.tokens import Purpose
from digest.web.forms import read_form
from digest.web.pages import masthead, newsletter_called, page, words_for_request
from digest.web.site import Site

PAIR = ("List-Unsubscribe", "One-Click")  #: what a POST must hold (RFC 8058, 3.2)
FROM_PAGE = ("from", "page")  #: what our own button adds to it
WAIT = 2.0  #: seconds for a mail that is on its way to be taken or refused
LOOK = 0.02
LONGEST_AGENT = 120


@dataclass(frozen=True)
class Visit:
    """Somebody with a link of ours."""

    project: Project
    edition_id: int
    subscriber_id: int


async def answer(site: Site, request: Request) -> Response:
    """Return the page with the button, or do what it says; BadToken for a link that is none of ours.

    RFC 8058, 3.1 and 3.2: the same address for both; no redirect, cookie, login or origin is asked of a POST.
    """
    visit = await run_in_threadpool(_visit, site, request.path_params["token"])
    if request.method != "POST":
        return await run_in_threadpool(_ask, site, request, visit)
    form = await read_form(request)
    if form.get(PAIR[0], "").strip() != PAIR[1]:
        return await run_in_threadpool(_ask, site, request, visit, status=400)
    await run_in_threadpool(_leave, visit, _how(form, request.headers.get("user-agent", "")))
    await _until_nothing_is_on_its_way(visit)
    return await run_in_threadpool(_confirm, site, request, visit)


def _visit(site: Site, token: str) -> Visit:
    project = site.project()
    return Visit(project, *tokens.read(project.keys, Purpose.UNSUBSCRIBE, token))


def _ask(site: Site, request: Request, visit: Visit, status: int = 200) -> Response:
    stands = standing(visit.project, visit.edition_id, visit.subscriber_id)
    # Who tried to leave and said it wrong gets the button in any case.
    return _show(site, request, visit, stands, "leave" if stands.receives or status != 200 else "gone", status)


def _confirm(site: Site, request: Request, visit: Visit) -> Response:
    return _show(site, request, visit, standing(visit.project, visit.edition_id, visit.subscriber_id), "left")


def _leave(visit: Visit, how: str) -> None:
    now = dt.datetime.now(dt.UTC)
    leave(visit.project, visit.project.file, visit.edition_id, visit.subscriber_id, how=how, now=now)


async def _until_nothing_is_on_its_way(visit: Visit) -> None:
    """Wait for a mail that had gone to the relay before we knew: after our answer none may be taken any more."""
    ends = time.monotonic() + WAIT
    while await run_in_threadpool(is_on_its_way, visit.project.store, visit.edition_id, visit.subscriber_id):
        if time.monotonic() > ends:
            return
        await asyncio.sleep(LOOK)


def _show(site: Site, request: Request, visit: Visit, stands: Standing, name: str, status: int = 200) -> Response:
    """Return a page in the language of the reader's letter; it says nothing about the reader."""
    newsletter = newsletter_called(visit.project.file, stands.newsletter)
    copy = copy_of(visit.project.store, visit.edition_id, visit.subscriber_id)
    languages = [copy.language] if copy else []
    words = words_for_request(request, [*languages, *([newsletter.language] if newsletter else [])])
    return page(site, name, words, status=status, **masthead(newsletter, stands.newsletter))


def _how(form: dict[str, str], agent: str) -> str:
    """Return how a reader left, for the history: which way, and what program said so."""
    way = "button on the page" if form.get(FROM_PAGE[0]) == FROM_PAGE[1] else "one-click"
    printable = "".join(c for c in agent if c.isprintable())[:LONGEST_AGENT].strip()
    return f"{way}, {printable or 'no user agent'}"
