"""News pages without a feed to articles, by CSS selectors or by what repeats in them."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.discover import links_listed
from digest.collect.document import Node, base_of, page_of, words_in
from digest.collect.encoding import quoted_note
from digest.collect.items import Item, Picture, article_of, told_apart, unread_dates
from digest.collect.rows import Found, Reading
from digest.collect.story import story_on
from digest.collect.texts import Text
from digest.tables import Problem

MOST_ITEMS = 1_000

_Matcher = Callable[[Node], list[Node]]


@dataclass(frozen=True, slots=True)
class Rules:
    """CSS selectors of a news page; all but ``item`` are looked up inside an item.

    ``@name`` at the end of one takes an attribute: ``time@datetime``. ``date`` and ``section`` that are not in an item
    are those that stand last before it: a heading over several.
    """

    item: str
    title: str | None = None  #: else the text of the link
    link: str | None = None  #: else the item's first link
    date: str | None = None
    lead: str | None = None
    section: str | None = None
    image: str | None = None


def check_rules(rules: Rules) -> str | None:
    """Return what is wrong with selectors, in words, None if nothing is: for the settings."""
    for rule in fields(rules):
        if selector := getattr(rules, rule.name):
            try:
                _matcher(selector)
            except ValueError as error:
                return f"{rule.name}: {error}"
    return None


def read_page(
    data: bytes,
    rules: Rules | None,
    *,
    url: str,
    charset: str | None,
    zone: ZoneInfo,
    now: dt.datetime,
    source: str | None = None,
) -> Reading:
    """Return the articles of a news page: by selectors, or with None those of the link list it repeats.

    With None the story that the page tells in full comes first, if it does. A page on which nothing is found says so in
    a note. Raises ValueError for selectors that are none (check_rules).
    """
    tree, decoded = page_of(data, charset)
    items = _selected(tree, rules, base_of(tree, url)) if rules else _found(tree, url, zone, now)
    read = [article_of(item, f"item {n}", zone=zone, now=now, source=source) for n, item in enumerate(items, 1)]
    nothing = () if read else ("nothing on the page is like a list of articles",)
    if rules and not read:
        nothing = (f"nothing on the page matches {rules.item!r}; its mark-up may have changed",)
    return Reading(
        tuple(told_apart(one for one in read if isinstance(one, Found))),
        tuple(one for one in read if isinstance(one, Problem)),
        notes=(*quoted_note(decoded), *nothing, *unread_dates(items, zone, now)),
        title=next((words_in(node) for node in tree.iter("title")), ""),
    )


def _found(tree: Node, url: str, zone: ZoneInfo, now: dt.datetime) -> list[Item]:
    story = story_on(tree, url)
    listed = links_listed(tree, url, zone, now)[:MOST_ITEMS]
    if story is None or any(story.title.words == item.title.words for item in listed):
        return listed
    return [story, *listed]


def _selected(tree: Node, rules: Rules, base: str) -> list[Item]:
    order = {node: number for number, node in enumerate(tree.iter())}
    over = {
        rule: [(order[node], value) for node, value in _values(tree, selector)]
        for rule, selector in (("date", rules.date), ("section", rules.section))
        if selector
    }

    def before(item: Node, rule: str, selector: str | None) -> str:
        if not selector:
            return ""
        if value := _value(item, selector):
            return value
        return next((value for number, value in reversed(over[rule]) if number < order[item] and value), "")

    items = []
    for node in _matcher(rules.item)(tree)[:MOST_ITEMS]:
        link = _link(node, rules.link)
        items.append(
            Item(
                title=Text(_value(node, rules.title) or (words_in(link) if link is not None else ""), markup=False),
                lead=Text(_value(node, rules.lead), markup=False),
                links=[link.get("href") or ""] if link is not None else [],
                base=base,
                dates=[date] if (date := before(node, "date", rules.date)) else [],
                section=before(node, "section", rules.section),
                pictures=[Picture(source)] if (source := _source(node, rules.image)) else [],
            )
        )
    return items


def _link(item: Node, selector: str | None) -> Node | None:
    """Return the link of an item: the element itself, the first in it, or the first around it."""
    within = _matcher(selector)(item) if selector else [item]
    for node in within:
        if link := [one for one in (node, *node.iter("a")) if one.get("href")]:
            return link[0]
    return next((one for one in item.iterancestors("a") if one.get("href")), None) if not selector else None


def _source(item: Node, selector: str | None) -> str:
    if not selector:
        return ""
    if "@" in selector:
        return _value(item, selector)
    return next((image.get("src") or "" for node in _matcher(selector)(item) for image in node.iter("img")), "")


def _value(item: Node, selector: str | None) -> str:
    """Return the first value of a selector in an item that is not empty; a date's is what the page says to machines."""
    return next((value for _, value in _values(item, selector) if value), "") if selector else ""


def _values(node: Node, selector: str) -> list[tuple[Node, str]]:
    _, at, attribute = selector.rpartition("@")
    found = _matcher(selector)(node)
    if at:
        return [(one, (one.get(attribute.strip()) or "").strip()) for one in found]
    return [(one, (one.get("datetime") or "" if one.tag == "time" else "") or words_in(one)) for one in found]


def _matcher(selector: str) -> _Matcher:
    """Return what finds a selector's elements inside another. Raises ValueError, with the reason in words."""
    from cssselect import SelectorError
    from lxml.cssselect import CSSSelector

    css = selector.rpartition("@")[0] or selector if "@" in selector else selector
    try:
        find: Any = CSSSelector(css.strip(), translator="html")
    except SelectorError as error:
        raise ValueError(f"{selector!r} is no CSS selector ({error})") from error
    return lambda node: list(find(node))
