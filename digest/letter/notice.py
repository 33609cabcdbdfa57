"""A notice as bytes: one plain text to one person, from its template and its facts."""

import datetime as dt
from collections.abc import Mapping

from digest.letter.headers import header_block, notice_headers
from digest.letter.mime import quoted_printable
from digest.letter.templates import TemplateError, Templates
from digest.letter.values import clean, many_lines, one_line
from digest.locale import words_for
from digest.settings import NewsletterSettings

FOLDER = "notices"


def compose_notice(
    kind: str,
    facts: Mapping[str, object],
    newsletter: NewsletterSettings,
    templates: Templates,
    *,
    to: str,
    at: dt.datetime,
    message_id: str,
) -> bytes:
    """Return a notice as it goes over the wire; its template's first line is the subject.

    Text in ``facts`` is cleaned, whoever wrote it.  Raises TemplateError, BadAddress.
    """
    words = words_for(newsletter.language)
    known = {name: _clean(value) for name, value in facts.items()}
    context = {
        "title": clean(newsletter.title), "newsletter": newsletter.name, "facts": known, "words": words,
        "_": words.text, "ngettext": words.plural,
    }  # fmt: skip
    name = f"{FOLDER}/{kind}.txt.j2"
    subject, _, text = many_lines(templates.render(name, context)).strip().partition("\n")
    if not one_line(subject) or not text.strip():
        raise TemplateError("its first line is the subject, and text follows after an empty line", f"templates/{name}")
    fields = notice_headers(newsletter, to, one_line(subject), at.astimezone(newsletter.zone), message_id)
    return header_block(fields) + quoted_printable(text.strip() + "\n")


def _clean(value: object) -> object:
    match value:
        case str():
            return clean(value)
        case list():
            return [_clean(one) for one in value]
    return value
