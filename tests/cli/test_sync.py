"""``digest subscribers sync`` and ``export``."""

import json
import pty
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from os import read, write
from pathlib import Path
from select import select

import pytest

from digest.store.lock import hold
from tests.cli.conftest import TOML, Run
from tests.people.sheets import HEADER, many, rows, save

ANNA, BO = "anna@example.com", "bo@example.com"
KEYS = [
    "list", "file", "found", "joined", "returned", "confirmed", "updated", "unchanged", "removed", "vanished",
    "waiting", "left", "suppressed", "removed_by_hand", "problems", "held",
]  # fmt: skip
PROVEN = TOML.replace('title = "Industri"', 'title = "Industri"\nconsent = "Form, 2019"')


@pytest.fixture
def proven(project: Path) -> Path:
    """A project whose list states its consent."""
    (project / "digest.toml").write_text(PROVEN, encoding="utf-8")
    return project


def states(digest: Run) -> dict[str, str]:
    listed = digest("subscribers", "list", "--json").json["subscribers"]
    return {row["address"]: row["lists"]["industri"] for row in listed}


def at_a_terminal(project: Path, *arguments: str, answer: str = "") -> tuple[int, str]:
    """Run a command at a terminal, answer what it asks, and return its exit code and all it showed."""
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "digest", *arguments], cwd=project, stdin=theirs, stdout=theirs, stderr=theirs
    )
    shown, ends, asked = "", time.monotonic() + 60, False
    while time.monotonic() < ends and command.poll() is None:
        if select([ours], [], [], 0.05)[0]:
            shown += read(ours, 65536).decode()
        if answer and not asked and "[y/N]" in shown:
            write(ours, f"{answer}\n".encode())
            asked = True
    while select([ours], [], [], 0.1)[0]:
        shown += read(ours, 65536).decode()
    return command.wait(timeout=5), shown.replace("\r\n", "\n")


def test_sync_says_nothing_off_a_terminal_when_all_is_done(proven: Path, digest: Run) -> None:
    save(proven, rows(ANNA, BO))

    done = digest("subscribers", "sync")

    assert (done.code, done.out, done.err) == (0, "", "")
    assert states(digest) == {ANNA: "confirmed", BO: "confirmed"}
    assert digest("subscribers", "sync", "industri", "-v").err == "industri: 2 unchanged\n"


def test_json_has_what_the_contract_says(proven: Path, digest: Run) -> None:
    save(proven, rows(ANNA, BO, "nobody"))

    done = digest("subscribers", "sync", "--json")

    assert (done.code, list(done.json)) == (3, ["schema", "dry_run", "lists"])
    (one,) = done.json["lists"]
    assert list(one) == KEYS
    assert (one["list"], one["file"], one["found"], one["joined"]) == ("industri", "subscribers/industri.csv", 3, 2)
    assert one["problems"] == [{"where": "line 4", "reason": "'nobody' is not a mail address: it has no @"}]
    assert done.err == "subscribers/industri.csv, line 4: 'nobody' is not a mail address: it has no @\n"


def test_who_joins_without_consent_is_told_of(project: Path, digest: Run) -> None:
    save(project, rows(ANNA))

    assert digest("subscribers", "sync").err == (
        "industri: 1 join unconfirmed and get no letters; if they agreed to get them, write the proof as consent in "
        "[lists.industri]\n"
    )


def test_held_list_exits_with_6_in_one_line(proven: Path, digest: Run) -> None:
    save(proven, rows(*many(20)))
    digest("subscribers", "sync")
    save(proven, rows(*many(10)))

    for options in ((), ("--yes",), ("--json",)):
        held = digest("subscribers", "sync", *options)
        assert (held.code, len(held.err.splitlines())) == (6, 1)
        assert held.err.startswith("industri: 10 of the 20 people whom subscribers/industri.csv keeps on the list")
    assert held.json["lists"][0]["held"].startswith("10 of the 20")
    assert len(held.json["lists"][0]["vanished"]) == 10
    assert digest("subscribers", "sync", "--force", "removals").code == 0
    assert list(states(digest).values()).count("removed") == 10


def test_removals_that_wait_are_told_with_the_lines(proven: Path, digest: Run) -> None:
    save(proven, rows(*many(20)))
    digest("subscribers", "sync")
    save(proven, rows("r0", *many(19, start=1)))

    waits = digest("subscribers", "sync")

    assert waits.code == 3
    assert waits.err.splitlines()[1] == (
        "industri: 1 would be removed once these lines of subscribers/industri.csv can be read: 2"
    )


