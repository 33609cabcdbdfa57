"""Subscribers out of a spreadsheet's table, a row at a time, however many there are."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from digest.errors import DigestError
from digest.models import SubscriptionState
from digest.models.sections import read_sections
from digest.people.addresses import Address, BadAddress, read_address
from digest.people.seen import Marks, Seen
from digest.tables import NotText, Problem, encoding_of, header_key, language_tag, rows, shown, tidy

__all__ = ["EmptyFile", "NoAddressColumn", "NotText", "Problem", "Repeated", "Row", "read_subscribers"]

LONGEST = 65_536  #: characters of a row
MOST_BREAKS = 20  #: line breaks in a row; more are a quotation mark that nobody closed
LONGEST_NAME = 500  #: characters; what is longer is cut

#: What columns may be called; case, accents, blanks and signs do not matter. An earlier name wins over a later one:
#: "address" may be where somebody lives.
ADDRESS = (
    "e-post",
    "email",
    "e-postadress",
    "e-mailadress",
    "email address",
    "mejl",
    "mejladress",
    "mail",
    "mailadress",
    "address",
)
NAME = ("name", "namn", "full name", "fullständigt namn")
FIRST_NAME = ("first name", "förnamn", "given name")
LAST_NAME = ("last name", "efternamn", "surname", "family name")
LANGUAGE = ("language", "lang", "språk")
#: Plural only: a section or a topic in a table of people is as often where they work.
SECTIONS = ("sections", "sektioner", "topics", "ämnen")
#: Ours alone: an export of everybody has one for each list that somebody has chosen sections of.
SECTIONS_OF = "digest sections "
#: Ours alone: an export says by it where each person stands, so that bringing the file in again confirms nobody.
STATE = "digest state"
SUPPRESSED = "suppressed"

_CHUNK = 1 << 20
_Record = tuple[int, list[str]]  # the line it begins on, and its cells


class Row(NamedTuple):
    """A subscriber as a file has them; ``line`` is the line of the file on which the row begins."""

    line: int
    address: Address
    name: str = ""
    language: str | None = None
    attributes: Mapping[str, str] = MappingProxyType({})
    state: SubscriptionState | None = None  #: where they stood when the file was exported
    sections: str | None = None  #: what they chose (models/sections.py), empty: all; None: the file does not say


@dataclass(frozen=True, slots=True)
class Repeated(Problem):
    """A row whose address stands further up: nobody is missing by it."""


class EmptyFile(DigestError):
    """A file of subscribers with nothing in it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is empty; it needs a first line with a column called email (or e-post), and rows")
        self.name = name


class NoAddressColumn(DigestError):
    """A file of subscribers that does not say where the addresses stand."""

    def __init__(self, name: str, headers: Sequence[str]) -> None:
        found = ", ".join(shown(header) for header in headers if header.strip())
        super().__init__(
            f"{name} has no column for the address; its first line has {found}; call the column one of: "
            + ", ".join(ADDRESS)
        )
        self.name = name
        self.headers = tuple(headers)


