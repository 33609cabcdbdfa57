"""``digest preview``, ``digest check`` and ``digest editions``."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.options import (
    DateOption,
    ForceOption,
    JsonOption,
    LimitOption,
    NewsletterArgument,
    NewsletterOption,
    ProjectOption,
)

if TYPE_CHECKING:
    from digest.delivery.preflight import Verdict
    from digest.edition.audit import Account
    from digest.models import Article

#: Parts of an edition's report that have a table or lines of their own, or speak of a run.
NOT_A_LINE = ("articles_printed", "deliveries", "letters", "history", "now")

app = typer.Typer(help="What ran, runs, and is to be mended.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="senaste-nytt/2025-11-30, or only the date.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("preview")(preview)
    root.command("check")(check)
    root.add_typer(app, name="editions")


def preview(
    newsletter: NewsletterArgument = None,
    date: DateOption = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="ADDRESS", help="As this subscriber would get it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Else preview/ in the project.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write the edition as it would go out now: edition.html, edition.txt, message.eml."""
    from digest.delivery.preview import preview as write_preview
    from digest.project import open_project

    with open_project(project) as opened:
        written = write_preview(opened, opened.newsletter(newsletter), date, for_, out, _now())
    if json:
        show.as_json({"edition": written.key, "articles": written.articles, "files": [str(f) for f in written.files]})
    elif not written.files:
        show.say(f"{written.key}: nothing new, so there is no letter")
    for file in written.files if not json else ():
        show.line(str(file))
    if open_ and written.files:
        typer.launch(str(written.files[0]))


def check(
    newsletter: NewsletterArgument = None,
    date: DateOption = None,
    force: ForceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Preflight on its own: what would hold a send, and what deserves a look. Exits with 6 when something holds."""
    from digest.delivery.examine import examine
    from digest.delivery.freeze import draft
    from digest.delivery.roads import roads
    from digest.delivery.wish import Wish
    from digest.project import open_project

    with open_project(project) as opened:
        settings, now = opened.newsletter(newsletter), _now()
        made = draft(opened, settings, date or settings.date_at(now), now)
        verdict = examine(opened, made, roads(opened), Wish(force=tuple(force or ())))
    show_verdict(verdict, json=json)
    if verdict.holds:
        raise typer.Exit(6)


def show_verdict(verdict: "Verdict", *, json: bool) -> None:
    """Print the findings: the worst first."""
    if json:
        findings = [
            {"rule": f.rule, "level": f.level.value, "message": f.message, "where": f.where} for f in verdict.findings
        ]
        show.as_json({"verdict": verdict.level.value, "findings": findings})
        return
    for finding in verdict.findings:
        if finding.message:
            where = f" ({finding.where})" if finding.where else ""
            forced = ", forced" if finding.rule in verdict.forced else ""
            show.line(f"{finding.level.value}{forced}: {finding.rule}: {finding.message}{where}")
    if verdict.level.value == "pass":
        show.say("preflight: nothing to object to")


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
    show.table(("id", "role", "title"), [(a["id"], a["role"], a["title"]) for a in report["articles_printed"]])
    if deliveries:
        show.table(
            ("address", "state", "attempts", "code", "text", "at"),
            [(d["address"], d["state"], d["attempts"], d["code"], d["text"], d["at"]) for d in report["deliveries"]],
        )


@app.command()
def audit(newsletter: NewsletterArgument = None, project: ProjectOption = None, json: JsonOption = False) -> None:
    """Account for every article: in which edition, shelved or dropped by whom, waiting, passed, under embargo."""
    from digest.delivery.report import audit as account
    from digest.delivery.report import revisions
    from digest.project import open_project

    with open_project(project) as opened:
        found = account(opened, opened.newsletter(newsletter), _now())
        revised = revisions(opened, opened.newsletter(newsletter))
    if json:
        show.as_json({**_account_json(found), "revised": revised})
    else:
        _print_account(found, revised)
    if found.unexplained:
        show.say(f"unexplained articles: {len(found.unexplained)}; look with: digest articles show ID")
        raise typer.Exit(1)


def _print_account(found: "Account", revised: dict[str, list[dict[str, Any]]]) -> None:
    rows: list[tuple[str, int, str]] = []
    for key, articles in sorted(found.editions.items(), reverse=True):
        versions = ", ".join(f"{one['readers']:,} have version {one['version']}" for one in revised.get(key, ()))
        rows.append((f"in {key}", len(articles), versions))
    groups: dict[str, list[Article]] = {
        "waiting": found.waiting, "pinned": found.pinned, "under embargo": found.embargoed, "expired": found.expired,
        "passed": found.passed, "unexplained": found.unexplained,
    }  # fmt: skip
    rows += [(name, len(some), _titles(some)) for name, some in groups.items() if some]
    for name, pairs in (("shelved", found.shelved), ("dropped", found.dropped)):
        rows += [(f"{name} by {by}", 1, article.title) for article, by in pairs]
    show.table(("where", "articles", ""), [*rows, ("all", found.articles, "")], right=("articles",))


def _titles(articles: "list[Article]") -> str:
    titles = ", ".join(article.title for article in articles[:3])
    return titles + (f" and {len(articles) - 3} more" if len(articles) > 3 else "")


def _account_json(found: "Account") -> dict[str, Any]:
    def numbers(articles: "list[Article]") -> list[int | None]:
        return [article.id for article in articles]

    return {
        "newsletter": found.newsletter,
        "articles": found.articles,
        "editions": {key: numbers(articles) for key, articles in sorted(found.editions.items())},
        "waiting": numbers(found.waiting),
        "pinned": numbers(found.pinned),
        "embargoed": numbers(found.embargoed),
        "expired": numbers(found.expired),
        "shelved": [{"id": article.id, "by": by} for article, by in found.shelved],
        "dropped": [{"id": article.id, "by": by} for article, by in found.dropped],
        "passed": numbers(found.passed),
        "unexplained": numbers(found.unexplained),
    }


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
