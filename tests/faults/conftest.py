"""Projects of the suite, made once in each process."""

from pathlib import Path

import pytest

from tests.faults import ready


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 25 readers, to be copied."""
    return ready.make(tmp_path_factory.mktemp("few") / "project", 25)


@pytest.fixture(scope="session")
def frozen(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its edition frozen and nobody mailed: a third of a send is done."""
    return ready.freeze(few, tmp_path_factory.mktemp("frozen") / "project")
