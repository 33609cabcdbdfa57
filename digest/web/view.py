"""A letter on the web: as it was mailed to the reader whose link it is, with the articles that the mail folds."""

import datetime as dt
import email
import email.policy
import re
from collections.abc import Sequence
from email.message import EmailMessage

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from digest import tokens
from digest.delivery.embargo import free
from digest.letter.identity import Identity
from digest.letter.stamp import fill_page, open_letter, public
from digest.models import Letter
from digest.project import Project
from digest.store import editions
from digest.store.copies import Copy, copy_of
from digest.store.editions import Listed
from digest.tokens import Purpose
from digest.web.languages import weights
from digest.web.pages import newsletter_called, words_for_request
from digest.web.site import Site

#: A letter shows pictures and has styles of its own; it runs, loads, sends and frames nothing.
POLICY = (
    "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)


def answer(site: Site, request: Request) -> Response:
    """Return a reader's letter, as HTML or as text; BadToken, or 404 where there is no such letter."""
    project = site.project()
    edition_id, subscriber_id = tokens.read(project.keys, Purpose.VIEW, request.path_params["token"])
    listed = next(iter(editions.listing(project.store, numbers=[edition_id])), None)
    letters, _ = free(project, edition_id, editions.letters(project.store, edition_id), dt.datetime.now(dt.UTC))
    copy = copy_of(project.store, edition_id, subscriber_id)
    letter = _chosen(letters, copy, request.query_params.get("version"))
    if listed is None or letter is None:
        raise HTTPException(404)
    html, text = _parts(project, listed, letter, copy, subscriber_id)
    if bar := _bar(site, request, listed, letters, letter):
        html, text = _with_bar(html, bar[0]), f"{bar[1]}\n\n{text}"
    headers = {"Content-Security-Policy": POLICY}
    wants_text = request.query_params.get("text") == "1" or prefers_text(request.headers.get("accept", ""))
    return PlainTextResponse(text, headers=headers) if wants_text else HTMLResponse(html, headers=headers)


def prefers_text(accept: str) -> bool:
    """Return whether an Accept header names text/plain, and likes it better than HTML."""
    weight = dict(reversed(weights(accept)))
    return weight.get("text/plain", 0.0) > weight.get("text/html", 0.0)


def _chosen(letters: Sequence[Letter], copy: Copy | None, version: str | None) -> Letter | None:
    """Return the letter of a version; when none is asked for, the one that was mailed, else the newest.

    It is of the variant of the reader's copy; without one, the whole in the newsletter's own language, stored first.
    """
    mailed = next((letter for letter in letters if copy and letter.id == copy.letter_id), None)
    if version is None and mailed is not None:
        return mailed
    wanted = str(max((letter.version for letter in letters), default=1)) if version is None else version
    of_version = [letter for letter in letters if str(letter.version) == wanted]
    variant = copy and (copy.language, copy.articles)
    same = (letter for letter in of_version if (letter.language, letter.articles) == variant)
    return next(same, next(iter(of_version), None))


def _parts(project: Project, listed: Listed, letter: Letter, copy: Copy | None, subscriber_id: int) -> tuple[str, str]:
    """Return a letter's HTML and text: stamped for its reader; the public form once there is none.

    What the mail counts as "12 more on the web" is printed here.
    """
    if copy is None or not copy.address:
        return public(letter.page) or letter.html, letter.text
    reader = Identity(project.keys, listed.edition).reader(subscriber_id, copy.address, copy.name)
    mail = email.message_from_bytes(open_letter(letter.mail).fill(reader), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return fill_page(letter.page, reader) or _part(mail, "html"), _part(mail, "plain")


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None  # a letter is always both (letter/mime.py)
    return str(part.get_content()).replace("\r\n", "\n")


def _bar(
    site: Site, request: Request, listed: Listed, letters: Sequence[Letter], letter: Letter
) -> tuple[str, str] | None:
    """Return what stands above a letter of which there are several versions, as HTML and as text."""
    newest = max(letters, key=lambda one: one.version)
    if all(one.version == newest.version for one in letters):  # there is one only, or the others are under embargo
        return None
    newsletter = newsletter_called(site.project().file, listed.newsletter)
    words = words_for_request(request, [letter.language])
    said = words.text("This letter was revised.")
    if newest.made_at is not None:
        at = newest.made_at.astimezone(newsletter.zone if newsletter else None)
        date, time = words.short_date(at.date()), f"{at:%H:%M}"
        said = words.text("This letter was revised on %(date)s at %(time)s.", date=date, time=time)
    is_newest = letter.version == newest.version
    other = letter.version - 1 if is_newest else newest.version
    link = words.text("Read it as it was before") if is_newest else words.text("Read it as it is now")
    values = {"said": said, "link": link, "version": other}
    context = {**values, "language": words.language, "direction": words.direction}
    return site.render("pages/revised.html.j2", context).strip(), f"{said} {link}: ?text=1&version={other}"


def _with_bar(html: str, bar: str) -> str:
    """Return a letter with a bar at its top: within its body, outside of all that is its own."""
    body = BODY.search(html)
    at = body.end() if body else 0
    return html[:at] + bar + html[at:]
