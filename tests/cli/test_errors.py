"""Whatever goes wrong is one line that says what to do, one exit code, and with --json one object."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, in_process_of_its_own
from tests.serving import serving

#: Every command that opens the store, with arguments that it takes.
ON_STORE = [
    ("collect",),
    ("sources", "list"),
    ("sources", "add", "http://127.0.0.1:1/rss"),
    ("sources", "test", "press"),
    ("sources", "pause", "press"),
    ("sources", "resume", "press"),
    ("articles", "import", "a.json"),
    ("articles", "add", "--title", "x"),
    ("articles", "edit", "1"),
    ("articles", "list"),
    ("articles", "show", "1"),
    ("articles", "export"),
    ("articles", "pin", "1"),
    ("articles", "shelve", "1"),
    ("articles", "release", "1"),
    ("articles", "drop", "1"),
    ("subscribers", "import", "a.csv", "--list", "industri"),
    ("subscribers", "add", "anna@example.com", "--list", "industri"),
    ("subscribers", "remove", "anna@example.com"),
    ("subscribers", "list"),
    ("subscribers", "show", "anna@example.com"),
    ("preview",),
    ("check",),
    ("send",),
    ("editions", "list"),
    ("editions", "show", "2025-11-30"),
    ("editions", "audit"),
    ("editions", "pause", "2025-11-30"),
    ("editions", "resume", "2025-11-30"),
    ("editions", "cancel", "2025-11-30"),
    ("editions", "reopen", "2025-11-30"),
    ("editions", "retry", "2025-11-30"),
    ("editions", "resend", "2025-11-30", "--to", "anna@example.com"),
    ("editions", "revise", "2025-11-30"),
    ("editions", "doubts"),
    ("subscribers", "sync"),
    ("subscribers", "export"),
    ("subscribers", "suppress", "bo@example.com", "--reason", "x"),
    ("subscribers", "unsuppress", "bo@example.com", "--reason", "x"),
    ("subscribers", "erase", "liam@example.com", "--yes"),
    ("schedule", "show"),
    ("status",),
    ("db", "backup", "b.zip"),
    ("db", "check"),
    ("db", "adopt", "--yes"),
    ("db", "upgrade"),
]
#: Every command, with the word of its help by which one knows it.
EVERY = {
    ("init",): "Make a project folder",
    ("demo",): "Do the whole job on the sample",
    ("config", "show"): "Print every setting",
    ("collect",): "Take in what the sources have",
    ("sources", "list"): "List sources with their health",
    ("sources", "add"): "Look at an address",
    ("sources", "test"): "Fetch a source",
    ("sources", "pause"): "Leave a source out",
    ("sources", "resume"): "Collect a source again",
    ("articles", "import"): "Import articles from a file",
    ("articles", "add"): "Write an article by hand",
    ("articles", "edit"): "Change what an article says",
    ("articles", "list"): "List articles",
    ("articles", "show"): "Show all of one article",
    ("articles", "export"): "Print every article",
    ("articles", "pin"): "Make an article the lead story",
    ("articles", "shelve"): "Keep articles back",
    ("articles", "release"): "Let articles go into the next edition",
    ("articles", "drop"): "Take articles out for good",
    ("subscribers", "import"): "Bring the people of a file to a list",
    ("subscribers", "add"): "Add one person to a list",
    ("subscribers", "remove"): "Take one person off a list",
    ("subscribers", "list"): "List subscribers",
    ("subscribers", "show"): "Show one subscriber",
    ("preview",): "Write the edition as it would go out now",
    ("check",): "Preflight on its own",
    ("send",): "Build the edition",
    ("editions", "list"): "List editions",
    ("editions", "show"): "Show one edition",
    ("editions", "audit"): "Account for every article",
    ("editions", "pause"): "Stop an edition",
    ("editions", "resume"): "Let a paused edition go on",
    ("editions", "cancel"): "Cancel what is still to go out",
    ("editions", "reopen"): "Take a frozen edition back to a draft",
    ("editions", "retry"): "Make mail due at once",
    ("editions", "resend"): "Send one reader their copy once more",
    ("editions", "revise"): "Make a paused edition's letters anew",
    ("editions", "doubts"): "Name the readers of whom nobody knows",
    ("subscribers", "sync"): "Bring lists into agreement",
    ("subscribers", "export"): "Print subscribers as a CSV",
    ("subscribers", "suppress"): "Stop all letters to an address",
    ("subscribers", "unsuppress"): "Lift the stop on an address",
    ("subscribers", "erase"): "Forget a person",
    ("serve",): "Answer readers",
    ("status",): "Show what runs, the last ten editions",
    ("db", "backup"): "Write the project into one file",
    ("db", "restore"): "Bring a project back from a backup",
    ("db", "check"): "Read the store through",
    ("db", "adopt"): "Let a store that was copied, moved or restored send",
    ("db", "upgrade"): "Bring the store up to this program",
    ("designs", "list"): "List the designs",
    ("designs", "copy"): "Copy a design into templates/NAME",
    ("schedule", "show"): "Show what became of the last date",
    ("schedule", "print"): "Print what makes this machine run what is due",
    ("schedule", "run"): "Send what is due, every minute",
}
CANARY = "kanariefågel"


def name(command: tuple[str, ...]) -> str:
    return " ".join(command)


def takes_json(command: tuple[str, ...]) -> bool:
    if command[0] == "editions":
        return True
    if command[0] in ("articles", "subscribers", "schedule"):
        return command[1] in ("list", "show", "audit", "import", "sync", "erase")
    if command[0] == "sources":
        return command[1] in ("list", "add", "test")
    if command[0] == "db":
        return command[1] in ("backup", "restore", "check")
    return True


def remake(folder: Path, content: bytes) -> None:
    """Put other bytes in the place of the store."""
    for file in folder.glob("digest.db*"):
        file.unlink()
    (folder / "digest.db").write_bytes(content)


@pytest.mark.parametrize("command", ON_STORE, ids=name)
def test_a_missing_store_is_refused_by_every_command(project: Path, digest: Run, command: tuple[str, ...]) -> None:
    (project / "digest.db").unlink()
    json_too = ("--json",) if takes_json(command) else ()
    refused = digest(*command, *json_too)

    assert refused.code == 4
    assert refused.err == (
        f"digest: no store at {project / 'digest.db'}; make it with: digest init (or correct DIGEST_DATABASE_URL)\n"
    )
    assert not (project / "digest.db").exists()
    if json_too:
        assert list(refused.json) == ["schema", "error"]


@pytest.mark.parametrize(
    "command", [*ON_STORE, ("config", "show"), ("designs", "list"), ("designs", "copy", "plain", "mine")], ids=name
)
def test_outside_a_project_every_command_is_refused(tmp_path: Path, digest: Run, command: tuple[str, ...]) -> None:
    refused = digest(*command)

    assert refused.code == 4
    assert refused.err.startswith(f"digest: no digest.toml in {tmp_path} or above it; ")
    assert len(refused.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_every_command_is_among_those_tested_here(digest: Run) -> None:
    groups = [(), *{(command[0],) for command in EVERY if len(command) == 2}]
    found = set()
    for group in groups:
        lines = digest(*group, "--help").out.partition("Commands")[2].splitlines()
        names = [line.split()[1] for line in lines if line.startswith("│ ") and line[2] != " "]
        found |= {(*group, one) for one in names if (one,) not in groups}

    assert found == set(EVERY)
    assert {command[: 2 if command[:2] in EVERY else 1] for command in ON_STORE} == set(EVERY) - {
        ("init",), ("demo",), ("config", "show"), ("schedule", "print"), ("schedule", "run"),
        ("db", "restore"), ("serve",), ("designs", "list"), ("designs", "copy"),
    }  # fmt: skip


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_every_command_says_what_it_does(digest: Run, command: tuple[str, ...]) -> None:
    helped = digest(*command, "--help")

    assert (helped.code, helped.err) == (0, "")
    assert EVERY[command] in " ".join(helped.out.split())


def test_a_password_is_never_printed_by_any_command(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", f"smtp+plain://editor:{CANARY}@127.0.0.1:1")
    for command in (*ON_STORE, ("config", "show"), ("init",)):
        ended = digest("--debug", *command, *(("--wait", "0", "-v") if command == ("send",) else ()))
        assert CANARY not in ended.out + ended.err, command


def test_a_login_that_fails_does_not_repeat_the_password(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:  # which offers no AUTH
        host = server.url.partition("://")[2]
        monkeypatch.setenv("DIGEST_RELAY_URL", f"smtp+plain://editor:{CANARY}@{host}")
        sent = digest("--debug", "send", "--date", "2025-11-30", "--wait", "0", "--json")

    assert sent.code == 4
    assert (sent.json["sent"], sent.json["pending"]) == (0, 3)
    assert "check user and password" in sent.err
    assert CANARY not in sent.out + sent.err


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is not a store of digest"), (b"This is no database at all. " * 100, "is not a store or is damaged")],
)
def test_a_file_that_is_no_store_is_refused(project: Path, digest: Run, content: bytes, words: str) -> None:
    remake(project, content)
    for command in (("articles", "list"), ("send",)):
        refused = digest(*command, "--json")
        assert refused.code == 4
        assert words in refused.json["error"]
        assert len(refused.err.splitlines()) == 1


def test_a_torn_store_is_refused_in_one_line(ready: Path, digest: Run) -> None:
    whole = (ready / "digest.db").read_bytes()
    remake(ready, whole[: len(whole) // 2 // 4096 * 4096])
    for command in (("articles", "list"), ("subscribers", "list"), ("send",), ("editions", "audit")):
        refused = digest(*command)
        assert refused.code == 4
        assert "is damaged" in refused.err
        assert len(refused.err.splitlines()) == 1


def test_a_store_of_a_newer_program_is_refused_and_left_alone(ready: Path, digest: Run) -> None:
    with sqlite3.connect(ready / "digest.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (("articles", "list"), ("send",), ("subscribers", "add", "eva@example.com", "--list", "industri")):
        refused = digest(*command)
        assert refused.code == 4
        assert "has version 9999, this program knows up to" in refused.err
        assert len(refused.err.splitlines()) == 1
    with sqlite3.connect(ready / "digest.db") as store:
        assert store.execute("SELECT count(*) FROM subscriber").fetchone() == (3,)


def test_a_lost_key_or_another_one_is_refused(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    own = (ready / ".env").read_text().partition("DIGEST_SECRET_KEY=")[2].split()[0]
    (ready / ".env").write_text("")
    assert digest("send").code == 4
    monkeypatch.setenv("DIGEST_SECRET_KEY", "n" * 43)
    refused = digest("articles", "list")
    assert refused.code == 4
    assert "put that key back, behind a new one if you like" in refused.err
    monkeypatch.setenv("DIGEST_SECRET_KEY", f"{'n' * 43} {own}")
    assert digest("articles", "list").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nosuch",), "No such command 'nosuch'; see: digest --help"),
        (("articles", "nosuch"), "No such command 'nosuch'; see: digest articles --help"),
        (("send", "--nosuch"), "No such option: --nosuch; see: digest send --help"),
        (("articles", "show"), "Missing argument 'ID'; see: digest articles show --help"),
        (("articles", "show", "x"), "Invalid value for 'ID'"),
        (("articles", "list", "--limit", "0"), "greater than or equal to 1"),
        (("send", "--date", "30/11"), "'30/11' is not a date; write 2025-11-30"),
        (("send", "--wait", "soon"), "'soon' is not a duration"),
        (("send", "--in-doubt", "perhaps"), "'perhaps' is none of resend, keep, skip"),
        (("subscribers", "import", "a.csv"), "Missing option '--list'"),
    ],
)
def test_a_slip_in_usage_is_one_line(project: Path, digest: Run, arguments: tuple[str, ...], words: str) -> None:
    refused = digest(*arguments)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("digest: ")
    assert words in refused.err
    assert len(refused.err.splitlines()) == 1


def test_without_arguments_the_help_is_shown(digest: Run) -> None:
    for arguments in ((), ("articles",), ("editions",)):
        shown = digest(*arguments)
        assert shown.code == 2
        assert "Usage: digest" in shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("articles", "list", "--nosuch"), 2),
        (("articles", "show", "7"), 1),
        (("send", "nyhter"), 4),
        (("check", "nyhter"), 4),
        (("subscribers", "show", "eva@example.com"), 1),
        (("editions", "show", "2025-11-30"), 1),
    ],
)
def test_with_json_an_error_is_an_object_too(project: Path, digest: Run, arguments: tuple[str, ...], code: int) -> None:
    refused = digest(*arguments, "--json")

    assert refused.code == code
    assert list(refused.json) == ["schema", "error"]
    assert refused.err == f"digest: {refused.json['error']}\n"


def test_an_error_is_one_line_and_debug_adds_where_it_comes_from(project: Path, digest: Run) -> None:
    plain, debugged = digest("articles", "show", 7), digest("--debug", "articles", "show", 7)

    assert len(plain.err.splitlines()) == 1
    assert "Traceback" in debugged.err
    assert debugged.err.splitlines()[-1] == plain.err.rstrip("\n")
    assert digest("articles", "show", 7).err == plain.err  # one run's --debug is not the next one's


def test_a_fault_of_ours_is_one_line_too(project: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("line one\nline two")

    monkeypatch.setattr("digest.collect.desk.list_articles", broken)
    failed = digest("articles", "list")

    assert failed.code == 1
    assert failed.err == "digest: RuntimeError: line one line two (this is a fault in digest; --debug shows where)\n"


@pytest.mark.parametrize("arguments", [("articles", "export"), ("articles", "list", "--json"), ("--help",)])
def test_a_reader_who_goes_is_no_trouble(ready: Path, arguments: tuple[str, ...]) -> None:
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "digest", *arguments],
        cwd=ready, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # as `head` does when it has seen enough
    said = process.stderr.read()
    process.stderr.close()

    assert process.wait(60) in (0, 1)
    assert said == b""


def test_head_of_a_long_list_is_quiet(ready: Path, digest: Run) -> None:
    rows = [{"title": f"Artikel {number}", "lead": "x" * 200} for number in range(1000)]
    (ready / "many.json").write_text(json.dumps(rows))
    digest("articles", "import", "many.json")
    command = f"{sys.executable} -m digest articles list | head -1"
    ended = subprocess.run(command, shell=True, cwd=ready, capture_output=True, check=False, timeout=60)

    assert (ended.stdout, ended.stderr) == (b"id\tpublished\ttitle\tplaced\n", b"")


def test_a_project_is_found_from_below_by_option_and_by_environment(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = digest("articles", "list", "--json").json
    (ready / "articles" / "deep").mkdir(parents=True)
    monkeypatch.chdir(ready / "articles" / "deep")
    assert digest("articles", "list", "--json").json == expected

    monkeypatch.chdir(tmp_path)
    assert digest("articles", "list", "--json").code == 4
    assert digest("articles", "list", "--json", "--project", "project").json == expected
    monkeypatch.setenv("DIGEST_PROJECT", str(ready))
    assert digest("articles", "list", "--json").json == expected
    assert digest("send", "--date", "2025-11-30").code == 0
    assert (ready / "outbox").is_dir()
    refused = digest("articles", "list", "--project", "elsewhere")
    assert refused.code == 4
    assert "no digest.toml in elsewhere; correct --project" in refused.err


def test_an_installed_command_has_the_exit_code(project: Path) -> None:
    refused = in_process_of_its_own(project, "articles", "show", "7", "--json")
    version = in_process_of_its_own(project, "--version")

    assert (refused.code, refused.json["error"]) == (1, "no article 7; look with: digest articles list")
    assert (version.code, version.out.split()[0]) == (0, "digest")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command", [("articles", "list"), ("articles", "list", "--json"), ("subscribers", "list", "--json"),
                ("subscribers", "export"), ("preview", "--date", "2025-11-30")], ids=" ".join,
)  # fmt: skip
def test_output_that_cannot_be_written_is_one_line_and_no_fault_of_ours(
    ready: Path, command: tuple[str, ...], unbuffered: str
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "digest", *command],
            cwd=ready,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )

    assert (ended.returncode, ended.stderr) == (
        1,
        "digest: the output cannot be written: No space left on device; make room, or send it elsewhere\n",
    )
