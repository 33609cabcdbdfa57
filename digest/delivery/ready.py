"""What must hold before a run claims its first mail."""

from digest.delivery import emergency
from digest.delivery.emergency import Journal
from digest.models import Edition
from digest.store import Store, ledger
from digest.store.disk import require_room
from digest.store.torn import refuse_torn


def make_ready(store: Store, edition: Edition, connections: int) -> tuple[Journal, int]:
    """Return the emergency journal and how many deliveries are open; StoreError: nothing was claimed.

    Only under the lock of sending.  What the last run could not write is in the ledger after this, so that an answer
    which we have had is not taken for a doubt.
    """
    kept = emergency.waiting(store.path, store.installation.uid)
    # Who could not write may have met the first bad sector.
    left = refuse_torn(store, edition, died=bool(kept) or ledger.has_died(store))
    require_room(store.path, left)
    emergency.replay_journal(store)
    return emergency.open_journal(store, connections), left
