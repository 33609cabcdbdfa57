"""What has been seen of a file, in few bytes."""

import gc
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.people import seen
from digest.people.seen import Marks, NoRoom, Seen, at_length

FEW = settings(max_examples=200, derandomize=True, deadline=None)


@given(st.lists(st.text("abc", max_size=3)))
@FEW
def test_first_line_of_each_key_is_told_as_a_dictionary_tells_it(keys: list[str]) -> None:
    known, lines = Seen(), dict[str, int]()

    for line, key in enumerate(keys, 2):
        assert known.first(key, line) == lines.setdefault(key, line)


def test_entries_of_one_bucket_are_told_apart_in_memory_and_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "BUCKETS", 1)
    monkeypatch.setattr(seen, "BITS", 8)  # each is looked up
    with closing(Seen()) as known:
        assert [known.first(str(n), n) for n in range(2000)] == list(range(2000))
        assert [known.first(str(n), 9999) for n in range(2000)] == list(range(2000))


def test_bytes_that_are_alike_within_two_entries_are_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "BUCKETS", 1)
    monkeypatch.setattr(seen, "BITS", 8)
    monkeypatch.setattr(seen, "hash", int, raising=False)
    known = Seen()

    assert [known.first("0", 0), known.first(str(1 << 32), 5), known.first(str(1 << 32 << 16), 7)] == [0, 5, 7]
    assert known.first(str(1 << 48), 8) == 7


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "BUCKETS", 1 << 6)
    sizes = []
    tracemalloc.start()
    with closing(Seen()) as known:
        for line in range(40_001):
            known.first(f"{line}@example.com", line)
            if line in (20_000, 40_000):
                sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert known.first("5@example.com", 40_001) == 5

    assert sizes[1] - sizes[0] < 40_000  # a dictionary takes 120 bytes of each


def test_few_keys_need_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    known = Seen()

    assert [known.first(str(n), n) for n in range(1000)] == list(range(1000))


def test_no_room_for_the_file_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(seen, "BUCKETS", 1)
    known = Seen()
    for line in range(1, seen.BLOCK):
        known.first(str(line), line)

    with pytest.raises(NoRoom, match=r"a temporary file in \S+gone: No such file or directory; make room there"):
        known.first("one more", seen.BLOCK)


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
