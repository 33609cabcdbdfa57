"""Words in a reader's language: texts from message catalogues, dates and numbers by Babel.

A catalogue is ``LANGUAGE/LC_MESSAGES/digest.po``; its msgids are the English source.  A new language is a new file.
"""

import datetime as dt
import gettext
import re
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

    def full_date(self, date: dt.date) -> str:
        """Return a date as it heads a page: "Söndag 30 november 2025"."""
        return _capitalised(format_date(date, "full", locale=self._locale))

    def short_date(self, date: dt.date) -> str:
        """Return a date's day and month: "30 nov."."""
        return format_skeleton("MMMd", date, locale=self._locale)

    def number(self, n: float) -> str:
        """Return a number: "1 000", with the blank that does not break."""
        return format_decimal(n, locale=self._locale)

    def any_of(self, items: Iterable[str]) -> str:
        """Return alternatives as one text: "a, b eller c"."""
        return format_list(list(items), style="or", locale=self._locale)


@cache
def words_for(language: str) -> Words:
    """Return the words of a language: sv, sv-SE, sv_SE, en_GB; UnknownLanguage.

    Without a catalogue for it the texts are English; dates and numbers are the language's own all the same.
    """
    locale = _locale(language)
    return Words(_tag(locale).replace("_", "-"), locale.text_direction, locale, _catalogue(locale))


def available(language: str) -> bool:
    """Return whether there is a catalogue for this language."""
    try:
        return _file(_locale(language)) is not None
    except UnknownLanguage:
        return False


def _locale(language: str) -> Locale:
    if not LANGUAGE.fullmatch(language):
        raise UnknownLanguage(language)
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise UnknownLanguage(language) from None


def _tag(locale: Locale) -> str:
    return "_".join(filter(None, (locale.language, locale.script, locale.territory)))


def _file(locale: Locale) -> Path | None:
    for name in (_tag(locale), locale.language):
        file = CATALOGUES / name / "LC_MESSAGES" / "digest.po"
        if file.is_file():
            return file
    return None


def _catalogue(locale: Locale) -> gettext.NullTranslations:
    file = _file(locale)
    if file is None:
        return gettext.NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
