"""The article that a news page tells in full above its list: the lead story of its day."""

import re
from dataclasses import dataclass, field

from digest.collect.document import UNSEEN, Node, base_of, body_of, meta, words_in
from digest.collect.items import Item, absolute
from digest.collect.texts import Text
from digest.tables import tidy

LONG = 90  #: characters from which words are a paragraph and no headline
TELLING = 250  #: characters of paragraphs that make a story
_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dl", "dt", "fieldset"),
).union(
    ("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol"),
    ("p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "br"),
)
_OUTSIDE = {"nav", "footer", "aside", "li", "figcaption"}
_PARTS = re.compile(r"\s+[-–—|·:»]\s+")


_LEFT = object()  #: an element ends


@dataclass(slots=True)
class _Block:
    """Words between two breaks of a page, with where they stand."""

    node: Node
    words: list[str] = field(default_factory=list)
    link: str = ""

    def take(self, words: str, node: Node) -> None:
        """Add words that stand in an element, and the first link there is."""
        self.words.append(words)
        if not self.link:
            links = (one.get("href") for one in (node, *node.iterancestors()) if one.tag == "a")
            self.link = next((link for link in links if link), "")

    @property
    def text(self) -> str:
        return tidy(" ".join(self.words))

    @property
    def is_heading(self) -> bool:
        return any(around.tag in ("h1", "h2", "h3", "h4") for around in (self.node, *self.node.iterancestors()))


def story_on(tree: Node, url: str) -> Item | None:
    """Return the first story of a page: paragraphs in a row, under the title and subtitle that stand over them."""
    blocks = [block for block in _blocks(tree) if block.text]
    run = _paragraphs(blocks)
    if not run:
        return None
    first = blocks.index(run[0])
    title, subtitle = _titles(tree, blocks, first)
    if not title:
        return None
    heading = next(block for block in blocks[:first] if block.text == title)
    link = absolute(heading.link, base_of(tree, url)) if heading.link else None
    lead, *body = [block.text for block in run]
    return Item(
        title=Text(title, markup=False),
        subtitle=Text(subtitle, markup=False),
        lead=Text(lead, markup=False),
        body=Text("\n\n".join(body), markup=False),
        links=[link] if link else [],
    )


def _blocks(tree: Node) -> list[_Block]:
    """Return the words of a page, broken where it breaks lines."""
    blocks: list[_Block] = []
    stack: list[Node | str | None] = [body_of(tree)]  # None is a break
    around: list[Node] = []
    broken = True
    while stack:
        step = stack.pop()
        if step is None:
            broken = True
        elif isinstance(step, str):
            if step.strip():
                if broken:
                    blocks.append(_Block(around[-1]))
                    broken = False
                blocks[-1].take(step, around[-1])
        elif step is _LEFT:
            around.pop()
        elif not isinstance(step.tag, str) or step.tag in UNSEEN | _OUTSIDE:
            broken = True
        else:
            around.append(step)
            stack += reversed(_steps(step))
    return blocks


def _steps(node: Node) -> list[Node | str | None]:
    """Return what an element holds, with a break before and after where it is a block."""
    steps: list[Node | str | None] = [node.text or ""]
    for child in node:
        steps += [child, child.tail or ""]
    steps.append(_LEFT)
    return [None, *steps, None] if node.tag in _BLOCKS else steps


def _paragraphs(blocks: list[_Block]) -> list[_Block]:
    """Return the first paragraphs in a row that are enough of a story."""
    run: list[_Block] = []
    for block in blocks:
        if len(block.text) >= LONG and not block.is_heading:
            run.append(block)
        elif run and (len(block.text) < 40 or block.is_heading):
            if sum(len(one.text) for one in run) >= TELLING:
                return run
            run = []
    return run if sum(len(one.text) for one in run) >= TELLING else []


def _titles(tree: Node, blocks: list[_Block], first: int) -> tuple[str, str]:
    """Return the title and subtitle over a story: the last short lines that are not the page's own name."""
    texts = [block.text.casefold().strip(" -–") for block in blocks]
    own = {part.casefold() for part in _own_names(tree)}
    around = _article(blocks[first].node)
    above = [
        block
        for text, block in zip(texts[:first], blocks[:first], strict=True)
        if len(block.text) <= 200
        and not any(text == name or (len(name) > 5 and text.startswith(f"{name} ")) for name in own)
        and texts.count(text) == 1
        and (around is None or around in block.node.iterancestors() or block.node is around)
    ]
    headings = [block for block in above if block.is_heading][-2:]
    if len(headings) == 2 and len(headings[0].text.split()) <= 3 < len(headings[1].text.split()):
        del headings[0]  # what a page or a section is called
    if len(headings) == 2 and above.index(headings[1]) - above.index(headings[0]) == 1:
        return headings[0].text, headings[1].text
    if headings:
        below = above[above.index(headings[-1]) + 1 :]
        return headings[-1].text, below[0].text if len(below) == 1 else ""
    lines = above[-2:]
    return (lines[0].text if lines else ""), (lines[1].text if len(lines) == 2 else "")


def _own_names(tree: Node) -> list[str]:
    """Return what a page and its site are called."""
    title = next((words_in(node) for node in tree.iter("title")), "")
    parts = _PARTS.split(title)
    names = [title, *parts] if len(parts) > 1 or len(title) <= 30 else []
    return [name for name in (*names, meta(tree, "og:site_name"), meta(tree, "description")) if name]


def _article(node: Node) -> Node | None:
    return next((around for around in node.iterancestors() if around.tag == "article"), None)
