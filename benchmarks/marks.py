"""What the marks cost: the same send with the ledger, and with one that says yes at once and writes nothing."""

import asyncio
import datetime as dt
import sqlite3
from contextlib import closing
from functools import partial
from unittest.mock import patch

from benchmarks.sample import DATE, sample_project
from benchmarks.sinks import sink, sink_name
from benchmarks.timing import Round, Timed, in_turn, show
from digest.delivery import handover
from digest.delivery.freeze import draft, freeze
from digest.delivery.options import Watch
from digest.delivery.roads import options, roads
from digest.delivery.send import Sending
from digest.delivery.tally import Heard, Tally
from digest.project import Project, open_project
from digest.store import editions
from digest.store.ledger import Claim, Entry, Mark
from digest.store.lock import hold, send_lock

CONNECTIONS = 10
WITH, WITHOUT = "with marks", "without: nothing is written of a mail"
AS_FROZEN = (
    "UPDATE delivery SET state = 1, attempt = 0, lease = NULL, next_at = NULL, relay_id = NULL, code = NULL, "
    "enhanced = NULL, done_at = NULL",
    "UPDATE edition SET state = 'frozen', finished_at = NULL",
)


class Blank(Tally):
    """A tally for measuring only: every mail may go, and nobody will know what became of it."""

    def mark(self, claim: Claim, relay_id: int, then: Heard) -> None:
        asyncio.get_running_loop().call_soon(then, Mark.GO)

    def record(self, claim: Claim, entry: Entry, then: Heard | None = None) -> None:
        if then is not None:
            asyncio.get_running_loop().call_soon(then, None)


def run(readers: int) -> None:
    """Print the rate of both, and their ratio."""
    with sink() as port:
        url = f"smtp+plain://127.0.0.1:{port}?connections={CONNECTIONS}"
        with sample_project(readers, url) as sample, open_project(sample.folder, sample.variables) as project:
            made = draft(project, project.newsletter(None), dt.date.fromisoformat(DATE), dt.datetime.now(dt.UTC))
            edition = freeze(project, made, rehearsal=False)
            if edition is None or edition.id is None:
                raise RuntimeError("the sample could not be frozen")
            send = partial(_send, project, edition.id)
            rounds = in_turn(lambda: {WITH: send()}, partial(_without, project, edition.id), rounds=5)
    show(f"A send over {CONNECTIONS} connections to {sink_name()}, with and without marks", rounds, WITHOUT, "mails")


def _without(project: Project, edition_id: int) -> Round:
    with patch.object(handover, "Tally", Blank):
        return {WITHOUT: _send(project, edition_id)}


def _send(project: Project, edition_id: int) -> Timed:
    """Send an edition as if it had just been frozen."""
    with closing(sqlite3.connect(project.store.path)) as store, store:
        for statement in AS_FROZEN:
            store.execute(statement)
    edition, ways = editions.get(project.store, edition_id), roads(project)
    how = options(project, ways, dt.timedelta(), "resend")
    with hold(send_lock(project.store.path)):
        now = asyncio.run(Sending(project.store, project.keys, edition, ways.relays, how, Watch()).run())
    if now.sent != edition.audience:
        raise RuntimeError(f"sent {now.sent} of {edition.audience} mails: {now.relay_words}")
    return Timed(now.sent, now.seconds)
