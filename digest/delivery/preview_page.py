"""What the page of a preview shows: plain values for its template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digest.delivery.preflight import Level, Verdict, gist
from digest.letter.budget import BUDGET
from digest.letter.inbox import first_words
from digest.letter.values import clean
from digest.locale import words_for
from digest.settings import NewsletterSettings

#: Octets of HTML after which Gmail cuts a letter (RELIABILITY.md, A3: H12).
CUT = 102_000
#: Rules that have not been asked what they are asked before a send: they need the network, every letter, or the clock.
UNASKED = frozenset({"links", "pictures", "sections", "late"})


@dataclass(frozen=True)
class Sheet:
    """One letter as it is looked at: its parts, its mail and that mail's fields."""

    language: str
    subject: str
    html: str
    text: str
    mail: bytes
    fields: tuple[tuple[str, str], ...]
    costs: Mapping[str, Any]

    @property
    def html_bytes(self) -> int:
        """Octets of its HTML."""
        return int(self.costs.get("html") or len(self.html.encode()))


@dataclass(frozen=True)
class Names:
    """The files of one letter."""

    html: str
    text: str
    mail: str
    light: str
    dark: str
    page: str

    def contents(self, sheet: Sheet) -> dict[str, bytes]:
        """Return what stands in those that every preview has."""
        return {self.html: sheet.html.encode(), self.text: sheet.text.encode(), self.mail: sheet.mail}


def names_of(sheet: Sheet, sheets: Sequence[Sheet]) -> Names:
    """Return a letter's files: the first one's have no language in their names."""
    mark = "" if sheet is sheets[0] else f".{sheet.language}"
    return Names(
        html=f"edition{mark}.html",
        text=f"edition{mark}.txt",
        mail=f"message{mark}.eml",
        light=f"edition{mark}.light.html",
        dark=f"edition{mark}.dark.html",
        page=f"index{mark}.html",
    )


def page_of(
    newsletter: NewsletterSettings,
    key: str,
    sheet: Sheet,
    sheets: Sequence[Sheet],
    verdict: Verdict | None,
    titles: Mapping[int, str],
) -> dict[str, Any]:
    """Return what the template of one letter's page knows of the edition and of this letter."""
    return {
        "title": clean(newsletter.title),
        "key": key,
        "sender": clean(newsletter.sender[0]) or newsletter.sender[1],
        "subject": sheet.subject,
        "behind": first_words(sheet.html),
        "language": sheet.language,
        "direction": words_for(sheet.language).direction,
        "languages": [(one.language, names_of(one, sheets).page) for one in sheets],
        "names": names_of(sheet, sheets),
        "text": sheet.text,
        "columns": max((len(line) for line in sheet.text.splitlines() if "://" not in line), default=0),
        "fields": sheet.fields,
        "mail_bytes": len(sheet.mail),
        "size": _size(sheet, titles),
        "verdict": verdict and verdict.level.value,
        "findings": list(gist(verdict.findings)) if verdict else [],
        "passed": sorted({f.rule for f in verdict.findings if f.level is Level.FINE} - UNASKED) if verdict else [],
        "off": list(verdict.off) if verdict else [],
    }


def _size(sheet: Sheet, titles: Mapping[int, str]) -> dict[str, Any]:
    """Return a letter's size: in all, against the budget, of each article, and what was folded."""
    html, budget = sheet.html_bytes, int(sheet.costs.get("budget") or BUDGET)
    spent = {int(number): int(cost) for number, cost in sheet.costs.get("articles", {}).items()}
    dearest = max(spent.values(), default=1)
    # Articles stand in the order of the letter; the bar ends where Gmail cuts, or where the letter does.
    whole = max(html, CUT)
    return {
        "html": html,
        "budget": budget,
        "frame": max(0, html - sum(spent.values())),
        "articles": [
            (titles.get(number, f"article {number}"), cost, 100 * cost / dearest) for number, cost in spent.items()
        ],
        "folded": [titles.get(number, f"article {number}") for number in sheet.costs.get("folded", ())],
        "percent": {
            "articles": 100 * min(sum(spent.values()), html) / whole,
            "frame": 100 * max(0, html - sum(spent.values())) / whole,
            "budget": 100 * budget / whole,
        },
        "over": html > budget,
    }
