"""Stamping: a stored letter's slots filled for one reader. The hot path of a send: it joins bytes, no more."""

import html
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from digest.letter.frame import UNSUBSCRIBE_PATH, VIEW_PATH
from digest.letter.mime import slot_value
from digest.letter.slots import Kind, Slot, split
from digest.letter.values import address_header, clean

LONGEST_TOKEN = 64
OF_TOKENS = (string.ascii_letters + string.digits + "_-").encode()
LINK_TAIL = re.compile(rf"(?:{UNSUBSCRIBE_PATH}|{VIEW_PATH})\0{Kind.TOKEN}:[^\0]*\0")


class Reader(NamedTuple):  # one for every mail: a quarter of what a frozen dataclass takes
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
    encoders: tuple[Callable[[Reader], bytes], ...]  #: of the slots' values

    def fill(self, reader: Reader) -> bytes:
        """Return one reader's mail as it goes over the wire: CRLF, dot-safe; BadAddress, ValueError for no token.

        Whatever the reader's name holds, it changes no byte outside its slot.
        """
        return self.template.filled(self.values(reader))

    def values(self, reader: Reader) -> list[bytes]:
        """Return what the slots hold for one reader, each encoded for where it stands; raises what ``fill`` does."""
        values = [encoded(reader) for encoded in self.encoders]
        if b"\n." in b"\n".join((b"", *values)):  # a look at all of the mail would take longer than filling it
            raise ValueError(f"a line of a mail would begin with a dot: {values!r}")
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
    return Stamp(template, slots, tuple(_encoder(slot) for slot in slots))


def _template(text: bytes, slots: Sequence[Slot]) -> Template:
    pieces = text.split(b"\0")
    numbers = {str(slot).encode().strip(b"\0"): n for n, slot in enumerate(slots)}
    places = tuple((n, numbers[pieces[n]]) for n in range(1, len(pieces), 2))
    return Template(tuple(b"" if n % 2 else piece for n, piece in enumerate(pieces)), places)


def fill_page(page: str, reader: Reader) -> str:
    """Return a letter's page of the web as one reader's; ValueError for no token."""
    return "".join(_in_page(reader, piece) if isinstance(piece, Slot) else piece for piece in split(page))


def _in_page(reader: Reader, slot: Slot) -> str:
    if slot.kind is Kind.TOKEN:
        return _token(getattr(reader, slot.name)).decode()
    return html.escape(clean(getattr(reader, slot.name)) or slot.default)


def public(text: str) -> str:
    """Return a letter's HTML or text with its slots at their defaults: no token in it, links lead to the front page."""
    pieces = split(LINK_TAIL.sub("", text))
    return "".join(_default(piece) if isinstance(piece, Slot) else piece for piece in pieces)


def _default(slot: Slot) -> str:
    return html.escape(slot.default) if slot.kind is Kind.HTML else slot.default


def _encoder(slot: Slot) -> Callable[[Reader], bytes]:
    """Return what makes of a reader the value of a slot, encoded for where it stands."""
    of = attrgetter(slot.name)
    match slot.kind:
        case Kind.TOKEN:
            return lambda reader: _token(of(reader))
        case Kind.ADDRESS:
            return lambda reader: address_header(reader.name, reader.address)
        case Kind.TEXT:
            return lambda reader: slot_value(clean(of(reader)) or slot.default)
        case Kind.HTML:
            return lambda reader: slot_value(html.escape(clean(of(reader)) or slot.default))


def _token(token: str) -> bytes:
    raw = token.encode()
    if not raw or len(raw) > LONGEST_TOKEN or raw.translate(None, OF_TOKENS):
        raise ValueError(f"not a token: {token!r}")
    return raw
