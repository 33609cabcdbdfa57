"""The outbox: a relay that writes a Maildir instead of mailing anybody."""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from digest.delivery.outcome import (
    Conversation,
    Following,
    LostBeforeDot,
    Outcome,
    Parcel,
    Phase,
    Replied,
    Reply,
    Withdrawn,
)
from digest.errors import DigestError

_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(?:\r\n[ \t]+)?(\S+)", re.IGNORECASE | re.MULTILINE)
_WRITTEN = Replied(Reply(250, "written"), Phase.CONTENT)


class OutboxUnwritable(DigestError):
    """The outbox's folder takes no mail: full, forbidden, or in the way."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"cannot write to the outbox {folder}: {error.strerror or error}; "
            "free space, correct its permissions, or name another folder in the relay's URL"
        )
        self.folder = folder


@dataclass
class Outbox:
    """The relay ``maildir:FOLDER``."""

    folder: Path
    connections: int = 10  #: writing gains nothing by many, but their marks in the ledger share commits
    window: int = 1
    name: str = "outbox"
    is_outbox: bool = True
    learned_per_connection: int | None = None

    async def connect(self) -> Conversation:
        """Return a conversation that writes to ``folder/new``; makes the Maildir; raises ``OutboxUnwritable``."""
        _make(self.folder)
        return OutboxConversation(self.folder)


class OutboxConversation:
    """Writes each mail as it would go over the wire, with the same mark before it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_open = True

    @property
    def is_open(self) -> bool:
        return self._is_open

    async def carry(self, first: Parcel, following: Following) -> None:
        """Write mails, each a 250 or ``Withdrawn``; raises ``OutboxUnwritable``."""
        parcel: Parcel | None = first
        while parcel is not None:
            try:
                parcel.ended(await self._write(parcel))
            except BaseException as error:
                # A file is there whole or not at all, and written again it replaces itself.
                parcel.ended(LostBeforeDot(str(error) or "cut off by us", Phase.CONTENT))
                raise
            parcel = following()

    async def _write(self, parcel: Parcel) -> Outcome:
        marked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        parcel.mark(lambda may_go: None if marked.done() else marked.set_result(may_go))
        if not await marked:
            return Withdrawn()
        _write(self._folder, parcel.mail)
        return _WRITTEN

    async def close(self) -> None:
        self._is_open = False


def file_name(mail: bytes) -> str:
    """Return the name of a mail's file: the same for every attempt at a delivery, which therefore replace each other.

    A hash of its Message-ID (of the whole mail where it has none), since that may hold what file names must not:
    slashes, the colon that Maildir sets flags apart with, letters that differ in case only.
    """
    head, _, _ = mail.partition(b"\r\n\r\n")
    found = _MESSAGE_ID.search(head)
    return hashlib.sha256(found[1] if found else mail).hexdigest()[:40] + ".eml"


def _make(folder: Path) -> None:
    try:
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutboxUnwritable(folder, error) from error


def _write(folder: Path, mail: bytes) -> None:
    """Write one mail the Maildir way, whole under tmp/ and then moved to new/.

    Without fsync: nobody was mailed, and a rehearsal can be had again.
    """
    name = file_name(mail)
    try:
        (folder / "tmp" / name).write_bytes(mail)
        (folder / "tmp" / name).replace(folder / "new" / name)
    except OSError as error:
        raise OutboxUnwritable(folder, error) from error
