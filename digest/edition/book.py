"""Whether the book of what sources brought agrees with what is there. Decides only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digest.store.accounts import Lost
from digest.store.sources import Balance

NO_SOURCE = "without a source"


@dataclass(frozen=True)
class Fault:
    """Something that nobody can explain: of which source, and what."""

    source: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.source or NO_SOURCE}: {self.message}"


def faults(balances: Sequence[Balance], lost: Lost, nowhere: int) -> list[Fault]:
    """Return all that does not balance; ``nowhere`` are the articles without any place, named elsewhere.

    Every item that was found is an article, one that was known, or refused with a reason; every article was found;
    every place that was given is there, and has its article.
    """
    found = [fault for one in balances for fault in _of_source(one, lost)]
    placed = sum(one.placed for one in balances)
    if not 0 <= placed - lost.placements <= nowhere:
        found.append(Fault("all", f"{_several(placed, 'place')} given to articles, and {lost.placements:,} there"))
    if lost.without_article:
        found.append(Fault("all", f"of {_listed(lost.without_article)} only the place is there"))
    return found


def _of_source(one: Balance, lost: Lost) -> Iterator[Fault]:
    if one.found != one.explained:
        yield Fault(one.source, f"{_several(one.found, 'item')} found, and {one.explained:,} explained")
    if one.articles < one.new:
        gone = f"; no article has the number {', '.join(map(str, lost.missing))}" if lost.missing else ""
        yield Fault(one.source, f"{_several(one.new, 'article')} came in, and {one.articles:,} there{gone}")
    elif one.articles > one.new:
        yield Fault(one.source, f"{_several(one.articles, 'article')} there, and only {one.new:,} came in")
    if one.reasons != one.refusals:
        yield Fault(one.source, f"{_several(one.reasons, 'item')} refused, and the reasons of {one.refusals:,} there")


def _listed(numbers: Sequence[int]) -> str:
    return f"article{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _several(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
