from sqlalchemy import text

from digest.store.changes import watched
from digest.store.store import Store


def test_only_what_was_changed_and_committed_is_noticed(store: Store) -> None:
    with watched(store) as state:
        before = state()
        store.read(lambda c: c.execute(text("SELECT * FROM article")).all())
        store.write(lambda c: c.execute(text("DELETE FROM article"))).result()
        assert state() == before
        store.write(lambda c: c.execute(text("UPDATE installation SET key = 'x'"))).result()
        assert state() != before
