"""Locks between processes: held by the operating system, gone with the process, never a number in a file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digest.errors import BusyError, StoreError


def send_lock(store: Path) -> Path:
    """Return the file whose lock says that somebody is sending from a store.

    Beside the store rather than in a project's folder: two projects may have one store, and its ledger counts.
    """
    return store.with_name(store.name + "-send.lock")


@contextmanager
def hold(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock on a file while the block runs; BusyError when another process has it and we do not wait."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}; look at the folder's permissions") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise BusyError(f"another run is at it (it holds {path.name}); wait for it to end") from None
        yield
    finally:
        os.close(handle)  # the lock goes with it; the file stays, removing it would race with the next holder


def is_held(path: Path) -> bool:
    """Return whether another process holds the lock on a file; who asks for it in this very instant is in its way."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # nobody has ever held it, or it is not ours to know
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)
