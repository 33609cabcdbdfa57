"""The pictures in docs/pictures, taken anew: ``make pictures``. The seed as letters, as a browser shows them."""

import sys
import zlib
from base64 import b64encode
from pathlib import Path
from shutil import which
from struct import pack

from playwright.sync_api import Browser

from digest.letter.compose import compose
from digest.letter.templates import open_templates
from tests.builders import a_frame, the_seed
from tests.checkout import ROOT
from tests.chromium import chromium_once

FOLDER = ROOT / "docs" / "pictures"
NONCE = "0123456789abcdefghijklmnopqrstuv"
#: Name of the picture: design, language, width, height, and light or dark.
PICTURES = {
    "senaste-nytt-sv": ("senaste-nytt", "sv", 760, 2260, "light"),
    "senaste-nytt-en": ("senaste-nytt", "en", 760, 2260, "light"),
    "senaste-nytt-en-dark": ("senaste-nytt", "en", 760, 2260, "dark"),
    "senaste-nytt-sv-phone": ("senaste-nytt", "sv", 375, 1300, "light"),
    "plain-sv": ("plain", "sv", 760, 2260, "light"),
    "plain-en": ("plain", "en", 760, 2260, "light"),
}
LISTS = {"sv": "Industri", "en": "Industry"}
#: A picture as numbers of few colours: those that differ in their last four bits become the commonest of them.
COLOURS = """
async source => {
  const image = new Image(); image.src = source; await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height).data, groups = new Map();
  const group = at => (pixels[at] >> 4 << 8) | (pixels[at + 1] >> 4 << 4) | (pixels[at + 2] >> 4);
  for (let at = 0; at < pixels.length; at += 4) {
    const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    const found = groups.get(group(at)) ?? groups.set(group(at), new Map()).get(group(at));
    found.set(colour, (found.get(colour) ?? 0) + 1);
  }
  const numbers = new Map([...groups.keys()].map((key, number) => [key, number]));
  const palette = [...groups.values()].map(found => [...found].sort((a, b) => b[1] - a[1])[0][0]);
  let indices = "";
  for (let at = 0; at < pixels.length; at += 4) indices += String.fromCharCode(numbers.get(group(at)));
  return [image.width, image.height, palette, indices];
}
"""


def main() -> None:
    """Take all pictures."""
    command = which("chromium")
    if command is None:
        sys.exit("there is no chromium: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    with chromium_once() as start:
        browser = start(Path(command))
        for name in PICTURES:
            file = FOLDER / f"{name}.png"
            file.write_bytes(small(browser, take(browser, name)))
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")  # noqa: T201  it says what it made
        browser.close()


def take(browser: Browser, name: str) -> bytes:
    """Return a picture of the seed's letter, as the browser writes it."""
    design, language, width, height, scheme = PICTURES[name]
    frame = a_frame(design=design, list_titles=(LISTS[language],))
    letter = compose(the_seed(), frame, open_templates(), NONCE, language)
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_content(letter.html)
    whole = page.evaluate("document.documentElement.scrollHeight")
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": min(height, whole)}, full_page=True)
    context.close()
    return shot


def small(browser: Browser, picture: bytes) -> bytes:
    """Return a picture as PNG of at most 256 colours: a third of the octets."""
    page = browser.new_page()
    source = f"data:image/png;base64,{b64encode(picture).decode()}"
    width, height, palette, indices = page.evaluate(COLOURS, source)
    page.close()
    if len(palette) > 256:
        raise ValueError(f"{len(palette)} colours: this is no letter without pictures in it")
    rows = (b"\0" + indices[n * width : (n + 1) * width].encode("latin-1") for n in range(height))
    colours = b"".join(colour.to_bytes(3, "big") for colour in palette)
    head = pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


if __name__ == "__main__":
    main()
