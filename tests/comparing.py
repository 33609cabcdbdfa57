"""Golden files: what a letter or page looked like when somebody last looked at it.

``UPDATE_GOLDEN=1`` writes them anew; a ``*`` put in by hand afterwards stands for a volatile part of a line.
"""

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_same_as_golden(name: str, actual: str) -> None:
    """Fail unless the text is that of ``tests/golden/NAME``."""
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(actual, encoding="utf-8", newline="\n")
    golden = file.read_text(encoding="utf-8").split("\n")
    lines = actual.split("\n")
    for number, (wanted, line) in enumerate(zip(golden, lines, strict=False), 1):
        pattern = "[^\n]*".join(re.escape(part) for part in wanted.split("*"))
        assert re.fullmatch(pattern, line), f"{name}, line {number}: {line!r}, not {wanted!r}"
    assert len(lines) == len(golden), f"{name} has {len(golden)} lines, not {len(lines)}"
