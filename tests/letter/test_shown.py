"""What a browser makes of letters: colours that can be read, and styles that inlining leaves as they were written."""

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import css_inline
import pytest
from playwright.sync_api import Browser, Page

from digest.letter import compose as composing
from digest.letter.compose import compose
from digest.letter.inline import inline
from digest.letter.templates import open_templates
from tests.builders import a_frame
from tests.letter.designs import NONCE
from tests.letter.test_phone import an_ordinary_edition

DESIGNS = ["senaste-nytt", "plain"]
#: Every text that is shown, and every picture's words, with its contrast (WCAG 2.2) against what is behind it.
CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const behind = one => {
    if (!one) return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
    const [r, g, b, a = 1] = numbers(getComputedStyle(one).backgroundColor);
    return a === 1 ? [r, g, b] : a === 0 ? behind(one.parentElement) : [NaN, NaN, NaN];
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = one => {
    const ink = numbers(getComputedStyle(one).color);
    if (ink.length > 3) return NaN;
    const [a, b] = [light(ink), light(behind(one))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode()) {
    const text = walk.currentNode.data.trim(), one = walk.currentNode.parentElement;
    if (text && one.checkVisibility()) found.push([text, contrast(one)]);
  }
  for (const one of document.images) if (one.alt) found.push([one.alt, contrast(one)]);
  return found;
}"""
#: Of every element: what it is, and a number for all of its computed styles.
SUMS = """() => [...document.querySelectorAll("html, body, body *")].map(one => {
  const style = getComputedStyle(one);
  let sum = 2166136261;
  for (const name of style) for (const sign of `${name}:${style.getPropertyValue(name)};`)
    sum = Math.imul(sum ^ sign.codePointAt(0), 16777619);
  return [`${one.tagName} ${one.className}`, sum];
})"""
STYLES = """number => {
  const style = getComputedStyle(document.querySelectorAll("html, body, body *")[number]);
  return Object.fromEntries([...style].map(name => [name, style.getPropertyValue(name)]));
}"""


def a_page(browser: Browser, html: str) -> Page:
    page = browser.new_context().new_page()
    page.route("**/*", lambda route: route.abort())
    page.set_content(html)
    return page


def texts(page: Page) -> dict[str, float]:
    return dict(page.evaluate(CONTRASTS))


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("design", DESIGNS)
def test_every_text_can_be_read_in_light_and_dark(chromium: Browser, design: str, language: str) -> None:
    letter = compose(an_ordinary_edition(), a_frame(design=design), open_templates(), NONCE, language)
    page = a_page(chromium, letter.html)
    light = texts(page)
    page.emulate_media(color_scheme="dark")
    dark = texts(page)
    page.emulate_media(color_scheme="light")
    # Outlook.com names the elements whose colours it changed; there a design's own dark colours win.
    page.evaluate("['data-ogsc', 'data-ogsb'].forEach(name => document.documentElement.setAttribute(name, ''))")
    outlook = texts(page)
    page.context.close()

    assert {"Senaste nytt", "En hall", "Tidningen AB, Box 1, 111 11 Stockholm"} < light.keys()
    assert light.keys() == dark.keys() == outlook.keys()
    assert dark == outlook != light
    for shown in (light, dark):
        assert {text: contrast for text, contrast in shown.items() if not contrast >= 4.5} == {}


@pytest.mark.parametrize("text", ["#777777", "rgb(0 0 0 / 40%)"])
def test_text_that_is_hard_to_read_is_found(chromium: Browser, text: str) -> None:
    page = a_page(chromium, f'<body><div style="background: #eee"><p style="color: {text}">Luft</p></div>')
    contrasts = texts(page)
    page.context.close()

    assert not contrasts["Luft"] >= 4.5


def styles(html: str) -> list[str]:
    """Return the style elements of a page but for what is in comments for Outlook."""
    return re.findall("<style", re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))


def by_css_inline(html: str) -> str:
    ours, theirs = 'data-premailer="ignore"', 'data-css-inline="keep"'
    assert ours in html
    return css_inline.CSSInliner(load_remote_stylesheets=False).inline(html.replace(ours, theirs))


@pytest.mark.parametrize("inliner", [inline, by_css_inline])
@pytest.mark.parametrize("design", DESIGNS)
def test_inlined_letter_has_the_styles_that_were_written(
    chromium: Browser, monkeypatch: pytest.MonkeyPatch, design: str, inliner: Callable[[str], str]
) -> None:
    monkeypatch.setattr(composing, "inline", lambda html: html)
    written = compose(an_ordinary_edition(), a_frame(design=design), open_templates(), NONCE).html

    assert len(styles(inliner(written))) == 1 < len(styles(written))
    assert differences(chromium, written, inliner(written)) == {}


def test_style_that_was_lost_is_found(chromium: Browser) -> None:
    page = "<body><h1 style='margin: 0{}'>Luft</h1>"

    assert differences(chromium, page, page.format("; color: #111"))["H1 ", 760, "light"]["color"] == (
        "rgb(0, 0, 0)",
        "rgb(17, 17, 17)",
    )


def differences(browser: Browser, one: str, other: str) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Return which elements are shown otherwise, with their styles in both pages, wide and narrow, light and dark."""
    pages, found = [a_page(browser, html) for html in (one, other)], {}
    for width, scheme in product((760, 375), ("light", "dark")):
        for page in pages:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for number, (a, b) in enumerate(zip(*(page.evaluate(SUMS) for page in pages), strict=True)):
            assert a[0] == b[0]
            if a[1] != b[1]:
                was, is_now = (page.evaluate(STYLES, number) for page in pages)
                both = {name: (was[name], is_now[name]) for name in was if was[name] != is_now[name]}
                found[a[0], width, scheme] = both
    for page in pages:
        page.context.close()
    return found
