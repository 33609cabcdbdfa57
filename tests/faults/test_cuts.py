"""F33: the power goes, and the log of the store ends where it was synced; whoever was given the dot is marked."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import ready
from tests.faults.cutting import PAGE, Recorded, broken, places, record

CUTS = int(os.environ.get("FAULTS_CUTS", "60"))
CONNECTIONS = 8
GO_ON = 3 if CUTS <= 100 else 20
PARTS = 1 + CUTS // 250  #: a test of its own each, since one that takes two minutes is ended
READERS = 25 if CUTS <= 100 else 400  #: a log with that many boundaries


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A whole send, with all that it has written to the log."""
    folder = tmp_path_factory.mktemp("recorded")
    return record(ready.make(folder / "project", READERS), folder, CONNECTIONS)


@pytest.mark.parametrize("part", range(PARTS))
def test_store_whose_log_is_cut_anywhere_loses_nobody_and_names_its_doubts(
    recorded: Recorded, tmp_path: Path, part: int
) -> None:
    cuts = places(recorded, CUTS)[part::PARTS]

    # Going on opens the store with all that we have, at ten times the price of a look by SQLite: now and then.
    found = [words for n, at in enumerate(cuts) for words in broken(recorded, at, tmp_path, go_on=not n % GO_ON)]

    assert found == []


def test_what_does_not_hold_would_be_found(recorded: Recorded, tmp_path: Path) -> None:
    early = replace(recorded, dots=tuple((size - 10 * PAGE, whom) for size, whom in recorded.dots))
    alone = replace(recorded, connections=0)
    cuts = places(recorded, 15)

    found = [words for at in cuts for words in broken(early, at, tmp_path)]
    found += [words for at in cuts for words in broken(alone, at, tmp_path, go_on=False)]

    assert any("was given the dot and is" in words for words in found)
    assert any("was given the dot and would be mailed again, unnamed" in words for words in found)
    assert any("in doubt, of 0 connections" in words for words in found)
    assert len(recorded.dots) == recorded.readers, "each dot was noted"
