"""``digest config show`` and what a project's settings may say; secrets are seen by nobody."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOML, Run
from tests.commands import Ended

CANARY = "kanariefågel"
#: Ways to write a password that a person might choose, some of them wrong.
RELAYS = [
    f"smtp+plain://editor:{CANARY}@127.0.0.1:1",
    f"smtp+plain://editor:a/{CANARY}@127.0.0.1:1",
    f"smtp+plain://editor:a@{CANARY}@127.0.0.1:1",
    f"smtp+plain://editor:a?{CANARY}#{CANARY}@127.0.0.1:1",
    f"smtp+plain://editor:a {CANARY}@127.0.0.1:1",
    f"smtp+plain://127.0.0.1:1 smtp+plain://editor:{CANARY}@127.0.0.1:2",
    f"smtpx://editor:{CANARY}@127.0.0.1:1",
    f"editor:{CANARY}@127.0.0.1:1",
]


def settings(ended: Ended) -> dict[str, tuple[str, str]]:
    assert ended.code == 0
    rows: list[dict[str, Any]] = ended.json["settings"]
    return {row["name"]: (row["value"], row["source"]) for row in rows}


def test_every_setting_says_its_value_and_where_it_came_from(
    project: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "digest.toml").write_text('relay_rate = "7/s"\nbase_url = "https://toml.example.com"\n' + TOML)
    with (project / ".env").open("a") as file:
        file.write("DIGEST_RELAY_CONNECTIONS=3\nDIGEST_BASE_URL=https://env.example.com\nDIGEST_DRAIN=\n")
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "4")
    monkeypatch.setenv("DIGEST_BASE_URL", "")  # an empty variable counts as not set
    shown = settings(digest("config", "show", "--json"))

    assert shown["DIGEST_RELAY_CONNECTIONS"] == ("4", "environment")
    assert shown["DIGEST_BASE_URL"] == ("https://env.example.com", ".env")
    assert shown["DIGEST_RELAY_RATE"] == ("7/s", "digest.toml")
    assert shown["DIGEST_DRAIN"] == ("1m", "default")
    assert shown["DIGEST_SECRET_KEY"] == ("***", ".env")
    assert shown["newsletters.nyheter.from"] == ("Nyheter <nytt@example.com>", "digest.toml")
    assert shown["newsletters.nyheter.max_articles"] == ("60", "default")
    assert shown["sources.press.folder"] == ("articles", "digest.toml")


def test_people_and_other_programs_read_the_same(project: Path, digest: Run) -> None:
    for_people, as_json = digest("config", "show"), digest("config", "show", "--json")

    rows = [line.split("\t") for line in for_people.out.splitlines()]
    assert rows[0] == ["setting", "value", "from"]
    assert {name: (value, source) for name, value, source in rows[1:]} == settings(as_json)
    assert list(as_json.json) == ["schema", "project", "settings"]
    assert as_json.json["project"] == str(project)


def test_a_secret_may_come_from_a_file(project: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "relay").write_text("smtp://editor:secret@mail.example.com\n")
    monkeypatch.setenv("DIGEST_RELAY_URL_FILE", "relay")
    shown = settings(digest("config", "show", "--json"))

    assert shown["DIGEST_RELAY_URL"] == ("smtp://***@mail.example.com", "secret file")


def test_a_secret_file_that_is_not_there_is_one_line(
    project: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_SECRET_KEY_FILE", "nowhere")
    refused = digest("config", "show")

    assert refused.code == 4
    assert refused.err.startswith("digest: DIGEST_SECRET_KEY_FILE: nowhere cannot be read")


@pytest.mark.parametrize("relay", RELAYS)
def test_a_password_is_never_printed(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, relay: str) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", relay)
    commands = (("config", "show"), ("config", "show", "--json"), ("check",), ("send", "--wait", "0", "-v"))
    for command in commands:
        for debug in ((), ("--debug",)):
            ended = digest(*debug, *command)
            assert CANARY not in ended.out + ended.err, command


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIGEST_SECRET_KEY", CANARY * 4),
        ("DIGEST_SECRET_KEY", CANARY),  # of another store, or too short
        ("DIGEST_DATABASE_URL", f"postgresql://user:{CANARY}@127.0.0.1/db"),
        ("DIGEST_DATABASE_URL", f"postgresql://user:a@127.0.0.1:{CANARY}@127.0.0.1/db"),
        ("DIGEST_RELAY_CONNECTIONS", CANARY),
    ],
)
def test_a_secret_is_never_printed_wherever_it_was_put(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    for command in (("config", "show"), ("articles", "list"), ("check",), ("init",)):
        ended = digest("--debug", *command)
        assert CANARY not in ended.out + ended.err, command


def test_a_broken_line_of_env_is_named_by_its_number_and_not_repeated(project: Path, digest: Run) -> None:
    (project / ".env").write_text(f'# mine\n\nDIGEST_RELAY_URL="smtp://editor:{CANARY}@mail.example.com\n')
    refused = digest("--debug", "send")

    assert refused.code == 4
    assert refused.err.splitlines()[-1].startswith(f"digest: {project / '.env'}, line 3 cannot be read")
    assert CANARY not in refused.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('\n[newsletters.nyheter.x]\ny = "z"', "unknown key newsletters.nyheter.x"),
        ('\n[lists.annat]\nconcent = "blankett"', "unknown key lists.annat.concent; did you mean 'consent'?"),
        ('\n[sources.press2]\nfoldr = "a"', "unknown key sources.press2.foldr; did you mean 'folder'?"),
        ('\n[newsletter.nytt]\ntitle = "x"', "unknown key newsletter; did you mean 'newsletters'?"),
        ('\n[sources.press2]\nfolder = "a"\nnewsletters = ["nyhter"]', "did you mean 'nyheter'?"),
        ('\n[newsletters.Nytt]\ntitle = "x"', "[newsletters.Nytt]: a name is small letters"),
        ("\n[newsletters.nyheter", "is not TOML"),
    ],
)
def test_a_slip_in_digest_toml_is_named_with_what_was_meant(
    project: Path, digest: Run, change: str, words: str
) -> None:
    (project / "digest.toml").write_text(TOML + change)
    refused = digest("config", "show", "--json")

    assert refused.code == 4
    assert words in refused.json["error"]
    assert str(project / "digest.toml") in refused.json["error"]


def test_a_slip_in_env_is_named_with_what_was_meant(project: Path, digest: Run) -> None:
    with (project / ".env").open("a") as file:
        file.write("DIGEST_RELAY_ULR=smtp://mail.example.com\n")
    refused = digest("config", "show")

    assert refused.code == 4
    assert "unknown setting DIGEST_RELAY_ULR; did you mean DIGEST_RELAY_URL?" in refused.err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DIGEST_RELAY_CONNECTIONS", "0", "greater than or equal to 1"),
        ("DIGEST_DRAIN", "soon", "is not a duration"),
        ("DIGEST_BASE_URL", "nytt.example.com", "is not an address of the web"),
        ("DIGEST_RELAY_RATE", "fast", "is not a rate"),
        ("DIGEST_BOUNCE_ADDRESS", "nobody", "holds no address"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_source(
    project: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    refused = digest("config", "show")

    assert refused.code == 4
    assert f"{name} (environment): " in refused.err
    assert words in refused.err
