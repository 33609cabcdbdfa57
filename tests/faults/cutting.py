"""The power goes: the store as the disk has it then, its log cut off somewhere, beside what the relay had taken.

SQLite syncs its log at every commit, so a cut is what a power failure leaves that came when the log was synced up to
there.  What a relay was given the dot for must be marked in whatever log there was at that moment.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from digest.demo.smtpd import Answer, Script, Step
from digest.models import DeliveryState
from digest.store import editions, ledger, open_store
from digest.store.engine import as_store_error
from tests.faults.edition import SEND
from tests.faults.processes import Manners, digest, relaying
from tests.store.builders import NOON

PAGE = 4096
MARKED = {DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.IN_DOUBT}


@dataclass(frozen=True)
class Recorded:
    """A whole send: the store as it was before it, all that was written to its log, and the dots that the relay saw."""

    database: bytes
    log: bytes
    dots: tuple[tuple[int, str], ...]  #: how long the log was at each, and for whom
    readers: int
    connections: int


@dataclass(frozen=True)
class Noting:
    """A relay's manners: it takes everything, and notes how long the log is at every dot, before it answers."""

    log: Path
    notes: Path

    def __call__(self) -> Script:
        whom: dict[int, str] = {}

        def script(step: Step) -> Answer:
            if step.name == "rcpt":
                whom[step.connection] = step.argument.partition("<")[2].partition(">")[0]
            elif step.name == "dot":
                with self.notes.open("a", encoding="utf-8") as file:
                    file.write(f"{self.log.stat().st_size} {whom[step.connection]}\n")
            return None

        return script


def record(project: Path, folder: Path, connections: int) -> Recorded:
    """Send a project's edition, freeze and all, and return what was written to the log."""
    path, notes = project / "digest.db", folder / "dots"
    log = path.with_name("digest.db-wal")
    # Read before anybody has it open: a process that closes the file lets go of all its locks on it (POSIX).
    database, written = path.read_bytes(), path.stat().st_mtime_ns
    with closing(sqlite3.connect(path, isolation_level=None)) as pinned:
        # Who reads all the while keeps SQLite from bringing the log into the file, and from beginning it anew.
        pinned.execute("BEGIN")
        ((readers,),) = pinned.execute("SELECT count(*) FROM subscriber")
        with relaying(folder / "relay", Manners(Noting(log, notes), keeps=False)) as relay:
            most = str(connections)
            sent = digest(project, *SEND, DIGEST_RELAY_URL=relay.url, DIGEST_RELAY_CONNECTIONS=most)
        assert (sent.code, sent.json["sent"]) == (0, readers), sent
        assert path.stat().st_mtime_ns == written
        dots = (line.split(" ") for line in notes.read_text(encoding="utf-8").splitlines())
        return Recorded(
            database, log.read_bytes(), tuple((int(size), whom) for size, whom in dots), readers, connections
        )


def places(recorded: Recorded, cuts: int, seed: int = 1) -> list[int]:
    """Return where to cut: at boundaries of 4 kB, spread over the log; beyond their number at bytes by chance."""
    boundaries = list(range(0, len(recorded.log) + 1, PAGE))
    if cuts <= len(boundaries):
        wanted = cuts * 2 // 3
        chosen = [boundaries[n * (len(boundaries) - 1) // max(1, wanted - 1)] for n in range(wanted)]
    else:
        chosen = boundaries
    chance = random.Random(seed)
    return sorted([*chosen, *(chance.randrange(len(recorded.log)) for _ in range(cuts - len(chosen)))])


def cut(recorded: Recorded, at: int, folder: Path) -> Path:
    """Return a store as the disk has it when the power goes while the log is synced up to there."""
    path = folder / "digest.db"
    for kind in ("-wal", "-shm", "-emergency"):
        path.with_name(path.name + kind).unlink(missing_ok=True)
    path.write_bytes(recorded.database)
    path.with_name("digest.db-wal").write_bytes(recorded.log[:at])
    return path


def broken(recorded: Recorded, at: int, folder: Path, *, go_on: bool = True) -> Iterator[str]:
    """Yield what does not hold of a store that was cut there, in words; ``go_on``: nor when a send goes on with it."""
    path = cut(recorded, at, folder)
    try:
        with closing(sqlite3.connect(path)) as store:
            yield from (f"cut at {at}: {words}" for words in _as_found(store, recorded, at))
        if go_on:
            yield from (f"cut at {at}, gone on with: {words}" for words in _gone_on_with(path, recorded, at))
    except sqlite3.Error as error:
        yield f"cut at {at}: {as_store_error(error, path)}"


def _as_found(store: sqlite3.Connection, recorded: Recorded, at: int) -> Iterator[str]:
    verdict = store.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        yield verdict
    if store.execute("PRAGMA foreign_key_check").fetchone():
        yield "a row refers to nothing"
    states = _states(store)
    audience = store.execute("SELECT coalesce(sum(audience), 0) FROM edition").fetchone()[0]
    if len(states) != audience or audience not in (0, recorded.readers):
        yield f"{len(states)} deliveries, an audience of {audience}, {recorded.readers} readers"
    bound = store.execute("SELECT count(*) FROM placement WHERE state = 'bound'").fetchone()[0]
    letters = store.execute("SELECT count(*) FROM letter").fetchone()[0]
    if (bound > 0, letters > 0) != (audience > 0, audience > 0):
        yield f"half a freeze: {bound} articles bound, {letters} letters"
    for whom in _given(recorded, at):
        if states.get(whom) not in MARKED:
            yield f"{whom} was given the dot and is {states.get(whom)}"
    sending = sum(state is DeliveryState.SENDING for state in states.values())
    if sending > recorded.connections:
        yield f"{sending} mails in doubt, of {recorded.connections} connections"


def _gone_on_with(path: Path, recorded: Recorded, at: int) -> Iterator[str]:
    """Settle what the power cut has left, as the next send does first."""
    store = open_store(path)
    try:
        for one in editions.listing(store):
            ledger.take_over(store, one.edition, NOON)
    finally:
        store.close()
    with closing(sqlite3.connect(path)) as after:
        states = _states(after)
    for whom in _given(recorded, at):
        if states.get(whom) not in (DeliveryState.SENT, DeliveryState.IN_DOUBT):
            yield f"{whom} was given the dot and would be mailed again, unnamed: {states.get(whom)}"


def _states(store: sqlite3.Connection) -> dict[str, DeliveryState]:
    wanted = "SELECT subscriber.address, state FROM delivery JOIN subscriber ON subscriber.id = subscriber_id"
    return {address: DeliveryState(state) for address, state in store.execute(wanted)}


def _given(recorded: Recorded, at: int) -> list[str]:
    """Return who had been given the dot when the log was no longer than that."""
    return [whom for size, whom in recorded.dots if size <= at]
