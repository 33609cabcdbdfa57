"""A reader's choice of sections, as it is written: ``Energi|Fordon``; an empty one stands for all of them."""

import unicodedata
from collections.abc import Iterable, Sequence

SEPARATOR = "|"  #: between the names in the store and in an export; no section's name holds it
#: What may stand between names in a cell: the first that is found there does, since names hold commas too.
SEPARATORS = (SEPARATOR, ";", ",")


def section_key(name: str) -> str:
    """Return a section's name as names are compared: its words in NFC, whatever their case and the blanks between."""
    words = unicodedata.normalize("NFC", name.replace(SEPARATOR, " ")).casefold().split()
    return unicodedata.normalize("NFC", " ".join(words))


def joined(names: Iterable[str]) -> str:
    """Return names of sections as one text: each once, sorted, so that the same choice is the same text."""
    tidy = (" ".join(name.replace(SEPARATOR, " ").split()) for name in names)
    by_key = {section_key(name): name for name in tidy if name}
    return SEPARATOR.join(by_key[key] for key in sorted(by_key))


def read_sections(cell: str) -> str:
    """Return what a cell says, ``Energi; Fordon``, as ``joined`` has it."""
    separator = next((one for one in SEPARATORS if one in cell), SEPARATOR)
    return joined(cell.split(separator))


def as_cell(names: Sequence[str]) -> str:
    """Return names as a cell that ``read_sections`` understands, also where the only one holds a comma."""
    text = SEPARATOR.join(names)
    return text + SEPARATOR if len(names) == 1 and any(one in text for one in SEPARATORS) else text


def split(text: str | None) -> list[str]:
    """Return the names in a choice; none stands for all."""
    return text.split(SEPARATOR) if text else []
