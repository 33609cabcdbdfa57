"""How alike two articles are, by the words of their titles and leads, and whether they tell one story. Decides only.

Headlines of a trade are alike in form: "X buys Y" and "X buys Z" are two stories, and so are the prices of week 12
and of week 13.  So likeness is not enough: what tells stories apart, names and numbers, must not differ.
"""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from digest.edition.wording import (
    COUNTING,
    Wording,
    is_everybodys,
    is_number,
    names_in,
    title_of,
    words_of,
)

FEWEST = 10  #: words of a lead: fewer are "Read more on our site", and say nothing by themselves
# Measured on the pairs of tests/edition/likenesses.py.  Leads of one story, reworded or cut, are alike by 0.83 and
# more; of two stories that no name and no number tells apart, by 0.12 and less, but for what two shops of one chain say
# in the same words, under titles that have nothing in common.  The threshold is nearer to the former: printing a story
# twice does less harm than hiding one.
LEAD_ALIKE = 0.7
#: Then half of a shortened or reworded title's words stand somewhere in the other article; 0.67 and more do there.
TITLE_KNOWN = 0.5
#: With one title over both, each house has cut or mended the lead in its own way.
LEAD_MENDED = 0.4
#: Words that say something, of a title that two houses do not have by chance; one less when a name is among them.
TELLING = 5
#: What sets an agency's or a site's name apart from the headline.
PARTS = re.compile(r"[:|•·»()\[\]/]|\s[-\u2010-\u2015]+\s|[\u2013-\u2015]")
MOST_PARTS = 6  #: of a headline that are looked at
LONGEST_LABEL = 3  #: words of such a name


@dataclass(frozen=True)
class Likeness:
    """How alike two articles are; shares from 0 to 1."""

    title: float  #: of the words of one title, how many the other article has
    same_title: bool  #: the same words in the same order, but for an agency's or a site's name
    is_telling: bool  #: what the titles share is more than what every house writes
    lead: float | None  #: of the words of the shorter lead, in their order; None where one has none
    lead_words: int  #: of the shorter lead
    differ: tuple[str, ...] = ()  #: names and numbers that tell them apart, where they are near

    @property
    def is_near(self) -> bool:
        """Whether both are worded alike, whatever their names and numbers."""
        if self.same_title and self.is_telling:
            return self.lead is None or self.lead >= LEAD_MENDED
        return self.lead_words >= FEWEST and (self.lead or 0) >= LEAD_ALIKE and self.title >= TITLE_KNOWN

    @property
    def is_one_story(self) -> bool:
        """Whether both tell the same story."""
        return self.is_near and not self.differ

    @property
    def weight(self) -> float:
        """How alike they are among other pairs: who is most alike comes together first."""
        return self.title + (self.lead or 0)

    def __str__(self) -> str:
        title = "the same title" if self.same_title else f"{self.title:.0%} of the title"
        lead = "one without a lead" if self.lead is None else f"{self.lead:.0%} of the lead"
        return f"{title}, {lead}" + (f"; they differ in {', '.join(self.differ)}" if self.differ else "")


def compare(one: Wording, other: Wording) -> Likeness:
    """Return how alike two articles are."""
    shorter, longer = sorted((one.lead, other.lead), key=len)
    same_title = _have_same_title(one, other)
    likeness = Likeness(
        title=1.0 if same_title else max(_known(one.topic, other), _known(other.topic, one)),
        same_title=same_title,
        is_telling=same_title and _is_telling(one, other),
        lead=_in_order(shorter, longer) if shorter else None,
        lead_words=len(shorter),
    )
    return replace(likeness, differ=difference(one, other)) if likeness.is_near else likeness


def _is_telling(one: Wording, other: Wording) -> bool:
    words = {word for word in one.topic & other.topic if not is_everybodys(word)}
    return len(words) >= TELLING - bool(words & names_in(title_of(one.article)))


def _known(words: Set[str], other: Wording) -> float:
    return sum(_has(other, word) for word in words) / len(words) if words else 0.0


def _has(other: Wording, word: str) -> bool:
    """Return whether a word is among another article's, maybe in another form: launches, launched."""
    if word in other.all or (len(word) == 1 and not word.isdigit()):
        return True
    return len(word) > 4 and not is_number(word) and word[:-2] in other.beginnings


def _have_same_title(one: Wording, other: Wording) -> bool:
    if one.title == other.title:
        return bool(one.title)
    shorter, longer = sorted((one.title, other.title), key=len)
    if not shorter or len(longer) - len(shorter) > LONGEST_LABEL or not {*shorter} <= {*longer}:
        return False
    whole = title_of(one.article if one.title == longer else other.article)
    parts = [words_of(part) for part in PARTS.split(whole, MOST_PARTS)]
    return any(
        _joined(parts[start:end]) == shorter and _is_label([*parts[:start], *parts[end:]])
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    )


def _joined(parts: Iterable[list[str]]) -> tuple[str, ...]:
    return tuple(word for part in parts for word in part)


def _is_label(parts: Iterable[list[str]]) -> bool:
    words = _joined(parts)
    return len(words) <= LONGEST_LABEL and not any(is_number(word) or word in COUNTING for word in words)


def _in_order(shorter: tuple[str, ...], longer: tuple[str, ...]) -> float:
    """Return how many of a lead's words stand in the beginning of another one, in their order."""
    from rapidfuzz.distance import LCSseq

    beginning = longer[: len(shorter) * 5 // 4 + 12]  # a lead is cut at its end; a sentence may stand before it
    return LCSseq.similarity(shorter, beginning) / len(shorter)


def difference(one: Wording, other: Wording) -> tuple[str, ...]:
    """Return the names and numbers that tell two stories apart: each has some that the other does not know.

    That one has more is no difference: its lead is longer.  In titles, one number unknown to the other is enough
    where both count something: week 13's prices may name those of week 12.
    """
    more, fewer = one.all - other.all, other.all - one.all
    is_nested = one.counts <= other.counts or other.counts <= one.counts
    if not is_nested and (one.counts & more or other.counts & fewer):
        return tuple(sorted(one.counts ^ other.counts))
    if not (more and fewer):
        return ()  # most of those that are one: names need not be looked for
    ours = {name for name in one.names if not _has(other, name)}
    theirs = {name for name in other.names if not _has(one, name)}
    return tuple(sorted(ours | theirs)) if ours and theirs else ()
