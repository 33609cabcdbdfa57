"""Small files that are there whole or not at all, also after a power cut."""

import os
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write a file that only its owner may read, beside its place first; OSError leaves the one that was there."""
    unfinished = file.with_name(file.name + ".unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(handle)
    move(unfinished, file)


def move(file: Path, to: Path) -> None:
    """Rename a file over another one, for good."""
    file.replace(to)
    sync_folder(to.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
