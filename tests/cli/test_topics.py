"""Sections that readers choose, from a spreadsheet to what is in their letter."""

import email
import email.policy
import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.demo.smtpd import Received, RecordingServer
from digest.project import open_project
from digest.web.app import make_app
from tests.cli.conftest import Run
from tests.cli.editor import ANNA, BO, KEY, LIAM, counts_of, do, mailed, message_id, recipients, shown, taking_only
from tests.cli.test_send import DATE, use
from tests.serving import serving

CY = "cy@example.com"
ARTICLES = [
    {"title": "Backkameror", "url": "https://nytt.example.com/1", "published": "2025-11-30", "section": "Fordon"},
    {"title": "Luftrenare", "url": "https://nytt.example.com/2", "published": "2025-11-29", "section": "Energi",
     "lead": "Ren luft."},
    {"title": "Vindkraft", "url": "https://nytt.example.com/3", "published": "2025-11-28", "section": "energi"},
]  # fmt: skip
READERS = (
    "e-post;namn;språk;sektioner\nanna@example.com;Anna Åkesson;sv;Energi\nbo@example.com;Bo Ek;;\n"
    "liam@example.com;Liam O'Connor;en;Fordon, ENERGI\ncy@example.com;Cy;;Sport\n"
)
TITLES = [article["title"] for article in ARTICLES]


