"""Which letters an edition is made of, and which of them is for whom. Decides only.

A variant is a language and some of the edition's articles: readers whose sections leave the same share a letter.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from digest.edition.topics import Topics
from digest.locale import available
from digest.models import Article, Letter
from digest.store.variants import Wanted

#: Of an edition, and as many of each are in memory while it is sent. Further combinations get the smallest letter
#: that holds all of theirs: it may hold more than they chose, and never less.
MOST_LETTERS = 500


@dataclass(frozen=True)
class Variant:
    """What one letter is made for; ``articles`` are the numbers of those it holds, None: all of the edition's."""

    language: str
    articles: frozenset[int] | None = None


def variant_of(letter: Letter) -> Variant:
    """Return what a letter was made for."""
    return Variant(letter.language, None if letter.articles is None else frozenset(letter.articles))


def primary(language: str) -> str:
    """Return a language without its region: ``sv`` for ``sv-FI``; letters are made in these."""
    return language.replace("_", "-").partition("-")[0].lower()


class Variants:
    """An edition's letters by what they were made for, the first in the newsletter's own language, and whole."""

    def __init__(self, variants: Sequence[Variant], articles: Iterable[Article]) -> None:
        self.all = tuple(variants)
        self._topics = Topics(articles)
        self._languages = {primary(one.language) for one in self.all}
        self._own = primary(self.all[0].language) if self.all else ""
        self._places: dict[tuple[str, frozenset[int] | None], int] = {}
        for place, one in enumerate(self.all):
            self._places.setdefault((primary(one.language), one.articles), place)
        parts = [(one.articles, place) for place, one in enumerate(self.all) if one.articles is not None]
        self._smallest_first = sorted(parts, key=lambda part: len(part[0]))

    def place_for(self, wanted: Wanted) -> int | None:
        """Return the place of the letter for readers who want this; None when there is nothing in it for them."""
        left = self._topics.left(wanted.sections)
        if left is not None and not left:
            return None
        asked = primary(wanted.language or "")
        language = asked if asked in self._languages else self._own
        if (language, left) not in self._places:
            self._places[language, left] = self._smallest_around(language, left)
        return self._places[language, left]

    def is_made_for(self, wanted: Wanted) -> bool:
        """Return whether readers who want this get no more than that."""
        place = self.place_for(wanted)
        return place is None or self.all[place].articles == self._topics.left(wanted.sections)

    def _smallest_around(self, language: str, left: frozenset[int] | None) -> int:
        around = (
            place
            for articles, place in self._smallest_first
            if left is not None and left <= articles and primary(self.all[place].language) == language
        )
        return next(around, self._places[language, None])


def whole(own: str, asked: Iterable[str | None]) -> list[Variant]:
    """Return the letters that hold everything: the newsletter's own language, then those that readers asked for."""
    others = {primary(language) for language in asked if language} - {primary(own)}
    return [Variant(own), *(Variant(language) for language in sorted(others) if available(language))]


def plan(own: str, articles: Sequence[Article], wishes: Mapping[Wanted, int], most: int = MOST_LETTERS) -> Variants:
    """Return the letters to make for readers who want this: whole ones, then those for most readers first."""
    made = whole(own, (wanted.language for wanted in wishes))
    spoken, topics = {primary(one.language): one.language for one in made}, Topics(articles)
    readers: Counter[Variant] = Counter()
    for wanted, count in wishes.items():
        if left := topics.left(wanted.sections):
            readers[Variant(spoken.get(primary(wanted.language or ""), own), left)] += count
    by_readers = sorted(readers, key=lambda one: (-readers[one], one.language, sorted(one.articles or ())))
    return Variants([*made, *by_readers[: max(0, most - len(made))]], articles)


def numbers_skipped(variants: Variants, wishes: Mapping[Wanted, int]) -> int:
    """Return how many readers there is nothing for."""
    return sum(count for wanted, count in wishes.items() if variants.place_for(wanted) is None)


def numbers_crowded(variants: Variants, wishes: Mapping[Wanted, int]) -> int:
    """Return how many readers get more than they chose, since there are too many combinations."""
    return sum(count for wanted, count in wishes.items() if not variants.is_made_for(wanted))
