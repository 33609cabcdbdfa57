"""``digest init``: a project made once, completed as often as one likes."""

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PARTS = [".env", ".gitignore", "digest.db", "digest.toml", "subscribers", "templates"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def key_of(folder: Path) -> str:
    lines = (folder / ".env").read_text().splitlines()
    return next(line for line in lines if line.startswith("DIGEST_SECRET_KEY="))


def test_a_fresh_folder_becomes_a_project(tmp_path: Path, digest: Run) -> None:
    made = digest("init")

    assert (made.code, made.out) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == PARTS
    assert len(key_of(tmp_path)) > 50
    assert digest("articles", "list", "--json").json == {"schema": 1, "articles": []}


def test_what_holds_secrets_and_addresses_is_for_nobody_else(tmp_path: Path, digest: Run) -> None:
    digest("init")

    assert [(tmp_path / name).stat().st_mode & 0o777 for name in (".env", "digest.db")] == [0o600, 0o600]
    assert {".env", "digest.db*", "outbox/"} <= set((tmp_path / ".gitignore").read_text().splitlines())


def test_a_folder_to_make_may_be_named(tmp_path: Path, digest: Run) -> None:
    assert digest("init", "a/b").code == 0
    assert digest("init", "--project", "c").code == 0

    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == PARTS
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == PARTS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_a_second_time_touches_nothing(tmp_path: Path, digest: Run) -> None:
    digest("init")
    (tmp_path / "digest.toml").write_text((tmp_path / "digest.toml").read_text() + "# mine\n")
    before = contents(tmp_path)
    again = digest("init")

    assert again.code == 0
    assert "made" not in again.err
    assert contents(tmp_path) == before


def test_what_is_missing_is_made_and_the_rest_left_alone(tmp_path: Path, digest: Run) -> None:
    digest("init")
    (tmp_path / ".gitignore").unlink()
    (tmp_path / "templates").rmdir()
    key = key_of(tmp_path)
    again = digest("init", "-v")

    assert [line for line in again.err.splitlines() if line.startswith("made")] == [
        "made  templates",
        "made  .gitignore",
    ]
    assert key_of(tmp_path) == key


@pytest.mark.parametrize("ending", ["\n", ""])
def test_an_env_without_a_key_gets_one_on_a_line_of_its_own(tmp_path: Path, digest: Run, ending: str) -> None:
    (tmp_path / ".env").write_text(f"DIGEST_RELAY_URL=maildir:post{ending}")
    assert digest("init").code == 0

    first, second = (tmp_path / ".env").read_text().splitlines()
    assert first == "DIGEST_RELAY_URL=maildir:post"
    assert second.startswith("DIGEST_SECRET_KEY=")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_a_key_from_the_environment_is_not_written_down(
    tmp_path: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_SECRET_KEY", "k" * 40)

    assert digest("init").code == 0
    assert not (tmp_path / ".env").exists()
    assert digest("articles", "list").code == 0


def test_a_store_signed_with_a_lost_key_gets_no_fresh_one(project: Path, digest: Run) -> None:
    digest("articles", "list")  # signs the store
    (project / ".env").unlink()
    refused = digest("init")

    assert refused.code == 4
    assert "put it into .env as DIGEST_SECRET_KEY" in refused.err
    assert not (project / ".env").exists()


def test_a_store_that_never_signed_anything_may_have_a_fresh_key(tmp_path: Path, digest: Run) -> None:
    digest("init")
    (tmp_path / ".env").unlink()

    assert digest("init").code == 0
    with sqlite3.connect(tmp_path / "digest.db") as store:
        assert store.execute("SELECT key FROM installation").fetchall() == [(None,)]
    assert key_of(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, digest: Run) -> None:
    (tmp_path / "file").write_text("")

    for place in ("file", "file/project"):
        refused = digest("init", place)
        assert refused.code == 4
        assert refused.err.startswith(f"digest: {place} cannot be made into a project: ")
        assert len(refused.err.splitlines()) == 1
