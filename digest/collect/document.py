"""A web page as a tree: parsed once, for whatever is looked up in it."""

import html
import re
from typing import Any
from urllib.parse import urljoin

from digest.collect.encoding import Decoded, decode_markup
from digest.tables import tidy, without_controls

LARGEST = 10_000_000  #: characters of a page
MOST_TAGS = 100_000  #: the tree costs a kilobyte for each

#: An element of the tree; lxml has no types of its own.
Node = Any

_TAG = re.compile(r"<[A-Za-z/]")
UNSEEN = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "form", "select", "button"}


def page_of(data: bytes, charset: str | None) -> tuple[Node, Decoded]:
    """Return the tree of a page and its text; of a page with more tags than any has, the beginning."""
    decoded = decode_markup(data[:LARGEST], charset)
    return tree_of(decoded.text), decoded


def tree_of(text: str) -> Node:
    """Return the tree of HTML, whatever it is; an empty one has a body too.

    What stands deeper than 256 elements is left out, by the parser itself.
    """
    from lxml import etree, html

    text = _bounded(without_controls(text).lstrip())
    # As bytes, since to the parser a declaration in a text that is decoded already is an error.
    reader = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        return html.document_fromstring(text.encode(), parser=reader, ensure_head_body=True)
    except etree.ParserError:  # nothing in it but comments
        return html.document_fromstring(b"<p>", ensure_head_body=True)


def body_of(tree: Node) -> Node:
    """Return what is seen of a page: its body, or all of it where the parser took what is new to it for the head's."""
    body = tree.body
    return body if body is not None and (len(body) or (body.text or "").strip()) else tree


def base_of(tree: Node, url: str) -> str:
    """Return what the links of a page are relative to (HTML, 4.2.3)."""
    for element in tree.iter("base"):
        if href := (element.get("href") or "").strip():
            try:
                return str(urljoin(url, href))
            except ValueError:
                break
    return url


def words_in(node: Node) -> str:
    """Return the text of an element on one line, without what is not seen."""
    return tidy(" ".join(_pieces(node)))


def meta(tree: Node, *names: str) -> str:
    """Return what a page says of itself under the first of these names that it uses: ``og:title``, ``author``."""
    said: dict[str, str] = {}
    for element in tree.iter("meta"):
        content = element.get("content") or ""
        for key in ("property", "name", "itemprop"):
            if (name := (element.get(key) or "").strip().lower()) and content.strip():
                said.setdefault(name, tidy(html.unescape(content)))
    return next((said[name] for name in names if name in said), "")


def _bounded(text: str) -> str:
    """Return a page cut where it has more tags than any page does."""
    if text.count("<") > MOST_TAGS:
        for number, tag in enumerate(_TAG.finditer(text)):
            if number >= MOST_TAGS:
                return text[: tag.start()]
    return text


def _pieces(node: Node) -> list[str]:
    """Return the texts of an element in order, without recursion: pages nest as deep as they like."""
    pieces: list[str] = []
    stack: list[Node | str] = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            pieces.append(one)
            continue
        if isinstance(one.tag, str) and one.tag not in UNSEEN:
            pieces.append(one.text or "")
            for child in reversed(one):
                stack += [child.tail or "", child]
    return pieces
