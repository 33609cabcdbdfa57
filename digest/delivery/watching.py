"""A preview kept up to date: rendered anew when a template, the settings or the store change."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from digest.errors import DigestError
from digest.packaged import packaged
from digest.project import Project, open_project
from digest.settings import FILE
from digest.store.changes import watched

EVERY = 0.5  #: seconds between two looks
STORE = "the store"

Stamps = Mapping[Path, tuple[int, int]]


def keep_rendering(
    folder: Path, render: Callable[[Project, str], None], failed: Callable[[str], None], every: float = EVERY
) -> None:
    """Render a project's preview now and after every change, until KeyboardInterrupt.

    ``render`` is told what has changed, ``failed`` what hinders it, which ends nothing: the next change may mend it.
    """
    why, said = "", ""
    while True:
        # Looked at first: what changes while we render is rendered next.
        files = stamps(folder)
        try:
            with open_project(folder) as project, watched(project.store) as state:
                before, said = state(), ""
                _try(render, project, why, failed)
                why = ""
                while not why:
                    time.sleep(every)
                    why = changed(folder, files, stamps(folder)) or (STORE if state() != before else "")
        except DigestError as error:  # the project itself: it may take more than one file to mend it
            if str(error) != said:
                said = str(error)
                failed(said)
            time.sleep(every)


def _try(render: Callable[[Project, str], None], project: Project, why: str, failed: Callable[[str], None]) -> None:
    try:
        render(project, why)
    except DigestError as error:
        failed(str(error))


def stamps(folder: Path) -> Stamps:
    """Return what tells each state of the files that a letter is made of from the next."""
    found: dict[Path, tuple[int, int]] = {}
    for path in (folder / FILE, folder / ".env", *_templates(folder / "templates"), *_templates(packaged("templates"))):
        try:
            stat = path.stat()
        except OSError:  # gone since it was listed, or not there at all
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def _templates(top: Path) -> Iterator[Path]:
    """Yield the files that a design may be made of, whatever they are called, also behind links to folders."""
    for depth in ("*", "*/*", "*/*/*"):
        yield from (file for file in top.glob(depth) if not _is_an_editors(file.name) and file.is_file())


def _is_an_editors(name: str) -> bool:
    """Return whether a file is one that editors keep beside the one they change."""
    return name.startswith(".") or name.endswith("~")


def changed(folder: Path, before: Stamps, now: Stamps) -> str:
    """Return what has changed, made, or gone, as one reads it; empty when nothing has."""
    names = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    shown = [str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name for path in names]
    return shown[0] if len(shown) == 1 else f"{shown[0]} and {len(shown) - 1} more" if shown else ""
