"""The designs in a real browser: nothing is too wide for a phone, too small for a thumb, or too long."""

import datetime as dt
from itertools import product

import pytest
from playwright.sync_api import Browser

from digest.edition.layout import Day, Layout
from digest.letter.compose import compose
from digest.letter.templates import open_templates
from tests.builders import SUNDAY, a_frame, an_article, the_seed
from tests.letter.designs import NONCE

SMALL = "[...document.querySelectorAll('a')].filter(a => a.getBoundingClientRect().height < 44).map(a => a.innerText)"
LINES = """[...document.querySelectorAll('.summary')].map(
  p => Math.round(p.getBoundingClientRect().height / parseFloat(getComputedStyle(p).lineHeight)))"""
#: Of all that is read; what stands small above it and in the footer is soft.
SIZES = """[...document.querySelectorAll('p.summary, p.ink, h1, h2, h3')].map(
  p => parseFloat(getComputedStyle(p).fontSize))"""
#: Texts and pictures that reach into the margin, which is at least 16 pixels on both sides.
OUTSIDE = """() => {
  const walk = document.createTreeWalker(document.querySelector(".column"), NodeFilter.SHOW_TEXT), found = [];
  const look = (what, boxes) => [...boxes].some(box => box.width && (box.left < 16 || box.right > innerWidth - 16))
    && found.push(what);
  while (walk.nextNode()) {
    const range = document.createRange();
    range.selectNode(walk.currentNode);
    if (walk.currentNode.data.trim()) look(walk.currentNode.data, range.getClientRects());
  }
  for (const one of document.images) look(one.src, one.getClientRects());
  return found;
}"""
LEAD = "Kommunen bygger om stationen, och resenärerna får vänta till våren innan nästa etapp kan börja. " * 3


def an_ordinary_edition() -> Layout:
    size = {"image_width": 1200, "image_height": 630}
    shown = {"image": "https://nytt.example.invalid/p.jpg", "image_alt": "En hall", **size}
    articles = (an_article(section="Tryckluft", lead=LEAD), an_article(section="Fordon"), an_article(lead=LEAD))
    days = [Day(SUNDAY - dt.timedelta(ago), articles) for ago in range(3)]
    return Layout(SUNDAY, an_article("Luft", subtitle="Ren", lead=LEAD, **shown), tuple(days), (an_article(),))


def a_hostile_edition() -> Layout:
    """Return an edition of words that no line has room for."""
    whale = an_article("W" * 500, section="S" * 300, lead="Å" * 500, subtitle="z" * 300, author="a" * 300)
    unsized = whale.model_copy(update={"image": "https://nytt.example.invalid/p.jpg"})
    return Layout(SUNDAY, unsized, (Day(SUNDAY, (whale,)), Day(SUNDAY - dt.timedelta(400), (whale,))))


def an_edition_of_last_year() -> Layout:
    """Return an edition with a date that is long in words, and a picture that is wider than a phone and no more."""
    size = {"image_width": 300, "image_height": 300}
    lead = an_article("Luft", image="https://nytt.example.invalid/p.jpg", image_alt="En hall", **size)
    return Layout(SUNDAY, lead, (Day(dt.date(2024, 12, 31), (an_article(),) * 12),))


EDITIONS = {
    "seed": the_seed, "ordinary": an_ordinary_edition, "hostile": a_hostile_edition, "old": an_edition_of_last_year
}  # fmt: skip


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
@pytest.mark.parametrize(("edition", "language"), [*product(EDITIONS, ("sv", "en")), ("ordinary", "ar")])
def test_letter_fits_a_phone_and_a_thumb(chromium: Browser, design: str, edition: str, language: str) -> None:
    frame = a_frame(design=design, title="Senaste nytt om industrin", list_titles=("Industri",))
    letter = compose(EDITIONS[edition](), frame, open_templates(), NONCE, language)
    context = chromium.new_context()
    context.route("**/*", lambda route: route.abort())
    page = context.new_page()
    page.set_content(letter.html)
    for width in (320, 375, 600, 760):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
        assert page.evaluate(OUTSIDE) == [], width
        assert page.evaluate(SMALL) == [], width
        assert set(page.evaluate(LINES)) <= {1, 2}, width
        if edition == "ordinary":
            assert min(page.evaluate(SIZES)) >= 16
    context.close()
