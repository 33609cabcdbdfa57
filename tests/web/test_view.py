"""A letter on the web, as it was mailed."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from digest.project import open_project
from digest.tokens import Purpose, make
from digest.web.view import prefers_text
from tests.web.conftest import ANNA, BO, LIAM, Mailed, Served, at_work

REVISED = "Senare: Backkameror"


def part(mailed: Mailed, kind: str, address: str = ANNA) -> str:
    """Return one part of the mail that a reader got."""
    found = mailed.mails[address].get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("address", [ANNA, BO, LIAM])
def test_the_page_is_the_html_that_was_mailed(mailed: Mailed, served: Served, address: str) -> None:
    page = served.get(mailed.view(address))

    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text == part(mailed, "html", address)
    assert f"https://nytt.example.com{mailed.leave(address)}" in page.text


def test_the_text_can_be_had_too(mailed: Mailed, served: Served) -> None:
    for answer in (served.get(f"{mailed.view()}?text=1"), served.get(mailed.view(), Accept="text/plain")):
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert answer.text == part(mailed, "plain")


@pytest.mark.parametrize(
    ("accept", "prefers"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", True),
        ("text/plain, */*", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain;q=0.5, text/html", False),
        ("text/html;q=0.5, text/plain;q=0.6", True),
        ("text/plain;q=0", False),
        ("text/plain;q=nonsense", False),
        ("text/html, text/plain", False),
    ],
)
def test_whoever_likes_text_better_than_html_gets_it(accept: str, prefers: bool) -> None:
    assert prefers_text(accept) is prefers


def test_a_letter_may_show_pictures_and_nothing_else(mailed: Mailed, served: Served) -> None:
    policy = served.get(mailed.view()).headers["content-security-policy"]

    assert policy == (
        "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def test_looking_changes_nothing(mailed: Mailed, served: Served) -> None:
    before = mailed.everything()
    for query in ("", "?text=1", "?version=1", "?version=2"):
        served.get(mailed.view() + query)
    assert served.ask("POST", mailed.view(), b"x=y").status == 405

    assert mailed.everything() == before


def test_it_reads_the_same_after_the_reader_has_left(mailed: Mailed, served: Served) -> None:
    served.one_click(mailed.leave())

    assert served.get(mailed.view()).text == part(mailed, "html")


def test_an_erased_reader_s_link_shows_the_public_letter(mailed: Mailed, served: Served) -> None:
    mailed.do("UPDATE subscriber SET hash = NULL, address = '', name = '', erased_at = created_at WHERE id = 1")
    page, text = served.get(mailed.view()), served.get(f"{mailed.view()}?text=1")

    assert page.text == mailed.rows("SELECT html FROM letter ORDER BY id")[0][0]
    assert text.text == mailed.rows("SELECT text FROM letter ORDER BY id")[0][0]
    assert "/u/" not in page.text + text.text


def test_a_reader_who_got_no_copy_sees_the_public_letter_in_the_newsletter_s_language(
    mailed: Mailed, served: Served
) -> None:
    page = served.get(view_path(mailed, 1, 4711))

    assert page.text == mailed.rows("SELECT html FROM letter ORDER BY id")[0][0]
    assert '<html lang="sv"' in page.text


def test_what_the_mail_folds_is_printed_on_its_page(mailed: Mailed, served: Served) -> None:
    page = "<body>Allt <a href='https://nytt.example.com/u/\0token:unsubscribe:\0'>x</a>\0html:name:du\0</body>"
    mailed.do("UPDATE letter SET page = ?", page)
    shown = served.get(mailed.view()).text

    assert shown == f"<body>Allt <a href='https://nytt.example.com{mailed.leave()}'>x</a>Anna Åkesson</body>"
    assert served.get(f"{mailed.view()}?text=1").text == part(mailed, "plain")
    public = served.get(view_path(mailed, 1, 4711)).text
    assert public == "<body>Allt <a href='https://nytt.example.com'>x</a>du</body>"


def view_path(mailed: Mailed, edition_id: int, subscriber_id: int) -> str:
    with open_project(mailed.folder) as project:
        return f"/view/{make(project.keys, project.keys.newest, Purpose.VIEW, edition_id, subscriber_id)}"


def test_an_edition_that_is_not_there_or_has_no_letters_is_404(mailed: Mailed, served: Served) -> None:
    assert served.get(view_path(mailed, 99, 1)).status == 404
    mailed.do("DELETE FROM delivery")
    mailed.do("DELETE FROM letter")
    assert served.get(mailed.view()).status == 404


def test_a_token_of_another_purpose_shows_no_letter(mailed: Mailed, served: Served) -> None:
    assert served.get(mailed.leave().replace("/u/", "/view/")).status == 404
    assert served.get(f"{mailed.view()[:-1]}").status == 404


@pytest.fixture
def revised(mailed: Mailed) -> Iterator[Served]:
    """The letters of a second version, of which Bo has got one."""
    mailed.do(
        "INSERT INTO letter (edition_id, version, made_at, language, subject, html, text, mail) SELECT edition_id, 2,"
        " ?, language, subject, replace(html, 'Backkameror', ?), replace(text, 'Backkameror', ?), mail FROM letter",
        "2025-11-30 13:05:00.000000", REVISED, REVISED,
    )  # fmt: skip
    for number, mail in mailed.rows("SELECT id, mail FROM letter WHERE version = 2"):
        changed = mail.replace(b"Backkameror", REVISED.encode())
        mailed.do("UPDATE letter SET mail = ? WHERE id = ?", changed, number)
    mailed.do(
        "UPDATE delivery SET letter_id = (SELECT max(id) - 1 FROM letter) WHERE subscriber_id ="
        " (SELECT id FROM subscriber WHERE address = ?)", BO,
    )  # fmt: skip
    with at_work(mailed.folder) as server:
        yield server


def bar(page: str) -> str:
    """Return what is in the bar at the top of a letter."""
    at_top = r'<body[^>]*>\s*<style>.*?</style>\s*<div class="digest-revised"[^>]*>(.*?)</div>'
    found = re.search(at_top, page, re.DOTALL)
    return found[1] if found else ""


def test_of_several_versions_each_reader_sees_the_one_that_was_mailed(mailed: Mailed, revised: Served) -> None:
    first, second = revised.get(mailed.view(ANNA)).text, revised.get(mailed.view(BO)).text

    assert REVISED not in first
    assert REVISED in second
    assert bar(first) == (
        'Det här brevet ändrades den 30 nov. kl. 14:05. <a href="?version=2">Läs det som det är nu</a>'
    )
    assert bar(second) == (
        'Det här brevet ändrades den 30 nov. kl. 14:05. <a href="?version=1">Läs det som det var tidigare</a>'
    )


def test_the_bar_stands_above_the_letter_and_changes_nothing_in_it(mailed: Mailed, revised: Served) -> None:
    page = revised.get(mailed.view(ANNA)).text
    at = page.index("<style>\n.digest-revised")
    end = page.index("</div>", at) + len("</div>")

    assert page[:at] + page[end:] == part(mailed, "html")


def test_the_other_version_is_shown_in_the_reader_s_language_with_the_reader_s_links(
    mailed: Mailed, revised: Served
) -> None:
    page = revised.get(f"{mailed.view(LIAM)}?version=2").text

    assert REVISED in page
    assert '<html lang="en"' in page
    assert bar(page).startswith("This letter was revised on Nov 30 at 14:05.")
    assert f"https://nytt.example.com{mailed.leave(LIAM)}" in page
    assert revised.get(f"{mailed.view(LIAM)}?version=1").text == revised.get(mailed.view(LIAM)).text


def test_the_text_says_so_too(mailed: Mailed, revised: Served) -> None:
    text = revised.get(f"{mailed.view()}?text=1").text

    first, _, letter = text.partition("\n\n")
    assert first.startswith("Det här brevet ändrades den 30 nov. kl. 14:05. Läs det som det är nu: ")
    assert letter == part(mailed, "plain")


def test_a_revision_without_a_time_says_just_that(mailed: Mailed, revised: Served) -> None:
    mailed.do("UPDATE letter SET made_at = NULL")

    assert bar(revised.get(mailed.view()).text).startswith("Det här brevet har ändrats. <a")


def test_the_public_form_is_that_of_the_newest_version(mailed: Mailed, revised: Served) -> None:
    assert REVISED in revised.get(view_path(mailed, 1, 4711)).text


@pytest.mark.parametrize("version", ["0", "3", "-1", "x", "", "01", "1.0", "9" * 5000, "1%00", "²"])
def test_a_version_that_there_is_not_is_404(mailed: Mailed, revised: Served, version: str) -> None:
    assert revised.get(f"{mailed.view()}?version={quote(version, safe='%')}").status == 404


def test_a_letter_of_one_version_has_no_bar(mailed: Mailed, served: Served) -> None:
    assert "digest-revised" not in served.get(f"{mailed.view()}?version=1").text


def test_a_letter_is_not_shown_while_it_prints_what_is_under_embargo(mailed: Mailed, served: Served) -> None:
    mailed.do("UPDATE article SET embargo_until = '2999-01-01 00:00:00.000000' WHERE id = 1")
    during = served.get(mailed.view())
    mailed.do("UPDATE article SET embargo_until = '2020-01-01 00:00:00.000000', expires = '2020-01-01 00:00:00.000000'")
    after = served.get(mailed.view())

    assert (during.status, after.status) == (404, 200), "what has expired since was in the paper of that day"
