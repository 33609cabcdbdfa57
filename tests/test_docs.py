"""What the docs say is run, or looked up in the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from digest.cli.app import app
from digest.collect.rows import KEYS
from digest.environment import Environment
from digest.settings import DomainSettings, ListSettings, NewsletterSettings, ProjectFile, SourceSettings
from tests.checkout import ROOT

DOCS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_ten_lines_of_the_readme_lead_from_an_empty_folder_to_a_rehearsed_edition(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert len(block.splitlines()) == 10
    assert ran.returncode == 0, ran.stderr
    assert "1 letter written to outbox/. Nobody was mailed" in ran.stderr
    assert "already rehearsed, nothing left to send" in ran.stderr
    assert ran.stdout.splitlines()[-1].endswith(".eml")


def test_the_two_commands_at_the_top_of_the_readme_are_targets_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.findall(r"^    make (\w+)", readme, re.MULTILINE) == ["demo", "test"]
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_settings_lists_every_variable_with_its_default() -> None:
    said = rows_of("docs/settings.md", "Environment and .env")
    names = {f"DIGEST_{name.upper()}" for name in Environment.model_fields}

    assert set(said) == names
    assert said["DIGEST_DATABASE_URL"] == Environment().database_url.get_secret_value()
    assert said["DIGEST_RELAY_URL"] == Environment().relay_url.get_secret_value()
    assert said["DIGEST_RELAY_CONNECTIONS"] == str(Environment().relay_connections)
    assert said["DIGEST_DRAIN"] == f"{Environment().drain.total_seconds():g}s"


def test_settings_lists_every_key_of_digest_toml() -> None:
    said = set(rows_of("docs/settings.md", "digest.toml"))
    tables = {"sources", "domains", "name"}
    sections = (ProjectFile, NewsletterSettings, ListSettings, SourceSettings, DomainSettings)
    keys = {field.alias or name for section in sections for name, field in section.model_fields.items()}

    assert said == keys - tables


def test_commands_lists_every_command_and_no_other() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    table = text.partition("## What is printed")[0]
    said = {" ".join(found.split()) for found in re.findall(r"`digest ((?:[a-z]+ ?)+)", table)}

    assert said == commands()


def test_commands_says_what_the_json_of_every_command_is() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    heads = [line.partition("{")[0] for line in text.partition("## JSON")[2].splitlines() if not line.startswith(" ")]
    said = {(" ".join(words[:-1]), words[-1]) for words in map(str.split, commands()) if takes_json(words)}
    missing = {
        f"{group} {name}".strip()
        for group, name in said
        if not any(head.startswith(group) and name in re.findall(r"[a-z]+", head) for head in heads)
    }

    assert said
    assert missing == set()


def takes_json(words: list[str]) -> bool:
    command = get_command(app)
    for word in words:
        assert isinstance(command, TyperGroup)
        command = command.commands[word]
    return any("--json" in option.opts for option in command.params)


def test_what_reading_says_of_keys_is_what_files_may_have() -> None:
    said = rows_of("docs/reading.md", "Formats")
    others = {name for cell in said.values() for name in re.findall(r"[^`, ]+", cell)} - {"or"}

    assert set(said) == set(KEYS)
    assert others == {name for names in KEYS.values() for name in names}


def commands() -> set[str]:
    """Return every command's words, as they are typed after ``digest``."""
    found = {command.name or "" for command in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found |= {
            f"{group.name} {command.name or _name(command.callback)}"
            for command in group.typer_instance.registered_commands
        }
    return found


def _name(callback: object) -> str:
    return str(getattr(callback, "__name__", "")).strip("_")


def rows_of(document: str, heading: str) -> dict[str, str]:
    """Return the first two cells of the tables under a heading; a cell of several names makes a row for each."""
    section = (ROOT / document).read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows: dict[str, str] = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            rows |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells[1].strip("`"))
    return rows


@pytest.mark.parametrize("document", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [target for target in targets if not (document.parent / target).exists()] == []
