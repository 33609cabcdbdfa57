"""A claimed delivery as a conversation sees it: its bytes, its mark, and whom to tell what came of it."""

import time
from collections.abc import Callable

from digest.delivery import crash
from digest.delivery.line import Line
from digest.delivery.outcome import Envelope, LostBeforeDot, Outcome, Phase, Withdrawn
from digest.delivery.tally import Tally
from digest.store.ledger import Claim, Mark

Told = Callable[[Claim, Outcome, float], None]  #: the last is when the mail began, on the monotonic clock


class LedgerParcel:
    """A mail whose end waits for the ledger; ``outcome.Parcel`` says what its methods promise."""

    is_dot_safe = True  #: the stamp looks at what it fills in
    __slots__ = ("_began", "_has_no_mark", "_is_stopping", "_line", "_tally", "_told", "claim", "envelope", "mail")

    def __init__(
        self,
        line: Line,
        claim: Claim,
        envelope: Envelope,
        mail: bytes,
        tally: Tally,
        is_stopping: Callable[[], bool],
        told: Told,
    ) -> None:
        self.claim, self.envelope, self.mail = claim, envelope, mail
        self._line, self._tally, self._is_stopping, self._told = line, tally, is_stopping, told
        self._has_no_mark, self._began = False, time.monotonic()

    def is_wanted(self) -> bool:
        """Return whether, since the envelope went out, nobody has stopped the send, or given up or slowed the relay.

        A relay that has begun to refuse for speed would put this reader off too, for minutes.
        """
        is_slowed = self._line.learned.is_slower_since(self._began)
        return not (self._is_stopping() or self._line.is_given_up or is_slowed)

    def mark(self, then: Callable[[bool], None]) -> None:
        def marked(mark: Mark | None) -> None:
            crash.reached("marked")
            # What cannot be marked is not sent: the tally has told everybody why.
            self._has_no_mark = mark is None
            then(mark is Mark.GO)

        self._tally.mark(self.claim, self._line.relay_id, marked)

    def ended(self, outcome: Outcome) -> None:
        if self._has_no_mark and isinstance(outcome, Withdrawn):
            outcome = LostBeforeDot("it could not be marked in the ledger", Phase.CONTENT)
        self._told(self.claim, outcome, self._began)
