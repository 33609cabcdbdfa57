"""``digest editions``."""

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.options import (
    JsonOption,
    LimitOption,
    NewsletterArgument,
    NewsletterOption,
    ProjectOption,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from digest.delivery.report import Audit
    from digest.edition.audit import Account

#: Parts of an edition's report that have a table or lines of their own, or speak of a run.
NOT_A_LINE = ("articles_printed", "deliveries", "letters", "history", "now")

app = typer.Typer(help="What ran, runs, and is to be mended.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="senaste-nytt/2025-11-30, or only the date.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="editions")


@app.command("list")
def list_(
    newsletter: NewsletterOption = None,
    limit: LimitOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """List editions, the newest first, with what became of their letters."""
    from digest.delivery.report import counted
    from digest.project import open_project

    with open_project(project) as opened:
        rows = counted(opened, newsletter, limit)
    if json:
        show.as_json({"editions": rows})
        return
    columns = ("edition", "state", "articles", "audience", "sent", "open", "failed", "in_doubt")
    table = [
        (
            row["edition"], row["state"], row["articles"], row["audience"], row["sent"],
            row["pending"] + row["sending"] + row["deferred"], row["failed"], row["in_doubt"],
        )
        for row in rows
    ]  # fmt: skip
    show.table(columns, table, right=columns[2:])


@app.command("show")
def show_(
    key: KeyArgument,
    deliveries: Annotated[bool, typer.Option("--deliveries", help="Every reader, with the relay's words.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Show one edition: its articles, letters and counts."""
    from digest.delivery.report import edition_report
    from digest.project import open_project

    with open_project(project) as opened:
        report = edition_report(opened, key, deliveries=deliveries)
    if json:
        show.as_json(report)
        return
    for name, value in report.items():
        if name not in NOT_A_LINE and value not in (0, "", None):
            show.line(f"{name + ':':12} {show.printable(value)}")
    for letter in report["letters"]:
        version = f"version {letter['version']}, " if report["letters"][-1]["version"] > 1 else ""
        size, readers = f"{letter['html_bytes'] / 1000:.0f} kB of HTML", show.several(letter["readers"], "reader")
        show.line(f"letter:      {version}{letter['language']}, {readers}, {size}, {show.printable(letter['subject'])}")
    for one in report["history"]:
        show.line(f"{one['did'] + ':':12} {one['at']} by {one['by']}" + (f", {one['detail']}" if one["detail"] else ""))
    show.table(("id", "role", "title"), [(a["id"], _role(a), a["title"]) for a in report["articles_printed"]])
    if deliveries:
        show.table(
            ("address", "state", "attempts", "code", "text", "at"),
            [(d["address"], d["state"], d["attempts"], d["code"], d["text"], d["at"]) for d in report["deliveries"]],
        )


def _role(printed: "Mapping[str, Any]") -> str:
    """Return how an article is printed: of one that is linked to beside another, beside which."""
    return f"{printed['role']} in {printed['shown_as']}" if "shown_as" in printed else printed["role"] or ""


@app.command()
def audit(newsletter: NewsletterArgument = None, project: ProjectOption = None, json: JsonOption = False) -> None:
    """Account for every article: in which edition, shelved or dropped by whom, waiting, passed, under embargo."""
    from digest.delivery.report import audit as look_into
    from digest.delivery.report import revisions
    from digest.project import open_project
    from digest.store import accounts

    with open_project(project) as opened:
        found = look_into(opened, opened.newsletter(newsletter), _now())
        revised = revisions(opened, opened.newsletter(newsletter))
        titles = {} if json else accounts.titles(opened.store, _shown(found.account))
    if json:
        show.as_json({**_account_json(found.account), "revised": revised, **_book_json(found)})
    else:
        _print_account(found.account, titles, revised)
        if found.faults:
            _print_book(found)
    if found.account.unexplained:
        show.say(f"unexplained articles: {len(found.account.unexplained)}; look with: digest articles show ID")
    for fault in found.faults:
        show.say(f"unexplained: {fault}")
    if not found.is_sound:
        raise typer.Exit(1)


def _groups(found: "Account") -> "dict[str, Sequence[int]]":
    return {
        "waiting": found.waiting, "pinned": found.pinned, "under embargo": found.embargoed, "expired": found.expired,
        "passed": found.passed, "unexplained": found.unexplained,
    }  # fmt: skip


def _shown(found: "Account") -> "Iterator[int]":
    """Yield the articles that are named by their titles: the first of each group, and what an editor took out."""
    for some in _groups(found).values():
        yield from some[:3]
    yield from (number for number, _ in (*found.shelved, *found.dropped))


def _print_account(found: "Account", titles: "Mapping[int, str]", revised: dict[str, list[dict[str, Any]]]) -> None:
    rows: list[tuple[str, int, str]] = []
    for key, articles in sorted(found.editions.items(), reverse=True):
        versions = Counter[int]()  # of a version there is a letter for each variant
        for one in revised.get(key, ()):
            versions[one["version"]] += one["readers"]
        said = ", ".join(f"{readers:,} have version {version}" for version, readers in versions.items())
        rows.append((f"in {key}", len(articles), said))
    for name, some in _groups(found).items():
        if some:
            named = ", ".join(titles.get(number, str(number)) for number in some[:3])
            rows.append((name, len(some), named + (f" and {len(some) - 3} more" if len(some) > 3 else "")))
    for name, pairs in (("shelved", found.shelved), ("dropped", found.dropped)):
        rows += [(f"{name} by {by}", 1, titles.get(number, str(number))) for number, by in pairs]
    show.table(("where", "articles", ""), [*rows, ("all", found.articles, "")], right=("articles",))


def _print_book(found: "Audit") -> None:
    columns = ("source", "found", "new", "changed", "unchanged", "refused", "articles")
    rows = [
        (one.source or "none", one.found, one.new, one.changed, one.unchanged, one.refused, one.articles)
        for one in found.book
    ]
    if rows:
        show.line("")
        show.table(columns, rows, right=columns[1:])


def _account_json(found: "Account") -> dict[str, Any]:
    return {
        "newsletter": found.newsletter,
        "articles": found.articles,
        "editions": {key: list(articles) for key, articles in sorted(found.editions.items())},
        "waiting": list(found.waiting),
        "pinned": list(found.pinned),
        "embargoed": list(found.embargoed),
        "expired": list(found.expired),
        "shelved": [{"id": number, "by": by} for number, by in found.shelved],
        "dropped": [{"id": number, "by": by} for number, by in found.dropped],
        "passed": list(found.passed),
        "unexplained": list(found.unexplained),
    }


def _book_json(found: "Audit") -> dict[str, Any]:
    names = ("source", "found", "new", "changed", "unchanged", "doubled", "refused", "articles")
    return {
        "book": [{name: getattr(one, name) for name in names} for one in found.book],
        "faults": [{"source": fault.source, "message": fault.message} for fault in found.faults],
    }


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
