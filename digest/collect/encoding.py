"""Bytes of feeds and pages to text: which encoding they are really in.

What is asked, in turn, and why:

1. A byte order mark: it wins over everything (RFC 7303, 3.3). UTF-16 and UTF-32 without one are told by their zeros.
2. UTF-8, if the bytes are that to the end and more than ASCII: text in another encoding is next to never valid UTF-8,
   while headers and declarations that say "iso-8859-1" over UTF-8 are everyday. Only a declared encoding of several
   bytes a character (GB 18030, Shift_JIS ...) may still win, over UTF-8 without any sequence longer than two bytes.
3. The declaration in the document (XML, else HTML's meta). RFC 7303, 3.2, puts the HTTP header above it; but who
   writes the feed writes the declaration, and the header is a server's default for all files.
4. The HTTP header's charset.
5. UTF-8 that is broken in a few places, most often by bytes of cp1252 pasted in: those are read as cp1252.
6. The detector, which looks at how the letters follow one another; and where it has nothing to go by, cp1252.

What is declared must fit without a single wrong byte, else it is passed over; ISO 8859-1 means cp1252, GB 2312 means
GB 18030 and so on (WHATWG, Encoding, 4.2).
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.tables import REPLACED

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
_UNMARKED = (  # XML 1.0, appendix F.1: what "<" and "<?" look like
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00<\x00", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""")
_META = re.compile(rb"""<meta\s[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_HEAD = 4096  #: bytes in which a declaration must stand
_SAMPLE = 100_000  #: bytes shown to the detector
_LONG_SEQUENCE = re.compile(rb"[\xe0-\xf4][\x80-\xbf]")

#: What labels mean in practice, where Python takes them at their word (WHATWG, Encoding, 4.2).
_MEANT = {
    **dict.fromkeys(("ascii", "iso8859-1", "latin-1"), "cp1252"),
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",  # Thai, as ISO 8859-11
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "iso8859-8": "cp1255",
}
_ALSO = {"x-sjis": "cp932", "x-gbk": "gb18030", "x-euc-jp": "euc_jp", "x-mac-roman": "mac-roman", "utf8mb4": "utf-8"}
_WIDE = {"gb18030", "cp932", "cp949", "big5hkscs", "big5", "euc_jp", "hz", "iso2022_jp", "iso2022_kr"}
_STATEFUL = {"hz", "iso2022_jp", "iso2022_kr"}  #: all ASCII to look at
#: Python's own notations: no feed is written in one, and they hide markup.
_NEVER = {"utf-7", "idna", "punycode", "undefined", "unicode_escape", "raw-unicode-escape", "unicode-escape"}
_PLAIN = b"<?xml encoding='a-1'?>"
#: The five bytes cp1252 leaves open: controls that nobody means.
_OPEN_IN_CP1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of some bytes, the encoding it was read in, and how many characters could not be read."""

    text: str
    encoding: str
    lost: int = 0

    @property
    def note(self) -> str | None:
        """What a person should know: more than a trace of the text is lost."""
        if self.lost <= 2 + len(self.text) // 10_000:
            return None
        return f"{self.lost:,} characters could not be read; the text was taken for {self.encoding}"


def decode_markup(data: bytes, charset: str | None) -> Decoded:
    """Return the text of a feed or page; ``charset`` is that of the HTTP header. Nothing is raised."""
    decoded = _decode(data, charset)
    return _decoded_again(decoded) if decoded.encoding == "utf-8" and not decoded.text.isascii() else decoded


def _decoded_again(decoded: Decoded) -> Decoded:
    """Return text that was UTF-8 twice over as what it was at first: "Ã¥" for "å".

    It is such only if all of it can be: one letter that is right as it stands, and nothing is changed.
    """
    try:
        return Decoded(decoded.text.encode("cp1252", "digest_open").decode("utf-8"), "utf-8", decoded.lost)
    except UnicodeError:
        return decoded


def _decode(data: bytes, charset: str | None) -> Decoded:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            rest = data[len(mark) :]
            return _mixed(rest) if encoding == "utf-8" else _replaced(rest, encoding)
    head = data[:_HEAD].lstrip(b" \t\r\n")
    for pattern, encoding in _UNMARKED:
        if head.startswith(pattern):
            return _replaced(data, encoding)
    claims = list(_claims(head, charset))
    if data.isascii():
        encoding = next((claim for claim in claims if claim in _STATEFUL), "utf-8")
        return _strict(data, encoding) or Decoded(data.decode("ascii"), "utf-8")
    utf_8 = _strict(data, "utf-8")
    if utf_8 and (_LONG_SEQUENCE.search(data) or not any(claim in _WIDE for claim in claims)):
        return utf_8
    for claim in claims:
        if claim != "utf-8" and (decoded := _strict(data, claim)):
            return decoded
    return utf_8 or _mended(data, claims)


def _claims(head: bytes, charset: str | None) -> Iterator[str]:
    """Yield the encodings that are declared and known, as Python calls what is meant."""
    declared = _DECLARED.search(head) or _META.search(head)
    for label in (declared and declared[1].decode("ascii"), charset):
        if name := _meant(label or ""):
            yield name


def _meant(label: str) -> str | None:
    """Return the encoding that a label stands for, None for one that is unknown or cannot be that of markup."""
    label = label.strip("\"' ").replace(":", "-")
    try:
        name = codecs.lookup(_ALSO.get(label.lower(), label)).name
        name = _MEANT.get(name, name)
        fits = name not in _NEVER and _PLAIN.decode(name) == _PLAIN.decode("ascii")
    except (LookupError, ValueError):  # ValueError: a null character, or bytes that are none of that encoding
        return None
    return name if fits else None


def _strict(data: bytes, encoding: str) -> Decoded | None:
    try:
        if encoding == "cp1252":
            return Decoded(_cp1252(data), encoding)
        return Decoded(data.decode(encoding), encoding)
    except UnicodeError:
        return None


def _cp1252(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.translate(None, _OPEN_IN_CP1252).decode("cp1252")


def _mended(data: bytes, claims: list[str]) -> Decoded:
    """Return the text of bytes that are none of what is claimed for them, and not UTF-8 throughout."""
    mixed = _mixed(data)
    wrong = len(data) - len(data.decode("utf-8", "ignore").encode())
    right = len(data.decode("utf-8", "ignore").encode("ascii", "ignore"))
    right = len(data) - wrong - right  # bytes of whole sequences beyond ASCII
    if right >= 2 * wrong or ("utf-8" in claims and right >= wrong):
        return mixed
    guess = _detected(data)
    return (_strict(data, guess) if guess else None) or _strict(data, "cp1252") or mixed


def _detected(data: bytes) -> str | None:
    import chardet

    # From the first letter beyond ASCII on: a long head of plain markup would be all that the detector sees.
    first = next((n for n in range(0, len(data), 4096) if not data[n : n + 4096].isascii()), 0)
    return _meant(chardet.detect(data[first : first + _SAMPLE]).get("encoding") or "")


def _mixed(data: bytes) -> Decoded:
    """Return UTF-8 in which stray bytes are those of cp1252."""
    text = data.decode("utf-8", "digest_cp1252")
    return Decoded(text, "utf-8", text.count(REPLACED) - data.count(REPLACED.encode()))


def _replaced(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    return Decoded(text, encoding, text.count(REPLACED))


def _stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", "replace"), error.end


def _open(error: UnicodeError) -> tuple[bytes, int]:
    """Write the controls that stand for what cp1252 leaves open as the bytes they were."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end].encode("latin-1")
    if set(wrong) - set(_OPEN_IN_CP1252):
        raise error
    return wrong, error.end


codecs.register_error("digest_cp1252", _stray)
codecs.register_error("digest_open", _open)


def quoted_note(decoded: Decoded) -> tuple[str, ...]:
    """Return the note on a text, if there is one, as a reading carries it."""
    return (decoded.note,) if decoded.note else ()
