"""The dog that did not bark: a scheduled edition that is not out when it was expected, a source that is silent."""

import datetime as dt

from digest.collect.health import Health, unwell
from digest.delivery import alerts
from digest.models import DeliveryState, Edition, EditionState, Newsletter
from digest.operation.due import expected
from digest.operation.schedule import MINUTE, Slot, expected_at
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import editions, names, standing
from digest.store.articles import edition_key

LASTING = dt.timedelta(days=1)  #: from which on a source that fails is worth a mail
#: States in which a date is done with, whatever came of it.
DONE = (EditionState.SENT, EditionState.REHEARSED, EditionState.EMPTY, EditionState.CANCELLED)


def note_missing(project: Project, now: dt.datetime) -> None:
    """Write an alert for each newsletter whose last expected edition is missing; each is written once."""
    for newsletter in project.file.newsletters.values():
        due = _last_expected(project, newsletter, now)
        if due is None:
            continue
        slot, by = due
        edition = _edition(project, newsletter, slot)
        if not _is_out(project, edition):
            key = edition_key(newsletter.name, slot.date, 1)
            alerts.missing(project, newsletter, key, by, edition.state if edition else "", now)


def note_sources(project: Project, now: dt.datetime) -> None:
    """Write an alert of the sources that have failed for a day, or have ended; each is told of once."""
    troubled = [one for one in unwell(project) if one.state.told_at is None and _is_lasting(one, now)]
    if troubled:
        alerts.sources(project, troubled, now)


def _is_lasting(one: Health, now: dt.datetime) -> bool:
    """Return whether a source will not mend itself soon: one that is asked once a day may miss one day."""
    since = one.state.failing_since
    return one.word == "ended" or (
        one.word == "failing" and one.state.failures > 1 and since is not None and now - since >= LASTING
    )


def _last_expected(
    project: Project, newsletter: NewsletterSettings, now: dt.datetime
) -> tuple[Slot, dt.datetime] | None:
    """Return the newest date that should be out by now, and by when it should have been."""
    slot = expected(project, newsletter, now)
    while slot is not None and (by := expected_at(newsletter, slot)) is not None:
        if by <= now:
            return slot, by
        slot = expected(project, newsletter, slot.at - MINUTE)
    return None


def _edition(project: Project, newsletter: NewsletterSettings, slot: Slot) -> Edition | None:
    number = names.find(project.store, Newsletter, newsletter.name)
    return editions.find(project.store, number, slot.date) if number is not None else None


def _is_out(project: Project, edition: Edition | None) -> bool:
    """Return whether an edition has reached its readers, or somebody has decided that it need not."""
    if edition is None or edition.id is None:
        return False
    if edition.state is EditionState.SENDING:  # some relays may put off some of it for hours
        return standing.counts(project.store, edition.id)[DeliveryState.SENT] > 0
    return edition.state in DONE
