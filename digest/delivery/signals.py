"""Running a send so that a signal ends it with its open conversations finished."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from digest.delivery.options import Now, Watch
from digest.delivery.send import Sending

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  #: the last when a terminal is closed
STOPPING = "stopping: open conversations are being finished"
CUTTING_OFF = "stopping at once: whose mail has no answer yet is in doubt"  #: told a second time


def run_stoppable(sending: Sending, watch: Watch) -> Now:
    """Send until nothing is left to do, or a signal ends it with its open conversations finished."""

    async def whole() -> Now:
        with _stopped_by_signals(sending, watch):
            return await sending.run()

    return asyncio.run(whole())


@contextmanager
def _stopped_by_signals(sending: Sending, watch: Watch) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    # Whoever runs us may let us outlive the terminal, as nohup does.
    ending = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]

    def stop() -> None:
        words = CUTTING_OFF if sending.now.interrupted else STOPPING
        sending.stop()
        with contextlib.suppress(OSError):  # the terminal that closes is one that nothing can be said to
            watch.say(words)

    # Not the main thread (a test, a server): whoever runs us stops us in another way.
    with contextlib.suppress(ValueError, RuntimeError):
        for signum in ending:
            loop.add_signal_handler(signum, stop)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, RuntimeError):
            for signum in ending:
                loop.remove_signal_handler(signum)
