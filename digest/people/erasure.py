"""Forgetting a person on their wish, and naming what only a person can delete."""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

from digest.people.addresses import Address, read_address
from digest.people.imports import EmptyFile, NoAddressColumn, NotText, Row, read_subscribers
from digest.people.lists import person
from digest.people.sheet import FOLDER
from digest.project import Project, who_does_this
from digest.store import erasure, suppression
from digest.tables import encoding_of

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Place:
    """A line of a file that still names somebody."""

    file: str
    line: int | None  #: None: the file cannot be looked through, since it is a workbook, or not ours to read


@dataclass(frozen=True)
class Forgotten:
    """What was done about a person, and what is left to do by hand."""

    was_known: bool  #: also if nothing was left of them but the stop on their address
    withdrawn: int  #: letters that had not gone out
    files: list[Place]  #: lines to delete, and files to look through
    copies: list[str]  #: older copies of the store that hold them, made before it was upgraded
    left_behind: str | None  #: why the store's own file may still hold them

    @property
    def is_all(self) -> bool:
        """Whether nothing is left to do by hand."""
        return not self.files and not self.copies and self.left_behind is None


def erase(project: Project, address: str, now: dt.datetime) -> Forgotten:
    """Forget the person with an address: what stays is their number, and a hash that no file brings them back past."""
    read = read_address(address)
    hash_ = person(project, read).hash
    editors = [parseaddr(editor)[1] for editor in project.file.editors]
    erased = erasure.erase(project.store, hash_, editors, who_does_this(), now)
    again = erased is None and suppression.find(project.store, hash_) is not None
    words = {read.given, read.key, *(erased.addresses | erased.names if erased else ())}
    store = project.store.path
    return Forgotten(
        was_known=erased is not None or again,
        withdrawn=erased.withdrawn if erased else 0,
        files=list(places(project.folder / FOLDER, read)),
        copies=sorted(path.name for path in store.parent.glob(f"{store.name}.before-*") if erasure.holds(path, words)),
        left_behind=erasure.scrub(store, words, thoroughly=again),  # nobody knows their name any more
    )


def places(folder: Path, address: Address) -> Iterator[Place]:
    """Yield every line of the files in a folder that names somebody, in whatever spelling and encoding."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            name = str(path.relative_to(folder.parent))
            try:
                yield from [Place(name, line) for line in sorted(_lines(path, address))]
            except (NotText, OSError):
                yield Place(name, None)


def _lines(path: Path, address: Address) -> set[int]:
    spellings = "|".join(re.escape(spelling) for spelling in {address.given.casefold(), address.key})
    naming = re.compile(rf"(?<![\w.+-])(?:{spellings})(?![\w-]|\.\w)")
    with path.open("rb") as file:
        encoding = encoding_of(iter(lambda: file.read(_CHUNK), b""), path.name)
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        named = {n for n, line in enumerate(text, 1) if naming.search(unicodedata.normalize("NFC", line).casefold())}
    # A domain may be spelled in two ways; looking for that costs ten times as much.
    is_spelled_once = address.key.isascii() and "xn--" not in address.key
    return named if is_spelled_once else named | _rows(path, address)


def _rows(path: Path, address: Address) -> set[int]:
    """Return the lines of a table's rows that are the person's, spelled in whatever way."""
    with path.open("rb") as file:
        try:
            rows = read_subscribers(file, path.name)
            return {row.line for row in rows if isinstance(row, Row) and row.address.key == address.key}
        except (EmptyFile, NoAddressColumn):
            return set()
