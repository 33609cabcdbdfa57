"""Handing one mail to a relay, recording what came of it, and what that says of relay and domain."""

import asyncio
import random
import time
from collections.abc import Sequence
from concurrent.futures import Future

from digest.delivery import crash
from digest.delivery.claims import Claims
from digest.delivery.domains import Domains, domain_of
from digest.delivery.emergency import Journal
from digest.delivery.line import Line
from digest.delivery.matter import Matter, is_about_mail, is_about_one, may_be_about_speed, says_speed
from digest.delivery.options import Now, Options, Watch
from digest.delivery.outcome import (
    Conversation,
    Envelope,
    LostAfterDot,
    LostBeforeDot,
    Outcome,
    Phase,
    Replied,
    Reply,
    Withdrawn,
)
from digest.delivery.retry import Trial, next_entry
from digest.delivery.waiting import utc
from digest.letter.identity import key_of, reader_of, return_path
from digest.letter.stamp import Stamp, open_letter
from digest.letter.values import BadAddress
from digest.models import DeliveryState, Edition
from digest.store import Store, editions
from digest.store.ledger import Claim, Entry, Mark
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
        self.unrecorded: BaseException | None = None
        self.under_way = 0
        self.tried = 0  #: mails that something has come of
        self.refused: set[int] = set()  #: readers put off for the mail's own sake, or ours, while nothing was taken
        self._ring, self._edition, self._options = ring, edition, options
        self._watch, self._stopping = watch, stopping
        self._give_up_at, self._key = edition.give_up_at, key_of(ring, edition)
        self._stamps: dict[int, Stamp] = {
            letter.id or 0: open_letter(letter.mail) for letter in editions.letters(store, edition.id)
        }

    async def deliver(
        self, line: Line, conversation: Conversation, claim: Claim, *, has_delivered: bool
    ) -> Entry | None:
        """Hand one mail over and record what came of it; return that, None where the reader is not to be mailed."""
        began = time.monotonic()
        self.under_way += 1
        try:
            outcome = await self._hand_over(line, conversation, claim)
        finally:
            self.under_way -= 1
        crash.reached("answered")
        self.tried += 1
        if isinstance(outcome, Withdrawn):  # the mark has said so in the ledger, or somebody else has the delivery
            self.domains.ended(domain_of(claim.address))
            self._watch.done(DeliveryState.WITHDRAWN)
            return None
        entry = await self._record(line, claim, outcome)
        if entry.state is DeliveryState.SENT:
            self._taken(line, claim)
        elif not entry.is_untaken:
            self._answered(line, claim, outcome, entry, began)
        else:
            self.domains.ended(domain_of(claim.address))
            # A relay may end a conversation that has delivered; whatever else it refuses speaks of us.
            if not self._is_slowed(line, outcome, began) and (conversation.is_open or not has_delivered):
                self.refuse(line, self.now.relay_words)
        self._watch.done(entry.state)
        crash.reached("recorded")
        return entry

    async def _hand_over(self, line: Line, conversation: Conversation, claim: Claim) -> Outcome:
        who = reader_of(self._ring, self._key, self._edition, claim.subscriber_id, claim.address, claim.name)

        async def may_go() -> bool:
            mark = await asyncio.wrap_future(line.ledger.mark_sending(claim, utc()))
            crash.reached("marked")
            return mark is Mark.GO

        try:
            mail = self._stamps[claim.letter_id].fill(who)
            return await conversation.hand_over(
                Envelope(return_path(self._edition, who.return_path), claim.address), mail, may_go
            )
        except BadAddress as error:  # one that could break a header or a command: the reader's trouble
            return Replied(Reply(553, str(error), "5.1.3"), Phase.RCPT)
        except BaseException:
            # Told to stop, or something broke: whether the mail can have gone out is known, and must not be lost.
            cut_off = "cut off by us while it waited for the relay's answer"
            lost = LostAfterDot(cut_off) if conversation.dot_is_out else LostBeforeDot("cut off by us", Phase.CONTENT)
            self._write(line, claim, self._entry(line, claim, lost))
            raise

    async def _record(self, line: Line, claim: Claim, outcome: Outcome) -> Entry:
        entry = self._entry(line, claim, outcome)
        recorded = self._write(line, claim, entry)
        if entry.is_untaken:
            await asyncio.wrap_future(recorded)  # before anybody asks whether something is left
            self.claims.again(claim)
        if entry.words is not None:
            self.now.relay_words = line.words(entry)
        self.now.sent += entry.state is DeliveryState.SENT
        return entry

    def _entry(self, line: Line, claim: Claim, outcome: Outcome) -> Entry:
        trial = Trial(claim.tries + 1, claim.doubts, utc(), self._give_up_at, line.relay_id, _luck())
        return next_entry(
            outcome, trial, resend_doubts=self._options.resend_doubts, close_doubts=self._options.close_doubts
        )

    def _write(self, line: Line, claim: Claim, entry: Entry) -> "Future[None]":
        loop, recorded = asyncio.get_running_loop(), line.ledger.record(claim, entry)

        def is_recorded(recorded: "Future[None]") -> None:  # in the writer's thread
            if (error := recorded.exception()) is not None:
                self.journal.keep(claim, entry)
                loop.call_soon_threadsafe(self.cannot_write, error)
                self.unrecorded = self.unrecorded or error

        recorded.add_done_callback(is_recorded)
        return recorded

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
            self._left_alone(self.now.relay_words, line.lose(time.monotonic()))
            return
        matter = self._matter(domain, outcome, entry)
        if matter in (Matter.READER, Matter.DOMAIN):
            line.answer()
            return
        if matter is Matter.RELAY:
            self._is_slowed(line, outcome, began)
        if is_about_mail(outcome) and not self.now.sent:
            self.refused.add(claim.subscriber_id)
        line.defer(others_accept=any(other.is_accepting for other in self.lines if other is not line))

    def _matter(self, domain: str, outcome: Replied, entry: Entry) -> Matter:
        at_rcpt, is_failed = outcome.phase is Phase.RCPT, entry.state is DeliveryState.FAILED
        if at_rcpt and not is_failed and not is_about_one(outcome.reply):
            return self.domains.put_off(domain, time.monotonic(), _luck())
        self.domains.ended(domain)
        return Matter.READER if at_rcpt else Matter.RELAY

    def _is_slowed(self, line: Line, outcome: Outcome, began: float) -> bool:
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
