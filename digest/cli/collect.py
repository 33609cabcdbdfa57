"""``digest collect``, and what is said of what came in."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption, VerboseOption
from digest.cli.show import several

if TYPE_CHECKING:
    from digest.collect.take import Ask, FirstLook, Taken

SourceOption = Annotated[str | None, typer.Option("--source", metavar="NAME", help="The source they come from.")]
ANSWERS = "lookback, all, none or a date"


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write 2025-11-30") from None


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("collect")(collect)


def collect(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Else all that are not paused, ended or backing off."),
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", metavar="F", help="A file or folder in place of the source.")
    ] = None,
    source: SourceOption = None,
    since: Annotated[
        dt.date | None,
        typer.Option("--since", metavar="DATE", parser=_date, help="Of a new source, only what is not older."),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Of a new source, nothing that is there today.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Of a new source, all there is, however old.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take in what the sources have: sources -> articles."""
    from digest.collect.collecting import check_able, collect_sources
    from digest.collect.take import collect_files
    from digest.project import open_project

    if sum((since is not None, none, all_)) > 1:
        raise typer.BadParameter("--since, --none and --all exclude each other")
    ask = _asking(since, none=none, everything=all_)
    talks = verbose or show.is_terminal()
    with open_project(project) as opened:
        if file:
            name = source or (sources[0] if sources else None)
            taken = collect_files(opened, file, name, _now())
        else:
            wanted = [*(sources or []), *([source] if source else [])]
            check_able(opened, wanted)
            # A person sees each source as it is done: one that is slow takes its twenty seconds.
            taken = collect_sources(
                opened, wanted, _now(), ask, tell=_say_one if talks and not json else lambda _: None
            )
        has_sources = bool(opened.file.sources)
    show_taken(taken, json=json, verbose=verbose, has_sources=has_sources, told=talks and not json and not file)


def _asking(since: dt.date | None, *, none: bool, everything: bool) -> "Ask":
    """Return who says how far back a new source reaches: an option, a person, or nobody."""
    from digest.collect.homes import EVERYTHING, NOTHING
    from digest.collect.take import lookback

    given = NOTHING if none else EVERYTHING if everything else since
    if given is not None:
        return lambda _: given
    return _ask if show.is_terminal() else lookback


def _ask(first: "FirstLook") -> dt.date | None:
    """Ask how far back a new source reaches; what is not too old is not asked about."""
    from digest.collect.homes import EVERYTHING, NOTHING

    if not first.old:
        return None
    brings = f"{several(first.found, 'article')}, {first.old:,} of them from before {first.earliest}"
    show.say(f"{first.source} is new: it brings {brings}")
    while True:
        try:
            answer = typer.prompt(f"Take which? ({ANSWERS})", default="lookback", err=True).strip().lower()
        except typer.Abort:  # the end of input answers nothing
            return None
        if answer in ("lookback", "all", "none"):
            return {"lookback": None, "all": EVERYTHING, "none": NOTHING}[answer]
        try:
            return dt.date.fromisoformat(answer)
        except ValueError:
            show.say(f"{answer!r} is none of: {ANSWERS}")


def show_taken(
    taken: "Sequence[Taken]", *, json: bool, verbose: bool, has_sources: bool = False, told: bool = False
) -> None:
    """Show what came in, name every row that could not be read, and exit with 3 or 1 when something failed.

    ``told``: each was shown when it was done.
    """
    talks = verbose or show.is_terminal()
    if json or not talks:
        report_problems(taken, talks=talks)
    if json:
        show.as_json({"sources": [one.as_json() for one in taken]})
    elif talks:
        if not taken:
            nothing = "there is no source and no file to collect from; add [sources.NAME] to digest.toml"
            show.say("no source is due; digest sources list says why" if has_sources else nothing)
        for one in () if told else taken:
            _say_one(one)
    if any(is_troubled(one) for one in taken):
        raise typer.Exit(1 if all(one.has_failed for one in taken) else 3)


def _say_one(one: "Taken") -> None:
    """Say what came of one source or file; of one that brought nothing but an error, the error."""
    report_problems([one], talks=True)
    found = one.new + one.changed + one.unchanged + one.skipped
    if not found and not one.error:
        show.say(f"{one.file or one.source or 'articles'}: nothing new")
    elif found:
        counts = f"{one.new} new, {one.changed} changed, {one.unchanged} unchanged, {one.skipped} skipped"
        show.say(f"{one.file or one.source or 'articles'}: {counts}")


def is_troubled(one: "Taken") -> bool:
    """Return whether not all of a source or file could be read."""
    return bool(one.error or one.problems)


def report_problems(taken: "Sequence[Taken]", *, talks: bool = False) -> bool:
    """Name every file and row that could not be read; return whether there were any.

    What somebody else's feed has that is no article is no failure of ours, and told only to who looks on.
    """
    for one in taken:
        where = one.file or one.source or "here"
        for problem in (*one.problems, *(one.refused if talks else ())):
            show.say(f"{where}, {problem.where}: {problem.reason}")
        for note in one.notes if talks else ():
            show.say(f"{where}: {note}")
        if one.unknown:
            show.say(f"{where}: left out what means nothing here: {', '.join(one.unknown)}")
        if one.error:
            show.say(f"{where}: {one.error}")
    return any(is_troubled(one) for one in taken)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
