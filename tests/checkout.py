"""The files of the checkout that the tests stand in: what git has or would take, or all of an unpacked sdist."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Folders of an unpacked sdist that are not part of it: what git would have ignored.
MADE = {"__pycache__", "build", "dist", "outbox", "preview"}


@cache
def files() -> tuple[str, ...]:
    """Return their paths, relative to ROOT."""
    if not (ROOT / ".git").exists():
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return tuple(sorted(str(path) for path in paths if not _is_made(path)))
    # A checkout that belongs to somebody else, as in a container, is read all the same.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(sorted({name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}))


def _is_made(path: Path) -> bool:
    return any(part in MADE or part.endswith(".egg-info") or part.startswith(".") for part in path.parts[:-1])


def copy_to(folder: Path) -> Path:
    """Copy the checkout to a folder; return it."""
    for name in files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder
