"""``digest db``: back up, bring back, check, adopt, upgrade."""

import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from digest.store.lock import hold
from digest.store.upgrade import migrate
from tests.cli.conftest import Run, in_process_of_its_own
from tests.commands import Ended
from tests.store.builders import query


def change(project: Path, *statements: str) -> None:
    with closing(sqlite3.connect(project / "digest.db")) as store, store:
        for statement in statements:
            store.execute(statement)


def at_a_terminal(project: Path, answer: str, *arguments: str) -> Ended:
    """Run a command at a terminal of its own, and answer its question."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "digest", *arguments], cwd=project, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "COLUMNS": "200"},
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:  # Linux says so when the last one has hung up
            pass
        code = process.wait(60)
    os.close(ours)
    return Ended(code, said.decode().replace("\r\n", "\n"), "")


# backup


def test_backup_says_what_it_made_and_last_what_is_not_in_it(ready: Path, digest: Run) -> None:
    made = digest("db", "backup", "b.zip")

    assert (made.code, made.err) == (0, "")
    first, last = made.out.splitlines()
    assert first.startswith("b.zip: ")
    assert first.endswith(" kB, 2 articles, 3 subscribers, 0 editions; read through, it is whole")
    assert last == (
        "not in it: .env with DIGEST_SECRET_KEY (--with-secrets takes it in; "
        "without it links in letters already sent stop working)"
    )
    assert digest("db", "backup", "c.zip", "--with-secrets").out.splitlines()[-1] == (
        "not in it: nothing, all of the project is"
    )


def test_backup_as_json(ready: Path, digest: Run) -> None:
    (ready / "subscribers").mkdir(exist_ok=True)
    (ready / "subscribers" / "x.csv").symlink_to("/etc/hostname")
    made = digest("db", "backup", "b.zip", "--json")

    assert list(made.json) == [
        "schema", "file", "size", "made_at", "installation", "rows", "members", "left_out", "not_in_it",
    ]  # fmt: skip
    assert made.json["size"] == (ready / "b.zip").stat().st_size
    assert made.json["members"] == ["digest.db", "digest.toml"]
    assert made.json["left_out"] == [{"name": "subscribers/x.csv", "reason": "a link that leads out of the project"}]
    assert made.err == "left out: subscribers/x.csv (a link that leads out of the project)\n"


def test_backup_is_refused_in_one_line(ready: Path, digest: Run) -> None:
    assert digest("db", "backup", "b.zip").code == 0
    again = digest("db", "backup", "b.zip", "--json")

    assert (again.code, len(again.err.splitlines())) == (1, 1)
    assert "--overwrite" in again.json["error"]
    assert digest("db", "backup", "b.zip", "--overwrite").code == 0
    assert digest("db", "backup", "digest.db", "--overwrite").code == 1


# restore


def test_project_that_was_lost_comes_back_and_sends_once_it_is_adopted(
    ready: Path, digest: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest("send", "--date", "2025-11-30")
    digest("db", "backup", tmp_path / "b.zip", "--with-secrets")
    before = digest("subscribers", "list", "--json").json
    shutil.rmtree(ready)
    monkeypatch.chdir(tmp_path)

    restored = digest("db", "restore", "b.zip", "new")

    assert (restored.code, restored.err) == (0, "")
    assert restored.out.splitlines()[0].startswith(
        f"restored to {tmp_path / 'new'}: 2 articles, 3 subscribers, 1 edition"
    )
    assert restored.out.splitlines()[-1] == "nothing is sent from here until: digest db adopt"
    monkeypatch.chdir(tmp_path / "new")
    assert digest("subscribers", "list", "--json").json == before
    assert [need["do"] for need in digest("status", "--json").json["needs"]] == ["digest db adopt"]
    assert digest("db", "adopt", "--yes").code == 0
    assert digest("status", "--json").json["needs"] == []


def test_restore_without_the_key_names_the_one_it_wants(ready: Path, digest: Run, tmp_path: Path) -> None:
    digest("db", "backup", "b.zip")
    ((key,),) = query(ready / "digest.db", "SELECT key FROM installation")
    restored = digest("db", "restore", "b.zip", "--project", tmp_path / "new")

    assert restored.out.splitlines()[1].startswith(
        f"its secret key is not here: put DIGEST_SECRET_KEY with the fingerprint {key} into .env; "
    )
    as_json = digest("db", "restore", "b.zip", tmp_path / "other", "--json").json
    assert (as_json["key"], as_json["has_key"], as_json["adopted"], as_json["aside"]) == (key, False, False, [])


def test_restore_over_a_project_is_refused_and_with_replace_keeps_what_was_there(ready: Path, digest: Run) -> None:
    digest("db", "backup", "b.zip")
    refused = digest("db", "restore", "b.zip")
    assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
    assert "move it aside with --replace; nothing was changed" in refused.err

    done = digest("db", "restore", "b.zip", "--replace")
    assert done.code == 0
    (aside,) = ready.glob("before-restore-*")
    assert done.out.splitlines()[1] == f"what was there is in {aside}"
    assert (aside / "digest.db").exists()


def test_restore_of_something_else_is_one_line(project: Path, digest: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile("b.zip", "w") as archive:
        archive.writestr("a", "b")
    refused = digest("db", "restore", "b.zip", tmp_path / "new", "--json")

    assert (refused.code, list(refused.json), len(refused.err.splitlines())) == (1, ["schema", "error"], 1)
    assert not (tmp_path / "new").exists()


# check


def test_check_of_a_sound_store(ready: Path, digest: Run) -> None:
    assert digest("db", "check").out == "digest.db is whole, and what it says adds up\n"
    assert digest("db", "check", "--json").json == {
        "schema": 1, "store": str(ready / "digest.db"), "verdict": "sound", "findings": [],
    }  # fmt: skip


def test_check_names_what_is_wrong_and_what_to_do(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-30")
    change(ready, "UPDATE edition SET audience = 7")
    checked = digest("db", "check")

    assert checked.code == 1
    assert checked.out.startswith(
        "wrong: audience: nyheter/2025-11-30: its letters and its audience differ by 4; do: digest db restore BACKUP"
    )
    as_json = digest("db", "check", "--json")
    assert (as_json.code, as_json.json["verdict"]) == (1, "wrong")
    assert list(as_json.json["findings"][0]) == ["rule", "level", "message", "do"]


def test_check_of_notes_alone_is_no_failure(ready: Path, digest: Run) -> None:
    change(ready, "DELETE FROM placement WHERE article_id = 1")
    checked = digest("db", "check")

    assert checked.code == 0
    assert checked.out.splitlines() == [
        "note: unplaced: 1 article placed nowhere; do: digest editions audit",
        "digest.db is whole, and what it says adds up",
    ]


def test_check_needs_no_key_and_finds_a_store_that_no_command_opens(ready: Path, digest: Run) -> None:
    (ready / ".env").write_text("")
    assert digest("db", "check").code == 0

    (ready / "digest.db").write_bytes(b"torn" * 5000)
    checked = digest("db", "check")
    assert (checked.code, len(checked.out.splitlines())) == (1, 1)
    assert "do: digest db restore BACKUP --replace" in checked.out


# adopt


def moved_away(project: Path) -> None:
    """Make the store believe that it was copied here."""
    here = '{"inode": 1, "path": "/elsewhere/digest.db", "machine": "", "generation": "", "earlier": ""}'
    change(project, f"UPDATE installation SET home = '{here}'")


def test_off_a_terminal_an_adoption_needs_yes(ready: Path, digest: Run) -> None:
    moved_away(ready)
    refused = digest("db", "adopt")

    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "digest: nobody is here to be asked whether the other copy still sends; write: digest db adopt --yes\n"
    )
    adopted = digest("db", "adopt", "--yes")
    assert (adopted.code, adopted.out) == (0, "")
    assert adopted.err.splitlines() == [
        "digest.db is not at home here: it was at work as /elsewhere/digest.db.",
        "Whatever the other one has sent is not known here, and would be sent again: digest articles list, "
        "then digest articles drop what readers have had.",
    ]
    assert digest("db", "adopt", "--yes", "-v").err == (
        f"digest.db is at home here now, and sends from {ready / 'digest.db'}\n"
    )


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_at_a_terminal_a_person_is_asked(ready: Path, digest: Run, answer: str, code: int) -> None:
    moved_away(ready)
    asked = at_a_terminal(ready, answer, "db", "adopt")

    assert asked.code == code
    assert "it was at work as /elsewhere/digest.db" in asked.out
    assert "must not send any more" in asked.out
    assert ("nothing was changed" in asked.out) is (code == 1)
    ((where,),) = query(ready / "digest.db", "SELECT json_extract(home, '$.path') FROM installation")
    assert where == (str(ready / "digest.db") if code == 0 else "/elsewhere/digest.db")


def test_adoption_names_the_editions_that_go_on_from_here(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-30")
    change(ready, "UPDATE edition SET state = 'sending', rehearsal = 0", "UPDATE delivery SET state = 1")
    moved_away(ready)
    said = digest("db", "adopt", "--yes").err

    assert said.splitlines()[1].startswith(
        "Whatever the other one has sent after nyheter/2025-11-30 is not known here, and "
    )
    assert said.splitlines()[2] == (
        "nyheter/2025-11-30 is open, and the next send goes on with 3 letters: whoever was mailed since the copy was "
        "taken gets it again, unless you: digest editions cancel nyheter/2025-11-30"
    )


def test_adoption_waits_for_nobody(ready: Path, digest: Run) -> None:
    moved_away(ready)
    with hold(ready / "digest.db-send.lock"):
        assert digest("db", "adopt", "--yes").code == 5
    assert digest("status", "--json").json["needs"] != []


# upgrade


def test_upgrade_says_from_which_version_to_which(project: Path, digest: Run) -> None:
    assert digest("db", "upgrade").err == ""
    assert digest("db", "upgrade", "-v").err == "digest.db has the newest version, 0005\n"

    (project / "digest.db").unlink()
    migrate(project / "digest.db", to="0001")
    change(
        project,
        "INSERT INTO installation (id, uid, pepper, created_at) VALUES (1, 'ab', 'cd', '2025-11-30 12:00:00.000000')",
    )
    assert digest("db", "upgrade", "--verbose").err == (
        "digest.db: version 0001 is 0005 now; a copy from before stands beside it\n"
    )
    assert query(project / "digest.db", "SELECT version_num FROM alembic_version") == [("0005",)]
    assert (project / "digest.db.before-0005-from-0001").exists()


def test_cron_s_backup_is_quiet_on_stderr(ready: Path) -> None:
    made = in_process_of_its_own(ready, "db", "backup", "b.zip")

    assert (made.code, made.err, len(made.out.splitlines())) == (0, "", 2)
