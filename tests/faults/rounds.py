"""One round of the suite: a project, a relay, a fault, and going on until nothing is left."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digest.demo.smtpd import Received, read_received
from digest.models import DeliveryState
from tests.commands import Ended
from tests.faults import ready
from tests.faults.edition import SEND
from tests.faults.invariants import Evidence, Kill, Row
from tests.faults.processes import Command, First, Manners, Served, digest, relaying

RUNS = 6  #: more than any fault needs until it is done


@dataclass
class Round:
    """A project whose edition is on its way, and the relays that take it."""

    project: Path
    relays: list[Served]
    connections: int
    readers: dict[int, str]  #: by number: an erased reader's address was theirs
    kills: list[Kill] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def start(self, *options: str, url: str = "", first: First | None = None, **environment: str) -> Command:
        """Begin to send, in a process of its own."""
        relay = {"DIGEST_RELAY_URL": url or " ".join(relay.url for relay in self.relays)}
        environment = {"DIGEST_RELAY_CONNECTIONS": str(self.connections), **relay, **environment}
        return Command(self.project, *SEND, *options, first=first, **environment)

    def send(self, *options: str, url: str = "", first: First | None = None, **environment: str) -> Ended:
        """Send until that run ends."""
        return self.start(*options, url=url, first=first, **environment).end()

    def note_kill(self) -> Kill:
        """Take down whom a kill has left in doubt, as anybody would ask who goes on."""
        asked = digest(self.project, "editions", "doubts", "--json")
        assert asked.code == 0, asked.err
        kill = Kill(self.connections, frozenset(one["address"] for one in asked.json["doubts"]))
        self.kills.append(kill)
        return kill

    def finish(self, *options: str, url: str = "") -> Evidence:
        """Go on until nothing is left, send once more, and return what there is to judge by."""
        last = self.send(*options, url=url)
        for _ in range(RUNS):
            if last.code == 0:
                break
            ready.make_due(self.project)
            last = self.send(*options, url=url)
        again = self.send(*options, url=url)
        return Evidence(
            frozenset(self.readers.values()), self.ledger(), self.mails(), last, again, self.kills,
            unanswered(self) if not self.kills else frozenset(), frozenset(self.gone),
        )  # fmt: skip

    def mails(self) -> list[Received]:
        """Return what the relays have taken, each in its order."""
        return [mail for relay in self.relays for mail in read_received(relay.folder)]

    def ledger(self) -> dict[str, Row]:
        """Return the rows of the edition, as the store itself has them."""
        found = rows(self.project, "SELECT subscriber_id, state, closed FROM delivery")
        return {self.readers[who]: Row(DeliveryState(state).word, bool(closed)) for who, state, closed in found}

    def ledger_counts(self) -> Counter[str]:
        """Return how many rows are in each state at this moment."""
        return Counter(row.state for row in self.ledger().values())


@contextmanager
def a_round(made: Path, folder: Path, connections: int = 1, *manners: Manners) -> Iterator[Round]:
    """A fresh copy of a project, and a relay, or one for each of these manners."""
    project = ready.copy(made, folder / "project")
    with ExitStack() as stack:
        relays = [
            stack.enter_context(relaying(folder / f"relay{n}", one)) for n, one in enumerate(manners or [Manners()])
        ]
        yield Round(project, relays, connections, readers(project))


def pid_of(folder: Path) -> Path:
    """Return the file that says which process sends in a round in this folder."""
    return folder / "project" / "pid"


def readers(project: Path) -> dict[int, str]:
    """Return who is on the list, as the store itself has it."""
    return dict(rows(project, "SELECT id, address FROM subscriber"))


def unanswered(one: Round) -> frozenset[str]:
    """Return whose answer was lost after the dot, by the ledger's notes."""
    found = rows(one.project, "SELECT DISTINCT subscriber_id FROM attempt WHERE phase = 'dot'")
    return frozenset(one.readers[who] for (who,) in found)


def rows(project: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project / "digest.db", timeout=10)) as store:
        return store.execute(sql).fetchall()
