"""Article HTML made fit for a letter, and plain text made of HTML."""

import html
import re
from collections.abc import Iterable
from itertools import groupby
from urllib.parse import urljoin, urlsplit

import nh3

from digest.collect.links import web_link, without_tracking
from digest.errors import DigestError
from digest.tables import tidy, without_controls

LONGEST = 1_000_000  #: characters of HTML
MOST_TAGS = 20_000  #: a parser's time grows with the square of how deep they nest: 2 s here, minutes at 200,000
MOST_ENTITIES = 50_000  #: likewise
#: Formatting with attributes is opened anew in every paragraph until it is closed (HTML, 13.2.4.3), so a parser may
#: make a tree of the one number times the other: of 27 KB, a gigabyte.
MOST_REOPENED = 1_000_000
_REOPENED = re.compile(r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/]", re.IGNORECASE)

_BLOCKS = frozenset({"p", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "figure", "figcaption", "pre"})
_INLINE = frozenset({"a", "strong", "em", "b", "i", "sub", "sup", "code"})
_TABLE = frozenset({"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"})
TAGS = _BLOCKS | _INLINE | _TABLE | {"br", "img"}  #: what an article may have
#: Let in so that their text does not run together, and written as what they come nearest to.
RENAMED = {
    **dict.fromkeys(("div", "section", "article", "main", "header", "footer", "aside", "address", "center"), "p"),
    **dict.fromkeys(("dt", "dd", "details", "summary"), "p"),
    **dict.fromkeys(("h5", "h6"), "h4"),
    "h1": "h2",
}
_REMOVED_IF_EMPTY = _BLOCKS | {"a"}
_UNREAD = {"head", "title", "script", "style", "template", "noscript", "iframe", "object", "svg", "math"}
_FORM = {"textarea", "select", "button"}

