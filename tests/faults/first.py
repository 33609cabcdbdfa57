"""What a command's process does before it is the command: dies at a statement, has another clock, or less of something.

All picklable: ``Command(..., first=partial(dying_at, "INSERT INTO delivery"))``.
"""

import datetime as dt
import os
import resource
import signal
import threading
import time

import time_machine
from sqlalchemy import Engine, event


def dying_at(statement: str, *, commit: bool = False) -> None:
    """Die, as by kill -9, before the first SQL statement that begins so, or at the commit that follows it."""
    seen = False

    def look(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        nonlocal seen
        seen = seen or sql.startswith(statement)
        if seen and not commit:
            os.kill(os.getpid(), signal.SIGKILL)

    def end(_connection: object) -> None:
        if seen:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", look)
    event.listen(Engine, "commit", end)


def at(moment: dt.datetime) -> None:
    """See a wall clock that stands at a moment now and goes on from there."""
    time_machine.travel(moment, tick=True).start()


def jumping(seconds: float, after: float) -> None:
    """See a wall clock that jumps by so much, so many seconds from now; what is measured monotonic goes on."""
    traveller = time_machine.travel(time.time(), tick=True).start()
    timer = threading.Timer(after, lambda: traveller.shift(seconds))
    timer.daemon = True
    timer.start()


def with_less(limit: int, most: int) -> None:
    """Have no more than so much of something: RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS."""
    resource.setrlimit(limit, (most, most))
