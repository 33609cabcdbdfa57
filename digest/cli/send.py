"""``digest send``: build, preflight, freeze, send; again: only what is missing."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from email.utils import parseaddr
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import show
from digest.cli.options import DateOption, ForceOption, JsonOption, ProjectOption, VerboseOption, YesOption
from digest.cli.show import several

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft
    from digest.delivery.roads import Roads
    from digest.delivery.run import Desk, Result
    from digest.project import Project
    from digest.settings import NewsletterSettings

DOUBTS = ("resend", "keep", "skip")
COLUMNS = ("edition", "state", "readers", "sent", "open", "failed", "in doubt")
#: Exit codes from what is best to what outweighs everything else.
WEIGHT = (0, 3, 6, 1, 4, 130)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("send")(send)


def _duration(text: str) -> dt.timedelta:
    from digest.settings import read_duration

    try:
        return read_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _in_doubt(word: str) -> str:
    if word not in DOUBTS:
        raise typer.BadParameter(f"{word!r} is none of {', '.join(DOUBTS)}")
    return word


def optional_test_values(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with ``--test`` given a value each: an address that follows, or none for the editors."""
    filled: list[str] = []
    for n, argument in enumerate(arguments):
        follows = arguments[n + 1] if n + 1 < len(arguments) else ""
        is_bare = argument == "--test" and ("@" not in follows or follows.startswith("-"))
        filled.append("--test=" if is_bare else argument)
    return filled


