"""The store at size: an import, a freeze, claims and the ledger's marks, beside bare sqlite3 with the same rows."""

import asyncio
import csv
import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.sample import DATE, Sample, import_readers, sample_project
from benchmarks.timing import Round, Timed, in_turn, show, timed
from digest.delivery.claims import BATCH
from digest.delivery.freeze import Draft, draft, freeze
from digest.delivery.tally import Tally
from digest.models import DeliveryState, Edition
from digest.project import Project, open_project
from digest.store import Store, ledger, names, steering
from digest.store.ledger import Claim, Entry, Mark
from digest.store.marks import Marks
from digest.store.steering import Deed

MARKED = 2000  #: mails of one measurement of the ledger
IMPORT, FREEZE, MARKS = "digest subscribers import", "freeze, the transaction", "mark and record, 10 waiting"
BARE = """
    CREATE TABLE person (id INTEGER PRIMARY KEY, address TEXT UNIQUE, name TEXT, language TEXT, company TEXT, at TEXT);
    CREATE TABLE membership (list INT, person INT, state TEXT, at TEXT, PRIMARY KEY (list, person)) WITHOUT ROWID;
    CREATE TABLE history (id INTEGER PRIMARY KEY, person INT, list INT, state TEXT, at TEXT, reason TEXT);
    CREATE INDEX of_person ON history (person);
    CREATE TABLE mail (edition INT, person INT, letter INT, state INT, attempt INT, relay INT, code INT, done TEXT,
        PRIMARY KEY (edition, person)) WITHOUT ROWID;
"""


