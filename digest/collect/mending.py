"""Feeds and sitemaps of any quality made well-formed XML, with bounds on all that is in it.

Half of what goes wrong with feeds is XML that is none: entities nobody declared, tags that cross, a file cut off in
the middle. The other half of the danger is XML that is, and was made to cost a reader hours. Both end here: what goes
on to the parser has no DOCTYPE, no entities but the five, no comments, known namespaces under their usual prefixes,
and limits on tags, depth, attributes and text. One pass, in time that grows with the length.
"""

import html
import re
from collections import Counter
from dataclasses import dataclass
from html.entities import html5
from xml.sax.saxutils import escape, quoteattr

from digest.collect.vocabulary import (
    ADDRESSES,
    FRAME,
    ITEMS,
    LONGEST_VALUE,
    NAMES,
    NEVER_IN_TEXT,
    PEOPLE,
    TEXTS,
    URI_OF,
    VOID,
    attributes_of,
    name_of,
    room_of,
)  # fmt: skip
from digest.tables import without_controls

MOST_TAGS = 250_000  #: beginnings and ends of elements, comments and the like
MOST_ITEMS = 3_000
MOST_ADDRESSES = 50_000  #: of a sitemap (sitemaps.org)
DEEPEST = 100  #: elements inside one another; what is deeper loses its tags, not its text
MOST_ATTRIBUTES = 40
MOST_INSIDE = 30_000  #: elements of mark-up that is not escaped, in all texts together; more lose their tags
MOST_PEOPLE = 6_000
MOST_OF_A_KIND = 200  #: elements of one name in an item: categories, links, pictures
# Without "<" in a value, as XML has it (3.1): else one quotation mark too many would swallow half a feed.
_START = re.compile(
    r"""<([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)(?:((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>|([^<>]*+)>)""",
    re.ASCII,
)
_END = re.compile(r"</\s*([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)[^<>]*+>?", re.ASCII)
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w.:-]*)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.ASCII)
_REFERENCE = re.compile(r"&(?:#([0-9]{1,8})|#[xX]([0-9A-Fa-f]{1,7})|([A-Za-z][A-Za-z0-9.]{0,31}));")
_ENTITY = re.compile(r"""<!ENTITY\s+([A-Za-z][\w.]{0,31})\s+(?:"([^"]{0,200})"|'([^']{0,200})')\s*>""")
_NOT_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Mended:
    """Well-formed XML, under a root of its own."""

    xml: bytes
    names: frozenset[str]  #: of the elements in it
    cut: bool = False  #: there was more than the limits allow


@dataclass(slots=True)
class _Open:
    """An element that has not ended."""

    given: str  # its name in the text, in lower case
    name: str  # and in what is written; empty when it is not
    inside: str  # the text element around it, or itself
    spaces: dict[str, str]  # namespaces by prefix
    room: int  # characters of text it may still have


def mended(text: str) -> Mended:
    """Return markup as well-formed XML; whatever it is, there is an answer."""
    return _Mending(without_controls(_NOT_XML.sub("", text.replace("\r\n", "\n")))).run()


