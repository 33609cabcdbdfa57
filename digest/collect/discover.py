"""What a page holds without being told where: the feeds it announces, and the list of links that it repeats."""

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from digest.collect.dates import LONGEST_DATE, Moment, any_moment, month_of
from digest.collect.document import UNSEEN, Node, base_of, body_of, page_of, words_in
from digest.collect.items import Item, absolute
from digest.collect.texts import Text
from digest.tables import tidy

_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_FEED_NAMES = re.compile(
    r"(/(rss|feed|atom)/?|/(rss|feed|atom|index)\.(xml|rss|atom|json)|\.(rss|atom))$", re.IGNORECASE
)
_COMMENTS = re.compile(r"comment|kommentar", re.IGNORECASE)
_ASIDE = {"nav", "footer", "aside", "header"}  #: where a page speaks of itself; a header only at its top
_MORE = re.compile(
    r"(läs|visa|se) (mer|hela|allt|alla).*|(read|show|see) (more|all).*|mehr.*|les mer.*|»|›|→|\W*", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+")
_INLINE = {"span", "b", "strong", "em", "i", "small", "time", "abbr", "sup", "font", "u"}
FEWEST = 5  #: links alike that make a list, where no dates do


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands on a page, in the order of reading: a date, a link, or words."""

    kind: str  #: "date", "link", "heading", "words"
    words: str
    node: Node
    path: str  #: of tags and classes
    moment: Moment | None = None
    url: str = ""


def feeds_announced(data: bytes, url: str, charset: str | None = None) -> list[str]:
    """Return the addresses of the feeds that a page announces, those of comments last.

    Announced is what a link of the head calls an alternate (RSS Advisory Board, RSS Autodiscovery); where none is, what
    the page links to under a feed's usual names.
    """
    tree, _ = page_of(data, charset)
    base = base_of(tree, url)
    said = list(_said(tree)) or [
        (href, words_in(link))
        for link in tree.iter("a")
        if _FEED_NAMES.search((href := link.get("href") or "").strip())
    ]
    last = sorted(said, key=lambda one: bool(_COMMENTS.search(f"{one[0]} {one[1]}")))
    links = [link for href, _ in last if (link := absolute(href, base))]
    return list(dict.fromkeys(links))


def _said(tree: Node) -> Iterator[tuple[str, str]]:
    for link in tree.iter("link"):
        relations = (link.get("rel") or "").lower().split()
        kind = (link.get("type") or "").partition(";")[0].strip().lower()
        if ("alternate" in relations and kind in _FEED_TYPES) or "feed" in relations:
            yield link.get("href") or "", link.get("title") or ""


def links_listed(tree: Node, url: str, zone: ZoneInfo, now: dt.datetime) -> list[Item]:
    """Return the links that a page repeats in one make, each under the date that stands over it or beside it."""
    seen = list(seen_on(tree, base_of(tree, url), zone, now))
    dated = _dated(seen)
    if not dated:
        return _items(_most_alike([one for one in seen if one.kind == "link"]))
    listed = [one for one in dated if one.kind == "link"] or [one for one in dated if one.kind == "words"]
    dates = {one.moment for one in listed}
    under: dict[str, set[Moment | None]] = defaultdict(set)
    for one in listed:
        under[one.path].add(one.moment)
    # What is part of the list stands under several dates; what follows the list only under its last.
    alike = {path for path, moments in under.items() if len(moments) >= max(2, (len(dates) + 1) // 2)}
    if not alike and listed:
        alike = {Counter(one.path for one in listed).most_common(1)[0][0]}
    return _items(one for one in listed if one.path in alike)


def seen_on(tree: Node, base: str, zone: ZoneInfo, now: dt.datetime) -> Iterator[Seen]:
    """Yield the dates, links and words of a page, in the order of reading, but those where it speaks of itself."""
    stack: list[tuple[Node, str] | Seen] = [(body_of(tree), "")]
    while stack:
        step = stack.pop()
        if isinstance(step, Seen):
            yield step
            continue
        node, above = step
        if not isinstance(node.tag, str) or node.tag in UNSEEN or _is_aside(node):
            continue
        path = f"{above}/{node.tag}{_class(node)}"
        if one := _whole(node, path, base, zone, now):
            yield one
            continue
        inside: list[tuple[Node, str] | Seen] = [*_bare(node.text, node, path, zone, now)]
        for child in node:
            inside += [(child, path), *_bare(child.tail, node, path, zone, now)]
        stack += reversed(inside)


def _whole(node: Node, path: str, base: str, zone: ZoneInfo, now: dt.datetime) -> Seen | None:
    """Return an element that is a date, a link or a heading as a whole."""
    if node.tag == "time" and (moment := any_moment(node.get("datetime") or "", zone, now)):
        return Seen("date", words_in(node), node, path, moment)
    if node.tag in ("body", "html", "main"):
        return None
    words = words_in(node) if _is_short(node) else ""
    if words and (moment := _date_only(words, zone, now)):
        return Seen("date", words, node, path, moment)
    if node.tag == "a":
        url = absolute(node.get("href") or "", base)
        return Seen("link", words_in(node), node, path, url=url or "")
    if node.tag in ("h1", "h2", "h3", "h4", "h5", "h6") and next(node.iter("a"), None) is None:
        return Seen("heading", words_in(node), node, path)
    return None


def _bare(text: str | None, node: Node, path: str, zone: ZoneInfo, now: dt.datetime) -> Iterator[Seen]:
    """Yield the words that stand in an element by themselves."""
    if words := tidy(text or ""):
        moment = _date_only(words, zone, now)
        yield Seen("date" if moment else "words", words, node, path, moment)


def _is_short(node: Node) -> bool:
    """Whether an element is one line, of no more than a date: with no link in it, nor lines of their own."""
    total = 0
    for count, inside in enumerate(node.iter()):
        if count and (count > 20 or inside.tag not in _INLINE):
            return False
        total += len((inside.text or "").strip()) + len((inside.tail or "").strip() if count else "")
        if total > LONGEST_DATE:
            return False
    return total > 0


def _date_only(words: str, zone: ZoneInfo, now: dt.datetime) -> Moment | None:
    """Return the date of words that say nothing else; a headline with a date in it is a headline."""
    if len(words) > 50:
        return None
    others = [word for word in _WORD.findall(words.lower()) if not month_of(word)]
    return any_moment(words, zone, now) if len(others) <= 2 else None


def _is_aside(node: Node) -> bool:
    if node.tag == "header":
        return node.getparent() is not None and node.getparent().tag == "body"
    return node.tag in _ASIDE or (node.get("role") or "") in ("navigation", "contentinfo", "search")


def _class(node: Node) -> str:
    """Return an element's classes, without numbers: those of a list are numbered at times."""
    names = sorted({re.sub(r"[0-9]+", "", name) for name in (node.get("class") or "").split()})
    # A first and a last one, and every other, are of one make with the rest.
    return "".join(f".{name}" for name in names if name not in ("first", "last", "odd", "even", "active"))


def _dated(seen: list[Seen]) -> list[Seen]:
    """Return links and words with the date they stand under, or beside; without any date nothing."""
    beside, taken = _beside(seen)
    current: Moment | None = None
    dated: list[Seen] = []
    for number, one in enumerate(seen):
        if one.kind == "date":
            current = current if number in taken else one.moment
        elif one.kind in ("link", "words") and (moment := beside.get(one.node, current)):
            dated.append(replace(one, moment=moment))
    return dated


def _beside(seen: list[Seen]) -> tuple[dict[Node, Moment], set[int]]:
    """Return the dates of links that have one for themselves, and the numbers of those dates.

    That is so where the smallest element around a date holds no other link.
    """
    links: dict[Node, set[str]] = defaultdict(set)  # of every element that holds one
    nodes: dict[Node, list[Node]] = defaultdict(list)
    for one in seen:
        if one.kind == "link" and one.url:
            for around in one.node.iterancestors():
                links[around].add(one.url)
                nodes[around].append(one.node)
    pairs: dict[Node, Moment] = {}
    taken: set[int] = set()
    for number, one in enumerate(seen):
        if one.moment is not None:
            around = next((a for a in (one.node, *one.node.iterancestors()) if a in links), None)
            if around is not None and around.tag != "body" and len(links[around]) == 1:
                pairs |= dict.fromkeys(nodes[around], one.moment)
                taken.add(number)
    return pairs, taken


def _most_alike(links: list[Seen]) -> list[Seen]:
    """Return the links of the make that most have; none if no list is long enough."""
    telling = Counter(one.path for one in links if one.url and len(one.words) >= 20)
    most = telling.most_common(1)
    return [one for one in links if one.path == most[0][0]] if most and most[0][1] >= FEWEST else []


def _items(listed: Iterable[Seen]) -> list[Item]:
    """Return items, one for every address: a picture, a headline and "read more" may all lead there."""
    items: dict[str, Item] = {}
    for one in listed:
        title, lead = _title(one)
        if one.kind == "link" and (not one.url or _MORE.fullmatch(title)):
            continue
        key = one.url or title
        known = items.get(key)
        if known is None or len(title) > len(known.title.words):
            dates = [one.moment.on.isoformat() if one.moment.on else one.moment.at.isoformat()] if one.moment else []
            links = [one.url] if one.url else []
            items[key] = Item(title=Text(title, markup=False), lead=Text(lead, markup=False), links=links, dates=dates)
    return list(items.values())


def _title(one: Seen) -> tuple[str, str]:
    """Return the headline of a link, and what else stands in it."""
    if one.kind == "link":
        for node in one.node.iter("h1", "h2", "h3", "h4", "h5", "h6"):
            if title := words_in(node):
                return title, tidy(one.words.replace(title, "", 1))
        if not one.words:
            return next((tidy(img.get("alt") or "") for img in one.node.iter("img")), ""), ""
    return one.words, ""
