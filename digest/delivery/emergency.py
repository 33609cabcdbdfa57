"""The emergency journal: where the outcome of a mail goes that the store cannot take.

``digest.db-emergency`` stands beside the store, its room allocated before a run begins, so that a full disk, a lock
that is never let go or a store that cannot be written does not make doubts of answers that we have had.  The next run
reads it under the lock of sending, before anything else, and clears it.

It is slots of one sector each: the first says whose journal this is, every other one is empty or holds an outcome.  A
slot is a checksum and an object of JSON in one line, blanks up to its end: whoever is in trouble can read it.
"""

import datetime as dt
import itertools
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digest.errors import StoreError
from digest.models import DeliveryState
from digest.models.columns import EPOCH, MILLISECOND, milliseconds
from digest.store import Store
from digest.store.durable import sync_folder
from digest.store.ledger import Claim, Entry
from digest.store.replay import Kept, replay

SLOT = 512  #: bytes: a disk's sector, which is written whole or not at all
#: Slots for each connection: the record of its last mail and the one under way, and as many again for what follows.
EACH = 4
FEWEST = 64
FORMAT = 1
MOST_WORDS = 200  #: bytes of what a relay said; the store has room for more


@dataclass
class Journal:
    """A journal that is open for what cannot be written elsewhere; any thread may write."""

    path: Path
    handle: int
    slots: int
    kept: int = 0
    lost: int = 0
    _next: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def keep(self, claim: Claim, entry: Entry) -> None:
        """Write an outcome, durably; what cannot be kept here either will be in doubt."""
        slot, kept = next(self._next), Kept(claim.edition_id, claim.subscriber_id, claim.attempt, entry)
        if slot < self.slots and self._write(slot, kept):
            self.kept += 1
        else:
            self.lost += 1

    def _write(self, slot: int, kept: Kept) -> bool:
        try:
            os.pwrite(self.handle, _as_slot(_as_json(kept)), slot * SLOT)
            os.fdatasync(self.handle)
        except (OSError, ValueError):  # the latter for words that cannot be written: no reason to go on sending
            return False
        return True

    def explain(self, error: BaseException) -> BaseException:
        """Return the error that ended a run, with where the outcomes are that could not be written."""
        if not isinstance(error, StoreError) or not (self.kept or self.lost):
            return error
        words = [str(error)]
        if self.kept:
            words.append(f"what came of {_mails(self.kept)} is in {self.path.name}, and the next digest send reads it")
        if self.lost:
            words.append(f"what came of {_mails(self.lost)} is lost: digest editions doubts names them")
        return StoreError("; ".join(words))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.handle)


def journal_file(store: Path) -> Path:
    """Return the journal of a store."""
    return store.with_name(store.name + "-emergency")


def open_journal(store: Store, connections: int) -> Journal:
    """Return the journal with room for what so many open connections may have to say, all of it allocated.

    StoreError where there is none.  What it held must have been replayed.
    """
    path, slots = journal_file(store.path), FEWEST + EACH * connections
    head = _as_slot({"digest": "emergency journal", "format": FORMAT, "store": store.installation.uid})
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Once a run has made it, the next ones only look: a run that begins on a full disk must find its room.
            if os.fstat(handle).st_size < slots * SLOT or os.pread(handle, SLOT, 0) != head:
                os.posix_fallocate(handle, 0, slots * SLOT)
                os.pwrite(handle, head + bytes((slots - 1) * SLOT), 0)
                os.fsync(handle)
                sync_folder(path.parent)
        except BaseException:
            os.close(handle)
            raise
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: {error.strerror}; nothing was sent; look at its permissions and the disk's room"
        ) from error
    return Journal(path, handle, slots)


