"""Marks and records of many mails in one work: durable before they are answered, in order, and kept when they fail."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from digest.delivery import tally
from digest.delivery.tally import Heard, Tally
from digest.errors import StoreError
from digest.models import DeliveryState, Edition, SubscriptionState
from digest.store import Store, ledger, names, open_store
from digest.store.ledger import Claim, Entry, Mark
from digest.store.marks import Marks
from tests.store.builders import NOON, a_frozen_edition, a_store_file, do, enrol, query
from tests.store.test_writer import commits

PENDING, SENDING, SENT, DEFERRED, FAILED, IN_DOUBT, WITHDRAWN, *_ = DeliveryState
READERS = [f"reader{n}@example.com" for n in range(12)]
TAKEN = Entry(SENT, NOON, 1, code=250)


class Desk:
    """A tally of an edition for twelve readers who are claimed, and what it has said besides."""

    def __init__(self, store: Store, edition: Edition, relay_id: int) -> None:
        self.store, self.relay_id = store, relay_id
        self.claims = ledger.claim(store, 1, ledger.take_lease(store, NOON), 0, len(READERS))
        self.unwritten: list[tuple[int, str]] = []
        self.errors: list[BaseException] = []
        self.tally = Tally(store, Marks(edition), self._keep, self.errors.append)

    def _keep(self, claim: Claim, _: Entry, error: BaseException) -> None:
        assert isinstance(error, StoreError)
        self.unwritten.append((claim.subscriber_id, threading.current_thread().name))

    def mark(self, n: int) -> "asyncio.Future[Mark | None]":
        marked = _future()
        self.tally.mark(self.claims[n], self.relay_id, _into(marked))
        return marked

    def record(self, n: int, entry: Entry = TAKEN) -> "asyncio.Future[Mark | None]":
        recorded = _future()
        self.tally.record(self.claims[n], entry, _into(recorded))
        return recorded

    def states(self) -> list[DeliveryState]:
        """Return what another process sees."""
        return [DeliveryState(row[0]) for row in query(self.store.path, "SELECT state FROM delivery")]


def _future() -> "asyncio.Future[Mark | None]":
    return asyncio.get_running_loop().create_future()


def _into(future: "asyncio.Future[Mark | None]") -> Heard:
    return lambda mark: None if future.done() else future.set_result(mark)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(a_store_file(tmp_path / "digest.db"))
    edition = a_frozen_edition(store, *READERS)
    yield Desk(store, edition, names.relay_number(store, "mail.example.com"))
    store.close()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(within())


def test_marks_that_are_asked_for_together_are_one_commit(desk: Desk) -> None:
    before = commits(desk.store.path)

    async def together() -> None:
        assert await asyncio.gather(*(desk.mark(n) for n in range(12))) == [Mark.GO] * 12

    run(together)

    assert commits(desk.store.path) - before == 1
    assert desk.states() == [SENDING] * 12


def test_mark_is_durable_when_it_is_answered_and_so_is_the_record_of_the_mail_before(desk: Desk) -> None:
    async def connection(numbers: range) -> None:
        for n in numbers:
            assert await desk.mark(n) is Mark.GO
            seen = desk.states()
            assert seen[n] is SENDING
            assert [seen[earlier] for earlier in numbers if earlier < n] == [SENT] * (n - numbers.start)
            desk.record(n)

    async def send() -> None:
        await asyncio.gather(*(connection(range(start, start + 4)) for start in (0, 4, 8)))
        desk.tally.hand_over()

    run(send)

    do(desk.store, lambda _: None)  # behind the last record
    assert desk.states() == [SENT] * 12


def test_each_of_a_group_is_told_its_own(desk: Desk) -> None:
    enrol(desk.store, READERS[1], state=SubscriptionState.UNSUBSCRIBED)
    with closing(sqlite3.connect(desk.store.path)) as connection, connection:
        connection.execute("UPDATE delivery SET attempt = 2 WHERE subscriber_id = 3")

    async def together() -> None:
        said = await asyncio.gather(*(desk.mark(n) for n in range(4)), desk.record(4))
        assert said == [Mark.GO, Mark.WITHDRAWN, Mark.FENCED, Mark.GO, None]

    run(together)

    assert desk.states()[:5] == [SENDING, WITHDRAWN, PENDING, SENDING, SENT]


def test_record_that_was_made_before_its_mark_was_answered_has_the_last_word(desk: Desk) -> None:
    async def cut_off() -> None:
        mark = desk.mark(0)
        mark.cancel()  # with the conversation that waited for it
        await desk.record(0, Entry(PENDING, NOON, 1, phase="content", words="cut off by us"))

    run(cut_off)

    assert query(desk.store.path, "SELECT state, lease FROM delivery WHERE subscriber_id = 1") == [(PENDING, None)]


def test_words_of_a_relay_are_kept_and_a_plain_yes_needs_none(desk: Desk) -> None:
    deferred = Entry(DEFERRED, NOON, 1, NOON, code=451, phase="rcpt", words="try later")

    async def send() -> None:
        desk.record(0, deferred)
        await desk.record(1)

    run(send)

    assert query(desk.store.path, "SELECT subscriber_id, n, text FROM attempt") == [(1, 1, "try later")]


def test_group_that_fails_keeps_each_of_its_records_and_lets_no_mail_go(desk: Desk) -> None:
    async def fail() -> None:
        broken = "CREATE TRIGGER broken BEFORE UPDATE ON delivery BEGIN SELECT RAISE(ABORT, 'no room'); END"
        do(desk.store, lambda c: c.execute(text(broken)))
        marks = [desk.mark(n) for n in range(3)]
        records = [desk.record(n) for n in range(3, 6)]
        assert await asyncio.gather(*marks, *records) == [None] * 6
        assert desk.unwritten == [(4, "store writer"), (5, "store writer"), (6, "store writer")]
        assert [type(error) for error in desk.errors] == [StoreError]

        do(desk.store, lambda c: c.execute(text("DROP TRIGGER broken")))
        assert await desk.mark(0) is Mark.GO

    run(fail)

    assert desk.states()[:6] == [SENDING] + [PENDING] * 5


def test_what_is_gathered_comes_before_what_is_asked_of_the_store_after_it_was_handed_over(desk: Desk) -> None:
    async def end() -> None:
        desk.mark(0)
        desk.record(1)
        desk.tally.hand_over()
        seen = do(desk.store, lambda c: c.execute(text("SELECT state FROM delivery LIMIT 2")).scalars().all())
        assert seen == [SENDING, SENT]

    run(end)


def test_few_of_many_wait_a_moment_for_the_others_and_most_of_them_do_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send() -> None:
        await asyncio.gather(*(desk.mark(n) for n in range(4)))
        monkeypatch.setattr(tally, "SPACING", 3600.0)
        before = commits(desk.store.path)
        first = desk.mark(4)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not first.done()
        for n in range(3):
            desk.record(n)  # two mails are under way now, and one of them waits
        second = desk.mark(5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (first.done(), second.done()) == (False, False)  # two of three
        desk.record(3)
        assert [await first, await second] == [Mark.GO, Mark.GO]
        assert commits(desk.store.path) - before == 1

    run(send)


def test_mail_that_is_alone_waits_for_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def send() -> None:
        monkeypatch.setattr(tally, "SPACING", 3600.0)
        for n in range(3):
            assert await desk.mark(n) is Mark.GO
            desk.record(n)

    run(send)


def test_mail_of_a_slow_relay_does_not_wait_for_those_of_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def send() -> None:
        await asyncio.gather(*(desk.mark(n) for n in range(10)))
        monkeypatch.setattr(tally, "SPACING", 0.0)  # none was written just now
        assert await desk.mark(10) is Mark.GO

    run(send)
