"""The same story from two sources, as an editor meets it: two folders, one headline, a link to the other."""

import json
from pathlib import Path
from typing import Any

import pytest

from digest.demo.smtpd import RecordingServer
from tests.cli.conftest import TOML, Run
from tests.cli.editor import KEY, do, send_half, shown
from tests.cli.test_send import DATE
from tests.edition.likenesses import ONE_STORY

(TITLE, LEAD), (OTHER_TITLE, OTHER_LEAD) = ONE_STORY[1]
SOURCES = """
[sources.trade]
folder = "trade"
title = "Branschbladet"
newsletters = ["nyheter"]

[sources.wire]
folder = "wire"
newsletters = ["nyheter"]
"""


def write(folder: Path, *rows: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "articles.json").write_text(json.dumps(rows), encoding="utf-8")


def settle(project: Path, newsletter: str = "", source: str = "") -> None:
    """Write digest.toml: with more for the newsletter, and for the source that came later."""
    text = TOML.replace('language = "sv"\n', f'language = "sv"\n{newsletter}\n').partition("[sources.press]")[0]
    (project / "digest.toml").write_text(text + SOURCES + source, encoding="utf-8")


@pytest.fixture
def newsroom(ready: Path, digest: Run) -> Path:
    """A project whose two sources have both collected one story, beside two articles of before: numbers 3 and 4."""
    settle(ready)
    write(
        ready / "trade",
        {"title": TITLE, "lead": LEAD, "url": "https://a.example.com/smc", "published": "2025-11-30T07:00:00Z"},
    )
    assert digest("collect", "trade", "--all").code == 0
    wire = {
        "title": OTHER_TITLE,
        "lead": OTHER_LEAD,
        "url": "https://www.b.example.com/smc",
        "published": "2025-11-30T08:00:00Z",
    }
    write(ready / "wire", wire)
    assert digest("collect", "wire", "--all").code == 0
    return ready


def preview(digest: Run, project: Path) -> str:
    assert digest("preview", *DATE).code == 0
    return (project / "preview" / "edition.txt").read_text(encoding="utf-8")


def sends(digest: Run) -> Any:
    sent = digest("send", *DATE, "--json")
    assert sent.code == 0, sent.err
    return sent.json


def printed(digest: Run) -> dict[int, tuple[str | None, int | None]]:
    return {one["id"]: (one["role"], one.get("shown_as")) for one in shown(digest)["articles_printed"]}


def test_one_of_two_is_printed_with_a_link_to_the_other(newsroom: Path, digest: Run, relay: RecordingServer) -> None:
    text = preview(digest, newsroom)
    sent = sends(digest)

    assert "Även hos b.example.com:\nhttps://www.b.example.com/smc\n" in text
    assert OTHER_TITLE not in text
    assert "· 3 nyheter" in text
    assert sent["articles"] == 4
    assert printed(digest) == {1: ("headline", None), 2: ("headline", None), 3: ("lead", None), 4: ("also", 3)}
    assert "also in 3" in digest("editions", "show", KEY).out


def test_nothing_of_a_story_is_lost_or_sent_tomorrow(newsroom: Path, digest: Run, relay: RecordingServer) -> None:
    sends(digest)
    audit = digest("editions", "audit", "--json")
    again = digest("send", "--date", "2025-12-01", "--json").json

    assert audit.code == 0
    assert audit.json["editions"] == {KEY: [1, 2, 3, 4]}
    assert again["state"] == "empty"


def test_digest_toml_says_which_is_shown(newsroom: Path, digest: Run) -> None:
    settle(newsroom, source="prefer = true\n")
    text = preview(digest, newsroom)
    assert OTHER_TITLE in text.replace("\n", " ")
    assert "Även hos Branschbladet:\nhttps://a.example.com/smc\n" in text

    settle(newsroom, 'same_story = "first"', "prefer = true\n")
    assert OTHER_TITLE not in preview(digest, newsroom).replace("\n", " ")

    settle(newsroom, 'same_story = "off"')
    assert "Även hos" not in preview(digest, newsroom)

    settle(newsroom, 'same_story = "latest"')
    wrong = digest("preview", *DATE)
    assert wrong.code == 4
    assert "same_story" in wrong.err


def test_editor_pins_the_other_or_drops_the_one(newsroom: Path, digest: Run) -> None:
    digest("articles", "pin", 4)
    assert "Även hos Branschbladet" in preview(digest, newsroom)

    digest("articles", "release", 4)
    digest("articles", "drop", 3)
    text = preview(digest, newsroom)
    assert OTHER_TITLE in text.replace("\n", " ")
    assert "Även hos" not in text


def test_show_says_why_before_and_after_the_freeze(newsroom: Path, digest: Run, relay: RecordingServer) -> None:
    digest("articles", "edit", 3, "--published", "")  # neither is of tomorrow when today is another day
    digest("articles", "edit", 4, "--published", "")
    (waits,) = digest("articles", "show", 4, "--json").json["stories"]
    sends(digest)
    settle(newsroom, 'same_story = "off"')
    (story,) = digest("articles", "show", 4, "--json").json["stories"]
    told = digest("articles", "show", 3).out

    assert list(story) == ["newsletter", "edition", "shown", "rule", "why", "articles"]
    assert (waits["edition"], waits["shown"], waits["rule"]) == (None, 3, "first")
    assert (story["edition"], story["shown"], story["why"]) == (KEY, 3, "it was the first")
    (other,) = story["articles"]
    assert (other["id"], other["source"], other["alike"]) == (3, "trade", "the same title, 100% of the lead")
    assert f"same story: in {KEY} this one is shown, since it was the first" in told
    assert "as article 4 (wire), " in told
    assert digest("articles", "show", 1, "--json").json["stories"] == []


def test_story_is_told_apart_when_an_editor_takes_the_edition_back(newsroom: Path, digest: Run) -> None:
    assert digest("send", *DATE).code == 0
    do(digest, "reopen")
    digest("articles", "drop", 3)
    sends(digest)

    assert printed(digest)[4] == ("lead", None)


@pytest.mark.usefixtures("one_connection")
def test_revised_edition_keeps_its_story_whatever_the_articles_say_now(
    newsroom: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch)
    digest("articles", "edit", 4, "--title", "Helt omskriven", "--lead", "Kort.")
    do(digest, "revise")
    assert printed(digest)[4] == ("also", 3)

    digest("articles", "edit", 3, "--embargo-until", "2099-01-01")
    do(digest, "revise")
    assert printed(digest)[4] == ("lead", None)
    assert printed(digest)[3] == (None, 4), "it goes where the story goes"
