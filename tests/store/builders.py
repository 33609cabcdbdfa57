"""Stores for tests, real files of SQLite, and what is in them."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, update

from digest.delivery.variants import primary
from digest.models import (
    Article,
    Edition,
    Letter,
    MailingList,
    Newsletter,
    Origin,
    PlacementRole,
    PlacementState,
    Stop,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from digest.people.addresses import address_hash
from digest.store import Store, articles, create, editions, names, people, saving, subscriptions
from digest.store.editions import Freezing
from digest.store.saving import Home, Saved
from digest.store.steering import Deed
from digest.store.subscriptions import Enrolled, Person, Vouching
from digest.store.tables import SUBSCRIBER
from digest.store.variants import Wanted
from tests.builders import SUNDAY, an_article

T = TypeVar("T")

NOON = dt.datetime(2025, 11, 30, 12, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(hours=1)
PEPPER = bytes(32)
CONFIRMED = SubscriptionState.CONFIRMED


@cache
def _made() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "digest.db"
        create(path, NOON)
        return path.read_bytes()


def a_store_file(path: Path) -> Path:
    """Make a store of the newest version; it is made once in a process and copied, which is quicker."""
    path.write_bytes(_made())
    return path


def query(path: Path, sql: str, *values: Any) -> list[Any]:
    """Return rows as SQLite itself has them, with no type of ours in between."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def do(store: Store, work: Callable[[Connection], T]) -> T:
    """Do a work and wait until it is durable."""
    future: Future[T] = store.write(work)
    return future.result(timeout=10)


def a_newsletter_number(store: Store, name: str = "nyheter") -> int:
    """Return the number of a newsletter, given to it here when it is new."""
    return names.number(store, Newsletter, name, None, NOON)


def a_list_number(store: Store, name: str = "industri") -> int:
    """Return the number of a list, given to it here when it is new."""
    return names.number(store, MailingList, name, None, NOON)


def save(
    store: Store,
    *found: Article,
    newsletters: Sequence[int] = (),
    state: PlacementState = PlacementState.WAITING,
    now: dt.datetime = NOON,
) -> list[Saved]:
    """Take articles in, placed in these newsletters, else in the only one."""
    home = Home(dict.fromkeys(newsletters or [a_newsletter_number(store)], state))
    return saving.save(store, found, lambda _: home, now)


def some_articles(store: Store, *titles: str) -> None:
    """Take in articles that wait, each with a link of its own."""
    save(store, *(an_article(title, url=None, link=f"https://nytt.example.com/{title}") for title in titles))


def a_person(address: str = "anna@example.com", **values: Any) -> Person:
    """Return somebody as an import names them."""
    return Person(address_hash(address.lower(), PEPPER), address, **values)


def a_vouching(**values: Any) -> Vouching:
    """Return an editor who brings people to a list at noon."""
    return Vouching(**{"origin": Origin.EDITOR, "by": "red", "reason": "asked for it", "at": NOON, **values})


def enrol(
    store: Store, *somebody: Person | str, list_id: int | None = None, state: SubscriptionState = CONFIRMED
) -> list[Enrolled]:
    """Bring people, or addresses, to a list, into a state."""
    named = [a_person(one) if isinstance(one, str) else one for one in somebody]
    number = a_list_number(store) if list_id is None else list_id
    return subscriptions.enrol(store, number, named, lambda before, origin, suppressed: state, a_vouching())


def number_of(store: Store, address: str) -> int:
    """Return the number of the subscriber with an address."""
    return next(people.listing(store, hash_=a_person(address).hash)).id


def suppress(store: Store, address: str, reason: SuppressionReason = SuppressionReason.BOUNCE) -> None:
    """Put a standing stop on an address."""
    row = {"hash": a_person(address).hash, "reason": reason, "at": NOON}
    do(store, lambda c: c.execute(insert(Suppression).values(row)))


def stop(store: Store, newsletter_id: int, address: str) -> None:
    """Record that a reader has left a newsletter."""
    row = {"newsletter_id": newsletter_id, "subscriber_id": number_of(store, address), "at": NOON}
    do(store, lambda c: c.execute(insert(Stop).values(row)))


def erase(store: Store, address: str) -> None:
    """Leave an empty row of a subscriber."""
    empty = update(SUBSCRIBER).where(SUBSCRIBER.c.hash == a_person(address).hash)
    do(store, lambda c: c.execute(empty.values(hash=None, address="", name="", erased_at=NOON)))


def a_letter(language: str = "sv") -> Letter:
    """Return a letter in a language; nobody looks into it here."""
    return Letter(edition_id=0, language=language, subject="Nytt", html="<p>Nytt</p>", text="Nytt", mail=b"Nytt")


def a_plan(store: Store, **values: Any) -> Freezing:
    """Return a freeze of all that waits for the newsletter, for the readers of the list."""
    newsletter_id = values.pop("newsletter_id", None) or a_newsletter_number(store)
    rendered = values.pop("rendered", None) or articles.candidates(store, newsletter_id)
    roles: Mapping[int, PlacementRole] = {article.id or 0: PlacementRole.HEADLINE for article, _ in rendered}
    defaults = {
        "newsletter_id": newsletter_id, "date": SUNDAY, "number": 1, "at": NOON, "give_up_at": LATER,
        "rehearsal": False, "list_ids": [a_list_number(store)], "sender": "nytt@example.com",
        "bounce_address": None, "key": "0" * 16, "rendered": rendered, "roles": roles, "passed": [],
        "letters": [a_letter()], "letter_for": lambda wanted: 0,
    }  # fmt: skip
    return Freezing(**{**defaults, **values})


def in_languages(*languages: str, asked: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a freeze has for a letter in each of these languages, the first for whoever asked for another."""

    def letter_for(wanted: Wanted) -> int:
        language = primary(wanted.language or "")
        return languages.index(language) if language in languages else 0

    letters = [a_letter(one) for one in languages]
    return {"letters": letters, "letter_for": letter_for, "languages": asked or languages}


def a_frozen_edition(store: Store, *addresses: str, **values: Any) -> Edition:
    """Freeze an edition with one article for readers with these addresses."""
    if addresses:
        enrol(store, *addresses)
    some_articles(store, "Luftrenare")
    edition = editions.freeze(store, a_plan(store, **values))
    assert edition is not None
    return edition


def a_deed(at: dt.datetime = NOON, verb: str = "paused") -> Deed:
    """What somebody does to an edition."""
    return Deed(verb, "anna", at)
