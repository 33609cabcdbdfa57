"""Article HTML, cleaned; and plain text."""

import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.clean import (
    LONGEST,
    TAGS,
    TooMuchMarkup,
    clean_html,
    paragraphs_to_html,
    plain_text,
    protected,
)

PAGE = "https://news.example.com/2025/valves"
FEW = settings(max_examples=150, derandomize=True, deadline=None)
PIECES = """
    <p>|</p>|<div>|</div>|<b>|</b>|<b x=1>|<i>|</i>|<a href='/x'>|<a href='javascript:x'>|</a>|<img src='a.png'>|<table>
    |<img src='t.gif' width=1>|<tr>|<td>|</td>|</table>|<ul>|<li>|</ul>|<pre>|</pre>|&nbsp;|&amp;|&lt;|&#13;|&#7;|<br>
    |<h1>|</h1>|<blockquote>|</blockquote>|<figure>|<script>|</script>|<svg>|<math>|<style>|</style>|<!--|-->|<title>
    |<select>|<form>|<textarea>|<p onclick=x style=y>|<|>|&|"|'| |x|å|\n
"""
MARKUP = st.lists(
    st.one_of(st.sampled_from([piece.strip("\n") for piece in PIECES.split("|")]), st.text(max_size=3)), max_size=14
).map("".join)
ATTRIBUTES = {"href", "rel", "src", "alt", "width", "height", "colspan", "rowspan", "start"}


