"""One Chromium for all tests of a module that look at letters."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.chromium import chromium_once

#: Letters look the same whatever a machine's fonts and screen are set to.
SAME_EVERYWHERE = [
    *("--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--hide-scrollbars"),
    "--force-device-scale-factor=1",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[[Path], Browser]]:
    """A function that starts Debian's chromium once."""
    with chromium_once(*SAME_EVERYWHERE) as start:
        yield start


@pytest.fixture
def chromium(browser: Callable[[Path], Browser], needs: Callable[[str], Path]) -> Browser:
    """A browser, or the test is skipped for want of one."""
    return browser(needs("chromium"))
