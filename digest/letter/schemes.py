"""A letter's page as it looks in light or in dark, whatever the machine that shows it is set to.

Nothing outside a page can tell it which scheme a reader prefers, so its own rules are rewritten: what asks for the
scheme becomes a condition that always holds, or one that never does, and a page that declares both schemes declares the
one. Only style elements and the tags that may ask are touched, never what is read.
"""

import re
from typing import Literal

Scheme = Literal["light", "dark"]

STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(?=</style\b)", re.IGNORECASE | re.DOTALL)
ASKING = re.compile(r"<(?:source|link|style|meta)\b[^>]*>", re.IGNORECASE)
#: Media Queries 5, 11.5; without a value it holds wherever the feature is known.
FEATURE = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*([a-z-]+)\s*)?\)", re.IGNORECASE)
#: CSS Color Adjustment 1, 2.1: a page that does not say dark stays light, whatever the reader prefers.
DECLARED = re.compile(r"(?<![-\w])(color-scheme\s*:\s*)(?:only\s+)?(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
NAMED = re.compile(r"\bname\s*=\s*[\"']?color-scheme\b", re.IGNORECASE)
BOTH = re.compile(r"\b(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
ALWAYS, NEVER = "(min-width: 0)", "(min-width: 9999999px)"


def in_scheme(html: str, scheme: Scheme) -> str:
    """Return a page that looks in one scheme, wherever it is opened."""

    def rules(css: str) -> str:
        asked = FEATURE.sub(lambda found: ALWAYS if (found[1] or scheme).lower() == scheme else NEVER, css)
        return DECLARED.sub(rf"\g<1>{scheme}", asked)

    def tag(found: re.Match[str]) -> str:
        whole = found[0]
        return BOTH.sub(scheme, whole) if NAMED.search(whole) else rules(whole)

    return ASKING.sub(tag, STYLE.sub(lambda found: found[1] + rules(found[2]), html))


def leading_outside(html: str) -> str:
    """Return a page whose links open beside the frame it is shown in, not inside of it."""
    return HEAD.sub(lambda found: f'{found[0]}<base target="_blank">', html, count=1)
