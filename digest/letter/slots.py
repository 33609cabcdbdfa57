"""Slots: the places in a letter that differ from reader to reader, and how they are written in a stored one.

A stored text or mail is fixed but for its slots, each written ``NUL kind:name:default NUL``; NUL can occur nowhere else
in a mail (RFC 5321, 4.5.2).  Templates cannot write it: while they run, a slot is a marker, see ``markers.py``.
"""

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """For where a value is cleaned and encoded. The words are in stored letters and never change their meaning."""

    TOKEN = enum.auto()
    ADDRESS = enum.auto()  #: the whole value of To
    HTML = enum.auto()
    TEXT = enum.auto()


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a reader's value; ``default`` stands where the reader has none, and in the public form."""

    kind: Kind
    name: str
    default: str = ""

    def __str__(self) -> str:
        return f"\0{self.kind}:{self.name}:{self.default}\0"


TO = Slot(Kind.ADDRESS, "to")
MESSAGE_ID = Slot(Kind.TOKEN, "message_id")
UNSUBSCRIBE = Slot(Kind.TOKEN, "unsubscribe")
VIEW = Slot(Kind.TOKEN, "view")
RETURN_PATH = Slot(Kind.TOKEN, "return_path")

#: What a template may ask for by ``slot('...')``.
OFFERED = ("name",)


def split(text: str) -> list[str | Slot]:
    """Return a text's pieces in order: fixed ones (empty ones too) at even places, slots at odd ones."""
    return [_read(piece) if odd % 2 else piece for odd, piece in enumerate(text.split("\0"))]


def _read(written: str) -> Slot:
    kind, name, default = written.split(":", 2)
    return Slot(Kind(kind), name, default)
