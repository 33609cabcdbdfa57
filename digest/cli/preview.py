"""``digest preview``: an edition as it would go out, in files and side by side in a browser."""

import datetime as dt
import os
import sys
import webbrowser
from contextlib import suppress
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import show
from digest.cli.options import DateOption, JsonOption, NewsletterArgument, ProjectOption

if TYPE_CHECKING:
    from digest.delivery.preview import Written
    from digest.project import Project

LIVE = "preview.js"  #: what an open page asks for the newest rendering


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("preview")(preview)


def preview(
    newsletter: NewsletterArgument = None,
    date: DateOption = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="ADDRESS", help="As this subscriber would get it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Else preview/ in the project.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Write index.html too, all of it side by side, and open it in the browser.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Render anew when a template, digest.toml or the store changes, until Ctrl-C."),
    ] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write the edition as it would go out now: edition.html, edition.txt, message.eml."""
    from digest.delivery.freeze import list_numbers, newsletter_row
    from digest.delivery.preview import preview as write_preview
    from digest.people.lists import find
    from digest.project import open_project

    if watch and json:
        raise typer.BadParameter("--json prints one object when it is done, and --watch is never done")
    with open_project(project) as opened:
        settings, folder = opened.newsletter(newsletter), opened.folder
        if watch:
            if for_ is not None:
                find(opened, for_)  # nobody by that address: waiting would not help
            # What a first rendering writes would be taken for somebody's change.
            newsletter_row(opened, settings, _now())
            list_numbers(opened, settings, _now())
        else:
            written = write_preview(opened, settings, date, for_, out, _now(), with_page=open_)
    if watch:
        _watch(folder, settings.name, date, for_, out, open_=open_)
        return
    if json:
        page = {"page": str(written.page)} if written.page else {}
        files = [str(file) for file in written.files]
        show.as_json({"edition": written.key, "articles": written.articles, "files": files, **page})
    elif not written.files:
        show.say(f"{written.key}: nothing new, so there is no letter")
    for file in written.files if not json else ():
        show.line(str(file))
    if written.page:
        _open(written.page)


def _watch(
    folder: Path, newsletter: str, date: dt.date | None, address: str | None, out: Path | None, *, open_: bool
) -> None:
    from digest.delivery.preview import preview as write_preview
    from digest.delivery.watching import keep_rendering

    live = (out or folder / "preview") / LIVE
    version, opened = "", not open_

    def render(project: "Project", why: str) -> None:
        nonlocal version, opened
        now = _now()
        fresh = now.isoformat()
        written = write_preview(
            project, project.newsletter(newsletter), date, address, out, now, with_page=True, live=fresh
        )
        show.say(show.printable(_rendered(written, why, now)))
        if written.page is None:
            _tell(live, version, "There is nothing new, so there is no letter.")
            return
        version = fresh
        _tell(live, version, "")  # last, so that whoever reloads finds all of it
        if not opened:
            opened = True
            _open(written.page)

    def failed(words: str) -> None:
        show.say(show.error_line(show.printable(words)))
        _tell(live, version, words)

    try:
        keep_rendering(folder, render, failed)
    finally:
        _tell(live, version, "Nobody watches any more: this page stays as it is.", goes=False)


def _rendered(written: "Written", why: str, now: dt.datetime) -> str:
    """Return the line of one rendering: when, what, and why."""
    because = f" ({why} changed)" if why else ""
    if written.page is None:
        return f"{now.astimezone():%H:%M:%S} {written.key}: nothing new, so there is no letter{because}"
    preflight = f", preflight {written.verdict}" if written.verdict else ""
    return (
        f"{now.astimezone():%H:%M:%S} {written.key}: {show.several(written.articles, 'article')}, "
        f"{written.html_bytes / 1000:.0f} kB{preflight}, {written.page}{because}"
    )


def _tell(live: Path, version: str, trouble: str, *, goes: bool = True) -> None:
    """Tell an open page which rendering is the newest, what hinders the next, and whether there will be any."""
    if not version or not live.parent.is_dir():
        return
    fresh = live.with_suffix(".new")
    with suppress(OSError):  # the terminal has it already
        fresh.write_text(f"preview({dumps(version)}, {dumps(trouble)}, {dumps(goes)});\n", encoding="ascii")
        fresh.replace(live)  # never seen by half


def _open(page: Path) -> None:
    """Open a page in the browser; where there is none, say which page."""
    if not _opens(page.resolve().as_uri()):
        show.say(f"no browser here; open {page}")


def _opens(address: str) -> bool:
    """Return whether a browser took an address: one that BROWSER names, else the desktop's.

    Without a desktop a browser for terminals would take ours, over ssh and under cron.
    """
    named = [name for name in os.environ.get("BROWSER", "").split(os.pathsep) if name]
    has_desktop = sys.platform == "darwin" or any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))
    try:
        if named:
            return any(webbrowser.get(name).open(address) for name in named)
        return has_desktop and webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