def waiting(store: Path, uid: str | None = None) -> list[Kept]:
    """Return the outcomes that a journal holds; none where there is no journal.

    StoreError for one that cannot be read, or is not that of the store with this uid. A torn slot holds nothing.
    """
    path = journal_file(store)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}; look at its permissions") from error
    head, *rest = [_from_slot(data[at : at + SLOT]) for at in range(0, max(len(data), 1), SLOT)]
    if head is None and data.strip(b"\0") and (any(rest) or data[SLOT:].strip(b"\0")):
        raise StoreError(
            f"{path} is no emergency journal, or is damaged; move it away: what it may have held is then in doubt"
        )
    if any(rest) and head is not None and head.get("format") != FORMAT:
        raise StoreError(f"{path} was written by another version of digest; let that one send once, or move it away")
    kept = [_as_kept(one) for one in rest if one is not None]
    if kept and head is not None and uid is not None and head.get("store") != uid:
        raise StoreError(
            f"{path} holds {_outcomes(len(kept))} of another store; put that store back beside it, or move it away"
        )
    return kept


def answered(store: Store) -> set[tuple[int, int, int]]:
    """Return of which attempts (edition, reader, number) a journal knows what came of them, and it is no doubt."""
    try:
        kept = waiting(store.path, store.installation.uid)
    except StoreError:
        return set()  # whose journal cannot be read, and is in doubt if it is moved away
    settled = [one for one in kept if one.entry.state is not DeliveryState.IN_DOUBT]
    return {(one.edition_id, one.subscriber_id, one.attempt) for one in settled}


def replay_journal(store: Store) -> int:
    """Write what waits in the journal into the ledger and clear it; return how many outcomes it held.

    Only under the lock of sending.  Whoever is killed in between does it again: what is written is not written twice.
    """
    kept = waiting(store.path, store.installation.uid)
    if kept:
        replay(store, kept)
        _clear(journal_file(store.path))
    return len(kept)


def _clear(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(handle, bytes(os.fstat(handle).st_size - SLOT), SLOT)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(f"{path} cannot be cleared: {error.strerror}; look at its permissions") from error


def _as_slot(values: dict[str, Any]) -> bytes:
    body = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    line = b"%08x %s" % (zlib.crc32(body), body)
    if len(line) >= SLOT:
        raise ValueError(f"no room for {body!r} in a slot")
    return line.ljust(SLOT - 1) + b"\n"


def _from_slot(data: bytes) -> dict[str, Any] | None:
    """Return what a slot holds; None for one that is empty or torn."""
    checksum, _, body = data.rstrip(b" \n").partition(b" ")
    if len(data) != SLOT or checksum != b"%08x" % zlib.crc32(body):
        return None
    values: dict[str, Any] = json.loads(body)
    return values


def _as_json(kept: Kept) -> dict[str, Any]:
    entry = kept.entry
    next_at = None if entry.next_at is None else milliseconds(entry.next_at)
    values = {
        "edition": kept.edition_id, "reader": kept.subscriber_id, "attempt": kept.attempt, "state": entry.state.word,
        "at": milliseconds(entry.at), "relay": entry.relay_id, "next": next_at, "closed": entry.closed,
        "code": entry.code, "enhanced": entry.enhanced, "phase": entry.phase, "words": entry.words,
    }  # fmt: skip
    if entry.words is not None:
        # Cut by bytes, for other scripts have three or four a sign; what JSON writes as two must not overflow the slot.
        words = entry.words.encode()[:MOST_WORDS].decode("utf-8", "ignore")
        values["words"] = words.replace('"', "'").replace("\\", "/")
    return {name: value for name, value in values.items() if value not in (None, False, "")}


def _as_kept(values: dict[str, Any]) -> Kept:
    entry = Entry(
        DeliveryState[values["state"].upper()], _instant(values["at"]), values.get("relay"),
        _instant(values["next"]) if "next" in values else None, values.get("closed", False), values.get("code"),
        values.get("enhanced"), values.get("phase", ""), values.get("words"),
    )  # fmt: skip
    return Kept(values["edition"], values["reader"], values["attempt"], entry)


def _instant(value: int) -> dt.datetime:
    return EPOCH + value * MILLISECOND


def _mails(count: int) -> str:
    return f"{count:,} mail" + ("" if count == 1 else "s")


def _outcomes(count: int) -> str:
    return f"{count:,} outcome" + ("" if count == 1 else "s")
