"""What becomes of a delivery after an attempt (RFC 5321, 4.2.1 and 6.1; RFC 1047 for what nobody can know)."""

import datetime as dt
from itertools import pairwise

import pytest

from digest.delivery.outcome import LostAfterDot, LostBeforeDot, Outcome, Phase, Replied, Reply, Withdrawn
from digest.delivery.retry import FIRST_WAIT, LONGEST_WAIT, SHORTEST_WAIT, Trial, back_off, next_entry
from digest.models import DeliveryState
from digest.store.ledger import DOUBT

NOON = dt.datetime(2025, 11, 30, 12, tzinfo=dt.UTC)
EVENING = NOON + dt.timedelta(hours=8)


def a_trial(attempt: int = 1, doubts: int = 0, give_up_at: dt.datetime = EVENING) -> Trial:
    return Trial(attempt, doubts, NOON, give_up_at, relay_id=1, luck=0.5)


def a_refusal(code: int, text: str = "no", enhanced: str | None = None, phase: Phase = Phase.RCPT) -> Replied:
    return Replied(Reply(code, text, enhanced), phase)


@pytest.mark.parametrize("code", [250, 251, 252, 299])
def test_any_2yz_after_the_dot_is_sent(code: int) -> None:
    entry = next_entry(a_refusal(code, phase=Phase.CONTENT), a_trial())

    assert (entry.state, entry.at, entry.code, entry.words) == (DeliveryState.SENT, NOON, code, None)


@pytest.mark.parametrize(
    "refusal",
    [
        a_refusal(451),
        a_refusal(450, enhanced="4.2.1"),
        a_refusal(452, phase=Phase.DATA),
        a_refusal(451, phase=Phase.CONTENT),
        a_refusal(550, "blocked by policy", "5.7.1"),
        a_refusal(554, "transaction failed", phase=Phase.CONTENT),
        a_refusal(552, "mailbox full", "5.2.2"),
        a_refusal(550, "no such user", phase=Phase.CONTENT),
    ],
)
def test_what_speaks_of_us_or_of_now_puts_the_delivery_off_with_its_words(refusal: Replied) -> None:
    entry = next_entry(refusal, a_trial())

    assert entry.state is DeliveryState.DEFERRED
    assert entry.next_at == NOON + back_off(1, 0.5)
    assert (entry.code, entry.words, entry.phase) == (refusal.reply.code, refusal.reply.text, refusal.phase)


@pytest.mark.parametrize(
    "refusal",
    [
        a_refusal(550, enhanced="5.1.1"),
        a_refusal(553, enhanced="5.1.3"),
        a_refusal(550, "User unknown in virtual mailbox table"),
        a_refusal(554, "Recipient address rejected: mailbox does not exist"),
        a_refusal(550, "needs SMTPUTF8", "5.6.7"),
    ],
)
def test_a_5yz_at_rcpt_that_speaks_of_the_mailbox_fails_the_delivery(refusal: Replied) -> None:
    entry = next_entry(refusal, a_trial())

    assert (entry.state, entry.next_at) == (DeliveryState.FAILED, None)
    assert entry.words == refusal.reply.text


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CONTENT])
def test_a_421_is_never_charged_to_a_reader(phase: Phase) -> None:
    assert next_entry(a_refusal(421, phase=phase), a_trial()).state is DeliveryState.PENDING


@pytest.mark.parametrize("code", [451, 550, 553])
def test_a_refusal_at_mail_is_never_charged_to_a_reader(code: int) -> None:
    assert next_entry(a_refusal(code, phase=Phase.MAIL), a_trial()).state is DeliveryState.PENDING


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CONTENT])
def test_lost_before_the_dot_is_pending_again_and_no_doubt(phase: Phase) -> None:
    entry = next_entry(LostBeforeDot("closed", phase), a_trial())

    assert (entry.state, entry.words) == (DeliveryState.PENDING, "closed")
    assert entry.phase != DOUBT


@pytest.mark.parametrize("outcome", [LostBeforeDot("closed", Phase.DATA), a_refusal(421, phase=Phase.MAIL)])
def test_a_doubt_that_could_not_be_sent_again_is_a_doubt_still(outcome: Outcome) -> None:
    again = next_entry(outcome, a_trial(attempt=2, doubts=1))
    kept = next_entry(outcome, a_trial(attempt=2, doubts=1), resend_doubts=False)

    assert (again.state, again.next_at, again.closed) == (DeliveryState.IN_DOUBT, NOON, False)
    assert (kept.state, kept.next_at, kept.closed) == (DeliveryState.IN_DOUBT, None, False)
    assert again.phase != DOUBT
    assert again.is_untaken


def test_lost_after_the_dot_is_in_doubt_and_due_once_more() -> None:
    entry = next_entry(LostAfterDot("closed"), a_trial())

    assert (entry.state, entry.next_at, entry.closed, entry.phase) == (DeliveryState.IN_DOUBT, NOON, False, DOUBT)


def test_a_second_doubt_is_closed() -> None:
    entry = next_entry(LostAfterDot("closed"), a_trial(attempt=2, doubts=1))

    assert (entry.state, entry.next_at, entry.closed) == (DeliveryState.IN_DOUBT, None, True)


def test_doubts_can_be_kept_open_or_closed_at_once() -> None:
    kept = next_entry(LostAfterDot("closed"), a_trial(), resend_doubts=False)
    closed = next_entry(LostAfterDot("closed"), a_trial(), resend_doubts=False, close_doubts=True)

    assert (kept.next_at, kept.closed) == (None, False)
    assert (closed.next_at, closed.closed) == (None, True)


def test_withdrawn_stays_so() -> None:
    assert next_entry(Withdrawn(), a_trial()).state is DeliveryState.WITHDRAWN


def test_what_would_be_too_late_expires_with_the_relays_words() -> None:
    entry = next_entry(a_refusal(451, "later"), a_trial(give_up_at=NOON + dt.timedelta(seconds=1)))

    assert (entry.state, entry.next_at, entry.words) == (DeliveryState.EXPIRED, None, "later")


@pytest.mark.parametrize("outcome", [LostAfterDot("x"), LostBeforeDot("x", Phase.DATA), a_refusal(451)])
def test_every_attempt_that_was_no_plain_2yz_leaves_words(outcome: Outcome) -> None:
    assert next_entry(outcome, a_trial()).words is not None


def test_back_off_begins_at_minutes_doubles_and_ends_at_an_hour() -> None:
    longest = [back_off(attempt, luck=1.0) for attempt in range(1, 8)]

    assert longest[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert longest[4:] == [LONGEST_WAIT] * 3
    assert back_off(10_000, luck=1.0) == LONGEST_WAIT


@pytest.mark.parametrize("attempt", [1, 2, 5, 100])
def test_back_off_is_spread_evenly_by_luck_and_never_under_a_minute(attempt: int) -> None:
    waits = [back_off(attempt, luck) for luck in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert waits[0] == SHORTEST_WAIT
    assert {later - earlier for earlier, later in pairwise(waits)} == {(waits[-1] - waits[0]) / 4}