class _Mending:
    """One pass over a text, with what is open at each place."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.entities = {name: one or two for name, one, two in _ENTITY.findall(text[:20_000])}
        declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in URI_OF.items() if prefix != "xml")
        self.out = [f"<digest{declared}>"]
        self.root = _Open("", "digest", "", {}, LONGEST_VALUE)
        self.open = [self.root]
        self.too_deep = 0
        self.tags = 0
        self.items = self.people = self.inside = 0
        self.kind = ITEMS  # what an item is called in it
        self.kinds: Counter[str] = Counter()  # of the elements of this item
        self.names: set[str] = set()
        self.cut = False
        self.no_more: set[str] = set()  # ends that no longer occur

    def run(self) -> Mended:
        at, length = 0, len(self.text)
        while at < length and not self.cut:
            markup = self.text.find("<", at)
            if markup < 0:
                self.words(self.text[at:], resolve=True)
                break
            if markup > at:
                self.words(self.text[at:markup], resolve=True)
            at = self.markup(markup)
        self.close(1)
        self.out.append("</digest>")
        return Mended("".join(self.out).encode(), frozenset(self.names), self.cut)

    def markup(self, at: int) -> int:
        """Take in what begins with ``<``; return where it ends."""
        text = self.text
        self.tags += 1
        self.cut = self.tags > MOST_TAGS * (1 if self.kind is ITEMS else 2)
        match text[at + 1 : at + 2]:
            case "!":
                return self.declaration(at)
            case "?":
                end = self.find(">", at)
                return end + 1 if end > 0 else len(text)
            case "/":
                if match := _END.match(text, at):
                    self.end(match[1].lower())
                    return match.end()
            case _:
                if match := _START.match(text, at):
                    values = match[2] or match[3] or ""
                    self.start(match[1].lower(), values, closed=values.endswith("/"))
                    return match.end()
        if self.find(">", at) < 0 and re.match(r"</?[A-Za-z]", text[at : at + 3]):
            return len(text)  # cut off inside a tag
        self.words("<", resolve=False)
        return at + 1

    def declaration(self, at: int) -> int:
        text = self.text
        if text.startswith("<!--", at):
            end = self.find("-->", at + 4)
            return end + 3 if end > 0 else at + 4
        if text.startswith("<![CDATA[", at):
            end = self.find("]]>", at + 9)
            self.words(text[at + 9 : end if end >= 0 else len(text)], resolve=False)
            return end + 3 if end >= 0 else len(text)
        if re.match(r"<!DOCTYPE\b", text[at : at + 10], re.IGNORECASE):
            bracket, end = text.find("[", at, at + 1000), self.find(">", at)
            if 0 < bracket < end:
                end = max(self.find("]>", bracket) + 1, end)
            return end + 1 if end > 0 else len(text)
        self.words("<", resolve=False)
        return at + 1

    def find(self, what: str, start: int) -> int:
        """Return where something follows, -1 for nowhere; what is nowhere is looked for once."""
        if what in self.no_more:
            return -1
        found = self.text.find(what, start)
        if found < 0:
            self.no_more.add(what)
        return found

    def words(self, text: str, *, resolve: bool) -> None:
        element = self.open[-1]
        if not text or not element.name or element is self.root:
            return
        if resolve and "&" in text:
            text = _REFERENCE.sub(self.referred, text)
        holder = next(e for e in self.open if e.inside) if element.inside else element
        if holder.room > 0:
            text = text[: holder.room]
            holder.room -= len(text)
            self.out.append(_written(text))

    def referred(self, reference: re.Match[str]) -> str:
        if name := reference[3]:
            return html5.get(f"{name};") or self.entities.get(name) or reference[0]
        return without_controls(_NOT_XML.sub("", html.unescape(reference[0])))

    def start(self, given: str, values: str, *, closed: bool) -> None:
        attributes = self.attributes(values)
        spaces = self.open[-1].spaces
        if own := {n[6:]: v for n, v in attributes if n == "xmlns" or n.startswith("xmlns:")}:
            spaces = spaces | own
        name = name_of(given, spaces)
        if name in self.kind:
            self.next_item(name)
        elif self.open[-1].inside and name in NEVER_IN_TEXT:
            self.close(next(n for n, e in enumerate(self.open) if e.inside))
        if len(self.open) > DEEPEST:
            self.too_deep += not closed
            return
        inside = self.open[-1].inside
        if inside:
            self.inside += 1
            name = given.rpartition(":")[2] if self.inside <= MOST_INSIDE else ""
            closed = closed or name in VOID
        else:
            name, attributes = self.admitted(name), attributes if name in NAMES else []
        if name:
            self.names.add(name)
            self.out.append(f"<{name}{attributes_of(attributes, spaces)}{'/' * closed}>")
        if not closed:
            within = inside or (name if name in TEXTS else "")
            self.open.append(_Open(given, name, within, spaces, room_of(within or name)))

    def next_item(self, name: str) -> None:
        """End the item that is open, since none stands inside another."""
        self.items += 1
        self.cut |= self.items > (MOST_ITEMS if name in ITEMS else MOST_ADDRESSES)
        self.kinds.clear()
        self.too_deep = 0
        opened = next((n for n, e in enumerate(self.open) if e.name in self.kind), None)
        if opened is not None:
            self.close(opened)

    def admitted(self, name: str) -> str:
        """Return what an element of a feed is written as: "x" if it means nothing to us, "" for one too many."""
        if name not in NAMES:
            name = "x"
        self.kind = ADDRESSES.get(name, self.kind)
        if name not in FRAME and name not in self.kind:
            self.kinds[name] += 1
        self.people += name in PEOPLE
        too_many = self.kinds[name] > MOST_OF_A_KIND or (name in PEOPLE and self.people > MOST_PEOPLE)
        return "" if too_many else name

    def end(self, given: str) -> None:
        if self.too_deep:
            self.too_deep -= 1
            if given not in FRAME:
                return
            self.too_deep = 0
        for n in range(len(self.open) - 1, 0, -1):
            if self.open[n].given == given:
                self.close(n)
                return
            # Markup inside a text that was closed and never opened does not end what is around the text.
            if self.open[n].name in TEXTS and self.open[n].inside == self.open[n].name and given not in NAMES:
                return

    def close(self, first: int) -> None:
        """End all that is open from the ``first`` on."""
        while len(self.open) > first:
            element = self.open.pop()
            if element.name:
                self.out.append(f"</{element.name}>")

    def attributes(self, values: str) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        if "=" in values:
            for match in _ATTRIBUTE.finditer(values):
                value = next((group for group in match.groups()[1:] if group is not None), "")
                found.setdefault(match[1].lower(), _REFERENCE.sub(self.referred, value[:LONGEST_VALUE]))
                if len(found) >= MOST_ATTRIBUTES:
                    break
        return list(found.items())


def _written(text: str) -> str:
    """Return text as XML has it; what is markup as CDATA, which a parser takes in one piece."""
    if text.count("<") + text.count("&") > 3 and "]]>" not in text:
        return f"<![CDATA[{text}]]>"
    return escape(text)
