import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.models import SubscriptionState
from digest.people import lists
from digest.people.export import export
from digest.people.imports import Row, read_subscribers
from digest.people.suppression import suppress
from digest.project import Project
from digest.store import people
from tests.projects import TOML, a_project
from tests.store.builders import NOON

FILE = (
    "e-post;namn;språk;ort;=summa;email\n"
    "anna@example.com;Anna \"Ann\" Åkesson;sv;Luleå;+46 70;\n"
    "bo@example.com;=cmd|' /C calc'!A0;på svenska;;'=1;bo@annat.example\n"
    "Åsa@räksmörgås.example.com;\"Ek; Åsa\";en-GB;-;@x;\n"
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with two lists and three people on the first."""
    with a_project(tmp_path / "one", TOML + '[lists.handel]\ntitle = "Handel"\n') as opened:
        bring(opened, FILE)
        yield opened


def bring(project: Project, text: str, list_name: str = "industri", *, confirmed: bool = True) -> lists.Tally:
    path = project.folder / "people.csv"
    path.write_bytes(text.encode())
    return lists.import_file(project, path, list_name, confirmed=confirmed, now=NOON)


def told(project: Project, list_name: str | None = None, state: SubscriptionState | None = None) -> str:
    return "".join(export(project, list_name, state, NOON))


def everybody(project: Project) -> list[tuple[object, ...]]:
    return [(p.address, p.name, p.language, p.attributes, p.lists) for p in people.listing(project.store)]


def states(text: str) -> dict[str, str]:
    return {line.split(",")[0]: line.rpartition(",")[2] for line in text.split("\r\n")[1:-1]}


def test_import_reads_back_what_was_exported(project: Project, tmp_path: Path) -> None:
    with a_project(tmp_path / "two", TOML + '[lists.handel]\ntitle = "Handel"\n') as other:
        tally = bring(other, told(project, "industri"))

        assert (tally.new, tally.problems) == (3, [])
        assert everybody(other) == everybody(project)
        assert told(other, "industri") == told(project, "industri")


def test_table_is_one_a_spreadsheet_opens_and_takes_no_cell_of_for_a_formula(project: Project) -> None:
    text = told(project, "industri")

    assert text.startswith("\ufeffemail,name,language,'=summa,email,ort,språk,digest state\r\n")
    assert "bo@example.com,'=cmd|' /C calc'!A0,,'=1,bo@annat.example,,på svenska,confirmed\r\n" in text
    assert 'anna@example.com,"Anna ""Ann"" Åkesson",sv,\'+46 70,,Luleå,,confirmed\r\n' in text


def test_list_is_exported_with_who_is_on_it_or_in_a_state(project: Project) -> None:
    lists.remove(project, "bo@example.com", "industri", "", NOON)
    bring(project, "email\ncy@example.com\n", confirmed=False)

    assert set(states(told(project, "industri"))) == {
        "anna@example.com",
        "cy@example.com",
        "Åsa@räksmörgås.example.com",
    }
    assert states(told(project, "industri", SubscriptionState.REMOVED)) == {"bo@example.com": "removed"}
    assert states(told(project, None, SubscriptionState.REMOVED)) == {"bo@example.com": "industri: removed"}
    assert states(told(project, "handel")) == {}
    assert told(project, "handel") == "\ufeffemail,name,language,digest state\r\n", "no column that nobody has"


def test_everybody_is_exported_once_with_all_their_lists(project: Project) -> None:
    bring(project, "email\nanna@example.com\n", "handel", confirmed=False)
    suppress(project, "bo@example.com", "ringde", NOON)

    assert states(told(project)) == {
        "anna@example.com": "handel: unconfirmed; industri: confirmed",
        "bo@example.com": "suppressed",
        "Åsa@räksmörgås.example.com": "industri: confirmed",
    }


def test_exported_people_stand_elsewhere_as_they_did_whoever_vouches(project: Project, tmp_path: Path) -> None:
    lists.remove(project, "bo@example.com", "industri", "", NOON)
    bring(project, "email\ncy@example.com\n", confirmed=False)
    suppress(project, "anna@example.com", "ringde", NOON)

    with a_project(tmp_path / "two") as other:
        tally = bring(other, told(project), confirmed=True)

        assert {one.address: one.lists["industri"] for one in people.listing(other.store)} == {
            "anna@example.com": "unsubscribed", "bo@example.com": "removed", "cy@example.com": "unconfirmed",
            "Åsa@räksmörgås.example.com": "confirmed",
        }  # fmt: skip
        assert (tally.left, tally.new, tally.unconfirmed, tally.problems) == (2, 2, 1, [])


def test_large_table_comes_in_pieces(project: Project) -> None:
    bring(project, "email\n" + "".join(f"r{n}@example.com\n" for n in range(2500)))

    pieces = list(export(project, None, None, NOON))

    assert len(pieces) == 4
    rows = list(read_subscribers(io.BytesIO("".join(pieces).encode()), "x.csv"))
    assert len([row for row in rows if isinstance(row, Row)]) == 2503
