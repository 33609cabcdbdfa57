"""What templates know of an edition: plain values, cleaned, without anything that could lead to the store."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from markupsafe import Markup

from digest.edition.layout import Layout
from digest.letter.budget import article_bound, day_bound
from digest.letter.values import one_line, shortened, web_url
from digest.locale import Words, direction_of
from digest.models import Article

COLUMN = 528  #: pixels a picture has, inside the paper's margins
TALLEST = 528  #: and its height at most: a portrait is made smaller, not cut
SMALLEST = 200  #: narrower ones are icons, or pixels that watch who opens
LONGEST_LEAD = 600  #: characters: some feeds give a whole article for its lead
SUMMARY = 130  #: characters: two lines of a column of 600 pixels


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the web with the size it is shown in; 0 where nobody knows how large it is."""

    url: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PrintedLink:
    """What templates know of another source's article of the same story."""

    name: str  #: the source's title, else the host that the link leads to
    url: str


@dataclass(frozen=True, slots=True)
class PrintedArticle:
    """What templates know of an article: plain text on one line each, and a link of the web or an empty one."""

    title: str
    subtitle: str
    lead: str
    summary: str  #: the lead, cut where it is longer than two lines
    section: str
    author: str
    url: str
    language: str  #: BCP 47, where it is not the letter's
    direction: str  #: ltr or rtl, where it is not the letter's
    picture: Picture | None
    bounds: Markup  #: to be printed before and behind an article in HTML, so that its cost is known
    also: tuple[PrintedLink, ...] = ()  #: the same story in other places


@dataclass(frozen=True, slots=True)
class PrintedDay:
    """What templates know of a day; its headlines are numbered through the letter."""

    date: dt.date
    first: int  #: number of its first headline
    articles: tuple[PrintedArticle, ...]
    bounds: Markup  #: to be printed before and behind it in HTML


@dataclass(frozen=True, slots=True)
class Printed:
    """An edition as templates know it."""

    lead: PrintedArticle | None
    days: tuple[PrintedDay, ...]

    @property
    def headlines(self) -> tuple[PrintedArticle, ...]:
        """All articles but the lead story."""
        return tuple(article for day in self.days for article in day.articles)


def printed(layout: Layout, words: Words, nonce: str, written: str, titles: Mapping[int, str]) -> Printed:
    """Return an edition as templates know it, every text and link in it cleaned.

    ``written`` is the language of articles that do not say theirs: the newsletter's, whatever the letter's is.
    ``titles`` are those of sources, by their numbers.
    """
    numbers, told_by = iter(range(len(layout.printed))), layout.also

    def one(article: Article) -> PrintedArticle:
        bound = Markup(article_bound(nonce, next(numbers)))  # noqa: S704  a comment of ours
        return _article(article, words, written, bound, _links(article, told_by.get(article.id, ()), titles))

    lead = one(layout.lead) if layout.lead else None
    days, first = [], 1
    for n, day in enumerate(layout.days):
        bounds = Markup(day_bound(nonce, n))  # noqa: S704  likewise
        days.append(PrintedDay(day.date, first, tuple(one(article) for article in day.articles), bounds))
        first += len(day.articles)
    return Printed(lead, tuple(days))


def nothing(title: str) -> PrintedArticle:
    """Return what stands for the lead story in the subject of an edition that has none."""
    return PrintedArticle(title, "", "", "", "", "", "", "", "", None, Markup())


def _article(
    article: Article, words: Words, written: str, bounds: Markup, also: tuple[PrintedLink, ...]
) -> PrintedArticle:
    own = (article.language or written).replace("_", "-")
    own = own if own != words.language else ""
    direction = direction_of(own) if own else words.direction
    lead = shortened(one_line(article.lead), LONGEST_LEAD)
    return PrintedArticle(
        title=one_line(article.title),
        subtitle=one_line(article.subtitle),
        lead=lead,
        summary=shortened(lead, SUMMARY),
        section=one_line(article.section),
        author=one_line(article.author),
        url=web_url(article.url or "") or "",
        language=own,
        direction=direction if direction != words.direction else "",
        picture=_picture(article),
        bounds=bounds,
        also=also,
    )


def _links(article: Article, others: Iterable[Article], titles: Mapping[int, str]) -> tuple[PrintedLink, ...]:
    """Return links to where else a story is told, each once; what has no link is not worth naming to a reader."""
    names: dict[str, str] = {}
    for other in others:
        url = web_url(other.url or "")
        if url and url != web_url(article.url or ""):
            names.setdefault(url, one_line(titles.get(other.source_id or 0, "")) or _host(url))
    return tuple(PrintedLink(name, url) for url, name in names.items())


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _picture(article: Article) -> Picture | None:
    url = web_url(article.image or "")
    if not url:
        return None
    width, height = article.image_width or 0, article.image_height or 0
    if (width and width < SMALLEST) or (height and height < SMALLEST / 2):
        return None
    if not (width and height):
        return Picture(url, one_line(article.image_alt), 0, 0)
    scale = min(1.0, COLUMN / width, TALLEST / height)
    return Picture(url, one_line(article.image_alt), round(width * scale), round(height * scale))


def first_headlines(titles: Iterable[str], longest: int) -> str:
    """Return headlines in one line, as many as begin within so many characters."""
    line = ""
    for title in titles:
        if len(line) >= longest:
            break
        line = f"{line} · {title}" if line else title
    return shortened(line, longest + 40)
