"""Press releases that came by mail to articles."""

import datetime as dt
import email.policy
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from digest.collect.clean import TooMuchMarkup, clean_html, plain_text, text_of_clean
from digest.collect.embargoes import embargo_of
from digest.collect.encoding import decode_markup
from digest.collect.items import Item, article_of
from digest.collect.rows import Found
from digest.collect.texts import Text
from digest.tables import Problem, tidy

LARGEST = 25_000_000  #: bytes of a mail, pictures and all
MOST_PARTS = 200
LONGEST_HEADER = 4_000  #: characters: the library takes the square of it
_BEFORE = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]|(?:re|sv|fwd?|vb|vs|wg|aw)\s*:|(?:pressmeddelande|pressinformation|press\s?release|"
    r"pressemelding|pressemeddelelse|pressemitteilung|nyhet|embargo)\b\s*[:–—|-])\s*",
    re.IGNORECASE,
)
_ANSWERS = re.compile(
    r"^\s*(?:auto(?:matic|matiskt|svar|reply|matisk)|out of office|frånvaro|fravær|abwesenheit|undeliver|"
    r"delivery status|returned mail|mail delivery|läst:|read:|olevererbart|ej levererbart)",
    re.IGNORECASE,
)
_LEAVE = re.compile(
    r"avregistrera|avprenumerera|avsluta (?:din )?prenumeration|unsubscribe|opt[ -]out|abmelden|avmeld|"
    r"manage (?:your )?(?:preferences|subscription)|mailing list\b|skickades till|was sent to",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"(?:läs|se|visa|read|view|les|lesen).{0,60}(?:pressmeddeland|release|hela|whole|full|webb|browser|online|nyhet|mer|more)"
)
_LINK = re.compile(r'<a href="(https?://[^"]{1,2000})"[^>]*>(.{0,500}?)</a>', re.DOTALL)


def read_mail(
    data: bytes, where: str, *, zone: ZoneInfo, now: dt.datetime, source: str | None = None
) -> Found | Problem:
    """Return the article of one mail, or why it is none: an auto-reply, a bounce, an empty one.

    The subject is its title, the Message-ID its guid, From's name the author, the link to the release its link where
    the mail has one. Signatures and the feet of mailing lists are left out. Nothing is raised.
    """
    if len(data) > LARGEST:
        return Problem(where, f"larger than {LARGEST // 1_000_000} MB")
    try:
        mail = BytesParser(policy=email.policy.compat32).parsebytes(data)
        return _article(mail, where, zone, now, source)
    except (RecursionError, MessageError, LookupError, ValueError, TypeError, AssertionError) as error:
        return Problem(where, f"a mail that cannot be read ({type(error).__name__})")


def _article(mail: Message, where: str, zone: ZoneInfo, now: dt.datetime, source: str | None) -> Found | Problem:
    if reason := _no_release(mail):
        return Problem(where, reason)
    html, plain = _texts(mail)
    subject = _header(mail, "Subject")
    title = said = subject
    while before := _BEFORE.match(title):
        title = title[before.end() :]
        said += f"\n{title}"
    if not tidy(html + plain):
        return Problem(where, "no text in it")
    body = Text(_without_foot(_clean(html))) if html else Text(_signed_off(plain), markup=False)
    sender, address = parseaddr(_header(mail, "From"))
    item = Item(
        title=Text(title or subject, markup=False),
        body=body,
        guid=tidy(str(mail.get("Message-ID", ""))).strip("<> "),
        links=list(_release(body.words, title)) if html else [],
        dates=[date for name in ("Date", "Resent-Date") if (date := _date(_header(mail, name)))],
        author=sender or address.partition("@")[2],
        language=_header(mail, "Content-Language").partition(",")[0].strip(),
    )
    found = article_of(item, where, zone=zone, now=now, source=source)
    if isinstance(found, Found):
        words = _as_lines(body.words) if html else plain
        found.article.embargo_until = embargo_of(said, words, zone, now)
    return found


