"""How results look: one JSON object, a table, or a line; data on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from digest.errors import DigestError

SCHEMA = 1
_json_wanted = False
_json_printed = False


class OutputLost(DigestError):
    """What a command printed could not be written where its output goes."""


@contextmanager
def output() -> Iterator[None]:
    """Tell a full disk behind our output from a fault; whoever has stopped reading is another matter."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(f"the output cannot be written: {error.strerror}; make room, or send it elsewhere") from error


def begin(*, json_wanted: bool) -> None:
    """Remember whether JSON is wanted, for errors that end a command before it has anything to show."""
    global _json_wanted, _json_printed
    _json_wanted, _json_printed = json_wanted, False


def as_json(data: Mapping[str, Any]) -> None:
    """Print the command's one JSON object."""
    global _json_printed
    _json_printed = True
    line(json.dumps({"schema": SCHEMA, **data}, ensure_ascii=False, default=str))


def stream_json(key: str, items: Iterable[str]) -> None:
    """Print the command's one JSON object with a list of finished items, written as they come."""
    global _json_printed
    _json_printed = True
    _write(f'{{"schema": {SCHEMA}, "{key}": [')
    for n, item in enumerate(items):
        _write(("," if n else "") + item)
    _write("]}\n")


def line(text: str) -> None:
    """Print a line of data."""
    _write(f"{text}\n")


def flush() -> None:
    """Hand over what has been printed, while a reader who has gone can still be noticed."""
    with output():
        print(end="", flush=True)


def _write(text: str) -> None:
    with output():
        print(text, end="")


def say(text: str) -> None:
    """Print a line for people on stderr."""
    print(text, file=sys.stderr, flush=True)


def error_line(message: str) -> str:
    """Return an error's one line."""
    return f"digest: {' '.join(message.split())}"


def error(message: str) -> None:
    """Print an error's one line, and the JSON object that scripts wait for."""
    say(error_line(message))
    if _json_wanted and not _json_printed:
        as_json({"error": message})


def is_terminal() -> bool:
    """Return whether a person looks on: both what is asked and what is answered is at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print rows as a table on a terminal, and with tabs between the cells for other programs."""
    texts = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for cells in (list(columns), *texts):
            line("\t".join(cells))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for cells in texts:
        shown.add_row(*(Text(cell) for cell in cells))  # never markup: titles hold brackets
    Console().print(shown)


def printable(value: object) -> str:
    """Return a cell's text without anything that could move a terminal's cursor."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else " " for c in text)


def number(value: int) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}"


def several(value: int, word: str) -> str:
    """Return a number with its noun: ``1 letter``, ``1,000 letters``."""
    return f"{value:,} {word}" + ("" if value == 1 else "s")
