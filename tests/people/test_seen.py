"""What has been seen of a file, in few bytes."""

import gc
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.people import seen
from digest.people.seen import Marks, Seen, at_length

FEW = settings(max_examples=200, derandomize=True, deadline=None)


@given(st.lists(st.text("abc", max_size=3)))
@FEW
def test_first_line_of_each_key_is_told_as_a_dictionary_tells_it(keys: list[str]) -> None:
    known, lines = Seen(), dict[str, int]()

    for line, key in enumerate(keys, 2):
        assert known.first(key, line) == lines.setdefault(key, line)


def test_entries_of_one_bucket_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "BUCKETS", 1)
    known = Seen()

    assert [known.first(str(n), n) for n in range(2000)] == list(range(2000))
    assert [known.first(str(n), 9999) for n in range(2000)] == list(range(2000))


def test_bytes_that_are_alike_within_two_entries_are_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "BUCKETS", 1)
    monkeypatch.setattr(seen, "hash", int, raising=False)
    known = Seen()

    assert [known.first("0", 0), known.first(str(1 << 32), 5), known.first(str(1 << 32 << 16), 7)] == [0, 5, 7]
    assert known.first(str(1 << 48), 8) == 7


def test_key_takes_a_few_bytes() -> None:
    known = Seen()
    tracemalloc.start()
    for line in range(100_000):
        known.first(f"{line}@example.com", line)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size / 100_000 < 30  # a dictionary takes 120; a million takes 13


@given(st.sets(st.integers(0, 100_000)), st.sets(st.integers(0, 100_000)))
@FEW
def test_marks_hold_what_a_set_holds(numbers: set[int], others: set[int]) -> None:
    marks = Marks()
    assert not marks
    for number in numbers:
        marks.add(number)

    assert {number for number in numbers | others if number in marks} == numbers
    assert bool(marks) == bool(numbers)


def test_garbage_is_looked_for_as_before_afterwards() -> None:
    before = gc.get_threshold()

    with at_length():
        assert gc.get_threshold()[0] > before[0]

    assert gc.get_threshold() == before
