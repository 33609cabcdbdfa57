import os
import stat
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.operation.setup import Made, set_up
from digest.project import open_project
from digest.store import open_store
from tests.projects import a_project_folder
from tests.store.builders import NOON, query

EVERYTHING = ["digest.toml", "templates", "subscribers", ".gitignore", ".env", "digest.db"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def made_now(made: list[Made]) -> list[str]:
    return [one.path.name for one in made if one.is_new]


def secret_of(folder: Path) -> str:
    with open_project(folder, {}) as project:
        return project.environment.secret_keys[0]


def test_empty_folder_becomes_a_project_that_opens(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "nyheter"

    made = set_up(folder, NOON, {})

    assert made_now(made) == EVERYTHING == [one.path.name for one in made]
    with open_project(folder, {}) as project:
        assert project.newsletter(None).lists == ("readers",)
        assert len(project.environment.secret_keys[0]) >= 43
        assert project.store.installation.created_at == NOON
        assert project.environment.relay_url.get_secret_value() == "maildir:outbox"
    assert list((folder / "templates").iterdir()) == [], "forking a design is a decision"


def test_second_time_makes_and_changes_nothing(tmp_path: Path) -> None:
    set_up(tmp_path, NOON, {})
    with open_project(tmp_path, {}):
        pass
    before = contents(tmp_path)

    made = set_up(tmp_path, NOON, {})

    assert made_now(made) == []
    assert [one.path.name for one in made] == EVERYTHING
    assert contents(tmp_path) == before


@pytest.mark.parametrize("lost", ["digest.toml", "templates", "subscribers", ".gitignore", "digest.db"])
def test_only_what_is_lacking_is_made(tmp_path: Path, lost: str) -> None:
    set_up(tmp_path, NOON, {})
    before = contents(tmp_path)
    path = tmp_path / lost
    path.rmdir() if path.is_dir() else path.unlink()

    assert made_now(set_up(tmp_path, NOON, {})) == [lost]

    after = contents(tmp_path)
    assert {name: after[name] for name in before if name != "digest.db"} == {
        name: before[name] for name in before if name != "digest.db"
    }


def test_what_people_wrote_is_left_alone(tmp_path: Path) -> None:
    mine = {"digest.toml": "[newsletters.a]\ntitle='A'\nfrom='a@b.se'\nlists=['c']\n", ".gitignore": "*\n"}
    (tmp_path / "subscribers").mkdir()
    mine["subscribers/c.csv"] = "e-post\n"
    for name, text in mine.items():
        (tmp_path / name).write_text(text)

    set_up(tmp_path, NOON, {})

    assert {name: (tmp_path / name).read_text() for name in mine} == mine


def test_key_is_fresh_and_in_a_file_that_nobody_else_can_read(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        for name in ("a", "b"):
            set_up(tmp_path / name, NOON, {})
    finally:
        os.umask(umask)

    assert stat.S_IMODE((tmp_path / "a" / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a" / "digest.db").stat().st_mode) == 0o600
    assert secret_of(tmp_path / "a") != secret_of(tmp_path / "b")


def test_key_that_the_environment_has_is_used(tmp_path: Path) -> None:
    environ = {"DIGEST_SECRET_KEY": "k" * 40}

    made = set_up(tmp_path, NOON, environ)

    assert ".env" not in made_now(made)
    assert not (tmp_path / ".env").exists()
    with open_project(tmp_path, environ) as project:
        assert project.environment.secret_keys == ("k" * 40,)


@pytest.mark.parametrize(
    "text",
    [
        "DIGEST_RELAY_URL=smtp://mail.example.com\n",
        "DIGEST_RELAY_URL=smtp://mail.example.com",
        "DIGEST_RELAY_URL=smtp://mail.example.com\r\n",
        "DIGEST_RELAY_URL=smtp://mail.example.com\nDIGEST_SECRET_KEY=\n",
    ],
    ids=["whole", "without an end of line", "of Windows", "with an empty key"],
)
def test_dotenv_without_a_key_gets_one_behind_what_it_says(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    (tmp_path / ".env").chmod(0o644)

    assert ".env" in made_now(set_up(tmp_path, NOON, {}))

    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert (tmp_path / ".env").read_bytes().startswith(text.encode())
    with open_project(tmp_path, {}) as project:
        assert project.environment.relay_url.get_secret_value() == "smtp://mail.example.com"
        assert len(project.environment.secret_keys) == 1
    assert made_now(set_up(tmp_path, NOON, {})) == []


def test_store_that_was_signed_gets_no_fresh_key(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    with open_project(folder, {}) as project:
        signed_with = project.keys.newest.fingerprint
    (folder / ".env").unlink()

    with pytest.raises(ConfigError) as refused:
        set_up(folder, NOON, {})

    assert refused.value.exit_code == 4
    assert str(refused.value) == (
        f"digest.db has been signed with a key that is not here ({signed_with}...); put it into .env as "
        "DIGEST_SECRET_KEY, a fresh one would break the links of letters already sent"
    )
    assert not (folder / ".env").exists()
    assert query(folder / "digest.db", "SELECT key FROM installation") == [(signed_with,)]


def test_store_that_was_never_signed_gets_one(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    (folder / ".env").unlink()

    assert made_now(set_up(folder, NOON, {})) == ["templates", "subscribers", ".gitignore", ".env"]

    assert secret_of(folder)


def test_store_is_made_where_the_settings_say(tmp_path: Path) -> None:
    environ = {"DIGEST_DATABASE_URL": "sqlite:///data/nyheter.db"}

    made = set_up(tmp_path, NOON, environ)

    assert made[-1] == Made(tmp_path / "data" / "nyheter.db", is_new=True)
    open_store(tmp_path / "data" / "nyheter.db").close()


@pytest.mark.parametrize(
    ("name", "words"),
    [("project", "project cannot be made into a project: File exists"), ("digest.toml", "cannot be")],
)
def test_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    folder = tmp_path / "project"
    if name == "project":
        folder.write_text("a file")
    else:
        (folder / name).mkdir(parents=True)

    with pytest.raises(ConfigError) as refused:
        set_up(folder, NOON, {})

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_broken_settings_are_told_and_no_store_is_made(tmp_path: Path) -> None:
    (tmp_path / "digest.toml").write_text("[newsletter.a]\n")

    with pytest.raises(ConfigError, match="unknown key newsletter; did you mean 'newsletters'"):
        set_up(tmp_path, NOON, {})

    assert not (tmp_path / "digest.db").exists()
