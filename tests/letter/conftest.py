"""One Chromium for all tests of a module that look at letters."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.web.test_browser import FLAGS

#: Letters look the same whatever a machine's fonts and screen are set to.
SAME_EVERYWHERE = [
    *("--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--hide-scrollbars"),
    "--force-device-scale-factor=1",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[[Path], Browser]]:
    """A function that starts Debian's chromium once."""
    started: list[Browser] = []
    with sync_playwright() as play:

        def start(chromium: Path) -> Browser:
            if not started:
                flags = [*FLAGS, *SAME_EVERYWHERE]
                started.append(play.chromium.launch(executable_path=str(chromium), args=flags))
            return started[0]

        yield start
        for one in started:
            one.close()


@pytest.fixture
def chromium(browser: Callable[[Path], Browser], needs: Callable[[str], Path]) -> Browser:
    """A browser, or the test is skipped for want of one."""
    return browser(needs("chromium"))
