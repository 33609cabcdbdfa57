"""The header of a letter, as bytes of our own: a field is set here or nowhere.

The standard library's policies write a long List-Unsubscribe as encoded-words, lose blanks in folded subjects and
decode a title that is an encoded-word with a line break in it into real lines (RELIABILITY.md, 0: 1, 2 and 3).
"""

import datetime as dt
import re
from email.utils import format_datetime, parseaddr
from urllib.parse import quote

from digest.errors import ConfigError
from digest.letter.frame import UNSUBSCRIBE_PATH, Frame
from digest.letter.slots import MESSAGE_ID, RETURN_PATH, TO, UNSUBSCRIBE
from digest.letter.values import LINE, BadAddress, address_header, ascii_domain, phrase_header, text_header
from digest.settings import NewsletterSettings

Field = tuple[str, bytes]

FIELD_NAME = re.compile(r"[!-9;-~]{1,50}")  # RFC 5322, 2.2; 50, so that an encoded-word fits beside it
#: Fields that a newsletter's own headers may not name: ours, and what only a server or a signer writes.
OURS = frozenset({
    "from", "to", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    "precedence", "mime-version", "sender", "cc", "bcc", "dkim-signature", "received", "return-path",
})  # fmt: skip
RESERVED = ("content-", "resent-", "arc-")
DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LIST_ID = re.compile(rf"{DOT_ATOM}(?:\.{DOT_ATOM})+")


def letter_headers(frame: Frame, subject: str, boundary: str) -> tuple[Field, ...]:
    """Return the fields of a letter in their order, slots where readers differ; ConfigError for what cannot stand."""
    newsletter = frame.newsletter
    sender = _own_address("from", newsletter.from_)
    domain = ascii_domain(newsletter.sender[1].rpartition("@")[2])
    fields = [
        ("From", sender),
        ("To", _slotted(TO)),
        ("Subject", text_header(subject)),
        ("Date", format_datetime(frame.date).encode()),  # RFC 5322, 3.3
        # The right side is our domain, the left is the same for every retry of a delivery (RFC 5322, 3.6.4).
        ("Message-ID", _slotted(f"<{MESSAGE_ID}@{domain}>")),
    ]
    if newsletter.reply_to:
        fields.append(("Reply-To", _own_address("reply_to", newsletter.reply_to)))
    fields += [
        ("List-Id", _list_id(newsletter.title, frame.list_id)),
        *_unsubscribe(frame),
        ("Precedence", b"bulk"),  # keeps holiday replies away
        *_extra(newsletter.headers),
        ("MIME-Version", b"1.0"),
        ("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"'.encode()),
    ]
    return tuple(fields)


def notice_headers(
    newsletter: NewsletterSettings, to: str, subject: str, date: dt.datetime, message_id: str
) -> tuple[Field, ...]:
    """Return the fields of a notice: made by a program for one person, so nobody need answer it or leave it."""
    domain = ascii_domain(newsletter.sender[1].rpartition("@")[2])
    return (
        ("From", _own_address("from", newsletter.from_)),
        ("To", address_header("", to)),
        ("Subject", text_header(subject)),
        ("Date", format_datetime(date).encode()),
        ("Message-ID", f"<{message_id}@{domain}>".encode()),
        ("Auto-Submitted", b"auto-generated"),  # RFC 3834, 5: keeps holiday replies away
        ("MIME-Version", b"1.0"),
        ("Content-Type", b"text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", b"quoted-printable"),
    )


def header_block(fields: tuple[Field, ...]) -> bytes:
    """Return fields as the head of a mail, with the empty line that ends it."""
    return b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"


def _slotted(value: object) -> bytes:
    return str(value).encode()


def _own_address(key: str, mailbox: str) -> bytes:
    try:
        return address_header(*parseaddr(mailbox))
    except BadAddress as error:
        raise ConfigError(f"{key} = {mailbox!r}: {error}") from error


def _list_id(title: str, list_id: str) -> bytes:
    # RFC 2919, 2 and 3: a phrase, and a name of two parts or more within 255 octets.
    if len(list_id) > 255 or not LIST_ID.fullmatch(list_id):
        raise ConfigError(f"{list_id!r} cannot be a List-Id; write one like news.example.com, within 255 characters")
    return phrase_header(title, f"<{list_id}>")


def _unsubscribe(frame: Frame) -> list[Field]:
    # RFC 2369, 2: in <>, folded at the comma only, what we prefer first.  RFC 8058, 3.1: one https link at least, and
    # the second field promises that a POST to it is enough; without https nobody may be promised that.
    base = frame.base.replace(",", "%2C")
    ways = [f"<{base}{UNSUBSCRIBE_PATH}{UNSUBSCRIBE}>"]
    if frame.bounce_address:
        local, _, domain = frame.bounce_address.rpartition("@")
        ways.append(f"<mailto:{quote(local)}+{RETURN_PATH}@{ascii_domain(domain)}?subject=unsubscribe>")
    fields = [("List-Unsubscribe", _slotted(",\r\n ".join(ways)))]
    if base.startswith("https:"):
        fields.append(("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"))
    return fields


def _extra(headers: dict[str, str]) -> list[Field]:
    fields: dict[str, Field] = {}
    for name, value in headers.items():
        known = name.lower()
        if not FIELD_NAME.fullmatch(name):
            raise ConfigError(f"headers: {name!r} is no name for a header; letters, digits and - make one")
        if known in OURS or known.startswith(RESERVED):
            raise ConfigError(f"headers: {name} is set by digest or by the servers on the way; leave it out")
        if known in fields:
            raise ConfigError(f"headers: {name} stands there twice")
        fields[known] = (name, _as_written(name, value))
    return list(fields.values())


def _as_written(name: str, value: str) -> bytes:
    # A relay reads these, and few of them know encoded-words: what is ASCII stays as the editor wrote it.
    if not value.isascii() or not value.isprintable() or "=?" in value:
        return text_header(value, start=len(name) + 2)
    words = value.split()
    if not words or max(len(name) + 2 + len(word) for word in words) > LINE:
        raise ConfigError(f"headers: {name} is empty, or too long for one line of {LINE} characters")
    lines = [f"{name}: {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > 78:  # RFC 5322, 2.1.1
            lines.append(f" {word}")
        else:
            lines[-1] += f" {word}"
    return "\r\n".join(lines)[len(name) + 2 :].encode()
