"""``digest designs``: what there is, and a copy of it to change."""

from pathlib import Path

import pytest

from tests.cli.conftest import TOML, Run


def test_list_names_each_design_with_who_uses_it_and_where_it_is(project: Path, digest: Run) -> None:
    shown = digest("designs", "list")

    assert shown.code == 0
    assert shown.out.splitlines() == [
        "design\tnewsletters\ttemplates",
        "plain\t\tpackaged",
        "senaste-nytt\tnyheter\tpackaged",
    ]


def test_copy_is_a_design_of_the_project_that_makes_the_same_letter(project: Path, digest: Run) -> None:
    assert digest("designs", "copy", "plain", "brief").code == 0
    listed = digest("designs", "list", "--json").json["designs"]
    (brief,) = [row for row in listed if row["own"]]

    assert brief == {"name": "brief", "newsletters": [], "own": True, "folder": str(project / "templates" / "brief")}
    assert digest("articles", "add", "--title", "Backkameror").code == 0
    letters = []
    for design in ("plain", "brief"):
        text = TOML.replace('language = "sv"', f'language = "sv"\ndesign = "{design}"')
        (project / "digest.toml").write_text(text, encoding="utf-8")
        assert digest("preview", "--out", "seen").code == 0
        letters.append([(project / "seen" / f"edition.{kind}").read_text(encoding="utf-8") for kind in ("html", "txt")])
    assert letters[0] == letters[1]


def test_copy_says_what_to_do_next(project: Path, digest: Run) -> None:
    said = digest("designs", "copy", "senaste-nytt", "brief", "-v").err

    assert f"made {project}/templates/brief/letter.html.j2" in said
    assert 'design = "brief"' in said
    assert digest("designs", "copy", "senaste-nytt", "other").err == ""


def test_copy_never_writes_over_anything(project: Path, digest: Run) -> None:
    assert digest("designs", "copy", "plain", "brief").code == 0
    again = digest("designs", "copy", "senaste-nytt", "brief")

    assert again.code == 1
    assert again.err == (f"digest: {project}/templates/brief is there already; take another name, or remove it first\n")


@pytest.mark.parametrize("name", ["shared", "pages", "notices", "../out", "a/b", "", "Stor", ".", "-x"])
def test_copy_takes_no_name_that_is_none(project: Path, digest: Run, name: str) -> None:
    before = sorted(project.rglob("*"))

    assert digest("designs", "copy", "plain", "--", name).code == 1
    assert sorted(project.rglob("*")) == before


def test_design_that_is_not_there_is_named_with_the_nearest(project: Path, digest: Run) -> None:
    ended = digest("designs", "copy", "plan", "brief")

    assert ended.code == 4
    assert "no such design; there is: plain, senaste-nytt; did you mean 'plain'?" in ended.err
