"""Points at which a test may kill the process: ``DIGEST_CRASH_AT=marked:3`` dies, as by kill -9, at the third mark.

In the order of a send: ``rendered`` and ``frozen``; ``claim`` and ``claimed``, before and after a batch is taken;
``connected`` and ``greeted``; for each mail ``mail``, ``rcpt`` and ``data`` when the relay has answered that command,
``content`` when all but the end is written, ``marked`` when the mark is durable, ``answered`` when the relay has
answered the end, ``recorded`` when the result waits for its commit: between it and the next mark. An envelope may have
gone out with the end of the mail before; its answers come after that mail's ``answered``. Of mails in flight as a whole
``content`` is when one is about to leave, marked, and there is no ``data``.

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
