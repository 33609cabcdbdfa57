"""Composing: an edition laid out becomes a letter, once for each edition and variant."""

from dataclasses import dataclass
from email.utils import parseaddr
from itertools import cycle
from typing import Any

from digest.edition.layout import Layout
from digest.letter import budget, gate
from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH, Frame
from digest.letter.headers import header_block, letter_headers
from digest.letter.inline import inline
from digest.letter.markers import Markers, SlotLost
from digest.letter.mime import alternative
from digest.letter.printed import Printed, printed
from digest.letter.slots import Kind
from digest.letter.stamp import Reader, open_letter, public
from digest.letter.subject import make_preheader, make_subject
from digest.letter.templates import FOLDER, LETTER, TemplateError, Templates
from digest.letter.values import clean, many_lines
from digest.locale import Words, words_for
from digest.models import Letter

TEXT = "letter.txt.j2"

#: Readers that every letter is tried on before it is frozen: an ordinary one, and those nobody wishes for.
TRIAL_NAMES = (
    "Anna Andersson",
    "",
    'Å"ke, <b>&</b> \\ (x)\r\nBcc: a@b.example\r\n\r\n.\r\n',
    "=?utf-8?q?hi=0D=0ABcc:_a@b.example?=",
    ".\0From \u202e\u2028" + "\U0001f469\u200d\U0001f680שלום " * 60,
)
TRIAL_ADDRESSES = ("anna@example.com", "åsa.öberg@" + "långt.example." * 6 + "com")


@dataclass(frozen=True, slots=True)
class _Variant:
    """What is the same in all parts of one letter."""

    frame: Frame
    templates: Templates
    words: Words
    nonce: str


def compose(layout: Layout, frame: Frame, templates: Templates, nonce: str, language: str | None = None) -> Letter:
    """Return an edition as a letter in a language (the newsletter's when none is given), its ``edition_id`` still 0.

    Where its HTML is over budget, the oldest dates are folded: the mail counts them, and ``page`` prints them.
    ``nonce`` is 32 random small letters and digits; the letter does not depend on it.  Raises TemplateError,
    ConfigError for a header that cannot stand, GateError.
    """
    variant = _Variant(frame, templates, words_for(language or frame.newsletter.language), nonce)
    templates.check_design(frame.newsletter.design)
    edition = _printed(variant, layout)
    known = _known(variant, layout, edition)
    source = frame.newsletter.subject
    subject = make_subject(source, edition, layout.date, templates, variant.words, known, test=frame.test)
    mailed, html, costs = _within_budget(variant, layout, subject)
    text = _part(variant, mailed, subject, Kind.TEXT)
    boundary, body = alternative(text, html)
    fields = letter_headers(frame, subject, boundary)
    mail = header_block(fields) + body
    _try_on(mail, [name for name, _ in fields])
    return Letter(
        edition_id=0,
        language=variant.words.language,
        subject=subject,
        html=public(html),
        text=public(text),
        mail=mail,
        page=_page(variant, mailed, subject) if mailed.folded else "",
        costs=budget.kept(mailed, costs),
    )


def _within_budget(variant: _Variant, layout: Layout, subject: str) -> tuple[Layout, str, budget.Costs]:
    """Return the layout that is mailed, its HTML with slots, and what that costs.

    Inlining takes nine tenths of the time and only ever adds, so what is too much without it is folded before.
    """
    while True:
        markers = Markers(variant.nonce, Kind.HTML)
        source = _rendered(variant, _context(variant, layout, subject), markers)
        _, costs = budget.measure(source, variant.nonce, layout)
        if costs.html <= budget.BUDGET or not layout.days:
            html, costs = budget.measure(inline(source), variant.nonce, layout)
            if costs.html <= budget.BUDGET or not layout.days:
                return layout, _settled(variant, markers, html), costs
        layout = budget.fold(layout, costs)


def _page(variant: _Variant, layout: Layout, subject: str) -> str:
    """Return the HTML with what the mail folds: a browser cuts nothing, and reads styles as they are written."""
    return _part(variant, layout.unfolded(variant.frame.newsletter.zone), subject, Kind.HTML)


def _printed(variant: _Variant, layout: Layout) -> Printed:
    frame = variant.frame
    return printed(layout, variant.words, variant.nonce, frame.newsletter.language, frame.source_titles)


def _known(variant: _Variant, layout: Layout, edition: Printed) -> dict[str, Any]:
    """Return what templates and the subject know."""
    newsletter, words = variant.frame.newsletter, variant.words
    name, address = newsletter.sender
    return {
        "title": clean(newsletter.title),
        "tagline": clean(newsletter.tagline),
        "date": layout.date,
        "count": layout.told,
        "lead": edition.lead,
        "days": edition.days,
        "folded": len(layout.folded),
        "lists": words.any_of(words.in_order(clean(title) for title in variant.frame.list_titles)),
        "sender": clean(name) or clean(newsletter.title),
        "sender_address": clean(parseaddr(newsletter.reply_to)[1] if newsletter.reply_to else address),
        "postal_address": clean(newsletter.postal_address),
        "text_links": newsletter.text_links,
        "test": variant.frame.test,
        "language": words.language,
        "direction": words.direction,
        "words": words,
        "_": words.text,
        "ngettext": words.plural,
    }


def _context(variant: _Variant, layout: Layout, subject: str) -> dict[str, Any]:
    """Return what templates know."""
    edition = _printed(variant, layout)
    known = _known(variant, layout, edition)
    return {**known, "subject": subject, "preheader": make_preheader(edition, known["tagline"] or known["title"])}


def _part(variant: _Variant, layout: Layout, subject: str, kind: Kind) -> str:
    """Return one part of the letter with its slots, as its template makes it."""
    markers = Markers(variant.nonce, kind)
    part, _ = budget.measure(_rendered(variant, _context(variant, layout, subject), markers), variant.nonce, layout)
    return _settled(variant, markers, part)


def _rendered(variant: _Variant, context: dict[str, Any], markers: Markers) -> str:
    base = variant.frame.base
    links = {
        "unsubscribe_url": f"{base}{UNSUBSCRIBE_PATH}{markers.unsubscribe}",
        "view_url": f"{base}{VIEW_PATH}{markers.view}",
        "slot": markers.slot,
    }
    return many_lines(variant.templates.render(_file(variant, markers), context | links))


def _settled(variant: _Variant, markers: Markers, part: str) -> str:
    try:
        return markers.settle(part)
    except SlotLost as error:
        raise TemplateError(str(error), FOLDER + _file(variant, markers)) from error


def _file(variant: _Variant, markers: Markers) -> str:
    return f"{variant.frame.newsletter.design}/{LETTER if markers.kind is Kind.HTML else TEXT}"


def _try_on(mail: bytes, names: list[str]) -> None:
    stamp = open_letter(mail)
    for name, address in zip(TRIAL_NAMES, cycle(TRIAL_ADDRESSES), strict=False):
        reader = Reader(address, name, "m" * 38, "u" * 38, "v" * 38, "r" * 45)
        gate.check(stamp.fill(reader), names)
