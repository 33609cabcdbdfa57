"""A store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.store import Store, open_store
from tests.store.builders import a_store_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a store that nobody has open."""
    return a_store_file(tmp_path / "digest.db")


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An open store with nothing in it."""
    opened = open_store(path)
    yield opened
    opened.close()
