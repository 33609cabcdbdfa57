"""The packaged designs, as the letters they make show it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from digest.edition.layout import Layout, Story, Why
from digest.letter.compose import compose
from digest.letter.templates import open_templates
from digest.models import Letter
from tests.builders import SUNDAY, a_frame, a_layout, an_article, the_seed
from tests.letter.designs import NONCE
from tests.letter.markup import in_outlook

COLOUR = re.compile(r"(?:^|; )((?:background-|border-)?color):(#[0-9a-f]{6}|#[0-9a-f]{3})")
DARK = re.compile(r"  \.(\w+) \{ ([a-z-]+): (#[0-9a-f]{6}) !important; \}")
OUTLOOK = re.compile(r"\[data-ogs([bc])\] \.(\w+) \{ ([a-z-]+): (#[0-9a-f]{6}) !important; \}")


def a_letter(layout: Layout, language: str | None = None, **frame: Any) -> Letter:
    return compose(layout, a_frame(**frame), open_templates(), NONCE, language)


@pytest.fixture(scope="module")
def seed() -> Letter:
    return a_letter(the_seed())


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def coloured(letter: Letter) -> Iterator[tuple[list[str], str, str]]:
    """Yield for every colour that is inlined: the classes of its element, the property, the colour."""
    for _, attributes in Tags(letter.html).found:
        for name, colour in COLOUR.findall(attributes.get("style", "")):
            yield attributes.get("class", "").split(), name, colour


def luminance(colour: str) -> float:
    # WCAG 2.2, relative luminance
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    values = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def is_whole_in_the_dark(letter: Letter) -> bool:
    """Return whether every colour that is inlined has its dark counterpart, for Outlook.com too."""
    dark = {(name, what) for name, what, _ in DARK.findall(letter.html)}
    outlook = {(name, what) for _, name, what, _ in OUTLOOK.findall(letter.html)}
    found = [{(name, what) for name in classes} for classes, what, _ in coloured(letter)]
    return len(found) > 40 and all(names & dark and names & outlook for names in found)


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
def test_every_inlined_colour_has_its_dark_counterpart(design: str) -> None:
    assert is_whole_in_the_dark(a_letter(the_seed(), design=design))


def test_outlook_com_is_told_backgrounds_and_colours_apart(seed: Letter, plain: Letter) -> None:
    for letter in (seed, plain):
        found = OUTLOOK.findall(letter.html)
        assert {kind == "b" for kind, _, what, _ in found if what == "background-color"} == {True}
        assert {kind == "c" for kind, _, what, _ in found if what != "background-color"} == {True}


def test_text_has_contrast_enough_in_light_and_dark(seed: Letter) -> None:
    light = {name: colour for classes, what, colour in coloured(seed) for name in classes if what != "border-color"}
    dark = {name: colour for name, what, colour in DARK.findall(seed.html)}

    for colours in (light, dark):
        for text in ("ink", "soft", "accent"):
            assert contrast(colours[text], colours["paper"]) >= 4.5


def test_headings_stand_in_order(seed: Letter) -> None:
    headings = [tag for tag, _ in Tags(seed.html).found if re.fullmatch(r"h\d", tag)]

    assert headings == ["h1", "h2", *(["h2"] + ["h3"] * 5) * 5]


def test_dates_are_headings_newest_first_with_five_headlines_each(seed: Letter) -> None:
    headings = re.findall(r"<h2 class=\"date-title.*?>(.*?)</h2>", seed.html)

    assert headings == [
        "Söndag 30 november",
        "Fredag 28 november",
        "Torsdag 27 november",
        "Onsdag 26 november",
        "Tisdag 25 november",
    ]
    assert seed.html.count("5 nyheter") == 5


def test_outlook_gets_ghost_tables_and_everyone_else_none(seed: Letter, plain: Letter) -> None:
    for letter, least in ((seed, 17), (plain, 1)):
        ghosts = [attributes for tag, attributes in Tags(in_outlook(letter.html)).found if tag == "table"]
        assert len(ghosts) >= least
        assert {attributes.get("role") for attributes in ghosts} == {"presentation"}
        assert {tag for tag, _ in Tags(letter.html).found} & {"table", "tr", "td"} == set()


def test_outlook_reads_the_same_words_and_a_cell_in_place_of_each_box(seed: Letter) -> None:
    ghosts = Tags(in_outlook(seed.html)).found
    named = {name for tag, attributes in ghosts if tag == "td" for name in attributes.get("class", "").split()}
    boxes = {"pad", "top", "masthead", "lead", "contents", "date", "footer", "colophon"}

    bodies = [page.partition("<body")[2] for page in (in_outlook(seed.html), seed.html)]
    assert Words(bodies[0]).said == Words(bodies[1]).said
    assert named == {*boxes, "cell", "paper", "rule", "hair"}
    assert not [a for tag, a in ghosts if tag == "div" and boxes & set(a.get("class", "").split())]
    (styles,) = re.findall(r"<!--\[if mso\]>.*?<style>(.*?)</style><!\[endif\]-->", seed.html, re.DOTALL)
    for name in named:
        assert re.search(rf"^\.{name} {{ .*[a-z]+:", styles, re.MULTILINE), name


def test_page_names_its_language_and_direction() -> None:
    letter = a_letter(a_layout(an_article("أخبار")), "ar")

    assert '<html lang="ar" dir="rtl"' in letter.html
    assert "text-align:right" in letter.html
    assert "←" in letter.html


def test_article_in_another_language_says_so() -> None:
    letter = a_letter(a_layout(an_article(language="en"), an_article(language="sv"), an_article(language="de")))

    assert re.findall(r'<div class="(?:lead|row hair)"[^>]*? lang="(\w+)"', letter.html) == ["en", "de"]
    told = re.compile(r'<(?:td|div) class="(?:lead|row hair)"[^>]*? lang="(\w+)"')
    assert told.findall(in_outlook(letter.html)) == ["en", "de"]


def test_only_outlook_gets_a_table_of_fixed_width(seed: Letter) -> None:
    assert '<!--[if mso]><table role="presentation" width="600"' in seed.html
    assert 'width="600"' not in re.sub(r"<!--.*?-->", "", seed.html)


def test_preheader_is_made_from_the_first_headlines(seed: Letter) -> None:
    preheader = re.search(r'<div class="preheader"[^>]*>(.*?)</div>', seed.html)

    assert preheader is not None
    assert preheader[1].startswith(
        "Daggpunktsgivare för tryckluft – SUTO · Redskap till teleskoplastare · "
        "Packningar för entreprenadmaskiner · Backkameror\u034f\xa0\u034f"
    )
    assert len(preheader[1].encode()) > 200


def test_seed_is_far_from_where_gmail_cuts(seed: Letter) -> None:
    assert len(seed.html.encode()) < 30_000


def test_lines_of_the_text_are_within_78_where_no_link_is_longer(seed: Letter) -> None:
    long = an_article("Ett mycket långt namn på en nyhet " * 4, lead="Lång ingress om det. " * 30, section="Mätteknik")
    for letter in (seed, a_letter(a_layout(long, long))):
        assert [line for line in letter.text.split("\n") if len(line) > 78 and "://" not in line] == []


def test_text_underlines_its_dates(seed: Letter) -> None:
    assert "\n\nFredag 28 november\n------------------\n\n6. Begagnad truck under Black Week\n" in seed.text


def test_section_and_lead_of_a_headline_are_printed() -> None:
    letter = a_letter(a_layout(an_article(), an_article("Backkameror", section="Fordon", lead="Ser bakåt.")))

    assert re.search(r'<p class="section soft"[^>]*>Fordon</p>', letter.html)
    assert re.search(r'<p class="summary soft"[^>]*>Ser bakåt.</p>', letter.html)
    assert "1. Fordon: Backkameror\n   Ser bakåt.\n\n[1] https://nytt.example.com/luftrenare\n" in letter.text


def test_what_is_folded_is_counted_and_linked() -> None:
    letter = a_letter(a_layout(an_article(), folded=[an_article()] * 12))

    assert ">12 till på webben →</a>" in letter.html
    assert "\n12 till på webben:\nhttps://nytt.example.com\n" in letter.text


def test_same_story_in_other_places_is_linked_beside_the_one_that_is_printed() -> None:
    lead, headline = an_article("Huvudnyhet", id=1, lead="Text."), an_article("Backkameror", id=2)
    others = [
        an_article("En", id=3, source_id=7, url="https://trade.example.com/1?a=1&b=2"),
        an_article("Två", id=4, source_id=8, url="https://www.wire.example.com/2"),
        an_article("Tre", id=5, source_id=9, url=None),
        an_article("Fyra", id=6, source_id=9, url="javascript:alert(1)"),
    ]
    stories = Story(lead, tuple(others), Why.FIRST), Story(headline, (others[1],), Why.FIRST)
    layout = replace(a_layout(lead, headline), stories=stories)
    frame = a_frame(source_titles={7: "Trä & <b>metall</b>", 8: ""})
    letter = compose(layout, frame, open_templates(), NONCE, "en")

    assert re.findall(r'<p class="also soft".*?>Also in: (.*?)</p>', letter.html)[0].count("<a ") == 2
    assert 'href="https://trade.example.com/1?a=1&amp;b=2"' in letter.html
    assert ">Trä &amp; &lt;b&gt;metall&lt;/b&gt;</a>, <a" in letter.html
    assert ">wire.example.com</a></p>" in letter.html
    assert "\nAlso in Trä & <b>metall</b>:\nhttps://trade.example.com/1?a=1&b=2\n" in letter.text
    assert "\n   Also in wire.example.com:\n   https://www.wire.example.com/2\n" in letter.text
    assert "javascript" not in letter.html + letter.text
    assert letter.html.count("2 stories") == 1, "six articles are two stories"
    assert letter.html.count("Also in") == letter.text.count("Also in") - 1 == 2


def test_footer_says_why_and_how_to_leave_in_both_parts(seed: Letter) -> None:
    for part in (seed.html, seed.text):
        assert "Du får Senaste nytt för att din adress står på listan Industri." in part
        assert "Avsluta prenumerationen" in part
        assert "Tidningen AB, Box 1, 111 11 Stockholm" in part
        assert "red@example.com" in part
    assert b"https://nytt.example.com/u/=\r\n\0token:unsubscribe:\0=\r\n" in seed.mail
    assert seed.mail.count(b"\0token:unsubscribe:\0") == 3  # header, text, HTML


def test_newsletter_without_titled_lists_says_that_one_subscribes() -> None:
    letter = compose(the_seed(), a_frame(list_titles=(), tagline="", postal_address=""), open_templates(), NONCE)

    assert "Du får det här brevet för att du prenumererar på Senaste nytt." in letter.text
    assert 'class="tagline' not in letter.html


def test_edition_without_lead_or_days_still_makes_a_letter() -> None:
    letter = a_letter(Layout(SUNDAY, None, ()))

    assert "0 nyheter" in letter.text


@pytest.fixture(scope="module")
def plain() -> Letter:
    return a_letter(the_seed(), design="plain")


def test_text_of_plain_has_contrast_enough(plain: Letter) -> None:
    light = {name: colour for classes, _, colour in coloured(plain) for name in classes}
    for colours in (light, {name: colour for name, _, colour in DARK.findall(plain.html)}):
        for text in ("ink", "soft", "accent"):
            assert contrast(colours[text], colours["page"]) >= 4.5


def test_plain_has_no_table_but_outlook_s(plain: Letter) -> None:
    assert "<table" not in re.sub(r"<!--.*?-->", "", plain.html, flags=re.DOTALL)
    assert [tag for tag, _ in Tags(plain.html).found if re.fullmatch(r"h\d", tag)][:4] == ["h1", "h2", "h2", "h3"]
    assert "Hej! Här är Senaste nytt för söndag 30 november 2025, med 26 nyheter." in plain.text
    assert plain.text.count("Vänliga hälsningar\nSenaste nytt\n") == 1


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
@pytest.mark.parametrize("links", ["date", "headline"])
@pytest.mark.parametrize("language", ["sv", "en"])
def test_text_says_nothing_but_what_the_html_says(design: str, links: str, language: str) -> None:
    shown: dict[str, Any] = {
        "image": "https://nytt.example.com/p.jpg",
        "image_alt": "Ljus hall",
        "subtitle": "Tyst och ren",
    }
    titled = an_article("Luftrenare", section="Fordon", lead="Ser bakåt i mörker och snö. " * 20, **shown)
    headline = an_article("Backkameror", section="Mätteknik", lead="Nya modeller. " * 40)
    layout = a_layout(titled, headline, headline, folded=[headline])
    letter = a_letter(layout, language, design=design, text_links=links)
    said = Words(letter.html).said

    assert "[Ljus hall]" in letter.text
    for word in re.findall(r"[^\W\d_]{3,}", re.sub(r"https?://\S+", "", letter.text)):
        assert word in said, word


class Words(HTMLParser):
    """The words that a page shows, those in place of pictures too."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_data(dict(attrs).get("alt") or "")

    def handle_data(self, data: str) -> None:
        self.said |= set(re.findall(r"[^\W\d_]{3,}", data))


