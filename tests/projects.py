"""Project folders for tests: digest.toml, a key and a store, in a folder of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digest.project import Project, open_project
from tests.store.builders import a_store_file

KEY = "a-secret-key-of-the-tests-and-nobody-else"
TOML = """\
[newsletters.nyheter]
title = "Nyheter"
from = "Nyheter <nytt@example.com>"
lists = ["industri"]
timezone = "Europe/Stockholm"

[lists.industri]

[sources.press]
folder = "articles"
newsletters = ["nyheter"]
"""
#: Two newsletters more, of which the second has no sources.
MORE_NEWSLETTERS = """
[newsletters.annat]
title = "Annat"
from = "annat@example.com"
lists = ["industri"]

[newsletters.tredje]
title = "Tredje"
from = "tredje@example.com"
lists = ["industri"]
"""


def a_project_folder(folder: Path, toml: str = TOML, key: str = KEY) -> Path:
    """Make a project in a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digest.toml").write_text(toml, encoding="utf-8")
    (folder / ".env").write_text(f"DIGEST_SECRET_KEY={key}\n", encoding="utf-8")
    a_store_file(folder / "digest.db")
    return folder


@contextmanager
def a_project(folder: Path, toml: str = TOML) -> Iterator[Project]:
    """Open a project, made in the folder where there is none, with this digest.toml."""
    if not (folder / "digest.db").exists():
        a_project_folder(folder, toml)
    (folder / "digest.toml").write_text(toml, encoding="utf-8")
    with open_project(folder, {}) as project:
        yield project
