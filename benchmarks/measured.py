"""Run one command and write down what it took: ``python measured.py REPORT COMMAND...``.

A process of its own because Linux counts what the parent holds at the fork into the child's peak.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    report, *command = sys.argv[1:]
    began = time.perf_counter()
    code = subprocess.call(command)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024  # Linux counts in kB
    Path(report).write_text(json.dumps({"seconds": seconds, "peak": peak}))
    sys.exit(code)


if __name__ == "__main__":
    main()
