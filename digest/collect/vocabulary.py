"""The elements and namespaces of feeds and sitemaps that mean something to us, and how much each may hold."""

import re
from xml.sax.saxutils import quoteattr

LONGEST_VALUE = 4_000  #: characters of an attribute, or of an element that holds a word or a line
LONGEST_NAME = 120  #: of one that holds a person: looking for an address in it takes the square of its length
LONGEST_TITLE = 20_000
LONGEST_TEXT = 1_000_001  #: of one that holds an article: one more than an article may have

#: The namespaces that mean something to us, in lower case, under the prefix they are known by. Those without a prefix
#: are of RSS and Atom, which have so many names that an unknown one counts as theirs.
NAMESPACES = {
    "http://search.yahoo.com/mrss": "media",
    "http://purl.org/dc/elements/1.1": "dc",
    "http://purl.org/dc/elements/1.0": "dc",
    "http://purl.org/dc/terms": "dcterms",
    "http://purl.org/rss/1.0/modules/content": "content",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://www.w3.org/2000/svg": "svg",
    "http://www.w3.org/1998/math/mathml": "math",
    "http://www.google.com/schemas/sitemap-news/0.9": "news",
    "http://www.google.com/schemas/sitemap-image/1.1": "image",
    "http://www.w3.org/xml/1998/namespace": "xml",
    **{
        f"http://prismstandard.org/namespaces/{version}": "prism"
        for version in ("1.2/basic", "basic/1.2", "basic/2.0", "basic/2.1", "basic/3.0")
    },
}
_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")

#: What is written for each prefix: the spelling the parser expects.
URI_OF = {
    **{prefix: uri for uri, prefix in reversed(NAMESPACES.items())},
    "media": "http://search.yahoo.com/mrss/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "itunes": "http://www.itunes.com/DTDs/PodCast-1.0.dtd",
}
#: Namespaces of RSS, Atom and sitemaps themselves, in the spellings they have had.
PLAIN = re.compile(
    r"userland\.com/rss|law\.harvard\.edu|purl\.org/(rss/1\.0/?$|atom|pie|echo|net/rss)|netscape\.com|w3\.org/2005/atom"
    r"|sitemaps\.org|sitemap/0"
)

#: Where everything inside is text with markup, and no element of the feed.
TEXTS = {
    *("description", "summary", "content", "abstract", "info", "tagline", "subtitle", "copyright", "rights", "body"),
    *("fullitem", "content:encoded", "xhtml:body", "media:description", "itunes:summary", "title", "media:title"),
}
#: What holds one article.
ITEMS = {"item", "entry"}
#: What holds one address, by the root of the sitemap.
ADDRESSES = {"urlset": {"url"}, "sitemapindex": {"sitemap"}}
FRAME = {"rss", "channel", "feed", "rdf:rdf", *ITEMS}
#: What a feed's element may be called; all others are written "x", so that none can pass for a parser's own names.
NAMES = {
    *FRAME, *TEXTS,
    *("link", "guid", "id", "pubdate", "published", "issued", "created", "updated", "modified", "lastbuilddate"),
    *("author", "name", "email", "uri", "url", "homepage", "contributor", "managingeditor", "webmaster", "creator"),
    *("category", "keywords", "enclosure", "source", "image", "textinput", "expirationdate", "language", "date"),
    *("width", "height", "href", "generator", "comments", "docs", "logo", "icon", "language", "base"),
    *("dc:title", "dc:creator", "dc:author", "dc:date", "dc:description", "dc:subject", "dc:language", "dc:publisher"),
    *("dc:contributor", "dc:rights", "dcterms:issued", "dcterms:created", "dcterms:modified", "dcterms:valid"),
    *("dcterms:available", "prism:embargodate", "prism:expirationdate"),
    *("media:content", "media:thumbnail", "media:group", "media:category", "media:keywords", "media:credit"),
    *("feedburner:origlink", "itunes:author", "itunes:image", "itunes:subtitle", "itunes:keywords"),
    *("urlset", "sitemapindex", "sitemap", "loc", "lastmod", "news:news", "news:title", "news:publication_date"),
    *("news:publication", "news:name", "news:language", "news:keywords", "image:image", "image:loc", "image:title"),
}  # fmt: skip
#: Where a person is named.
PEOPLE = {"author", "name", "email", "managingeditor", "webmaster", "dc:creator", "dc:author", "itunes:author"}
#: What no text has in it, and feeds always: then the text was never closed.
NEVER_IN_TEXT = {
    *("description", "pubdate", "guid", "content:encoded", "enclosure", "published", "updated"),
    *("dc:creator", "dc:date", "media:content", "media:thumbnail", "feedburner:origlink", "channel"),
}  # fmt: skip
#: HTML elements that have no end (HTML, 13.1.2).
VOID = {"br", "hr", "img", "input", "meta", "area", "base", "col", "embed", "param", "source", "track", "wbr"}


def name_of(given: str, spaces: dict[str, str]) -> str:
    """Return an element's name under the prefix by which we know its namespace, none for that of the feed."""
    prefix, _, local = given.rpartition(":")
    uri = spaces.get(prefix, "").strip().lower().rstrip("/")
    known = "xml" if prefix == "xml" else NAMESPACES.get(uri)
    if known and (prefix or local not in FRAME):
        return f"{known}:{local}"
    if not prefix or PLAIN.search(uri) or (not uri and prefix in ("atom", "atom10", "rss")):
        return local
    return given if not uri and prefix in URI_OF else "x"


def attributes_of(attributes: list[tuple[str, str]], spaces: dict[str, str]) -> str:
    """Return an element's attributes as they are written: once each, those of other namespaces left out."""
    kept: dict[str, str] = {}
    for name, value in attributes:
        prefix, _, local = name.rpartition(":")
        if prefix:
            known = "xml" if prefix == "xml" else NAMESPACES.get(spaces.get(prefix, prefix).lower().rstrip("/"))
            if known not in ("xml", "rdf"):
                continue
            local = f"{known}:{local}" if _LOCAL.fullmatch(local) else ""
        if local not in ("", "xmlns"):
            kept.setdefault(local, value)
    return "".join(f" {name}={quoteattr(value)}" for name, value in kept.items())


def room_of(name: str) -> int:
    """Return how many characters an element may have."""
    if name in ("title", "media:title"):
        return LONGEST_TITLE
    if name in TEXTS:
        return LONGEST_TEXT
    return LONGEST_NAME if name in PEOPLE else LONGEST_VALUE
