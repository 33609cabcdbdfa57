"""Pages: what a template makes of a few values, in the reader's language and the newsletter's name."""

from collections.abc import Iterable
from email.utils import parseaddr

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from digest.letter.values import clean
from digest.locale import Words
from digest.settings import NewsletterSettings, ProjectFile
from digest.web.languages import words_among
from digest.web.site import Site


def page(site: Site, name: str, words: Words, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page of ``templates/pages``."""
    context = {
        "title": "",
        "tagline": "",
        "write_to": "",
        **values,
        "language": words.language,
        "direction": words.direction,
        "words": words,
        "_": words.text,
        "ngettext": words.plural,
    }
    return HTMLResponse(site.render(f"pages/{name}.html.j2", context), status)


def missing(site: Site, request: Request) -> HTMLResponse:
    """Return the one page for whatever is not here: it says nothing of why, or of whom a link may have been for."""
    return page(site, "missing", words_for_request(request), status=404)


def trouble(site: Site, request: Request, status: int) -> HTMLResponse:
    """Return the page for what cannot be done, by their fault (4xx) or ours (5xx)."""
    return page(site, "trouble", words_for_request(request), status=status, is_ours=status >= 500)


def failed(site: Site, request: Request, error: HTTPException) -> HTMLResponse:
    """Return the page for a status."""
    answer = missing(site, request) if error.status_code == 404 else trouble(site, request, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def words_for_request(request: Request, languages: Iterable[str] = ()) -> Words:
    """Return the words that a request is answered in; these languages come before those of the browser."""
    return words_among(languages, request.headers.get("accept-language", ""))


def newsletter_called(file: ProjectFile, name: str | None) -> NewsletterSettings | None:
    """Return a newsletter's section; None where digest.toml has it no longer."""
    return file.newsletters.get(name or "")


def masthead(newsletter: NewsletterSettings | None, name: str | None = None) -> dict[str, str]:
    """Return what pages print of a newsletter; of one that has left digest.toml, its name."""
    if newsletter is None:
        return {"title": name or "", "tagline": "", "write_to": ""}
    return {
        "title": clean(newsletter.title),
        "tagline": clean(newsletter.tagline),
        "write_to": clean(parseaddr(newsletter.reply_to or newsletter.from_)[1]),
    }
