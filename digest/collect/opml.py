"""Lists of feeds as feed readers exchange them (OPML 2.0): in and out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from digest.errors import DigestError

LARGEST = 5_000_000
MOST = 5_000  #: feeds


class NotOpml(DigestError):
    """A file that is no list of feeds."""


@dataclass(frozen=True)
class Listed:
    """A feed of a list: its title, its address, and the page it belongs to."""

    title: str
    feed: str
    page: str = ""


def is_opml(data: bytes) -> bool:
    """Return whether a file looks like a list of feeds."""
    return re.search(rb"<opml[\s>]", data[:4096], re.IGNORECASE) is not None


def read_opml(data: bytes) -> list[Listed]:
    """Return the feeds of a list, of all its folders, each address once; NotOpml.

    Entities are not expanded and nothing is fetched: a list is somebody else's file.
    """
    from lxml import etree

    if len(data) > LARGEST:
        raise NotOpml(f"the list is larger than {LARGEST // 1_000_000} MB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(data.strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotOpml(f"this is no list of feeds: {error}") from error
    if root is None or str(root.tag).lower() != "opml":
        raise NotOpml("this is no list of feeds; OPML begins with <opml>")
    found: dict[str, Listed] = {}
    for outline in root.iter("outline"):
        given = {str(name).lower(): str(value).strip() for name, value in outline.attrib.items()}
        url = given.get("xmlurl", "")
        if url:
            title = " ".join((given.get("title") or given.get("text") or url).split())
            found.setdefault(url, Listed(title, url, given.get("htmlurl", "")))
    if len(found) > MOST:
        raise NotOpml(f"the list has more than {MOST:,} feeds")
    return list(found.values())


def write_opml(title: str, listed: Iterable[Listed]) -> str:
    """Return a list of feeds that other programs read."""
    root = Element("opml", version="2.0")
    SubElement(SubElement(root, "head"), "title").text = title
    body = SubElement(root, "body")
    for one in listed:
        given = {"type": "rss", "text": one.title, "title": one.title, "xmlUrl": one.feed}
        SubElement(body, "outline", {**given, **({"htmlUrl": one.page} if one.page else {})})
    return tostring(root, encoding="unicode", xml_declaration=False)
