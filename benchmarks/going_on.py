"""Going on after kill -9 with a million mails open: from the start of the command to the first claim."""

import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from statistics import median

from benchmarks.commands import DIGEST
from benchmarks.sample import DATE, Sample, import_readers, sample_project
from benchmarks.sinks import sink
from benchmarks.timing import ROUNDS, table

CONNECTIONS = 10
Took = tuple[float, float]  #: seconds, and seconds of a processor: where others work too, only these can be compared
SUBSCRIBERS = """
    WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO subscriber (id, hash, address, name, language, attributes, created_at)
    SELECT i, randomblob(16), 'reader' || i || '@example' || (i % 50) || '.com', 'Åsa Öberg', 'sv', '{}', created_at
    FROM n, (SELECT created_at FROM subscriber LIMIT 1)
"""
SUBSCRIPTIONS = """
    INSERT INTO subscription (list_id, subscriber_id, state, origin, at)
    SELECT list_id, subscriber.id, state, origin, at
    FROM subscriber, (SELECT * FROM subscription LIMIT 1) WHERE subscriber.id > 1
"""


def run(readers: int) -> None:
    """Print how long it takes to go on, and to look at what is in doubt."""
    with sink() as port, sample_project(1, f"smtp+plain://127.0.0.1:{port}?connections={CONNECTIONS}") as sample:
        fill(sample, readers)
        _until(sample, "frozen")
        _until(sample, "marked:5")
        works: dict[str, Callable[[], Took]] = {
            "digest editions doubts": partial(_command, sample, "editions", "doubts"),
            "digest status": partial(_command, sample, "status"),
            "digest send, killed again at its first claim": partial(_until, sample, "claimed"),
            "digest send, killed again at its fifth mark": partial(_until, sample, "marked:5"),
            "digest --help": partial(_command, sample, "--help"),
        }
        took = [{name: work() for name, work in works.items()} for _ in range(ROUNDS)]
        size = (sample.folder / "digest.db").stat().st_size
    rows = [[name, *(f"{median(one[name][n] for one in took):.2f}" for n in (0, 1))] for name in works]
    title = f"Going on after a kill with {readers:,} mails open ({size / 1e6:,.0f} MB), Python's start included"
    table(title, ["", "seconds", "of a processor"], rows)


def fill(sample: Sample, readers: int) -> None:
    """Bring so many readers to the list: by SQL, since an import is another benchmark."""
    import_readers(sample, 1)
    with closing(sqlite3.connect(sample.folder / "digest.db")) as store, store:
        store.execute(SUBSCRIBERS, (readers,))
        store.execute(SUBSCRIPTIONS)


def _until(sample: Sample, point: str) -> Took:
    """Send until a point at which the process is killed; return how long that took."""
    ended, took = _run(sample, ("send", "--date", DATE, "--wait", "0"), DIGEST_CRASH_AT=point)
    if ended.returncode != -signal.SIGKILL:
        raise RuntimeError(f"digest send came past {point}: {ended.stderr}")
    return took


def _command(sample: Sample, *arguments: str) -> Took:
    ended, took = _run(sample, arguments)
    if ended.returncode:
        raise RuntimeError(f"digest {' '.join(arguments)}: {ended.stderr}")
    return took


def _run(
    sample: Sample, arguments: tuple[str, ...], **variables: str
) -> tuple["subprocess.CompletedProcess[str]", Took]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    began, used = time.perf_counter(), _processor_time()
    ended = subprocess.run(
        [*DIGEST, *arguments], cwd=sample.folder, env={**outside, **sample.variables, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended, (time.perf_counter() - began, _processor_time() - used)


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
