from digest.letter.compose import compose
from digest.letter.inbox import first_words
from digest.letter.templates import open_templates
from tests.builders import a_frame, the_seed


def test_a_list_of_mails_shows_the_headlines_and_nothing_behind_their_padding() -> None:
    letter = compose(the_seed(), a_frame(), open_templates(), "n" * 32)
    words = first_words(letter.html)

    assert words.startswith("Daggpunktsgivare för tryckluft – SUTO · Redskap till teleskoplastare · ")
    assert "Söndag" not in words
    assert len(words) <= 140


def test_a_letter_without_a_preheader_shows_whatever_comes_first() -> None:
    html = "<head><title>Not this</title></head><style>p { }</style><p>Read  on\nthe&nbsp;web</p><h1>A &amp; B</h1>"

    assert first_words(html) == "Read on the webA & B"
    assert first_words(html, 7) == "Read on…"
