"""What each article costs in octets of HTML, and which dates are folded so that no mailbox cuts the letter.

Gmail cuts at about 102 kB of HTML, and the unsubscribe link stands last (RELIABILITY.md, A3: H12).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from digest.edition.layout import Day, Layout
from digest.models import Article, Letter, PlacementRole

BUDGET = 90_000  #: octets of HTML, as a mailbox decodes it
MORE = 300  #: octets of the line "12 more on the web", which folding adds


@dataclass(frozen=True, slots=True)
class Costs:
    """Octets of a letter's HTML."""

    html: int
    articles: tuple[int, ...]  #: of each printed article, the lead story first
    days: tuple[int, ...]  #: of each date with its articles


def article_bound(nonce: str, number: int) -> str:
    """Return what a design prints before and behind an article, ``{{ article.bounds }}``: no mail holds it."""
    return f"<!--{nonce}a{number:05d}-->"


def day_bound(nonce: str, number: int) -> str:
    """Return what a design prints before and behind a date with its articles, ``{{ day.bounds }}``."""
    return f"<!--{nonce}d{number:05d}-->"


def measure(html: str, nonce: str, layout: Layout) -> tuple[str, Costs]:
    """Return a page without the bounds in it, and what its articles and dates cost.

    Of a design without bounds each article costs the same.
    """
    pieces = re.split(f"<!--{nonce}([ad][0-9]{{5}})-->", html)
    clean = "".join(pieces[::2])
    size, found, inside = len(clean.encode()), Counter[str](), set[str]()
    for mark, text in zip(pieces[1::2], pieces[2::2], strict=True):
        inside ^= {mark}
        octets = len(text.encode())
        found.update(dict.fromkeys(inside, octets))
    count = len(layout.printed)
    each = 0 if found else size // max(count, 1)
    articles = tuple(found[f"a{n:05d}"] or each for n in range(count))
    days, start = [], 1 if layout.lead else 0
    for n, day in enumerate(layout.days):
        end = start + len(day.articles)
        days.append(max(found[f"d{n:05d}"], sum(articles[start:end])))
        start = end
    return clean, Costs(size, articles, tuple(days))


def fold(layout: Layout, costs: Costs, budget: int = BUDGET) -> Layout:
    """Return a layout with its oldest dates folded until the rest is within the budget, as far as can be told.

    A date is folded whole, so that none reads as if it were complete and is not; only the newest is cut, at its end.
    The lead story is always printed.
    """
    too_much = costs.html - budget + (0 if layout.folded else MORE)
    dates = len(layout.days)
    while dates > 1 and too_much > 0:
        dates -= 1
        too_much -= costs.days[dates]
    kept = sum(len(day.articles) for day in layout.days[:dates])
    newest = list(costs.articles[1 if layout.lead else 0 :][:kept])
    while newest and too_much > 0:
        too_much -= newest.pop()
    return _folded(layout, len(newest) if dates == 1 else kept)


def _folded(layout: Layout, kept: int) -> Layout:
    """Return a layout with its first headlines only."""
    days: list[Day] = []
    folded: list[Article] = []
    for day in layout.days:
        printed, rest = day.articles[:kept], day.articles[kept:]
        kept -= len(printed)
        days += [Day(day.date, printed)] if printed else []
        folded += rest
    return replace(layout, days=tuple(days), folded=(*folded, *layout.folded))


def kept(layout: Layout, costs: Costs) -> dict[str, object]:
    """Return what is stored with a letter: octets in all, those of each article by its number, and who is folded."""
    numbered = zip(layout.printed, costs.articles, strict=True)
    return {
        "html": costs.html,
        "budget": BUDGET,
        "articles": {str(article.id): cost for article, cost in numbered if article.id is not None},
        "folded": [article.id for article in layout.folded if article.id is not None],
    }


def roles(layout: Layout, letters: Iterable[Letter]) -> Mapping[int, PlacementRole]:
    """Return how an edition prints each article; what no letter prints is folded.

    Letters fold each for itself: one in another language is longer, one for few sections has room.
    """
    printed = [letter.costs.get("articles", {}) for letter in letters if letter.costs]
    somewhere = {int(number) for articles in printed for number in articles}
    beside = layout.shown_as()
    return {
        number: PlacementRole.FOLDED if printed and number not in {*somewhere, *beside} else role
        for number, role in layout.roles().items()
    }
