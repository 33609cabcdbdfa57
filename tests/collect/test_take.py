import csv
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.collect.collecting import collect_sources
from digest.collect.take import Taken, collect_files, take_row
from digest.errors import ConfigError
from digest.project import Project
from digest.store import articles, editions
from digest.store.articles import Listed
from tests.projects import TOML, a_project
from tests.store.builders import NOON, a_plan, query

MARKDOWN = """\
---
title: Rost
date: 2025-11-29
url: https://nytt.example.com/rost
---
Rost är *farligt*.
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with one newsletter and one source, whose folder is empty."""
    (tmp_path / "articles").mkdir()
    with a_project(tmp_path) as opened:
        yield opened


def a_row(title: str = "Luftrenare", **values: Any) -> dict[str, Any]:
    return {"title": title, "url": f"https://nytt.example.com/{title.lower()}", "published": "2025-11-30", **values}


def put(project: Project, name: str, *rows: dict[str, Any], text: str = "") -> Path:
    """Write a file into the source's folder."""
    path = project.folder / "articles" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or json.dumps(rows), encoding="utf-8")
    return path


def collect(project: Project, source: str = "press") -> Taken:
    (taken,) = collect_sources(project, [source], NOON)
    return taken


def stored(project: Project) -> dict[str, Listed]:
    return {one.article.title: one for one in articles.listing(project.store)}


def states(project: Project) -> dict[str, dict[str, str]]:
    return {title: {p.newsletter: p.state for p in one.placements} for title, one in stored(project).items()}


def counts(taken: Taken) -> tuple[int, int, int, int]:
    return taken.new, taken.changed, taken.unchanged, taken.skipped


def test_folder_of_every_format_is_taken_in(project: Project) -> None:
    put(project, "a.json", a_row("Kameror"), a_row("Robotar"))
    put(project, "b.jsonl", text="\n".join(json.dumps(a_row(title)) for title in ("Batterier", "Magneter")))
    put(project, "c.md", text=MARKDOWN)
    with (project.folder / "articles" / "d.CSV").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows([["rubrik", "länk"], ["Ventiler", "https://nytt.example.com/v"], ["Pumpar", ""]])

    taken = collect(project)

    assert (taken.source, taken.file, taken.error, counts(taken)) == ("press", None, None, (7, 0, 0, 0))
    assert set(stored(project)) == {
        "Kameror", "Robotar", "Batterier", "Magneter", "Rost", "Ventiler", "Pumpar",
    }  # fmt: skip
    rust = stored(project)["Rost"]
    assert (rust.source, rust.article.published_on) == ("press", dt.date(2025, 11, 29))
    assert rust.article.body == "<p>Rost är <em>farligt</em>.</p>"
    assert states(project)["Rost"] == {"nyheter": "waiting"}


def test_collecting_again_doubles_nothing(project: Project) -> None:
    put(project, "a.json", a_row("Kameror"), {"title": "Utan namn"}, {"title": "Utan länk", "published": "2025-11-30"})
    put(project, "c.md", text="# Rost\n\nFarligt.\n")
    assert counts(collect(project)) == (4, 0, 0, 0)

    assert counts(collect(project)) == (0, 0, 4, 0)
    put(project, "a.json", a_row("Kameror", lead="Ny."), {"title": "Utan namn", "lead": "Ny."})
    put(project, "c.md", text="# Rost\n\nMycket farligt.\n")

    assert counts(collect(project)) == (0, 3, 0, 0)
    assert len(stored(project)) == 4


def test_articles_of_one_title_and_different_dates_are_two(project: Project) -> None:
    rows = [{"title": "Veckans siffra", "published": date} for date in ("2025-11-28", "2025-11-29", "2025-11-28")]
    put(project, "a.json", *rows)

    assert counts(collect(project)) == (2, 0, 1, 0)


def test_articles_of_one_file_name_in_two_folders_are_two(project: Project) -> None:
    put(project, "2025-11-29/index.md", text="# Rost\n\nFarligt.\n")
    put(project, "2025-11-30/index.md", text="# Ruda\n\nGod.\n")

    assert counts(collect(project)) == (2, 0, 0, 0)
    assert counts(collect(project)) == (0, 0, 2, 0)
    assert set(stored(project)) == {"Rost", "Ruda"}