def run(subscribers: int) -> None:
    """Print rates of import, freeze and marks, and what memory an import takes."""
    peaks: list[int] = []
    with sample_project() as sample:
        peaks.append(import_readers(sample, subscribers // 10).peak)
    with sample_project() as sample, bare(sample.folder / "bare.db") as rows:
        rounds = in_turn(partial(_import, sample, subscribers, peaks), partial(_bare_import, rows, sample), rounds=1)
        show(f"Import of {subscribers:,} subscribers, durable by slices of 1,000", rounds, IMPORT, "rows")
        small, large = peaks[0] / 1e6, peaks[1] / 1e6
        print(
            f"\n  peak memory: {large:.0f} MB, {large / small:.2f} times that of a tenth of the rows ({small:.0f} MB)"
        )
        with open_project(sample.folder, {}) as project:
            _freeze_and_mark(project, rows, subscribers)


def _freeze_and_mark(project: Project, rows: sqlite3.Connection, subscribers: int) -> None:
    frozen: list[Edition] = []
    rounds = in_turn(partial(_freeze, project, frozen), partial(_bare_freeze, rows))
    show(f"Freeze of {subscribers:,} deliveries", rounds, FREEZE, "deliveries")
    marking = Marking(project.store, frozen[-1], rows)
    rounds = in_turn(marking.claim, *(partial(marking.mark, waiting) for waiting in (10, 40, MARKED)), marking.bare)
    show("The ledger: two writes a mail, each durable before what follows it", rounds, MARKS, "mails")


@contextmanager
def bare(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file of bare sqlite3, as durable as the store."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(BARE)
        yield connection


def _import(sample: Sample, count: int, peaks: list[int]) -> Round:
    ran = import_readers(sample, count)
    again = import_readers(sample, count)
    peaks.append(ran.peak)
    return {IMPORT: Timed(count, ran.seconds), "the same file again": Timed(count, again.seconds)}


def _bare_import(rows: sqlite3.Connection, sample: Sample) -> Round:
    """Write the same rows as three tables and an index, unchecked: addresses are neither read nor hashed."""
    count = 0

    def work() -> None:
        nonlocal count
        with (sample.folder / "readers.csv").open(encoding="utf-8", newline="") as file:
            table = csv.reader(file)
            next(table)
            while part := list(islice(table, 1000)):
                numbered = list(enumerate(part, count + 1))
                count += len(part)
                rows.execute("BEGIN IMMEDIATE")
                rows.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?, 'now')", [(n, *row) for n, row in numbered])
                rows.executemany(
                    "INSERT INTO membership VALUES (1, ?, 'confirmed', 'now')", [(n,) for n, _ in numbered]
                )
                rows.executemany(
                    "INSERT INTO history (person, list, state, at, reason) VALUES (?, 1, 'confirmed', 'now', 'form')",
                    [(n,) for n, _ in numbered],
                )
                rows.execute("COMMIT")

    took = timed(1, work)
    return {"bare sqlite3, nothing checked": Timed(count, took.seconds)}


def _freeze(project: Project, frozen: list[Edition]) -> Round:
    """Freeze the sample's edition, taken back first where it was frozen before."""
    now = dt.datetime.now(dt.UTC)
    if frozen:
        steering.take_back(project.store, frozen[-1].id or 0, Deed("taken back", "benchmark", now))
    made: list[Draft] = []
    newsletter, date = project.newsletter(None), dt.date.fromisoformat(DATE)
    drafting = timed(1, lambda: made.append(draft(project, newsletter, date, now)))
    freezing = timed(1, lambda: frozen.extend(filter(None, [freeze(project, made[0], rehearsal=False)])))
    count = made[0].readers
    return {FREEZE: Timed(count, freezing.seconds), "select, lay out, compose": Timed(count, drafting.seconds)}


def _bare_freeze(rows: sqlite3.Connection) -> Round:
    rows.execute("DELETE FROM mail")
    done: list[int] = []
    insert = "INSERT INTO mail (edition, person, letter, state, attempt) SELECT 1, id, 1, 1, 0 FROM person"
    took = timed(1, lambda: done.append(rows.execute(insert).rowcount))
    return {"bare INSERT ... SELECT of every person": Timed(done[0], took.seconds)}


class Marking:
    """The ledger at work on one edition, without letters and relays."""

    def __init__(self, store: Store, edition: Edition, rows: sqlite3.Connection) -> None:
        self._store, self._edition, self._rows = store, edition, rows
        self._relay = names.relay_number(store, "benchmark")
        self._lease = ledger.take_lease(store, dt.datetime.now(dt.UTC))
        self._after = 0

    def claim(self) -> Round:
        """Claim by batches."""
        return {f"claim, {BATCH} at a time": timed(MARKED, self._claims)}

    def mark(self, waiting: int) -> Round:
        """Mark and record as so many open connections do: each waits for its mark, nobody waits for the record."""
        claims = self._claims()
        name = f"mark and record, {waiting if waiting < MARKED else 'all'} waiting"
        return {name: timed(len(claims), lambda: asyncio.run(self._work(claims, waiting)))}

    def bare(self) -> Round:
        """Write the same two states by bare sqlite3, one commit for ten mails."""
        numbers = [number for (number,) in self._rows.execute("SELECT person FROM mail LIMIT ?", (MARKED,))]

        def work() -> None:
            for start in range(0, len(numbers), 10):
                part = [(number,) for number in numbers[start : start + 10]]
                self._rows.execute("BEGIN IMMEDIATE")
                for state in (2, 3):
                    row = f"UPDATE mail SET state = {state}, relay = 1, code = 250 WHERE edition = 1 AND person = ?"
                    self._rows.executemany(row, part)
                self._rows.execute("COMMIT")

        return {"bare sqlite3, commits of 10": timed(len(numbers), work)}

    def _claims(self) -> list[Claim]:
        claims: list[Claim] = []
        while len(claims) < MARKED:
            part = ledger.claim(self._store, self._edition.id or 0, self._lease, self._after, BATCH)
            if not part:
                raise RuntimeError("too few subscribers for the benchmark of the ledger")
            self._after = part[-1].subscriber_id
            claims += part
        return claims

    async def _work(self, claims: Sequence[Claim], waiting: int) -> None:
        left, now = iter(claims), dt.datetime.now(dt.UTC)
        sent = Entry(DeliveryState.SENT, now, self._relay, code=250)
        tally = Tally(self._store, Marks(self._edition), lambda *_: None, lambda _: None)

        async def connection() -> None:
            for claim in left:
                marked = asyncio.get_running_loop().create_future()
                tally.mark(claim, self._relay, marked.set_result)
                if (mark := await marked) is not Mark.GO:
                    raise RuntimeError(f"{claim} was not marked: {mark}")
                tally.record(claim, sent)

        await asyncio.gather(*(connection() for _ in range(waiting)))
        tally.hand_over()
        await asyncio.wrap_future(self._store.write(lambda _: None))  # behind the last record