_CLEANER = nh3.Cleaner(
    tags=TAGS | RENAMED.keys(),
    clean_content_tags=_UNREAD | _FORM,  # with the text in them
    attributes={
        "a": {"href"},
        "img": {"src", "alt", "width", "height"},
        "th": {"colspan", "rowspan"},
        "td": {"colspan", "rowspan"},
        "ol": {"start"},
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener",
)

#: What the sanitiser writes, and nothing else: the end of an element, the beginning of one, text.
_TOKEN = re.compile(r'<(/?)([a-z0-9]+)((?: [a-z]+="[^"]*+")*+)>|([^<]++)')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_RENAMED_TAG = re.compile(rf"<(?:{'|'.join(RENAMED)})[ >]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


class TooMuchMarkup(DigestError):
    """HTML that would take minutes or all memory to read, by mistake or to hold us up."""

    def __init__(self) -> None:
        super().__init__("more text or markup than any article has")


def clean_html(markup: str, base: str | None) -> str:
    """Return article HTML with nothing in it but text, simple structure, links and pictures.

    Links are http, https or mailto, without parameters that track readers; relative ones are resolved against
    ``base``, the article's own address, and dropped without it. Pictures without an address, of no size or of one pixel
    are dropped, and what is empty then. Text without markup becomes paragraphs, parted by its empty lines. Clean HTML
    comes back as it is.

    Raises TooMuchMarkup.
    """
    base = base and web_link(base)
    clean = markup
    for _ in range(2):  # once more, since tags that were renamed may stand where they must not
        sanitised = _sanitised(clean)
        clean = _mended(sanitised, base).strip()
        if "<" not in clean:  # then it has no tags: in text it is written &lt;
            lines = (line.strip() for line in clean.splitlines())
            paragraphs = (" ".join(group) for written, group in groupby(lines, key=bool) if written)
            clean = _mended("\n".join(f"<p>{text}</p>" for text in paragraphs), base)
        elif not _RENAMED_TAG.search(sanitised):
            break
    return clean


def paragraphs_to_html(paragraphs: Iterable[str]) -> str:
    """Return paragraphs of plain text as HTML."""
    return "\n".join(f"<p>{html.escape(text, quote=False)}</p>" for text in map(tidy, paragraphs) if text)


def plain_text(text: str) -> str:
    """Return HTML or plain text as one tidy line of text, without markup and entities.

    What has no pair of angle brackets is plain text, in which only whole entities are replaced: ``a < b`` and
    ``Plan&regler`` stay. Raises TooMuchMarkup.
    """
    if "<" in text and ">" in text:
        return text_of_clean(_sanitised(text))
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return tidy(text)


def text_of_clean(clean: str) -> str:
    """Return HTML that has been cleaned as one tidy line of text, with a blank for every tag that breaks a line."""
    words = (m[4] or ("" if m[2] in _INLINE else " ") for m in _TOKEN.finditer(clean))
    return tidy(html.unescape("".join(words)))


def protected(text: str) -> str:
    """Return tidy text spelled so that plain_text gives it back: escaped only where it would be taken for markup."""
    return text if plain_text(text) == text else html.escape(text, quote=False)


def _sanitised(markup: str) -> str:
    tags = markup.count("<")
    if len(markup) > LONGEST or tags > MOST_TAGS or markup.count("&") > MOST_ENTITIES:
        raise TooMuchMarkup
    if tags * len(_REOPENED.findall(markup)) > MOST_REOPENED:
        raise TooMuchMarkup
    return without_controls(_CLEANER.clean(without_controls(markup)))


def _mended(clean: str, base: str | None) -> str:
    finish = _Finish(base)
    for token in _TOKEN.finditer(clean):
        end, tag, attributes, words = token.groups()
        if words:
            finish.text(words)
        elif end:
            finish.end(tag)
        else:
            finish.start(tag, attributes, token[0])
    return "".join(finish.out)


class _Finish:
    """Copies what the sanitiser wrote, and mends what it leaves: relative links, dead pictures, empty blocks.

    It relies on the sanitiser's output: every tag closed in order, every ``<`` and ``&`` of text escaped.
    """

    def __init__(self, base: str | None) -> None:
        self.base = base
        self.out: list[str] = []
        self.open: list[tuple[str, int, int]] = []  # end tag, where the element begins in out, what was visible before
        self.visible = 0

    def start(self, tag: str, attributes: str, raw: str) -> None:
        written = RENAMED.get(tag, tag)
        start = len(self.out)
        match tag:
            case "br":
                self.out.append("<br>")
            case "img":
                self._picture(_values(attributes))
            case "a":
                link = _absolute(_values(attributes).get("href", ""), self.base)
                self.out.append(f'<a href="{html.escape(link)}" rel="noopener">' if link else "")
                self.open.append(("</a>" if link else "", start, self.visible))
            case _:
                self.out.append(raw if written == tag else f"<{written}>")
                self.open.append((f"</{written}>", start, self.visible))

    def end(self, tag: str) -> None:
        end, start, visible = self.open.pop()
        if RENAMED.get(tag, tag) in _REMOVED_IF_EMPTY and visible == self.visible:
            del self.out[start:]
        else:
            self.out.append(end)

    def text(self, words: str) -> None:
        if self.out[-1:] == ["<pre>"]:
            words = words.lstrip("\n")  # the first line break there is not part of the text (HTML, 13.1.2.5)
        self.visible += bool(words.replace("&nbsp;", "").strip())
        self.out.append(words)

    def _picture(self, values: dict[str, str]) -> None:
        source = _absolute(values.get("src", ""), self.base)
        sizes = [values[side].strip().removesuffix("px") for side in ("width", "height") if side in values]
        if source is None or source.startswith("mailto:") or any(s in ("0", "1") for s in sizes):
            return
        self.visible += 1
        kept = {"src": source, "alt": "", **{k: v for k, v in values.items() if k in ("alt", "width", "height")}}
        self.out.append("<img" + "".join(f' {name}="{html.escape(value)}"' for name, value in kept.items()) + ">")


def _values(attributes: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}


def _absolute(link: str, base: str | None) -> str | None:
    """Return where a link of an article leads, None if that cannot be known or is neither web nor mail."""
    link = link.strip().replace(" ", "%20")
    if not link:
        return None
    try:
        link = urljoin(base or "", link)
        parts = urlsplit(link)
    except ValueError:
        return None
    if parts.scheme in ("http", "https") and parts.netloc:
        return without_tracking(link)
    return link if parts.scheme == "mailto" and parts.path else None
