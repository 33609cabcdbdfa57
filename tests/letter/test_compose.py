import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.letter.compose import compose
from digest.letter.markers import Markers
from digest.letter.slots import Kind
from digest.letter.templates import open_templates
from digest.letter.values import clean, one_line
from tests.builders import a_frame, a_layout, a_reader, an_article, the_seed
from tests.comparing import assert_same_as_golden
from tests.letter.designs import NONCE, a_design, a_letter, parts, read, stamped

LISTING = """<!DOCTYPE html>
<html><body>{% for day in days %}{% for a in day.articles %}<p>{{ a.title }}|{{ a.subtitle }}|{{ a.url }}</p>
{% endfor %}{% endfor %}</body></html>"""
HOSTILE = [
    "{{ 7*7 }}{% raw %}",
    "<script>alert(1)</script><!-- <b>",
    "=?utf-8?q?hi=0D=0ABcc:_evil@example.com=0D=0A=0D=0A<h1>?=",
    "a\r\nBcc: evil@example.com\r\n\r\nb",
    "\0token:unsubscribe:\0",
    "\u202eevil\u2066\u2028x",
    "</style><style>*{}",
    "]]>&amp;&#39;\"'",
]


@pytest.mark.parametrize(("language", "lists"), [("sv", "Industri"), ("en", "Industry")])
def test_seed_is_the_letter_that_was_last_looked_at(language: str, lists: str) -> None:
    letter = compose(the_seed(), a_frame(list_titles=(lists,)), open_templates(), NONCE, language)
    mail = stamped(letter, a_reader())

    assert_same_as_golden(f"seed.{language}.html", letter.html)
    assert_same_as_golden(f"seed.{language}.txt", letter.text)
    assert_same_as_golden(f"seed.{language}.eml", mail.decode("ascii").replace("\r\n", "\n"))


@pytest.mark.parametrize(("language", "lists"), [("sv", "Industri"), ("en", "Industry")])
def test_plain_seed_is_the_letter_that_was_last_looked_at(language: str, lists: str) -> None:
    frame = a_frame(design="plain", list_titles=(lists,))
    letter = compose(the_seed(), frame, open_templates(), NONCE, language)

    assert_same_as_golden(f"plain.{language}.html", letter.html)
    assert_same_as_golden(f"plain.{language}.txt", letter.text)


def test_letter_says_its_language_and_waits_for_its_edition(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path))

    assert (letter.id, letter.edition_id, letter.language, letter.subject) == (
        None,
        0,
        "sv",
        "Senaste nytt: Backkameror",
    )


def test_language_of_a_variant_wins_over_the_newsletter_s() -> None:
    letter = compose(the_seed(), a_frame(), open_templates(), NONCE, "en_GB")

    assert letter.language == "en-GB"
    assert '<html lang="en-GB" dir="ltr"' in letter.html
    assert "Sunday, 30 November 2025" in letter.text


def test_mail_holds_the_public_texts_but_for_the_reader_s_own_links() -> None:
    letter = compose(the_seed(), a_frame(), open_templates(), NONCE)
    text, page = parts(stamped(letter, a_reader()))

    for token in (f"/u/{'u' * 38}", f"/view/{'v' * 38}"):
        assert token in text
        assert token in page
        text, page = text.replace(token, ""), page.replace(token, "")
    assert text == letter.text
    assert page.removesuffix("\n") == letter.html


@pytest.mark.parametrize("title", HOSTILE)
def test_title_is_text_whatever_it_holds(tmp_path: Path, title: str) -> None:
    project = a_design(
        tmp_path, LISTING, "{% for d in days %}{% for a in d.articles %}{{ a.title }}\n{% endfor %}{% endfor %}"
    )
    lead, headline = an_article(title), an_article(title, subtitle=title)
    letter = a_letter(project, a_layout(lead, headline), subject="{{ lead.title }}")
    mail = stamped(letter, a_reader())
    text, page = parts(mail)

    assert letter.subject == read(mail)["Subject"] == clean(title)
    assert text == f"{one_line(title)}\n"
    assert "<script" not in page
    assert "Bcc" not in read(mail)
    shown = re.search(r"<p>(.*?)\|(.*?)\|", page)
    assert shown is not None
    assert shown[1] == shown[2] == one_line(title).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(min_size=1, max_size=150).filter(lambda text: clean(text) != ""))
