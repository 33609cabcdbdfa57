"""Stamping: a stored letter's slots filled for one reader. The hot path of a send: it joins bytes, no more."""

import html
import re
from dataclasses import dataclass

from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH
from digest.letter.mime import slot_value
from digest.letter.slots import Kind, Slot, split
from digest.letter.values import address_header, clean

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
LINK_TAIL = re.compile(rf"(?:{UNSUBSCRIBE_PATH}|{VIEW_PATH})\0{Kind.TOKEN}:[^\0]*\0")


@dataclass(frozen=True, slots=True)
class Reader:
    """What is different in one reader's copy; tokens as ``digest/tokens.py`` spells them."""

    address: str
    name: str
    message_id: str
    unsubscribe: str
    view: str
    return_path: str  #: the 45 small characters; empty where the edition has no bounce address


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stored letter, parsed once for a whole edition."""

    pieces: tuple[bytes, ...]  #: fixed bytes, and an empty piece at the place of each slot
    places: tuple[tuple[int, int], ...]  #: of slots: number of the piece, number of the slot
    slots: tuple[Slot, ...]  #: each once

    def fill(self, reader: Reader) -> bytes:
        """Return one reader's mail as it goes over the wire: CRLF, dot-safe; BadAddress, ValueError for no token.

        Whatever the reader's name holds, it changes no byte outside its slot.
        """
        values = [_value(reader, slot) for slot in self.slots]
        pieces = list(self.pieces)
        for place, slot in self.places:
            pieces[place] = values[slot]
        return b"".join(pieces)


def open_letter(mail: bytes) -> Stamp:
    """Return the stamp of a stored letter's ``mail``."""
    pieces = mail.split(b"\0")
    slots = [slot for slot in split(mail.decode()) if isinstance(slot, Slot)]
    once = tuple(dict.fromkeys(slots))
    places = tuple((2 * n + 1, once.index(slot)) for n, slot in enumerate(slots))
    return Stamp(tuple(b"" if odd % 2 else piece for odd, piece in enumerate(pieces)), places, once)


def public(text: str) -> str:
    """Return a letter's HTML or text with its slots at their defaults: no token in it, links lead to the front page."""
    pieces = split(LINK_TAIL.sub("", text))
    return "".join(_default(piece) if isinstance(piece, Slot) else piece for piece in pieces)


def _default(slot: Slot) -> str:
    return html.escape(slot.default) if slot.kind is Kind.HTML else slot.default


def _value(reader: Reader, slot: Slot) -> bytes:
    match slot.kind:
        case Kind.TOKEN:
            return _token(getattr(reader, slot.name))
        case Kind.ADDRESS:
            return address_header(reader.name, reader.address)
        case Kind.TEXT:
            return slot_value(clean(getattr(reader, slot.name)) or slot.default)
        case Kind.HTML:
            return slot_value(html.escape(clean(getattr(reader, slot.name)) or slot.default))


def _token(token: str) -> bytes:
    if not TOKEN.fullmatch(token):
        raise ValueError(f"not a token: {token!r}")
    return token.encode()
