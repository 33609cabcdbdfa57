"""The page of an article to what it says of itself: structured data, then the text found by trafilatura."""

import datetime as dt
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from digest.collect.clean import TooMuchMarkup, clean_html
from digest.collect.dates import Moment
from digest.collect.document import Node, base_of, meta, page_of, words_in
from digest.collect.items import LONGEST_TITLE, Picture, absolute, best_picture, end_of, pictured, published_of
from digest.collect.links import canonical_link
from digest.collect.rows import Found
from digest.collect.structured import Structured, structured_data
from digest.collect.texts import LONGEST_LEAD, Text, cut, without_repeated, words_of
from digest.errors import ConfigError
from digest.models import Article
from digest.settings import SourceSettings
from digest.tables import LONGEST, language_tag

LARGEST = 2_000_000  #: characters of a page that go to trafilatura, which takes its time
MOST_TAGS = 20_000


class NoExtractor(ConfigError):
    """A source wants articles' pages read, and what reads them is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"[sources.{name}] extract = true needs trafilatura: pip install 'digest-mailer[extract]'")


@dataclass(frozen=True, slots=True)
class PageFields:
    """What an article's page says; empty where it does not."""

    title: str = ""
    subtitle: str = ""
    lead: str = ""
    body: str = ""  #: clean HTML
    published: Moment | None = None
    expires: dt.datetime | None = None
    author: str = ""
    section: str = ""
    image: Picture | None = None
    language: str | None = None
    url: str | None = None  #: canonical, where the page names one on its own site


def check_extractor(settings: SourceSettings) -> None:
    """Raise NoExtractor where a source wants articles' pages read, and trafilatura is missing."""
    from importlib.util import find_spec

    if settings.extract and find_spec("trafilatura") is None:
        raise NoExtractor(settings.name)


def read_article_page(data: bytes, *, url: str, charset: str | None, zone: ZoneInfo, now: dt.datetime) -> PageFields:
    """Return what an article's page says of the article; a page that says nothing gives empty fields.

    Asked in turn: JSON-LD, Open Graph and other meta elements, elements of the page (``h1``, ``time``), and for the
    text trafilatura, where it is installed. Nothing is raised.
    """
    tree, decoded = page_of(data, charset)
    base = base_of(tree, url)
    said = structured_data(tree, url)
    lead = words_of(Text(said.lead or meta(tree, "og:description", "twitter:description", "description")))
    title, subtitle = _title(tree, said), words_of(Text(said.subtitle))
    return PageFields(
        title=cut(title, LONGEST_TITLE),
        subtitle=cut(subtitle, LONGEST_LEAD),
        lead=cut(lead, LONGEST_LEAD),
        body=without_repeated(_body(decoded.text, said, base), title, subtitle, lead),
        published=published_of([*said.dates, *_dates(tree)], zone, now),
        expires=end_of(said.expires or meta(tree, "article:expiration_time"), zone, now),
        author=_author(tree, said)[:500],
        section=words_of(Text(said.section or meta(tree, "article:section")))[:200],
        image=best_picture([*said.pictures, *_pictures(tree)], base),
        language=language_tag(said.language or (tree.get("lang") or "") or meta(tree, "og:locale")),
        url=_canonical(tree, said, url, base),
    )


def filled(found: Found, fields: PageFields) -> Found:
    """Return a found article with what its page says put in.

    The page wins, since a feed may shorten; but for the date, which the page may have only to the day or as that of its
    last change, and the section, by which the source files it. The guid stays, so that it is the same article.
    """
    old = found.article
    said = {name: getattr(old, name) for name in type(old).model_fields}
    for name in ("title", "subtitle", "lead", "author", "language", "expires"):
        said[name] = getattr(fields, name) or said[name]
    if fields.image and fields.image.url != old.image:
        said |= pictured(fields.image)
    said["body"] = max(fields.body, old.body, key=len)
    said["section"] = old.section or fields.section
    if fields.published and (old.published is None or (old.published_on and not fields.published.on)):
        said["published"], said["published_on"] = fields.published.at, fields.published.on
    link = canonical_link(fields.url) if fields.url else None
    if old.link and link and len(link) <= 2000:
        said["url"], said["link"] = fields.url, link
    return replace(found, article=Article.model_validate(said))


def _title(tree: Node, said: Structured) -> str:
    """Return the headline, without the name of the site after it."""
    site = meta(tree, "og:site_name")
    for title in (said.title, meta(tree, "og:title", "twitter:title"), _first(tree, "h1"), _first(tree, "title")):
        words = words_of(Text(title))
        for sign in (" - ", " – ", " — ", " | ", " · "):
            if site and words.endswith(sign + site):
                words = words.removesuffix(sign + site)
        if words and words != site:
            return words
    return ""


def _first(tree: Node, tag: str) -> str:
    return next((words for node in tree.iter(tag) if (words := words_in(node))), "")


def _dates(tree: Node) -> list[str]:
    """Return the dates of publication a page names outside of structured data, the surest first."""
    named = ("article:published_time", "datepublished", "date", "dc.date", "dc.date.issued", "dcterms.created",
             "dcterms.date", "pubdate", "publish-date", "publishdate", "sailthru.date", "parsely-pub-date")  # fmt: skip
    times = [node for node in tree.iter("time") if node.get("datetime")]
    times.sort(key=lambda node: (node.get("itemprop") or "").lower() != "datepublished" and node.get("pubdate") is None)
    return [date for date in (meta(tree, *named), *(node.get("datetime") for node in times[:3])) if date]


def _author(tree: Node, said: Structured) -> str:
    named = said.author or meta(tree, "author", "article:author", "byl", "parsely-author", "dc.creator")
    return "" if "://" in named or "@" in named else words_of(Text(named)).removeprefix("Av ").removeprefix("By ")


def _pictures(tree: Node) -> list[Picture]:
    url = meta(tree, "og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
    width, height = meta(tree, "og:image:width"), meta(tree, "og:image:height")
    sizes = [int(side) if side.isascii() and side.isdigit() and len(side) < 6 else 0 for side in (width, height)]
    return [Picture(url, *sizes)] if url else []


def _canonical(tree: Node, said: Structured, url: str, base: str) -> str | None:
    """Return the address a page gives as its own, if it can be: on its site, and not the front page of it."""
    linked = [
        link.get("href") or "" for link in tree.iter("link") if "canonical" in (link.get("rel") or "").lower().split()
    ]
    for href in (*linked, meta(tree, "og:url"), said.url):
        link = absolute(href, base)
        if link and _site(link) == _site(url) and (urlsplit(link).path.strip("/") or not urlsplit(url).path.strip("/")):
            return link
    return None


def _site(url: str) -> str:
    host = (urlsplit(url).hostname or "").removesuffix(".")
    for prefix in ("www.", "m.", "mobile.", "amp."):
        host = host.removeprefix(prefix)
    return host


def _body(text: str, said: Structured, base: str) -> str:
    """Return the text of the article as clean HTML: trafilatura's, else that of the structured data."""
    found = _extracted(text) if len(text) <= LARGEST and text.count("<") <= MOST_TAGS else ""
    for markup in (found, said.body):
        try:
            clean = clean_html(markup, base)
        except TooMuchMarkup:
            continue
        if clean and len(clean) <= LONGEST:
            return clean
    return ""


def _extracted(text: str) -> str:
    try:
        from trafilatura import extract
    except ImportError:
        return ""
    try:
        return extract(text, output_format="html", include_comments=False, include_links=True) or ""
    except Exception:  # noqa: BLE001  whatever a stranger's page does to it, the article is had without
        return ""
