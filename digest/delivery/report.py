"""Editions as commands and scripts see them: the contract's counts, which add up to the audience."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digest.delivery import emergency
from digest.delivery.options import Now
from digest.edition.audit import Account, account_for
from digest.edition.book import Fault, faults
from digest.errors import DigestError
from digest.letter.identity import message_id
from digest.models import DeliveryState, Newsletter
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import accounts, articles, editions, names, standing, steering
from digest.store.deliveries import doubts as in_doubt
from digest.store.deliveries import listing as deliveries_of
from digest.store.deliveries import readers_of_letters
from digest.store.editions import Listed
from digest.store.sources import Balance


class NoSuchEdition(DigestError):
    """No edition has a key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no edition {key}; look with: digest editions list")
        self.key = key


def edition_json(project: Project, listed: Listed, now: Now | None = None) -> dict[str, Any]:
    """Return an edition as ``send``, ``status`` and ``editions list`` print it."""
    assert listed.edition.id is not None
    return _json(listed, standing.counts(project.store, listed.edition.id), now)


def _json(listed: Listed, counts: Mapping[DeliveryState, int], now: Now | None = None) -> dict[str, Any]:
    # In the contract's order: a person reads these too.
    order = (
        DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.IN_DOUBT,
        DeliveryState.WITHDRAWN, DeliveryState.SKIPPED, DeliveryState.CANCELLED, DeliveryState.EXPIRED,
        DeliveryState.PENDING, DeliveryState.SENDING,
    )  # fmt: skip
    done = now or Now()
    return {
        "newsletter": listed.newsletter,
        "edition": listed.key,
        "state": listed.edition.state.value,
        "articles": listed.articles,
        "audience": listed.edition.audience,
        **{state.word: counts[state] for state in order},
        "now": {"sent": done.sent, "seconds": round(done.seconds, 3), "per_second": round(done.per_second, 1)},
        **({"reason": listed.edition.reason} if listed.edition.reason else {}),
    }


def counted(project: Project, newsletter: str | None, limit: int | None) -> list[dict[str, Any]]:
    """Return every edition with its counts, the newest first."""
    number = None
    if newsletter is not None:
        number = names.find(project.store, Newsletter, project.newsletter(newsletter).name) or 0
    listed = editions.listing(project.store, newsletter_id=number, limit=limit)
    counts = standing.all_counts(project.store)
    none = dict.fromkeys(DeliveryState, 0)
    return [_json(one, counts.get(one.edition.id or 0, none)) for one in listed]


def find_edition(project: Project, key: str) -> Listed:
    """Return the edition a key names; a date alone means the only newsletter's. NoSuchEdition."""
    newsletter, _, rest = key.rpartition("/")
    date, _, number = rest.partition(".")
    try:
        day, count = dt.date.fromisoformat(date), int(number or 1)
    except ValueError:
        raise NoSuchEdition(key) from None
    name = newsletter or project.newsletter(None).name
    newsletter_id = names.find(project.store, Newsletter, name)
    edition = editions.find(project.store, newsletter_id, day, count) if newsletter_id is not None else None
    if edition is None or edition.id is None:
        raise NoSuchEdition(key)
    return editions.listing(project.store, numbers=[edition.id])[0]


def edition_report(project: Project, key: str, *, deliveries: bool) -> dict[str, Any]:
    """Return all there is about one edition."""
    listed = find_edition(project, key)
    edition = listed.edition
    assert edition.id is not None
    report = {
        **edition_json(project, listed),
        "frozen_at": edition.frozen_at and edition.frozen_at.isoformat(timespec="seconds"),
        "finished_at": edition.finished_at and edition.finished_at.isoformat(timespec="seconds"),
        "letters": _letters(project, listed),
        "history": [
            {"at": one.at.isoformat(timespec="seconds"), "did": one.verb, "by": one.by, "detail": one.detail}
            for one in steering.history(project.store, edition.id)
        ],
        "articles_printed": [
            {
                "id": article.id,
                "title": article.title,
                "role": place.role and place.role.value,
                **({"shown_as": place.shown_as} if place.shown_as else {}),
            }
            for article, place in articles.printed_in(project.store, edition.id)
        ],
    }
    if deliveries:
        report["deliveries"] = _deliveries(project, listed)
    return report


