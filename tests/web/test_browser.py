"""The pages in a real browser: what a reader sees, and can press."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import chromium_once
from tests.web.conftest import Mailed, Served

#: WCAG 2.2, relative luminance and contrast, of what an element shows against what is behind it.
CONTRAST = """
element => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const behind = one => {
    const [r, g, b, a = 1] = numbers(getComputedStyle(one).backgroundColor);
    return a === 0 && one.parentElement ? behind(one.parentElement) : [r, g, b];
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = light(numbers(getComputedStyle(element).color).slice(0, 3)), paper = light(behind(element));
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[[Path], Browser]]:
    """A function that starts Debian's chromium once."""
    with chromium_once() as start:
        yield start


@pytest.fixture
def page(browser: Callable[[Path], Browser], needs: Callable[[str], Path], served: Served) -> Iterator[Page]:
    """A page of a phone that speaks Swedish; the test fails if it asks anybody but us for anything."""
    context = browser(needs("chromium")).new_context(
        viewport={"width": 360, "height": 640}, locale="sv-SE", base_url=f"http://127.0.0.1:{served.port}"
    )
    asked: list[str] = []
    shown = context.new_page()
    shown.on("request", lambda request: asked.append(request.url))
    yield shown
    context.close()
    assert all(url.startswith((f"http://127.0.0.1:{served.port}/", "data:")) for url in asked), asked


def test_a_reader_presses_the_button_and_has_left(mailed: Mailed, page: Page) -> None:
    page.goto(mailed.leave())
    page.get_by_role("button", name="Avsluta prenumerationen").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Du prenumererar inte längre på Nyheter"
    assert mailed.subscription() == "unsubscribed"
    ((reason,),) = mailed.rows("SELECT reason FROM consent_change ORDER BY id DESC LIMIT 1")
    assert reason.startswith("button on the page, Mozilla/5.0 ")
    assert page.context.cookies() == []


def test_it_works_without_scripts_and_by_keyboard(mailed: Mailed, page: Page) -> None:
    page.goto(mailed.leave())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Du prenumererar inte längre på Nyheter").wait_for()

    assert page.locator("script").count() == 0


@pytest.mark.parametrize("width", [280, 360, 620, 621, 1280])
def test_the_button_is_large_and_nothing_sticks_out(mailed: Mailed, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    for path in (mailed.leave(), "/", "/nothing", mailed.view()):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.goto(mailed.leave())
    box = page.get_by_role("button").bounding_box()

    assert box is not None
    assert box["height"] >= 44
    assert box["width"] >= 200
    assert box["y"] + box["height"] < 640, "without scrolling"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_enough(mailed: Mailed, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in (mailed.leave(), "/nothing", "/"):
        page.goto(path)
        for element in page.locator("h1, p, button").all():
            assert element.evaluate(CONTRAST) >= 4.5, element.inner_text()
    page.goto(mailed.leave())
    page.get_by_role("button").click()
    for element in page.locator("h1, p, a").all():
        assert element.evaluate(CONTRAST) >= 4.5, element.inner_text()


def test_the_letter_on_the_web_looks_as_it_was_made(mailed: Mailed, page: Page) -> None:
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(mailed.view())

    family = "element => getComputedStyle(element).fontFamily"
    assert "Georgia" in str(page.get_by_role("heading", level=1).first.evaluate(family))
    assert blocked == [], "its own policy lets its styles through"
