"""A project in a folder of its own, and the command line that works on it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digest.cli.app import run
from digest.demo.smtpd import RecordingServer
from tests.commands import ARTICLES, Ended
from tests.serving import serving

TOML = """\
editors = ["red@example.com"]

[newsletters.nyheter]
title = "Nyheter"
from = "Nyheter <nytt@example.com>"
postal_address = "Box 1, Stockholm"
lists = ["industri"]
language = "sv"
timezone = "Europe/Stockholm"

[lists.industri]
title = "Industri"

[sources.press]
folder = "articles"
"""
READERS = (
    "e-post;namn;språk\nanna@example.com;Anna Åkesson;sv\nbo@example.com;Bo Ek;\nliam@example.com;Liam O'Connor;en\n"
)

Run = Callable[..., Ended]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project, made once: making a store takes a while."""
    folder = tmp_path_factory.mktemp("made") / "project"
    assert run(["init", str(folder)]) == 0
    (folder / "digest.toml").write_text(TOML, encoding="utf-8")
    return folder


@pytest.fixture
def project(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without articles or readers, as the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(made_once, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def digest(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: ``digest("send", "--json")``."""

    def call(*arguments: object) -> Ended:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call


@pytest.fixture
def ready(project: Path, digest: Run) -> Path:
    """A project with two articles of the last days of November 2025 and three confirmed readers."""
    (project / "articles.json").write_text(json.dumps(ARTICLES), encoding="utf-8")
    (project / "readers.csv").write_text(READERS, encoding="utf-8")
    assert digest("articles", "import", "articles.json").code == 0
    assert digest("subscribers", "import", "readers.csv", "--list", "industri", "--confirmed").code == 0
    return project


@pytest.fixture
def one_connection(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ready project that uses one connection, so that readers come in their order; the test says to which relay."""
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    """A relay that takes everything, and that is used."""
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        yield server


def in_process_of_its_own(project: Path, *arguments: str, **environment: str) -> Ended:
    """Run a command as cron does, where it may be killed."""
    ended = subprocess.run(
        [sys.executable, "-m", "digest", *arguments],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