class Inventory(HTMLParser):
    """Every tag and attribute that a piece of HTML has."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_simple_article_keeps_its_structure() -> None:
    article = (
        "<h2>Ventiler</h2>\n<p>Tryck <strong>upp</strong>, <em>flöde</em> ner: 10<sup>2</sup> m.<br>Slut.</p>\n"
        '<ol start="3"><li>ett</li></ol>\n<table><tbody><tr><td colspan="2">1</td></tr></tbody></table>\n'
        '<figure><img src="https://cdn.example.com/a.jpg" alt="En ventil" width="600">'
        "<figcaption>Foto</figcaption></figure>"
    )

    assert clean_html(article, PAGE) == article


def test_scripts_styles_classes_and_handlers_are_gone() -> None:
    article = (
        '<p class="x" style="color:red" onclick="x()" id="y">Text</p><script>alert(1)</script><style>p{}</style>'
        '<iframe src="https://evil.example"></iframe><svg><a href="javascript:x"></a></svg>'
        "<form><button>Ja</button></form>"
    )

    assert clean_html(article, PAGE) == "<p>Text</p>"


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "tel:+4681",
        "",
        "  ",
        "mailto:",
        "http://[",
        "http:///nowhere",
    ],
)
def test_link_that_is_neither_web_nor_mail_leaves_its_text(link: str) -> None:
    assert clean_html(f'<p>Se <a href="{link}">här</a>.</p>', PAGE) == "<p>Se här.</p>"


def test_links_stay_and_open_no_window_on_the_letter() -> None:
    article = (
        '<p><a href="http://example.com/?a=1&amp;b=2" target="_blank">w</a> <a href="mailto:red@example.com">m</a></p>'
    )

    assert clean_html(article, None) == (
        '<p><a href="http://example.com/?a=1&amp;b=2" rel="noopener">w</a>'
        ' <a href="mailto:red@example.com" rel="noopener">m</a></p>'
    )


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("/om oss", "https://news.example.com/om%20oss"),
        ("pumps?p=1", "https://news.example.com/2025/pumps?p=1"),
        ("//cdn.example.com/x", "https://cdn.example.com/x"),
        ("#not-1", "https://news.example.com/2025/valves#not-1"),
    ],
)
def test_relative_link_is_resolved_against_the_article(link: str, leads_to: str) -> None:
    assert clean_html(f'<p><a href="{link}">x</a></p>', PAGE) == f'<p><a href="{leads_to}" rel="noopener">x</a></p>'


@pytest.mark.parametrize("base", [None, "", "not a link", "ftp://example.com/", "mailto:red@example.com"])
def test_relative_link_is_dropped_when_the_article_has_no_address(base: str | None) -> None:
    assert clean_html('<p><a href="/x">x</a><img src="/x.png"></p>', base) == "<p>x</p>"


@pytest.mark.parametrize(
    "picture",
    [
        '<img src="https://t.example.com/o.gif" width="1" height="1">',
        '<img src="https://t.example.com/o.gif" width=" 1px">',
        '<img src="https://t.example.com/o.gif" width="600" height="0">',
        '<img src="data:image/gif;base64,R0lGOD">',
        '<img src="mailto:red@example.com">',
        '<img src="">',
        "<img>",
    ],
)
def test_tracking_and_dead_pictures_go_with_what_held_only_them(picture: str) -> None:
    assert clean_html(f'<p>Text</p><p><a href="/x">{picture}</a></p><figure>{picture}</figure>', PAGE) == "<p>Text</p>"


def test_picture_without_a_text_gets_an_empty_one() -> None:
    assert clean_html('<img src="a.png" class="x">', PAGE) == '<img src="https://news.example.com/2025/a.png" alt="">'


def test_empty_paragraphs_are_removed() -> None:
    assert (
        clean_html("<p></p><p>&nbsp;</p><p> <br> </p><p><b>\u00a0</b></p><ul><li></li></ul><p>x</p>", None)
        == "<p>x</p>"
    )


def test_empty_cells_of_a_table_stay() -> None:
    table = "<table><tbody><tr><td></td><td>1</td></tr></tbody></table>"

    assert clean_html(table, None) == table


def test_blocks_without_a_place_in_a_letter_become_paragraphs_and_do_not_run_together() -> None:
    assert clean_html("<div>ett<div>två</div></div><section>tre</section>", None) == "<p>ett</p><p>två</p><p>tre</p>"
    assert clean_html("<h1>R</h1><h6>r</h6>", None) == "<h2>R</h2><h4>r</h4>"


def test_text_without_markup_becomes_paragraphs() -> None:
    assert clean_html("a < b\nc &amp; d\n\n \ne", None) == "<p>a &lt; b c &amp; d</p>\n<p>e</p>"


@pytest.mark.parametrize("nothing", ["", "  \n", "&nbsp;", "<p></p>", "<!-- x -->", "\x00"])
def test_nothing_stays_nothing(nothing: str) -> None:
    assert clean_html(nothing, None) == ""


def test_control_characters_and_lone_surrogates_are_gone() -> None:
    assert clean_html("<p>a\x00b\x07\ud800&#7;&#x80;c</p>", None) == "<p>ab€c</p>"


def test_template_signs_are_only_text() -> None:
    assert clean_html("<p>{{ 7*7 }} {% x %}</p>", None) == "<p>{{ 7*7 }} {% x %}</p>"


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 200_000,
        "&" * 900_000,
        "x" * (LONGEST + 1),
        "<p>" + "".join(f"<b x={n}>" for n in range(2_000)) + "</p>" + "<p>x" * 2_000,
    ],
)
def test_markup_that_would_keep_a_parser_busy_for_minutes_is_refused(markup: str) -> None:
    with pytest.raises(TooMuchMarkup):
        clean_html(markup, None)
    with pytest.raises(TooMuchMarkup):
        plain_text(f"{markup}>" if "<" in markup else f"<p>{markup}")


def test_very_deep_markup_is_no_danger() -> None:
    assert clean_html("<b>" * 5_000 + "x", None).count("x") == 1


@given(MARKUP)
@FEW
def test_whatever_comes_in_only_what_is_allowed_comes_out(markup: str) -> None:
    inventory = Inventory(clean_html(markup, PAGE))

    assert inventory.tags <= TAGS
    assert inventory.attributes <= ATTRIBUTES
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in inventory.links)


@given(MARKUP)
@FEW
def test_clean_html_stays_as_it_is(markup: str) -> None:
    clean = clean_html(markup, PAGE)

    assert clean_html(clean, PAGE) == clean


def test_paragraphs_are_escaped() -> None:
    assert paragraphs_to_html(["a < b & <script>", " ", "two\n lines"]) == (
        "<p>a &lt; b &amp; &lt;script&gt;</p>\n<p>two lines</p>"
    )


@pytest.mark.parametrize(
    ("given_as", "text"),
    [
        ("Plain", "Plain"),
        ("  two \n\t words\u00a0here\u2028now ", "two words here now"),
        ("<p>AT&amp;T</p><p>Två</p>", "AT&T Två"),
        ("<h1>A<b>B</b></h1>rad<br>två", "AB rad två"),
        ("H<sub>2</sub>O", "H2O"),
        ("F&aring; &#8211; &#x2013;", "Få – –"),
        ("a < b", "a < b"),
        ("1 < 2 och 3 > 2", "1 < 2 och 3 > 2"),
        ("Plan&regler & §ion &copy", "Plan&regler & §ion &copy"),
        ("&lt;b&gt; in HTML", "<b> in HTML"),
        ("&amp;amp;", "&amp;"),
        ("<script>alert(1)</script>x<style>p{}</style>", "x"),
        ("A\u030a", "Å"),
        ("a\x00b\x07c\ud800d", "abcd"),
        ("\u202egnp.exe\u2066 \ufeff", "gnp.exe"),
        ("👩\u200d🔧", "👩\u200d🔧"),
    ],
)
def test_plain_text_is_one_tidy_line(given_as: str, text: str) -> None:
    assert plain_text(given_as) == text


@given(st.one_of(MARKUP, st.text()))
@FEW
def test_plain_text_can_be_written_so_that_it_is_read_again(text: str) -> None:
    plain = plain_text(text)

    assert plain_text(protected(plain)) == plain
    assert plain == " ".join(plain.split())
    assert unicodedata.is_normalized("NFC", plain)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in plain)
