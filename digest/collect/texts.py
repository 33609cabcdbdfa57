"""What a source writes to what an article says: a title in one line, a lead as plain text, a body as clean HTML."""

import html
import re
from dataclasses import dataclass

from digest.collect.clean import TooMuchMarkup, clean_html, paragraphs_to_html, plain_text, text_of_clean
from digest.tables import LONGEST, tidy

LONGEST_LEAD = 600  #: characters

_BLOCK = re.compile(r"<(h[2-4]|p)>(.*?)</\1>", re.DOTALL)
_TAG = re.compile(r"</?(?:(br|p|h[1-6])|a|b|em|font|i|span|strong|sub|sup|u)(?:\s[^<>]{0,500})?/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_APPENDED = re.compile(  # by WordPress, to the summary and to the text
    r"(?:<p>)?\s*(?:The post|Inlägget|Innlegget|Der Beitrag) (?:(?!The post ).){1,600}?"
    r"(?:appeared first on|dök först upp på|dukket først opp på|erschien zuerst auf) (?:.{1,300}?)\.?\s*(?:</p>)?\s*$",
    re.DOTALL,
)
_MORE = re.compile(
    r"\s*(?:\[\s*(?:…|\.\.\.|&hellip;|&#8230;)\s*\]|(?:Continue reading|Läs mer|Läs hela|Read more)\b.{0,80})\s*$"
)


@dataclass(frozen=True, slots=True)
class Text:
    """Words of a source, and whether they are HTML."""

    words: str = ""
    markup: bool = True


NOTHING = Text()


def words_of(text: Text) -> str:
    """Return words as one line of plain text, whatever they were wrapped in, and however often."""
    if not text.markup:
        return tidy(text.words)
    try:
        words = plain_text(text.words)
    except TooMuchMarkup:
        return ""
    if _ENTITY.search(words):  # escaped once more than it should be: &amp;amp;
        words = html.unescape(words)
    if "</" in words:  # likewise: &amp;lt;b>..., while "the <b> tag" is what it says
        words = _TAG.sub(lambda tag: " " if tag[1] else "", words)
    return tidy(words)


def cut(text: str, longest: int) -> str:
    """Return text of at most that many characters, ended between two words, better between two sentences."""
    if len(text) <= longest:
        return text
    start = text[: longest - 1]
    sentence = max(start.rfind(end) for end in (". ", "! ", "? "))
    if sentence > longest // 2:
        return start[: sentence + 1]
    return (
        start[: start.rfind(" ", longest // 2) if " " in start[longest // 2 :] else len(start)].rstrip(" ,;:–-") + "…"
    )


def without_repeated(clean: str, *said: str) -> str:
    """Return clean HTML without what stands at its beginning and has been said above it: the title, the lead."""
    above = {words.casefold() for words in said if words}
    while (block := _BLOCK.match(clean)) and text_of_clean(block[2]).casefold() in above:
        clean = clean[block.end() :].lstrip()
    return clean


def lead_and_body(lead: Text, body: Text, base: str | None, title: str) -> tuple[str, str]:
    """Return an item's lead as plain text, and its text as clean HTML, empty if the lead says all of it."""
    whole = without_repeated(_clean(body, base), title)
    summary = _clean(lead, base) if lead.words != body.words else ""
    summary = without_repeated(summary, title)
    said = _MORE.sub("…", _APPENDED.sub("", text_of_clean(summary)))
    if not said and whole:
        return _parted(whole)
    if len(said) > LONGEST_LEAD:
        return cut(said, LONGEST_LEAD), whole or summary
    if any(tag in summary for tag in ("<img", "<li", "<table")):
        whole = whole or summary
    return said, "" if text_of_clean(whole) == said and "<img" not in whole else whole


def _parted(whole: str) -> tuple[str, str]:
    """Return the lead of a text that comes without one, and the text if there is more to it."""
    words = _MORE.sub("", text_of_clean(whole))
    if len(words) <= LONGEST_LEAD:
        return words, whole if "<img" in whole or "<li" in whole or whole.count("<p") > 1 else ""
    return cut(opening(whole), LONGEST_LEAD), whole


def _clean(text: Text, base: str | None) -> str:
    """Return words as clean HTML; nothing of those that would take minutes to read."""
    if not text.words:
        return ""
    words = _APPENDED.sub("", text.words[-1200:]) if text.markup else ""
    words = text.words[:-1200] + words if text.markup else text.words
    try:
        clean = clean_html(words, base) if text.markup else paragraphs_to_html(re.split(r"\n\s*\n", words))
    except TooMuchMarkup:
        return ""
    return clean if len(clean) <= LONGEST else ""


def opening(clean: str) -> str:
    """Return the first paragraph of clean HTML that says something."""
    for part in re.split(r"</p>|</h[2-4]>|</li>|<br>", clean):
        if words := text_of_clean(part):
            return words
    return ""
