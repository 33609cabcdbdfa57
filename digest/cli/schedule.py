"""``digest schedule``: what is to come, and how it goes out unattended."""

import datetime as dt
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show
from digest.cli.options import JsonOption, NewsletterArgument, ProjectOption

if TYPE_CHECKING:
    from digest.operation.plan import Coming, Last, Plan

app = typer.Typer(help="What is to come, and unattended running.", no_args_is_help=True)

WORDS = {"due": "due now", "missing": "missing, not begun", "draft": "taken back; digest send makes it anew"}
COLUMNS = ("newsletter", "date", "local time", "UTC", "readers", "articles", "")


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="schedule")


@app.command("show")
def show_(
    newsletter: NewsletterArgument = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far to look ahead.")] = 10,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Show what became of the last date, and the dates to come: when, for how many readers, with which articles."""
    from digest.operation.plan import make_plan
    from digest.project import open_project

    with open_project(project) as opened:
        wanted = [opened.newsletter(newsletter)] if newsletter else list(opened.file.newsletters.values())
        plan = make_plan(opened, wanted, dt.datetime.now(dt.UTC), days)
    if json:
        show.as_json(_plan_json(plan))
        return
    rows = [_last_row(one) for one in plan.last] + [_row(one) for one in plan.coming]
    if not sys.stdout.isatty():
        show.table(COLUMNS, rows)
    for one in wanted if sys.stdout.isatty() else ():
        if one.schedule is not None:
            show.line(f"{one.name}: {one.schedule}, {one.timezone}")
            show.table(COLUMNS[1:], [row[1:] for row in rows if row[0] == one.name], right=("readers", "articles"))
    for name in plan.unscheduled:
        show.say(f"{name} has no schedule: it goes out by hand only")


def _last_row(last: "Last") -> tuple[str, ...]:
    reason = f": {last.reason}" if last.reason and last.state != "draft" else ""
    words = WORDS.get(last.state, last.state) + reason
    return (last.newsletter, last.date.isoformat(), *_times(last.at), "", "", words)


def _row(coming: "Coming") -> tuple[str, ...]:
    remarks = [f"{coming.state} already"] if coming.state else []
    if coming.skipped:
        remarks.append("skipped: skip_dates")
    if coming.clock_change:
        remarks.append(f"clocks go {coming.clock_change}")
    if coming.never_comes:
        remarks.append(f"{coming.asked:%H:%M} never comes that night")
    if coming.comes_twice:
        remarks.append(f"{coming.asked:%H:%M} comes twice, the first counts")
    counts = ("", "") if coming.skipped else (show.number(coming.readers), _count(coming.articles))
    return (coming.newsletter, coming.date.isoformat(), *_times(coming.at), *counts, "; ".join(remarks))


def _times(at: dt.datetime) -> tuple[str, str]:
    offset = at.isoformat()[19:]
    return f"{at:%a %H:%M} {offset}", f"{at.astimezone(dt.UTC):%a %H:%M}"


def _count(number: int | None) -> str:
    return "" if number is None else show.number(number)


def _plan_json(plan: "Plan") -> dict[str, Any]:
    dates = [
        {
            "newsletter": one.newsletter,
            "date": one.date.isoformat(),
            "wall": one.at.isoformat(),
            "utc": _utc(one.at),
            "clock_change": one.clock_change,
            "skipped": one.skipped,
            "readers": one.readers,
            "articles": one.articles,
            "state": one.state,
        }
        for one in plan.coming
    ]
    last = [
        {
            "newsletter": one.newsletter,
            "date": one.date.isoformat(),
            "wall": one.at.isoformat(),
            "utc": _utc(one.at),
            "state": one.state,
            "reason": one.reason,
        }
        for one in plan.last
    ]
    return {"now": _utc(plan.now), "dates": dates, "last": last, "unscheduled": list(plan.unscheduled)}


def _utc(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="seconds")


@app.command("print")
def print_(
    cron: Annotated[bool, typer.Option("--cron", help="A line for a crontab.")] = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="A service and its timer.")] = False,
    project: ProjectOption = None,
) -> None:
    """Print what makes this machine run what is due, for this project."""
    from digest.operation.units import cron_line, systemd_units, unattended
    from digest.project import find_folder, read_configuration

    if cron == systemd:
        raise typer.BadParameter("name one of --cron and --systemd")
    configuration = read_configuration(find_folder(project, os.environ, Path.cwd()))
    about = unattended(configuration, _program())
    show.line((cron_line(about) if cron else systemd_units(about)).rstrip("\n"))


def _program() -> tuple[str, ...]:
    """Return the command that starts this very program, whatever PATH says."""
    beside = Path(sys.executable).with_name("digest")
    # -P: a folder named digest where cron happens to stand is none of ours.
    return (str(beside),) if beside.exists() else (sys.executable, "-P", "-m", "digest")


@app.command()
def run(
    collect: Annotated[bool, typer.Option("--collect", help="Collect from the sources first.")] = False,
    project: ProjectOption = None,
) -> None:
    """Send what is due, every minute, until SIGTERM or Ctrl-C: for a container, which has no cron."""
    from digest.operation.minutely import run_every_minute
    from digest.project import open_project

    with open_project(project) as opened:  # what cannot work at all is told at once
        folder = opened.folder.resolve()
        if not any(one.schedule for one in opened.file.newsletters.values()):
            show.say('no newsletter has a schedule; write schedule = "30 6 * * *" into digest.toml')
    more = ("--collect",) if collect else ()
    command = (sys.executable, "-P", "-m", "digest", "send", "--due", *more, "--project", str(folder))
    raise typer.Exit(run_every_minute(command, show.say))
