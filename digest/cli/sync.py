"""``digest subscribers sync`` and ``export``: lists as files."""

import contextlib
import datetime as dt
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption, VerboseOption
from digest.errors import DigestError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from digest.people.difference import Difference
    from digest.people.imports import Row

REMOVALS = "removals"
MOST = 10  #: names in a line or rows told one by one; a dry run tells all
BACK = "digest subscribers add ADDRESS --list {} --confirmed --reason TEXT"


def _force(words: list[str] | None) -> list[str] | None:
    for word in words or ():
        if word != REMOVALS:
            raise typer.BadParameter(f"no rule {word!r}; there is: {REMOVALS}{nearest(word, [REMOVALS])}")
    return words


def register(group: typer.Typer) -> None:
    """Add the commands to ``digest subscribers``."""
    group.command("sync")(sync)
    group.command("export")(export)


def sync(
    lists: Annotated[list[str] | None, typer.Argument(metavar="[LIST]...", help="Else every list with a file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")] = False,
    force: Annotated[
        list[str] | None,
        typer.Option("--force", metavar=REMOVALS, callback=_force, help="Take off also more than a tenth of a list."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer the question before somebody is taken off.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring lists into agreement with subscribers/LIST.csv: new rows join, vanished ones go, who left stays so."""
    from digest.people.sheet import FOLDER, strangers
    from digest.people.sync import Wish, lists_to_sync
    from digest.people.sync import sync as bring
    from digest.project import open_project

    telling = verbose or show.is_terminal()
    done: list[Difference] = []
    with open_project(project) as opened:
        for warning in () if lists else strangers(opened.folder / FOLDER, opened.file.list_names):
            show.say(f"warning: {warning}")
        wanted = lists_to_sync(opened, lists or [])
        wish = Wish(dry_run, bool(force), agreed=_asked(yes=yes), tell=_row_teller(dry_run and not json))
        for difference in bring(opened, wanted, wish, dt.datetime.now(dt.UTC)):
            done.append(difference)
            _warn(difference, most=None if dry_run else MOST)
            if dry_run and not json:
                _tell(difference, show.line, most=None, done=False)
            elif telling and not json and difference.held is None:
                _tell(difference, show.say, most=MOST, done=True)
    if json:
        show.as_json({"dry_run": dry_run, "lists": [_as_json(one) for one in done]})
    raise typer.Exit(max(one.exit_code for one in done))


def _asked(*, yes: bool) -> "Callable[[Difference], bool]":
    """Return what shows a person at a terminal what will change, and asks them where somebody is to go."""
    from digest.people.difference import words

    def agreed(difference: "Difference") -> bool:
        if not show.is_terminal() or not difference.is_change:
            return True
        who = [show.printable(address) for address in difference.vanished[:MOST]]
        more = ", ..." if len(difference.vanished) > MOST else ""
        show.say(words(difference, done=False, going=f" ({', '.join(who)}{more})"))
        if not difference.removed or yes:
            return True
        return typer.confirm(f"Take {show.several(difference.removed, 'reader')} off {difference.list_name}?", err=True)

    return agreed


def _row_teller(telling: bool) -> "Callable[[str, Row], None]":
    def tell(word: str, row: "Row") -> None:
        if word:
            show.line(f"line {row.line}: {show.printable(row.address.given)} {word}")

    return tell if telling else lambda _word, _row: None


def _warn(difference: "Difference", most: int | None) -> None:
    """Say what is not done as the file has it, whoever listens."""
    from digest.people.difference import unread

    name, file = difference.list_name, difference.file
    if difference.open_by:
        show.say(f"warning: {file} is open at {show.printable(difference.open_by)}'s; what is not saved is not in it")
    for problem in difference.problems[:most]:
        show.say(f"{file}, {problem.where}: {problem.reason}")
    if most is not None and len(difference.problems) > most:
        show.say(f"{file}: {len(difference.problems) - most:,} more rows cannot be read; --dry-run names them all")
    if difference.held is not None:
        show.say(f"{name}: {difference.held}")
    if difference.waiting:
        rows = ", ".join(problem.where.removeprefix("line ") for problem in unread(difference)[:MOST])
        show.say(f"{name}: {difference.waiting:,} would be removed once these lines of {file} can be read: {rows}")
    if difference.unconfirmed and difference.held is None:
        show.say(
            f"{name}: {difference.unconfirmed:,} join unconfirmed and get no letters; if they agreed to get them, "
            f"write the proof as consent in [lists.{name}]"
        )


def _tell(difference: "Difference", say: "Callable[[str], None]", *, most: int | None, done: bool) -> None:
    """Say what a sync comes to, and whose rows are not done as they stand."""
    from digest.people.difference import words

    back = BACK.format(difference.list_name)
    if difference.held is None or difference.found or difference.vanished:
        say(words(difference, done=done))
    if not done:
        goes = "goes: their row is" if difference.removed else "stays for now, though their row is"
        for address in difference.vanished:
            say(f"  {show.printable(address)} {goes} not there any more")
    named = [(one, "had left and stays so") for one in difference.left]
    named += [(one, "is suppressed: no letter goes there") for one in difference.suppressed]
    by_hand = f"was removed by hand and stays so; delete the line, or: {back}"
    named += [(one, by_hand) for one in difference.removed_by_hand]
    named.sort(key=lambda pair: pair[0].line)
    for one, why in named[:most]:
        say(f"  line {one.line}: {show.printable(one.address)} {why}")
    if most is not None and len(named) > most:
        say(f"  and {len(named) - most:,} more of those; --dry-run shows them all")


def _as_json(one: "Difference") -> dict[str, Any]:
    def named(rows: "Iterable[Any]") -> list[dict[str, Any]]:
        return [{"line": row.line, "address": row.address} for row in rows]

    return {
        "list": one.list_name, "file": one.file, "found": one.found, "joined": one.joined, "returned": one.returned,
        "confirmed": one.confirmed, "updated": one.updated, "unchanged": one.unchanged, "removed": one.removed,
        "vanished": one.vanished, "waiting": one.waiting, "left": named(one.left),
        "suppressed": named(one.suppressed), "removed_by_hand": named(one.removed_by_hand),
        "problems": [{"where": problem.where, "reason": problem.reason} for problem in one.problems],
        "held": one.held,
    }  # fmt: skip


def export(
    list_name: Annotated[str | None, typer.Option("--list", metavar="LIST", help="Only who is on this list.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="confirmed, unconfirmed, unsubscribed or removed.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file; else stdout.")] = None,
    project: ProjectOption = None,
) -> None:
    """Print subscribers as a CSV that spreadsheets open and `import` reads back."""
    from digest.people.export import export as table
    from digest.people.lists import read_state
    from digest.project import open_project

    with open_project(project) as opened:
        pieces = table(opened, list_name, read_state(state), dt.datetime.now(dt.UTC))
        if out is None:
            for piece in pieces:
                with show.output():
                    sys.stdout.buffer.write(piece.encode())
        else:
            _write(out, pieces)


def _write(path: Path, pieces: "Iterator[str]") -> None:
    """Write a new file that only its owner may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        if path.exists():
            raise DigestError(f"{path} is there already; take another name, or delete it first")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece.encode())
        unfinished.rename(path)
    except OSError as error:
        raise DigestError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
