"""``digest status``: how things stand, on one screen."""

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption

if TYPE_CHECKING:
    from rich.console import Console

    from digest.operation.status import Running, Status

COLUMNS = ("edition", "state", "articles", "readers", "sent", "open", "failed", "in doubt")
RARE = ("open", "failed", "in doubt")
#: What a state looks like on a terminal: good, going on, wanting a hand.
COLOURS = {
    "sent": "green", "rehearsed": "cyan", "sending": "bold yellow", "frozen": "yellow", "paused": "bold magenta",
    "held": "bold red", "empty": "dim", "draft": "dim", "cancelled": "dim",
}  # fmt: skip
BAR = 24  #: characters


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("status")(status)


def status(project: ProjectOption = None, json: JsonOption = False) -> None:
    """Show what runs, the last ten editions, and what needs a hand, each with the command that would help."""
    from digest.operation.status import look
    from digest.project import open_project

    with open_project(project) as opened:
        found = look(opened, dt.datetime.now(dt.UTC))
        folder = str(opened.folder)
    if json:
        show.as_json(found.as_json())
    elif sys.stdout.isatty():
        _screen(found, folder)
    else:
        _plain(found)


def _plain(found: "Status") -> None:
    """Print it for other programs and for cron's mail."""
    if found.running:
        show.line(f"sending\t{found.running.edition}\t{_pace(found.running)}")
    show.table(COLUMNS, [_row(edition) for edition in found.editions])
    for need in found.needs:
        show.line(f"needs a hand\t{show.printable(need.where)}\t{show.printable(need.what)}\t{need.do}")
    if not found.needs:
        show.line("nothing needs a hand")
    show.line("\t".join(f"{name} {version}" for name, version in found.versions.items()))


def _row(edition: dict[str, Any]) -> tuple[object, ...]:
    left = edition["pending"] + edition["sending"] + edition["deferred"]
    counts = (edition["articles"], edition["audience"], edition["sent"], left, edition["failed"], edition["in_doubt"])
    return (edition["edition"], edition["state"], *(show.number(count) for count in counts))


def _pace(running: "Running") -> str:
    left = f"{show.number(running.left)} left"
    if running.seconds_left is None:
        return f"{left}, none taken in the last minute"
    return f"{left}, {running.per_second:,.0f}/s, about {_duration(running.seconds_left)} yet"


def _duration(seconds: int) -> str:
    """Return a time as people say it."""
    if seconds < 100:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _screen(found: "Status", folder: str) -> None:
    """Print it for a person: what runs, what ran, what needs a hand, and what this is."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if found.running:
        _running(console, found)
        console.print()
    _editions(console, found)
    console.print()
    if not found.needs:
        console.print(Text.assemble(("✓ ", "bold green"), "nothing needs a hand"))
    for need in found.needs:
        what = Text.assemble(
            ("● ", "bold yellow"), (show.printable(need.where), "bold"), f" {show.printable(need.what)}"
        )
        what.truncate(console.width - 1, overflow="ellipsis")
        console.print(what)
        console.print(Text.assemble(("  → ", "dim"), (need.do, "cyan")), soft_wrap=True)
    console.print()
    known = " · ".join(f"{name} {version}" for name, version in found.versions.items())
    console.print(Text(f"{folder} · {known}", style="dim", overflow="ellipsis", no_wrap=True))


def _running(console: "Console", found: "Status") -> None:
    from rich.text import Text

    assert found.running is not None
    edition = next((one for one in found.editions if one["edition"] == found.running.edition), None)
    console.print(Text.assemble(("▶ ", "bold green"), (found.running.edition, "bold"), " is being sent"))
    line = Text("  ")
    if edition and edition["audience"]:
        part = 1 - found.running.left / edition["audience"]
        done = round(part * BAR)
        line.append("━" * done, "green").append("━" * (BAR - done), "bright_black").append(f" {part:4.0%}  ")
    console.print(line.append(_pace(found.running)))


def _editions(console: "Console", found: "Status") -> None:
    from rich.table import Table
    from rich.text import Text

    if not found.editions:
        console.print("no edition yet; begin with: digest preview")
        return
    rows = [dict(zip(COLUMNS, map(str, _row(edition)), strict=True)) for edition in found.editions]
    # Articles are for editions list; a column of noughts tells nothing, and a key must not be cut.
    columns = [c for c in COLUMNS if c != "articles" and (c not in RARE or any(row[c] != "0" for row in rows))]
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        shown.add_column(column, justify="left" if column in COLUMNS[:2] else "right", overflow="fold")
    for row in rows:
        styles = {"edition": "", "state": COLOURS.get(row["state"], "")}
        shown.add_row(*(Text(row[c], styles.get(c, "bright_black" if row[c] == "0" else "")) for c in columns))
    console.print(shown)
