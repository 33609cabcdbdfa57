"""The same story from several sources: which articles of an edition tell it, and which of them is shown.

Decides only: what is chosen comes in, clusters come out.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, pairwise, product
from zoneinfo import ZoneInfo

from digest.edition.layout import Story, Why, date_of
from digest.edition.likeness import compare, difference
from digest.edition.wording import TAGS, Wording, wording
from digest.models import Article, Placement, PlacementState

Pair = tuple[Article, Placement]

MOST_APART = 3  #: days: what was sent out on a Friday is printed on Monday; next week's is news again
BEGINNING = 30  #: words of a lead in which turns of phrase are looked for
KEYS = 8  #: the rarest of them are what an article is found by
RARE = 24  #: articles: what stands in more is not rare; of one story there are not so many sources
COMPARED = 8  #: articles that one is compared with on average, at most


def stories(
    chosen: Sequence[Pair], rule: str, preferred: Collection[int], date: dt.date, zone: ZoneInfo
) -> tuple[Story, ...]:
    """Return the stories that several sources tell, each with the article that a rule shows.

    ``rule`` is first, longest, preferred or off; ``preferred`` are the sources with ``prefer = true``.  A pinned
    article is the one shown whatever the rule.  Two articles of one source are never one story.
    """
    if rule == "off" or len({article.source_id for article, _ in chosen}) < 2:
        return ()
    groups = _groups([wording(article) for article, _ in chosen], lambda article: date_of(article, date, zone))
    return tuple(_told([chosen[n] for n in group], rule, preferred, zone) for group in groups)


def frozen(
    bound: Sequence[Pair], is_public: Callable[[Article], bool], rule: str, preferred: Collection[int], zone: ZoneInfo
) -> tuple[Story, ...]:
    """Return the stories of an edition as they were when it was frozen, whatever its articles say now.

    The one that was shown still is; where readers may not see it any more, another is shown, by the rule.
    """
    groups: dict[int | None, list[Pair]] = defaultdict(list)
    for pair in bound:
        groups[pair[1].shown_as or pair[0].id].append(pair)
    found = []
    for number, group in groups.items():
        public = [pair for pair in group if is_public(pair[0])]
        if len(group) < 2 or not public:
            continue
        why = next((place.shown_by for _, place in group if place.shown_by), None)
        was = next((article for article, _ in public if article.id == number), None)
        shown = (was, Why(why)) if was is not None and why else _shown(public, rule, preferred, zone)
        hidden = tuple(article for article, _ in group if not is_public(article))
        found.append(replace(_story(public, *shown, zone), hidden=hidden))
    return tuple(found)


def within(found: Sequence[Story], chosen: Sequence[Pair]) -> tuple[Story, ...]:
    """Return stories as some of an edition's articles tell them: where the shown one is not there, the first is."""
    here = {article.id for article, _ in chosen}
    told = []
    for story in found:
        those = [article for article in (story.shown, *story.others) if article.id in here]
        if len(those) > 1:
            told.append(replace(story, shown=those[0], others=tuple(those[1:])))
    return tuple(told)


def _told(group: Sequence[Pair], rule: str, preferred: Collection[int], zone: ZoneInfo) -> Story:
    return _story(group, *_shown(group, rule, preferred, zone), zone)


def _story(group: Sequence[Pair], shown: Article, why: Why, zone: ZoneInfo) -> Story:
    others = sorted((article for article, _ in group if article is not shown), key=lambda one: _moment(one, zone))
    return Story(shown, tuple(others), why)


def _shown(group: Sequence[Pair], rule: str, preferred: Collection[int], zone: ZoneInfo) -> tuple[Article, Why]:
    pinned = [article for article, place in group if place.state is PlacementState.PINNED]
    if pinned:
        return min(pinned, key=lambda one: _moment(one, zone)), Why.PINNED
    articles = sorted((article for article, _ in group), key=lambda one: _moment(one, zone))
    if rule == "longest":
        return max(articles, key=_length), Why.LONGEST  # of several the first
    liked = [article for article in articles if article.source_id in preferred] if rule == "preferred" else []
    return (liked[0], Why.PREFERRED) if liked else (articles[0], Why.FIRST)


def _moment(article: Article, zone: ZoneInfo) -> tuple[dt.datetime, int]:
    """Return when an article came out, as far as anybody knows, and its number for what came at the same moment."""
    moment = article.published or article.first_seen
    if article.published_on is not None:
        midnight = dt.datetime.combine(article.published_on + dt.timedelta(days=1), dt.time(), zone)
        moment = min(moment, midnight.astimezone(dt.UTC))
    return moment, article.id or 0


def _length(article: Article) -> int:
    return len(article.lead) + len(TAGS.sub("", article.body))


def _groups(read: Sequence[Wording], day: Callable[[Article], dt.date]) -> list[tuple[int, ...]]:
    """Return which articles tell one story with others, by their places: who is most alike comes together first.

    Whoever joins contradicts nobody who is there already: no source twice, no other name or number, no other week.
    """
    days = [day(one.article) for one in read]

    def may_be_one(a: int, b: int) -> bool:
        sources = read[a].article.source_id, read[b].article.source_id
        return sources[0] != sources[1] and abs((days[a] - days[b]).days) <= MOST_APART

    alike: list[tuple[float, int, int]] = []
    for a, b in _candidates(read):
        if may_be_one(a, b) and (likeness := compare(read[a], read[b])).is_one_story:
            alike.append((-likeness.weight, a, b))
    member: dict[int, tuple[int, ...]] = {}
    for _, a, b in sorted(alike):
        ours, theirs = member.get(a, (a,)), member.get(b, (b,))
        strangers = product(ours, theirs)
        if b not in ours and all(may_be_one(x, y) and not difference(read[x], read[y]) for x, y in strangers):
            member |= dict.fromkeys((*ours, *theirs), (*ours, *theirs))
    return sorted({tuple(sorted(group)) for group in member.values()})


def _candidates(read: Sequence[Wording]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that are worth a comparison: those that share rare turns of phrase, two words in a row.

    To compare all of 5,000 articles would be twelve million comparisons; and whatever stands in a text, an article
    has only so many keys, a key only so many articles, and an article is compared only so often.
    """
    phrases = [{*pairwise(one.title), *pairwise(one.lead[:BEGINNING])} for one in read]
    having = Counter(phrase for ours in phrases for phrase in ours)
    by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n, ours in enumerate(phrases):
        rare = [phrase for phrase in ours if 1 < having[phrase] <= RARE]
        for key in sorted(rare, key=lambda phrase: (having[phrase], phrase))[:KEYS] if len(rare) > KEYS else rare:
            by_key[key].append(n)
    shared: Counter[tuple[int, int]] = Counter()
    for articles in by_key.values():
        shared.update(combinations(articles, 2))
    yield from (pair for pair, count in shared.most_common(COMPARED * len(read)) if count > 1)
