"""What becomes of a delivery after an attempt. Decides only: the clock, chance and the ledger are the caller's."""

import datetime as dt
from typing import NamedTuple

from digest.delivery.classify import is_about_mailbox, is_about_us
from digest.delivery.outcome import LostAfterDot, LostBeforeDot, Outcome, Phase, Replied, Untried, Withdrawn
from digest.models import DeliveryState
from digest.store.ledger import DOUBT, Entry

FIRST_WAIT = dt.timedelta(minutes=5)
LONGEST_WAIT = dt.timedelta(hours=1)
SHORTEST_WAIT = dt.timedelta(minutes=1)  #: greylists hold a try that comes too soon against us


class Trial(NamedTuple):  # one for every mail: a quarter of what a frozen dataclass takes
    """One attempt as the decision needs it."""

    attempt: int  #: 1 for the first
    doubts: int  #: answers lost after the dot before this attempt
    now: dt.datetime
    give_up_at: dt.datetime
    relay_id: int
    luck: float  #: 0 to 1: where in its back-off this one falls


def back_off(attempt: int, luck: float) -> dt.timedelta:
    """Return how long a delivery waits after this many attempts: up to 5 min, doubling to 1 h, with full jitter."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempt - 1, 10)))
    return SHORTEST_WAIT + (longest - SHORTEST_WAIT) * luck


def next_entry(outcome: Outcome, trial: Trial, *, resend_doubts: bool = True, close_doubts: bool = False) -> Entry:
    """Return what is written into the ledger after an attempt.

    A 2yz after the dot is the end of it; what speaks of the reader's mailbox fails; what speaks of us or of now is
    put off; what was lost is pending again before the dot and in doubt after it (docs/ledger.md).
    """
    match outcome:
        case Replied(reply, Phase.CONTENT) if reply.code < 300:  # any 2yz: the mail is the relay's (RFC 5321, 4.2.5)
            return Entry(DeliveryState.SENT, trial.now, trial.relay_id, code=reply.code, enhanced=None)
        case Replied() if is_about_mailbox(outcome):
            return _said(DeliveryState.FAILED, outcome, trial)
        case Replied(reply, phase) if is_about_us(reply, phase):
            return _free(trial, phase, str(reply), resend_doubts)
        case Replied():
            return _put_off(outcome, trial)
        case LostBeforeDot(reason, phase):
            return _free(trial, phase, reason, resend_doubts)
        case LostAfterDot(reason):
            return _in_doubt(reason, trial, resend_doubts, close_doubts)
        case Withdrawn():
            return Entry(DeliveryState.WITHDRAWN, trial.now, trial.relay_id)
        case Untried():
            return Entry(DeliveryState.PENDING, trial.now, trial.relay_id)


def _put_off(outcome: Replied, trial: Trial) -> Entry:
    # A 4yz, or a 5yz that speaks of the mail or of now: relays answer both to what passes an hour later.
    due = trial.now + back_off(trial.attempt, trial.luck)
    if due > trial.give_up_at:
        return _said(DeliveryState.EXPIRED, outcome, trial)
    return _said(DeliveryState.DEFERRED, outcome, trial, due)


def _said(state: DeliveryState, outcome: Replied, trial: Trial, due: dt.datetime | None = None) -> Entry:
    reply = outcome.reply
    return Entry(
        state, trial.now, trial.relay_id, due,
        code=reply.code, enhanced=reply.enhanced, phase=outcome.phase.value, words=reply.text,
    )  # fmt: skip


def _free(trial: Trial, phase: Phase, reason: str, resend: bool) -> Entry:
    # The relay cannot have taken it: it is what it was before, and nobody's fault.
    if not trial.doubts:
        return Entry(DeliveryState.PENDING, trial.now, trial.relay_id, phase=phase.value, words=reason)
    due = trial.now if resend else None
    return Entry(DeliveryState.IN_DOUBT, trial.now, trial.relay_id, due, phase=phase.value, words=reason)


def _in_doubt(reason: str, trial: Trial, resend: bool, close: bool) -> Entry:
    second = trial.doubts > 0
    return Entry(
        DeliveryState.IN_DOUBT,
        trial.now,
        trial.relay_id,
        next_at=trial.now if resend and not second else None,
        closed=second or close,
        phase=DOUBT,
        words=reason,
    )
