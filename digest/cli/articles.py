"""``digest collect`` and ``digest articles``: the desk in the shell."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.options import JsonOption, LimitOption, NewsletterOption, ProjectOption, VerboseOption

if TYPE_CHECKING:
    from digest.collect.take import Taken
    from digest.store.articles import Listed

app = typer.Typer(help="Import, write, choose and place articles.", no_args_is_help=True)

SourceOption = Annotated[str | None, typer.Option("--source", metavar="NAME", help="The source they come from.")]
IdsArgument = Annotated[list[int], typer.Argument(metavar="ID", help="Articles by number, as `list` shows them.")]
TextOption = Annotated[str | None, typer.Option()]
BodyOption = Annotated[str | None, typer.Option(help="HTML.")]
PublishedOption = Annotated[str | None, typer.Option(metavar="DATE", help="A date, or a date and time.")]
ImageOption = Annotated[str | None, typer.Option(metavar="URL")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("collect")(collect)
    root.add_typer(app, name="articles")


def collect(
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="All, when none is named.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", metavar="F", help="A file or folder in place of the source.")
    ] = None,
    source: SourceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take in what the sources have: sources -> articles."""
    from digest.collect.take import collect_files, collect_sources
    from digest.project import open_project

    with open_project(project) as opened:
        if file:
            name = source or (sources[0] if sources else None)
            taken = collect_files(opened, file, name, _now())
        else:
            taken = collect_sources(opened, [*(sources or []), *([source] if source else [])], _now())
    show_taken(taken, json=json, verbose=verbose)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, JSON Lines, CSV or Markdown.")],
    source: SourceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Import articles from a file; what is known already is updated, never doubled."""
    from digest.collect.take import collect_files
    from digest.project import open_project

    with open_project(project) as opened:
        taken = collect_files(opened, [file], source, _now())
    show_taken(taken, json=json, verbose=verbose)


def show_taken(taken: "list[Taken]", *, json: bool, verbose: bool) -> None:
    """Show what came in, name every row that could not be read, and exit with 3 or 1 when something failed."""
    troubled = report_problems(taken)
    if json:
        show.as_json({"sources": [one.as_json() for one in taken]})
    elif verbose or show.is_terminal():
        if not taken:
            show.say("there is no source and no file to collect from; add [sources.NAME] to digest.toml")
        for one in taken:
            what = one.file or one.source or "articles"
            counts = f"{one.new} new, {one.changed} changed, {one.unchanged} unchanged, {one.skipped} skipped"
            show.say(f"{what}: {counts}")
    if troubled:
        raise typer.Exit(1 if all(one.has_failed for one in taken) else 3)


def report_problems(taken: "list[Taken]") -> bool:
    """Name every file and row that could not be read; return whether there were any."""
    for one in taken:
        where = one.file or one.source or "here"
        for problem in one.problems:
            show.say(f"{where}, {problem.where}: {problem.reason}")
        if one.unknown:
            show.say(f"{where}: left out what means nothing here: {', '.join(one.unknown)}")
        if one.error:
            show.say(f"{where}: {one.error}")
    return any(one.error or one.problems for one in taken)


@app.command()
def add(
    title: Annotated[str, typer.Option("--title", help="The headline.")],
    url: TextOption = None,
    subtitle: TextOption = None,
    lead: TextOption = None,
    body: BodyOption = None,
    published: PublishedOption = None,
    section: TextOption = None,
    author: TextOption = None,
    image: ImageOption = None,
    language: TextOption = None,
    source: SourceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write an article by hand; without --published it is undated and goes into the next edition."""
    from digest.collect.take import take_row
    from digest.project import open_project

    row = {
        "title": title, "url": url, "subtitle": subtitle, "lead": lead, "body": body, "published": published,
        "section": section, "author": author, "image": image, "language": language,
    }  # fmt: skip
    with open_project(project) as opened:
        taken = take_row(opened, row, source, _now())
    show_taken([taken], json=json, verbose=False)


@app.command()
def edit(
    id: Annotated[int, typer.Argument(metavar="ID")],
    title: TextOption = None,
    url: TextOption = None,
    subtitle: TextOption = None,
    lead: TextOption = None,
    body: BodyOption = None,
    published: PublishedOption = None,
    section: TextOption = None,
    author: TextOption = None,
    image: ImageOption = None,
    language: TextOption = None,
    rank: Annotated[int | None, typer.Option(help="Where it stands inside its day: smaller is higher.")] = None,
    newsletter: NewsletterOption = None,
    project: ProjectOption = None,
) -> None:
    """Change what an article says; an option left out changes nothing, an empty one empties its field."""
    from digest.collect.desk import edit_article
    from digest.project import open_project

    fields = {
        "title": title, "url": url, "subtitle": subtitle, "lead": lead, "body": body, "published": published,
        "section": section, "author": author, "image": image, "language": language,
    }  # fmt: skip
    given = {name: value for name, value in fields.items() if value is not None}
    with open_project(project) as opened:
        bound = edit_article(opened, id, given, rank, newsletter, _now())
    for edition in bound:
        show.say(f"article {id} is in {edition}: letters already made keep what they said")


