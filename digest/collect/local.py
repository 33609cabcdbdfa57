"""Sources that are no web: a folder of files, a Maildir of press releases, somebody's database."""

import datetime as dt
import os
from collections.abc import Mapping
from decimal import Decimal

from digest.collect.folders import Looked, look_into, look_into_maildir
from digest.collect.homes import signature, zone_of
from digest.collect.rows import Found, Reading, named, read_row
from digest.project import Project
from digest.settings import SourceSettings
from digest.store.foreign import ForeignError, select_rows
from digest.tables import Problem

ENV = "env:"  #: database = "env:NAME": the address, with its password, is in the environment


def look_at(project: Project, settings: SourceSettings, marks: Mapping[str, str], now: dt.datetime) -> Looked | str:
    """Return what is new in a folder, a Maildir or a database, or why nothing can be read there."""
    zone = zone_of(project.file, settings.name)
    if settings.kind == "database":
        return _look_at_database(project, settings, now)
    folder = project.folder / settings.place
    if not folder.is_dir():
        return f"no folder {settings.place}; make it, or correct [sources.{settings.name}]"
    if settings.kind == "email":
        if not (folder / "new").is_dir():
            return f"{settings.place} is no Maildir: there is no folder new in it"
        return look_into_maildir(folder, marks, zone=zone, now=now, source=settings.name)
    said = signature(project.file, settings)
    return look_into(folder, marks, said, zone=zone, now=now, source=settings.name)


def _look_at_database(project: Project, settings: SourceSettings, now: dt.datetime) -> Looked | str:
    url = settings.place
    if url.startswith(ENV):
        name = url.removeprefix(ENV)
        url = os.environ.get(name, "")
        if not url:
            return f"the environment variable {name}, which names its database, is not set"
    prefix = "sqlite:///"
    if url.startswith(prefix):
        url = prefix + str(project.folder / url.removeprefix(prefix))
    try:
        rows = select_rows(url, settings.query or "")
    except ForeignError as error:
        return str(error)
    found: list[Found] = []
    problems: list[Problem] = []
    unknown: dict[str, None] = {}
    for n, row in enumerate(rows, 1):
        values, others = named((name, _plain(value)) for name, value in row)
        unknown.update(dict.fromkeys(others))
        zone = zone_of(project.file, settings.name)
        one = read_row(values, f"row {n}", zone=zone, now=now, source=settings.name)
        if isinstance(one, Found):
            found.append(one)
        else:
            problems.append(one)
    return Looked([Reading(tuple(found), tuple(problems), tuple(unknown))])


def _plain(value: object) -> object:
    """Return a value of a database as a file of articles has it."""
    match value:
        case dt.datetime() | dt.date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", errors="replace")
        case Decimal():
            return str(value)
    return value
