"""Commands as processes of their own: how long they take, and what memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measured

DIGEST = (sys.executable, "-m", "digest")
LONGEST = 100.0  #: seconds
KILLED = 256 - signal.SIGKILL  #: exit code of ``measured``, when its command has ended by SIGKILL


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed and took."""

    output: str
    seconds: float
    peak: int  #: bytes


def run_until_killed(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Ran:
    """Run a command in a folder that DIGEST_CRASH_AT kills; an error when it comes past that."""
    return run(command, folder, variables, ends=KILLED)


def run(command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None, ends: int = 0) -> Ran:
    """Run a command in a folder, without any DIGEST_ variable but those given; an error when it ends otherwise."""
    with tempfile.NamedTemporaryFile(prefix="digest-bench-", suffix=".json") as report:
        launcher = [sys.executable, "-I", "-S", str(Path(measured.__file__)), report.name, *command]
        with subprocess.Popen(
            launcher, cwd=folder, env=_environment(variables or {}), start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                output, errors = process.communicate(timeout=LONGEST)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # the launcher and its command
        if process.returncode != ends:
            raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{errors}")
        took = json.load(report)
    return Ran(output, took["seconds"], took["peak"])


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    return {**outside, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **variables}
