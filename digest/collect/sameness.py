"""When two articles are one: the same words under another name, address or date."""

import hashlib
import unicodedata

ENOUGH = 40  #: letters of title and lead together: fewer say "Luftrenare" today and again next year


def fingerprint(title: str, lead: str) -> str | None:
    """Return a key of an article's words, the same whatever their case, accents, blanks and signs.

    None for so few words that two articles may well have them. Two articles with one key are one only within one
    source, or where something else speaks for it: a press release is in many places.
    """
    words = [_letters(title), _letters(lead)]
    if sum(map(len, words)) < ENOUGH:
        return None
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def _letters(text: str) -> str:
    """Return the letters and digits of a text, as they are compared."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())
