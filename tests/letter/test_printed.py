"""What templates get to know of articles, and the two lines that a list of mails shows."""

from typing import Any

import pytest

from digest.letter.lines import columns, underlined, wrap
from digest.letter.printed import Picture, Printed, printed
from digest.letter.subject import make_preheader
from digest.letter.values import shortened
from digest.locale import words_for
from tests.builders import a_layout, an_article
from tests.letter.designs import NONCE

IMAGE = "https://nytt.example.com/hall.jpg"


def of(*articles: Any, language: str = "sv", written: str = "sv") -> Printed:
    lead, *rest = articles
    return printed(a_layout(lead, *rest), words_for(language), NONCE, written, {})


def picture(**values: Any) -> Picture | None:
    lead = of(an_article(image=IMAGE, image_alt="En hall", **values)).lead
    assert lead is not None
    return lead.picture


def test_picture_is_made_as_wide_as_the_column_in_its_own_shape() -> None:
    assert picture(image_width=1200, image_height=630) == Picture(IMAGE, "En hall", 528, 277)


def test_portrait_is_made_smaller_and_not_cut() -> None:
    assert picture(image_width=1000, image_height=2000) == Picture(IMAGE, "En hall", 264, 528)


def test_small_picture_keeps_its_size() -> None:
    assert picture(image_width=320, image_height=200) == Picture(IMAGE, "En hall", 320, 200)


@pytest.mark.parametrize("size", [{}, {"image_width": 1200}, {"image_height": 630}])
def test_picture_of_unknown_size_has_none(size: dict[str, int]) -> None:
    assert picture(**size) == Picture(IMAGE, "En hall", 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (120, 120), (1200, 1)])
def test_pixel_that_watches_and_icon_are_no_pictures(size: tuple[int, int]) -> None:
    assert picture(image_width=size[0], image_height=size[1]) is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:image/png;base64,xx", "", None])
def test_picture_is_of_the_web(url: str | None) -> None:
    lead = of(an_article(image=url)).lead
    assert lead is not None
    assert lead.picture is None


def test_article_in_a_language_of_another_direction_says_so() -> None:
    arabic, english = of(an_article(language="ar"), an_article(language="en")).headlines, of(an_article()).headlines
    lead = of(an_article(language="ar")).lead

    assert lead is not None
    assert (lead.language, lead.direction) == ("ar", "rtl")
    assert [(one.language, one.direction) for one in arabic] == [("en", "")]
    assert english == ()
    assert of(an_article(), an_article(language="en"), language="ar").headlines[0].direction == "ltr"
    assert of(an_article(), an_article(language="xx-nobody")).headlines[0].direction == ""


def test_article_that_names_no_language_is_in_the_newsletter_s() -> None:
    (english,) = of(an_article(), an_article(), language="en").headlines
    (swedish,) = of(an_article(), an_article(), language="sv-SE", written="sv_SE").headlines

    assert (english.language, swedish.language) == ("sv", "")


def test_summary_is_a_lead_of_two_lines() -> None:
    lead = "Ser bakåt i mörker. " * 40
    (headline,) = of(an_article(), an_article(lead=lead)).headlines

    assert 100 < len(headline.summary) <= 130
    assert headline.summary.endswith("…")
    assert 500 < len(headline.lead) <= 600


def test_headlines_are_numbered_through_the_letter() -> None:
    assert [day.first for day in of(an_article(), an_article(), an_article()).days] == [1]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("kort", "kort"),
        ("ett två tre fyra fem", "ett två tre…"),
        ("tolv tecken!", "tolv tecken!"),
        ("abcdefghijklmnop", "abcdefghijk…"),
        ("a bcdefghijklmnop", "a bcdefghij…"),
        ("ett två, tre, fyra", "ett två…"),
        ("abcdefghij\u0301klmno", "abcdefghij\u0301…"),
        ("abcdefghijk\u0301lmno", "abcdefghij…"),
        ("abcdefghi👩\u200d🚀xyz", "abcdefghi…"),
        ("abcdefghij👍🏽xyz", "abcdefghij…"),
        ("abcdefgh🇸🇪🇳🇴xyz", "abcdefgh🇸🇪…"),
    ],
)
def test_line_is_cut_between_words_or_at_least_between_letters(text: str, cut: str) -> None:
    assert shortened(text, 12) == cut


def test_preheader_is_padded_so_that_nothing_follows_it() -> None:
    short = make_preheader(of(an_article(), an_article("Luftrenare")), "Tagline")
    long = make_preheader(of(an_article(), *[an_article("Packningar för maskiner")] * 20), "Tagline")

    assert short.startswith("Luftrenare\u034f\xa0")
    assert short.count("\u034f") == 150
    assert long.count("Packningar") in (5, 6)
    assert len(long.rstrip("\u034f\xa0")) <= 150


def test_preheader_without_headlines_is_the_lead_story_s_words_or_else_the_tagline() -> None:
    assert make_preheader(of(an_article(lead="Ser bakåt.")), "Tagline").startswith("Ser bakåt.\u034f")
    assert make_preheader(of(an_article()), "Tagline").startswith("Tagline\u034f")


def test_word_longer_than_a_line_is_broken_and_a_link_is_not() -> None:
    link = "https://nytt.example.com/" + "x" * 100

    assert max(map(len, wrap("W" * 500, first="1. ", rest="   ").split("\n"))) <= 72
    assert link in wrap(f"se {link} nu")


@pytest.mark.parametrize(
    "text", ["駅の改修工事が始まる" * 30, "🔥" * 300, "e\u0301" * 300, "👨\u200d👩\u200d👧" * 60, "한국어 기사 " * 60]
)
def test_line_is_as_long_as_a_terminal_shows_it(text: str) -> None:
    lines = wrap(text, first="1. ", rest="   ").split("\n")

    assert 60 < max(map(columns, lines)) <= 72
    assert "".join(lines).replace(" ", "") == "1." + text.replace(" ", "")
    assert not [line for line in lines[1:] if line[3:4] in ("", "\u200d", "\u0301")]
    assert not [line for line in lines if line.endswith("\u200d")]


def test_what_cannot_be_told_apart_is_cut_all_the_same() -> None:
    assert len(wrap("👩\u200d" * 300).split("\n")) < 20


def test_date_is_underlined_as_long_as_a_terminal_shows_it() -> None:
    assert underlined("30 nov.") == "30 nov.\n-------"
    assert underlined("11月30日", "=") == "11月30日\n========"
    assert underlined("x" * 200).split("\n")[1] == "-" * 72
