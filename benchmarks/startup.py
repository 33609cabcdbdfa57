"""How long commands take that do nothing."""

import sys
from functools import partial
from statistics import median

from benchmarks import commands
from benchmarks.sample import Sample, sample_project
from benchmarks.timing import Round, Timed, in_turn, table

ROUNDS = 5
SEND = "digest send, nothing to do"
PASS = "python -c pass"
COMMANDS = {
    PASS: [sys.executable, "-c", "pass"],
    "digest --help": [*commands.DIGEST, "--help"],
}


def run() -> None:
    """Print them beside Python's own start."""
    with sample_project(readers=3) as sample:
        sample.send()
        rounds = in_turn(*(partial(_start, sample, name) for name in (*COMMANDS, SEND)), rounds=ROUNDS)
    rows = [
        [
            name,
            f"{median(one[name].seconds for one in rounds) * 1e3:.0f}",
            f"{median(one[name].seconds / one[PASS].seconds for one in rounds):.1f}",
        ]
        for name in rounds[0]
    ]
    table("Starting", ["", "ms", f"times {PASS!r}"], rows)


def _start(sample: Sample, name: str) -> Round:
    ran = commands.run(COMMANDS[name], sample.folder) if name in COMMANDS else sample.send()
    return {name: Timed(1, ran.seconds)}
