"""``digest collect``: sources -> articles."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOML, Run
from tests.commands import Ended

BROKEN = "[{"


@pytest.fixture
def press(project: Path) -> Path:
    """The folder of the project's one source, with an article."""
    folder = project / "articles"
    folder.mkdir()
    put(folder / "a.json", "Ett")
    return folder


def put(file: Path, *titles: str) -> None:
    file.write_text(json.dumps([{"title": title, "published": "2025-11-30"} for title in titles]))


def rows(ended: Ended) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ended.json["sources"]
    return found


def titles(digest: Run) -> set[str]:
    return {article["title"] for article in digest("articles", "list", "--json").json["articles"]}


def test_a_folder_brings_its_files_and_leaves_others_alone(press: Path, digest: Run) -> None:
    (press / "deep").mkdir()
    (press / "deep" / "b.md").write_text("# Två\n\nText.\n")
    (press / "picture.png").write_bytes(b"\x89PNG")
    put(press / ".hidden.json", "Dold")
    collected = digest("collect", "--json")

    assert collected.code == 0
    assert rows(collected) == [
        {
            "source": "press", "file": None, "found": 2, "new": 2, "changed": 0, "unchanged": 0, "skipped": 0,
            "error": None,
        }
    ]  # fmt: skip
    assert titles(digest) == {"Ett", "Två"}


def test_collecting_again_finds_nothing_new(press: Path, digest: Run) -> None:
    first, second = digest("collect"), digest("collect", "press", "--json")

    assert (first.code, first.out, first.err) == (0, "", "")
    assert (rows(second)[0]["new"], rows(second)[0]["unchanged"]) == (0, 1)


def test_files_and_folders_stand_in_for_a_source(press: Path, digest: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    put(tmp_path / "folder" / "b.json", "Två")
    put(tmp_path / "c.json", "Tre", "Fyra")
    collected = digest("collect", "press", "--file", tmp_path / "folder", "--file", tmp_path / "c.json", "--json")

    assert [(row["source"], Path(row["file"]).name, row["new"]) for row in rows(collected)] == [
        ("press", "b.json", 1), ("press", "c.json", 2),
    ]  # fmt: skip
    assert titles(digest) == {"Två", "Tre", "Fyra"}


def test_a_file_may_say_its_source_by_option(press: Path, digest: Run) -> None:
    collected = digest("collect", "--file", press / "a.json", "--source", "press", "--json")

    assert rows(collected)[0]["source"] == "press"
    assert rows(digest("collect", "--json"))[0]["unchanged"] == 1


def test_an_unknown_source_is_refused_with_the_nearest(press: Path, digest: Run) -> None:
    refused = digest("collect", "pres", "--json")

    assert refused.code == 4
    assert refused.json["error"] == "no source 'pres' in digest.toml; it has: press; did you mean 'press'?"
    assert titles(digest) == set()


def test_one_source_that_fails_stops_no_other(press: Path, digest: Run, project: Path) -> None:
    (project / "digest.toml").write_text(TOML + '\n[sources.radio]\nfolder = "radio"\n')
    collected = digest("collect", "--json")

    assert collected.code == 3
    assert {row["source"]: row["error"] for row in rows(collected)} == {
        "press": None, "radio": "no folder radio; make it, or correct [sources.radio]",
    }  # fmt: skip
    assert collected.err == "radio: no folder radio; make it, or correct [sources.radio]\n"
    assert titles(digest) == {"Ett"}


def test_one_file_that_is_broken_stops_no_other(press: Path, digest: Run) -> None:
    (press / "broken.json").write_text(BROKEN)
    collected = digest("collect", "--json")

    assert collected.code == 3
    assert (rows(collected)[0]["new"], rows(collected)[0]["skipped"]) == (1, 1)
    assert collected.err.startswith("press, broken.json, line 1: broken JSON")


def test_all_sources_failing_is_a_failure(project: Path, digest: Run) -> None:
    missing = digest("collect")
    (project / "articles").mkdir()
    (project / "articles" / "broken.json").write_text(BROKEN)

    assert (missing.code, digest("collect").code) == (1, 1)


def test_an_empty_source_is_no_failure(project: Path, digest: Run) -> None:
    (project / "articles").mkdir()

    assert (digest("collect").code, digest("collect").err) == (0, "")


def test_without_any_source_there_is_nothing_to_do_and_it_says_so_when_asked(project: Path, digest: Run) -> None:
    (project / "digest.toml").write_text(TOML.partition("[sources")[0])
    collected, asked = digest("collect", "--json"), digest("collect", "-v")

    assert (collected.code, rows(collected)) == (0, [])
    assert (asked.code, asked.err.count("no source and no file")) == (0, 1)


def test_articles_of_a_source_go_to_the_newsletters_it_names(project: Path, digest: Run) -> None:
    other = '\n[newsletters.lager]\ntitle = "Lager"\nfrom = "lager@example.com"\nlists = ["industri"]\n'
    (project / "digest.toml").write_text(TOML + 'newsletters = ["lager"]\n' + other)
    (project / "articles").mkdir()
    put(project / "articles" / "a.json", "Ett")
    digest("collect")
    digest("articles", "add", "--title", "För hand")

    placed = {
        article["title"]: [place["newsletter"] for place in article["placements"]]
        for article in digest("articles", "list", "--json").json["articles"]
    }
    assert placed == {"Ett": ["lager"], "För hand": ["nyheter"]}
