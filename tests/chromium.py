"""Debian's chromium, started when it is first needed, and once for all who share it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

#: Kept from looking for its maker: this machine has no network in tests.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium_once(*more: str) -> Iterator[Callable[[Path], Browser]]:
    """Give a function that starts it, with more flags, and gives the same browser from then on."""
    started: list[Browser] = []
    with sync_playwright() as play:

        def start(command: Path) -> Browser:
            if not started:
                started.append(play.chromium.launch(executable_path=str(command), args=[*FLAGS, *more]))
            return started[0]

        yield start
        for one in started:
            one.close()
