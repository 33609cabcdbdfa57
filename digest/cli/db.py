"""``digest db``: back the project up, bring it back, check it, and say where it is at home."""

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption, VerboseOption
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.operation.backup import BackedUp
    from digest.operation.restore import Restored
    from digest.project import Configuration
    from digest.store import Store

app = typer.Typer(help="Keep the store, and bring it back.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="One zip file.")]
COUNTED = ("article", "subscriber", "edition")  #: the tables that a person knows a backup by


class NobodyToAsk(DigestError):
    """A question was to be asked, and no person is there."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("nobody is here to be asked whether the other copy still sends; write: digest db adopt --yes")


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="db")


@app.command()
def backup(
    file: FileArgument,
    secrets: Annotated[bool, typer.Option("--with-secrets", help="Take .env and key files in too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over FILE when it is there.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write the project into one file while others work; the last line says what is not in it."""
    from digest.operation.backup import back_up

    made = back_up(_configuration(project), file, _now(), secrets=secrets, overwrite=overwrite)
    for one in made.left_out:
        show.say(f"left out: {show.printable(one.name)} ({one.reason})")
    if json:
        show.as_json(_backup_json(made))
        return
    rows = ", ".join(show.several(made.manifest.rows.get(table, 0), table) for table in COUNTED)
    show.line(f"{made.file}: {_size(made.size)}, {rows}; read through, it is whole")
    show.line(f"not in it: {', '.join(made.missing)}" if made.missing else "not in it: nothing, all of the project is")


def _backup_json(made: "BackedUp") -> dict[str, object]:
    return {
        "file": str(made.file),
        "size": made.size,
        "made_at": made.manifest.made_at,
        "installation": made.manifest.uid,
        "rows": made.manifest.rows,
        "members": sorted(made.manifest.members),
        "left_out": [{"name": one.name, "reason": one.reason} for one in made.left_out],
        "not_in_it": list(made.missing),
    }


@app.command()
def restore(
    file: FileArgument,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Else --project, else this folder.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move what is there aside; nothing is deleted.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Bring a project back from a backup, checked first; it sends nothing until: digest db adopt."""
    from digest.operation.restore import restore as bring_back

    at = folder or project or Path(os.environ.get("DIGEST_PROJECT") or ".")
    done = bring_back(file, at, _now(), replace=replace)
    if json:
        show.as_json(_restore_json(done))
        return
    rows = ", ".join(show.several(done.manifest.rows.get(table, 0), table) for table in COUNTED)
    show.line(f"restored to {done.folder}: {rows}, as of {done.manifest.made_at}")
    for aside in done.aside:
        show.line(f"what was there is in {aside}")
    if not done.has_key:
        show.line(
            f"its secret key is not here: put DIGEST_SECRET_KEY with the fingerprint {done.manifest.key} into .env; "
            "another key would break the links of letters already sent"
        )
    show.line("nothing is sent from here until: digest db adopt")


def _restore_json(done: "Restored") -> dict[str, object]:
    return {
        "folder": str(done.folder),
        "store": str(done.store),
        "made_at": done.manifest.made_at,
        "installation": done.manifest.uid,
        "rows": done.manifest.rows,
        "aside": [str(path) for path in done.aside],
        "key": done.manifest.key,
        "has_key": done.has_key,
        "adopted": False,
    }


@app.command()
def check(project: ProjectOption = None, json: JsonOption = False) -> None:
    """Read the store through, and see that what it says adds up. Exits with 1 when something is wrong."""
    from digest.operation.soundness import examine

    database = _configuration(project).database
    findings = examine(database)
    wrong = [one for one in findings if not one.is_note]
    if json:
        rows = [
            {"rule": one.rule, "level": "note" if one.is_note else "error", "message": one.message, "do": one.do}
            for one in findings
        ]
        show.as_json({"store": str(database), "verdict": "wrong" if wrong else "sound", "findings": rows})
    else:
        for one in findings:
            show.line(f"{'note' if one.is_note else 'wrong'}: {one.rule}: {show.printable(one.message)}; do: {one.do}")
        if not wrong:
            show.line(f"{database.name} is whole, and what it says adds up")
    if wrong:
        raise typer.Exit(1)


@app.command()
def adopt(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="The other copy sends no more.")] = False,
    project: ProjectOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Let a store that was copied, moved or restored send from here."""
    from digest.delivery.run import alone
    from digest.project import open_project
    from digest.store import home

    with open_project(project) as opened:
        name, why = opened.store.path.name, home.why_away(opened.store)
        if not (yes or show.is_terminal()):
            raise NobodyToAsk
        if why is not None:
            show.say(f"{name} is not at home here: {why}.")
            _tell_last_edition(opened.store)
        _tell_open_editions(opened.store)
        if not (yes or _agrees(name, why)):
            show.say("nothing was changed")
            raise typer.Exit(1)
        with alone(opened):
            home.adopt(opened.store, _now())
        if verbose or show.is_terminal():
            show.say(f"{name} is at home here now, and sends from {opened.store.path}")


def _agrees(name: str, why: str | None) -> bool:
    if why is None:
        show.say(
            f"{name} is at home here as far as can be seen. Adopt it all the same if its whole folder was put back"
        )
        show.say("from a copy: numbers that were given out since are then never used again.")
    else:
        show.say("Whatever it was copied from must not send any more: stop that first, or readers get their letters")
        show.say("twice, and who leaves through a link of the one is still mailed by the other.")
    return typer.confirm("Adopt it?", err=True)


def _tell_last_edition(store: "Store") -> None:
    """Say how far the store's knowledge goes: what went out later would be new to it."""
    from digest.store import editions

    known = [f" after {one.key}" for one in editions.listing(store, limit=1)]
    show.say(
        f"Whatever the other one has sent{known[0] if known else ''} is not known here, and would be sent again: "
        "digest articles list, then digest articles drop what readers have had."
    )


def _tell_open_editions(store: "Store") -> None:
    """Name the editions that go on from this store, and what that may mean for their readers."""
    from digest.store import editions, standing

    for one in editions.listing(store, states=editions.OPEN):
        if not one.edition.rehearsal:
            left = show.several(standing.open_count(store, one.edition.id or 0), "letter")
            show.say(
                f"{one.key} is open, and the next send goes on with {left}: whoever was mailed since the copy "
                f"was taken gets it again, unless you: digest editions cancel {one.key}"
            )


@app.command()
def upgrade(project: ProjectOption = None, verbose: VerboseOption = False) -> None:
    """Bring the store up to this program's version, after a copy of it beside; other commands do so too."""
    from digest.store import open_store
    from digest.store.upgrade import version_of, versions

    database = _configuration(project).database
    before = version_of(database) if database.exists() else None
    open_store(database).close()
    if verbose or show.is_terminal():
        newest = versions()[-1]
        if before == newest:
            show.say(f"{database.name} has the newest version, {newest}")
        else:
            show.say(f"{database.name}: version {before} is {newest} now; a copy from before stands beside it")


def _configuration(project: Path | None) -> "Configuration":
    """Return what is written about the project; its store and its key need not be in order."""
    from digest.project import find_folder, read_configuration

    return read_configuration(find_folder(project, os.environ, Path.cwd()))


def _size(size: int) -> str:
    """Return a file's size as people say it."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
