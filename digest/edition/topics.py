"""Which of an edition's articles a choice of sections leaves."""

from collections import defaultdict
from collections.abc import Iterable, Set

from digest.models import Article
from digest.models.sections import section_key


class Topics:
    """An edition's articles by their sections.

    One without a section is in every choice: nobody could have chosen it, and nobody must miss it for that.
    """

    def __init__(self, articles: Iterable[Article]) -> None:
        found: defaultdict[str, set[int]] = defaultdict(set)
        for article in articles:
            if article.id is not None:
                found[section_key(article.section)].add(article.id)
        self._by_section = {key: frozenset(numbers) for key, numbers in found.items()}
        self._all = frozenset[int]().union(*self._by_section.values())

    def here(self, sections: Set[str] | None) -> frozenset[str] | None:
        """Return those of the sections that stand in this edition: choices that differ elsewhere are one to it."""
        return None if sections is None else frozenset(self._by_section.keys() & sections)

    def left(self, sections: Set[str] | None) -> frozenset[int] | None:
        """Return the numbers of the articles that these sections, by their keys, leave; None: all of them."""
        if sections is None:
            return None
        nothing = frozenset[int]()
        left = nothing.union(*(self._by_section.get(key, nothing) for key in ("", *sections)))
        return None if left == self._all and left else left
