"""``digest check``: preflight on its own."""

import datetime as dt
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.options import DateOption, ForceOption, JsonOption, NewsletterArgument, ProjectOption

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft
    from digest.delivery.preflight import Verdict


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("check")(check)


def check(
    newsletter: NewsletterArgument = None,
    date: DateOption = None,
    links: Annotated[bool, typer.Option("--links", help="Ask every link and picture too, over the network.")] = False,
    force: ForceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Preflight on its own: what would hold a send, and what deserves a look. Exits with 6 when something holds."""
    from digest.delivery.examine import examine
    from digest.delivery.freeze import draft
    from digest.delivery.onward import with_frozen
    from digest.delivery.roads import roads
    from digest.delivery.wish import Wish
    from digest.project import open_project

    with open_project(project) as opened:
        settings, now = opened.newsletter(newsletter), dt.datetime.now(dt.UTC)
        made = draft(opened, settings, date or settings.date_at(now), now)
        asked = None
        if links:
            from digest.delivery.asking import ask_links  # brings a client for the web
            from digest.delivery.preflight_letter import links as links_of
            from digest.delivery.preflight_letter import pictures

            asked = ask_links([*links_of(made.letters, opened.base_url), *pictures(made.letters)], opened.base_url)
        ways = roads(opened)
        verdict = examine(opened, made, ways, Wish(force=tuple(force or ())), asked)
        verdict = with_frozen(opened, made, ways, verdict, now)
    if json:
        show.as_json(_as_json(made, verdict, None if asked is None else len(asked)))
    else:
        _print(made, verdict, None if asked is None else len(asked))
    if verdict.holds:
        raise typer.Exit(6)


def _as_json(made: "Draft", verdict: "Verdict", asked: int | None) -> dict[str, Any]:
    findings = [
        {
            "rule": finding.rule,
            "level": finding.level.value,
            "message": finding.message,
            "where": finding.where,
            "forced": finding.rule in verdict.forced,
        }
        for finding in verdict.findings
    ]
    return {
        "verdict": verdict.level.value, "edition": made.key, "articles": made.layout.count, "readers": made.readers,
        "letters": len(made.letters), "links": asked, "off": list(verdict.off), "findings": findings,
    }  # fmt: skip


def _print(made: "Draft", verdict: "Verdict", asked: int | None) -> None:
    """Print what objects, the worst first: a table for a person, a line each for other programs."""
    from digest.delivery.preflight import gist

    rows = []
    for finding in gist(verdict.findings):
        forced = ", forced" if finding.rule in verdict.forced else ""
        where = f" ({finding.where})" if finding.where else ""
        rows.append((f"{finding.level.value}{forced}", finding.rule, f"{finding.message}{where}"))
    if not sys.stdout.isatty():
        for level, rule, words in rows:
            show.line(show.printable(f"{level}: {rule}: {words}"))
    elif rows:
        # A rule is named once, with all that it says below.
        before = [("", ""), *((level, rule) for level, rule, _ in rows)]
        cells = [
            ("", "", words) if (level, rule) == last else (level, rule, words)
            for last, (level, rule, words) in zip(before, rows, strict=False)
        ]
        show.table(("", "rule", "what to do"), cells)
        show.say("")
    if not rows:
        show.say("preflight: nothing to object to")
    if show.is_terminal():
        show.say(_summary(made, verdict, asked))


def _summary(made: "Draft", verdict: "Verdict", asked: int | None) -> str:
    """Return what was looked at: ``senaste-nytt/2025-11-30: 26 articles, 1 letter, 3 readers; 25 rules pass``."""
    counts = ", ".join(
        show.several(number, word)
        for number, word in ((made.layout.count, "article"), (len(made.letters), "letter"), (made.readers, "reader"))
    )
    fine = sum(not finding.message for finding in verdict.findings)
    parts = [f"{made.key}: {counts}"]
    if fine:  # none is asked of a draft without an article once the date's edition is frozen
        parts.append(f"{show.several(fine, 'rule')} {'passes' if fine == 1 else 'pass'}")
    if verdict.off:
        parts.append(f"off: {', '.join(verdict.off)}")
    if asked is not None:
        parts.append(f"{show.several(asked, 'link')} asked")
    return "; ".join(parts)
