"""Composing: an edition laid out becomes a letter, once for each edition and variant."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from digest.edition.layout import Layout
from digest.letter import gate
from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH, Frame
from digest.letter.headers import header_block, letter_headers
from digest.letter.inline import inline
from digest.letter.markers import Markers, SlotLost
from digest.letter.mime import alternative
from digest.letter.slots import Kind
from digest.letter.stamp import Reader, open_letter, public
from digest.letter.templates import SUBJECT, TemplateError, Templates
from digest.letter.values import clean, many_lines, one_line, web_url
from digest.locale import Words, words_for
from digest.models import Article, Letter

LONGEST_SUBJECT = 200

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
class PrintedLink:
    """What templates know of another source's article of the same story."""

    name: str  #: the source's title, else the host that the link leads to
    url: str


@dataclass(frozen=True, slots=True)
class PrintedArticle:
    """What templates know of an article: plain text on one line each, and a link of the web or an empty one."""

    title: str
    subtitle: str
    lead: str
    section: str
    author: str
    url: str
    language: str  #: BCP 47, where it is not the letter's
    also: tuple[PrintedLink, ...] = ()  #: the same story in other places


@dataclass(frozen=True, slots=True)
class PrintedDay:
    """What templates know of a day."""

    date: dt.date
    articles: tuple[PrintedArticle, ...]


def compose(layout: Layout, frame: Frame, templates: Templates, nonce: str, language: str | None = None) -> Letter:
    """Return an edition as a letter in a language (the newsletter's when none is given), its ``edition_id`` still 0.

    ``nonce`` is 32 random small letters and digits; the letter does not depend on it.  Raises TemplateError,
    ConfigError for a header that cannot stand, GateError.
    """
    words = words_for(language or frame.newsletter.language)
    templates.check_design(frame.newsletter.design)
    context = _context(layout, frame, words)
    subject = _subject(layout, frame, templates, context, words)
    context["subject"] = subject
    html = _part(frame, templates, context, Markers(nonce, Kind.HTML))
    text = _part(frame, templates, context, Markers(nonce, Kind.TEXT))
    boundary, body = alternative(text, html)
    fields = letter_headers(frame, subject, boundary)
    mail = header_block(fields) + body
    _try_on(mail, [name for name, _ in fields])
    return Letter(
        edition_id=0, language=words.language, subject=subject, html=public(html), text=public(text), mail=mail
    )


def _context(layout: Layout, frame: Frame, words: Words) -> dict[str, Any]:
    newsletter, also = frame.newsletter, layout.also
    name, address = newsletter.sender

    def printed(article: Article) -> PrintedArticle:
        return _printed(article, words, _links(article, also.get(article.id, ()), frame.source_titles))

    return {
        "title": clean(newsletter.title),
        "tagline": clean(newsletter.tagline),
        "date": layout.date,
        "count": layout.told,
        "lead": printed(layout.lead) if layout.lead else None,
        "days": tuple(PrintedDay(day.date, tuple(map(printed, day.articles))) for day in layout.days),
        "folded": len(layout.folded),
        "lists": words.any_of(clean(title) for title in frame.list_titles),
        "sender": clean(name) or clean(newsletter.title),
        "sender_address": clean(parseaddr(newsletter.reply_to)[1] if newsletter.reply_to else address),
        "postal_address": clean(newsletter.postal_address),
        "test": frame.test,
        "language": words.language,
        "direction": words.direction,
        "words": words,
        "_": words.text,
        "ngettext": words.plural,
    }


def _printed(article: Article, words: Words, also: tuple[PrintedLink, ...]) -> PrintedArticle:
    return PrintedArticle(
        title=one_line(article.title),
        subtitle=one_line(article.subtitle),
        lead=one_line(article.lead),
        section=one_line(article.section),
        author=one_line(article.author),
        url=web_url(article.url or "") or "",
        language=article.language if article.language and article.language != words.language else "",
        also=also,
    )


def _links(article: Article, others: Iterable[Article], titles: Mapping[int, str]) -> tuple[PrintedLink, ...]:
    """Return links to where else a story is told, each once; what has no link is not worth naming to a reader."""
    names: dict[str, str] = {}
    for other in others:
        url = web_url(other.url or "")
        if url and url != web_url(article.url or ""):
            names.setdefault(url, one_line(titles.get(other.source_id or 0, "")) or _host(url))
    return tuple(PrintedLink(name, url) for url, name in names.items())


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _subject(layout: Layout, frame: Frame, templates: Templates, context: dict[str, Any], words: Words) -> str:
    """Return the subject; without a lead story ``lead`` is the first headline there, and without any the date."""
    headlines: Iterable[PrintedArticle] = (article for day in context["days"] for article in day.articles)
    nothing = PrintedArticle(words.full_date(layout.date), "", "", "", "", "", "")
    lead = context["lead"] or next(iter(headlines), nothing)
    subject = one_line(templates.render_subject(frame.newsletter.subject, {**context, "lead": lead}))
    if not subject:
        raise TemplateError("makes an empty subject", SUBJECT)
    return _cut(words.text("[Test] %(subject)s", subject=subject) if frame.test else subject)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_SUBJECT:
        return text
    kept = text[: LONGEST_SUBJECT - 1]
    return (kept[: kept.rfind(" ")] if " " in kept else kept).rstrip(" ,;:–-") + "…"


def _part(frame: Frame, templates: Templates, context: dict[str, Any], markers: Markers) -> str:
    """Return one part of the letter with its slots."""
    is_html = markers.kind is Kind.HTML
    name = f"{frame.newsletter.design}/letter.{'html' if is_html else 'txt'}.j2"
    links = {
        "unsubscribe_url": f"{frame.base}{UNSUBSCRIBE_PATH}{markers.unsubscribe}",
        "view_url": f"{frame.base}{VIEW_PATH}{markers.view}",
        "slot": markers.slot,
    }
    part = many_lines(templates.render(name, context | links))
    try:
        return markers.settle(inline(part) if is_html else part)
    except SlotLost as error:
        raise TemplateError(str(error), f"templates/{name}") from error


def _try_on(mail: bytes, names: list[str]) -> None:
    stamp = open_letter(mail)
    for name, address in zip(TRIAL_NAMES, cycle(TRIAL_ADDRESSES), strict=False):
        reader = Reader(address, name, "m" * 38, "u" * 38, "v" * 38, "r" * 45)
        gate.check(stamp.fill(reader), names)
