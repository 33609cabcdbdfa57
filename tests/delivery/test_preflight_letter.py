"""What preflight says of finished letters."""

import pytest

from digest.delivery.findings import Asked
from digest.delivery.preflight import Level
from digest.delivery.preflight_letter import links, pictures
from digest.models import Letter
from tests.builders import a_newsletter, an_article
from tests.examining import a_subject, editions_of, found, messages, printing, the_letter


def a_letter(**values: str) -> Letter:
    return the_letter().model_copy(update=values)


@pytest.mark.parametrize(("length", "level"), [(78, Level.FINE), (79, Level.WARN)])
def test_a_subject_longer_than_is_shown_warns(length: int, level: Level) -> None:
    assert found(a_subject(a_letter(subject="å" * length)), "subject") is level


def test_how_much_of_a_subject_is_shown_can_be_set() -> None:
    newsletter = a_newsletter(from_="nytt@tidningen.se", preflight={"subject_characters": 40})

    assert found(a_subject(a_letter(subject="x" * 41), newsletter=newsletter), "subject") is Level.WARN


@pytest.mark.parametrize(
    ("now", "then", "level"),
    [
        ("Senaste nytt: Luftrenare", "Senaste nytt: Luftrenare", Level.WARN),
        ("Senaste nytt – luftrenare", "Senaste nytt: Luftrenare", Level.WARN),
        ("Senaste nytt 30 november", "Senaste nytt 29 november", Level.FINE),
        ("Senaste nytt: Luftrenare", "Senaste nytt: Backkameror", Level.FINE),
    ],
)
def test_the_last_editions_subject_warns(now: str, then: str, level: Level) -> None:
    """Gmail threads mails of one subject, and hides what they share (FIELD.md, 33)."""
    day = a_subject(a_letter(subject=now), earlier=editions_of(26, 26, subjects=["Another language", then]))

    assert found(day, "same_subject") is level


@pytest.mark.parametrize(
    ("html", "level"),
    [
        ('<img src="https://x.se/a.png">', Level.WARN),
        ('<IMG width=600 src="https://x.se/a.png" title="a > b">', Level.WARN),
        ('<img src="https://x.se/a.png" alt="En truck">', Level.FINE),
        ('<img alt="" src="https://x.se/rule.png">', Level.FINE),
        ("<p>an img of it</p>", Level.FINE),
        ("<img '" * 20_000, Level.FINE),  # a tag without an end is none
        ("", Level.FINE),
    ],
)
def test_a_picture_without_alternative_text_warns(html: str, level: Level) -> None:
    assert found(a_subject(a_letter(html=html)), "alt_text") is level


def test_sizes_can_be_set() -> None:
    newsletter = a_newsletter(from_="nytt@tidningen.se", preflight={"html_warn_kb": 20, "html_hold_kb": 30})

    assert found(a_subject(a_letter(html="x" * 20_001), newsletter=newsletter), "html_size") is Level.WARN
    assert found(a_subject(a_letter(html="x" * 30_001), newsletter=newsletter), "html_size") is Level.HOLD


def test_links_and_pictures_of_letters_are_asked_once_and_ours_never() -> None:
    html = (
        '<a href="https://x.se/?a=1&amp;b=2">A</a><a class="b" href="https://x.se/?a=1&amp;b=2">B</a>'
        '<a href="https://nytt.se/u/preview">Leave</a><a href="mailto:red@x.se">C</a><a href="https://nytt.se.evil.com/">D</a>'
        '<img src="https://x.se/p.jpg" alt=""><img src="data:image/png;base64,AA" alt="">'
    )

    assert links([a_letter(html=html)] * 2, "https://nytt.se") == ["https://x.se/?a=1&b=2", "https://nytt.se.evil.com/"]
    assert pictures([a_letter(html=html)] * 2) == ["https://x.se/p.jpg"]


def test_what_links_came_to_is_told_with_the_headline() -> None:
    dead, moved, fine = (
        an_article(title, id=n, url=f"https://x.se/{n}") for n, title in enumerate(("Död", "Flyttad", "Fin"))
    )
    asked = {
        "https://x.se/0": Asked("it answers 404"),
        "https://x.se/1": Asked(moved="moved for good: link to https://y.se/"),
        "https://x.se/2": Asked(size=10**7),
    }
    day = printing(dead, moved, fine, asked=asked)

    assert messages(day, "links") == [
        '"Död": dead link: it answers 404',
        '"Flyttad": moved for good: link to https://y.se/',
    ]
    assert found(printing(dead, moved, fine), "links") is Level.FINE  # nobody asked


def test_when_no_link_leads_anywhere_the_way_to_them_is_looked_at_and_not_each() -> None:
    some = [an_article(f"Nyhet {n}", url=f"https://{n}.example/") for n in range(3)]
    silent = {str(one.url): Asked("there is no such host") for one in some}

    assert messages(printing(*some, asked=silent), "links") == [
        "none of 3 links leads anywhere (there is no such host): is this machine on the network?"
    ]
    assert len(messages(printing(*some, asked=dict(list(silent.items())[:2])), "links")) == 2
    one_answers = {**silent, "https://0.example/": Asked()}
    assert len(messages(printing(*some, asked=one_answers), "links")) == 2


@pytest.mark.parametrize(("size", "level"), [(500_001, Level.WARN), (500_000, Level.FINE), (None, Level.FINE)])
def test_a_picture_that_weighs_too_much_warns(size: int | None, level: Level) -> None:
    letter = a_letter(html='<img alt="" src="https://x.se/p.jpg">')

    assert found(a_subject(letter, asked={"https://x.se/p.jpg": Asked(size=size)}), "pictures") is level
    assert found(a_subject(letter), "pictures") is Level.FINE
