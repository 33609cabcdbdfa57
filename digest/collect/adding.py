"""New sources: what is at an address or a place of ours, and the settings that would collect it."""

import asyncio
import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest.collect.answers import FetchFailed
from digest.collect.blocks import free_name
from digest.collect.homes import zone_of
from digest.collect.links import canonical_link
from digest.collect.local import look_at
from digest.collect.rows import Reading
from digest.errors import DigestError
from digest.models import SourceState
from digest.notation import masked
from digest.project import LOCAL_URL, Project
from digest.settings import ON_THE_WEB, SourceSettings, source_settings

if TYPE_CHECKING:
    from digest.collect.answers import Answer
    from digest.collect.fetch import Fetcher

#: Keys of a source beside its kind and name, as an editor gives them.
Given = Mapping[str, object]


@dataclass(frozen=True)
class Seen:
    """What is at an address: the settings that would collect it, and what they bring."""

    settings: SourceSettings
    reading: Reading
    title: str


def look(
    project: Project,
    url: str,
    name: str | None,
    given: Given,
    now: dt.datetime,
    make: "Callable[[], Fetcher] | None" = None,
) -> Seen:
    """Return what is at an address: a feed, a page that announces one, a sitemap, or a page; DigestError."""
    settings = _settings(project, "feed", url, name, given)
    if settings.extract:
        from digest.collect.extract import check_extractor

        check_extractor(settings)
    try:
        return asyncio.run(_look(project, url, name, given, now, make))
    except FetchFailed as failed:
        hint = " (here: --private)" if "private = true" in str(failed) else ""
        raise DigestError(f"{masked(url)}: {failed}{hint}") from failed


def look_here(project: Project, kind: str, place: str, name: str | None, given: Given, now: dt.datetime) -> Seen:
    """Return what is in a folder, a Maildir or a database; DigestError."""
    settings = _settings(project, kind, place, name, given)
    return Seen(settings, try_out(project, settings, now), "")


def kind_here(place: Path) -> str | None:
    """Return which kind of source a folder of ours is; None if it is none."""
    if not place.is_dir():
        return None
    return "email" if (place / "new").is_dir() and (place / "cur").is_dir() else "folder"


def is_same_place(one: SourceSettings, other: SourceSettings) -> bool:
    """Return whether two sources are the same, however their addresses are written; of a database the query counts."""
    return one_spelling(one.place) == one_spelling(other.place) and one.query == other.query


def one_spelling(place: str) -> str:
    """Return the one spelling of an address; what is none on the web, or has a user in it, as it is."""
    return canonical_link(place) or place


def as_written(project: Project, place: Path) -> str:
    """Return a folder as digest.toml is to have it: relative to the project's if it is in there."""
    whole = place.resolve()
    return str(whole.relative_to(project.folder)) if whole.is_relative_to(project.folder) else os.fspath(whole)


def try_out(
    project: Project, settings: SourceSettings, now: dt.datetime, make: "Callable[[], Fetcher] | None" = None
) -> Reading:
    """Return what a source brings just now, whatever has been read of it; nothing is kept. DigestError."""
    if settings.kind in ON_THE_WEB:
        return asyncio.run(_try_out(project, settings, now, make))
    looked = look_at(project, settings, {}, now)
    if isinstance(looked, str):
        raise DigestError(f"{settings.name}: {looked}")
    parts = [one for one in looked.readings if isinstance(one, Reading)]
    return Reading(
        tuple(found for one in parts for found in one.found),
        tuple(problem for one in parts for problem in one.problems),
        notes=tuple(one for one in looked.readings if isinstance(one, str)),
    )


async def _try_out(
    project: Project, settings: SourceSettings, now: dt.datetime, make: "Callable[[], Fetcher] | None"
) -> Reading:
    from digest.collect.extract import check_extractor
    from digest.collect.visit import Visitor

    check_extractor(settings)
    async with _fetcher(project, make) as fetcher:
        visitor = Visitor(fetcher, asyncio.to_thread, lambda found: [False] * len(found), now)
        visit = await visitor.visit(settings, SourceState(source_id=0), "", zone_of(project.file, settings.name))
    if visit.error is not None and (visit.reading is None or not visit.reading.found):
        raise DigestError(f"{settings.name}, {masked(settings.place)}: {visit.error}") from visit.error
    return visit.reading or Reading()


async def _look(
    project: Project,
    url: str,
    name: str | None,
    given: Given,
    now: dt.datetime,
    make: "Callable[[], Fetcher] | None",
) -> Seen:
    from digest.collect.discover import feeds_announced

    async with _fetcher(project, make) as fetcher:
        answer = await fetcher.get(url, private=bool(given.get("private")))
        seen = _read(project, answer, url, name, given, now)
        if seen is not None:
            return seen
        for feed in feeds_announced(answer.data, answer.url, answer.charset)[:3]:
            try:
                there = await fetcher.get(feed, private=bool(given.get("private")))
            except DigestError:
                continue
            seen = _read(project, there, feed, name, given, now)
            if seen is not None:
                return seen
    return _as_page(project, answer, url, name, given, now)


def _read(
    project: Project, answer: "Answer", url: str, name: str | None, given: Given, now: dt.datetime
) -> Seen | None:
    """Return a feed or a sitemap that is at an address, None when it is something else."""
    from digest.collect.feeds import NotAFeed
    from digest.collect.visit import read

    # Where it has moved for good is what belongs into the file; elsewhere the address that was given.
    place = answer.permanent if answer.permanent == answer.url else url
    for kind in ("feed", "sitemap"):
        settings = _settings(project, kind, place or url, name, given)
        try:
            reading = read(settings, answer, zone_of(project.file, settings.name), now)
        except NotAFeed:
            continue
        if reading.found or reading.follow or kind == "feed":
            return Seen(settings, reading, reading.title)
    return None


def _as_page(project: Project, answer: "Answer", url: str, name: str | None, given: Given, now: dt.datetime) -> Seen:
    from digest.collect.visit import read

    settings = _settings(project, "page", url, name, given)
    reading = read(settings, answer, zone_of(project.file, settings.name), now)
    if not reading.found:
        raise DigestError(
            f"no feed and no list of articles at {answer.url}; look for its feed, or write a page with select by hand"
        )
    return Seen(settings, reading, reading.title)


def _settings(project: Project, kind: str, url: str, name: str | None, given: Given) -> SourceSettings:
    called = name or free_name(_host(url) or Path(url).stem or kind, project.file.sources)
    return source_settings({kind: url, "name": called, **({"discover": True} if kind == "page" else {}), **given})


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # "http://[::1": what is wrong with it is said where settings are read
        return None


def _fetcher(project: Project, make: "Callable[[], Fetcher] | None") -> "Fetcher":
    from digest.collect.fetch import Fetcher

    if make is not None:
        return make()
    return Fetcher(project.base_url if project.base_url != LOCAL_URL else None)
