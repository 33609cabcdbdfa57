"""The pages without a token: what is published here, what robots may read, and whether all is well."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from digest import __version__
from digest.errors import DigestError
from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH
from digest.models import Newsletter
from digest.store import names
from digest.web.pages import masthead, page, words_for_request
from digest.web.site import Site


def front(site: Site, request: Request) -> Response:
    """Return the page that names the newsletters."""
    newsletters = site.project().file.newsletters.values()
    languages = {newsletter.language for newsletter in newsletters}
    words = words_for_request(request, languages if len(languages) == 1 else ())
    listed = [{**masthead(one), "language": one.language.replace("_", "-")} for one in newsletters]
    answer = page(site, "front", words, newsletters=listed)
    answer.headers["X-Robots-Tag"] = "all"
    return answer


def robots(site: Site, _request: Request) -> Response:
    """Return what robots leave alone (RFC 9309): the addresses that hold a reader's token."""
    starts = [prefix + path for prefix in ("", *site.prefixes()) for path in (UNSUBSCRIBE_PATH, VIEW_PATH)]
    return PlainTextResponse("User-agent: *\n" + "".join(f"Disallow: {quote(start)}\n" for start in starts))


def healthz(site: Site, _request: Request) -> Response:
    """Return which installation answers here, read from its store; 503 while that cannot be read."""
    try:
        project = site.project()
        names.names(project.store, Newsletter)
    except DigestError:
        return JSONResponse({"status": "the store cannot be read"}, 503)
    return JSONResponse({"status": "ok", "installation": project.store.installation.uid, "version": __version__})
