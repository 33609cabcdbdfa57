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
