"""``digest editions pause, resume, cancel, reopen, retry, resend, revise, doubts``: an editor's hand on an edition."""

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.editions import KeyArgument, app
from digest.cli.options import ForceOption, JsonOption, ProjectOption, VerboseOption
from digest.cli.show import several

if TYPE_CHECKING:
    from digest.delivery.steer import Steered
    from digest.project import Project

FAILED_HELP = "What was refused for good or given up, not what is put off."


def register(root: typer.Typer) -> None:
    """Nothing to add: importing this has added the commands to ``digest editions``."""


@app.command()
def pause(
    key: KeyArgument, project: ProjectOption = None, json: JsonOption = False, verbose: VerboseOption = False
) -> None:
    """Stop an edition, also one that is being sent elsewhere: within a second nothing more begins."""
    from digest.delivery.steer import pause as do
    from digest.project import open_project

    with open_project(project) as opened:
        done = do(opened, key, _now())
        report = _report(opened, done)
    words = f"{done.edition.key}: paused; digest editions resume lets it go on"
    _say(report, words if done.has_changed else f"{done.edition.key} is paused already", json=json, verbose=verbose)


@app.command()
def resume(
    key: KeyArgument, project: ProjectOption = None, json: JsonOption = False, verbose: VerboseOption = False
) -> None:
    """Let a paused edition go on: with the next digest send, by hand or by cron."""
    from digest.delivery.steer import resume as do
    from digest.project import open_project

    with open_project(project) as opened:
        done = do(opened, key, _now())
        report = _report(opened, done)
    _say(report, f"{done.edition.key}: resumed; digest send goes on with it", json=json, verbose=verbose)


@app.command()
def cancel(
    key: KeyArgument,
    unbind: Annotated[bool, typer.Option("--unbind", help="Give its articles back, to the next edition.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Cancel what is still to go out of an edition; what is on its way arrives, and its articles stay with it."""
    from digest.delivery.steer import cancel as do
    from digest.project import open_project

    with open_project(project) as opened:
        done = do(opened, key, _now(), unbind=unbind)
        report = _report(opened, done)
    words = f"{done.edition.key}: {several(done.count, 'letter')} cancelled, {report['sent']:,} had gone out"
    if unbind:
        words += "; its articles wait for the next edition"
    _say(report, words if done.has_changed else f"{done.edition.key} is cancelled already", json=json, verbose=verbose)


@app.command()
def reopen(
    key: KeyArgument, project: ProjectOption = None, json: JsonOption = False, verbose: VerboseOption = False
) -> None:
    """Take a frozen edition back to a draft, before anything of it has gone over the network."""
    from digest.delivery.steer import reopen as do
    from digest.project import open_project

    with open_project(project) as opened:
        done = do(opened, key, _now())
        report = _report(opened, done)
    words = f"{done.edition.key}: a draft again, {several(done.count, 'article')} wait; digest send makes it anew"
    _say(report, words if done.has_changed else f"{done.edition.key} is a draft already", json=json, verbose=verbose)


@app.command()
def retry(
    key: KeyArgument,
    code: Annotated[str | None, typer.Option("--code", metavar="C", help="Only this reply: 550, or 5.7.1.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help=FAILED_HELP)] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make mail due at once that relays have put off; with --failed or --code also what they refused for good."""
    from digest.delivery.steer import retry as do
    from digest.project import open_project

    if code is not None and not re.fullmatch(r"[2-5][0-9]{2}|[245](\.[0-9]{1,3}){2}", code):  # RFC 5321, RFC 3463
        raise typer.BadParameter(f"{code!r} is no reply code; write 550 or 5.7.1", param_hint="--code")
    with open_project(project) as opened:
        done = do(opened, key, code, _now(), failed=failed)
        report = _report(opened, done)
    is_paused = report["state"] == "paused"
    goes_on = "digest editions resume lets it go on" if is_paused else "digest send goes on with it"
    words = f"{done.edition.key}: {several(done.count, 'letter')} due now; {goes_on}"
    nothing = f"{done.edition.key}: nothing to try again"
    _say({**report, "due": done.count}, words if done.count else nothing, json=json, verbose=verbose)


@app.command()
def resend(
    key: KeyArgument,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="A confirmed reader.")],
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Send one reader their copy once more, or the first one to who joined later: the same letter."""
    from digest.delivery.options import Watch
    from digest.delivery.resend import resend as do
    from digest.delivery.roads import roads
    from digest.models import DeliveryState
    from digest.project import open_project

    with open_project(project) as opened:
        done, delivery, said = do(opened, key, to, roads(opened), _now(), Watch(say=show.say))
        report = _report(opened, done)
    state = delivery.state
    has_gone = state is DeliveryState.SENT
    words = f"{done.edition.key}: {'sent' if has_gone else state.word} to {to}" + (f": {said}" if not has_gone else "")
    _say({**report, "address": to, "delivery": state.word}, words, json=json, verbose=verbose)
    if not has_gone:
        if json or not (verbose or show.is_terminal()):
            show.say(words)
        raise typer.Exit(1 if state in (DeliveryState.FAILED, DeliveryState.WITHDRAWN) else 3)


@app.command()
def revise(
    key: KeyArgument,
    force: ForceOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a paused edition's letters anew, from its mended articles, for the readers who have had none yet."""
    from digest.delivery.preflight import gist
    from digest.delivery.revise import revise as do
    from digest.delivery.roads import roads
    from digest.project import open_project

    with open_project(project) as opened:
        done, verdict = do(opened, key, roads(opened), tuple(force or ()), _now())
        report = _report(opened, done)
    for finding in gist(verdict.findings):
        if verbose or show.is_terminal():
            show.say(f"{done.edition.key}: {finding.level.value}: {show.printable(finding.message)}")
    words = (
        f"{done.edition.key}: revised for {several(done.count, 'reader')}; digest editions resume lets it go on, "
        "who has the earlier letter keeps it"
    )
    _say({**report, "revised": done.count}, words, json=json, verbose=verbose)


@app.command()
def doubts(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="Of one edition; else of all.")] = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Name the readers of whom nobody knows whether their mail arrived: what a crash left. Looking settles nothing."""
    from digest.delivery.report import doubts as in_doubt
    from digest.delivery.run import is_anybody_sending
    from digest.project import open_project

    with open_project(project) as opened:
        rows = in_doubt(opened, key, is_anybody_sending=is_anybody_sending(opened))
    if json:
        show.as_json({"doubts": rows})
        return
    columns = ("edition", "address", "message_id", "relay", "since", "closed")
    show.table(columns, [[row[column] for column in columns[:-1]] + [_yes(row["closed"])] for row in rows])
    if not rows and show.is_terminal():
        show.say("nothing is in doubt")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _report(project: "Project", done: "Steered") -> dict[str, Any]:
    from digest.delivery.report import edition_json

    return edition_json(project, done.edition)


def _say(report: dict[str, Any], words: str, *, json: bool, verbose: bool) -> None:
    if json:
        show.as_json(report)
    elif verbose or show.is_terminal():
        show.say(words)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
