"""The command line: read the arguments, call one function, show what it returns."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code: 0, 1, 2, 3, 4, 5, 6 or 130 (docs/commands.md)."""
    from digest.cli.app import run

    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))
