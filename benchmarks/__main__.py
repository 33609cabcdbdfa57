"""Run the benchmarks that are named, or all but the longest: ``python -m benchmarks [NAME...]``."""

import argparse
import os
import platform
import signal
import sqlite3
import sys
from collections.abc import Callable
from types import FrameType

from benchmarks import choosing, collect, far, going_on, letter, marks, send, signing, size, startup, store, whole
from benchmarks.sinks import sink_name
from benchmarks.timing import fsync_seconds

LONGEST = 900  #: seconds for all of them, in the default sizes; they should take less than 600
BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "startup": lambda _: startup.run(),
    "letter": lambda _: letter.run(),
    "collect": lambda options: collect.run(options.feeds),
    "choosing": lambda options: choosing.run(options.articles),
    "store": lambda options: store.run(options.subscribers),
    "send": lambda options: send.run(options.readers),
    "far": lambda options: far.run(min(options.readers, 2000)),
    "signing": lambda options: signing.run(min(options.readers, 2000)),
    "marks": lambda options: marks.run(min(options.readers, 2000)),
    "size": lambda options: size.run([size.SENT, 200_000, options.open]),
    "going_on": lambda options: going_on.run(options.open),
    "whole": lambda options: whole.run(options.open),
}
LONG = {"whole"}  #: too long for a run of all: by name only, with --no-end


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure digest beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; default: all but whole")
    parser.add_argument("--readers", type=int, default=3000, help="mails of a send (default: %(default)s)")
    parser.add_argument("--subscribers", type=int, default=100_000, help="of the store (default: %(default)s)")
    parser.add_argument("--open", type=int, default=1_000_000, help="mails of the largest send (default: %(default)s)")
    parser.add_argument("--no-end", action="store_true", help=f"do not end them after {LONGEST} s")
    parser.add_argument("--feeds", type=int, default=1000, help="to collect from (default: %(default)s)")
    parser.add_argument("--articles", type=int, default=1_000_000, help="to choose from (default: %(default)s)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    # As exceptions, so that servers are stopped and folders removed.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)
    if not options.no_end:
        signal.alarm(LONGEST)
    _say_where()
    for name in options.names or [name for name in BENCHMARKS if name not in LONG]:
        BENCHMARKS[name](options)


def _end(number: int, _: FrameType | None) -> None:
    if number == signal.SIGALRM:
        sys.exit(f"the benchmarks took longer than {LONGEST} s, and were ended")
    sys.exit(128 + number)


def _say_where() -> None:
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.platform()}")
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, fsync {fsync_seconds() * 1e3:.2f} ms")
    print(f"mail goes to {sink_name()}; trust the ratios, each is a median of rounds in turn", flush=True)


if __name__ == "__main__":
    main()
