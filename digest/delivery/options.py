"""What a run over an edition is told, what it has to say for itself, and who looks on."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from digest.letter.dkim import Signer
from digest.models import DeliveryState, EditionState

Limits = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Options:
    """How far a send goes, and how fast."""

    wait: dt.timedelta = dt.timedelta(minutes=30)  #: how long it stays for deferred mail and a relay that is away
    resend_doubts: bool = True
    close_doubts: bool = False
    drain: dt.timedelta = dt.timedelta(seconds=60)
    limits: Limits = ()  #: mails in seconds, over all relays
    relay_limits: Sequence[Limits] = ()  #: of each relay
    domain_limits: Mapping[str, Limits] = field(default_factory=dict)  #: of readers' domains, as A-labels
    signers: Sequence[Signer] = ()  #: who signs the edition's mail, as it was frozen


@dataclass
class Now:
    """What this run has done, not the edition as a whole."""

    sent: int = 0
    began: float | None = None
    ended: float | None = None
    relay_words: str = ""  #: what was last said that was no good news
    refused_login: bool = False
    storm: bool = False  #: the mail itself was refused, whoever was to have it
    interrupted: bool = False
    turned: EditionState | None = None  #: paused or cancelled by an editor while it ran

    @property
    def seconds(self) -> float:
        """From opening the first connection to the last recorded reply."""
        return (self.ended or 0.0) - (self.began or 0.0) if self.ended else 0.0

    @property
    def per_second(self) -> float:
        """Mails a second."""
        return self.sent / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Watch:
    """Whoever looks on: a progress bar, or nobody."""

    begin: Callable[[int], None] = lambda _: None  #: how many deliveries are open
    done: Callable[[DeliveryState], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None  #: what a person at the terminal or in cron's mail should know