def _no_release(mail: Message) -> str | None:
    """Return why a mail is not from a person with news (RFC 3834, 5; RFC 3464, 2), None if it may be."""
    kind = mail.get_content_type()
    if kind in ("multipart/report", "message/delivery-status"):
        return "a report on other mail, no press release"
    answered = _header(mail, "Auto-Submitted").lower().partition(";")[0].strip()
    if answered.startswith("auto-replied") or any(mail.get(name) for name in ("X-Autoreply", "X-Autorespond")):
        return "an automatic answer, no press release"
    if _header(mail, "Precedence").lower() == "auto_reply" or _ANSWERS.match(_header(mail, "Subject")):
        return "an automatic answer, no press release"
    sender = parseaddr(_header(mail, "From"))[1].lower()
    if sender.startswith(("mailer-daemon@", "postmaster@")) or str(mail.get("Return-Path", "")).strip() == "<>":
        return "a report on other mail, no press release"
    return None


def _header(mail: Message, name: str) -> str:
    """Return a header's text; what is encoded wrongly stays as it is written (RFC 2047, 6.3)."""
    # As it stands in the mail: what is 8-bit and not encoded, as it must not be, would else be lost.
    raw = next((value for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    written = str(raw)[:LONGEST_HEADER].encode("utf-8", "surrogateescape")
    if b"=?" not in written:
        return tidy(decode_markup(written, None).text)
    try:
        pieces = decode_header(written.decode("ascii", "replace"))
    except (MessageError, ValueError, LookupError):
        return tidy(written.decode("ascii", "replace"))
    text = tidy("".join(p if isinstance(p, str) else decode_markup(p, charset).text for p, charset in pieces))
    return text or tidy(written.decode("ascii", "replace"))


def _texts(mail: Message) -> tuple[str, str]:
    """Return the HTML and the plain text of a mail, without what is attached."""
    html, plain = "", ""
    for part in _parts(mail):
        if (part.get_content_disposition() or "") == "attachment" or part.get_filename():
            continue
        kind = part.get_content_type()
        if kind in ("text/html", "text/plain"):
            payload = part.get_payload(decode=True)
            charset = part.get_content_charset()
            text = decode_markup(payload, charset).text if isinstance(payload, bytes) else ""
            html, plain = (html or text, plain) if kind == "text/html" else (html, plain or text)
    return html, plain


def _parts(mail: Message) -> Iterator[Message]:
    """Yield the parts of a mail, not those of mails inside it."""
    stack, seen = [mail], 0
    while stack and seen < MOST_PARTS:
        part = stack.pop()
        seen += 1
        payload = part.get_payload()
        if part.is_multipart() and part.get_content_maintype() == "multipart" and isinstance(payload, list):
            stack += reversed([one for one in payload if isinstance(one, Message)])
        else:
            yield part


def _clean(html: str) -> str:
    try:
        return clean_html(html, None)
    except TooMuchMarkup:
        return ""


def _as_lines(clean: str) -> str:
    """Return the words of clean HTML, a line for each paragraph."""
    return "\n".join(text_of_clean(part) for part in re.split(r"</p>|</h[2-4]>|</li>|<br>", clean))


def _without_foot(clean: str) -> str:
    """Return clean HTML without the list's own words at its end: how to leave it, and whom it was sent to."""
    for match in _LEAVE.finditer(clean):
        start = max(clean.rfind(tag, 0, match.start()) for tag in ("<p>", "<p ", "<tr>", "<ul>", "<table>"))
        if start > len(clean) * 0.4:
            return clean[:start]
    return clean


def _signed_off(plain: str) -> str:
    """Return plain text without its signature (RFC 3676, 4.3) and the foot of a mailing list."""
    lines = plain.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines):
        is_foot = line.rstrip() == "--" or re.fullmatch(r"[_=-]{20,}\s*", line)
        if number and (line == "-- " or (is_foot and _LEAVE.search("\n".join(lines[number:])))):
            return "\n".join(lines[:number])
    text = "\n".join(lines)
    foot = next((match.start() for match in _LEAVE.finditer(text) if match.start() > len(text) * 0.6), None)
    return text if foot is None else text[: text.rfind("\n\n", 0, foot) if "\n\n" in text[:foot] else foot]


def _release(clean: str, title: str) -> Iterator[str]:
    """Yield the link to the release itself: under its title, else under words such as "read the whole release"."""
    links = [(match[1].replace("&amp;", "&"), plain_text(match[2])) for match in _LINK.finditer(clean)]
    yield from (link for link, words in links if words and words == title)
    yield from (link for link, words in links if _WHOLE.search(words.lower()) and not _LEAVE.search(words))


def _date(text: str) -> str:
    """Return a header's date without its comment (RFC 5322, 3.2.2): "... +0100 (CET)"."""
    return re.sub(r"\([^()]*\)", " ", text).strip()
