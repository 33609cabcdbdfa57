"""Bringing lists into agreement with their files: who stands in one joins, who does so no more is taken off."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from digest.errors import ConfigError
from digest.models import MailingList, Origin
from digest.people.consent import Removals, in_file, removing
from digest.people.difference import Difference, count, unread
from digest.people.imports import EmptyFile, NoAddressColumn, NotText, Problem, Row, read_subscribers
from digest.people.lists import BATCH, by_state, check_list, list_number, persons, written
from digest.people.seen import Marks, at_length
from digest.people.sheet import FOLDER, NotWhole, file_name, is_cut_off, opened_by, snapshot
from digest.project import Project, who_does_this
from digest.store import names, sheets, subscriptions
from digest.store.lock import hold
from digest.store.subscriptions import Decide, Enrolled, Vouching

REFUSED = "you said no: nothing was changed"


@dataclass(frozen=True)
class Wish:
    """What is asked of a sync."""

    dry_run: bool = False
    force_removals: bool = False
    agreed: Callable[[Difference], bool] = lambda _: True  #: is shown what will change, before it does
    tell: Callable[[str, Row], None] = lambda _word, _row: None  #: hears of each row that changes something


@dataclass
class _Plan:
    """A file compared with its list."""

    change: Difference  #: what all of its rows come to
    rest: Difference  #: what those come to that change nothing
    is_read: bool = False  #: a row can be read
    named: Marks = field(default_factory=Marks)  #: the numbers of those whom the file names
    lines: Marks = field(default_factory=Marks)  #: of the rows that change something
    last: int = 1  #: the line on which the last row begins
    last_unread: bool = False
    leaving: list[int] = field(default_factory=list)  #: the numbers of those whose rows are gone


def lists_to_sync(project: Project, wanted: Sequence[str]) -> list[str]:
    """Return the lists that are named, else all that have a file; ConfigError for one without, or when none has."""
    known = project.file.list_names
    for name in wanted:
        check_list(project, name)
        if not _path(project, name).exists():
            raise ConfigError(f"the list {name} has no file; it would be {FOLDER}/{file_name(name)}")
    chosen = list(dict.fromkeys(wanted)) or [name for name in known if _path(project, name).exists()]
    if not chosen:
        files = ", ".join(file_name(name) for name in known) or "that of a list of digest.toml, and it has none"
        raise ConfigError(f"no list has a file in {project.folder / FOLDER}; it would be {files}")
    return chosen


def sync(project: Project, lists: Sequence[str], wish: Wish, now: dt.datetime) -> Iterator[Difference]:
    """Bring one list after the other into agreement with its file, and yield what it came to.

    A file governs only the subscriptions that came through it. BusyError when another sync is at it.
    """
    if wish.dry_run:
        yield from (_sync(project, name, wish, now) for name in lists)
        return
    with hold(project.store.path.with_name(project.store.path.name + "-sync.lock")):
        yield from (_sync(project, name, wish, now) for name in lists)


def _path(project: Project, name: str) -> Path:
    return project.folder / FOLDER / file_name(name)


def _sync(project: Project, name: str, wish: Wish, now: dt.datetime) -> Difference:
    path = _path(project, name)
    empty = Difference(name, f"{FOLDER}/{path.name}", open_by=opened_by(path))
    try:
        with snapshot(path) as copy, at_length():
            read_at = dt.datetime.now(dt.UTC)
            plan = _compare(project, empty, copy, wish)
            if plan.change.held is not None or wish.dry_run:
                return plan.change
            if not wish.agreed(plan.change):
                return replace(plan.change, held=REFUSED)
            done = _do(project, copy, plan, now)
    except (EmptyFile, NoAddressColumn, NotText, NotWhole) as error:
        return replace(empty, held=str(error))
    if not unread(done):
        sheets.note_sync(project.store, list_number(project, name, now), read_at)
    return done


def _compare(project: Project, empty: Difference, copy: BinaryIO, wish: Wish) -> _Plan:
    """Return what would change; nothing is written."""
    name = empty.list_name
    plan = _Plan(_blank(empty), _blank(empty))
    # None as long as nobody has been on the list: a dry run does not even give it a number.
    number = names.find(project.store, MailingList, name) or 0
    for batch in _batches(copy, name):
        plan.last, plan.last_unread = _line(batch[-1]), isinstance(batch[-1], Problem)
        _note_problems(plan.change, batch)
        _note_problems(plan.rest, batch)
        for people, decide in _people(project, name, batch):
            plan.is_read = True
            foreseen = subscriptions.foresee_with_numbers(project.store, number, persons(project, people), decide)
            for row, (one, known_as) in zip(people, foreseen, strict=True):
                if known_as is not None:
                    plan.named.add(known_as)
                word = count(plan.change, row.line, row.address.given, one)
                if one.is_change:
                    plan.lines.add(row.line)
                    wish.tell(word, row)
                else:
                    count(plan.rest, row.line, row.address.given, one)
    _sort(plan.change)
    if is_cut_off(copy, empty.file, plan.last, unread=plan.last_unread):
        raise NotWhole(f"{empty.file} ends in the middle of a row: it was saved by half; nothing was changed")
    _compare_removals(project, number, plan, wish)
    return plan


def _compare_removals(project: Project, number: int, plan: _Plan, wish: Wish) -> None:
    kept = 0
    for subscriber, address in sheets.kept_by_file(project.store, number):
        kept += 1
        if subscriber not in plan.named:
            plan.leaving.append(subscriber)
            plan.change.vanished.append(address)
    going, unreadable = len(plan.leaving), len(unread(plan.change))
    change = plan.change
    if unreadable and not plan.is_read:
        change.held = f"no row of {change.file} can be read; nothing was changed"
        return
    match removing(going, kept, unreadable, forced=wish.force_removals):
        case Removals.GO:
            change.removed = going
        case Removals.WAIT:
            change.waiting = going
        case Removals.HELD:
            change.held = (
                f"{going:,} of the {kept:,} people whom {change.file} keeps on the list are in it no more; nothing was "
                f"changed; if that is meant: digest subscribers sync {change.list_name} --force removals"
            )


def _do(project: Project, copy: BinaryIO, plan: _Plan, now: dt.datetime) -> Difference:
    """Bring in the rows that change something, then take off who goes; return what came of it."""
    done, name = plan.rest, plan.rest.list_name
    done.vanished, done.waiting = plan.change.vanished, plan.change.waiting
    if not plan.lines and not plan.change.removed:
        return done
    number, proof, by = list_number(project, name, now), _proof(project, name), who_does_this()
    run = subscriptions.begin_import(project.store, done.file, by, now)
    joining = Vouching(Origin.FILE, by, proof, now, run, takes_over=False)

    def write(part: tuple[list[Row], Decide]) -> list[tuple[int, str, Enrolled]]:
        rows, decide = part
        enrolled = subscriptions.enrol(project.store, number, persons(project, rows), decide, joining)
        return [(row.line, row.address.given, one) for row, one in zip(rows, enrolled, strict=True)]

    batches = _batches(copy, name, plan.lines) if plan.lines else ()
    for some in written(write, (part for batch in batches for part in _people(project, name, batch))):
        for line, address, one in some:
            count(done, line, address, one)
    if plan.change.removed:
        leaving = replace(joining, reason=f"is in {done.file} no more")
        done.removed = sheets.take_off(project.store, number, plan.leaving, leaving)
    _sort(done)
    return done


def _people(project: Project, name: str, batch: list[Row | Problem]) -> Iterator[tuple[list[Row], Decide]]:
    """Yield rows that are decided about in the same way, and how."""
    vouched = bool(_proof(project, name))
    for said, people in by_state([row for row in batch if isinstance(row, Row)]):
        yield people, partial(in_file, vouched=vouched, said=said)


def _proof(project: Project, name: str) -> str:
    settings = project.file.lists.get(name)
    return settings.consent if settings else ""


def _batches(copy: BinaryIO, name: str, only: Marks | None = None) -> Iterator[list[Row | Problem]]:
    copy.seek(0)
    rows = read_subscribers(copy, file_name(name), name, only)
    while batch := list(islice(rows, BATCH)):
        yield batch


def _note_problems(difference: Difference, batch: list[Row | Problem]) -> None:
    difference.problems += [row for row in batch if isinstance(row, Problem)]


def _sort(difference: Difference) -> None:
    """Put those who are named into the order of the file: an export's rows go by state."""
    for named in (difference.left, difference.suppressed, difference.removed_by_hand):
        named.sort(key=lambda one: one.line)


def _blank(empty: Difference) -> Difference:
    return replace(empty, left=[], suppressed=[], removed_by_hand=[], problems=[], vanished=[])


def _line(row: Row | Problem) -> int:
    return row.line if isinstance(row, Row) else int(row.where.removeprefix("line "))
