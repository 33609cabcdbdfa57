"""Projects with readers and an article or two, made once and copied: a round of the suite needs a fresh one."""

import datetime as dt
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.commands import ARTICLES
from tests.faults.edition import SEND, TOML
from tests.faults.processes import digest


def make(folder: Path, readers: int, toml: str = TOML) -> Path:
    """Make a project with an edition to send to so many readers."""
    folder.mkdir(parents=True)
    _do(folder, "init", ".")
    (folder / "digest.toml").write_text(toml, encoding="utf-8")
    (folder / "articles.json").write_text(json.dumps(ARTICLES), encoding="utf-8")
    rows = "".join(f"reader{n:06}@{n % 7}.example.com,Läsare {n}\n" for n in range(readers))
    (folder / "readers.csv").write_text(f"email,name\n{rows}", encoding="utf-8")
    _do(folder, "articles", "import", "articles.json")
    _do(folder, "subscribers", "import", "readers.csv", "--list", "industri", "--confirmed")
    return folder


def freeze(made: Path, folder: Path) -> Path:
    """Return a copy of a project whose edition is frozen; nobody was mailed."""
    project = copy(made, folder)
    killed = digest(project, *SEND, DIGEST_CRASH_AT="claim", DIGEST_RELAY_URL="smtp+plain://127.0.0.1:9")
    assert killed.was_killed
    # It has been at work here, where no copy of it will be: let it be at home wherever it next is.
    with closing(sqlite3.connect(project / "digest.db")) as store, store:
        store.execute("UPDATE installation SET home = NULL")
    (project / "digest.db-home").unlink()
    return project


def copy(made: Path, folder: Path) -> Path:
    """Return a copy of a project that has not mailed anybody; it is at home wherever it first does."""
    shutil.copytree(made, folder)
    return folder


def make_due(project: Path) -> None:
    """Let deferred mail be due now: its time is the store's, and waiting minutes is no test."""
    with closing(sqlite3.connect(project / "digest.db", timeout=10)) as store, store:
        store.execute("UPDATE delivery SET next_at = 0 WHERE next_at IS NOT NULL")


def published(title: str, date: dt.date) -> dict[str, str]:
    """Return an article as a file names it."""
    return {"title": title, "url": f"https://nytt.example.com/{title}", "published": date.isoformat()}


def _do(folder: Path, *arguments: str) -> None:
    done = digest(folder, *arguments)
    assert done.code == 0, done.err
