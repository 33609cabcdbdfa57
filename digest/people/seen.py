"""What has been seen of a file of millions, in few bytes: addresses with their lines, lines, numbers of people."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct

BUCKETS = 1 << 14
_ENTRY = Struct("=qI")  # a key's hash, and its line
_HASH = 8  # bytes of it


class Seen:
    """The lines of the keys so far: 13 bytes each, in place of the 120 of a dictionary.

    A key is known by its hash, which is keyed: of a million, two are alike in one of 37 million files.
    """

    def __init__(self) -> None:
        self._buckets: list[bytearray | None] = [None] * BUCKETS

    def first(self, key: str, line: int) -> int:
        """Return the first line of a key, which is this one if it has not been seen before."""
        hash_ = hash(key)
        entry = _ENTRY.pack(hash_, line)
        place = hash_ % BUCKETS
        bucket = self._buckets[place]
        if bucket is None:
            self._buckets[place] = bytearray(entry)
            return line
        wanted = entry[:_HASH]
        at = bucket.find(wanted)
        while at > 0 and at % len(entry):  # the same bytes, but not the beginning of an entry
            at = bucket.find(wanted, at + 1)
        if at < 0:
            bucket += entry
            return line
        return int(_ENTRY.unpack_from(bucket, at)[1])


class Marks:
    """A set of numbers that all lie close together, such as lines: a bit each up to the greatest."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Take a number in."""
        at = number >> 3
        if at >= len(self._bits):
            self._bits += bytes(at + 1024 - len(self._bits))
        self._bits[at] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        at = number >> 3
        return at < len(self._bits) and bool(self._bits[at] >> (number & 7) & 1)

    def __bool__(self) -> bool:
        return bool(self._bits)


@contextmanager
def at_length() -> Iterator[None]:
    """Look for garbage less often: rows are lists and tuples in thousands that live for a moment and hold no cycles.

    By its usual measure Python looks through them, and all it has imported, for an eighth of an import's time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
