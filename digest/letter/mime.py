"""The body of a letter: text and HTML as multipart/alternative, quoted-printable, with room for slots.

Our own wrapper around ``binascii.b2a_qp``, so that stamped bytes need nothing more done to them: no line begins with a
dot (RFC 5321, 4.5.2) or with "From " (mbox), none is longer than 76 (RFC 2045, 6.7), and a slot stands on lines of its
own between soft breaks, so that whatever is put there leaves every other byte as it is.
"""

import binascii
import hashlib
from collections.abc import Iterator

from digest.letter.slots import Slot, split

WIDTH = 75  #: and one for the "=" of a soft break
SOFT = b"=\r\n"


def alternative(text: str, html: str) -> tuple[str, bytes]:
    """Return the boundary and the body of a letter: its text first, its HTML last (RFC 2046, 5.1.4)."""
    parts = [_part(kind, content) for kind, content in (("plain", text), ("html", html))]
    # "=_" cannot occur in quoted-printable (RFC 2045, 6.7), so no part holds the boundary, whatever is stamped there.
    boundary = "=_" + hashlib.sha256(b"\0\0".join(parts)).hexdigest()[:32]
    line = f"--{boundary}".encode()
    return boundary, b"".join(line + b"\r\n" + part for part in parts) + line + b"--\r\n"


def quoted_printable(text: str) -> bytes:
    """Return a text's lines as quoted-printable with CRLF, ending in one; slots stay, each on a line of its own."""
    if not text.endswith("\n"):
        text += "\n"
    out: list[bytes] = []
    for piece in split(text.replace("\r\n", "\n").replace("\r", "\n")):
        if isinstance(piece, Slot):
            if out and not out[-1].endswith(b"\r\n"):
                out.append(SOFT)
            out.append(str(piece).encode() + SOFT)
        elif piece:
            out.append(b"\r\n".join(SOFT.join(_fold(line)) for line in _quoted(piece).split(b"\n")))
    return b"".join(out)


def slot_value(value: str) -> bytes:
    """Return a value as it stands in a slot: quoted lines, soft breaks between them, none at the end."""
    return SOFT.join(_fold(_quoted(value)))


def _part(kind: str, content: str) -> bytes:
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + quoted_printable(content) + b"\r\n"


def _quoted(text: str) -> bytes:
    # b2a_qp breaks lines too, but where a dot may follow; "=" and newline together are always its soft break.
    return binascii.b2a_qp(text.encode()).replace(b"=\n", b"")


def _fold(line: bytes) -> Iterator[bytes]:
    """Yield a quoted line in pieces that may each stand at the beginning of a line."""
    start = 0
    while True:
        head = b""
        if line.startswith((b".", b"From "), start):
            head = b"=%02X" % line[start]
            start += 1
        end = start + WIDTH - len(head)
        if len(line) > end:
            escape = line.rfind(b"=", end - 2, end)  # one that would be cut in two
            end = end if escape < 0 else escape
        yield head + line[start:end]
        if end >= len(line):
            return
        start = end
