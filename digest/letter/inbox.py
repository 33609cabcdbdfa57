"""What a list of mails shows behind a subject: the first words of the page, also those that its styles hide."""

import re
from html.parser import HTMLParser

#: Characters; no list of mails shows more.
SHOWN = 140
#: Pushed behind a preheader so that nothing of the letter follows it; nobody sees them.
UNSEEN = dict.fromkeys(map(ord, "\u034f\u200b\u200c\u200d\u2007\ufeff\u00ad"), " ")
#: What HTML counts as blank between words; a blank that does not break is none.
BLANKS = re.compile(r"[ \t\r\n\f]+")
NOT_READ = ("head", "style", "script", "title")


def first_words(html: str, most: int = SHOWN) -> str:
    """Return the first words of a page in one line, cut where a list of mails cuts them at the latest."""
    reading = _Reading()
    reading.feed(html)
    text = BLANKS.sub(" ", "".join(reading.texts)).strip()
    # Padding takes its room and is not seen: that is what it is for.
    head = " ".join(text[:most].translate(UNSEEN).split())
    is_cut = len(text) > most and not text[most - 1].translate(UNSEEN).isspace()
    return f"{head}…" if is_cut else head


class _Reading(HTMLParser):
    """Gathers the text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside += tag in NOT_READ

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag in NOT_READ and self._inside > 0

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.texts.append(data)
