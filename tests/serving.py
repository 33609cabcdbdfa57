"""The recording SMTP server in a thread of its own, for tests that run commands in this one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digest.demo.smtpd import RecordingServer, Script


@contextmanager
def serving(script: Script | None = None, folder: Path | None = None, port: int = 0) -> Iterator[RecordingServer]:
    """Serve on loopback while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = RecordingServer(folder, script, port=port)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
