"""The HTML of letters stands up to a strict parser, and to being read out."""

import pytest

from digest.letter.compose import compose
from digest.letter.templates import open_templates
from tests.builders import a_frame
from tests.letter.designs import NONCE
from tests.letter.markup import problems
from tests.letter.test_phone import EDITIONS

GOOD = """<!DOCTYPE html>
<html lang="sv" dir="ltr"><head><meta charset="utf-8"><title>Nytt</title></head><body>
<!--[if mso]><table role="presentation"><tr><td><![endif]-->
<h1>Nytt</h1><h2>Söndag</h2><h3><a href="https://nytt.example.com">Luft</a></h3>
<p id="a"><a href="https://nytt.example.com"><img src="https://nytt.example.com/p.jpg" alt="En hall"></a></p>
<!--[if mso]></td></tr></table><![endif]-->
</body></html>"""


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
@pytest.mark.parametrize(("edition", "language"), [("seed", "sv"), ("seed", "en"), *((n, "ar") for n in EDITIONS)])
def test_letter_has_no_fault_in_its_html(design: str, edition: str, language: str) -> None:
    letter = compose(EDITIONS[edition](), a_frame(design=design), open_templates(), NONCE, language)

    assert problems(letter.html) == []


def test_page_without_a_fault_has_none() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("<!DOCTYPE html>\n", "", "line 1: "),
        ("</h3>", "", "h3 left open"),
        ("</h1>", "</b></h1>", "line 4: unexpected-end-tag"),
        ('id="a"', 'id="a" id="b"', "p with id 2 times"),
        ("</td></tr></table><![endif]-->", "</td></tr><![endif]-->", "in Outlook: table left open"),
        ('lang="sv" ', "", "page without language or direction"),
        (' dir="ltr"', "", "page without language or direction"),
        ("<title>Nytt</title>", "", "page without title"),
        ('<meta charset="utf-8">', "", "page without charset"),
        ("<h2>Söndag</h2>", "<h1>Söndag</h1>", "2 h1, first ['h1']"),
        ("<h1>Nytt</h1>", "", "0 h1, first ['h2']"),
        ("<h2>Söndag</h2>", "", "h3 behind h1"),
        ("<h2>Söndag</h2>", "<h2> </h2>", "h2 without words"),
        ('<p id="a">', '<p id="a"><b id="a"></b>', "id a 2 times"),
        (' alt="En hall"', "", "img without alt"),
        (' alt="En hall"', ' alt=""', "link without words or address"),
        (">Luft<", "><", "link without words or address"),
        ('"presentation"', '"table"', "in Outlook: table that a screen reader takes for data"),
        ("</td></tr>", "</td><th></th></tr>", "in Outlook: th in a table for layout"),
        ("<h1>", "<p><div></div></p><h1>", "line 4: unexpected-end-tag"),
        ("<h1>", "<script></script><h1>", "script []"),
        ("<h1>", '<h1 onclick="x">', "h1 ['onclick']"),
    ],
)
def test_fault_is_found(was: str, becomes: str, said: str) -> None:
    found = problems(GOOD.replace(was, becomes))

    assert was in GOOD
    assert any(one.startswith(said) for one in found), found
