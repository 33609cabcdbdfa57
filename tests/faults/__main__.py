"""The long form of the suite: ``make faults``, or ``python -m tests.faults --kills 500``.

Kills at random times, every point of a send at many of its mails, then the whole of tests/faults with what takes too
long for ``make test``. Prints one table and, where an invariant is broken, which one; exits 1 then.
"""

import argparse
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.faults import long
from tests.faults.invariants import Tally

PYTEST = (sys.executable, "-m", "pytest", "tests/faults", "-q", "-n", "2", "--no-header", "--tb=line")
LONGEST = 1800  #: seconds: one test, thousands of cuts
COLUMNS = ("kills", "readers", "lost", "doubles", "doubts named", "doubles not named")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill digest until it loses somebody.")
    parser.add_argument("--kills", type=int, default=500, help="at random times (default: 500)")
    parser.add_argument("--cuts", type=int, default=2000, help="of the store's log (default: 2000)")
    parser.add_argument("--seed", type=int, help="of the random times; by default another one each time")
    parser.add_argument("--only-kills", action="store_true", help="leave out the tests of the suite")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at the same time (default: 2)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)
    _print(f"{long.READERS} readers, {long.CONNECTIONS} connections, seed {seed}\n\n{_row('', COLUMNS)}")
    broken: list[str] = []
    if options.kills:
        broken += _run("killed at random", [long.AtRandom(chance.random()) for _ in range(options.kills)], options.jobs)
        broken += _run("killed at every point", long.every_point(), options.jobs)
    if not options.only_kills:
        broken += _tests(options.cuts)
    _print("\n".join(["", *broken]) if broken else "\nevery invariant holds")
    return 1 if broken else 0


def _run(what: str, wanted: Iterable[long.Wanted], jobs: int) -> list[str]:
    """Do rounds, so many at the same time, and print their sum; return what is broken."""
    sum_ = Tally()
    # Processes, not threads: each has a server of its own to fork from, and reaps what it has started.
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, context, initializer=long.begin, initargs=(Path(folder),)) as pool,
    ):
        for tally in pool.map(long.do, wanted):
            sum_ = sum_.with_(tally)
    counts = (sum_.kills, sum_.readers, sum_.lost, sum_.doubles, sum_.doubts, sum_.unnamed)
    _print(_row(what, [f"{count:,}" for count in counts]))
    return sum_.broken


def _tests(cuts: int) -> list[str]:
    """Run the tests of the suite, the long ones too, and print how many have passed; return what has failed."""
    ran = subprocess.run(
        [*PYTEST, "-o", f"faulthandler_timeout={LONGEST}"],
        env={**os.environ, "FAULTS_LONG": "1", "FAULTS_CUTS": str(cuts), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", ran.stdout)
    _print(f"\ntests/faults, {cuts:,} cuts of the store's log among them: {passed[1] if passed else 0} passed")
    failed = [line for line in ran.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed or ([] if ran.returncode == 0 else [ran.stdout[-2000:] + ran.stderr[-2000:]])


def _row(what: str, cells: Iterable[str]) -> str:
    widths = (max(10, len(name) + 2) for name in COLUMNS)
    return f"{what:22}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _print(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
