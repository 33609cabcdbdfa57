"""What came compressed, made whole again piece by piece: a bomb is stopped while it swells."""

import zlib
from collections.abc import Iterator

LARGEST = 5_000_000  #: bytes, on the wire and after inflating
GZIP = b"\x1f\x8b"
_ANY = zlib.MAX_WBITS | 32  # gzip or zlib, told by the first bytes


class TooLarge(ValueError):
    """More than LARGEST bytes."""


class NotCompressed(ValueError):
    """Bytes that are not what they are called."""


class Inflater:
    """Takes pieces of a body as they come and keeps what they are, up to LARGEST bytes."""

    def __init__(self, encoding: str) -> None:
        self._kind = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}.get(encoding)
        if self._kind is None:
            raise NotCompressed(f"it is encoded as {encoding}, which was not asked for")
        self._inflate = zlib.decompressobj(_ANY) if self._kind else None
        self._pieces: list[bytes] = []
        self._size = self._wire = 0
        self._has_begun = False

    def take(self, piece: bytes) -> None:
        """Take a piece; TooLarge as soon as it is too much, NotCompressed when it is something else."""
        self._wire += len(piece)
        if self._wire > LARGEST:
            raise TooLarge
        for part in self._inflated(piece) if self._kind else [piece]:
            self._size += len(part)
            if self._size > LARGEST:
                raise TooLarge
            self._pieces.append(part)

    def whole(self) -> tuple[bytes, bool]:
        """Return all of it, and whether its end is missing."""
        is_cut = self._inflate is not None and self._wire > 0 and not self._inflate.eof
        return b"".join(self._pieces), is_cut

    def _inflated(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            assert self._inflate is not None
            try:
                part = self._inflate.decompress(piece, LARGEST - self._size + 1)
            except zlib.error as error:
                if self._has_begun or self._kind != "deflate":
                    raise NotCompressed(f"it is not {self._kind} as it says") from error
                # Many servers call the bare stream deflate (RFC 9110, 8.4.1.2 means zlib's).
                self._inflate, self._has_begun = zlib.decompressobj(-zlib.MAX_WBITS), True
                continue
            self._has_begun = True
            yield part
            if self._inflate.eof and self._inflate.unused_data.startswith(GZIP):  # RFC 1952, 2.2: members in a row
                piece = self._inflate.unused_data
                self._inflate = zlib.decompressobj(_ANY)
            else:
                piece = self._inflate.unconsumed_tail
                if self._size + len(part) > LARGEST:
                    return


def opened(data: bytes) -> bytes:
    """Return a gzip file's contents, and anything else as it is; TooLarge, NotCompressed."""
    if not data.startswith(GZIP):
        return data
    inflater = Inflater("gzip")
    inflater.take(data)
    return inflater.whole()[0]
