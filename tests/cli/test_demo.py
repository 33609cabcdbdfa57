"""``digest demo``: the whole job on the sample, and nothing outside touched."""

import email
import email.policy
import json
import re
from pathlib import Path

import pytest

from digest.demo.received import read_received
from tests.cli.conftest import Run, in_process_of_its_own
from tests.commands import Ended
from tests.serving import serving

DAYS = [
    "Söndag 30 november",
    "Fredag 28 november",
    "Torsdag 27 november",
    "Onsdag 26 november",
    "Tisdag 25 november",
]
LEAD = "Xiaomi lyfter och inspirerar unga kreatörer i Afrika"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The demo, played once, as a person plays it; a relay set outside must stay alone."""
    folder = tmp_path_factory.mktemp("outside")
    with serving() as server:
        url = {"DIGEST_RELAY_URL": server.url, "DIGEST_PROJECT": str(folder), "DIGEST_SECRET_KEY": "k" * 43}
        ended = in_process_of_its_own(folder, "demo", "--dir", str(folder / "demo"), "--json", **url)
        assert server.connections == 0
    assert [path.name for path in folder.iterdir()] == ["demo"]
    return ended


def bodies(folder: Path, kind: str) -> dict[str, str]:
    """Return the text or HTML of every mail that was delivered, by its reader."""
    found = {}
    for mail in read_received(folder / "mails"):
        part = email.message_from_bytes(mail.content, policy=email.policy.default).get_body((kind,))
        assert part is not None
        found[mail.recipient] = str(part.get_content())
    return found


def test_the_demo_delivers_and_sends_nothing_twice(played: Ended) -> None:
    told = played.json

    assert played.code == 0
    assert list(told) == ["schema", "folder", "first", "second", "mails", "files"]
    assert (told["first"]["state"], told["first"]["articles"], told["mails"]) == ("sent", 26, 6)
    assert told["first"]["now"]["sent"] == told["first"]["audience"] == told["mails"]
    assert (told["second"]["sent"], told["second"]["now"]["sent"]) == (6, 0)


def test_every_reader_has_one_letter(played: Ended) -> None:
    mails = read_received(Path(played.json["folder"]) / "mails")

    assert len({mail.recipient for mail in mails}) == len(mails) == 6


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_letters_have_the_lead_and_five_dates_of_five_headlines(played: Ended, kind: str) -> None:
    folder = Path(played.json["folder"])
    headlines = [article["title"] for article in json.loads((folder / "articles" / "senaste-nytt.json").read_text())]
    text = " ".join(bodies(folder, kind)["åsa@example.com"].split())
    places = [text.rindex(day) for day in DAYS]  # the newest date stands in the letter's date line too

    assert places == sorted(places)
    assert text.index(LEAD) < places[0]
    for start, end in zip(places, [*places[1:], len(text)], strict=True):
        assert sum(title in text[start:end] for title in headlines if title != LEAD) == 5


def test_a_reader_of_english_has_english_dates(played: Ended) -> None:
    text = bodies(Path(played.json["folder"]), "plain")["liam@example.org"]

    assert "Sunday, November 30, 2025" in text
    assert not re.search(r"\bnovember 2025", text)


def test_people_are_told_each_step_and_where_to_look(played: Ended) -> None:
    told = played.err
    folder = played.json["folder"]

    assert f"a project from the sample: {folder}\n" in told
    assert "collected 26 articles\n" in told
    assert "to 6 readers through 127.0.0.1:" in told
    assert "sent it again: 0 mails, everybody has theirs\n" in told
    html, text, mail = played.json["files"]
    assert Path(mail).is_file()
    for place in (html, text, f"{folder}/mails"):
        assert f" {place}\n" in told
        assert Path(place).exists()


def test_its_folder_is_a_project_to_go_on_with(played: Ended, digest: Run) -> None:
    listed = digest("editions", "list", "--json", "--project", played.json["folder"]).json["editions"]

    assert [(edition["edition"], edition["state"]) for edition in listed] == [("senaste-nytt/2025-11-30", "sent")]
    audited = digest("editions", "audit", "--json", "--project", played.json["folder"])
    assert (audited.code, audited.json["articles"]) == (0, 26)


def test_without_a_folder_it_makes_one_and_says_which(
    tmp_path: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    played = digest("demo")
    (folder,) = tmp_path.iterdir()

    assert (played.code, played.out) == (0, "")
    assert played.err.startswith(f"a project from the sample: {folder}\n")
    assert len(read_received(folder / "mails")) == 6


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("full", "full is not empty; name a new folder for the demo"),
        ("full/file", "full/file cannot be a folder for the demo: "),
        ("full/file/new", "full/file/new cannot be a folder for the demo: "),
    ],
)
def test_what_is_not_a_new_folder_is_refused(tmp_path: Path, digest: Run, place: str, words: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    refused = digest("demo", "--dir", place, "--json")

    assert refused.code == 1
    assert refused.json["error"].startswith(words)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]
