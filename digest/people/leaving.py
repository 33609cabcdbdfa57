"""The reader's own way out: what the link of a letter does, and what its page must know."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from digest.models import MailingList, Origin
from digest.people.consent import leaving
from digest.project import Project
from digest.settings import ListSettings, NewsletterSettings, ProjectFile
from digest.store import leaving as ways
from digest.store import names
from digest.store.audience import would_receive
from digest.store.leaving import Served
from digest.store.subscriptions import Vouching

READER = "the reader"  #: who did it, in the history


@dataclass(frozen=True)
class Standing:
    """How a reader stands with the newsletter of a letter."""

    newsletter: str | None  #: its name in digest.toml, or the one it had; None for an edition that we do not know
    receives: bool  #: whether the newsletter's next edition would go to them


def leave(
    project: Project, file: ProjectFile, edition_id: int, subscriber_id: int, *, how: str, now: dt.datetime
) -> None:
    """Let a reader leave the newsletter of an edition; twice, or by nobody we know, it changes nothing.

    ``file`` is digest.toml as it is now: it says which lists feed another newsletter too. Of an edition that we do not
    know (the store came back from an older backup) nobody can say which newsletter it was: all subscriptions end.
    """
    vouching = Vouching(Origin.LINK, READER, how, now)
    served = ways.served(project.store, edition_id)
    if served is None:
        ways.leave_everything(project.store, subscriber_id, vouching)
        return
    newsletter = _today(file.newsletters, served.newsletter)
    # Where they have left the others as well, nothing keeps them on a list.
    left = {newsletter, *(_today(file.newsletters, name) for name in ways.stops(project.store, subscriber_id))}
    others = {name for other, one in file.newsletters.items() if other not in left for name in one.lists}
    ends, stays = leaving(_lists(project, file, served), others)
    ways.leave_newsletter(
        project.store,
        subscriber_id,
        served.newsletter_id,
        ends=ends,
        stays=stays,
        vouching=vouching,
        staying=f"left the newsletter {newsletter} ({how}); the list goes to another one too",
    )


def standing(project: Project, edition_id: int, subscriber_id: int) -> Standing:
    """Return how a reader, known or not, stands with the newsletter of an edition."""
    served = ways.served(project.store, edition_id)
    if served is None:
        return Standing(None, ways.is_on_a_list(project.store, subscriber_id))
    lists = _lists(project, project.file, served)
    receives = would_receive(project.store, served.newsletter_id, list(lists), subscriber_id)
    return Standing(_today(project.file.newsletters, served.newsletter), receives)


def _lists(project: Project, file: ProjectFile, served: Served) -> dict[int, str]:
    """Return the lists that an edition went to and those its newsletter goes to today, by number."""
    newsletter = file.newsletters.get(_today(file.newsletters, served.newsletter))
    today = newsletter.lists if newsletter else ()
    known = {number: _today(file.lists, name) for number, name in names.names(project.store, MailingList).items()}
    return {number: name for number, name in known.items() if number in served.list_ids or name in today}


def _today(sections: Mapping[str, ListSettings] | Mapping[str, NewsletterSettings], stored: str) -> str:
    """Return what digest.toml calls today what the store knows by this name."""
    renamed = (name for name, section in sections.items() if section.formerly == stored)
    return stored if stored in sections else next(renamed, stored)