def test_dry_run_says_of_nobody_that_they_go_when_nobody_would(proven: Path, digest: Run) -> None:
    save(proven, rows(*many(20)))
    digest("subscribers", "sync")
    for content in (rows("r0", *many(19, start=1)), rows(*many(10))):
        save(proven, content)
        dry = digest("subscribers", "sync", "--dry-run")
        assert "goes" not in dry.out
        assert "  r0@example.com stays for now" in dry.out or "  r19@example.com stays for now" in dry.out

    save(proven, "kund\nanna@example.com\n")
    assert digest("subscribers", "sync", "--dry-run").out == ""


def test_many_unreadable_rows_are_counted_and_a_dry_run_names_them_all(proven: Path, digest: Run) -> None:
    save(proven, rows(ANNA, *(f"r{n}" for n in range(30))))

    done = digest("subscribers", "sync")

    assert (done.code, len(done.err.splitlines())) == (3, 11)
    assert done.err.splitlines()[-1].startswith("subscribers/industri.csv: 20 more rows cannot be read")
    assert len(digest("subscribers", "sync", "--dry-run").err.splitlines()) == 30


def test_file_of_which_not_even_the_header_can_be_read_is_held(proven: Path, digest: Run) -> None:
    save(proven, '"e-post"|"namn"\n"anna@example.com"|"Anna"\n')

    held = digest("subscribers", "sync")

    assert held.code == 6
    assert held.err.splitlines()[-1].startswith("industri: no row of subscribers/industri.csv can be read")


def test_dry_run_shows_the_whole_difference_on_stdout(proven: Path, digest: Run) -> None:
    save(proven, rows(*many(20)))
    digest("subscribers", "sync")
    digest("subscribers", "remove", "r2@example.com")
    digest("subscribers", "suppress", "r3@example.com", "--reason", "ringde")
    save(proven, HEADER + "r1@example.com;Ett\n" + "".join(f"{a};\n" for a in [*many(18, start=2), ANNA]))

    dry = digest("subscribers", "sync", "--dry-run")

    assert (dry.code, dry.err) == (0, "")
    assert dry.out.splitlines() == [
        "line 2: r1@example.com is updated",
        "line 21: anna@example.com joins",
        "industri: 1 join, 1 go, 1 updated, 16 unchanged, 1 suppressed, 1 removed by hand and stays so",
        "  r0@example.com goes: their row is not there any more",
        "  line 3: r2@example.com was removed by hand and stays so; delete the line, or: "
        "digest subscribers add ADDRESS --list industri --confirmed --reason TEXT",
        "  line 4: r3@example.com is suppressed: no letter goes there",
    ]
    assert ANNA not in states(digest)
    assert digest("subscribers", "sync", "--dry-run", "--json").json["dry_run"] is True


def test_file_that_is_open_in_a_spreadsheet_is_brought_in_with_a_warning(proven: Path, digest: Run) -> None:
    save(proven, rows(ANNA))
    (proven / "subscribers" / ".~lock.industri.csv#").write_text("Eva Öst,eva,datorn,,;", encoding="utf-8")

    opened = digest("subscribers", "sync")

    assert (opened.code, list(states(digest))) == (0, [ANNA])
    assert opened.err == ("warning: subscribers/industri.csv is open at Eva Öst's; what is not saved is not in it\n")


def test_files_of_no_list_are_named_unless_a_list_is_asked_for(proven: Path, digest: Run) -> None:
    save(proven, rows(ANNA))
    save(proven, rows(BO), "industri (1).csv")

    named = digest("subscribers", "sync").err

    assert named == (
        "warning: subscribers/industri (1).csv belongs to no list of digest.toml and is not read; "
        "did you mean 'industri.csv'?\n"
    )
    assert digest("subscribers", "sync", "industri").err == ""


def test_lists_without_a_file_are_a_matter_of_the_project(project: Path, digest: Run) -> None:
    for arguments, words in (
        ((), "no list has a file in"),
        (("industri",), "the list industri has no file; it would be subscribers/industri.csv"),
        (("industry",), "no list 'industry' in digest.toml; it has: industri; did you mean 'industri'?"),
    ):
        refused = digest("subscribers", "sync", *arguments, "--json")
        assert (refused.code, len(refused.err.splitlines())) == (4, 1)
        assert words in refused.json["error"]


def test_other_rules_cannot_be_forced(proven: Path, digest: Run) -> None:
    refused = digest("subscribers", "sync", "--force", "removal")

    assert refused.code == 2
    assert "no rule 'removal'; there is: removals; did you mean 'removals'?" in refused.err


