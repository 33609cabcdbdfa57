"""Mails as the recording server keeps them, in a folder that tells the truth whoever is killed when."""

import itertools
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Received:
    """One mail for one recipient, without the dots that SMTP doubled: CRLF lines, CRLF at the end."""

    sender: str
    recipient: str
    content: bytes


def write_received(folder: Path, mails: Iterable[Received]) -> None:
    """Write mails to a folder, a file each; they are durable when this returns.

    A file is the mail after two header lines of ours, ``X-Envelope-From: <...>`` and ``X-Envelope-To: <...>``, so that
    any mail program opens it. Names sort by time of arrival, also over several runs.
    """
    for mail in mails:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers):08d}"
        with (folder / f"{name}.tmp").open("xb") as file:
            file.write(f"X-Envelope-From: <{mail.sender}>\r\nX-Envelope-To: <{mail.recipient}>\r\n".encode())
            file.write(mail.content)
            file.flush()
            os.fsync(file.fileno())
        (folder / f"{name}.tmp").rename(folder / f"{name}.eml")
    directory = os.open(folder, os.O_RDONLY)  # the names are durable only with their folder
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_received(folder: Path) -> list[Received]:
    """Return the mails of a folder exactly as they were accepted, in that order."""
    return [_parse(path.read_bytes()) for path in sorted(folder.glob("*.eml"))]


def _parse(data: bytes) -> Received:
    sender, recipient, content = data.split(b"\r\n", 2)
    return Received(_address(sender), _address(recipient), content)


def _address(line: bytes) -> str:
    return line.decode().partition("<")[2].removesuffix(">")
