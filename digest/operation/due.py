"""What ``digest send --due`` does: what the schedule says, each date once, and what is open of earlier ones."""

import datetime as dt
from dataclasses import replace

from digest.delivery import run
from digest.delivery.roads import Roads
from digest.delivery.wish import Desk, Result, Wish
from digest.models import Newsletter
from digest.operation.schedule import Slot, lateness, latest
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import editions, names


def expected(project: Project, newsletter: NewsletterSettings, now: dt.datetime) -> Slot | None:
    """Return the newest date whose time has come; None for a day before the newsletter's first edition.

    A newsletter that begins today has not missed yesterday.
    """
    slot = latest(newsletter, now)
    if slot is None or slot.date == newsletter.date_at(now) or _has_run_before(project, newsletter, slot):
        return slot
    return None


def _has_run_before(project: Project, newsletter: NewsletterSettings, slot: Slot) -> bool:
    number = names.find(project.store, Newsletter, newsletter.name)
    return number is not None and editions.is_there_before(project.store, number, slot.date)


def is_new(project: Project, newsletter: NewsletterSettings, now: dt.datetime) -> bool:
    """Return whether a date is due that nobody has decided about."""
    slot = expected(project, newsletter, now)
    if slot is None:
        return False
    number = names.find(project.store, Newsletter, newsletter.name)
    return number is None or editions.find(project.store, number, slot.date) is None


def send_due(project: Project, newsletter: NewsletterSettings, roads: Roads, wish: Wish, desk: Desk) -> list[Result]:
    """Go on with a newsletter's open editions, and send the one that is due; what has been decided stays so."""
    now = dt.datetime.now(dt.UTC)
    slot = expected(project, newsletter, now)
    if slot is not None:
        wish = replace(wish, date=slot.date, late_by=lateness(newsletter, slot, now))
    return run.send_due(project, newsletter, roads, wish, desk)
