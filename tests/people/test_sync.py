"""A list and its file: who joins, who goes, and what holds a sync back."""

import datetime as dt
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from digest.errors import BusyError, ConfigError
from digest.people import lists
from digest.people.addresses import read_address
from digest.people.difference import Difference, Named
from digest.people.lists import find
from digest.people.suppression import suppress
from digest.people.sync import REFUSED, Wish, lists_to_sync, sync
from digest.project import Project, who_does_this
from digest.store import erasure, people, sheets
from digest.store.lock import hold
from tests.people.sheets import HEADER, age, many, rows, save
from tests.projects import TOML, a_project
from tests.store.builders import LATER, NOON, do, query

ANNA, BO, CY = "anna@example.com", "bo@example.com", "cy@example.com"
PROVEN = TOML.replace("[lists.industri]", '[lists.industri]\nconsent = "Form, 2019"')


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose list states its consent."""
    with a_project(tmp_path, PROVEN) as opened:
        yield opened


@pytest.fixture
def unproven(tmp_path: Path) -> Iterator[Project]:
    """A project whose list states no consent."""
    with a_project(tmp_path, TOML) as opened:
        yield opened


def run(project: Project, wish: Wish | None = None, name: str = "industri") -> Difference:
    (found,) = sync(project, [name], wish or Wish(), NOON)
    return found


FORCED = Wish(force_removals=True)


def states(project: Project) -> dict[str, str]:
    return {one.address: one.lists.get("industri", "") for one in people.listing(project.store)}


def history(project: Project, address: str = ANNA) -> list[tuple[str, str, str, int | None]]:
    told = people.history(project.store, find(project, address).id)
    return [(one.state.value, one.origin.value, one.reason, one.import_id) for one, _ in told]


def changes(project: Project) -> int:
    return int(query(project.store.path, "SELECT count(*) FROM consent_change")[0][0])


def leave(project: Project, address: str = ANNA) -> None:
    """Let a reader leave, as their link does."""
    do(project.store, lambda c: c.exec_driver_sql(
        "UPDATE subscription SET state = 'unsubscribed', origin = 'link' WHERE subscriber_id = ?",
        (find(project, address).id,),
    ))  # fmt: skip


def test_new_rows_join_and_the_list_s_consent_is_kept_as_the_proof(project: Project) -> None:
    save(project, "e-post;namn;språk;ort\r\nAnna@example.com;Anna;sv;Luleå\r\nbo@example.com;;;\r\n")

    found = run(project)

    assert (found.found, found.joined, found.unconfirmed, found.exit_code) == (2, 2, 0, 0)
    anna = find(project, ANNA)
    assert (anna.address, anna.name, anna.language, anna.attributes) == (
        "Anna@example.com",
        "Anna",
        "sv",
        {"ort": "Luleå"},
    )
    assert states(project) == {"Anna@example.com": "confirmed", BO: "confirmed"}
    assert history(project) == [("confirmed", "file", "Form, 2019", 1)]
    assert query(project.store.path, "SELECT file, by FROM import") == [("subscribers/industri.csv", who_does_this())]


def test_without_consent_they_stay_unconfirmed(unproven: Project) -> None:
    save(unproven, rows(ANNA))

    assert run(unproven).unconfirmed == 1
    assert states(unproven) == {ANNA: "unconfirmed"}
    assert run(unproven).unconfirmed == 0, "told once"


def test_consent_that_is_stated_later_confirms_who_was_waiting(unproven: Project) -> None:
    save(unproven, rows(ANNA))
    run(unproven)

    with a_project(unproven.folder, PROVEN) as project:
        assert run(project).confirmed == 1
        assert history(project)[-1] == ("confirmed", "file", "Form, 2019", 2)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfe-post;namn\r\nanna@example.com;Anna \xc3\x85kesson\r\n",  # Excel: CSV UTF-8
        b"e-post;namn\r\nanna@example.com;Anna \xc5kesson\r\n",  # Excel: CSV
        b"sep=;\r\ne-post;namn\r\nanna@example.com;Anna \xc5kesson\r\n",
        "e-post\tnamn\r\nanna@example.com\tAnna Åkesson\r\n".encode("utf-16"),  # Excel: Unicode text
        '"e-post","namn"\n"anna@example.com","Anna Åkesson"\n'.encode(),  # LibreOffice: quote all text cells
        '"e-post","namn"\n"anna@example.com","Anna Åkesson"'.encode(),  # by hand, without the last line's end
    ],
)
def test_file_is_read_as_excel_and_libreoffice_save_it(project: Project, content: bytes) -> None:
    save(project, content)

    assert (run(project).joined, find(project, ANNA).name) == (1, "Anna Åkesson")


def test_second_run_changes_nothing_and_writes_nothing(project: Project) -> None:
    save(project, rows(ANNA, BO))
    run(project)

    again = run(project)

    assert (again.found, again.unchanged, again.is_change) == (2, 2, False)
    assert changes(project) == 2
    assert query(project.store.path, "SELECT count(*) FROM import") == [(1,)]


def test_vanished_row_is_removed_and_comes_back_with_the_row(project: Project) -> None:
    everybody = many(20)
    save(project, rows(*everybody))
    run(project)
    save(project, rows(*everybody[1:]))

    gone = run(project)

    assert (gone.removed, gone.vanished, gone.found) == (1, ["r0@example.com"], 19)
    assert states(project)["r0@example.com"] == "removed"
    assert history(project, "r0@example.com")[-1] == ("removed", "file", "is in subscribers/industri.csv no more", 2)
    save(project, rows(*everybody))
    back = run(project)
    assert (back.returned, back.joined) == (1, 0)
    assert states(project)["r0@example.com"] == "confirmed"


def test_who_came_through_something_else_is_brought_up_to_date_but_not_taken_over(unproven: Project) -> None:
    lists.add(unproven, ANNA, "", list_name="industri", language=None, confirmed=False, reason="", now=NOON)
    lists.add(unproven, BO, "", list_name="industri", language=None, confirmed=True, reason="", now=NOON)
    with a_project(unproven.folder, PROVEN) as project:
        save(project, HEADER + "anna@example.com;Anna\r\nbo@example.com;Bo\r\n")

        found = run(project)

        assert (found.confirmed, found.updated) == (1, 1)
        assert [find(project, who).name for who in (ANNA, BO)] == ["Anna", "Bo"]
        assert history(project)[-1] == ("confirmed", "file", "Form, 2019", 1)
        assert query(project.store.path, "SELECT DISTINCT origin FROM subscription") == [("editor",)]
        save(project, rows())
        assert run(project).removed == 0
        assert states(project) == {ANNA: "confirmed", BO: "confirmed"}


def test_who_left_and_who_is_suppressed_stay_so_and_are_named_by_line(project: Project) -> None:
    save(project, rows(ANNA, BO, CY))
    run(project)
    leave(project)
    suppress(project, CY, "ringde", NOON)

    found = run(project)

    assert (found.left, found.suppressed) == ([Named(2, ANNA)], [Named(4, CY)])
    assert (found.found, found.unchanged, found.exit_code) == (3, 1, 0)
    assert states(project)[ANNA] == "unsubscribed"


def test_who_an_editor_removed_by_hand_stays_removed_and_is_named_by_line(project: Project) -> None:
    save(project, rows(ANNA, BO))
    run(project)
    lists.remove(project, ANNA, "industri", "ringde", LATER)

    found = run(project)

    assert (found.removed_by_hand, found.returned) == ([Named(2, ANNA)], 0)
    assert states(project)[ANNA] == "removed"
    lists.add(project, ANNA, "", list_name="industri", language=None, confirmed=True, reason="ville igen", now=LATER)
    assert states(project)[ANNA] == "confirmed"
    assert run(project).unchanged == 2


def test_who_is_erased_is_not_written_down_again(project: Project) -> None:
    save(project, rows(ANNA, BO))
    run(project)
    hash_ = lists.person(project, read_address(ANNA)).hash
    assert erasure.erase(project.store, hash_, [], "red", NOON) is not None

    assert run(project).suppressed == [Named(2, ANNA)]
    assert states(project) == {BO: "confirmed"}


def test_tenth_may_go_and_more_than_a_tenth_holds_everything(project: Project) -> None:
    everybody = many(20)
    save(project, rows(*everybody))
    run(project)
    save(project, rows(*everybody[3:], "new@example.com"))

    held = run(project, Wish(agreed=lambda _: True))

    assert held.exit_code == 6
    assert held.held == (
        "3 of the 20 people whom subscribers/industri.csv keeps on the list are in it no more; nothing was changed; "
        "if that is meant: digest subscribers sync industri --force removals"
    )
    assert "new@example.com" not in states(project), "nothing at all"
    save(project, rows(*everybody[2:]))
    assert run(project).removed == 2


def test_removals_are_made_when_forced(project: Project) -> None:
    save(project, rows(*many(20)))
    run(project)
    save(project, rows(*many(5)))

    assert (run(project, FORCED).removed, run(project).unchanged) == (15, 5)


def test_headed_file_without_rows_holds_and_may_be_forced(project: Project) -> None:
    save(project, HEADER)
    assert run(project).exit_code == 0, "nobody is on the list from it"
    save(project, rows(ANNA))
    run(project)
    save(project, HEADER)

    assert run(project).exit_code == 6
    assert states(project) == {ANNA: "confirmed"}
    assert run(project, FORCED).removed == 1


@pytest.mark.parametrize("wish", [Wish(), FORCED])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "industri.csv is empty"),
        (b"\r\n;;\r\n", "industri.csv is empty"),
        (b"namn;ort\r\nAnna;Bo\r\n", "industri.csv has no column for the address"),
        (b"PK\x03\x04 a workbook", "is a spreadsheet's own file, not text"),
        (b"e-post;namn\r\nnobody;\r\nno one;\r\n", "no row of subscribers/industri.csv can be read"),
        (b"e-post;namn\r\nanna@example.com;Anna\r\nbo@exam", "ends in the middle of a row"),
        (b'e-post;namn\r\nanna@example.com;Anna\r\nbo@example.com;"Bo E', "ends in the middle of a row"),
        (b'e-post;namn\r\nanna@example.com;Anna\r\nbo@example.com;"Bo\r\n', "ends in the middle of a row"),
        (b"e-post;namn\r\nanna@example.com;Anna\r\n" + bytes(512), "ends in the middle of a row"),
        ("e-post;namn\r\nanna@example.com;Anna\r\nbo@ex".encode("utf-16"), "ends in the middle of a row"),
        ("e-post;namn\r\nanna@example.com;Anna\r\nbo@example.com;Bo".encode("utf-16")[:-1], "ends in the middle of"),
        ("e-post;namn\r\nåsa@example.com;Åsa\r\nbo@example.com;Å".encode()[:-1], "ends in the middle of a row"),
    ],
)  # fmt: skip
def test_file_that_is_not_whole_changes_nothing_even_when_forced(
    project: Project, content: bytes, words: str, wish: Wish
) -> None:
    save(project, rows(ANNA, BO))
    run(project)
    save(project, content)

    found = run(project, wish)

    assert found.held is not None
    assert words in found.held
    assert found.exit_code == 6
    assert (states(project), changes(project)) == ({ANNA: "confirmed", BO: "confirmed"}, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"e-post\r\nanna@example.com",
        b"e-post;namn\r\nanna@example.com;",
        b'e-post;namn\r\nanna@example.com;5" skruv\r\n',
        b'e-post;namn\r\nanna@example.com;"tv\xe5\r\nrader"',
        b"sep=|\r\ne-post|namn\r\nanna@example.com|A;B",
        b"anna@example.com;Anna",
        b"e-post;namn\r\nanna@example.com;Anna \xc5",
        b"e-post;namn\r\nanna@example.com;Anna\r\n;",
    ],
)
def test_whole_file_without_the_last_line_s_end_is_taken(project: Project, content: bytes) -> None:
    save(project, content)

    assert (run(project).held, list(states(project))) == (None, [ANNA])


def test_nobody_is_removed_because_of_a_row_that_cannot_be_read(project: Project) -> None:
    everybody = many(20)
    save(project, rows(*everybody))
    run(project)
    save(project, rows("r0 at example.com", *everybody[1:], "new@example.com"))

    for wish in (Wish(), FORCED):
        found = run(project, wish)
        assert (found.removed, found.waiting, found.exit_code, found.held) == (0, 1, 3, None)
        assert [problem.where for problem in found.problems] == ["line 2"]

    assert states(project)["r0@example.com"] == "confirmed"
    assert states(project)["new@example.com"] == "confirmed", "the others are brought in"


def test_row_that_stands_twice_keeps_nobody(project: Project) -> None:
    everybody = many(20)
    save(project, rows(*everybody))
    run(project)
    save(project, rows(*everybody[1:], "R1@example.com"))

    found = run(project)

    assert (found.removed, found.waiting, found.exit_code) == (1, 0, 3)


def test_dry_run_tells_the_whole_difference_and_changes_nothing(project: Project) -> None:
    save(project, rows(ANNA, *many(20)))
    said: list[tuple[str, int]] = []
    dry = Wish(dry_run=True, tell=lambda word, row: said.append((word, row.line)))

    assert run(project, dry).joined == 21
    assert query(project.store.path, "SELECT count(*) FROM mailing_list") == [(0,)]
    run(project)
    said.clear()
    save(project, HEADER + "bo@example.com;Bo\r\nanna@example.com;Anna\r\n" + "".join(f"{a};\r\n" for a in many(18)))
    found = run(project, dry)

    assert said == [("joins", 2), ("is updated", 3)]
    assert (found.joined, found.updated, found.removed, found.vanished) == (
        1,
        1,
        2,
        ["r18@example.com", "r19@example.com"],
    )
    assert (BO in states(project), changes(project)) == (False, 21)


def test_refused_difference_changes_nothing(project: Project) -> None:
    save(project, rows(ANNA))
    shown: list[Difference] = []

    def no(difference: Difference) -> bool:
        shown.append(replace(difference))
        return False

    assert run(project, Wish(agreed=no)).held == REFUSED
    assert (shown[0].joined, states(project)) == (1, {})


def test_lists_are_those_named_or_all_that_have_a_file(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML + '[lists.handel]\ntitle = "Handel"\n') as project:
        with pytest.raises(ConfigError, match=r"no list has a file in .*; it would be handel\.csv, industri\.csv"):
            lists_to_sync(project, [])
        save(project, rows(ANNA))
        assert lists_to_sync(project, []) == ["industri"]
        assert lists_to_sync(project, ["industri", "industri"]) == ["industri"]
        with pytest.raises(ConfigError, match=r"the list handel has no file; it would be subscribers/handel\.csv"):
            lists_to_sync(project, ["handel"])
        with pytest.raises(ConfigError, match="did you mean 'industri'"):
            lists_to_sync(project, ["industry"])


def test_one_held_list_holds_no_other(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML + '[lists.handel]\nconsent = "Form"\n') as project:
        save(project, b"", "handel.csv")
        save(project, rows(ANNA))

        held, done = sync(project, ["handel", "industri"], Wish(), NOON)

        assert (held.exit_code, done.joined) == (6, 1)


def test_time_is_noted_when_list_and_file_agree(project: Project) -> None:
    path = save(project, rows(ANNA, "nobody"))

    def synced() -> str | None:
        (value,) = query(project.store.path, "SELECT synced_at FROM mailing_list")[0]
        return None if value is None else str(value)

    run(project)
    assert synced() is None, "a row could not be read"
    save(project, rows(ANNA))
    run(project)
    at = dt.datetime.fromisoformat(str(synced()))
    assert at.replace(tzinfo=dt.UTC).timestamp() > path.stat().st_mtime


def test_only_one_syncs_at_a_time(project: Project) -> None:
    save(project, rows(ANNA))
    with (
        hold(project.store.path.with_name("digest.db-sync.lock")),
        pytest.raises(BusyError, match="another run is at it"),
    ):
        run(project)

    assert run(project).joined == 1


def test_sync_that_was_killed_half_way_completes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = many(2500)
    save(project, rows(*everybody[:1000]))
    run(project)
    save(project, rows(*everybody[100:]))

    class Killed(BaseException):
        pass

    def kill(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(sheets, "take_off", kill)
        with pytest.raises(Killed):
            run(project, FORCED)
    assert people.counts(project.store)["industri"] == {"confirmed": 2500}

    done = run(project, FORCED)

    assert (done.joined, done.removed, done.unchanged) == (0, 100, 2400)


def test_file_that_is_written_meanwhile_is_waited_for_then_left(project: Project) -> None:
    path = save(project, rows(ANNA))
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.2):
            path.touch()

    path.touch()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        began = time.monotonic()
        found = run(project)
        assert time.monotonic() - began < 5
    finally:
        stop.set()
        writer.join()
    assert found.held == "industri.csv is being written at this moment; nothing was changed; run this again"
    assert states(project) == {}
    age(path)
    assert run(project).joined == 1


def test_file_that_was_saved_just_now_is_waited_for(project: Project) -> None:
    path = save(project, rows(ANNA))
    age(path, 1.5)

    assert run(project).joined == 1


def test_what_is_no_file_is_held(project: Project) -> None:
    (project.folder / "subscribers").mkdir()
    os.mkfifo(project.folder / "subscribers" / "industri.csv")

    assert run(project).held == "industri.csv is no file; nothing was changed"


def test_file_nobody_may_read_is_held(project: Project) -> None:
    path = save(project, rows(ANNA))
    path.unlink()
    path.symlink_to(path.name)

    assert "cannot be read" in (run(project).held or "")


def test_exported_states_are_honoured(project: Project) -> None:
    save(
        project,
        "email,digest state\r\na@example.com,confirmed\r\nb@example.com,unconfirmed\r\nc@example.com,unsubscribed\r\n"
        "d@example.com,removed\r\ne@example.com,suppressed\r\n",
    )

    found = run(project)

    assert states(project) == {
        "a@example.com": "confirmed", "b@example.com": "unconfirmed", "c@example.com": "unsubscribed",
        "d@example.com": "removed", "e@example.com": "unsubscribed",
    }  # fmt: skip
    assert (found.left, found.removed_by_hand) == (
        [Named(4, "c@example.com"), Named(6, "e@example.com")], [Named(5, "d@example.com")],
    )  # fmt: skip
    assert run(project).is_change is False
