"""The final gate: finished bytes are looked at once more, by rules that know nothing of how they were made.

Whatever got past cleaning and encoding, an injected header or a line that a server would read as the end of the mail,
stops here before an edition is frozen.
"""

import re
from collections.abc import Sequence

from digest.errors import DigestError

FOLD = re.compile(rb"\r\n(?=[ \t])")
NEW_LINE = b"\n"
WRONG = (
    (re.compile(rb"\r(?!\n)|(?<!\r)\n"), "a line end that is not CRLF"),  # RFC 5321, 2.3.8
    (re.compile(rb"\0"), "NUL: a slot is not filled"),
    (re.compile(rb"^\.", re.MULTILINE), "begins with a dot"),  # RFC 5321, 4.5.2
)
NAME = re.compile(rb"([!-9;-~]+): ?")
ENCODED_WORD = re.compile(rb"=\?[^?\s]*\?[^?\s]*\?[^?\s]*\?=")
BOUNDARY = re.compile(rb'; boundary="(=_[0-9a-f]+)"$')
#: Letters before the @ of an address travel as UTF-8 (RFC 6532, 3.2), and nothing else does.
MAY_HOLD_UTF8 = (b"From", b"To", b"Reply-To")


class GateError(DigestError):
    """A finished letter is not fit to be mailed."""

    def __init__(self, problem: str, where: str) -> None:
        super().__init__(f"the finished letter is refused: {where}: {problem}; nothing was sent")
        self.problem = problem
        self.where = where


def check(mail: bytes, names: Sequence[str]) -> None:
    """Raise GateError unless these are the bytes of one letter with exactly these header fields in this order."""
    _check_lines(mail)
    head, empty_line, body = mail.partition(b"\r\n\r\n")
    if not empty_line:
        raise GateError("there is no empty line after it", "header")
    fields = FOLD.sub(b"\r\n\0", head).split(b"\r\n")  # a folded line is marked, and put back to its field below
    whole = _fields(fields)
    found = [name.decode() for name, _ in whole]
    if found != list(names):
        raise GateError(f"its fields are {', '.join(found)}, not {', '.join(names)}", "header")
    for name, lines in whole:
        _check_field(name, lines)
    _check_body(body, whole[-1][1])


def _check_lines(mail: bytes) -> None:
    for wrong, problem in WRONG:
        if found := wrong.search(mail):
            raise GateError(problem, f"line {mail.count(NEW_LINE, 0, found.start()) + 1}")
    longest = max(mail.split(b"\r\n"), key=len)
    if len(longest) > 998:  # RFC 5322, 2.1.1
        raise GateError(f"{len(longest)} octets, 998 are allowed", f"line {longest[:40]!r}...")
    if not mail.endswith(b"--\r\n"):
        raise GateError("is not the closing boundary", "last line")


def _fields(lines: Sequence[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """Return the name of each field and its lines, without the name and the blank after it."""
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in lines:
        if line.startswith(b"\0") and fields:
            fields[-1][1].append(line[1:])
        elif found := NAME.match(line):
            fields.append((found[1], [line]))
        else:
            raise GateError(f"{line[:40]!r} is no field", "header")
    return fields


def _check_field(name: bytes, lines: Sequence[bytes]) -> None:
    where = name.decode()
    if where.startswith("List-Unsubscribe") or where == "Message-ID":
        _check_machine_read(b"\r\n".join(lines), where)
    for line in lines:
        value = line.removeprefix(name + b": ").strip(b" ")
        if not value:
            raise GateError("an empty line", where)
        if len(line) > 78 and b" " in value:  # RFC 5322, 2.1.1
            raise GateError(f"{len(line)} octets in a line that could be folded", where)
        if not line.isascii() and name not in MAY_HOLD_UTF8:
            raise GateError("letters beyond ASCII", where)
        if any(octet < 0x20 or octet == 0x7F for octet in line.replace(b"\t", b" ")):
            raise GateError("a control character", where)
        _check_encoded_words(line, where)


def _check_encoded_words(line: bytes, where: str) -> None:
    words = ENCODED_WORD.findall(line)
    if any(len(word) > 75 for word in words) or (words and len(line) > 76):  # RFC 2047, 2
        raise GateError("an encoded-word longer than 75, or its line longer than 76", where)
    if b"=?" in ENCODED_WORD.sub(b"", line):
        raise GateError("something that could be taken for an encoded-word", where)


def _check_machine_read(field: bytes, where: str) -> None:
    # RFC 2369, 2 and RFC 2047, 5: neither folded inside <> nor encoded.
    if b"=?" in field or re.search(rb"<[^>]*[\s<][^>]*>", field):
        raise GateError("a link or name that is folded or encoded", where)


def _check_body(body: bytes, content_type: Sequence[bytes]) -> None:
    found = BOUNDARY.search(b"".join(content_type))
    if found is None:
        raise GateError("no boundary", "Content-Type")
    line = b"--" + found[1]
    lines = body.split(b"\r\n")
    if [part for part in lines if part.startswith(line)] != [line, line, line + b"--"] or lines[-2] != line + b"--":
        raise GateError("not two parts between boundaries", "body")
    if lines[0] != line:
        raise GateError("something before the first part", "body")
    longest = max(lines, key=len)
    if len(longest) > 76 or not body.isascii():  # RFC 2045, 6.7
        raise GateError(f"not quoted-printable in lines of 76 octets; the longest is {longest[:40]!r}...", "body")
    if b"\r\nFrom " in body:
        raise GateError("a line that begins with From", "body")
