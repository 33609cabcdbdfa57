"""Values as they stand in a header: cleaned, encoded, folded (RFC 2047, 5322, 6532). Plain functions of their input.

Where a function takes ``start``, it is the columns that the field's name, colon and blank use on the first line.
"""

import binascii
import re
import string
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, urlsplit, urlunsplit

import idna

from digest.errors import DigestError
from digest.letter.lines import whole

LINE = 998  #: octets of a line, and of a value that comes from outside (RFC 5322, 2.1.1)
WIDTH = 76  #: of a line that holds an encoded-word (RFC 2047, 2)
WORD = 75  #: of an encoded-word (RFC 2047, 2)
LONGEST_ADDRESS = 320  #: 64 before the @ and 255 after it (RFC 5321, 4.5.3.1)
LONGEST_PLAIN = 60  #: longer words are encoded, because an encoded-word can be folded
START = len("Reply-To: ")

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029 ]+")
NOT_IN_BODIES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
SURROGATES = re.compile(r"[\ud800-\udfff]")
SPECIALS = re.compile(r'["\\]')
BLANKS = re.compile(r" {2,}")

UNESCAPED = (string.ascii_letters + string.digits + "!*+-/").encode()  # right in a phrase too (RFC 2047, 5 (3))
#: How each octet is written in an encoded-word (RFC 2047, 4.2).
Q = tuple(b"_" if n == ord(" ") else b"%c" % n if n in UNESCAPED else b"=%02X" % n for n in range(256))
URL_SAFE = "%/:?#[]@!$&'()*+,;=~-._"
ATEXT = r"-A-Za-z0-9!#$%&'*+/=?^_`{|}~"  # RFC 5322, 3.2.3
ATOMS = re.compile(rf"[{ATEXT}]+(?: [{ATEXT}]+)*")
LABELS = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
DOMAIN = re.compile(rf"{LABELS}|\[[!-Z^-~]+\]")
PLAIN_ADDRESS = re.compile(rf"[{ATEXT}]+(?:\.[{ATEXT}]+)*@{LABELS}")
#: A local part of atoms, non-ASCII letters among them (RFC 6532, 3.2), or a quoted one.
UTF8_ATOM = rf"(?:[{ATEXT}]|(?!\s)[\u00a1-\U0010ffff])+"
LOCAL = re.compile(rf'{UTF8_ATOM}(?:\.{UTF8_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*"')


class BadAddress(DigestError):
    """An address that cannot stand in a header or an envelope."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address!r} is not an address that mail can be sent to")
        self.address = address


def one_line(text: str) -> str:
    """Return a text as one line in NFC: controls and line ends as blanks, blanks folded, no bidi controls (CWE-93)."""
    if not text.isprintable():  # all that is taken out or replaced is not
        text = SURROGATES.sub("\ufffd", BIDI.sub("", CONTROLS.sub(" ", text)))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return (BLANKS.sub(" ", text) if "  " in text else text).strip()


def many_lines(text: str) -> str:
    """Return a text of several lines without control characters: nothing in it can be taken for a slot."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return SURROGATES.sub("\ufffd", NOT_IN_BODIES.sub(" ", text))


def clean(text: str) -> str:
    """Return a text as one line of at most 998 octets of UTF-8, fit for a header."""
    text = one_line(text)
    return text if len(text) * 4 <= LINE else text.encode()[:LINE].decode(errors="ignore").rstrip()


