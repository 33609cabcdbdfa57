"""F45: little memory and few file descriptors."""

import resource
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults import ready
from tests.faults.edition import SEND
from tests.faults.first import with_less
from tests.faults.form import LONG, long
from tests.faults.invariants import invariants
from tests.faults.processes import Command, Manners, relaying
from tests.faults.rounds import a_round, rows


@pytest.mark.parametrize(("connections", "descriptors", "codes"), [long(8, 40, {0}), (100, 24, {0, 1, 3})])
def test_few_file_descriptors_lose_nobody(
    frozen: Path, tmp_path: Path, connections: int, descriptors: int, codes: set[int]
) -> None:
    with a_round(frozen, tmp_path, connections) as one:
        ended = one.send(first=partial(with_less, resource.RLIMIT_NOFILE, descriptors))
        found = one.finish()

    assert ended.code in codes
    assert invariants(found) == []
    assert found.doubled == set()


@LONG
def test_a_hundred_thousand_readers_need_no_more_than_256_megabytes(tmp_path: Path) -> None:
    project = ready.make(tmp_path / "project", 100_000)
    with relaying(tmp_path / "relay", Manners(keeps=False)) as relay:
        command = Command(
            project, *SEND, first=partial(with_less, resource.RLIMIT_AS, 1 << 30),
            DIGEST_RELAY_URL=relay.url, DIGEST_RELAY_CONNECTIONS="8",
        )  # fmt: skip
        most = 0
        while command.is_running():
            most = max(most, _resident(command.pid))
            time.sleep(0.1)
        ended = command.end()

    assert ended.code == 0
    assert rows(project, "SELECT count(*) FROM delivery WHERE state = 3") == [(100_000,)]
    assert most < 256 << 20


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has, none once it has ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * resource.getpagesize()
