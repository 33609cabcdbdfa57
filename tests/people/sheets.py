"""Lists' files for tests, as spreadsheets save them, and old enough to be quiet."""

import os
import time
from pathlib import Path

from digest.project import Project

HEADER = "e-post;namn\r\n"


def save(project: Project | Path, content: str | bytes, name: str = "industri.csv") -> Path:
    """Write a list's file of a project, a minute ago."""
    folder = (project if isinstance(project, Path) else project.folder) / "subscribers"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    age(path)
    return path


def age(path: Path, seconds: float = 60) -> None:
    """Let a file have been written so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def rows(*addresses: str) -> str:
    """Return a list's file with these people."""
    return HEADER + "".join(f"{address};\r\n" for address in addresses)


def many(count: int, start: int = 0) -> list[str]:
    """Return so many addresses."""
    return [f"r{n}@example.com" for n in range(start, start + count)]
