"""The application: which address leads to what."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from digest.errors import DigestError
from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH
from digest.project import Project
from digest.tokens import BadToken
from digest.web import front, leave, view
from digest.web.door import Door, fault
from digest.web.pages import failed, missing, trouble
from digest.web.rounds import rounds
from digest.web.site import Say, Site


def make_app(project: Project, say: Say, *, log: bool = False) -> ASGIApp:
    """Return the application for an open project; ``say`` gets its lines, with ``log`` one for each request too.

    Once a minute it makes its rounds, see ``rounds.py``.
    """
    site = Site(project, say)
    inside = Starlette(
        routes=[
            Route("/", partial(front.front, site)),
            Route("/healthz", partial(front.healthz, site)),
            Route("/robots.txt", partial(front.robots, site)),
            Route(f"{UNSUBSCRIBE_PATH}{{token}}", partial(leave.answer, site), methods=["GET", "POST"]),
            Route(f"{VIEW_PATH}{{token}}", partial(view.answer, site)),
        ],
        exception_handlers=_handlers(site),
        lifespan=partial(_lifetime, site),
    )
    inside.router.redirect_slashes = False  # RFC 8058, 3.1: no redirect
    return Door(inside, site, log=log)


@asynccontextmanager
async def _lifetime(site: Site, _app: Starlette) -> AsyncIterator[None]:
    making_rounds = asyncio.create_task(rounds(site))
    try:
        yield
    finally:
        making_rounds.cancel()
        site.close()


def _handlers(site: Site) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    """Return how each error is answered."""

    def by_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return failed(site, request, error)

    def no_token(request: Request, _error: Exception) -> Response:
        return missing(site, request)

    def unavailable(request: Request, error: Exception) -> Response:
        site.say(fault(error))
        return trouble(site, request, 503)  # a mailbox provider tries again

    def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)  # nobody hears it

    def broken(request: Request, _error: Exception) -> Response:
        return trouble(site, request, 500)

    return {
        HTTPException: by_status,
        BadToken: no_token,
        DigestError: unavailable,
        ClientDisconnect: gone,
        Exception: broken,
    }
