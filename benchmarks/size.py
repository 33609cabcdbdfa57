"""A million readers: the freeze, and what memory a send takes beside one of five thousand."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

from benchmarks.commands import DIGEST, run_until_killed
from benchmarks.going_on import fill
from benchmarks.sample import DATE, sample_project
from benchmarks.sinks import sink
from benchmarks.timing import table, timed
from digest.delivery.freeze import draft, freeze
from digest.project import open_project

SENT = 5000  #: mails until the process is killed: what it holds no longer changes by then
MOST_RATIO, MOST_BYTES, MOST_SECONDS = 1.1, 150e6, 5.0  #: what it must reach


def run(sizes: Sequence[int]) -> None:
    """Print them for each size, the first being what the others are compared with."""
    peaks, rows = [], []
    for readers in sizes:
        seconds, count = _freeze(readers)
        peaks.append(_peak(readers))
        ratio = peaks[-1] / peaks[0]
        rows.append([f"{readers:,}", f"{count:,}", f"{seconds:.2f}", f"{peaks[-1] / 1e6:.0f}", f"{ratio:.2f}"])
    floor = [f"at most, of {1_000_000:,}", "", f"{MOST_SECONDS:.2f}", f"{MOST_BYTES / 1e6:.0f}", f"{MOST_RATIO:.2f}"]
    head = ["readers", "deliveries", "freeze, seconds", "peak memory of digest send, MB", "ratio"]
    table(f"A send at size, its memory after {SENT:,} mails", head, [*rows, floor])


def _freeze(readers: int) -> tuple[float, int]:
    with sample_project() as sample:
        fill(sample, readers)
        with open_project(sample.folder, {}) as project:
            made = draft(project, project.newsletter(None), dt.date.fromisoformat(DATE), dt.datetime.now(dt.UTC))
            took = timed(1, partial(freeze, project, made, rehearsal=False))
    return took.seconds, made.readers


def _peak(readers: int) -> int:
    with sink() as port, sample_project(0, f"smtp+plain://127.0.0.1:{port}?connections=10") as sample:
        fill(sample, readers)
        variables = {**sample.variables, "DIGEST_CRASH_AT": f"recorded:{min(SENT, readers)}"}
        return run_until_killed([*DIGEST, "send", "--date", DATE, "--wait", "0"], sample.folder, variables).peak
