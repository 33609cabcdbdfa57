"""Bringing people to lists and taking them off: what the commands of ``digest subscribers`` do."""

import datetime as dt
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from digest.errors import ConfigError, DigestError, NoSuchState, nearest
from digest.models import MailingList, Newsletter, Origin, SubscriptionState
from digest.models.sections import joined, section_key, split
from digest.people.addresses import Address, address_hash, hasher, read_address
from digest.people.consent import OFF, adding, in_import
from digest.people.imports import Problem, Row, read_subscribers
from digest.people.seen import at_length
from digest.project import Project, who_does_this
from digest.store import articles, names, people, subscriptions
from digest.store.leaving import bring_back
from digest.store.people import Known
from digest.store.subscriptions import SLICE, Enrolled, Person, Vouching
from digest.tables import language_tag, shown, tidy

BATCH = 20_000  #: people of an import in memory at a time
Part = TypeVar("Part")
Done = TypeVar("Done")
MOST_NAMED = 1000  #: sections that an import looks up


@dataclass
class Tally:
    """What an import came to: how many of each, and the rows that could not be read."""

    file: str
    list_name: str
    found: int = 0
    new: int = 0  #: and those that come back after they had been taken off
    confirmed: int = 0  #: were unconfirmed before
    updated: int = 0
    unchanged: int = 0
    left: int = 0  #: had left the list, or are marked so in an export, and stay so
    suppressed: int = 0
    unconfirmed: int = 0  #: on the list after it, without proof of consent: they get nothing
    problems: list[Problem] = field(default_factory=list)
    unknown_sections: list[str] = field(default_factory=list)  #: that no article has had; they are kept


class NoSuchSubscriber(DigestError):
    """Nobody is known by an address."""

    exit_code = 1

    def __init__(self, address: str, suppressed: str | None = None) -> None:
        but = f", and it is suppressed ({suppressed})" if suppressed else ""
        super().__init__(f"nobody is known as {address}{but}; look with: digest subscribers list")
        self.address = address


def check_list(project: Project, name: str) -> None:
    """Refuse a list that digest.toml does not know: ConfigError with the nearest."""
    known = project.file.list_names
    if name not in known:
        raise ConfigError(
            f"no list {name!r} in digest.toml; it has: {', '.join(known) or 'none yet'}{nearest(name, known)}"
        )


def list_number(project: Project, name: str, now: dt.datetime) -> int:
    """Return a list's number; ConfigError when digest.toml knows no such list."""
    check_list(project, name)
    settings = project.file.lists.get(name)
    return names.number(project.store, MailingList, name, settings.formerly if settings else None, now)


def person(project: Project, address: Address) -> Person:
    """Return somebody as the store knows them: by the hash of their address's key."""
    return Person(address_hash(address.key, _pepper(project)), address.given)


def persons(project: Project, rows: Iterable[Row]) -> list[Person]:
    """Return the people of a table's rows as the store knows them."""
    hash_of = hasher(_pepper(project))
    return [
        Person(hash_of(address.key), address.given, name, language, attributes, sections)
        for _, address, name, language, attributes, _, sections in rows
    ]


def _pepper(project: Project) -> bytes:
    return bytes.fromhex(project.store.installation.pepper)


def import_file(project: Project, path: Path, name: str, *, confirmed: bool, now: dt.datetime) -> Tally:
    """Bring the people of a file to a list; rows that cannot be read are named in the tally, the others go in.

    The list's own ``consent`` in digest.toml speaks for its rows as ``confirmed`` does.
    """
    number = list_number(project, name, now)
    settings = project.file.lists.get(name)
    proof = settings.consent if settings else ""
    vouched = confirmed or bool(proof)
    tally = Tally(str(path), name)
    try:
        with path.open("rb") as file, at_length():
            rows = read_subscribers(file, path.name, name)
            first = next(rows, None)  # an empty or headless file is refused before anything is recorded
            by = who_does_this()
            vouching = Vouching(
                Origin.IMPORT, by, proof or ("confirmed by the importer" if confirmed else ""), now,
                subscriptions.begin_import(project.store, str(path), by, now),
            )  # fmt: skip

            def write(part: tuple[SubscriptionState | None, list[Person]]) -> list[Enrolled]:
                decide = partial(in_import, vouched=vouched, said=part[0])
                return subscriptions.enrol(project.store, number, part[1], decide, vouching)

            for enrolled in written(write, _batches(project, chain([first] if first else [], rows), tally)):
                for one in enrolled:
                    _count(tally, one)
        tally.unknown_sections = unknown_sections(project, tally.unknown_sections)
    except OSError as error:
        raise DigestError(f"{path} cannot be read: {error.strerror}") from error
    return tally


def _batches(
    project: Project, rows: Iterator[Row | Problem], tally: Tally
) -> Iterator[tuple[SubscriptionState | None, list[Person]]]:
    """Yield many people at a time who are decided about in the same way, by the state that an export names."""
    batch: dict[SubscriptionState | None, list[Person]] = {}
    while part := list(islice(rows, min(BATCH, SLICE))):
        tally.found += len(part)
        tally.problems += [row for row in part if isinstance(row, Problem)]
        named = [row.sections for row in part if isinstance(row, Row) and row.sections]
        tally.unknown_sections = _also_named(tally.unknown_sections, named)
        for state, some in by_state([row for row in part if isinstance(row, Row)]):
            batch.setdefault(state, []).extend(persons(project, some))
        if sum(map(len, batch.values())) >= BATCH:
            yield from batch.items()
            batch = {}
    yield from batch.items()


