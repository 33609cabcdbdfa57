"""When two texts say the same: headlines that share nearly all their words, whatever their form."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import ceil

WORD = re.compile(r"[^\W_]+(?:[-.:/][^\W_]+)*")
NO_LETTER = re.compile(r"[\W_]+")
#: Headlines of fewer words are alike in form more often than in what they say.
FEWEST = 4
#: Words that a headline may have or not without saying anything else.
SMALL = frozenset(
    re.findall(
        r"\w+",
        "och i på av för till med från om att en ett den det de nu nya ny nytt så vid som är har sig sin sina "
        "and in on of for to with from by at a an the new now is are has its",
    )
)


def letters(text: str) -> str:
    """Return the letters and digits of a text, as headlines and subjects are compared."""
    return NO_LETTER.sub("", text.casefold())


def words(title: str) -> frozenset[str]:
    """Return the words of a headline that say something."""
    return frozenset(WORD.findall(title.casefold())) - SMALL


def pairs(titles: Mapping[int, str], percent: int) -> Iterator[tuple[int, int]]:
    """Yield the keys of every two titles that share so many percent of their words, in the titles' order.

    Two that differ in a word with a digit are two things: models, quarters and years.
    """
    spoken = {key: found for key, title in titles.items() if len(found := words(title)) >= FEWEST}
    often: defaultdict[str, int] = defaultdict(int)
    for found in spoken.values():
        for word in found:
            often[word] += 1
    # Two sets that are so much alike share one of their rarest words; whoever shares none is not even compared.
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for key, found in spoken.items():
        rarest = sorted(found, key=lambda word: (often[word], word))
        first = rarest[: len(found) - ceil(len(found) * percent / 100) + 1]
        others = {other for word in first for other in seen[word]}
        yield from ((other, key) for other in sorted(others) if _are_alike(found, spoken[other], percent))
        for word in first:
            seen[word].append(key)


def _are_alike(one: frozenset[str], other: frozenset[str], percent: int) -> bool:
    if any(character.isdigit() for word in one ^ other for character in word):
        return False
    return 100 * len(one & other) >= percent * len(one | other)


def repeats(texts: Iterable[tuple[int, str]]) -> Iterator[tuple[int, int]]:
    """Yield the keys of every text that is the same as one before it, and that one's first."""
    first: dict[str, int] = {}
    for key, text in texts:
        known = first.setdefault(letters(text), key)
        if known != key:
            yield known, key
