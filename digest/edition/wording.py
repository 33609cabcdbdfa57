"""The words of an article as they are compared: without signs and case, and which of them are names and numbers."""

import re
import unicodedata
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cached_property

from digest.models import Article

LONGEST_TITLE = 300  #: characters of it that are read
LONGEST_LEAD = 500

WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
THOUSANDS = re.compile(r"\b(\d{1,3})((?:[ \u00a0\u202f]\d{3})+)\b")
TAGS = re.compile(r"<[^>]*>")
CUT = ("[…]", "[...]", "…", "...")
#: What ends a sentence, or makes the next word begin with a capital all the same.
ENDS = frozenset(".!?:;•\"”»«“'’([–—-/")
DATELINE = re.compile(
    r"^.{0,60}?(?:/[\w ]{0,20}newswire[\w ]{0,20}/|\((?:TT|TT-AFP|Direkt|AP|AFP|Reuters|Bloomberg|Finwire|NTB|Ritzau"
    r"|STT|Cision|MFN|[A-Z -]{0,20}WIRE[A-Z -]{0,20})\))[\s:,–—-]*",
    re.IGNORECASE,
)

_COMMON = """
    och att det som en ett på är av för med till den de har inte om kan från vid nu så men under sin sitt sina hos över
    efter också ny nya nytt när mer ut upp in blir vi ska få får din ditt dina vår sig i å åt via
    the a an and of to in on for with by at from as is are its it new has have will be this that or up out more how
    your our into after over
"""
_COUNTING = """
    januari februari mars april maj juni juli augusti september oktober november december
    january february march may june july august october
    måndag tisdag onsdag torsdag fredag lördag söndag monday tuesday wednesday thursday friday saturday sunday
    första andra tredje fjärde femte first second third fourth fifth helår halvår
    två tre fyra fem sex two three four five six
"""
#: How words of headlines begin that every company sends out under.
EVERYBODYS = (
    "rapport", "delårs", "bokslut", "årsred", "kommunik", "kvartal", "årsstäm", "bolagsstäm", "extra", "kallelse",
    "inbjud", "presentation", "presst", "pressm", "utdelning", "resultat", "valbered", "styrelse", "aktie", "förslag",
    "röst", "antal", "flaggning", "insyn", "vecka", "nyhet", "månad", "interim", "quarter", "annual", "report",
    "meeting", "notice", "invit", "dividend", "result", "financial", "general", "year", "week", "pres", "end",
    "share", "vote", "number", "board", "nominat", "trading", "update", "month", "bulletin",
)  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """An article's words, as they are compared."""

    article: Article
    title: tuple[str, ...]
    lead: tuple[str, ...]

    @cached_property
    def topic(self) -> Set[str]:
        """The words of its title that say something."""
        return {word for word in self.title if word not in COMMON}

    @cached_property
    def all(self) -> Set[str]:
        """All its words."""
        return {*self.title, *self.lead}

    @cached_property
    def beginnings(self) -> Set[str]:
        """What its words begin with, but for the endings that make other forms of them: launch-es, launch-ed."""
        return {word[:end] for word in self.all for end in range(max(len(word) - 4, 3), len(word) + 1)}

    @cached_property
    def names(self) -> Set[str]:
        """Its names and numbers: what tells it from a story of the same form."""
        return names_in(title_of(self.article), lead_of(self.article))

    @cached_property
    def counts(self) -> Set[str]:
        """The numbers, weeks, months and the like of its title."""
        return {word for word in self.title if is_number(word) or word in COUNTING}


def wording(article: Article) -> Wording:
    """Return the words of an article that are compared."""
    return Wording(article, tuple(words_of(title_of(article))), tuple(words_of(lead_of(article))))


def title_of(article: Article) -> str:
    """Return as much of an article's title as is read."""
    return unicodedata.normalize("NFKC", article.title[:LONGEST_TITLE])


def lead_of(article: Article) -> str:
    """Return the beginning of an article's lead, else of its text, without an agency's dateline and a word cut off."""
    text = article.lead[:LONGEST_LEAD] or TAGS.sub(" ", article.body[: 4 * LONGEST_LEAD])[:LONGEST_LEAD]
    text = unicodedata.normalize("NFKC", text).strip()
    head = text[:100]
    return _without_cut(DATELINE.sub("", text) if "(" in head or "/" in head else text)


def _without_cut(text: str) -> str:
    """Return a lead without the mark that it was cut, and without the word before it, which may be half of one."""
    mark = next((mark for mark in CUT if text.endswith(mark)), None)
    return text.removesuffix(mark).rpartition(" ")[0] if mark else text


def words_of(text: str) -> list[str]:
    """Return the words of a text, small and without the s of a genitive."""
    words = WORD.findall(THOUSANDS.sub(_in_one, text.casefold()))
    return [word[:-1] if word[-1] == "s" and len(word) > 3 else word for word in words]


def is_number(word: str) -> bool:
    """Return whether there is a digit in a word: 25, Q3, EX30."""
    return any(character.isdigit() for character in word)


def is_everybodys(word: str) -> bool:
    """Return whether a word stands in the headlines of every company, and so says nothing of one."""
    return word.startswith(EVERYBODYS) or word in COUNTING or is_number(word)


def names_in(*texts: str) -> Set[str]:
    """Return the names and numbers of a title and a lead.

    A word that begins a sentence is a name when it does so again, or stands within one, and is never a small one.
    """
    kinds = [kind for text in texts for kind in _kinds(text)]
    small = {word for word, kind in kinds if kind == "small"}
    first = [word for word, kind in kinds if kind == "first" and word not in small and word not in COMMON]
    return {word for word, kind in kinds if kind == "name"} | {word for word in first if first.count(word) > 1}


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """Yield the words of a text, each with what it is: a name or number, the first of a sentence, or a small one."""
    text = THOUSANDS.sub(_in_one, text)
    capitals_say_nothing = _is_in_capitals(text)
    for found in WORD.finditer(text):
        raw, before = found[0], text[max(found.start() - 2, 0) : found.start()].strip()
        word = _stem(raw.casefold())
        if is_number(raw):
            yield word, "name"
        elif capitals_say_nothing:
            continue
        elif not raw[0].isupper():
            yield word, "small"
        elif (found.start() == 0 or before[-1:] in ENDS) and not (len(raw) > 1 and raw.isupper()):
            yield word, "first"
        else:
            yield word, "name"


def _is_in_capitals(text: str) -> bool:
    """Return whether most words begin with a capital, as English headlines have it."""
    long = [word for word in WORD.findall(text)[1:] if len(word) > 3]
    return len(long) > 1 and sum(word[0].isupper() for word in long) > 0.6 * len(long)


def _in_one(found: re.Match[str]) -> str:
    """Return a number without the blanks between its thousands."""
    return found[1] + re.sub(r"\D", "", found[2])


def _stem(word: str) -> str:
    """Return a word without the s of a genitive, as ``words_of`` does."""
    return word[:-1] if word[-1] == "s" and len(word) > 3 else word


#: Words that say nothing, in both languages.
COMMON = frozenset(map(_stem, _COMMON.split()))
#: What counts stories: a month's, a day's, a quarter's.
COUNTING = frozenset(map(_stem, _COUNTING.split()))
