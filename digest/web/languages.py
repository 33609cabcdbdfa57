"""In which language a page speaks: the newsletter's, else one that the browser asks for, else English."""

from collections.abc import Iterable

from digest.locale import Words, available, words_for

MOST = 10  #: languages that are looked at, of a header that anybody may write
FALLBACK = "en"


def words_among(languages: Iterable[str], accepted: str) -> Words:
    """Return the words of the first of these languages that has a catalogue, else of one that is accepted."""
    return words_for(next((one for one in languages if available(one)), None) or _accepted(accepted))


def _accepted(header: str) -> str:
    """Return the language with a catalogue that an Accept-Language likes best (RFC 9110, 12.5.4)."""
    # By the bare language: `words_for` keeps what it was asked for, and a stranger shall not fill its memory.
    ranked = [(range_.partition("-")[0].lower(), weight) for range_, weight in weights(header)]
    ranked.sort(key=lambda one: -one[1])  # stable: of equals the first
    return next((one for one, weight in ranked if weight > 0 and available(one)), FALLBACK)


def weights(header: str) -> list[tuple[str, float]]:
    """Return the first alternatives of an Accept header with their weights (RFC 9110, 12.4.2); what is odd weighs 0."""
    found = []
    for part in header.split(",", MOST)[:MOST]:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p[:2].lower() == "q="), "1")
        found.append((name, float(quality) if quality.replace(".", "", 1).isdecimal() and quality.isascii() else 0.0))
    return found
