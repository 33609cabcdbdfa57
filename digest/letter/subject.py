"""The two lines that a list of mails shows of a letter: its subject and, behind it, the preheader."""

import datetime as dt
from typing import Any

from digest.letter.printed import Printed, first_headlines, nothing
from digest.letter.templates import SUBJECT, TemplateError, Templates
from digest.letter.values import one_line, shortened
from digest.locale import Words

LONGEST_SUBJECT = 78  #: characters; a desktop shows some 70 of them, a phone 35
PREHEADER = 110  #: characters of headlines; no list of mails shows more than 140
#: Pushed behind it, so that no list shows what follows: an invisible sign (U+034F) and a blank that does not fold.
PADDING = "\u034f\N{NO-BREAK SPACE}"
PADDED = 160


def make_subject(
    source: str,
    printed: Printed,
    date: dt.date,
    templates: Templates,
    words: Words,
    context: dict[str, Any],
    *,
    test: bool,
) -> str:
    """Return the subject in 78 characters at most; TemplateError.

    Without a lead story ``lead`` is the first headline there, and without any the date.
    """
    lead = printed.lead or next(iter(printed.headlines), nothing(words.full_date(date)))
    subject = one_line(templates.render_subject(source, {**context, "lead": lead}))
    if not subject:
        raise TemplateError("makes an empty subject", SUBJECT)
    return shortened(words.text("[Test] %(subject)s", subject=subject) if test else subject, LONGEST_SUBJECT)


def make_preheader(printed: Printed, otherwise: str) -> str:
    """Return the first headlines, padded; the lead story's words, or else the tagline, where there are none.

    The lead story is in the subject beside it.
    """
    lead = printed.lead.summary or printed.lead.subtitle if printed.lead else ""
    text = first_headlines([article.title for article in printed.headlines], PREHEADER) or lead or otherwise
    return text + PADDING * max(0, PADDED - len(text))
