"""What has been learned of relays: kept for the next run, under the numbers that ledger rows name them by."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select, update

from digest.store.store import Store
from digest.store.tables import RELAY


@dataclass(frozen=True)
class Learned:
    """How a relay has been seen to behave; None where it has shown no limit."""

    per_connection: int | None = None  #: mails on one connection
    pace: float | None = None  #: mails a second
    at: dt.datetime | None = None


def learned(store: Store, relay_id: int) -> Learned:
    """Return what is known of a relay."""
    wanted = select(RELAY.c.per_connection, RELAY.c.pace, RELAY.c.learned_at).where(RELAY.c.id == relay_id)
    return store.read(lambda c: Learned(*c.execute(wanted).one()))


def learn(store: Store, relay_id: int, known: Learned) -> None:
    """Keep what is known of a relay for the next run."""
    values = {"per_connection": known.per_connection, "pace": known.pace, "learned_at": known.at}
    store.write(lambda c: c.execute(update(RELAY).where(RELAY.c.id == relay_id).values(values))).result()
