"""What the readers of articles and of subscribers share: bytes to text, text to rows, and values made tidy.

Tables are taken as spreadsheets write them: separated by comma, semicolon or tab, in UTF-8 (with or without a byte
order mark), UTF-16 with one, or cp1252, and with a first line ``sep=;`` where Excel put one.
"""

import codecs
import csv
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from typing import TYPE_CHECKING, TextIO

from digest.errors import DigestError

if TYPE_CHECKING:
    from _csv import Reader

SEPARATORS = "\t;,"  #: the first wins a tie: commas stand in text too
REPLACED = "\N{REPLACEMENT CHARACTER}"  #: stands where bytes could not be read
LONGEST = 1_000_000  #: characters; no reader of tables may set a higher limit for a row
_AHEAD = 65_536  # characters that are read ahead

# The csv module's own limit for a cell, one for the whole process, is 131,072, less than an article may have.
csv.field_size_limit(max(csv.field_size_limit(), LONGEST))

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")  # all but tab and line breaks
_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read: where it stands ("line 17", "item 3"), and why, in words for its author."""

    where: str
    reason: str


class NotText(DigestError):
    """A spreadsheet's own file where text was wanted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a spreadsheet's own file, not text; save it as CSV and give that")
        self.name = name


class _Runaway(csv.Error):
    """A record goes on for longer than any record does."""


def encoding_of(chunks: Iterable[bytes], name: str) -> str:
    """Return the encoding of a file: by its byte order mark, else UTF-8 if it is that to the end, else cp1252."""
    utf_8 = codecs.getincrementaldecoder("utf-8")()
    try:
        for number, chunk in enumerate(chunks):
            if number == 0 and chunk.startswith(_WORKBOOKS):
                raise NotText(name)
            if number == 0 and (marked := [e for mark, e in _BYTE_ORDER_MARKS.items() if chunk.startswith(mark)]):
                return marked[0]
            utf_8.decode(chunk)
        utf_8.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def decode(data: bytes, name: str) -> str:
    """Return a whole file's text; bytes that its encoding does not know become U+FFFD."""
    return data.decode(encoding_of([data], name), errors="replace")


def rows(text: TextIO, *, longest: int, breaks: int) -> Iterator[tuple[int, list[str]] | Problem]:
    """Return the rows of a table, its header first, each with the number of the line it begins on.

    ``text`` must have been opened with ``newline=""``. Wholly empty rows are passed over. A row of more than
    ``longest`` characters or ``breaks`` line breaks, or with quotation marks that do not match, is a Problem; reading
    goes on with the line after the one it began on, so that a mark nobody closed swallows no other row. So is one with
    more cells than the first; it would be misread. One with fewer is filled up.
    """
    lines = _Lines(text, longest, breaks)
    while (separator := _separator(lines)) is None:
        yield lines.problem()
    # What follows a separator's blank may be quoted too: a@example.com, "Lindqvist, Per"
    read = partial(csv.reader, delimiter=separator, strict=True, skipinitialspace=True)
    width = 0
    for line, cells in _records(lines, read):
        if isinstance(cells, Problem):
            yield cells
            continue
        if not (cells and cells[0].strip()) and not any(map(str.strip, cells)):
            continue
        width = width or len(cells)
        if len(cells) != width:
            if any(map(str.strip, cells[width:])):
                yield Problem(f"line {line}", f"{len(cells)} cells where the first row has {width}")
                continue
            yield line, [unescaped(cell) for cell in [*cells, *[""] * width][:width]]
            continue
        yield line, [unescaped(cell) if cell[:1] == "'" else cell for cell in cells]


def _records(lines: "_Lines", read: "Callable[[Iterable[str]], Reader]") -> Iterator[tuple[int, list[str] | Problem]]:
    """Yield the records of a table with their lines, and what is wrong with those that cannot be read."""
    singly = read(lines)
    while True:
        # Lines that are a record each, as nearly all are, pass at the csv module's own speed.
        coming = lines.coming()
        first, done = lines.begin(), 0
        together = read(coming)
        try:
            for cells in together:
                if together.line_num != done + 1:
                    break
                yield first + done, cells
                done += 1
        except csv.Error:
            pass  # it is read once more, by itself
        lines.pass_over(done)
        line = lines.begin()
        try:
            yield line, next(singly)
        except StopIteration:
            return
        except csv.Error:
            yield line, lines.problem()