def test_file_given_by_hand_is_the_one_that_the_source_brings(project: Project) -> None:
    path = put(project, "2025-11-29/index.md", text="# Rost\n\nFarligt.\n")
    collect(project)

    (taken,) = collect_files(project, [path], "press", NOON)

    assert counts(taken) == (0, 0, 1, 0)


def test_broken_file_does_not_stop_the_others(project: Project) -> None:
    put(project, "a.json", text="[{")
    put(project, "b.json", a_row("Kameror"), {"url": "https://nytt.example.com/x"})
    put(project, "deep/c.json", {"title": "Robotar", "published": "igår"})
    put(project, "d.json", text=" ")

    taken = collect(project)

    assert counts(taken) == (1, 0, 0, 4)
    assert not taken.has_failed
    assert [(problem.where, problem.reason.partition(";")[0].partition(" at ")[0]) for problem in taken.problems] == [
        ("a.json, line 1", "broken JSON"),
        ("b.json, item 2", "no title"),
        ("d.json, file", "nothing in it"),
        ("deep/c.json, item 1", "published 'igår' is not a date"),
    ]
    assert taken.as_json() == {
        "source": "press", "file": None, "found": 5, "new": 1, "changed": 0, "unchanged": 0, "skipped": 4,
        "error": None,
    }  # fmt: skip


def test_file_that_is_too_large_is_told_and_the_others_go_in(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.collect.folders.LARGEST", 1_000_000)
    put(project, "a.json", text=" " * 1_000_001)
    put(project, "b.json", a_row("Kameror"))

    taken = collect(project)

    assert taken.error == "a.json is larger than 1 MB; split it"
    assert counts(taken) == (1, 0, 0, 0)
    assert not taken.has_failed


@pytest.mark.parametrize(
    "name",
    [
        ".a.json", "~$a.csv", ".~lock.a.csv#", "#a.md#", "a.md~", ".a.md.swp", "a.json.bak", "notes.txt", "photo.png",
        ".obsidian/app.json", ".git/description.md", "deep/.cache/a.json", "~trash/a.json",
    ],
)  # fmt: skip
def test_what_an_editor_or_the_system_keeps_beside_is_left_alone(project: Project, name: str) -> None:
    put(project, name, a_row("Dold"))
    put(project, "a.json", a_row("Kameror"))

    assert counts(collect(project)) == (1, 0, 0, 0)
    assert set(stored(project)) == {"Kameror"}


def test_folder_called_like_a_file_is_no_file(project: Project) -> None:
    (project.folder / "articles" / "a.json").mkdir()

    assert counts(collect(project)) == (0, 0, 0, 0)


def test_source_in_a_hidden_folder_is_read_all_the_same(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML.replace('"articles"', '".articles"')) as project:
        (tmp_path / ".articles").mkdir()
        (tmp_path / ".articles" / "a.json").write_text(json.dumps([a_row("Kameror")]))

        assert counts(collect(project)) == (1, 0, 0, 0)


def test_source_without_its_folder_has_failed_and_stops_no_other(tmp_path: Path) -> None:
    other = '[sources.other]\nfolder = "other"\n'
    with a_project(tmp_path, TOML + other) as project:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "a.json").write_text(json.dumps([a_row("Kameror")]))

        failed, taken = collect_sources(project, [], NOON)

    assert failed.error == "no folder articles; make it, or correct [sources.press]"
    assert failed.has_failed
    assert (taken.source, counts(taken)) == ("other", (1, 0, 0, 0))


def test_named_sources_only_are_collected(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML + '[sources.other]\nfolder = "other"\n') as project:
        assert [taken.source for taken in collect_sources(project, ["other"], NOON)] == ["other"]
        with pytest.raises(ConfigError, match=r"no source 'prss' in digest\.toml; it has: press, other; did you mean"):
            collect_sources(project, ["other", "prss"], NOON)


