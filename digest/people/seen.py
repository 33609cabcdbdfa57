"""What has been seen of a file of millions, in few bytes: addresses with their lines, lines, numbers of people."""

import gc
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from struct import Struct
from typing import IO

from digest.errors import DigestError

BUCKETS = 1 << 10
BLOCK = 64  #: entries of a bucket that are written to the disk together
BITS = 1 << 25  #: 4 MB; of a million keys one in 300 looks as if it had been seen, and is looked up
_ENTRY = Struct("=qI")  # a key's hash, and its line
_HASH = 8  # bytes of it


class NoRoom(DigestError):
    """What has been seen finds no place on the disk."""

    def __init__(self, why: str) -> None:
        super().__init__(f"a temporary file in {tempfile.gettempdir()}: {why}; make room there, or name a TMPDIR")


class Seen:
    """The lines of the keys so far: two bits each in memory, and 12 bytes in a file that nobody else sees.

    A key is known by its hash, which is keyed: of a million, two are alike in one of 37 million files.
    """

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)
        self._buckets = [bytearray() for _ in range(BUCKETS)]  # what is not in the file yet
        self._blocks = [array("I") for _ in range(BUCKETS)]  # which of the file's are a bucket's
        self._file: IO[bytes] | None = None
        self._written = 0

    def first(self, key: str, line: int) -> int:
        """Return the first line of a key, which is this one if it has not been seen before."""
        hash_, bits = hash(key), self._bits
        one, two = hash_ % BITS, hash_ // BITS % BITS
        in_one, in_two = 1 << (one & 7), 1 << (two & 7)
        place = (hash_ >> 50) % BUCKETS
        entry = _ENTRY.pack(hash_, line)
        if bits[one >> 3] & in_one and bits[two >> 3] & in_two:
            earlier = self._look_up(place, entry[:_HASH])
            if earlier is not None:
                return earlier
        bits[one >> 3] |= in_one
        bits[two >> 3] |= in_two
        bucket = self._buckets[place]
        bucket += entry
        if len(bucket) == BLOCK * len(entry):
            self._put_away(place)
        return line

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _look_up(self, place: int, wanted: bytes) -> int | None:
        blocks: Iterator[bytes | bytearray] = chain([self._buckets[place]], map(self._block, self._blocks[place]))
        for block in blocks:
            at = block.find(wanted)
            while at > 0 and at % _ENTRY.size:  # the same bytes, but not the beginning of an entry
                at = block.find(wanted, at + 1)
            if at >= 0:
                return int(_ENTRY.unpack_from(block, at)[1])
        return None

    def _block(self, number: int) -> bytes:
        assert self._file is not None
        size = BLOCK * _ENTRY.size
        self._file.seek(number * size)
        return self._file.read(size)

    def _put_away(self, place: int) -> None:
        bucket = self._buckets[place]
        try:
            if self._file is None:
                # Unbuffered: what is looked up stands anywhere.
                self._file = tempfile.TemporaryFile(prefix="digest-", buffering=0)  # noqa: SIM115  close() closes it
            self._file.seek(self._written * len(bucket))
            if self._file.write(bucket) < len(bucket):
                raise NoRoom("only a part of it could be written")
        except OSError as error:
            raise NoRoom(error.strerror or str(error)) from error
        self._blocks[place].append(self._written)
        self._written += 1
        bucket.clear()


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
