"""Words in a reader's language: texts from message catalogues, dates and numbers by Babel.

A catalogue is ``LANGUAGE/LC_MESSAGES/digest.po``; its msgids are the English source.  A new language is a new file.
"""

import datetime as dt
import gettext
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from digest.errors import ConfigError

CATALOGUES = Path(__file__).parent
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{1,8})*")


class UnknownLanguage(ConfigError):
    """No language that Babel knows."""

    def __init__(self, language: str) -> None:
        super().__init__(f"no language {language!r}; write one like sv, en or en_GB")
        self.language = language


@dataclass(frozen=True, slots=True)
class Words:
    """One language: its texts, and how it writes dates and numbers. Templates get this as ``words``."""

    language: str  #: BCP 47, as it stands in ``lang``: sv, en-GB
    direction: str  #: ltr or rtl
    _locale: Locale  # private, so that the sandbox of the templates keeps them from what Babel can reach
    _catalogue: gettext.NullTranslations

    def text(self, msgid: str, /, **values: object) -> str:
        """Return a text of ours; ``%(name)s`` in it stands for a value."""
        text = self._catalogue.gettext(msgid)
        return text % values if values else text

    def plural(self, singular: str, plural: str, n: int, /, **values: object) -> str:
        """Return the text for ``n`` of something; ``%(n)s`` in it is the number as this language writes it."""
        return self._catalogue.ngettext(singular, plural, n) % {"n": self.number(n), **values}

    def date(self, date: dt.date) -> str:
        """Return a date as it stands in a sentence: "söndag 30 november 2025"."""
        return format_date(date, "full", locale=self._locale)

    def full_date(self, date: dt.date) -> str:
        """Return a date as it heads a page: "Söndag 30 november 2025"."""
        return _capitalised(self.date(date))

    def day(self, date: dt.date, edition: dt.date) -> str:
        """Return a date as it heads its headlines: "Fredag 28 november"; with its year where the edition's is another.

        Where CLDR has no such form the year stays.
        """
        pattern = _without_year(self._locale)
        if pattern is None or date.year != edition.year:
            return self.full_date(date)
        return _capitalised(format_date(date, pattern, locale=self._locale))

    def short_date(self, date: dt.date) -> str:
        """Return a date's day and month: "30 nov."."""
        return format_skeleton("MMMd", date, locale=self._locale)

    def number(self, n: float) -> str:
        """Return a number: "1 000", with the blank that does not break."""
        return format_decimal(n, locale=self._locale)

    def all_of(self, items: Iterable[str]) -> str:
        """Return things as one text: "a, b och c"."""
        return format_list(list(items), style="standard", locale=self._locale)

    def any_of(self, items: Iterable[str]) -> str:
        """Return alternatives as one text: "a, b eller c"."""
        return format_list(list(items), style="or", locale=self._locale)

    def in_order(self, items: Iterable[str]) -> list[str]:
        """Return words as this language sorts them: in Swedish å, ä and ö stand last, in German with a and o."""
        alphabet = _alphabet(self)
        return sorted(items, key=lambda word: (_places(word, alphabet), word))


@cache
def words_for(language: str, catalogues: Path = CATALOGUES) -> Words:
    """Return the words of a language: sv, sv-SE, sv_SE, en_GB; UnknownLanguage.

    Without a catalogue for it the texts are English; dates and numbers are the language's own all the same.
    """
    locale = _locale(language)
    return Words(_tag(locale).replace("_", "-"), locale.text_direction, locale, _catalogue(locale, catalogues))


def available(language: str) -> bool:
    """Return whether there is a catalogue for this language."""
    try:
        return _file(_locale(language), CATALOGUES) is not None
    except UnknownLanguage:
        return False


def direction_of(language: str) -> str:
    """Return in which direction a language is written, ltr or rtl; ltr for one that nobody knows."""
    try:
        return str(_locale(language).text_direction)
    except UnknownLanguage:
        return "ltr"


def _locale(language: str) -> Locale:
    if not LANGUAGE.fullmatch(language):
        raise UnknownLanguage(language)
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise UnknownLanguage(language) from None


def _tag(locale: Locale) -> str:
    return "_".join(filter(None, (locale.language, locale.script, locale.territory)))


def _file(locale: Locale, catalogues: Path) -> Path | None:
    for name in (_tag(locale), locale.language):
        file = catalogues / name / "LC_MESSAGES" / "digest.po"
        if file.is_file():
            return file
    return None


def _catalogue(locale: Locale, catalogues: Path) -> gettext.NullTranslations:
    file = _file(locale, catalogues)
    if file is None:
        return gettext.NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _alphabet(words: Words) -> str:
    """Return the letters of a language in their order, which its catalogue translates."""
    return words.text("abcdefghijklmnopqrstuvwxyz")


def _places(word: str, alphabet: str) -> list[tuple[int, int]]:
    """Return where the letters of a word stand: signs and digits first, other alphabets last.

    A letter that the alphabet does not hold is taken without its accent, as in every European one.
    """
    places = []
    for letter in unicodedata.normalize("NFC", word.casefold()):
        plain = letter if letter in alphabet else unicodedata.normalize("NFD", letter)[0]
        at = alphabet.find(plain)
        places.append((1, at) if at >= 0 else (2 if plain.isalpha() else 0, ord(plain)))
    return places


@cache
def _without_year(locale: Locale) -> str | None:
    """Return the pattern of a whole date without its year; None where there is none."""
    skeletons = locale.datetime_skeletons
    found = next((skeletons[name] for name in ("MMMMEEEEd", "MMMMEd", "MMMEd") if name in skeletons), None)
    if found is None:
        return None
    quoted = found.pattern.split("'")  # what stands between quotes is text
    return "'".join(
        part if n % 2 else re.sub(r"M{3,}", "MMMM", re.sub(r"[Ec]+", "EEEE", part)) for n, part in enumerate(quoted)
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