def test_files_and_folders_by_hand_have_a_row_each(project: Project) -> None:
    a = put(project, "a.json", a_row("Kameror"))
    b = put(project, "b.json", a_row("Robotar"), {"lead": "?"})
    missing = project.folder / "missing.json"

    taken = collect_files(project, [a, missing, project.folder / "articles"], "press", NOON)

    assert [(one.source, one.file, counts(one)) for one in taken] == [
        ("press", str(a), (1, 0, 0, 0)),
        ("press", str(missing), (0, 0, 0, 0)),
        ("press", str(a), (0, 0, 1, 0)),
        ("press", str(b), (1, 0, 0, 1)),
    ]
    assert taken[1].error == f"{missing} cannot be read: No such file or directory"
    assert [one.has_failed for one in taken] == [False, True, False, False]
    assert [problem.where for problem in taken[3].problems] == ["item 2"]


@pytest.mark.parametrize(
    ("taken", "has_failed"),
    [
        (Taken("press", None), False),
        (Taken("press", None, error="no folder"), True),
        (Taken("press", None, new=1, error="one file too large"), False),
        (Taken("press", None, unchanged=1, problems=(), error=None), False),
    ],
)
def test_source_has_failed_when_nothing_of_it_could_be_read(taken: Taken, has_failed: bool) -> None:
    assert taken.has_failed == has_failed


def test_keys_that_mean_nothing_are_told_once(project: Project) -> None:
    put(project, "a.json", a_row("Kameror", weather="sol"), a_row("Robotar", weather="regn", mood="god"))

    assert collect(project).unknown == ("weather", "mood")


# Which newsletters an article goes to.

TWO = """\
[newsletters.a]
title = "A"
from = "a@example.com"
lists = ["alla"]
timezone = "Asia/Tokyo"

[newsletters.b]
title = "B"
from = "b@example.com"
lists = ["alla"]

[sources.press]
folder = "articles"
section = "Press"
newsletters = ["a"]

[sources.open]
folder = "open"
"""


def by_hand(project: Project, given: str | None, **values: Any) -> Listed:
    """Take in one article as a file for this source, or for none, and return it."""
    path = put(project, "hand.json", a_row(**values))
    (taken,) = collect_files(project, [path], given, NOON)
    assert taken.new == 1
    return stored(project)[values.get("title", "Luftrenare")]


@pytest.mark.parametrize(
    ("given", "own", "goes_to", "source"),
    [
        ("press", None, {"a"}, "press"),
        ("open", None, {"b"}, "open"),
        (None, None, {"b"}, None),
        (None, "press", {"a"}, "press"),
        ("open", "press", {"b"}, "open"),
        (None, "Somebody else", {"b"}, "Somebody else"),
    ],
)
def test_article_goes_where_its_source_goes(
    tmp_path: Path, given: str | None, own: str | None, goes_to: set[str], source: str | None
) -> None:
    with a_project(tmp_path, TWO) as project:
        one = by_hand(project, given, **({"source": own} if own else {}))

    assert ({place.newsletter for place in one.placements}, one.source) == (goes_to, source)


def test_article_of_no_newsletter_is_stored_and_placed_nowhere(tmp_path: Path) -> None:
    toml = TWO.replace('newsletters = ["a"]', 'newsletters = ["a", "b"]')
    with a_project(tmp_path, toml) as project:
        one = by_hand(project, None)

    assert one.placements == ()


def test_section_is_the_source_s_unless_the_article_has_one(tmp_path: Path) -> None:
    with a_project(tmp_path, TWO) as project:
        assert by_hand(project, "press").article.section == "Press"
        assert by_hand(project, "press", title="B", section="Egen").article.section == "Egen"
        assert by_hand(project, None, title="C").article.section == ""


@pytest.mark.parametrize(
    ("source", "timezone", "published"),
    [
        ("press", "", "2025-11-29T21:00+00:00"),  # the newsletter's zone
        ("press", 'timezone = "Europe/Stockholm"', "2025-11-30T05:00+00:00"),
        (None, "", "2025-11-30T06:00+00:00"),
    ],
)
def test_time_without_a_zone_is_the_source_s(tmp_path: Path, source: str | None, timezone: str, published: str) -> None:
    with a_project(tmp_path, TWO.replace('section = "Press"', timezone)) as project:
        one = by_hand(project, source, published="2025-11-30T06:00")

    assert one.article.published == dt.datetime.fromisoformat(published)


