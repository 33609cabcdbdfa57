"""Alerts: notices to the editors of what went wrong while nobody looked on. Each is written once for its cause."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from email.utils import parseaddr

from digest.collect.health import Health
from digest.delivery.wish import Result
from digest.models import Edition, Notice, NoticeKind
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import notices


def held(
    project: Project, newsletter: NewsletterSettings, key: str, reasons: Sequence[str], now: dt.datetime
) -> list[Notice]:
    """Return the alert that an edition is held; another one when it is held again for another reason."""
    facts = {"edition": key, "reasons": list(reasons)}
    return _to_editors(project, newsletter.name, NoticeKind.HELD, f"{key}:{_mark(' '.join(reasons))}", facts, now)


def failed(project: Project, newsletter: str, what: str, words: str, now: dt.datetime) -> None:
    """Write the alert that a send could not go out: once a day for each newsletter or edition."""
    facts = {"edition": what, "words": words}
    key = f"{what}:{now.date().isoformat()}"
    notices.write(project.store, _to_editors(project, newsletter, NoticeKind.FAILED, key, facts, now))


def missing(
    project: Project, newsletter: NewsletterSettings, key: str, expected: dt.datetime, state: str, now: dt.datetime
) -> None:
    """Write the alert that a scheduled edition is neither out nor empty; ``state`` is what it is instead, or empty."""
    wall = expected.astimezone(newsletter.zone).strftime("%H:%M")
    facts = {"edition": key, "expected": wall, "state": state}
    notices.write(project.store, _to_editors(project, newsletter.name, NoticeKind.MISSING, key, facts, now))


def after(project: Project, edition: Edition, result: Result) -> None:
    """Write what a run that has ended gives reason for: it failed, or mail is still put off at half of its time."""
    now, name = dt.datetime.now(dt.UTC), result.edition["newsletter"]
    if result.exit_code in (1, 4):
        failed(project, name, result.key, result.now.relay_words, now)
    deferred(project, edition, name, result.key, result.edition["deferred"], result.now.relay_words, now)


def deferred(
    project: Project, edition: Edition, newsletter: str, key: str, count: int, words: str, now: dt.datetime
) -> None:
    """Write the alert that mail is still put off when half of the time for it is over, once for each edition."""
    began, until = edition.frozen_at, edition.give_up_at
    if not count or began is None or until is None or now < began + (until - began) / 2:
        return
    known = project.file.newsletters.get(newsletter)
    wall = until.astimezone(known.zone if known else dt.UTC).strftime("%Y-%m-%d %H:%M")
    facts = {"edition": key, "count": count, "words": words, "until": wall}
    notices.write(project.store, _to_editors(project, newsletter, NoticeKind.DEFERRED, key, facts, now))


def sources(project: Project, troubled: Sequence[Health], now: dt.datetime) -> None:
    """Write one alert of all sources that have failed for long or have ended, and remember that it has been told."""
    newsletter = next((name for one in troubled for name in one.newsletters), next(iter(project.file.newsletters), ""))
    told = [one.state.source_id for one in troubled]
    facts = {"sources": [_of_source(one) for one in troubled]}
    key = _mark(" ".join(f"{one.settings.name} {one.state.failing_since or one.state.ended_at}" for one in troubled))
    made = _to_editors(project, newsletter, NoticeKind.SOURCES, key, facts, now)
    if made:
        notices.write_of_sources(project.store, made, told, now)


def _of_source(one: Health) -> list[object]:
    """Return what its alert says of a source: name, place, the last words, since when, and whether it is for good."""
    since = one.state.ended_at or one.state.failing_since
    wall = since.strftime("%Y-%m-%d %H:%M UTC") if since else ""
    return [one.settings.name, one.place, one.state.last_error, wall, one.word == "ended"]


def _to_editors(
    project: Project, newsletter: str, kind: NoticeKind, key: str, facts: Mapping[str, object], now: dt.datetime
) -> list[Notice]:
    addresses = dict.fromkeys(parseaddr(editor)[1] for editor in project.file.editors)
    return [
        Notice(
            kind=kind, key=f"{kind}:{key}", address=address, newsletter=newsletter, facts=dict(facts), made_at=now,
            next_at=now,
        )
        for address in addresses
    ]  # fmt: skip


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