def send(
    newsletters: Annotated[
        list[str] | None, typer.Argument(metavar="NEWSLETTER", help="May be left out when digest.toml has one.")
    ] = None,
    date: DateOption = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="[ADDRESS]", help="Only a marked copy to the editors, or to ADDRESS."),
    ] = None,
    collect: Annotated[bool, typer.Option("--collect", help="Collect from the sources first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="All of it but network and ledger.")] = False,
    yes: YesOption = False,
    wait: Annotated[
        dt.timedelta,
        typer.Option(metavar="DURATION", parser=_duration, help="Stay so long for deferred mail; 0: one pass."),
    ] = dt.timedelta(minutes=30),
    force: ForceOption = None,
    in_doubt: Annotated[
        str, typer.Option(metavar="resend|keep|skip", callback=_in_doubt, help="What to do with mail in doubt.")
    ] = "resend",
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the edition, check it, freeze it, and send every reader one letter; again: only what is missing.

    Goes on with older open editions first. Without a relay set, letters are written to outbox/ and nobody is mailed.
    """
    from digest.delivery.roads import roads
    from digest.delivery.run import Wish, alone, send_newsletter
    from digest.project import open_project

    wish = Wish(date, dry_run, wait, tuple(force or ()), in_doubt)
    with open_project(project) as opened:
        wanted = [opened.newsletter(name) for name in newsletters or (None,)]
        ways = roads(opened)
        code = _collect(opened) if collect else 0
        if test:
            raise typer.Exit(max(code, *(_send_test(opened, one, date, test, ways) for one in wanted)))
        results: list[Result] = []
        try:
            with nullcontext() if dry_run else alone(opened), _desk(yes, quiet=json) as desk:
                for settings in wanted:
                    results += send_newsletter(opened, settings, ways, wish, desk, dt.datetime.now(dt.UTC))
                    if results[-1].now.interrupted:
                        break
        finally:  # what one newsletter's trouble does not undo is told all the same
            _show(results, ways, json=json and len(results) > 0, single=len(wanted) == 1, verbose=verbose, quiet=json)
    raise typer.Exit(max([code, *(result.exit_code for result in results)], key=WEIGHT.index))


def _collect(project: "Project") -> int:
    """Collect from all sources; one that fails never stops a send, but the run is then only partly done."""
    from digest.cli.articles import report_problems
    from digest.collect.take import collect_sources

    return 3 if report_problems(collect_sources(project, [], dt.datetime.now(dt.UTC))) else 0


def _send_test(
    project: "Project", settings: "NewsletterSettings", date: dt.date | None, test: list[str], ways: "Roads"
) -> int:
    from digest.delivery.freeze import draft
    from digest.delivery.trial import send_test
    from digest.errors import ConfigError

    now = dt.datetime.now(dt.UTC)
    editors = [parseaddr(editor)[1] for editor in project.file.editors]
    addresses = [one for given in test for one in ([given] if given else editors)]
    if not addresses:
        raise ConfigError('nobody to send a test letter to: write editors = ["you@example.com"] in digest.toml')
    made = draft(project, settings, date or settings.date_at(now), now, test=True)
    if not made.letters:
        show.say(f"{made.key}: nothing new, so there is no letter to test")
        return 0
    tried = send_test(made, list(dict.fromkeys(addresses)), ways.relays[0])
    for one in tried:
        where = f"written to {ways.names}" if ways.rehearsal else f"{'taken' if one.taken else 'refused'}: {one.words}"
        show.say(f"test letter to {one.address} {where}")
    return 0 if all(one.taken for one in tried) else 1


@contextmanager
def _desk(yes: bool, *, quiet: bool) -> "Iterator[Desk]":
    """The person at the terminal, who is asked and sees a bar; off one, a send goes ahead and is silent."""
    from digest.delivery.options import Watch
    from digest.delivery.run import Desk

    if not show.is_terminal():
        yield Desk(watch=lambda _key: Watch(say=show.say))
        return

    def confirm(made: "Draft", ways: "Roads") -> bool:
        return yes or ways.rehearsal or _ask(made, ways)

    if quiet:
        yield Desk(confirm, watch=lambda _key: Watch(say=show.say))
        return
    from digest.cli.progress import bar

    with bar() as watch:
        yield Desk(confirm, watch)


def _ask(made: "Draft", ways: "Roads") -> bool:
    show.say(f"{made.key}: {made.letters[0].subject}")
    counts = f"{several(made.layout.count, 'article')} to {several(made.readers, 'reader')}"
    show.say(f"{counts} through {ways.names}")
    return typer.confirm("Send it?", err=True)


def _show(results: "list[Result]", ways: "Roads", *, json: bool, single: bool, verbose: bool, quiet: bool) -> None:
    from digest.delivery.run import Ending

    talks = verbose or show.is_terminal()
    for result in results:
        for finding in result.findings:
            # Off a terminal only what has stopped a send is worth a mail from cron.
            if finding.message and (talks or (result.ending is Ending.HELD and finding.level.value == "hold")):
                show.say(f"{result.key}: {finding.level.value}: {finding.message}")
        if result.now.relay_words and result.open:
            show.say(f"{result.key}: {result.now.relay_words}")
    if json:
        last = results[-1].edition
        older = [result.edition for result in results[:-1]]
        show.as_json({**last, **({"older": older} if older else {})} if single else {"editions": [*older, last]})
    if quiet:
        return
    for result in results:
        if talks or (result.open and result.ending is Ending.RAN):
            show.say(_sentence(result, ways))
    ran = [result for result in results if result.ending is Ending.RAN]
    if ran and show.is_terminal():
        show.table(COLUMNS, [_row(result) for result in ran], right=COLUMNS[2:])


def _row(result: "Result") -> tuple[object, ...]:
    edition = result.edition
    counts = (edition["audience"], edition["sent"], result.open, edition["failed"], edition["in_doubt"])
    return (result.key, edition["state"], *(show.number(count) for count in counts))


def _sentence(result: "Result", ways: "Roads") -> str:
    from digest.delivery.run import Ending

    edition = result.edition
    match result.ending:
        case Ending.EMPTY:
            return f"{result.key}: nothing new, nothing sent"
        case Ending.HELD:
            return f"{result.key}: held, nothing sent; mend it, or --force the rule"
        case Ending.DRY:
            counts = f"{several(edition['articles'], 'article')} to {several(edition['audience'], 'reader')}"
            return f"{result.key}: would send {counts} through {ways.names}; nothing was frozen or sent"
        case Ending.ALREADY:
            return f"{result.key}: already {edition['state']}, nothing left to send"
    rest = ", ".join(
        f"{show.number(edition[state])} {state.replace('_', ' ')}"
        for state in ("deferred", "pending", "failed", "in_doubt", "withdrawn", "skipped", "expired", "cancelled")
        if edition[state]
    )
    if edition["state"] == "rehearsed":
        done = f"{several(result.now.sent, 'letter')} written to {ways.names}/. Nobody was mailed"
    else:
        speed = f"{result.now.seconds:.1f} s ({result.now.per_second:,.0f} a second)"
        done = f"{show.number(result.now.sent)} sent in {speed}"
    return f"{result.key}: {done}{'; ' + rest if rest else ''}" + ("; run again to go on" if result.open else "")