def _also_named(known: list[str], choices: Collection[str]) -> list[str]:
    names = (name for choice in dict.fromkeys(choices) for name in split(choice))
    return list(dict.fromkeys([*known, *names]))[:MOST_NAMED] if choices else known


def unknown_sections(project: Project, names: Collection[str]) -> list[str]:
    """Return those of these sections that no article has had so far."""
    there = {section_key(name) for name in articles.sections(project.store)} if names else set()
    return [name for name in names if section_key(name) not in there]


def by_state(rows: Sequence[Row]) -> Iterator[tuple[SubscriptionState | None, list[Row]]]:
    """Yield the rows of each state that an exported file names; those of any other file all at once."""
    for state in dict.fromkeys(row.state for row in rows):
        yield state, [row for row in rows if row.state is state]


def written(write: Callable[[Part], Done], parts: Iterable[Part]) -> Iterator[Done]:
    """Yield what writing one part of many people after the other came to.

    A part is read while the one before is written: most of writing is SQLite's, which needs no interpreter.
    """
    with ThreadPoolExecutor(1, "enrol") as writing:
        under_way: deque[Future[Done]] = deque()
        for part in parts:
            while under_way:
                yield under_way.popleft().result()
            under_way.append(writing.submit(write, part))
        for last in under_way:
            yield last.result()


def _count(tally: Tally, one: Enrolled) -> None:
    if one.suppressed:
        tally.suppressed += 1
    elif one.after in OFF:
        tally.left += 1
    elif one.before in (None, SubscriptionState.REMOVED):
        tally.new += 1
    elif one.before is not one.after:
        tally.confirmed += 1
    elif one.updated:
        tally.updated += 1
    else:
        tally.unchanged += 1
    tally.unconfirmed += one.after is SubscriptionState.UNCONFIRMED


def add(
    project: Project,
    address: str,
    name: str,
    *,
    list_name: str,
    language: str | None,
    confirmed: bool,
    reason: str,
    now: dt.datetime,
    sections: Sequence[str] | None = None,
) -> Enrolled:
    """Add one person to a list by hand; return what became of the subscription.

    ``sections`` are those they want of it, all of them where none is named; None leaves it as it was.
    ``confirmed`` with a ``reason`` brings back who had left, also a newsletter that the list goes to, or was erased.
    """
    read = read_address(address)
    tag = language_tag(language) if language else None
    if language and tag is None:
        raise DigestError(f"{shown(language)} is not a language; write sv or en-GB")
    number = list_number(project, list_name, now)
    chosen = None if sections is None else joined(map(tidy, sections))
    somebody = Person(person(project, read).hash, read.given, tidy(name), tag, sections=chosen)
    vouching = Vouching(Origin.EDITOR, who_does_this(), reason, now)

    def decide(before: SubscriptionState | None, _: Origin | None, suppressed: bool) -> SubscriptionState | None:
        return adding(before, suppressed, confirmed=confirmed, reason=reason)

    if not (confirmed and reason):
        return subscriptions.enrol(project.store, number, [somebody], decide, vouching)[0]
    fed = {name for name, newsletter in project.file.newsletters.items() if list_name in newsletter.lists}
    numbers = [number for number, name in names.names(project.store, Newsletter).items() if name in fed]
    return bring_back(project.store, number, somebody, decide, vouching, numbers)


def remove(project: Project, address: str, list_name: str | None, reason: str, now: dt.datetime) -> list[str]:
    """Take one person off a list, or off all; return the lists' names. Their history is kept."""
    known = names.names(project.store, MailingList)
    wanted = [list_number(project, list_name, now)] if list_name else list(known)
    somebody = person(project, read_address(address))
    find(project, address)
    vouching = Vouching(Origin.EDITOR, who_does_this(), reason, now)
    return [known[number] for number in subscriptions.end(project.store, somebody.hash, wanted, vouching)]


def find(project: Project, address: str) -> Known:
    """Return the subscriber with an address; NoSuchSubscriber."""
    somebody = person(project, read_address(address))
    found = next(people.listing(project.store, hash_=somebody.hash), None)
    if found is None:
        raise NoSuchSubscriber(address)
    return found


def listing(
    project: Project, list_name: str | None, state: SubscriptionState | None, limit: int | None, now: dt.datetime
) -> Iterator[Known]:
    """Yield subscribers, narrowed by list and state."""
    number = list_number(project, list_name, now) if list_name else None
    return people.listing(project.store, list_id=number, states=[state] if state else (), limit=limit)


def read_state(word: str | None) -> SubscriptionState | None:
    """Return the state a word stands for; NoSuchState."""
    if word is None:
        return None
    if word not in list(SubscriptionState):
        raise NoSuchState(word, SubscriptionState)
    return SubscriptionState(word)


def overview(project: Project) -> dict[str, Counter[str]]:
    """Return how many subscriptions each list has in each state."""
    return {name: Counter(states) for name, states in people.counts(project.store).items()}
