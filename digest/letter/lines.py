"""Lines of the text part, and where a text may be cut: by what a terminal shows, not by characters."""

import unicodedata
from collections.abc import Iterator

WIDTH = 72  #: columns of the text part, and six for who answers and quotes it
JOINER = "\u200d"  #: of emoji that are made of several
SKIN = ("\U0001f3fb", "\U0001f3ff")  #: tones of skin stand behind the emoji that they colour
FLAG = ("\U0001f1e6", "\U0001f1ff")  #: two of these letters are a flag


def wrap(text: str, width: int = WIDTH, first: str = "", rest: str = "") -> str:
    """Return a text in lines of at most ``width`` columns, the first one behind ``first``, the others behind ``rest``.

    A word that is longer than a line is broken, an address of the web is not.
    """
    lines = [first]
    room = width - max(columns(first), columns(rest))
    for word in filter(None, text.split(" ")):
        for piece in [word] if "://" in word else _pieces(word, room):
            indent = rest if len(lines) > 1 else first
            if lines[-1] == indent:
                lines[-1] += piece
            elif columns(lines[-1]) + 1 + columns(piece) <= width:
                lines[-1] += f" {piece}"
            else:
                lines.append(rest + piece)
    return "\n".join(lines).rstrip()


def underlined(text: str, sign: str = "-") -> str:
    """Return a line with another under it, as long as a terminal shows the first."""
    return f"{text}\n{sign * min(columns(text), WIDTH)}"


def columns(text: str) -> int:
    """Return how wide a terminal shows a text."""
    return len(text) if text.isascii() else sum(map(_width, text))


def whole(text: str, end: int) -> int:
    """Return where to cut a text at this place or before, so that no sign and no part of an emoji goes from its letter.

    1 where nothing before can be told apart.
    """
    while 1 < end < len(text) and _is_joined(text, end):
        end -= 1
    return end


def _pieces(word: str, room: int) -> Iterator[str]:
    """Yield a word in pieces that a line has room for."""
    start = used = 0
    for n, sign in enumerate(word):
        used += _width(sign)
        if used > room and n > start:
            at = whole(word, n)
            at = at if at > start + 1 else n  # rather two halves than a line for each
            yield word[start:at]
            start, used = at, columns(word[at : n + 1])
    yield word[start:]


def _width(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _is_joined(text: str, at: int) -> bool:
    sign, before = text[at], text[at - 1]
    if unicodedata.category(sign) in ("Mn", "Mc", "Me", "Cf") or before == JOINER or SKIN[0] <= sign <= SKIN[1]:
        return True
    start = at
    while start and FLAG[0] <= text[start - 1] <= FLAG[1]:
        start -= 1
    return FLAG[0] <= sign <= FLAG[1] and (at - start) % 2 == 1
