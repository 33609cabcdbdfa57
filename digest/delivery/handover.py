"""An edition's letters on their way: each made for a relay, what came of it recorded, and what that says of whom."""

import asyncio
import random
import time
from collections.abc import Sequence

from digest.delivery import crash
from digest.delivery.ahead import Ahead
from digest.delivery.claims import Claims
from digest.delivery.domains import Domains, domain_of
from digest.delivery.emergency import Journal
from digest.delivery.line import Line
from digest.delivery.matter import Matter, is_about_mail, is_about_one, may_be_about_speed, says_speed
from digest.delivery.options import Now, Options, Watch
from digest.delivery.outcome import CUT_OFF, Envelope, Outcome, Phase, Replied, Reply, Untried, Withdrawn
from digest.delivery.parcel import LedgerParcel, Told
from digest.delivery.retry import Trial, next_entry
from digest.delivery.signing import Stamps
from digest.delivery.tally import Heard, Tally
from digest.delivery.waiting import utc
from digest.letter.identity import Identity
from digest.letter.values import BadAddress
from digest.models import DeliveryState, Edition
from digest.store import Store, editions
from digest.store.ledger import Claim, Entry, Mark
from digest.store.marks import Marks
from digest.tokens import Keyring


class Handover:
    """One edition's letters, as they go to the relays. What is declared here is set once the run has it."""

    claims: Claims
    journal: Journal
    lines: Sequence[Line]

    def __init__(
        self, store: Store, ring: Keyring, edition: Edition, options: Options, watch: Watch, stopping: asyncio.Event
    ) -> None:
        assert edition.id is not None
        assert edition.give_up_at is not None
        self.now = Now()
        self.domains = Domains(options.domain_limits)
        self.tally = Tally(store, Marks(edition), self._unwritten, self.cannot_write)
        self.unrecorded: BaseException | None = None
        self.under_way = 0
        self.tried = 0  #: mails that something has come of
        self.refused: set[int] = set()  #: readers put off for the mail's own sake, or ours, while nothing was taken
        self._returning: set[asyncio.Future[None]] = set()  # records of what is to be tried again
        self._options, self._identity = options, Identity(ring, edition)
        self._watch, self._stopping = watch, stopping
        self._give_up_at = edition.give_up_at
        self._stamps = Stamps(edition, editions.letters(store, edition.id), options.signers)
        self._ahead = Ahead(self._made) if options.signers else None

    def parcel(self, line: Line, claim: Claim, told: Told) -> LedgerParcel | None:
        """Return a claimed delivery as a conversation takes it; None for an address that no mail can be sent to."""
        self.under_way += 1
        try:
            sender, mail = self._ahead.take(claim) if self._ahead else self._made(claim)
        except BadAddress as error:  # one that could break a header or a command: the reader's trouble
            told(claim, Replied(Reply(553, str(error), "5.1.3"), Phase.RCPT), time.monotonic())
            return None
        return LedgerParcel(line, claim, Envelope(sender, claim.address), mail, self.tally, self._stopping.is_set, told)

    def expect(self, claims: Sequence[Claim]) -> None:
        """Take note of what has been claimed: mails that take long to make are made ahead."""
        if self._ahead:
            self._ahead.expect(claims)

    def _made(self, claim: Claim) -> tuple[str, bytes]:
        """Return the return path and the bytes of a mail, from whatever thread; raises BadAddress."""
        who = self._identity.reader(claim.subscriber_id, claim.address, claim.name)
        return self._identity.return_path(who), self._stamps.fill(claim.letter_id, who)

    def settle(self, line: Line, claim: Claim, outcome: Outcome, began: float) -> Entry | None:
        """Record what came of a parcel and learn from it; return that, None where nothing is to be recorded."""
        self.under_way -= 1
        if isinstance(outcome, Untried):
            self.claims.give_back(claim)
            return None
        crash.reached("answered")
        self.tried += 1
        if isinstance(outcome, Withdrawn):  # the mark has said so in the ledger, or somebody else has the delivery
            self.domains.ended(domain_of(claim.address))
            self._watch.done(DeliveryState.WITHDRAWN)
            return None
        entry = self._record(line, claim, outcome)
        if entry.state is DeliveryState.SENT:
            self._taken(line, claim)
        elif entry.is_untaken:
            self.domains.ended(domain_of(claim.address))
        else:
            self._answered(line, claim, outcome, entry, began)
        self._watch.done(entry.state)
        crash.reached("recorded")
        return entry

    async def returned(self) -> None:
        """Wait until all that is pending again can be claimed: before anybody asks whether something is left."""
        if self._returning:
            await asyncio.wait(self._returning)

    def _record(self, line: Line, claim: Claim, outcome: Outcome) -> Entry:
        entry = self._entry(line, claim, outcome)
        self.tally.record(claim, entry, self._coming_back(claim) if entry.is_untaken else None)
        if entry.words not in (None, CUT_OFF):
            self.now.relay_words = line.words(entry)
        self.now.sent += entry.state is DeliveryState.SENT
        return entry

    def _coming_back(self, claim: Claim) -> Heard:
        """Return what has a delivery claimed again, once it is pending in the ledger; ``returned`` waits for it."""
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._returning.add(recorded)

        def again(_: Mark | None) -> None:
            self._returning.discard(recorded)
            recorded.set_result(None)
            self.claims.again(claim)

        return again

    def _entry(self, line: Line, claim: Claim, outcome: Outcome) -> Entry:
        trial = Trial(claim.tries + 1, claim.doubts, utc(), self._give_up_at, line.relay_id, _luck())
        return next_entry(
            outcome, trial, resend_doubts=self._options.resend_doubts, close_doubts=self._options.close_doubts
        )

    def _unwritten(self, claim: Claim, entry: Entry, error: BaseException) -> None:  # in the writer's thread
        self.journal.keep(claim, entry)
        self.unrecorded = self.unrecorded or error

    def cannot_write(self, error: BaseException) -> None:
        """Begin nothing more: what comes of it could not be recorded."""
        self.unrecorded = self.unrecorded or error
        self._stopping.set()

    def refuse(self, line: Line, words: str) -> None:
        """Take note that a relay has refused us, and not a mail."""
        self.now.relay_words = words
        self._left_alone(words, line.refuse(time.monotonic()))

    def _left_alone(self, words: str, pause: float) -> None:
        if pause:
            self._watch.say(f"{words} (trying again in {pause:.0f} s)")

    def _taken(self, line: Line, claim: Claim) -> None:
        line.accept(time.monotonic())
        self.domains.passed(domain_of(claim.address))
        self.refused.clear()

    def _answered(self, line: Line, claim: Claim, outcome: Outcome, entry: Entry, began: float) -> None:
        """Take note of what a mail came to that was not taken, and is not to be tried again at once."""
        domain = domain_of(claim.address)
        if not isinstance(outcome, Replied):  # lost after the dot: nobody knows what becomes of the mail
            self.domains.ended(domain)
            if entry.words != CUT_OFF:
                self._left_alone(self.now.relay_words, line.lose(time.monotonic()))
            return
        matter = self._matter(domain, outcome, entry)
        if matter in (Matter.READER, Matter.DOMAIN):
            line.answer()
            return
        if matter is Matter.RELAY:
            self.is_slowed(line, outcome, began)
        if is_about_mail(outcome) and not self.now.sent:
            self.refused.add(claim.subscriber_id)
        line.defer(others_accept=any(other.is_accepting for other in self.lines if other is not line))

    def _matter(self, domain: str, outcome: Replied, entry: Entry) -> Matter:
        at_rcpt, is_failed = outcome.phase is Phase.RCPT, entry.state is DeliveryState.FAILED
        if at_rcpt and not is_failed and not is_about_one(outcome.reply):
            return self.domains.put_off(domain, time.monotonic(), _luck())
        self.domains.ended(domain)
        return Matter.READER if at_rcpt else Matter.RELAY

    def is_slowed(self, line: Line, outcome: Outcome, began: float) -> bool:
        """Return whether a slower pace answers what came of a mail."""
        if not isinstance(outcome, Replied) or not may_be_about_speed(outcome):
            return False
        before = line.learned.rate
        is_slowed = line.slow(time.monotonic(), began, is_sure=says_speed(outcome.reply))
        if (rate := line.learned.rate) is not None and rate != before:
            self._watch.say(f"{self.now.relay_words} (going on with {rate:.3g} a second)")
        return is_slowed


def _luck() -> float:
    return random.random()  # noqa: S311  spreads retries, guards nothing
