import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel

from digest.models import Article, DeliveryState, EditionState, Placement, PlacementState
from digest.models.columns import Code, Instant
from digest.store import Store, articles, editions, open_store
from digest.store.tables import ARTICLE, DELIVERY, EDITION, LEASE, PLACEMENT
from tests.builders import an_article
from tests.store.builders import NOON, a_frozen_edition, a_store_file, do, query, save

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SQLITE = dialect()
NAIVE = NOON.replace(tzinfo=None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(a_store_file(tmp_path / "digest.db"))
    yield opened
    opened.close()


def test_enum_is_stored_as_its_word(store: Store) -> None:
    save(store, an_article())
    one = articles.listing(store)[0]
    assert one.article.id is not None
    articles.place(store, [one.article.id], None, PlacementState.PINNED, by="red", now=NOON)

    assert query(store.path, "SELECT state, typeof(state) FROM placement") == [("pinned", "text")]
    assert store.read(lambda c: c.execute(select(PLACEMENT.c.state)).scalar()) is PlacementState.PINNED


def test_every_enum_but_the_ledger_s_is_stored_as_text_that_can_grow(store: Store) -> None:
    kinds = {
        str(column): column.type
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if getattr(column.type, "enums", None)
    }

    assert set(kinds) == {
        "placement.state", "placement.role", "edition.state", "subscription.state", "subscription.origin",
        "consent_change.state", "consent_change.origin", "suppression.reason",
        "notice.kind", "notice.state",
    }  # fmt: skip
    for kind in kinds.values():
        assert kind.compile(dialect=SQLITE) == "VARCHAR(24)"
    assert not query(store.path, "SELECT name FROM sqlite_master WHERE sql LIKE '%CHECK%'")


def test_state_of_a_delivery_is_stored_as_its_number(store: Store) -> None:
    a_frozen_edition(store, "anna@example.com")

    assert query(store.path, "SELECT state, typeof(state) FROM delivery") == [(1, "integer")]
    assert store.read(lambda c: c.execute(select(DELIVERY.c.state)).scalar()) is DeliveryState.PENDING


def test_numbers_of_the_ledger_s_states_never_change() -> None:
    assert {state.word: state.value for state in DeliveryState} == {
        "pending": 1, "sending": 2, "sent": 3, "deferred": 4, "failed": 5, "in_doubt": 6, "withdrawn": 7,
        "skipped": 8, "cancelled": 9, "expired": 10,
    }  # fmt: skip


def test_state_that_is_none_cannot_be_stored(store: Store) -> None:
    a_frozen_edition(store, "anna@example.com")

    with pytest.raises(StatementError, match="11 is not a valid DeliveryState"):
        do(store, lambda c: c.execute(update(DELIVERY).values(state=11)))
    with pytest.raises(StatementError, match="lost"):
        do(store, lambda c: c.execute(update(EDITION).values(state="lost")))

    assert editions.listing(store)[0].edition.state is EditionState.FROZEN


def test_datetime_comes_back_aware_and_in_utc(store: Store) -> None:
    published = dt.datetime(2025, 7, 1, 6, 30, tzinfo=STOCKHOLM)
    save(store, an_article(published=published))

    read = articles.listing(store)[0].article.published

    assert read == published
    assert read is not None
    assert read.tzinfo is dt.UTC
    assert query(store.path, "SELECT published FROM article") == [("2025-07-01 04:30:00.000000",)]


@pytest.mark.parametrize("column", ["first_seen", "published"])
def test_datetime_without_a_zone_is_refused(store: Store, column: str) -> None:
    row = {"title": "Luftrenare", "first_seen": NOON, "changed_at": NOON}

    with pytest.raises(StatementError, match="naive"):
        do(store, lambda c: c.execute(insert(Article).values({**row, column: NAIVE})))

    assert not store.read(lambda c: c.execute(select(ARTICLE.c.id)).all())


def test_every_moment_of_every_record_is_aware_or_an_instant() -> None:
    for table in SQLModel.metadata.sorted_tables:
        for column in table.columns:
            if column.type.python_type is dt.datetime:
                assert isinstance(column.type, Instant) or "UTC" in type(column.type).__name__, str(column)


def test_instant_without_a_zone_is_refused(store: Store) -> None:
    a_frozen_edition(store, "anna@example.com")

    with pytest.raises(StatementError, match="an instant needs a time zone: 2025-11-30T12:00:00"):
        do(store, lambda c: c.execute(update(DELIVERY).values(next_at=NAIVE)))


def test_instant_is_stored_as_milliseconds(store: Store) -> None:
    a_frozen_edition(store, "anna@example.com")
    at = dt.datetime(2025, 11, 30, 13, 0, 0, 123_999, tzinfo=STOCKHOLM)

    do(store, lambda c: c.execute(update(DELIVERY).values(next_at=at)))

    assert query(store.path, "SELECT next_at FROM delivery") == [(1_764_504_000_123,)]
    read = store.read(lambda c: c.execute(select(DELIVERY.c.next_at)).scalar_one())
    assert read == dt.datetime(2025, 11, 30, 12, 0, 0, 123_000, tzinfo=dt.UTC)
    assert read.tzinfo is dt.UTC


@given(
    st.datetimes(timezones=st.just(dt.UTC)) | st.datetimes(timezones=st.just(STOCKHOLM)).filter(lambda x: x.year > 1)
)
def test_instant_comes_back_to_the_millisecond(moment: dt.datetime) -> None:
    kind = Instant()

    stored = kind.process_bind_param(moment, SQLITE)
    read = kind.process_result_value(stored, SQLITE)

    assert read is not None
    assert dt.timedelta() <= moment.astimezone(dt.UTC) - read < dt.timedelta(milliseconds=1)
    assert kind.process_bind_param(read, SQLITE) == stored


def test_nothing_stays_nothing() -> None:
    assert Instant().process_bind_param(None, SQLITE) is None
    assert Instant().process_result_value(None, SQLITE) is None
    assert Code(DeliveryState).process_bind_param(None, SQLITE) is None
    assert Code(DeliveryState).process_result_value(None, SQLITE) is None


def test_constraints_have_names_that_a_migration_can_call_them_by() -> None:
    for table in (Placement.metadata.tables[name] for name in Placement.metadata.tables):
        for constraint in table.constraints:
            assert constraint.name, f"{table}: {constraint}"
    assert {str(c.name) for c in LEASE.constraints} == {"pk_lease"}
