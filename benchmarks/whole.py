"""A whole send of a million mails to its end: what memory the process takes on the way."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.commands import DIGEST
from benchmarks.going_on import fill
from benchmarks.sample import DATE, Sample, sample_project
from benchmarks.sinks import sink
from benchmarks.timing import table
from digest.models import DeliveryState

LOOK = 5.0  #: seconds between two looks
ROWS = 10  #: of the table


def run(readers: int) -> None:
    """Print the memory of ``digest send`` after each tenth of so many mails."""
    with sink() as port, sample_project(0, f"smtp+plain://127.0.0.1:{port}?connections=10") as sample:
        fill(sample, readers)
        began = time.perf_counter()
        looks = list(_looks(sample))
        seconds = time.perf_counter() - began
        sent = _sent(sample.folder)
    if sent != readers:
        raise RuntimeError(f"sent {sent:,} of {readers:,} mails")
    tenths = [next((look for look in looks if look[0] >= readers * n // ROWS), looks[-1]) for n in range(ROWS + 1)]
    first = next(memory for count, memory in looks if count)
    rows = [[f"{count:,}", f"{memory / 1e6:.0f}", f"{memory / first:.2f}"] for count, memory in tenths if count]
    title = f"{readers:,} mails to the end in {seconds:,.0f} s, {readers / seconds:,.0f} a second"
    table(title, ["mails sent", "memory of digest send, MB", "ratio"], rows)
    print(f"\n  peak: {max(memory for _, memory in looks) / 1e6:.0f} MB")


def _looks(sample: Sample) -> Iterator[tuple[int, int]]:
    """Send, and yield how many mails have gone and what memory the process has, time after time."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    command = [*DIGEST, "send", "--date", DATE, "--wait", "0"]
    with subprocess.Popen(
        command, cwd=sample.folder, env={**outside, **sample.variables}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while process.poll() is None:
                memory = _memory(process.pid)
                if memory:
                    yield _sent(sample.folder), memory
                time.sleep(LOOK)
        finally:
            process.terminate()
    if process.returncode:
        raise RuntimeError(f"digest send ended with {process.returncode}")


def _memory(pid: int) -> int:
    """Return the resident bytes of a process, 0 once it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _sent(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "digest.db")) as store:
        wanted = "SELECT count(*) FROM delivery WHERE state = ?"
        return int(store.execute(wanted, (int(DeliveryState.SENT),)).fetchone()[0])