def test_person_at_a_terminal_sees_the_difference_and_is_asked_where_somebody_goes(proven: Path, digest: Run) -> None:
    everybody = many(30)
    save(proven, rows(*everybody))
    code, shown = at_a_terminal(proven, "subscribers", "sync")
    assert (code, shown.splitlines()) == (0, ["industri: 30 join", "industri: 30 joined"])
    save(proven, rows(*everybody[2:], ANNA))

    code, shown = at_a_terminal(proven, "subscribers", "sync", answer="n")
    assert code == 6
    assert shown.splitlines()[0] == ("industri: 1 join, 2 go (r0@example.com, r1@example.com), 28 unchanged")
    assert shown.splitlines()[-1].strip() == "industri: you said no: nothing was changed"
    assert states(digest)["r0@example.com"] == "confirmed"

    code, shown = at_a_terminal(proven, "subscribers", "sync", answer="y")
    assert (code, shown.splitlines()[-1].strip()) == (0, "industri: 1 joined, 2 removed, 28 unchanged")
    assert states(digest)["r0@example.com"] == "removed"
    assert "[y/N]" not in at_a_terminal(proven, "subscribers", "sync", "--yes")[1]


def test_export_is_printed_and_read_back(ready: Path, digest: Run) -> None:
    printed = digest("subscribers", "export", "--list", "industri")
    (ready / "again.csv").write_bytes(printed.out.encode())
    again = digest("subscribers", "import", "again.csv", "--list", "industri", "--confirmed", "--json")

    assert printed.code == 0
    assert printed.out.splitlines()[:2] == [
        "\ufeffemail,name,language,digest state",
        "anna@example.com,Anna Åkesson,sv,confirmed",
    ]
    assert (again.json["found"], again.json["unchanged"]) == (3, 3)


def test_export_writes_a_new_file_that_only_its_owner_may_read(ready: Path, digest: Run) -> None:
    done = digest("subscribers", "export", "--state", "confirmed", "--out", "all.csv")
    again = digest("subscribers", "export", "--out", "all.csv")

    assert (done.code, done.out, done.err) == (0, "", "")
    assert (ready / "all.csv").stat().st_mode & 0o777 == 0o600
    assert (ready / "all.csv").read_bytes().startswith(b"\xef\xbb\xbfemail,name,language,digest state\r\n")
    assert (again.code, again.err) == (1, "digest: all.csv is there already; take another name, or delete it first\n")
    assert not list(ready.glob(".*unfinished"))


def test_export_that_cannot_be_made_is_refused_in_one_line(ready: Path, digest: Run) -> None:
    for arguments, code, words in (
        (("--out", "nowhere/all.csv"), 1, "nowhere/all.csv cannot be written: No such file or directory"),
        (("--list", "industry"), 4, "no list 'industry' in digest.toml"),
        (("--state", "left"), 2, "no state 'left'"),
    ):
        refused = digest("subscribers", "export", *arguments)
        assert (refused.code, len(refused.err.splitlines())) == (code, 1)
        assert words in refused.err


def test_broken_pipe_ends_an_export_quietly(ready: Path, digest: Run) -> None:
    (ready / "many.csv").write_text("email\n" + "".join(f"{a}\n" for a in many(5000)), encoding="utf-8")
    digest("subscribers", "import", "many.csv", "--list", "industri", "--confirmed")
    ran = subprocess.run(
        [f"{sys.executable} -m digest subscribers export | head -1"],
        shell=True, cwd=ready, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (ran.stdout, ran.stderr) == ("\ufeffemail,name,language,digest state\n", "")
    assert json.loads(digest("subscribers", "list", "--json", "--limit", "1").out)["schema"] == 1


def test_sync_that_is_killed_completes_when_it_is_run_again(proven: Path, digest: Run) -> None:
    everybody = many(20_000)
    save(proven, rows(*everybody))
    running = subprocess.Popen([sys.executable, "-m", "digest", "subscribers", "sync"], cwd=proven)
    while running.poll() is None and not joined(proven):
        time.sleep(0.01)
    running.kill()
    running.wait(timeout=10)
    half = joined(proven)
    assert 0 < half < len(everybody)

    again = digest("subscribers", "sync", "--json").json["lists"][0]

    assert (again["joined"], again["unchanged"]) == (len(everybody) - half, half)
    assert joined(proven) == len(everybody)


def joined(project: Path) -> int:
    with closing(sqlite3.connect(project / "digest.db")) as store:
        return int(store.execute("SELECT count(*) FROM subscription").fetchone()[0])


def test_second_sync_at_the_same_time_is_told_that_the_first_is_at_it(proven: Path, digest: Run) -> None:
    save(proven, rows(ANNA))
    with hold(proven / "digest.db-sync.lock"):
        busy = digest("subscribers", "sync")

    assert (busy.code, len(busy.err.splitlines())) == (5, 1)
    assert states(digest) == {}