class BadState(DigestError):
    """A word where the state of somebody was to stand."""

    def __init__(self, text: str) -> None:
        known = ", ".join([*SubscriptionState, SUPPRESSED])
        super().__init__(f"{shown(text)} in column {STATE!r} is no state; there are: {known}")
        self.text = text


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in the rows of a table."""

    has_header: bool
    address: int
    names: tuple[int, ...] = ()  #: joined in this order
    language: tuple[int, str] | None = None  #: with its header
    state: int | None = None
    sections: int | None = None
    others: tuple[tuple[int, str], ...] = ()  #: attributes, with their headers


def read_subscribers(
    file: BinaryIO, name: str, list_name: str = "", only: Marks | None = None
) -> Iterator[Row | Problem]:
    """Yield the subscribers of a table, and what could not be read, in the order of the file.

    The first row that is not empty is the header. If it holds an address there is no header: the addresses stand in
    that column, names in the other one if there are two, and of more than two the others become attributes
    ``column 2``, ``column 3``. Other columns become attributes under their own headers, and so does a language that
    cannot be understood: it is no reason to lose a reader. Of two rows with one address the first counts. In a file
    that we have exported, a row's state is the one on ``list_name``, and so are its sections. With ``only``, the rows
    that begin on these lines and no others are read.

    ``file`` must be seekable and is read from where it stands; it stays open. Raises EmptyFile, NoAddressColumn and
    NotText before the first row.
    """
    start = file.tell()
    encoding = encoding_of(iter(lambda: file.read(_CHUNK), b""), name)
    file.seek(start)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    table = rows(text, longest=LONGEST, breaks=MOST_BREAKS)
    before: list[Problem] = []
    try:
        for first in table:
            if isinstance(first, Problem):
                before.append(first)
                continue
            columns = _columns_of(first[1], name, list_name)
            wanted: Iterator[_Record | Problem] = chain(before, [] if columns.has_header else [first], table)
            if only is not None:
                wanted = (row for row in wanted if not isinstance(row, Problem) and row[0] in only)
            return _read(text, wanted, columns, list_name)
        if not before:
            raise EmptyFile(name)
        text.detach()
        return iter(before)
    except DigestError:
        text.detach()
        raise


def _read(
    text: io.TextIOWrapper, table: Iterable[_Record | Problem], columns: _Columns, list_name: str
) -> Iterator[Row | Problem]:
    seen = Seen()
    try:
        for row in table:
            if isinstance(row, Problem):
                yield row
                continue
            line, cells = row
            try:
                address = read_address(cells[columns.address])
                state = None if columns.state is None else read_state(cells[columns.state], list_name)
            except (BadAddress, BadState) as error:
                yield Problem(f"line {line}", str(error) if error.text else "no address")
                continue
            earlier = seen.first(address.key, line)
            if earlier == line:
                yield _row(line, address, cells, columns, state)
            else:
                yield Repeated(f"line {line}", f"{shown(address.given)} is the same address as on line {earlier}")
    finally:
        seen.close()
        if not text.closed:
            text.detach()


def _row(line: int, address: Address, cells: list[str], columns: _Columns, state: SubscriptionState | None) -> Row:
    name = " ".join(filter(None, [tidy(cells[n]) for n in columns.names]))
    attributes = {}
    for n, header in columns.others:
        if value := tidy(cells[n]):
            attributes[header] = value
    language = None
    if columns.language and (words := tidy(cells[columns.language[0]])) and (language := language_tag(words)) is None:
        attributes[columns.language[1]] = words
    name = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME].rstrip()
    sections = None if columns.sections is None else read_sections(tidy(cells[columns.sections]))
    return Row(line, address, name, language, attributes, state, sections)


def _columns_of(first: list[str], name: str, list_name: str) -> _Columns:
    """Return where things stand in a table, by its first row."""
    headers = [tidy(cell) or f"column {n}" for n, cell in enumerate(first, 1)]
    for at, cell in enumerate(first):
        if _is_address(cell):
            others = [n for n in range(len(first)) if n != at]
            if len(others) == 1:
                return _Columns(has_header=False, address=at, names=tuple(others))
            return _Columns(has_header=False, address=at, others=tuple((n, f"column {n + 1}") for n in others))
    keys = [header_key(header) for header in first]

    def columns(*names: Sequence[str]) -> tuple[int, ...]:
        found = (next((keys.index(key) for key in map(header_key, some) if key in keys), None) for some in names)
        return tuple(n for n in found if n is not None)

    address, language = columns(ADDRESS), columns(LANGUAGE)
    if not address:
        raise NoAddressColumn(name, first)
    names = columns(NAME) or columns(FIRST_NAME, LAST_NAME)
    state = keys.index(header_key(STATE)) if header_key(STATE) in keys else None
    exported = [n for n, header in enumerate(headers) if header.casefold().startswith(SECTIONS_OF)]
    own = [n for n in exported if headers[n].casefold() == f"{SECTIONS_OF}{list_name}".casefold()]
    sections = next(iter([*own, *columns(SECTIONS)]), None)
    used = (*address, *language, *names, *exported, state, sections)
    others = [n for n in range(len(first)) if n not in used]
    return _Columns(
        has_header=True,
        address=address[0],
        names=names,
        language=(language[0], headers[language[0]]) if language else None,
        state=state,
        sections=sections,
        others=tuple((n, headers[n]) for n in others),
    )


def read_state(cell: str, list_name: str) -> SubscriptionState | None:
    """Return where somebody stood with a list when they were exported: ``confirmed``, or ``list: state; list: state``.

    Who was suppressed there has left, wherever they are brought. None: the cell says nothing of this list. BadState.
    """
    found = None
    for part in filter(None, (part.strip().lower() for part in cell.split(";"))):
        name, _, word = part.rpartition(":")
        if part == SUPPRESSED:
            return SubscriptionState.UNSUBSCRIBED
        if word.strip() not in list(SubscriptionState):
            raise BadState(cell)
        if name.strip() in ("", list_name):
            found = SubscriptionState(word.strip())
    return found


def _is_address(cell: str) -> bool:
    try:
        read_address(cell)
    except BadAddress:
        return False
    return True
