"""Whether what a server has sent ends where it should: many a program stops in the middle, and calls that all."""

import json
import re

#: What a document ends with; pages often do without.
ENDS = (b"</rss>", b"</feed>", b"</rdf:rdf>", b"</html>", b"</urlset>", b"</sitemapindex>")
_NAMES = {"feed": b"item|entry", "sitemap": b"url|sitemap"}
_ROOT = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf|channel|urlset|sitemapindex)\s*>", re.IGNORECASE)


def lacks_end(data: bytes, kind: str, *, is_cut: bool) -> bool:
    """Return whether the end of a feed, sitemap or page is missing.

    ``is_cut``: its length says so. Many servers have a wrong one; others have none, and end in the middle of an item.
    """
    text = data.strip()
    if kind == "feed" and is_json(text):
        return _json_lacks_end(text.decode("utf-8-sig", "replace"), is_cut=is_cut)
    if is_cut:
        return not text.lower().endswith(ENDS)
    return kind in _NAMES and _ends_in_an_item(text, _NAMES[kind])


def is_json(data: bytes) -> bool:
    """Return whether a feed is JSON: of such, only whole items are read."""
    return data.lstrip().removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _json_lacks_end(text: str, *, is_cut: bool) -> bool:
    try:
        json.JSONDecoder(strict=False).raw_decode(text.lstrip())
    except json.JSONDecodeError as error:
        return is_cut or error.pos >= len(text.lstrip()) or error.msg.startswith("Unterminated")
    except (RecursionError, ValueError):
        return is_cut
    return False


def _ends_in_an_item(text: bytes, names: bytes) -> bool:
    begun = _last(re.compile(rb"<(?:\w+:)?(?:" + names + rb")[\s>]", re.IGNORECASE), text)
    ended = _last(re.compile(rb"</(?:\w+:)?(?:" + names + rb")\s*>", re.IGNORECASE), text)
    return begun > ended and _ROOT.search(text, max(ended, 0)) is None


def _last(pattern: re.Pattern[bytes], text: bytes) -> int:
    place = -1
    for found in pattern.finditer(text):
        place = found.start()
    return place
