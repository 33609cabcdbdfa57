"""All there is about one subscriber: lists, history, and their last deliveries."""

from dataclasses import dataclass
from typing import Any

from digest.letter.identity import message_id
from digest.models import Suppression
from digest.people import suppression
from digest.people.lists import NoSuchSubscriber, find
from digest.project import Project
from digest.store import deliveries, editions, leaving, people
from digest.store.people import Known

DELIVERIES = 10


@dataclass(frozen=True)
class Card:
    """One subscriber as ``digest subscribers show`` prints them."""

    known: Known
    suppression: dict[str, Any] | None
    stops: list[str]  #: newsletters left
    history: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]


def card(project: Project, address: str) -> Card:
    """Return what is known about an address; NoSuchSubscriber, which says so when the address is suppressed."""
    stopped = suppression.find(project, address)
    try:
        known = find(project, address)
    except NoSuchSubscriber as error:
        raise NoSuchSubscriber(address, stopped.reason if stopped else None) from error
    stops = leaving.stops(project.store, known.id)
    return Card(known, _stop(stopped), stops, _history(project, known.id), _deliveries(project, known.id))


def _stop(stopped: Suppression | None) -> dict[str, Any] | None:
    if stopped is None:
        return None
    at = stopped.at.isoformat(timespec="seconds")
    return {"reason": stopped.reason.value, "detail": stopped.detail, "by": stopped.by, "at": at}


def _history(project: Project, number: int) -> list[dict[str, Any]]:
    return [
        {
            "at": change.at.isoformat(timespec="seconds"),
            "list": list_name,
            "state": change.state.value,
            "origin": change.origin.value,
            "by": change.by,
            "reason": change.reason,
        }
        for change, list_name in people.history(project.store, number)
    ]


def _deliveries(project: Project, number: int) -> list[dict[str, Any]]:
    told = deliveries.listing(project.store, subscriber_id=number, limit=DELIVERIES)
    listed = editions.listing(project.store, numbers=[one.edition_id for one in told]) if told else []
    keys = {one.edition.id: one for one in listed}
    return [
        {
            "edition": keys[one.edition_id].key,
            "state": one.state.word,
            "at": one.at and one.at.isoformat(timespec="seconds"),
            "code": one.code,
            "text": one.text,
            "message_id": message_id(project.keys, keys[one.edition_id].edition, number),
        }
        for one in told
    ]
