"""Markers: what stands for a slot while templates run and styles are inlined.

NUL would not survive HTML, so a slot is 38 plain characters then, as long as the token that often takes its place, made
from a nonce that occurs nowhere else.  Afterwards every marker must be found whole, and no part of one may be left.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from digest.letter.slots import OFFERED, UNSUBSCRIBE, VIEW, Kind, Slot
from digest.letter.values import clean

NONCE = re.compile(r"[a-z0-9]{32}")
PART = 8  #: characters of the nonce that give a broken marker away
#: What is not running text in HTML: tags, and elements whose content is no text.
NOT_TEXT = re.compile(r"<(style|script)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class SlotLost(Exception):
    """A template changed a slot on its way; ``templates.py`` says which one."""


@dataclass
class Markers:
    """The markers of one part of a letter; ``kind`` is what a reader's own values are in it."""

    nonce: str
    kind: Kind
    slots: list[Slot] = field(default_factory=lambda: [UNSUBSCRIBE, VIEW])

    def __post_init__(self) -> None:
        if not NONCE.fullmatch(self.nonce):
            raise ValueError(f"a nonce is 32 small letters and digits, not {self.nonce!r}")

    @property
    def unsubscribe(self) -> str:
        """What stands for the token of the link to leave."""
        return self._marker(0)

    @property
    def view(self) -> str:
        """What stands for the token of the link to the web."""
        return self._marker(1)

    def slot(self, name: str, default: object = "") -> str:
        """Return what stands for a reader's value; templates call it as ``{{ slot('name', default='...') }}``."""
        if name not in OFFERED:
            raise ValueError(f"no slot {name!r}; there is: {', '.join(OFFERED)}")
        self.slots.append(Slot(self.kind, name, clean(str(default))))
        return self._marker(len(self.slots) - 1)

    def settle(self, text: str) -> str:
        """Return a finished part with its slots in place of the markers; SlotLost when one is not whole."""
        running = NOT_TEXT.sub("", text) if self.kind is Kind.HTML else text
        for number in range(2, len(self.slots)):
            if self._marker(number) not in running:
                raise SlotLost("a slot is lost or changed; write it as text of its own: {{ slot('name') }}")
        for number, slot in enumerate(self.slots):
            text = text.replace(self._marker(number), str(slot))
        if any(part in text.lower() for part in self._parts()):
            raise SlotLost("a slot or link is cut or changed; let no filter touch slot, unsubscribe_url or view_url")
        return text

    def _marker(self, number: int) -> str:
        return f"{self.nonce}s{number:04d}e"

    def _parts(self) -> Iterator[str]:
        return (self.nonce[n : n + PART] for n in range(len(self.nonce) - PART + 1))
