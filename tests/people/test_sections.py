"""Sections in spreadsheets of people: read, brought in, governed by a list's file, and exported."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.models.sections import as_cell, read_sections, split
from digest.people import lists
from digest.people.export import export
from digest.people.imports import Row, read_subscribers
from digest.people.sync import Wish, sync
from digest.project import Project
from digest.store import people
from tests.people.sheets import save
from tests.projects import TOML, a_project
from tests.store.builders import NOON

ANNA, BO, CY = "anna@example.com", "bo@example.com", "cy@example.com"
TWO = (
    TOML.replace("[lists.industri]", '[lists.industri]\nconsent = "Form, 2019"') + '[lists.handel]\ntitle = "Handel"\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with two lists, of which one states its consent."""
    with a_project(tmp_path, TWO) as opened:
        yield opened


def bring(project: Project, text: str, list_name: str = "industri") -> lists.Tally:
    path = project.folder / "people.csv"
    path.write_bytes(text.encode())
    return lists.import_file(project, path, list_name, confirmed=True, now=NOON)


def chosen(project: Project) -> dict[str, dict[str, list[str]]]:
    return {one.address: one.sections for one in people.listing(project.store)}


def sections_in(text: str, list_name: str = "industri") -> list[str | None]:
    found = read_subscribers(io.BytesIO(text.encode()), "industri.csv", list_name)
    return [row.sections for row in found if isinstance(row, Row)]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("", []),
        ("Energi", ["Energi"]),
        ("Fordon|Energi", ["Energi", "Fordon"]),
        ("Fordon; Energi;", ["Energi", "Fordon"]),
        ("Fordon,Energi , ", ["Energi", "Fordon"]),
        ("Bygg, anläggning|", ["Bygg, anläggning"]),
        ("Bygg, anläggning; Energi", ["Bygg, anläggning", "Energi"]),
        ("energi|ENERGI", ["ENERGI"]),
        (" | ; ", [";"]),
    ],
)
def test_cell_names_sections_apart_by_what_spreadsheets_have(cell: str, names: list[str]) -> None:
    assert split(read_sections(cell)) == names
    assert split(read_sections(as_cell(names))) == names


@pytest.mark.parametrize("header", ["sections", "Sektioner", "ÄMNEN", "topics"])
def test_column_of_sections_has_names_in_both_languages(header: str) -> None:
    assert sections_in(f"e-post;{header}\n{ANNA};Energi, Fordon\n{BO};\n") == ["Energi|Fordon", ""]


def test_table_without_such_a_column_says_nothing_about_it() -> None:
    assert sections_in(f"e-post;avdelning\n{ANNA};Energi\n") == [None]


def test_import_sets_what_its_column_says_and_an_empty_cell_means_all(project: Project) -> None:
    bring(project, f"email,sections\n{ANNA},Energi\n{BO},Energi|Fordon\n{CY},\n")
    assert chosen(project) == {ANNA: {"industri": ["Energi"]}, BO: {"industri": ["Energi", "Fordon"]}, CY: {}}

    again = bring(project, f"email,sections\n{ANNA},\n{BO},Fordon|Energi\n{CY},Energi\n")
    assert (again.updated, again.unchanged) == (2, 1)
    assert chosen(project) == {ANNA: {}, BO: {"industri": ["Energi", "Fordon"]}, CY: {"industri": ["Energi"]}}

    assert bring(project, f"email\n{CY}\n").unchanged == 1
    assert chosen(project)[CY] == {"industri": ["Energi"]}


def test_choice_is_of_one_list(project: Project) -> None:
    bring(project, f"email,sections\n{ANNA},Energi\n")
    bring(project, f"email,sections\n{ANNA},Fordon\n", "handel")

    assert chosen(project) == {ANNA: {"handel": ["Fordon"], "industri": ["Energi"]}}


def test_list_s_file_governs_the_choice(project: Project) -> None:
    save(project, f"e-post;sektioner\n{ANNA};Energi\n{BO};\n")
    (first,) = sync(project, ["industri"], Wish(), NOON)
    save(project, f"e-post;sektioner\n{ANNA};Energi, Fordon\n{BO};\n")
    (would,) = sync(project, ["industri"], Wish(dry_run=True), NOON)
    before = chosen(project)
    (second,) = sync(project, ["industri"], Wish(), NOON)
    (third,) = sync(project, ["industri"], Wish(), NOON)

    assert (first.joined, before) == (2, {ANNA: {"industri": ["Energi"]}, BO: {}})
    assert [(one.updated, one.unchanged) for one in (would, second, third)] == [(1, 1), (1, 1), (0, 2)]
    assert chosen(project) == {ANNA: {"industri": ["Energi", "Fordon"]}, BO: {}}


def test_export_is_read_back_with_the_choices_of_each_list(project: Project, tmp_path: Path) -> None:
    bring(project, f'email,sections\n{ANNA},"Bygg, anläggning|"\n{BO},Energi|Fordon\n{CY},\n')
    bring(project, f"email,sections\n{ANNA},Fordon\n", "handel")
    industri = "".join(export(project, "industri", None, NOON))
    everybody = "".join(export(project, None, None, NOON))

    assert industri.startswith("\ufeffemail,name,language,sections,digest state\r\n")
    assert everybody.startswith(
        "\ufeffemail,name,language,digest sections handel,digest sections industri,digest state\r\n"
    )
    for name, table in (("one", industri), ("all", everybody)):
        with a_project(tmp_path / name, TWO) as other:
            bring(other, table)
            assert {who: of.get("industri", []) for who, of in chosen(other).items()} == {
                ANNA: ["Bygg, anläggning"], BO: ["Energi", "Fordon"], CY: [],
            }  # fmt: skip
            assert {one.address: one.attributes for one in people.listing(other.store)} == {ANNA: {}, BO: {}, CY: {}}
