"""Mails made ahead: each by a thread or at once, in time, and never more in memory than was said."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from digest.delivery.ahead import Ahead
from digest.store.ledger import Claim


def a_claim(reader: int) -> Claim:
    return Claim(1, reader, 1, 1, f"reader{reader}@example.com", "", 0, 0)


class Maker:
    """Makes a mail of a claim, and keeps which were made and where; while ``held`` no thread comes to an end."""

    def __init__(self) -> None:
        self.made: list[tuple[int, bool]] = []  #: reader, whether here
        self._here, self._free, self._some = threading.get_ident(), threading.Event(), threading.Condition()
        self._free.set()

    def __call__(self, claim: Claim) -> str:
        is_here = threading.get_ident() == self._here
        with self._some:
            self.made.append((claim.subscriber_id, is_here))
            self._some.notify_all()
        if not is_here:
            assert self._free.wait(10)
        if claim.subscriber_id == 13:
            raise ValueError("unlucky")
        return claim.address

    @contextmanager
    def held(self) -> Iterator[None]:
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def wait_for(self, count: int) -> None:
        with self._some:
            assert self._some.wait_for(lambda: len(self.made) >= count, 10)


def test_what_is_expected_is_made_by_threads_and_once() -> None:
    make = Maker()
    ahead = Ahead(make, most=8)
    claims = [a_claim(n) for n in range(20, 60)]
    ahead.expect(claims[:30])
    make.wait_for(8)
    ahead.expect(claims[30:])

    assert [ahead.take(claim) for claim in claims] == [claim.address for claim in claims]
    assert sorted(reader for reader, _ in make.made) == list(range(20, 60))
    assert sum(not is_here for _, is_here in make.made) >= 8


def test_no_more_is_made_ahead_than_was_said() -> None:
    make = Maker()
    ahead = Ahead(make, most=3)
    claims = [a_claim(n) for n in range(20, 30)]
    ahead.expect(claims)
    make.wait_for(3)
    assert len(make.made) == 3

    ahead.take(claims[0])
    make.wait_for(4)
    assert [reader for reader, _ in sorted(make.made)] == [20, 21, 22, 23]


def test_what_no_thread_has_come_to_is_made_here() -> None:
    make = Maker()
    ahead = Ahead(make, most=50)
    claims = [a_claim(n) for n in range(20, 70)]
    with make.held():
        ahead.expect(claims)
        assert ahead.take(claims[40]) == claims[40].address

    assert (60, True) in make.made
    assert (60, False) not in make.made


def test_what_is_not_expected_is_made_here() -> None:
    make = Maker()

    assert Ahead(make).take(a_claim(20)) == "reader20@example.com"
    assert make.made == [(20, True)]


def test_what_was_set_aside_is_made_when_it_is_asked_for_and_holds_up_nobody() -> None:
    make = Maker()
    ahead = Ahead(make, most=4)
    claims = [a_claim(n) for n in range(20, 40)]
    ahead.expect(claims)
    for claim in claims[6:]:  # six readers of a domain that is set aside
        assert ahead.take(claim) == claim.address
    for claim in claims[:6]:
        assert ahead.take(claim) == claim.address

    ahead.expect([a_claim(n) for n in range(40, 44)])
    make.wait_for(len(make.made) + 1)  # threads are at it again
    assert ahead.take(a_claim(43)) == "reader43@example.com"


def test_delivery_that_was_given_back_is_made_again_for_its_new_claim() -> None:
    make = Maker()
    ahead = Ahead(make)
    first, again = a_claim(20), a_claim(20)._replace(attempt=2, address="moved@example.com")
    ahead.expect([first])
    make.wait_for(1)

    assert ahead.take(again) == "moved@example.com"


def test_what_cannot_be_made_says_so_to_who_asks() -> None:
    make = Maker()
    ahead = Ahead(make)
    ahead.expect([a_claim(13), a_claim(14)])
    make.wait_for(2)

    with pytest.raises(ValueError, match="unlucky"):
        ahead.take(a_claim(13))
    assert ahead.take(a_claim(14)) == "reader14@example.com"
