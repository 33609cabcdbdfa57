"""``digest sources``: where articles come from, and how it is doing."""

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.brought import brought_json, say_brought, show_brought
from digest.cli.options import JsonOption, ProjectOption, VerboseOption
from digest.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from digest.collect.adding import Seen
    from digest.collect.health import Health
    from digest.project import Project

app = typer.Typer(help="Add, look at, test and pause sources.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="As digest.toml calls it.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="sources")


@app.command("list")
def list_(
    opml: Annotated[bool, typer.Option("--opml", help="The feeds as OPML, for feed readers.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """List sources with their health: last success, last error, next try."""
    from digest.collect.health import health
    from digest.collect.opml import Listed, write_opml
    from digest.notation import masked
    from digest.project import open_project

    with open_project(project) as opened:
        found = health(opened)
    if opml:
        feeds = [one.settings for one in found if one.settings.kind == "feed"]
        show.line(write_opml("digest", [Listed(one.name, masked(one.place)) for one in feeds]))
    elif json:
        show.as_json({"sources": [one.as_json() for one in found]})
    else:
        if not found and show.is_terminal():
            show.say("no source yet; add one with: digest sources add URL")
            return
        rows = [
            (one.settings.name, one.settings.kind, one.word, one.articles, _short(one.state.last_ok), _how(one))
            for one in found
        ]
        show.table(("source", "kind", "state", "articles", "last success", ""), rows, right=("articles",))


@app.command()
def add(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Of a feed, page, sitemap, database; or a folder, Maildir, OPML file.")
    ],
    write: Annotated[bool, typer.Option("--write", help="Append it to digest.toml.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="Else made of its host.")] = None,
    newsletter: Annotated[
        list[str] | None, typer.Option("--newsletter", metavar="NAME", help="Which its articles go to.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="It is in a private network.")] = False,
    extract: Annotated[bool, typer.Option("--extract", help="Read each article's own page too.")] = False,
    query: Annotated[str | None, typer.Option("--query", metavar="SQL", help="Of a database: its SELECT.")] = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Look at an address, show its first items, and print the block for digest.toml that collects it."""
    from digest.collect.adding import is_same_place
    from digest.collect.blocks import append, block
    from digest.project import open_project

    with open_project(project) as opened:
        if name is not None:
            _check_name(opened, name)
        letters = [opened.newsletter(one).name for one in newsletter or ()]
        flags = {"private": private, "extract": extract, "query": query}
        given = {key: value for key, value in flags.items() if value}
        if "://" not in url and Path(url).is_file():
            blocks, count = _of_opml(opened, Path(url), letters, given)
            shown: dict[str, Any] = {"sources": count}
        else:
            seen = _look(opened, url, name, given)
            for known in opened.file.sources.values():
                if is_same_place(known, seen.settings):
                    raise ConfigError(f"digest.toml has it already: [sources.{known.name}]")
            blocks = block(seen.settings, letters)
            shown = {"source": seen.settings.name, "kind": seen.settings.kind, **brought_json(seen.reading)}
            if not json:
                say_brought(seen.title or seen.settings.place, seen.reading)
        if write and blocks:
            append(opened.folder, blocks)
    if json:
        show.as_json({**shown, "block": blocks, "written": write and bool(blocks)})
    elif not blocks:
        show.say("no feed in it that digest.toml does not have already")
    else:
        show.line(blocks.rstrip("\n"))
        show.say("written to digest.toml" if write else "put this into digest.toml, or run it with --write")


def _look(project: "Project", place: str, name: str | None, given: "Mapping[str, object]") -> "Seen":
    """Return what is at an address of the web, in a database, or in a folder of this machine."""
    from digest.collect.adding import as_written, kind_here, look, look_here

    scheme = place.partition("://")[0].lower() if "://" in place else ""
    if scheme in ("http", "https"):
        if "query" in given:
            raise typer.BadParameter("--query is for databases")
        return look(project, place, name, given, _now())
    if place.startswith("env:") or scheme.startswith(("sqlite", "postgres", "mysql", "mariadb", "oracle", "mssql")):
        if "query" not in given:
            raise typer.BadParameter(
                "a database needs --query, as in 'SELECT id, headline AS title, url, published FROM post'"
            )
        return look_here(project, "database", place, name, given, _now())
    kind = None if scheme or not place else kind_here(Path(place))
    if kind is None:
        if scheme or (place and Path(place).exists()):
            raise typer.BadParameter(f"{place!r} is no address of the web, no database, folder, Maildir or OPML file")
        host = "." in place.partition("/")[0].strip(".") and not place.lower().endswith((".opml", ".xml"))
        hint = f"; an address begins with https://, as in https://{place}" if host else ""
        raise typer.BadParameter(f"no file or folder {place!r}{hint}")
    if project.folder.is_relative_to(Path(place).resolve()):
        raise typer.BadParameter(f"{place!r} holds the project itself; name a folder of articles")
    return look_here(project, kind, as_written(project, Path(place)), name, given, _now())


def _check_name(project: "Project", name: str) -> None:
    from digest.settings import NAME

    if not NAME.fullmatch(name) or len(name) > 60:
        raise typer.BadParameter(f"{name!r} is no name: small letters, digits and - _ . between them")
    if name in project.file.sources:
        raise ConfigError(f"digest.toml has a source {name!r} already; take another --name")


def _of_opml(
    project: "Project", path: Path, newsletters: "Sequence[str]", given: "Mapping[str, object]"
) -> tuple[str, int]:
    """Return the blocks for the feeds of an OPML file that no source has yet, and how many they are."""
    from digest.collect.adding import one_spelling
    from digest.collect.blocks import block, free_name
    from digest.collect.opml import read_opml
    from digest.settings import SourceSettings

    if "query" in given:
        raise typer.BadParameter("--query is for databases")
    try:
        listed = read_opml(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    known = {one_spelling(one.feed) for one in project.file.sources.values() if one.feed}
    names, blocks = set(project.file.sources), []
    for one in listed:
        place = one_spelling(one.feed)
        if place in known:
            continue
        try:
            settings = SourceSettings.model_validate({"name": free_name(one.title, names), "feed": one.feed, **given})
        except ValueError:
            show.say(f"left out {show.printable(one.title)}: its address is none of the web")
            continue
        names.add(settings.name)
        known.add(place)
        blocks.append(block(settings, newsletters))
    return "\n".join(blocks), len(blocks)


@app.command("test")
def try_(name: NameArgument, project: ProjectOption = None, json: JsonOption = False) -> None:
    """Fetch a source, show what it brings, and keep nothing of it."""
    from digest.collect.adding import try_out
    from digest.collect.health import find
    from digest.project import open_project

    with open_project(project) as opened:
        reading = try_out(opened, find(opened, name), _now())
    if json:
        show.as_json({"source": name, **brought_json(reading)})
    else:
        show_brought(name, reading)


@app.command()
def pause(name: NameArgument, project: ProjectOption = None, verbose: VerboseOption = False) -> None:
    """Leave a source out until it is resumed; who did it and when is remembered."""
    from digest.collect.health import pause as pause_source
    from digest.project import open_project

    with open_project(project) as opened:
        pause_source(opened, name, _now())
    if verbose or show.is_terminal():
        show.say(f"{name}: paused; digest sources resume {name} lets it go on")


@app.command()
def resume(name: NameArgument, project: ProjectOption = None, verbose: VerboseOption = False) -> None:
    """Collect a source again from now on: one that was paused, has ended, or backs off."""
    from digest.collect.health import resume as resume_source
    from digest.project import open_project

    with open_project(project) as opened:
        resume_source(opened, name, _now())
    if verbose or show.is_terminal():
        show.say(f"{name}: collected again from the next collect on")


def _short(at: dt.datetime | None) -> str:
    """Return a moment in UTC; for a person without what goes without saying, since terminals are narrow."""
    if at is None:
        return ""
    if not sys.stdout.isatty():
        return f"{at:%Y-%m-%d %H:%M} UTC"
    return f"{at:%H:%M} UTC" if at.date() == _now().date() else f"{at:%Y-%m-%d}"


def _how(one: "Health") -> str:
    """Return where a source is, or why it brings nothing, and when it is asked again."""
    state = one.state
    if one.word == "paused":
        return f"since {_short(state.paused_at)} by {state.paused_by}"
    later = f"; next try {_short(state.next_try)}" if state.next_try and state.next_try > _now() else ""
    if one.word == "ended":
        return f"since {_short(state.ended_at)}: {state.last_error}"
    return f"{state.last_error or one.place}{later}"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
