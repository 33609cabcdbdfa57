"""Taking times in turn, and tables of medians and ratios."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Timed:
    """How long a number of things took."""

    count: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds for one."""
        return self.seconds / self.count


Round = Mapping[str, Timed]


@dataclass(frozen=True, slots=True)
class Floor:
    """What must at least be reached: the rate of one against another's, in one run."""

    what: str
    base: str
    ratio: float


def timed(count: int, work: Callable[[], object]) -> Timed:
    """Return how long a work took that does a number of things."""
    began = time.perf_counter()
    work()
    return Timed(count, time.perf_counter() - began)


def repeated(work: Callable[[], object], seconds: float = 0.3) -> Timed:
    """Return how long one call of a short work takes, from as many as fit into this time."""
    work()
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        work()
        count += 1
    return Timed(count, took)


def in_turn(*contestants: Callable[[], Round], rounds: int = ROUNDS) -> list[Round]:
    """Let all contestants run one after the other, round after round: what disturbs, disturbs each of them."""
    return [{name: one for run in contestants for name, one in run().items()} for _ in range(rounds)]


def show(title: str, rounds: Sequence[Round], base: str, things: str) -> None:
    """Print a table of medians; the ratio is the rate against ``base``, round by round."""
    rows = []
    for name, first in rounds[0].items():
        ratio = median(one[base].each / one[name].each for one in rounds)
        each = median(one[name].each for one in rounds)
        seconds = median(one[name].seconds for one in rounds)
        rows.append([name, f"{first.count:,}", f"{seconds:.2f}", f"{each * 1e6:,.1f}", f"{1 / each:,.0f}", _two(ratio)])
    table(f"{title} (ratio: rate against {base!r})", ["", things, "seconds", "µs each", "a second", "ratio"], rows)


def floors(rounds: Sequence[Round], wanted: Sequence[Floor]) -> None:
    """Print the ratios that must be reached beside what they are, as far as both were measured."""
    rows = []
    for floor in wanted:
        if floor.what in rounds[0] and floor.base in rounds[0]:
            ratios = [one[floor.base].each / one[floor.what].each for one in rounds]
            spread = f"{_two(min(ratios))} to {_two(max(ratios))}"
            rows.append([f"{floor.what} against {floor.base}", _two(median(ratios)), spread, _two(floor.ratio)])
    if rows:
        table("What must be reached", ["", "ratio", "rounds", "at least"], rows)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}\n")
    for row in (head, *rows):
        first, *others = map(str.rjust, row, widths)
        print("  ", first.strip().ljust(widths[0]), "  ", "   ".join(others), sep="", flush=True)


def fsync_seconds(times: int = 50) -> float:
    """Return the median time of a durable write where the temporary folders are."""
    took = []
    with tempfile.TemporaryDirectory(prefix="digest-bench-") as folder, (Path(folder) / "file").open("wb") as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            took.append(timed(1, lambda: os.fsync(file.fileno())).seconds)
    return median(took)


def _two(ratio: float) -> str:
    """Return a ratio with two digits that count."""
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2g}" if ratio < 0.1 else f"{ratio:.2f}"