@pytest.fixture
def choosing(project: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three articles in two sections; Anna chose one, Liam both, Cy another, and Bo all there are."""
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    (project / "articles.json").write_text(json.dumps(ARTICLES), encoding="utf-8")
    (project / "readers.csv").write_text(READERS, encoding="utf-8")
    assert digest("articles", "import", "articles.json").code == 0
    assert digest("subscribers", "import", "readers.csv", "--list", "industri", "--confirmed").code == 0
    return project


def titles(content: bytes) -> list[str]:
    """Return the headlines that both parts of a mail hold, which are the same ones."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    (found, other) = ([title for title in TITLES if title in part] for part in parts)
    assert found == other
    return found


def read_by(mails: list[Received]) -> dict[str, list[str]]:
    return {mail.recipient: titles(mail.content) for mail in mails}


def chosen(digest: Run, address: str) -> object:
    return digest("subscribers", "show", address, "--json").json["sections"]


def test_each_reader_gets_the_sections_they_chose_and_none_gets_an_empty_letter(
    digest: Run, choosing: Path, relay: RecordingServer
) -> None:
    would = digest("send", *DATE, "--dry-run", "--json").json
    sent = digest("send", *DATE, "--json")

    assert counts_of(would) == {"pending": 3, "skipped": 1}
    assert (sent.code, sent.json["state"], counts_of(sent.json)) == (0, "sent", {"sent": 3, "skipped": 1})
    assert read_by(mailed(relay)) == {ANNA: ["Luftrenare", "Vindkraft"], BO: TITLES, LIAM: TITLES}
    letters = [(one["language"], one["readers"], one["articles"]) for one in shown(digest)["letters"]]
    assert letters == [("sv", 1, 3), ("en", 1, 3), ("sv", 1, 2)]
    rows = digest("editions", "show", KEY, "--deliveries", "--json").json["deliveries"]
    assert [(row["state"], row["attempts"]) for row in rows if row["address"] == CY] == [("skipped", 0)]
    assert digest("send", *DATE, "-v").err == f"{KEY}: already sent, nothing left to send\n"
    assert digest("db", "check").code == 0


def test_day_of_other_sections_is_done_without_a_mail(digest: Run, choosing: Path, relay: RecordingServer) -> None:
    for address in (ANNA, BO, LIAM):
        assert digest("subscribers", "add", address, "--list", "industri", "--section", "Sport").code == 0
    sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"], counts_of(sent.json)) == (0, "sent", {"skipped": 4})
    assert mailed(relay) == []


def test_link_of_a_letter_shows_what_its_reader_was_mailed(digest: Run, choosing: Path, relay: RecordingServer) -> None:
    digest("send", *DATE)
    by_reader = {mail.recipient: mail.content for mail in mailed(relay)}
    with open_project(choosing) as opened:
        client = TestClient(make_app(opened, print), base_url=opened.base_url)
        for address in (ANNA, BO):
            mail = email.message_from_bytes(by_reader[address], policy=email.policy.default)
            body = mail.get_body(("plain",))
            assert body is not None
            path = "/view/" + body.get_content().partition("/view/")[2].split()[0]
            page = client.get(path).text
            assert [title for title in TITLES if title in page] == titles(by_reader[address])


def test_preview_is_the_letter_of_the_reader_it_is_for(digest: Run, choosing: Path, relay: RecordingServer) -> None:
    def previewed(*arguments: str) -> list[str]:
        assert digest("preview", *DATE, "--out", "out", *arguments).code == 0
        return titles((choosing / "out" / "message.eml").read_bytes())

    before = [previewed("--for", ANNA), previewed("--for", BO), previewed()]
    nothing = digest("preview", *DATE, "--for", CY)
    digest("send", *DATE)
    digest("subscribers", "add", ANNA, "--list", "industri", "--section", "Fordon")
    after = [previewed("--for", ANNA), previewed("--for", BO), previewed()]

    assert before == [["Luftrenare", "Vindkraft"], TITLES, TITLES]
    assert (nothing.code, nothing.err.partition(",")[0]) == (1, f"digest: there is nothing in {KEY} for {CY}")
    assert after == before, "what was mailed, whatever they have chosen since"


def test_test_letters_are_whole_or_those_of_one_reader(digest: Run, choosing: Path, relay: RecordingServer) -> None:
    assert digest("send", *DATE, "--test", "me@example.com").code == 0
    whole = [titles(mail.content) for mail in relay.mails]
    assert digest("send", *DATE, "--test", "me@example.com", "--for", ANNA).code == 0
    hers = [titles(mail.content) for mail in relay.mails[len(whole) :]]

    assert whole == [TITLES, TITLES], "in each language once"
    assert hers == [["Luftrenare", "Vindkraft"]]
    assert digest("send", *DATE, "--for", ANNA).code == 2


def test_resend_gives_who_joined_later_what_they_chose(digest: Run, choosing: Path, relay: RecordingServer) -> None:
    digest("send", *DATE)
    digest("subscribers", "add", "new@example.com", "--list", "industri", "--confirmed", "--section", "fordon")
    do(digest, "resend", "--to", "new@example.com")
    refused = digest("editions", "resend", KEY, "--to", CY)
    digest("subscribers", "add", CY, "--list", "industri", "--section", "Energi")
    do(digest, "resend", "--to", CY)
    digest("subscribers", "add", ANNA, "--list", "industri", "--section", "Fordon")
    do(digest, "resend", "--to", ANNA)

    assert refused.code == 1
    # No letter holds the one article that was wanted: the smallest that does is sent.
    assert [(mail.recipient, titles(mail.content)) for mail in mailed(relay)[3:]] == [
        ("new@example.com", TITLES), (CY, ["Luftrenare", "Vindkraft"]), (ANNA, ["Luftrenare", "Vindkraft"]),
    ]  # fmt: skip
    ids = [message_id(mail) for mail in mailed(relay) if mail.recipient == ANNA]
    assert len(set(ids)) == 1
    assert counts_of(shown(digest)) == {"sent": 5}


def test_revised_letters_hold_the_articles_that_each_reader_was_to_get(
    digest: Run, choosing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(taking_only(1)) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
        do(digest, "pause")
    first = recipients(server)
    digest("articles", "edit", 1, "--title", "Backkameror och luft")
    digest("articles", "edit", 3, "--section", "Fordon")
    revised = do(digest, "revise").json
    do(digest, "resume")
    with serving() as later:
        use(monkeypatch, later.url)
        assert digest("send", *DATE).code == 0

    assert (first, revised["revised"]) == ([ANNA], 2)
    assert read_by(mailed(later)) == {BO: TITLES, LIAM: TITLES}
    letters = [(one["version"], one["readers"], one["articles"]) for one in shown(digest)["letters"]]
    assert letters == [(1, 0, 3), (1, 0, 3), (1, 1, 2), (2, 1, 3), (2, 1, 3), (2, 0, 2)]


def test_revision_skips_for_whom_nothing_is_left_and_no_copy_makes_up_for_it(
    digest: Run, choosing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest("subscribers", "add", BO, "--list", "industri", "--section", "Fordon")
    with serving(taking_only(1)) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
        do(digest, "pause")
    digest("articles", "edit", 1, "--embargo-until", "2999-01-01")
    revised = do(digest, "revise").json
    do(digest, "resume")
    with serving() as later:
        use(monkeypatch, later.url)
        sent = digest("send", *DATE, "--json")
        refused = digest("editions", "resend", KEY, "--to", BO)
    audited = digest("editions", "audit")

    assert (revised["revised"], counts_of(sent.json)) == (1, {"sent": 2, "skipped": 2})
    assert read_by(mailed(later)) == {LIAM: ["Luftrenare", "Vindkraft"]}
    assert (refused.code, refused.err.partition(",")[0]) == (1, f"digest: there is nothing in {KEY} for {BO}")
    assert (audited.code, "1 have version 1, 1 have version 2" in audited.out) == (0, True)
    assert digest("db", "check").code == 0


def test_choice_is_shown_and_changed_by_hand(digest: Run, choosing: Path) -> None:
    table = digest("subscribers", "show", LIAM).out
    assert "industri: confirmed (ENERGI, Fordon)" in table
    assert chosen(digest, LIAM) == {"industri": ["ENERGI", "Fordon"]}

    assert digest("subscribers", "add", LIAM, "--list", "industri").err == ""
    assert chosen(digest, LIAM) == {"industri": ["ENERGI", "Fordon"]}, "nothing was said about it"
    misspelt = digest("subscribers", "add", LIAM, "--list", "industri", "--section", "Energi", "--section", "Frodon")
    assert misspelt.err == (
        "no article so far is in the section Frodon; the choice is kept: mend it, or wait for them\n"
    )
    assert chosen(digest, LIAM) == {"industri": ["Energi", "Frodon"]}
    digest("subscribers", "add", LIAM, "--list", "industri", "--all-sections")
    assert chosen(digest, LIAM) == {}
    both = digest("subscribers", "add", LIAM, "--list", "industri", "--section", "Energi", "--all-sections")
    assert both.code == 2


@pytest.mark.parametrize("name", ["", " ", "|"])
def test_section_without_a_name_is_refused_and_stands_for_nothing(digest: Run, choosing: Path, name: str) -> None:
    refused = digest("subscribers", "add", LIAM, "--list", "industri", "--section", name)

    assert refused.code == 2
    assert chosen(digest, LIAM) == {"industri": ["ENERGI", "Fordon"]}


def test_import_names_the_sections_that_no_article_has_had(digest: Run, choosing: Path) -> None:
    again = digest("subscribers", "import", "readers.csv", "--list", "industri")
    told = digest("subscribers", "import", "readers.csv", "--list", "industri", "--json")

    assert (again.code, again.err) == (
        0, "no article so far is in the section Sport; the choice is kept: mend it, or wait for them\n",
    )  # fmt: skip
    assert (told.json["unchanged"], told.json["unknown_sections"]) == (4, ["Sport"])
