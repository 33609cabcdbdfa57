"""What the rules of preflight are given, and what they answer with."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from digest.edition.layout import Layout
from digest.models import Letter
from digest.settings import NewsletterSettings
from digest.store.recent import Earlier, Ran

#: So much of a headline stands in a finding.
SHOWN = 60


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
class Asked:
    """What a link came to when it was asked for."""

    trouble: str = ""  #: why readers get nowhere by it, empty when they do
    moved: str = ""  #: where it has moved for good, or that it leads to a front page
    size: int | None = None  #: octets, where the server says how many


@dataclass(frozen=True)
class Subject:
    """All that the rules look at: settings, letters as they would go out, and where they would go."""

    newsletter: NewsletterSettings
    letters: Sequence[Letter]
    articles: int
    readers: int
    base_url: str
    network: bool  #: a relay that is neither the outbox nor on loopback
    number: int = 1  #: 2 and on for an extra edition of the date
    layout: Layout | None = None  #: what is printed
    earlier: Sequence[Earlier] = ()  #: editions before it, the newest first
    ran: Sequence[Ran] = ()  #: what those of the last days have printed
    relays: Sequence[str] = ()  #: hosts of the relays
    signed: bool = False  #: by a DKIM key of From's domain, or of one above it
    bounce_address: str | None = None
    dkim: Sequence[str] = ()  #: what deserves a look about its signatures
    gone: Sequence[str] = ()  #: newsletters with editions that digest.toml no longer names
    known: bool = True  #: this newsletter has a row already
    crowded: int = 0  #: readers who get more than the sections they chose, since there are too many combinations
    rehearsed: Sequence[str] = ()  #: earlier editions that nobody has been mailed
    late_by: dt.timedelta | None = None  #: begun so long after its time that a person should look first
    exposed: bool = False  #: others on this machine can read .env
    unreachable: str = ""  #: why base_url does not lead to this installation, and what to do
    asked: Mapping[str, Asked] | None = None  #: the letters' links and pictures, where somebody had them asked for


Rule = Callable[[Subject], Iterable[Finding]]


def quoted(title: str) -> str:
    """Return a headline as findings show it."""
    return f'"{title if len(title) <= SHOWN else title[: SHOWN - 1].rstrip() + "…"}"'