@app.command("list")
def list_(
    newsletter: NewsletterOption = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="waiting, pinned, shelved, dropped, passed or bound.")
    ] = None,
    limit: LimitOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """List articles, newest first, with where each is placed."""
    from digest.collect.desk import list_articles
    from digest.project import open_project

    with open_project(project) as opened:
        listed = list_articles(opened, newsletter, state or [], limit)
    if json:
        show.as_json({"articles": [_brief(one) for one in listed]})
        return
    rows = [
        (
            one.article.id,
            _published(one),
            one.article.title,
            ", ".join(place.edition or place.state for place in one.placements),
        )
        for one in listed
    ]
    show.table(("id", "published", "title", "placed"), rows, right=("id",))


@app.command("show")
def show_(
    id: Annotated[int, typer.Argument(metavar="ID")], project: ProjectOption = None, json: JsonOption = False
) -> None:
    """Show all of one article, and every place it has."""
    from digest.collect.desk import get_article
    from digest.project import open_project

    with open_project(project) as opened:
        one = get_article(opened, id)
    if json:
        show.as_json(_whole(one))
        return
    for name, value in _whole(one).items():
        if name != "placements" and value:
            show.line(f"{name + ':':11} {show.printable(value)}")
    for place in one.placements:
        by = f" by {place.by}" if place.by else ""
        show.line(f"{place.newsletter + ':':11} {place.edition or place.state}{by}, {place.at:%Y-%m-%d %H:%M} UTC")


@app.command()
def export(
    csv: Annotated[bool, typer.Option("--csv", help="CSV in place of JSON.")] = False,
    newsletter: NewsletterOption = None,
    project: ProjectOption = None,
) -> None:
    """Print every article as `import` reads them."""
    from digest.collect.desk import list_articles
    from digest.collect.files import write_articles
    from digest.project import open_project

    with open_project(project) as opened:
        listed = list_articles(opened, newsletter, [], None)
    show.line(write_articles([(one.article, one.source) for one in listed], csv=csv).rstrip("\n"))


def _place(ids: list[int], state: str, newsletter: str | None, project: Path | None) -> None:
    from digest.collect.desk import place_articles
    from digest.project import open_project

    with open_project(project) as opened:
        place_articles(opened, ids, state, newsletter, _now())


@app.command()
def pin(
    id: Annotated[int, typer.Argument(metavar="ID")],
    newsletter: NewsletterOption = None,
    project: ProjectOption = None,
) -> None:
    """Make an article the lead story of the next edition."""
    _place([id], "pinned", newsletter, project)


@app.command()
def shelve(ids: IdsArgument, newsletter: NewsletterOption = None, project: ProjectOption = None) -> None:
    """Keep articles back until they are released."""
    _place(ids, "shelved", newsletter, project)


@app.command()
def release(ids: IdsArgument, newsletter: NewsletterOption = None, project: ProjectOption = None) -> None:
    """Let articles go into the next edition after all: shelved, dropped, passed or pinned ones."""
    _place(ids, "waiting", newsletter, project)


@app.command()
def drop(ids: IdsArgument, newsletter: NewsletterOption = None, project: ProjectOption = None) -> None:
    """Take articles out for good; the audit says who did."""
    _place(ids, "dropped", newsletter, project)


def _brief(one: "Listed") -> dict[str, Any]:
    article = one.article
    return {
        "id": article.id,
        "title": article.title,
        "url": article.url,
        "published": _published(one) or None,
        "placements": [
            {"newsletter": place.newsletter, "state": place.state, "edition": place.edition} for place in one.placements
        ],
    }


def _whole(one: "Listed") -> dict[str, Any]:
    article = one.article
    return {
        **_brief(one),
        "subtitle": article.subtitle,
        "lead": article.lead,
        "body": article.body,
        "section": article.section,
        "author": article.author,
        "image": article.image,
        "language": article.language,
        "source": one.source,
        "first_seen": article.first_seen.isoformat(),
    }


def _published(one: "Listed") -> str:
    article = one.article
    if article.published_on:
        return article.published_on.isoformat()
    return article.published.isoformat() if article.published else ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
