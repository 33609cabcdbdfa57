import ast
import datetime as dt
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import digest
from digest.locale import UnknownLanguage, available, direction_of, words_for
from digest.packaged import packaged

SUNDAY = dt.date(2025, 11, 30)
Msgid = str | tuple[str, ...]


def msgids_in_templates() -> set[Msgid]:
    keywords = {"_": None, "ngettext": (1, 2)}
    found = extract_from_dir(
        packaged("templates"), [("**.j2", "jinja2.ext:babel_extract")], {"**.j2": {"silent": "false"}}, keywords
    )
    return {message for _, _, message, _, _ in found}


def msgids_in_code() -> set[Msgid]:
    used: set[Msgid] = set()
    for file in Path(digest.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Attribute(ast.Name("words"), "text"), [ast.Constant(str(text)), *_]):
                    used.add(text)
                case ast.Call(
                    ast.Attribute(ast.Name("words"), "plural"), [ast.Constant(str(one)), ast.Constant(str(many)), _]
                ):
                    used.add((one, many))
    return used


def catalogue(language: str) -> Catalog:
    file = Path(digest.__file__).parent / "locale" / language / "LC_MESSAGES" / "digest.po"
    with file.open("rb") as source:
        return read_po(source, abort_invalid=True)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_catalogue_holds_every_text_in_use_and_no_other(language: str) -> None:
    messages = [message for message in catalogue(language) if message.id]
    there = {tuple(message.id) if message.pluralizable else message.id for message in messages}

    assert there == msgids_in_templates() | msgids_in_code()


@pytest.mark.parametrize("language", ["sv", "en"])
def test_catalogue_translates_every_text_with_the_same_values_in_it(language: str) -> None:
    for message in catalogue(language):
        if message.id:
            strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
            assert all(strings), message.id
            assert not list(message.check()), message.id


def test_english_catalogue_says_what_the_source_says() -> None:
    for message in catalogue("en"):
        if message.id:
            assert message.string == message.id


@pytest.mark.parametrize(
    ("language", "date"),
    [
        ("sv", "Söndag 30 november 2025"),
        ("sv-SE", "Söndag 30 november 2025"),
        ("sv_SE", "Söndag 30 november 2025"),
        ("en", "Sunday, November 30, 2025"),
        ("en_GB", "Sunday, 30 November 2025"),
        ("de", "Sonntag, 30. November 2025"),
    ],
)
def test_full_date_is_the_language_s_own_with_a_capital(language: str, date: str) -> None:
    assert words_for(language).full_date(SUNDAY) == date


@pytest.mark.parametrize(
    ("language", "date"),
    [
        ("sv", "Söndag 30 november"),
        ("en", "Sunday, November 30"),
        ("en_GB", "Sunday 30 November"),
        ("fi", "Sunnuntai 30. marraskuuta"),
        ("es", "Domingo, 30 de noviembre"),
        ("ar", "الأحد، 30 نوفمبر"),
    ],
)
def test_date_over_its_headlines_has_its_year_only_where_the_edition_s_is_another(language: str, date: str) -> None:
    words = words_for(language)

    assert words.day(SUNDAY, SUNDAY) == date
    assert words.day(SUNDAY, dt.date(2026, 1, 2)) == words.full_date(SUNDAY)


def test_words_are_sorted_as_the_language_sorts_them() -> None:
    words = ["Öl", "Zebra", "Ål", "Apa", "10", "Ärta", "Ed", "École", "åsna", "Ω"]

    assert words_for("sv").in_order(words) == ["10", "Apa", "École", "Ed", "Zebra", "Ål", "åsna", "Ärta", "Öl", "Ω"]
    assert words_for("en").in_order(words) == ["10", "Ål", "Apa", "Ärta", "åsna", "École", "Ed", "Öl", "Zebra", "Ω"]


def test_things_are_joined_by_the_language_s_word() -> None:
    assert words_for("sv").all_of(["Industri", "Bygg", "Energi"]) == "Industri, Bygg och Energi"


def test_direction_of_a_language_is_known_also_of_one_without_catalogue() -> None:
    assert [direction_of(language) for language in ("he", "fa-IR")] == ["rtl", "rtl"]
    assert [direction_of(language) for language in ("sv", "xx-nobody", "")] == ["ltr", "ltr", "ltr"]


def test_short_date_is_day_and_month() -> None:
    assert words_for("sv").short_date(SUNDAY) == "30 nov."


def test_numbers_are_written_as_the_language_does() -> None:
    assert words_for("sv").number(12345) == "12\N{NO-BREAK SPACE}345"
    assert words_for("en").number(12345) == "12,345"


def test_plural_follows_the_number() -> None:
    words = words_for("sv")

    assert words.plural("%(n)s story", "%(n)s stories", 1) == "1 nyhet"
    assert words.plural("%(n)s story", "%(n)s stories", 26) == "26 nyheter"


def test_text_takes_values_and_leaves_a_percent_sign_in_them_alone() -> None:
    text = words_for("sv").text("You get this letter because you subscribe to %(title)s.", title="50 % rabatt")

    assert text == "Du får det här brevet för att du prenumererar på 50 % rabatt."


def test_alternatives_are_joined_by_the_language_s_word() -> None:
    assert words_for("sv").any_of(["Industri", "Bygg", "Energi"]) == "Industri, Bygg eller Energi"


def test_language_without_catalogue_has_english_texts_and_dates_of_its_own() -> None:
    words = words_for("fi")

    assert words.text("Unsubscribe") == "Unsubscribe"
    assert words.full_date(SUNDAY) == "Sunnuntai 30. marraskuuta 2025"


def test_language_written_from_right_to_left_says_so() -> None:
    assert words_for("ar").direction == "rtl"
    assert words_for("sv").direction == "ltr"


def test_language_is_written_as_html_wants_it() -> None:
    assert words_for("en_GB").language == "en-GB"


@pytest.mark.parametrize("language", ["xx", "", "sv_XX", "svenska", "../sv", "sv@../../etc", "sv SE"])
def test_language_nobody_knows_is_an_error_in_one_line(language: str) -> None:
    with pytest.raises(UnknownLanguage) as refused:
        words_for(language)

    assert str(refused.value) == f"no language {language!r}; write one like sv, en or en_GB"
    assert refused.value.exit_code == 4


def test_available_tells_whether_there_is_a_catalogue() -> None:
    assert available("sv-SE")
    assert available("en_GB")
    assert not available("fi")
    assert not available("xx")
