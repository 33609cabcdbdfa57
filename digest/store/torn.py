"""A torn store is recognised before anything is sent from it.

Power cuts on disks that lie, a file put back under another one's log, a bad sector.  What SQLite reads it looks at, and
refuses what cannot be; but a torn page may be one that is read too late, or never.  Therefore a run looks first at what
it sends by.  Rows of readers and subscriptions are not walked through (as long again, twice): each is read, and so
looked at, by the claim and the mark of its own mail.
"""

from functools import partial

from sqlalchemy import Connection, case, func, select

from digest.models import Edition
from digest.store.engine import damaged
from digest.store.standing import is_open
from digest.store.store import Store
from digest.store.tables import (
    ATTEMPT,
    DELIVERY,
    EDITION,
    INSTALLATION,
    LEASE,
    LETTER,
    NEWSLETTER,
    RELAY,
    STOP,
    SUPPRESSION,
)

#: Short, and looked through before every run. A letter's mail lies on pages of its own, which reading does not check.
ALWAYS = (INSTALLATION, NEWSLETTER, EDITION, LETTER, LEASE, RELAY, STOP, SUPPRESSION)
#: As long as all that has ever been sent: 0.4 s a million rows, and only after a process that has died.
AFTER_A_DEATH = (ATTEMPT, DELIVERY)


def refuse_torn(store: Store, edition: Edition, *, died: bool) -> int:
    """Return how many deliveries of an edition are open; StoreError when what it is sent by is torn.

    ``died``: the last run has not ended by itself.
    """
    tables = [table.name for table in (*ALWAYS, *(AFTER_A_DEATH if died else ()))]
    for name in tables:
        store.read(partial(_look, store, f"('{name}')"))
    rows = select(func.count(), func.count(case((is_open(), 1)))).where(DELIVERY.c.edition_id == edition.id)
    audience = select(EDITION.c.audience).where(EDITION.c.id == edition.id)
    (found, left), wanted = store.read(lambda c: (c.execute(rows).one(), c.execute(audience).scalar_one()))
    if found != wanted:
        raise damaged(store.path, f"{found:,} deliveries of an edition for {wanted:,} readers")
    return int(left)


def refuse_torn_store(store: Store) -> None:
    """Raise StoreError when any part of a store is torn: before a new edition is made of it."""
    store.read(partial(_look, store, ""))


def _look(store: Store, what: str, connection: Connection) -> None:
    words = connection.exec_driver_sql(f"PRAGMA quick_check{what}").scalar()
    if words != "ok":
        raise damaged(store.path, " ".join(str(words).split()))
