"""Checks before a send, each with its reason: pass, warn, or hold."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from digest.letter.slots import UNSUBSCRIBE
from digest.models import Letter
from digest.settings import NewsletterSettings, shown

#: Gmail cuts a letter at about 102 kB of HTML, the unsubscribe link with it.
HTML_WARN, HTML_HOLD = 90_000, 100_000


class Level(enum.StrEnum):
    """What a finding does to a send."""

    FINE = "pass"
    WARN = "warn"
    HOLD = "hold"


@dataclass(frozen=True)
class Finding:
    """What one rule says: ``where`` it looked, and the words for the editor."""

    rule: str
    level: Level
    message: str
    where: str = ""


@dataclass(frozen=True)
class Subject:
    """All that the rules look at: settings, letters as they would go out, and where they would go."""

    newsletter: NewsletterSettings
    letters: Sequence[Letter]
    articles: int
    readers: int
    base_url: str
    network: bool  #: a relay that is neither the outbox nor on loopback
    dkim: Sequence[str] = ()  #: what deserves a look about its signatures
    gone: Sequence[str] = ()  #: newsletters with editions that digest.toml no longer names
    known: bool = True  #: this newsletter has a row already
    rehearsed: Sequence[str] = ()  #: earlier editions that nobody has been mailed
    late_by: dt.timedelta | None = None  #: begun so long after its time that a person should look first
    exposed: bool = False  #: others on this machine can read .env
    unreachable: str = ""  #: why base_url does not lead to this installation, and what to do


@dataclass(frozen=True)
class Verdict:
    """All findings, and the worst of them; a rule that was forced no longer holds."""

    findings: tuple[Finding, ...]
    forced: frozenset[str] = frozenset()

    @property
    def level(self) -> Level:
        """The worst level of what was not forced."""
        levels = {f.level for f in self.findings if f.rule not in self.forced}
        return next((level for level in (Level.HOLD, Level.WARN) if level in levels), Level.FINE)

    @property
    def holds(self) -> tuple[Finding, ...]:
        """What stops the send."""
        return tuple(f for f in self.findings if f.level is Level.HOLD and f.rule not in self.forced)


Rule = Callable[[Subject], Iterable[Finding]]


def check(subject: Subject, forced: Iterable[str] = ()) -> Verdict:
    """Return what every rule says of an edition about to be sent."""
    found = [finding for name, rule in RULES.items() for finding in _ask(name, rule, subject)]
    return Verdict(tuple(found), frozenset(forced))


def _ask(name: str, rule: Rule, subject: Subject) -> list[Finding]:
    return list(rule(subject)) or [Finding(name, Level.FINE, "")]


def _articles(subject: Subject) -> Iterator[Finding]:
    if not subject.articles:
        yield Finding("articles", Level.WARN, "nothing new: there is no article for this edition")


def _readers(subject: Subject) -> Iterator[Finding]:
    if not subject.readers:
        lists = ", ".join(subject.newsletter.lists)
        # An edition for nobody would use its articles up.
        message = f"nobody is confirmed on {lists}, or all have left; look with: digest subscribers list"
        yield Finding("readers", Level.HOLD, message, lists)


def _postal_address(subject: Subject) -> Iterator[Finding]:
    if not subject.newsletter.postal_address:
        # CAN-SPAM 15 U.S.C. 7704(a)(5) and its like elsewhere ask for it; a rehearsal harms nobody.
        level = Level.HOLD if subject.network else Level.WARN
        where = f"newsletters.{subject.newsletter.name}"
        yield Finding("postal_address", level, "the law of most readers wants a postal address: add one", where)


def _sender(subject: Subject) -> Iterator[Finding]:
    domain = subject.newsletter.sender[1].rpartition("@")[2].lower()
    where = f"newsletters.{subject.newsletter.name}.from"
    if subject.network and (domain.endswith((".example", ".invalid", ".test")) or domain.startswith("example.")):
        yield Finding("sender", Level.HOLD, f"{domain} is an example domain: relays refuse it; write your own", where)


def _base_url(subject: Subject) -> Iterator[Finding]:
    if subject.network and not subject.base_url.startswith("https://"):
        # RFC 8058, 3.1: the URI of a one-click unsubscribe is https.
        message = f"{subject.base_url} is not https: readers could not leave with one click; set base_url"
        yield Finding("base_url", Level.HOLD, message, "digest.toml")
    elif subject.network and subject.unreachable:
        yield Finding("base_url", Level.HOLD, subject.unreachable, "digest.toml")


def _unsubscribe(subject: Subject) -> Iterator[Finding]:
    slot = str(UNSUBSCRIBE).encode()
    for letter in subject.letters:
        _, _, body = letter.mail.partition(b"\r\n\r\n")
        text, _, html = body.partition(b"text/html")
        for part, content in (("text", text), ("HTML", html)):
            if slot not in content:
                message = f"the {part} part has no unsubscribe link: print unsubscribe_url in the design"
                yield Finding("unsubscribe", Level.HOLD, message, f"{subject.newsletter.design}, {letter.language}")


def _html_size(subject: Subject) -> Iterator[Finding]:
    for letter in subject.letters:
        size = len(letter.html.encode())
        if size > HTML_WARN:
            level = Level.HOLD if size > HTML_HOLD else Level.WARN
            message = f"{size / 1000:.0f} kB of HTML: Gmail cuts letters at 102 kB; lower max_articles"
            yield Finding("html_size", level, message, letter.language)


def _signing(subject: Subject) -> Iterator[Finding]:
    # A key that cannot sign has stopped us before; without any the relay signs, or nobody.
    yield from (Finding("dkim", Level.WARN, words, "domains") for words in subject.dkim)


def _renamed(subject: Subject) -> Iterator[Finding]:
    if subject.gone and not subject.known:
        name, old = subject.newsletter.name, ", ".join(subject.gone)
        message = f'{name} is new and {old} is gone from digest.toml: if renamed, add formerly = "{subject.gone[0]}"'
        yield Finding("renamed", Level.HOLD, message, f"newsletters.{name}")


def _rehearsed(subject: Subject) -> Iterator[Finding]:
    if subject.network and subject.rehearsed:
        date = subject.rehearsed[-1].partition("/")[2]
        message = f"rehearsed but never mailed: {', '.join(subject.rehearsed)}; mail one with --date {date}"
        yield Finding("rehearsed", Level.WARN, message)


def _late(subject: Subject) -> Iterator[Finding]:
    if subject.late_by is not None:
        hours, minutes = divmod(int(subject.late_by.total_seconds()) // 60, 60)
        allowed = shown(subject.newsletter.send_before)
        message = f"its time was {hours} h {minutes:02} min ago, and send_before allows {allowed}"
        yield Finding("late", Level.HOLD, message, f"newsletters.{subject.newsletter.name}.send_before")


def _secrets(subject: Subject) -> Iterator[Finding]:
    if subject.exposed:
        yield Finding("secrets", Level.WARN, "other users of this machine can read .env: chmod 600 .env", ".env")


#: Every rule by the name that ``--force`` takes.
RULES: dict[str, Rule] = {
    "articles": _articles,
    "readers": _readers,
    "postal_address": _postal_address,
    "sender": _sender,
    "base_url": _base_url,
    "unsubscribe": _unsubscribe,
    "html_size": _html_size,
    "dkim": _signing,
    "renamed": _renamed,
    "rehearsed": _rehearsed,
    "late": _late,
    "secrets": _secrets,
}