def test_links_of_the_text_stand_where_the_newsletter_wants_them() -> None:
    layout = a_layout(an_article(), an_article("Backkameror", url="https://nytt.example.com/1"), an_article(url=None))

    assert "1. Backkameror\n2. Luftrenare\n\n[1] https://nytt.example.com/1\n\n" in a_letter(layout).text
    beside = a_letter(layout, text_links="headline").text
    assert "1. Backkameror\n   https://nytt.example.com/1\n\n2. Luftrenare\n\n" in beside


def test_letter_of_several_dates_says_which(seed: Letter) -> None:
    assert "I brevet: 30\xa0nov.\xa0(5), 28\xa0nov.\xa0(5)," in seed.text
    assert ">I brevet</b>" in seed.html
    assert "I brevet" not in a_letter(a_layout(an_article(), an_article())).html


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
def test_picture_has_size_and_words_and_is_a_link(design: str) -> None:
    size: dict[str, Any] = {"image_width": 1200, "image_height": 630}
    lead = an_article(image="https://nytt.example.com/p.jpg", image_alt='En "hall"', **size)
    letter = a_letter(a_layout(lead), design=design)
    (shown,) = [attributes for tag, attributes in Tags(letter.html).found if tag == "img"]

    assert (shown["src"], shown["alt"]) == ("https://nytt.example.com/p.jpg", 'En "hall"')
    assert (shown["width"], shown["height"]) == ("528", "277")
    assert re.search(r"<a [^>]*href=\"https://nytt.example.com/luftrenare\"[^>]*><img", letter.html)
    assert '[En "hall"]' in letter.text


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
def test_picture_without_size_fills_the_column_and_without_words_is_no_link(design: str) -> None:
    letter = a_letter(a_layout(an_article(image="https://nytt.example.com/p.jpg")), design=design)
    (shown,) = [attributes for tag, attributes in Tags(letter.html).found if tag == "img"]

    assert shown["alt"] == ""
    assert "height" not in shown
    assert "width:100%" in shown["style"].replace(" ", "")
    assert "height:auto" in shown["style"].replace(" ", "")
    assert not re.search(r"<a [^>]*>\s*<img", letter.html)


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
def test_letter_loads_nothing_but_its_picture(design: str) -> None:
    letter = a_letter(the_seed(), design=design)

    assert "<img" not in letter.html
    assert "url(" not in letter.html
    assert "@import" not in letter.html
