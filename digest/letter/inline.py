"""CSS inlined by premailer, once for each letter, with every way to the network or the disk shut.

Designs have two style elements: one that ends in ``style`` attributes, and one marked ``data-premailer="ignore"`` with
what cannot be inlined (media queries, dark mode, hover), which is kept to the letter.
"""

import logging
from functools import lru_cache
from typing import Any

OPTIONS: dict[str, Any] = {
    "strip_important": False,  # or the styles inlined would win over those for dark mode and phones
    "disable_validation": True,
    "disable_basic_attributes": ["width", "height"],  # or width:100% would overwrite width="600", which Outlook needs
    "align_floating_images": False,
    "allow_network": False,
    "allow_loading_external_files": False,
    "cssutils_logging_level": logging.CRITICAL,
}


def inline(html: str) -> str:
    """Return a page with its styles in ``style`` attributes; no line is added or joined, nothing is fetched."""
    from premailer import Premailer  # a quarter of a second, which only rendering needs

    inliner = Premailer(html, **OPTIONS)
    # Its own parser follows @import, whatever allow_network says.
    inliner._parse_css_string = _parse
    return str(inliner.transform(pretty_print=False))


@lru_cache(maxsize=8)  # a design has the same styles every day
def _parse(css: str, validate: bool = False) -> Any:
    import cssutils

    parser = cssutils.CSSParser(loglevel=logging.CRITICAL, raiseExceptions=False, fetcher=_nothing, validate=validate)
    return parser.parseString(css)


def _nothing(*_: object) -> tuple[None, bytes]:
    return None, b""
