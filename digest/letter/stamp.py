"""Stamping: a stored letter's slots filled for one reader. The hot path of a send: it joins bytes, no more."""

import html
import re
from collections.abc import Sequence
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
class Template:
    """Fixed bytes, and the places of slots between them."""

    pieces: tuple[bytes, ...]  #: fixed bytes, and an empty piece at the place of each slot
    places: tuple[tuple[int, int], ...]  #: of slots: number of the piece, number of the slot

    def filled(self, values: Sequence[bytes]) -> bytes:
        """Return the bytes with these values, one for each slot, in its places."""
        pieces = list(self.pieces)
        for place, slot in self.places:
            pieces[place] = values[slot]
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stored letter, parsed once for a whole edition."""

    template: Template
    slots: tuple[Slot, ...]  #: each once

    def fill(self, reader: Reader) -> bytes:
        """Return one reader's mail as it goes over the wire: CRLF, dot-safe; BadAddress, ValueError for no token.

        Whatever the reader's name holds, it changes no byte outside its slot.
        """
        return self.template.filled(self.values(reader))

    def values(self, reader: Reader) -> list[bytes]:
        """Return what the slots hold for one reader, each encoded for where it stands; raises what ``fill`` does."""
        values = [_value(reader, slot) for slot in self.slots]
        for value in values:  # a look at all of the mail would take longer than filling it
            if b"\n." in value or value.startswith(b"."):
                raise ValueError(f"a line of a mail would begin with a dot: {value!r}")
        return values

    def part(self, text: bytes) -> Template:
        """Return the template of another text with slots of this letter."""
        return _template(text, self.slots)


def open_letter(mail: bytes) -> Stamp:
    """Return the stamp of a stored letter's ``mail``; ValueError for one with a line that begins with a dot."""
    slots = tuple(dict.fromkeys(slot for slot in split(mail.decode()) if isinstance(slot, Slot)))
    template = _template(mail, slots)
    behind = {place + 1: slots[slot].kind for place, slot in template.places}
    for n, piece in enumerate(template.pieces):  # a token ends no line
        if b"\n." in piece or (piece.startswith(b".") and behind.get(n) is not Kind.TOKEN):
            raise ValueError("a line of the letter begins with a dot")
    return Stamp(template, slots)


def _template(text: bytes, slots: Sequence[Slot]) -> Template:
    pieces = text.split(b"\0")
    numbers = {str(slot).encode().strip(b"\0"): n for n, slot in enumerate(slots)}
    places = tuple((n, numbers[pieces[n]]) for n in range(1, len(pieces), 2))
    return Template(tuple(b"" if n % 2 else piece for n, piece in enumerate(pieces)), places)


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