def shortened(text: str, longest: int) -> str:
    """Return a line of so many characters at most, cut between words where it can be, with … where it was cut."""
    if len(text) <= longest:
        return text
    end = longest - 1
    blank = text.rfind(" ", longest // 2, end + 1)
    return text[: whole(text, end) if blank < 0 else blank].rstrip(" ,;:.–-") + "…"


def text_header(text: str, start: int = START) -> bytes:
    """Return a text as the value of a field such as Subject; a parser gives back exactly what ``clean`` left of it."""
    lines = [b" " * (start - 1)]
    words = clean(text).split(" ")
    odd = [n for n, word in enumerate(words) if _needs_encoding(word)]
    first, last = (odd[0], odd[-1] + 1) if odd else (len(words), len(words))
    _append(lines, *words[:first])
    # Blanks between encoded-words are dropped by who reads them (RFC 2047, 6.2), so the run carries its own.
    _append_encoded(lines, " ".join(words[first:last]))
    _append(lines, *words[last:])
    return b"\r\n".join(lines)[start:]


def phrase_header(phrase: str, named: str, start: int = START) -> bytes:
    """Return a name and what it names, the latter whole: ``Senaste nytt <...>``; without a name just the latter."""
    return _named(clean(phrase), named, start)


def _named(phrase: str, named: str, start: int) -> bytes:
    """Return what ``phrase_header`` does, of a phrase that is clean."""
    lines = [b" " * (start - 1)]
    quoted = phrase if ATOMS.fullmatch(phrase) else '"' + SPECIALS.sub(r"\\\g<0>", phrase) + '"'
    # Some readers decode encoded-words in quoted strings too, which RFC 2047, 5 (3) forbids: "=?" is never left there.
    if not phrase.isascii() or len(quoted) > LONGEST_PLAIN or "=?" in phrase:
        _append_encoded(lines, phrase)
    elif phrase:
        _append(lines, quoted)
    _append(lines, named)
    return b"\r\n".join(lines)[start:]


def address_header(name: str, address: str, start: int = START) -> bytes:
    """Return a mailbox as the value of From, To or Reply-To, folded before the address at most; BadAddress."""
    spec = address_spec(address)
    phrase = clean(name)
    return _named(phrase, f"<{spec}>", start) if phrase else spec.encode()


def address_spec(address: str) -> str:
    """Return an address as headers and envelopes carry it: an A-label for its domain, UTF-8 before it; BadAddress."""
    if len(address) > LONGEST_ADDRESS:
        raise BadAddress(address)
    if PLAIN_ADDRESS.fullmatch(address):
        return address
    local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    # Anything that a line, a blank or a bidi control could be made of is no address to begin with.
    if not at or not LOCAL.fullmatch(local) or one_line(local) != local:
        raise BadAddress(address)
    try:
        return f"{local}@{ascii_domain(domain)}"
    except BadAddress:
        raise BadAddress(address) from None


def needs_smtputf8(address: str) -> bool:
    """Return whether an address can go only where SMTPUTF8 is offered (RFC 6531, 3.2): letters before the @."""
    return not address.rpartition("@")[0].isascii()


def ascii_domain(domain: str) -> str:
    """Return a domain in ASCII: A-labels for other letters (RFC 5891); BadAddress."""
    try:
        ascii_form = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # idna's own errors among them
        raise BadAddress(domain) from None
    if not DOMAIN.fullmatch(ascii_form):
        raise BadAddress(domain)
    return ascii_form


def web_url(url: str) -> str | None:
    """Return a link of the web in ASCII, its host as A-labels and the rest percent-encoded; None for any other."""
    try:
        parts = urlsplit(one_line(url))
        netloc = ascii_domain(parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except (ValueError, BadAddress):
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:  # a name before the host only ever deceives
        return None
    return f"{parts.scheme}://{netloc}" + quote(urlunsplit(parts._replace(scheme="", netloc="")), safe=URL_SAFE)


def _needs_encoding(word: str) -> bool:
    return not word.isascii() or len(word) > LONGEST_PLAIN or "=?" in word


def _append(lines: list[bytes], *words: str) -> None:
    """Put words behind what is there, each on a new line where it does not fit."""
    for word in words:
        raw = word.encode()
        if lines[-1].strip() and len(lines[-1]) + 1 + len(raw) > WIDTH:
            lines.append(b"")
        lines[-1] += b" " + raw


def _append_encoded(lines: list[bytes], text: str) -> None:
    """Put a text behind what is there as encoded-words, cut between code points (RFC 2047, 5 and 8)."""
    in_q, in_b = _q(text), _b(text)
    quoted = len(in_q) <= 1.5 * len(in_b)  # Swedish stays readable in the raw, Hebrew would only be long
    whole = in_q if quoted else in_b
    while text:
        room = min(WORD, WIDTH - len(lines[-1]) - 1) - len("=?utf-8?q??=")
        if len(whole) <= room:
            taken, word = len(text), whole
        else:
            taken = _fitting(text, room, _q) if quoted else _fitting(text, room // 4 * 3, str.encode)
            word = _q(text[:taken]) if quoted else _b(text[:taken])
        if taken < min(len(text), 8) and lines[-1].strip():  # a scrap is not worth an encoded-word
            lines.append(b"")
            continue
        lines[-1] += b" =?utf-8?%b?%b?=" % (b"q" if quoted else b"b", word)
        text = text[taken:]
        whole = whole[len(word) :] if quoted else _b(text)


def _fitting(text: str, room: int, encode: Callable[[str], bytes]) -> int:
    used = 0
    for n, character in enumerate(text):
        used += len(encode(character))
        if used > room:
            return n
    return len(text)


def _q(text: str) -> bytes:
    return b"".join([Q[octet] for octet in text.encode()])


def _b(text: str) -> bytes:
    return binascii.b2a_base64(text.encode(), newline=False)
