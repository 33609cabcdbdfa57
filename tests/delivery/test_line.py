"""One relay as a run finds it: used, fed more slowly, left alone, given up; and what is remembered of it."""

import datetime as dt
from pathlib import Path

import pytest

from digest.delivery.line import LOST, MANY, PATIENCE, STORM, STORM_BESIDE, UNSURE, Line, still_known, to_remember
from digest.delivery.outbox import Outbox
from digest.store.relays import Learned

NOON = dt.datetime(2025, 11, 30, 12, tzinfo=dt.UTC)
A_DAY = dt.timedelta(days=1)


def a_line(known: Learned | None = None) -> Line:
    relay = Outbox(Path("outbox"))
    relay.learned_per_connection = known.per_connection if known else None
    return Line(relay, 1, known=known or Learned())


def mails_until_storm(line: Line, *, others_accept: bool = False) -> int:
    for n in range(1, 2001):
        line.defer(others_accept=others_accept)
        if line.is_in_storm:
            return n
    return 0


def test_a_thousand_mails_put_off_in_a_row_are_a_storm() -> None:
    assert mails_until_storm(a_line()) == STORM == 1000


def test_one_that_is_taken_begins_the_count_anew_and_one_that_fails_for_its_mailbox_does_not() -> None:
    line = a_line()
    for _ in range(900):
        line.defer(others_accept=False)
    line.answer()
    assert mails_until_storm(line) == 100

    line = a_line()
    for _ in range(900):
        line.defer(others_accept=False)
    line.accept(1.0)
    assert mails_until_storm(line) == STORM


def test_while_another_relay_takes_our_mail_a_few_are_enough() -> None:
    assert mails_until_storm(a_line(), others_accept=True) == STORM_BESIDE


def loses(line: Line, answers: int) -> bool:
    for n in range(answers):
        line.lose(100.0 * n)
    return line.is_in_storm


def test_answers_lost_one_after_the_other_give_a_relay_up_before_the_whole_list_is_in_doubt() -> None:
    line = a_line()
    line.relay.connections = LOST
    most = LOST * PATIENCE
    assert not loses(line, most - 1)
    line.answer()  # a mailbox that is not there says nothing of what becomes of mail
    assert loses(line, 1)

    line = a_line()
    loses(line, most - 1)
    line.accept(1e4)
    assert not loses(line, 1)

    line.relay.connections = 1
    assert loses(line, LOST)


def test_a_relay_that_loses_answers_is_left_alone_like_one_that_refuses() -> None:
    line = a_line()
    assert [line.lose(100.0 * n) for n in range(6)] == [0, 0, 1, 2, 4, 8]


def test_a_relay_that_has_taken_nothing_yet_is_not_thought_slow() -> None:
    line = a_line()

    assert not line.slow(1.0, 0.9, is_sure=True)
    assert line.wait(1.0) == 0.0


def after_mails(count: int = 100) -> Line:
    """Return a line that has taken so many at fifty a second, the last of them at 12."""
    line = a_line()
    for n in range(count):
        line.take(12 - n / 50)
        line.accept(10 + n / 50)
    return line


def test_a_relay_that_took_mail_and_says_that_it_comes_too_fast_is_fed_half_as_fast() -> None:
    line = after_mails()

    assert line.slow(12.0, 11.9, is_sure=True)
    assert line.learned.rate == pytest.approx(25, rel=0.1)
    assert line.wait(12.0) > 0


def test_refusals_that_do_not_speak_of_speed_are_about_it_when_there_are_many_among_few_that_pass() -> None:
    line = after_mails()

    assert [line.slow(12.0, 11.9, is_sure=False) for _ in range(MANY + 1)] == [False] * MANY + [True]
    assert line.learned.rate == pytest.approx(25, rel=0.1)


def test_a_relay_that_refuses_one_mail_in_five_for_whatever_reason_is_not_slowed_down() -> None:
    line = after_mails()
    for n in range(500):
        if n % 5 == 0:
            line.slow(12 + n / 50, 12 + n / 50, is_sure=False)
        else:
            line.accept(12 + n / 50)

    assert line.learned.rate is None


def test_no_relay_is_made_to_crawl_by_refusals_that_do_not_speak_of_speed() -> None:
    line = after_mails()
    for n in range(1000):
        line.slow(12.0 + n, 12.0 + n, is_sure=False)

    assert line.learned.rate == UNSURE


def test_a_relay_that_is_left_alone_is_not_any_more_once_it_takes_a_mail() -> None:
    line = a_line()
    assert [line.refuse(10.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert line.paused_until == 11.0

    line.accept(10.5)
    assert line.paused_until <= 10.5


def test_what_was_learned_is_known_for_a_week() -> None:
    known = Learned(per_connection=5, pace=7.5, at=NOON)

    assert still_known(known, NOON + 7 * A_DAY) == known
    assert still_known(known, NOON + 8 * A_DAY) == Learned()
    assert still_known(Learned(), NOON) == Learned()


def test_of_a_relay_that_showed_nothing_there_is_nothing_to_remember() -> None:
    assert to_remember(a_line(), NOON) is None


def test_a_pace_that_was_learned_today_is_remembered_with_today() -> None:
    line = a_line()
    line.accept(10.0)
    line.slow(10.0, 9.9, is_sure=True)

    assert to_remember(line, NOON) == Learned(pace=5.0, at=NOON)


def test_a_pace_that_has_only_grown_keeps_its_age() -> None:
    line = a_line(Learned(pace=10.0, at=NOON))
    line.learned = type(line.learned)(10.0)
    for n in range(101):
        line.take(100 + n / 10)

    found = to_remember(line, NOON + A_DAY)
    assert found is not None
    assert found.pace == pytest.approx(11.0, rel=0.02)
    assert found.at == NOON


def test_how_many_mails_a_connection_carries_is_remembered() -> None:
    line = a_line()
    line.relay.learned_per_connection = 20

    assert to_remember(line, NOON) == Learned(per_connection=20, at=NOON)