def _letters(project: Project, listed: Listed) -> list[dict[str, Any]]:
    """Return every version of an edition's letters, also those that a revision has replaced for later readers."""
    edition_id = listed.edition.id or 0
    readers = readers_of_letters(project.store, edition_id)
    return [
        {
            "version": one.version,
            "language": one.language,
            "subject": one.subject,
            "html_bytes": len(one.html.encode()),
            "articles": listed.articles if one.articles is None else len(one.articles),
            "readers": readers.get(one.id or 0, 0),
            "made_at": one.made_at and one.made_at.isoformat(timespec="seconds"),
        }
        for one in editions.letters(project.store, edition_id)
    ]


def doubts(project: Project, key: str | None, *, is_anybody_sending: bool) -> list[dict[str, Any]]:
    """Return the mail of which nobody knows whether it has arrived; looking settles nothing."""
    edition_id = find_edition(project, key).edition.id if key is not None else None
    found = in_doubt(project.store, edition_id, interrupted=not is_anybody_sending)
    if not is_anybody_sending:
        # Of some that are marked still the relay has answered, and only the store could not take it.
        known = emergency.answered(project.store)
        found = [one for one in found if (one.edition_id, one.subscriber_id, one.attempt) not in known]
    numbers = {one.edition_id for one in found}
    listed = {one.edition.id: one for one in editions.listing(project.store, numbers=list(numbers))} if found else {}
    return [
        {
            "edition": listed[one.edition_id].key,
            "address": one.address,
            "message_id": message_id(project.keys, listed[one.edition_id].edition, one.subscriber_id),
            "relay": one.relay,
            "since": one.since.isoformat(timespec="seconds"),
            "closed": one.closed,
        }
        for one in found
    ]


def revisions(project: Project, newsletter: NewsletterSettings) -> dict[str, list[dict[str, Any]]]:
    """Return the letters of every edition of a newsletter that was revised, by its key."""
    number = names.find(project.store, Newsletter, newsletter.name) or 0
    revised = set(editions.revised(project.store, number))
    listed = editions.listing(project.store, newsletter_id=number)
    return {one.key: _letters(project, one) for one in listed if one.edition.id in revised}


def _deliveries(project: Project, listed: Listed) -> list[dict[str, Any]]:
    return [
        {
            "address": one.address,
            "state": one.state.word,
            "attempts": one.attempts,
            "code": one.code,
            "enhanced": one.enhanced,
            "text": one.text,
            "message_id": message_id(project.keys, listed.edition, one.subscriber_id),
            "at": one.at and one.at.isoformat(timespec="seconds"),
        }
        for one in deliveries_of(project.store, edition_id=listed.edition.id)
    ]


@dataclass(frozen=True)
class Audit:
    """The account of a newsletter's articles, and the book of all sources."""

    account: Account
    book: Sequence[Balance]
    faults: Sequence[Fault]

    @property
    def is_sound(self) -> bool:
        """Whether everything is explained."""
        return not (self.account.unexplained or self.faults)


def audit(project: Project, newsletter: NewsletterSettings, now: dt.datetime) -> Audit:
    """Return the account of every article of a newsletter and of those that are placed nowhere, and the book."""
    number = names.find(project.store, Newsletter, newsletter.name) or 0
    nowhere = accounts.without_place(project.store)
    account = accounts.read_places(
        project.store, number, lambda places: account_for(newsletter.name, places, nowhere, now)
    )
    balances, lost = accounts.book(project.store)
    return Audit(account, balances, faults(balances, lost, len(nowhere)))
