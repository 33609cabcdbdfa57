"""What a run has claimed: everybody once, and readers of a held domain set aside without holding up the others."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from digest.delivery.claims import Claims
from digest.delivery.domains import Domains
from digest.errors import StoreError
from digest.models import DeliveryState
from digest.store import Store, ledger, open_store
from digest.store.ledger import Claim
from tests.store.builders import a_store_file
from tests.store.test_pacing import a_delivery, an_edition

SLOW, FAST = "slow.example", "fast.example"


class Gate(Domains):
    """Domains that let nobody pass whose domain is held just now."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[str] = set()

    def take(self, domain: str, now: float) -> float:
        return 0.001 if domain in self.held else super().take(domain, now)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(a_store_file(tmp_path / "digest.db"))
    yield opened
    opened.close()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def claims(store: Store, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Claims:
    """Twenty readers who wait, every other one of a slow domain, claimed four at a time."""
    monkeypatch.setattr("digest.delivery.claims.BATCH", 4)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(
            "INSERT INTO newsletter (id, name, first_name, created_at) VALUES (1, 'n', 'n', '2025-11-30 12:00:00')"
        )
    an_edition(store, 1)
    for n in range(1, 21):
        address = f"r{n}@{SLOW if n % 2 else FAST}"
        a_delivery(store, 1, n, state=DeliveryState.PENDING, address=address)
    return Claims(store, 1, ledger.take_lease(store, dt.datetime.now(dt.UTC)), gate)


async def all_of(claims: Claims) -> list[Claim]:
    """Take until there is nothing more just now."""
    taken = []
    while (claim := await claims.take()) is not None:
        taken.append(claim)
    return taken


def readers(taken: list[Claim]) -> list[int]:
    return [claim.subscriber_id for claim in taken]


def in_ledger(store: Store, condition: str) -> int:
    with closing(sqlite3.connect(store.path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM delivery WHERE {condition}").fetchone()[0])


def test_everybody_is_taken_once_in_their_order(claims: Claims) -> None:
    assert readers(asyncio.run(all_of(claims))) == list(range(1, 21))
    assert claims.later() is None


def test_readers_of_a_held_domain_are_passed_over_and_few_of_them_claimed(
    store: Store, claims: Claims, gate: Gate
) -> None:
    gate.held = {SLOW}

    assert readers(asyncio.run(all_of(claims))) == list(range(2, 21, 2))
    assert claims.later() is not None
    assert in_ledger(store, "lease IS NULL AND state = 1") >= 7  # the rest are where they were


def test_once_a_domain_is_free_those_set_aside_go_first_and_those_passed_over_after_them(
    claims: Claims, gate: Gate
) -> None:
    async def held_and_freed() -> list[int]:
        gate.held = {SLOW}
        await all_of(claims)
        gate.held = set()
        await asyncio.sleep(0.002)
        return readers(await all_of(claims))

    assert asyncio.run(held_and_freed()) == list(range(1, 20, 2))


def test_a_delivery_that_is_pending_again_is_taken_again(store: Store, claims: Claims) -> None:
    async def again() -> list[int]:
        taken = await all_of(claims)
        with closing(sqlite3.connect(store.path)) as connection, connection:
            connection.execute("UPDATE delivery SET lease = NULL WHERE subscriber_id IN (3, 7)")
        for n in (6, 2):
            claims.again(taken[n])
        return readers(await all_of(claims))

    assert asyncio.run(again()) == [3, 7]


def test_a_delivery_that_is_given_back_is_the_next_one(claims: Claims) -> None:
    async def back() -> list[int]:
        first = await claims.take()
        assert first is not None
        claims.give_back(first)
        return readers(await all_of(claims))

    assert asyncio.run(back()) == list(range(1, 21))


def test_of_those_set_aside_who_was_put_off_before_goes_first(store: Store, claims: Claims, gate: Gate) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE delivery SET state = 4, next_at = 9e12 WHERE subscriber_id = 15")
        tried = "INSERT INTO attempt (edition_id, subscriber_id, n, at, phase, code, text)"
        connection.execute(f"{tried} VALUES (1, 15, 1, '2025-11-30 12:00:00', 'rcpt', 451, '')")

    async def held_and_freed() -> list[int]:
        gate.held = {SLOW}
        await all_of(claims)
        with closing(sqlite3.connect(store.path)) as connection, connection:
            connection.execute("UPDATE delivery SET next_at = 1 WHERE subscriber_id = 15")
        await all_of(claims)
        gate.held = set()
        await asyncio.sleep(0.002)
        return readers(await all_of(claims))

    assert asyncio.run(held_and_freed())[0] == 15


def claimed(store: Store) -> int:
    return in_ledger(store, "lease IS NOT NULL")


def test_next_batch_is_claimed_before_this_one_is_used_up(store: Store, claims: Claims) -> None:
    async def half() -> None:
        await claims.take()
        assert claimed(store) == 4
        claims.at_hand(0.0)
        await claims.settled()
        assert claimed(store) == 8
        assert readers([one for _ in range(6) if (one := claims.at_hand(0.0))]) == list(range(3, 9))
        await claims.settled()

    asyncio.run(half())


def test_nothing_is_claimed_ahead_while_one_mail_finds_out_whether_others_may_follow(
    store: Store, claims: Claims
) -> None:
    claims.batch = 2

    async def first() -> None:
        await claims.take()
        await claims.settled()

    asyncio.run(first())

    assert claimed(store) == 2


def test_many_who_wait_for_one_batch_get_everybody_once_and_all_hear_of_the_end(claims: Claims) -> None:
    async def together() -> list[Claim | None]:
        return list(await asyncio.gather(*(claims.take() for _ in range(25))))

    taken = asyncio.run(together())

    assert sorted(readers([one for one in taken if one is not None])) == list(range(1, 21))
    assert taken.count(None) == 5


def test_error_of_what_was_claimed_ahead_is_met_by_who_needs_it(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> list[Claim]:
        raise StoreError("no room")

    async def fail() -> list[int]:
        first = await claims.take()
        assert first is not None
        monkeypatch.setattr("digest.delivery.claims.ledger.claim", failing)
        taken = [first]
        while (one := claims.at_hand(0.0)) is not None:
            await claims.settled()
            taken.append(one)
        with pytest.raises(StoreError, match="no room"):
            await claims.take()
        return readers(taken)

    assert asyncio.run(fail()) == [1, 2, 3, 4]


def test_claimed_by_the_quick_way_is_what_the_other_one_claims(store: Store, claims: Claims) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE delivery SET name = 'Åsa', attempt = 3 WHERE subscriber_id = 2")
        connection.execute("UPDATE delivery SET state = 4 WHERE subscriber_id = 3")
        connection.execute("UPDATE delivery SET lease = 9 WHERE subscriber_id = 4")
        tried = "INSERT INTO attempt (edition_id, subscriber_id, n, at, phase, code, text)"
        connection.execute(f"{tried} VALUES (1, 5, 1, '2025-11-30 12:00:00', 'dot', 451, '')")

    def both(limit: int) -> list[list[Claim]]:
        found = []
        for over in ((), ("nowhere.example",)):
            found.append(ledger.claim(store, 1, 8, 1, limit, over))
            with closing(sqlite3.connect(store.path)) as connection, connection:
                rows = connection.execute("SELECT subscriber_id, attempt FROM delivery WHERE lease = 8").fetchall()
                connection.execute("UPDATE delivery SET lease = NULL, attempt = attempt - 1 WHERE lease = 8")
            assert rows == [(one.subscriber_id, one.attempt) for one in found[-1]]
        return found

    quick, other = both(5)

    assert quick == other
    assert readers(quick) == [2, 5, 6, 7, 8]
    assert (quick[0].name, quick[0].attempt, quick[1].doubts, quick[1].tries) == ("Åsa", 4, 1, 1)