# A source that joins when the newsletter has had editions.


def freeze(project: Project) -> None:
    """Let the newsletter have had an edition."""
    put(project, "first.json", a_row("Första"))
    collect(project)
    assert editions.freeze(project.store, a_plan(project.store))


LATE = TOML + '[sources.late]\nfolder = "late"\nnewsletters = ["nyheter"]\n'
OLD = [
    ("a week", "2025-11-23"), ("eight days", "2025-11-22"), ("years", "2019-01-01T12:00"), ("undated", ""),
    ("by the minute", "2025-11-23T00:00"), ("a minute more", "2025-11-22T23:59"),
]  # fmt: skip


def put_late(folder: Path, rows: list[tuple[str, str]]) -> None:
    (folder / "late").mkdir(exist_ok=True)
    text = json.dumps([a_row(title.replace(" ", "-"), published=date) for title, date in rows])
    (folder / "late" / "archive.json").write_text(text)


def test_late_source_reaches_as_far_back_as_a_first_edition_and_passes_what_is_older(tmp_path: Path) -> None:
    with a_project(tmp_path, LATE) as project:
        freeze(project)
        put_late(tmp_path, OLD)
        collect(project, "late")

        assert {title: places["nyheter"] for title, places in states(project).items() if title != "Första"} == {
            "a-week": "waiting", "eight-days": "passed", "years": "passed", "undated": "waiting",
            "by-the-minute": "waiting", "a-minute-more": "passed",
        }  # fmt: skip


def test_source_known_already_loses_nothing_however_late_it_comes(tmp_path: Path) -> None:
    with a_project(tmp_path, LATE) as project:
        freeze(project)
        put_late(tmp_path, OLD[:1])
        collect(project, "late")
        put_late(tmp_path, OLD[:3])

        collect(project, "late")

        assert states(project)["years"] == {"nyheter": "waiting"}


def test_source_collected_before_the_first_edition_waits_whole(tmp_path: Path) -> None:
    with a_project(tmp_path, LATE) as project:
        put_late(tmp_path, OLD)

        collect(project, "late")

        assert {places["nyheter"] for places in states(project).values()} == {"waiting"}


def test_source_that_was_renamed_is_no_late_one(tmp_path: Path) -> None:
    with a_project(tmp_path) as project:
        freeze(project)
    renamed = TOML.replace("[sources.press]", '[sources.trade]\nformerly = "press"')
    with a_project(tmp_path, renamed) as project:
        put(project, "old.json", a_row("Gammal", published="2019-01-01"))

        collect(project, "trade")

        assert states(project)["Gammal"] == {"nyheter": "waiting"}
        assert stored(project)["Gammal"].source == "trade"


def test_first_look_into_an_empty_folder_does_not_count(tmp_path: Path) -> None:
    with a_project(tmp_path, LATE) as project:
        freeze(project)
        (tmp_path / "late").mkdir()
        collect(project, "late")
        put_late(tmp_path, OLD)

        collect(project, "late")

        assert states(project)["years"] == {"nyheter": "passed"}


def test_article_by_hand_is_placed_and_named_by_its_title(project: Project) -> None:
    row = {"title": "Kameror", "url": None, "published": "2025-11-30", "lead": "Små."}

    assert counts(take_row(project, row, None, NOON)) == (1, 0, 0, 0)
    assert counts(take_row(project, row, None, NOON)) == (0, 0, 1, 0)

    assert states(project) == {"Kameror": {"nyheter": "waiting"}}
    assert stored(project)["Kameror"].article.lead == "Små."
    ((guid,),) = query(project.store.path, "SELECT guid FROM article")
    assert guid.startswith("title:")


def test_article_by_hand_that_cannot_be_read_says_why(project: Project) -> None:
    taken = take_row(project, {"title": "Kameror", "url": "nytt.example.com"}, None, NOON)

    assert taken.has_failed
    assert [(p.where, p.reason) for p in taken.problems] == [
        ("the article", "url 'nytt.example.com' is not a web address; it begins with http:// or https://")
    ]