class _Lines:
    """The physical lines of a text, counted; those of a record that went wrong can be given back."""

    def __init__(self, text: TextIO, longest: int, breaks: int) -> None:
        self.text = text
        self.longest = min(longest, LONGEST)
        self.breaks = breaks
        self.number = 0  # of the last line handed out
        self.back: deque[str] = deque()
        self.taken: list[str] = []  # the lines of this record
        self.size = 0  # and their characters

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.back.popleft() if self.back else self.text.readline(self.longest + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        self.size += len(line)
        if len(line) > self.longest and not line.endswith(("\n", "\r")):
            self._pass_over_rest()
        if self.size > self.longest or len(self.taken) > self.breaks + 1:
            raise _Runaway
        return line

    def coming(self) -> list[str]:
        """Return whole lines that come next; they are not handed out by that."""
        size = 0
        while not self.back or 0 < size < _AHEAD:
            line = self.text.readline(self.longest + 1)
            if not line:
                break
            self.back.append(line)
            # The rest of a line that is too long is passed over when it is handed out.
            size = size + len(line) if len(line) <= self.longest else 0
        if max(map(len, self.back), default=0) <= self.longest:
            return list(self.back)
        return list(takewhile(lambda line: len(line) <= self.longest, self.back))

    def pass_over(self, count: int) -> None:
        """Hand out as many lines of those that come."""
        self.number += count
        if count == len(self.back):
            self.back.clear()
        for _ in range(count if self.back else 0):
            self.back.popleft()

    def begin(self) -> int:
        """Start a record; return the number of its line."""
        self.taken.clear()
        self.size = 0
        return self.number + 1

    def give_back(self, first: int) -> None:
        """Take back the lines of this record from the ``first`` on."""
        returned = self.taken[first:]
        self.back.extendleft(reversed(returned))
        self.number -= len(returned)
        del self.taken[first:]

    def problem(self) -> Problem:
        """Return what is wrong with this record, and give back all but its first line."""
        if len(self.taken[0]) > self.longest:
            reason = f"longer than {self.longest:,} characters"
        else:
            reason = 'a quotation mark (") is not closed, or stands where none may'
        self.give_back(1)
        return Problem(f"line {self.number}", reason)

    def _pass_over_rest(self) -> None:
        while (rest := self.text.readline(self.longest + 1)) and not rest.endswith(("\n", "\r")):
            pass
        self.taken[-1] += "\n"


def _separator(lines: _Lines) -> str | None:
    """Return what separates the cells: what ``sep=`` says, else what the first line has most of outside quotes.

    csv.Sniffer looks for regularity instead, and finds it in the letters of a single column. None: the line cannot be
    read.
    """
    while True:
        lines.begin()
        try:
            words = next(lines, "").strip("\r\n")
        except _Runaway:
            return None
        if words.strip('"')[:-1].lower() == "sep=" and words.strip('"')[-1] in SEPARATORS + "|":
            return words.strip('"')[-1]
        if words.strip() or not lines.taken:
            lines.give_back(0)
            outside = "".join(words.split('"')[::2])
            best = max(SEPARATORS, key=outside.count)
            return best if best in outside else ","


def escaped(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Return the cell that was escaped; any other as it is."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def header_key(header: str) -> str:
    """Return a header as headers are compared: without case, accents, blanks and signs; ``E-post`` is ``epost``."""
    return "".join(c for c in unicodedata.normalize("NFKD", header.casefold()) if c.isalnum())


def tidy(text: str) -> str:
    """Return text as one line: NFC, blanks folded, without control characters and those that turn text round."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    if not text.isprintable():
        text = _BIDI_CONTROLS.sub("", without_controls(" ".join(text.split())))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def without_controls(text: str) -> str:
    """Return text without control characters (but tab and line breaks) and without lone surrogates."""
    return _CONTROLS.sub("", text)


def shown(text: str) -> str:
    """Return a value as an error quotes it: on one line, in quotes, and not too long."""
    text = tidy(text)
    return f"'{text if len(text) <= 60 else text[:59] + '…'}'"


@lru_cache
def language_tag(text: str) -> str | None:
    """Return a language's tag in its usual spelling (BCP 47, 2.1.1: sv, en-GB, zh-Hant-TW), or None."""
    text = text.strip().replace("_", "-")
    if len(text) > 35 or not _LANGUAGE.fullmatch(text):
        return None
    first, *rest = text.lower().split("-")
    return "-".join([first, *(s.upper() if len(s) == 2 else s.title() if len(s) == 4 else s for s in rest)])
