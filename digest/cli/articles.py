"""``digest articles``: the desk in the shell."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.collect import SourceOption, show_taken
from digest.cli.options import JsonOption, LimitOption, NewsletterOption, ProjectOption, VerboseOption
from digest.cli.stories import story_json, story_lines

if TYPE_CHECKING:
    from digest.store.articles import Listed

app = typer.Typer(help="Import, write, choose and place articles.", no_args_is_help=True)

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID", help="Articles by number, as `list` shows them.")]
TextOption = Annotated[str | None, typer.Option()]
BodyOption = Annotated[str | None, typer.Option(help="HTML.")]
PublishedOption = Annotated[str | None, typer.Option(metavar="DATE", help="A date, or a date and time.")]
ImageOption = Annotated[str | None, typer.Option(metavar="URL")]
EmbargoOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="No reader sees it before: a date, or a date and time.")
]
ExpiresOption = Annotated[str | None, typer.Option(metavar="DATE", help="It goes into no edition from then on.")]
AltOption = Annotated[str | None, typer.Option(help="What the picture shows, for who does not see it.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="articles")


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
    image_alt: AltOption = None,
    language: TextOption = None,
    embargo_until: EmbargoOption = None,
    expires: ExpiresOption = None,
    source: SourceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write an article by hand; without --published it is undated and goes into the next edition."""
    from digest.collect.take import take_row
    from digest.project import open_project

    row = {
        "title": title, "url": url, "subtitle": subtitle, "lead": lead, "body": body, "published": published,
        "section": section, "author": author, "image": image, "image_alt": image_alt, "language": language,
        "embargo_until": embargo_until, "expires": expires,
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
    image_alt: AltOption = None,
    language: TextOption = None,
    embargo_until: EmbargoOption = None,
    expires: ExpiresOption = None,
    rank: Annotated[int | None, typer.Option(help="Where it stands inside its day: smaller is higher.")] = None,
    newsletter: NewsletterOption = None,
    project: ProjectOption = None,
) -> None:
    """Change what an article says; an option left out changes nothing, an empty one empties its field."""
    from digest.collect.desk import edit_article
    from digest.project import open_project

    fields = {
        "title": title, "url": url, "subtitle": subtitle, "lead": lead, "body": body, "published": published,
        "section": section, "author": author, "image": image, "image_alt": image_alt, "language": language,
        "embargo_until": embargo_until, "expires": expires,
    }  # fmt: skip
    given = {name: value for name, value in fields.items() if value is not None}
    with open_project(project) as opened:
        bound = edit_article(opened, id, given, rank, newsletter, _now())
    for edition in bound:
        show.say(f"article {id} is in {edition}: letters already made keep what they said")
        if embargo_until:
            show.say(f"none is begun while it is under embargo; what is on its way: digest editions pause {edition}")


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
    now = _now()
    rows = [
        (
            one.article.id,
            _published(one),
            one.article.title,
            _where(one, now),
        )
        for one in listed
    ]
    show.table(("id", "published", "title", "placed"), rows, right=("id",))


@app.command("show")
def show_(
    id: Annotated[int, typer.Argument(metavar="ID")], project: ProjectOption = None, json: JsonOption = False
) -> None:
    """Show all of one article, every place it has, and with which others it tells the same story."""
    from digest.collect.desk import get_article
    from digest.delivery.same import sharing
    from digest.models import Source
    from digest.project import open_project
    from digest.store import names

    with open_project(project) as opened:
        one = get_article(opened, id)
        shared = sharing(opened, one, _now())
        sources = names.names(opened.store, Source)
    if json:
        show.as_json({**_whole(one), "stories": [story_json(story, sources) for story in shared]})
        return
    for name, value in _whole(one).items():
        if name != "placements" and value:
            show.line(f"{name + ':':11} {show.printable(value)}")
    for place in one.placements:
        by = f" by {place.by}" if place.by else ""
        show.line(f"{place.newsletter + ':':11} {place.edition or place.state}{by}, {place.at:%Y-%m-%d %H:%M} UTC")
    for line in [line for story in shared for line in story_lines(id, story, sources)]:
        show.line(show.printable(line))


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
        "image_alt": article.image_alt,
        "language": article.language,
        "embargo_until": article.embargo_until and article.embargo_until.isoformat(),
        "expires": article.expires and article.expires.isoformat(),
        "source": one.source,
        "first_seen": article.first_seen.isoformat(),
        "outdated_at": article.outdated_at.isoformat() if article.outdated_at else None,
    }


def _where(one: "Listed", now: dt.datetime) -> str:
    """Return where an article is placed; of one that waits and is kept from readers, why."""
    from digest.edition.select import hidden

    why = hidden(one.article, now)
    return ", ".join(
        place.edition or (f"{place.state} ({why})" if why and place.state in ("waiting", "pinned") else place.state)
        for place in one.placements
    )


def _published(one: "Listed") -> str:
    article = one.article
    if article.published_on:
        return article.published_on.isoformat()
    return article.published.isoformat() if article.published else ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
