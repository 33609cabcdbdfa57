"""Which letters are made, and who gets which: decided, without a store."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.variants import (
    Variant,
    Variants,
    numbers_crowded,
    numbers_skipped,
    plan,
    primary,
)
from digest.edition.topics import Topics
from digest.models import Article
from digest.models.sections import section_key
from digest.store.variants import Wanted
from tests.builders import an_article

SECTIONS = ("Energi", "ENERGI ", "Fordon", "Bygg & anläggning", "")
ENERGY, CARS, NOTHING_OF_OURS = frozenset({"energi"}), frozenset({"fordon"}), frozenset({"sport"})


def some(*sections: str) -> list[Article]:
    return [an_article(f"a{n}", id=n, section=section) for n, section in enumerate(sections, 1)]


def wants(sections: frozenset[str] | None = None, language: str | None = None) -> Wanted:
    return Wanted(language, sections)


choices = st.none() | st.frozensets(
    st.sampled_from([*{section_key(one) for one in SECTIONS if one}, "sport"]), min_size=1
)
wishes = st.builds(Wanted, st.sampled_from([None, "sv", "sv-FI", "en", "en-GB", "xx"]), choices)


@given(
    st.lists(st.sampled_from(SECTIONS), min_size=1, max_size=8),
    st.dictionaries(wishes, st.integers(1, 9), max_size=12),
)
def test_each_reader_gets_what_their_sections_allow_and_nothing_else(
    sections: list[str], readers: dict[Wanted, int]
) -> None:
    articles = some(*sections)
    made = plan("sv", articles, readers)

    for wanted in readers:
        allowed = {
            a.id for a in articles if wanted.sections is None or section_key(a.section) in {"", *wanted.sections}
        }
        place = made.place_for(wanted)
        held = (
            set()
            if place is None
            else {a.id for a in articles} & (made.all[place].articles or {a.id for a in articles})
        )
        assert held == allowed
        if place is not None:
            asked = primary(wanted.language or "sv")
            assert made.all[place].language == ("en" if asked == "en" else "sv")
    assert len(made.all) == len(set(made.all)), "one letter for each variant"
    assert numbers_crowded(made, readers) == 0


@given(st.dictionaries(wishes, st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 4))
def test_where_letters_are_short_nobody_misses_an_article(readers: dict[Wanted, int], most: int) -> None:
    articles = some(*SECTIONS[:4])
    made, exact = plan("sv", articles, readers, most), plan("sv", articles, readers)

    for wanted in readers:
        place, wished = made.place_for(wanted), exact.place_for(wanted)
        assert (place is None) == (wished is None)
        if place is not None and wished is not None:
            few, full = made.all[place].articles, exact.all[wished].articles
            assert few is None or (full is not None and full <= few)
    assert numbers_skipped(made, readers) == numbers_skipped(exact, readers)


def test_readers_of_the_same_articles_share_a_letter() -> None:
    readers = Counter({wants(ENERGY): 3, wants(ENERGY | NOTHING_OF_OURS): 2, wants(ENERGY | CARS): 1, wants(): 1})

    made = plan("sv", some("Energi", "Fordon"), readers)

    assert made.all == (Variant("sv"), Variant("sv", frozenset({1})))
    assert [made.place_for(one) for one in readers] == [1, 1, 0, 0]


def test_article_without_a_section_is_for_everybody() -> None:
    made = plan("sv", some("", "Fordon"), {wants(ENERGY): 1, wants(NOTHING_OF_OURS): 1})

    assert made.all == (Variant("sv"), Variant("sv", frozenset({1})))
    assert numbers_skipped(made, {wants(ENERGY): 1}) == 0


def test_whom_nothing_is_left_for_is_skipped_and_has_no_letter() -> None:
    readers = {wants(NOTHING_OF_OURS): 4, wants(CARS): 1}
    made = plan("sv", some("Energi", "Fordon"), readers)

    assert numbers_skipped(made, readers) == 4
    assert made.place_for(wants(NOTHING_OF_OURS)) is None


def test_whole_letter_is_made_in_every_language_that_a_reader_asked_for() -> None:
    made = plan("sv", some("Energi", "Fordon"), {wants(ENERGY, "en-GB"): 1, wants(None, "xx"): 1})

    assert made.all == (Variant("sv"), Variant("en"), Variant("en", frozenset({1})))


def test_letters_are_made_for_most_readers_first_and_the_rest_get_the_smallest_that_holds_theirs() -> None:
    articles = some("Energi", "Fordon", "Bygg", "Mat")
    few, many = frozenset({"bygg"}), frozenset({"bygg", "fordon"})
    readers = {wants(few): 1, wants(many): 9, wants(many | {"mat"}): 8, wants(ENERGY): 2}

    made = plan("sv", articles, readers, most=3)

    assert made.all == (Variant("sv"), Variant("sv", frozenset({2, 3})), Variant("sv", frozenset({2, 3, 4})))
    assert [made.place_for(one) for one in readers] == [1, 1, 2, 0]
    assert numbers_crowded(made, readers) == 3


def test_reader_of_a_language_that_has_no_letter_gets_the_first_s() -> None:
    made = Variants([Variant("sv"), Variant("en")], some("Energi"))

    assert [made.place_for(wants(None, language)) for language in ("de", "en-GB", "sv", None)] == [0, 1, 0, 0]


def test_edition_without_articles_is_the_same_for_everybody() -> None:
    assert Topics([]).left(None) is None
    assert Topics([]).left(ENERGY) == frozenset()


def test_sections_are_compared_by_their_words_whatever_the_case_or_the_form_of_letters() -> None:
    assert section_key("  BYGG &\tanla\u0308ggning ") == section_key("Bygg & Anläggning") == "bygg & anläggning"
    assert section_key("Energi | Miljö") == section_key("energi miljö")
    assert section_key("Bygg") != section_key("Byggen")
