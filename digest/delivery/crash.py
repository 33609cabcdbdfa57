"""Points at which a test may kill the process: ``DIGEST_CRASH_AT=marked:3`` dies, as by kill -9, at the third mark.

Unset, as it always is but in tests of what a crash leaves behind, a point costs one comparison.
"""

import os
import signal

_point, _, _nth = os.environ.get("DIGEST_CRASH_AT", "").partition(":")
_left = int(_nth or 1)


def reached(point: str) -> None:
    """Die here, if here is where a test wants it."""
    global _left
    if point == _point:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
