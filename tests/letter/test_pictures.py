"""The golden letters as a browser shows them, beside pictures of when somebody last looked at them.

``UPDATE_GOLDEN=1`` takes the pictures in tests/golden anew: at half the size, in few colours.  Their fonts are pinned
to Debian's fonts-liberation, unhinted, since every machine has another Georgia.  What is left are edges of letters,
which another version of Chromium or FreeType draws a little lighter or darker.  So each point, the mean of four pixels,
may differ by more than two steps of the few colours, and a few points in a tile by as much as they like: a line that
moved by one pixel changes a fifth of the points that it is drawn on.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.comparing import GOLDEN
from tests.conftest import lacking
from tests.pictures import small

#: What letters ask for first, and what stands in for it.
FONTS = {"Georgia": "Liberation Serif", "Segoe UI": "Liberation Sans"}
FACES = {"": (400, "normal"), " Bold": (700, "normal"), " Italic": (400, "italic")}
PINNED = "\n".join(
    f"@font-face {{ font-family: '{asked}'; font-weight: {weight}; font-style: {style};"
    f" src: local('{font}{face}'), local('{font.replace(' ', '')}{face.replace(' ', '-')}'); }}"
    for asked, font in FONTS.items()
    for face, (weight, style) in FACES.items()
)
LOADED = """async () => {
  const faces = await Promise.allSettled([...document.fonts].map(face => face.load()));
  return faces.every(face => face.status === "fulfilled");
}"""
#: Told is where more than MANY points of a tile differ by more than FAR of 255.
TILE, FAR, MANY = 12, 36, 4
HALF = """const half = async (source, scale = 0.5) => {
  const image = new Image(); image.src = source; await image.decode();
  const canvas = new OffscreenCanvas(image.width * scale, image.height * scale), context = canvas.getContext("2d");
  context.imageSmoothingQuality = "low";  // the mean of four pixels, and no more than that
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
};
"""
HALVED = f"""async source => {{
  {HALF}
  const octets = new Uint8Array(await (await (await half(source)).convertToBlob()).arrayBuffer());
  return btoa(octets.reduce((text, octet) => text + String.fromCharCode(octet), ""));
}}"""
#: Returns what is wrong: another size, or the tiles in which too much differs.
COMPARED = f"""async ([wanted, found, scale, tile, far, many]) => {{
  {HALF}
  const [one, other] = [await half(wanted, scale), await half(found)], {{ width, height }} = one;
  if (width !== other.width || height !== other.height)
    return [`${{other.width}}x${{other.height}} points, not ${{width}}x${{height}}`];
  const points = canvas => canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const [a, b] = [points(one), points(other)], counts = new Map();
  for (let at = 0; at < a.length; at += 4) {{
    if (Math.abs(a[at] - b[at]) <= far && Math.abs(a[at + 1] - b[at + 1]) <= far
        && Math.abs(a[at + 2] - b[at + 2]) <= far) continue;
    const x = at / 4 % width, y = (at / 4 - x) / width, key = `at ${{2 * (x - x % tile)}}, ${{2 * (y - y % tile)}}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }}
  return [...counts].filter(([, count]) => count > many).map(([key]) => key);
}}"""


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("design", ["seed", "plain"])
def test_letter_looks_as_when_it_was_last_looked_at(
    chromium: Browser, tmp_path: Path, design: str, language: str
) -> None:
    differences: dict[str, list[str]] = {}
    with shown(chromium, golden(f"{design}.{language}")) as page:
        for width in (600, 375):
            for scheme in ("light", "dark"):
                picture = taken(page, width, scheme)
                file = GOLDEN / f"{design}.{language}.{width}.{scheme}.png"
                if os.environ.get("UPDATE_GOLDEN"):
                    file.write_bytes(small(chromium, b64decode(page.evaluate(HALVED, picture))))
                (tmp_path / file.name).write_bytes(b64decode(picture.partition(",")[2]))
                if found := different(page, address(file.read_bytes()), picture, 1):
                    differences[file.name] = found

    assert differences == {}, f"pictures of this run are in {tmp_path}"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("padding:26px 0 18px", "padding:27px 0 18px"),
        ("Redskap till teleskoplastare", "Redskap till teleskoplastara"),
        (">5 nyheter<", "><"),
        ("border-bottom:2px solid", "border-bottom:1px solid"),
        ("text-transform:uppercase", "text-transform:none"),
        ("color:#a3341f", "color:#1f3ca3"),
    ],
)
def test_what_an_eye_would_see_is_seen(chromium: Browser, was: str, becomes: str) -> None:
    letter = golden("seed.sv")
    assert was in letter
    assert changed(chromium, letter, letter.replace(was, becomes))


def test_edges_drawn_otherwise_are_no_difference(chromium: Browser) -> None:
    letter = golden("seed.sv")
    bolder = "* { -webkit-text-stroke: 0.15px currentColor; }</style>"

    assert changed(chromium, letter, letter.replace("</style>", bolder)) == []


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.html").read_text(encoding="utf-8")


@contextmanager
def shown(browser: Browser, letter: str) -> Iterator[Page]:
    """Yield a page that shows a letter in the pinned fonts."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_content(letter)
        page.add_style_tag(content=PINNED)
        if not page.evaluate(LOADED):
            lacking("Liberation's fonts are not on this machine; get them with: apt-get install fonts-liberation")
        yield page


def taken(page: Page, width: int, scheme: str) -> str:
    """Return a picture of the whole page as an address."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    return address(page.screenshot(full_page=True))


def address(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode()}"


def different(page: Page, wanted: str, found: str, scale: float) -> list[str]:
    """Return in what, and where, a picture is not like the wanted one, which is to be scaled by ``scale``."""
    differences: list[str] = page.evaluate(COMPARED, [wanted, found, scale, TILE, FAR, MANY])
    return differences


def changed(browser: Browser, before: str, after: str) -> list[str]:
    """Return where two letters look different."""
    with shown(browser, before) as one, shown(browser, after) as other:
        return different(other, taken(one, 600, "light"), taken(other, 600, "light"), 0.5)