def test_any_title_makes_a_letter_that_is_read_back(tmp_path: Path, title: str) -> None:
    letter = a_letter(a_design(tmp_path), a_layout(an_article(title)), subject="{{ lead.title }}")

    assert read(stamped(letter, a_reader()))["Subject"] == clean(title)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,<script>", "ftp://example.com", "", None])
def test_article_without_a_link_of_the_web_is_printed_and_not_linked(url: str | None) -> None:
    layout = a_layout(an_article("Huvudnyhet", url=url), an_article("Luftrenare", url=url))
    letter = compose(layout, a_frame(), open_templates(), NONCE)
    links = re.findall(r'href="([^"]*)"', letter.html)

    assert set(links) == {"https://nytt.example.com", "mailto:red@example.com"}
    assert "Luftrenare" in letter.html
    assert "1. Luftrenare\n" in letter.text
    assert "[1]" not in letter.text


def test_subject_is_cut_at_a_word(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path), a_layout(an_article("räksmörgås, " * 30)))

    assert 60 < len(letter.subject) <= 78
    assert letter.subject.endswith("räksmörgås…")


def test_subject_of_one_endless_word_is_cut_in_it(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path), a_layout(an_article("å" * 300)), subject="{{ lead.title }}")

    assert letter.subject == "å" * 77 + "…"


def test_subject_knows_date_and_count(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path), subject="{{ words.short_date(date) }}: {{ count }} & fler")

    assert letter.subject == "30 nov.: 2 & fler"


def test_subject_without_a_lead_story_names_the_first_headline(tmp_path: Path) -> None:
    assert a_letter(a_design(tmp_path), a_layout(None, an_article("Luftrenare"))).subject == "Senaste nytt: Luftrenare"


def test_subject_without_any_article_names_the_date(tmp_path: Path) -> None:
    assert a_letter(a_design(tmp_path), a_layout()).subject == "Senaste nytt: Söndag 30 november 2025"


def test_test_letter_is_marked_in_its_subject(tmp_path: Path) -> None:
    assert a_letter(a_design(tmp_path), test=True).subject == "[Test] Senaste nytt: Backkameror"


def test_template_knows_all_this(tmp_path: Path) -> None:
    source = (
        "{{ title }}/{{ tagline }}/{{ date }}/{{ count }}/{{ folded }}/{{ lists }}/{{ sender }}/{{ sender_address }}/"
        "{{ postal_address }}/{{ language }}/{{ direction }}/{{ test }}/{{ subject }}\n"
        "{{ lead.title }}/{{ lead.subtitle }}/{{ lead.lead }}/{{ lead.section }}/{{ lead.author }}/"
        "{{ lead.url }}/{{ lead.language }}\n"
        "{{ days[0].date }}/{{ days[0].articles | length }}\n"
    )
    lead = an_article("A", subtitle="B", lead="C\n\nc", section="D", author="E", language="en")
    layout = a_layout(lead, an_article(), folded=[an_article(), an_article()])
    letter = a_letter(a_design(tmp_path, txt=source), layout, list_titles=("Industri", "Bygg"))

    assert letter.text.splitlines() == [
        (
            "Senaste nytt/Nyheter inom industrivärlden/2025-11-30/4/2/Bygg eller Industri/Senaste nytt/red@example.com/"
            "Tidningen AB, Box 1, 111 11 Stockholm/sv/ltr/False/Senaste nytt: A"
        ),
        "A/B/C c/D/E/https://nytt.example.com/luftrenare/en",
        "2025-11-30/1",
    ]


@pytest.mark.parametrize("nonce", ["", "a" * 31, "A" * 32, "å" * 32, "a b" * 11])
def test_nonce_that_would_not_survive_is_refused(nonce: str) -> None:
    with pytest.raises(ValueError, match="a nonce is 32 small letters and digits"):
        Markers(nonce, Kind.TEXT)


def test_marker_is_as_long_as_the_token_it_stands_for() -> None:
    assert len(Markers(NONCE, Kind.TEXT).unsubscribe) == len(a_reader().unsubscribe)
