"""A list's file on disk: which there are, who has one open, and a copy of it once it is whole."""

import codecs
import csv
import io
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from digest.errors import HeldError, nearest
from digest.tables import REPLACED, SEPARATORS, encoding_of, tidy

FOLDER = "subscribers"
QUIET = 2.0  #: seconds: what was written later than that may be being written still
PATIENCE = 3.0  #: seconds until a file that is not quiet is left for the next time
_STEP = 0.05
_CHUNK = 1 << 20


class NotWhole(HeldError):
    """A list's file that cannot be taken at its word."""


def file_name(list_name: str) -> str:
    """Return what the file of a list is called."""
    return f"{list_name}.csv"


def strangers(folder: Path, lists: Iterable[str]) -> Iterator[str]:
    """Yield a warning for every file among the lists' files that belongs to no list."""
    known = [file_name(name) for name in lists]
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = path.name
        # Hidden files and a spreadsheet's marks of what it has open are nobody's business.
        if name in known or name.startswith((".", "~")) or name.endswith("~") or name.upper().startswith("README"):
            continue
        yield f"{FOLDER}/{tidy(name)} belongs to no list of digest.toml and is not read{nearest(name, known)}"


def opened_by(path: Path) -> str | None:
    """Return who has a file open in a spreadsheet, ``somebody`` when that is all we know, None when nobody has."""
    try:
        libreoffice = path.with_name(f".~lock.{path.name}#").read_text(encoding="utf-8", errors="replace")
    except OSError:
        libreoffice = None
    if libreoffice is not None:
        names = [tidy(cell) for cell in libreoffice.split(",")[:2]]  # the person's name, their login
        return next(filter(None, names), "somebody")
    try:
        excel = path.with_name(f"~${path.name}").read_bytes()
    except OSError:
        return None
    # The length of the name, then the name; there may be anything in it.
    return tidy(excel[1 : 1 + excel[0]].decode("cp1252", errors="replace")) or "somebody" if excel else "somebody"


@contextmanager
def snapshot(path: Path) -> Iterator[BinaryIO]:
    """Yield a copy of a file as it was at one moment, when nobody was writing it; NotWhole."""
    with tempfile.TemporaryFile() as copy:
        ends = time.monotonic() + PATIENCE
        while not _is_copied(path, copy):
            if time.monotonic() > ends:
                raise NotWhole(f"{path.name} is being written at this moment; nothing was changed; run this again")
            time.sleep(_STEP)
        yield copy


def _is_copied(path: Path, copy: BinaryIO) -> bool:
    try:
        before = path.stat()
        if not stat.S_ISREG(before.st_mode):
            raise NotWhole(f"{path.name} is no file; nothing was changed")
        if abs(time.time() - before.st_mtime) < QUIET:
            return False
        copy.seek(0)
        copy.truncate()
        with path.open("rb") as file:
            shutil.copyfileobj(file, copy, _CHUNK)
        copy.seek(0)
        return _looks(path.stat()) == _looks(before)
    except FileNotFoundError:
        return False  # a spreadsheet puts a new file into its place
    except OSError as error:
        raise NotWhole(f"{path.name} cannot be read: {error.strerror}; nothing was changed") from error


def _looks(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def is_cut_off(file: BinaryIO, name: str, last: int, *, unread: bool) -> bool:
    """Return whether a table breaks off in its last row, which begins on this line: it was saved by half.

    ``unread``: that row could not be read.  A row that was cut between its end and the line's is whole.
    """
    file.seek(0)
    if _ends_inside_a_character(file):
        return True
    file.seek(0)
    encoding = encoding_of(iter(lambda: file.read(_CHUNK), b""), name)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        first, tail = _ends(text, last)
    finally:
        text.detach()
    if tail.endswith(("\0", REPLACED)):
        return True
    if unread and tail.count('"') % 2:
        return True
    return not tail.endswith(("\n", "\r")) and _cells(tail, _separator(first)) < _cells(first[-1], _separator(first))


def _ends(text: io.TextIOWrapper, last: int) -> tuple[list[str], str]:
    """Return a table's first lines up to its header, and all of it from a line on."""
    first: list[str] = []
    tail: list[str] = []
    for number, line in enumerate(text, 1):
        if not first or not first[-1].strip() or _named_separator(first[-1]):
            first.append(line)
        if number >= last:
            tail.append(line)
    return first, "".join(tail)


def _named_separator(line: str) -> str | None:
    words = line.strip('"\r\n')
    return words[-1] if len(words) == 5 and words[:4].lower() == "sep=" else None


def _separator(first: list[str]) -> str:
    named = [found for line in first if (found := _named_separator(line))]
    return named[0] if named else max(SEPARATORS, key=lambda separator: _cells(first[-1], separator))


def _cells(record: str, separator: str) -> int:
    try:
        return len(next(csv.reader(record.splitlines(keepends=True), delimiter=separator, skipinitialspace=True), []))
    except csv.Error:
        return 0


def _ends_inside_a_character(file: BinaryIO) -> bool:
    """Return whether a file is UTF-8 but for its end, which would have all of it taken for another encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    others = False
    try:
        while chunk := file.read(_CHUNK):
            others = others or not decoder.decode(chunk).isascii()
    except UnicodeDecodeError:
        return False
    # One such byte and no other may as well be the only accent of a file in cp1252.
    return others and bool(decoder.getstate()[0])
