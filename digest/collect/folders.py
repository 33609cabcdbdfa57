"""Folders of articles, and Maildirs of press releases: what is new or changed in them is read."""

import datetime as dt
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from digest.collect.files import read_articles
from digest.collect.press import read_mail
from digest.collect.rows import Found, Reading
from digest.tables import Problem

MARKDOWN = frozenset({".md", ".markdown"})
ENDINGS = MARKDOWN | {".json", ".jsonl", ".ndjson", ".csv"}
LARGEST = 200_000_000  #: bytes of a file of articles
LARGEST_MAIL = 20_000_000
#: A file written this shortly before it was read may change again within the same tick of its file system's clock.
SETTLED = 2_000_000_000  # ns


@dataclass
class Looked:
    """What was found in a folder: readings, what is marked as read, how many articles need no reading, what is gone."""

    readings: list[Reading | str] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    gone: list[str] = field(default_factory=list)


def look_into(
    folder: Path, marks: Mapping[str, str], settings: str, *, zone: ZoneInfo, now: dt.datetime, source: str
) -> Looked:
    """Return what is new in a folder; a file of the same size and time of change as when it was read is not read again.

    ``settings`` stands in the marks: when they change, everything is read.
    """
    looked = Looked()
    there = set()
    for path, name in files_in(folder):
        there.add(name)
        try:
            status = path.stat()
        except OSError:
            continue  # it has just gone
        state = f"{settings[:12]}:{status.st_mtime_ns}:{status.st_size}"
        known, _, count = marks.get(name, "").rpartition(":")
        if known == state:
            looked.unchanged += int(count)
            continue
        reading = _read_of_many(path, name, zone=zone, now=now, source=source)
        looked.readings.append(reading)
        # A file with something wrong in it is told of until it is mended.
        is_whole = isinstance(reading, Reading) and not reading.problems
        if is_whole and isinstance(reading, Reading) and time.time_ns() - status.st_mtime_ns > SETTLED:
            looked.marks[name] = f"{state}:{len(reading.found)}"
    looked.gone = [name for name in marks if name not in there]
    return looked


def look_into_maildir(
    folder: Path, marks: Mapping[str, str], *, zone: ZoneInfo, now: dt.datetime, source: str
) -> Looked:
    """Return the articles of the mails in a Maildir that have not been read; nothing in it is moved or changed.

    A mail keeps its name up to the colon while readers move and flag it, and its bytes never change (maildir(5)).
    """
    looked = Looked()
    found: list[Found] = []
    problems: list[Problem] = []
    there = set()
    for path in sorted(one for part in ("new", "cur") for one in (folder / part).glob("[!.]*")):
        name = path.name.partition(":")[0]
        if name in there or not path.is_file():
            continue
        there.add(name)
        if name in marks:
            continue
        one = _read_mail(path, name, zone=zone, now=now, source=source)
        looked.marks[name] = ""
        if isinstance(one, Found):
            found.append(one)
        else:
            problems.append(one)
    looked.readings.append(Reading(tuple(found), tuple(problems)))
    looked.gone = [name for name in marks if name not in there]
    return looked


def files_in(folder: Path, endings: Collection[str] = ENDINGS) -> list[tuple[Path, str]]:
    """Return a folder's files of articles, or with other endings, by name, each with its path below the folder.

    What an editor or the system keeps there besides is left alone.
    """
    return [
        (path, path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in endings
        and path.is_file()
        and not any(part.startswith((".", "~")) for part in path.relative_to(folder).parts)
    ]


def name_in_source(folder: Path, file: Path) -> str | None:
    """Return what a file given by hand is called in its source's folder, None where it lies elsewhere."""
    root, at = folder.resolve(), file.parent.resolve() / file.name
    return at.relative_to(root).as_posix() if at.is_relative_to(root) else None


def read_file(path: Path, name: str, *, zone: ZoneInfo, now: dt.datetime, source: str | None) -> Reading | str:
    """Return what a file holds, or why it cannot be read; ``name`` is its path below its folder."""
    try:
        if path.stat().st_size > LARGEST:
            return f"{path.name} is larger than {LARGEST // 1_000_000} MB; split it"
        data = path.read_bytes()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    reading = read_articles(data, path.name, zone=zone, now=now, source=source)
    if path.suffix.lower() in MARKDOWN:
        for found in reading.found:
            # Known by its file's name: several folders may each have an index.md.
            found.article.guid = name if found.article.guid == path.name else found.article.guid
    return reading


def _read_of_many(path: Path, name: str, *, zone: ZoneInfo, now: dt.datetime, source: str) -> Reading | str:
    """Return what one file of a folder holds; its problems name it."""
    reading = read_file(path, name, zone=zone, now=now, source=source)
    if isinstance(reading, str):
        return reading
    problems = tuple(Problem(f"{name}, {problem.where}", problem.reason) for problem in reading.problems)
    return Reading(reading.found, problems, reading.unknown)


def _read_mail(path: Path, name: str, *, zone: ZoneInfo, now: dt.datetime, source: str) -> Found | Problem:
    try:
        if path.stat().st_size > LARGEST_MAIL:
            return Problem(name, f"larger than {LARGEST_MAIL // 1_000_000} MB")
        return read_mail(path.read_bytes(), name, zone=zone, now=now, source=source)
    except OSError as error:
        return Problem(name, f"it cannot be read: {error.strerror}")
