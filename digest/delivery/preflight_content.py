"""Rules about what an edition says. They warn, unless digest.toml makes them hold.

None may cry wolf on an ordinary day of the trade press: short headlines without a lead, many of them alike in form.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from digest.collect.sameness import fingerprint
from digest.delivery.findings import Finding, Level, Rule, Subject, quoted
from digest.delivery.headlines import letters, pairs, repeats
from digest.delivery.weekdays import wrong_weekdays
from digest.models import Article
from digest.store.recent import Ran

#: A lead of fewer letters may well stand under two articles: "Läs mer".
LONG_LEAD = 40
#: What most articles of a source have, and few have not, is missing there.
MOST = 4
FEW = 3  #: editions that tell what is usual
#: Capitals of fewer letters, or only in shorter words, are names: SUTO, ABB och SMC, HANNOVER.
CAPITALS, CAPITAL_WORD = 10, 6
WORD = re.compile(r"[^\W\d_]+")
#: Few and sure: what filters have counted against a mail for twenty years, and no editor writes about industry.
PHRASES = (
    "click here", "klicka här", "100% free", "100 % free", "100% gratis", "100 % gratis",
    "you have been selected", "you've been selected", "du har blivit utvald", "you have won", "you've won",
    "du har vunnit",
    "you are a winner", "make money fast", "tjäna snabba pengar", "double your income", "double your money",
    "work from home and earn", "this is not spam", "detta är inte spam", "risk-free trial", "risk free trial",
    "no credit check", "utan kreditupplysning", "viagra", "cialis", "online casino", "casinobonus",
)  # fmt: skip
SHOUTS = ("!!!", "???", "$$$", "€€€")


def _repeated(subject: Subject) -> Iterator[Finding]:
    """By title, and by the fingerprint of title and lead; what runs again and again is a standing heading."""
    if not subject.ran:
        return
    dates = {one.edition_id: one.date for one in subject.earlier}
    before: defaultdict[str, list[Ran]] = defaultdict(list)
    for one in subject.ran:
        before[letters(one.title)].append(one)
    for article in _printed(subject):
        found = before.get(letters(article.title), ())
        same = [one for one in found if one.article_id != article.id]
        if not same:
            continue
        mark = fingerprint(article.title, article.lead)
        piece = [one for one in same if mark and fingerprint(one.title, one.lead) == mark]
        if piece or len({dates[one.edition_id] for one in same}) == 1:
            date = max(dates[one.edition_id] for one in piece or same)
            what = "this article, title and lead," if piece and article.lead else "this headline"
            message = f"{quoted(article.title)}: {what} ran on {date}; drop it, or give it a headline of its own"
            yield Finding("repeated", Level.WARN, message, _where(article))


def _alike(subject: Subject) -> Iterator[Finding]:
    """Two headlines that are the same or nearly so, or two articles under one lead."""
    articles = dict(enumerate(_printed(subject)))
    told: set[tuple[int, int]] = set()
    same = repeats((n, article.title) for n, article in articles.items())
    leads = repeats((n, a.lead) for n, a in articles.items() if len(letters(a.lead)) >= LONG_LEAD)
    near = pairs({n: article.title for n, article in articles.items()}, subject.newsletter.preflight.alike_percent)
    for words, found in (("one headline twice", same), ("one lead twice", leads), ("nearly one headline", near)):
        for one, other in found:
            if (one, other) in told:
                continue
            told.add((one, other))
            both = f"{quoted(articles[one].title)} and {quoted(articles[other].title)}"
            yield Finding("alike", Level.WARN, f"{both}: {words}; drop one of them", _where(articles[other]))


def _lead(subject: Subject) -> Iterator[Finding]:
    """Ordinary headlines have none: told of the lead story where others have one, and of the few in a source."""
    layout = subject.layout
    if layout is None:
        return
    story = layout.lead
    if story is not None and not story.lead:
        others = any(article.lead for article in layout.printed)
        if others or _usually(one.lead for one in subject.ran if one.is_lead):
            message = f"{quoted(story.title)}: the lead story has no lead; write one, or pin another article"
            yield Finding("lead", Level.WARN, message, _where(story))
    headlines = [article for day in layout.days for article in day.articles]
    for article in _left_out(headlines, lambda one: bool(one.lead)):
        message = f"{quoted(article.title)}: no lead, and the others of its source have one"
        yield Finding("lead", Level.WARN, message, _where(article))


def _date(subject: Subject) -> Iterator[Finding]:
    """The lead story stands under no date and needs none; a source may have none at all."""
    headlines = [article for day in subject.layout.days for article in day.articles] if subject.layout else []
    for article in _left_out(headlines, lambda one: one.published is not None or one.published_on is not None):
        message = f"{quoted(article.title)}: no date, so it stands under the day it was first seen"
        yield Finding("date", Level.WARN, message, _where(article))


def _capitals(subject: Subject) -> Iterator[Finding]:
    for article in _printed(subject):
        for what, text in (("headline", article.title), ("lead", article.lead)):
            if _is_shouted(text):
                message = f"{quoted(text)}: the {what} is all capitals; write it as a sentence"
                yield Finding("capitals", Level.WARN, message, _where(article))


def _weekday(subject: Subject) -> Iterator[Finding]:
    for article in _printed(subject):
        for text in (article.title, article.subtitle, article.lead):
            for slip in wrong_weekdays(text, subject.layout.date) if subject.layout else ():
                message = f'{quoted(article.title)}: "{slip.written}" is wrong, that date is a {slip.weekday}'
                yield Finding("weekday", Level.WARN, message, _where(article))


def _phrases(subject: Subject) -> Iterator[Finding]:
    texts = [(letter.subject, "subject") for letter in subject.letters]
    texts += [(text, _where(one)) for one in _printed(subject) for text in (one.title, one.subtitle, one.lead)]
    everything = "\n".join(text for text, _ in texts).casefold()
    # On nearly every day none of them is anywhere, which is known at once.
    suspects = [phrase for phrase in (*PHRASES, *SHOUTS) if phrase in everything]
    for text, where in texts if suspects else ():
        for phrase in suspects:
            # A phrase is words: "casinobonus" is none of "casinobonusar"; marks may stand beside letters.
            edge = "" if phrase in SHOUTS else r"\b"
            if re.search(f"{edge}{re.escape(phrase)}{edge}", text, re.IGNORECASE):
                message = f'{quoted(text)}: "{phrase}" is what spam filters look for; say it in other words'
                yield Finding("phrases", Level.WARN, message, where)


def _printed(subject: Subject) -> tuple[Article, ...]:
    return subject.layout.printed if subject.layout else ()


def _where(article: Article) -> str:
    return f"article {article.id}" if article.id is not None else ""


def _left_out(articles: Iterable[Article], has: Callable[[Article], bool]) -> Iterator[Article]:
    """Yield the articles that lack what their source's others have, four with it for each one without."""
    by_source: defaultdict[int | None, list[Article]] = defaultdict(list)
    for article in articles:
        by_source[article.source_id].append(article)
    for some in by_source.values():
        without = [article for article in some if not has(article)]
        if len(some) - len(without) >= MOST * len(without):
            yield from without


def _usually(found: Iterable[object]) -> bool:
    seen = [bool(one) for one in found]
    return len(seen) >= FEW and sum(seen) * 2 > len(seen)


def _is_shouted(text: str) -> bool:
    if not text.isupper():
        return False
    # Of scripts without capitals only the names in Latin letters among them would count: nothing is shouted there.
    if any(character.isalpha() and character.lower() == character.upper() for character in text):
        return False
    spoken = WORD.findall(text)
    return sum(map(len, spoken)) >= CAPITALS and max(map(len, spoken)) >= CAPITAL_WORD


RULES: Mapping[str, Rule] = {
    "repeated": _repeated,
    "alike": _alike,
    "lead": _lead,
    "date": _date,
    "capitals": _capitals,
    "weekday": _weekday,
    "phrases": _phrases,
}
