"""When the next mail may go: by limits that are set, and by what a relay has shown to bear."""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.pace import FIRST_GUESS, FLOOR, FORGOTTEN, PARTS, RECOVERY, REST, LearnedPace, Meter, Pace


def take(pace: Pace, now: float) -> float:
    """Return how long to wait; 0 has taken a place."""
    wait = pace.wait(now)
    if wait <= 0:
        pace.take(now)
    return wait


def test_without_limits_everything_goes_at_once() -> None:
    pace = Pace()

    assert [take(pace, 0.0) for _ in range(1000)] == [0.0] * 1000


def test_so_many_go_in_a_second_and_the_next_waits_for_the_first_to_be_a_second_ago() -> None:
    pace = Pace([(2, 1)])

    assert [take(pace, 10.0), take(pace, 10.4)] == [0.0, 0.0]
    assert take(pace, 10.5) == 0.5
    assert take(pace, 11.0) == 0.0


def test_the_strictest_of_several_limits_holds() -> None:
    pace = Pace([(10, 1), (2, 60)])

    assert [take(pace, 0.0), take(pace, 0.0)] == [0.0, 0.0]
    assert take(pace, 1.0) == 59.0


def test_what_went_before_this_run_has_its_places() -> None:
    pace = Pace([(3, 60)], {60: [(-50.0, 1), (-20.0, 1)]})

    assert [take(pace, 0.0), take(pace, 1.0)] == [0.0, 9.0]
    assert take(pace, 10.0) == 0.0


def test_of_more_than_the_limit_before_this_run_the_last_ones_count() -> None:
    pace = Pace([(2, 60)], {60: [(-50.0, 1), (-20.0, 2), (-10.0, 1)]})

    assert (pace.wait(0.0), pace.wait(39.0)) == (40.0, 1.0)
    assert pace.wait(40.0) == 0.0


@given(
    limits=st.lists(st.tuples(st.integers(1, 5), st.sampled_from([1, 3, 10])), min_size=1, max_size=2),
    gaps=st.lists(st.floats(0, 2) | st.floats(0, 0.01), min_size=1, max_size=60),
    restart_at=st.integers(0, 60),
)
def test_no_window_ever_holds_more_than_its_limit_also_over_a_restart(
    limits: list[tuple[int, int]], gaps: Sequence[float], restart_at: int
) -> None:
    pace, now, starts = Pace(limits), 100.0, list[float]()
    for n, gap in enumerate(gaps):
        if n == restart_at:
            recent = {window: [(start, 1) for start in starts if start > now - window] for _, window in limits}
            pace = Pace(limits, recent)
        now += gap
        if take(pace, now) == 0.0:
            starts.append(now)

    for mails, window in limits:
        assert all(later - first >= window - 1e-9 for first, later in zip(starts, starts[mails:], strict=False))


@given(st.integers(1, 5), st.sampled_from([1, 3, 10]))
def test_who_waits_as_long_as_told_may_go(mails: int, window: int) -> None:
    pace, now = Pace([(mails, window)]), 0.0
    for _ in range(3 * mails):
        now += pace.wait(now)
        assert pace.wait(now) <= 1e-9
        pace.take(now)

    assert now == pytest.approx(2 * window)


def test_speed_is_measured_over_the_last_seconds() -> None:
    meter = Meter()
    for n in range(100):
        meter.add(10 + n / 10)

    assert meter.total == 100
    assert meter.per_second(20.0) == pytest.approx(10, rel=0.1)
    assert meter.per_second(22.5) == pytest.approx(5, rel=0.15)
    assert meter.per_second(60.0) == 0.0


def test_a_day_of_many_mails_is_kept_in_few_numbers_and_costs_a_thousandth_of_it_at_most() -> None:
    pace, now = Pace([(50_000, 86_400)]), 0.0
    for _ in range(50_000):
        now += 1.0
        pace.take(now)

    assert 86_400 - 50_000 < pace.wait(now) <= 86_400 - 50_000 + 86_400 / PARTS + 1
    assert len(pace._windows[0]._went) <= PARTS


def test_what_has_hardly_begun_is_not_taken_for_a_speed() -> None:
    meter = Meter()
    for _ in range(50):
        meter.add(10.0)

    assert meter.per_second(10.01) == 50


def going(pace: LearnedPace, start: float, seconds: float) -> float:
    """Let mails go and pass for so long, as fast as may be; return when that is."""
    now = start
    while now < start + seconds:
        now += max(0.001, pace.wait(now))
        if pace.wait(now) <= 0:
            pace.take(now)
            pace.passed()
    return now


def test_a_relay_has_no_pace_until_it_puts_mail_off_and_then_half_of_what_passed() -> None:
    pace = LearnedPace()
    assert (pace.rate, pace.wait(0.0)) == (None, 0.0)

    assert pace.slow(10.0, began=9.9, speed=80.0)

    assert pace.rate == 40.0
    assert pace.wait(10.0) == REST
    pace.take(11.0)
    assert pace.wait(11.0) == pytest.approx(1 / 40, rel=0.1)


def test_a_pace_is_halved_once_for_all_that_was_under_way_and_at_once_for_what_came_after() -> None:
    pace = LearnedPace()
    pace.slow(10.0, 9.9, 80.0)

    assert pace.slow(10.4, 9.99, 80.0)
    assert pace.rate == 40.0
    assert pace.slow(11.2, 11.1, 80.0)
    assert pace.rate == 10.0  # nothing has passed since


def test_a_few_mails_are_not_held_up_because_few_have_passed() -> None:
    pace = LearnedPace()
    pace.slow(10.0, 9.9, speed=1.0)

    assert pace.rate == FIRST_GUESS / 2


def test_a_pace_is_soon_nearly_what_was_borne_then_grows_slowly_and_at_last_is_forgotten() -> None:
    pace = LearnedPace()
    pace.slow(0.0, -0.1, 50.0)

    now = going(pace, REST, RECOVERY)
    assert pace.rate == pytest.approx(45, rel=0.05)
    now = going(pace, now, 10.0)
    assert pace.rate == pytest.approx(49.5, rel=0.05)
    now = going(pace, now, 30.0)
    assert 45 * 4 < (pace.rate or 0.0) < 45 * FORGOTTEN
    going(pace, now, 30.0)
    assert (pace.rate, pace.wait(now)) == (None, 0.0)


def test_a_pace_does_not_grow_while_nothing_goes() -> None:
    pace = LearnedPace()
    pace.slow(0.0, -0.1, 50.0)
    going(pace, REST, RECOVERY)
    pace.take(3600.0)

    assert pace.rate == pytest.approx(45, rel=0.05)


def test_when_some_still_passed_a_pace_falls_to_half_of_that_and_not_of_all_that_was_tried() -> None:
    pace = LearnedPace(90.0)
    for n in range(100):
        pace.take(n / 100)
        if n % 4:
            pace.passed()
    rate = pace.rate or 0.0
    pace.slow(1.0, 1.0, 0.0)

    assert pace.rate == pytest.approx(rate * 0.75 / 2, rel=0.01)


def test_a_pace_never_falls_under_the_floor_and_then_says_that_it_is_no_answer() -> None:
    pace = LearnedPace()
    answers = [pace.slow(n * 10.0, n * 10.0 - 0.1, 0.0) for n in range(20)]

    assert pace.rate == pytest.approx(FLOOR)
    assert (answers[0], answers[-1]) == (True, False)


def test_a_pace_has_a_higher_floor_where_it_is_not_sure_that_speed_is_the_matter() -> None:
    pace = LearnedPace()
    for n in range(20):
        pace.slow(n * 10.0, n * 10.0 - 0.1, 0.0, least=2.0)

    assert pace.rate == 2.0


def test_a_remembered_pace_is_begun_with_and_grows() -> None:
    pace = LearnedPace(25.0)

    assert pace.rate == 25.0
    now = going(pace, 100.0, 10.0)
    assert pace.rate == pytest.approx(27.5, rel=0.03)
    going(pace, now, 60.0)
    assert pace.rate is None


def test_mails_at_a_learned_pace_go_evenly_and_never_in_a_burst() -> None:
    pace, now, starts = LearnedPace(20.0), 0.0, list[float]()
    while len(starts) < 40:
        now += max(0.001, pace.wait(now))
        if pace.wait(now) <= 0:
            pace.take(now)
            starts.append(now)

    assert all(later - first > 0.04 for first, later in pairwise(starts[2:]))


@pytest.mark.parametrize("bears", [1, 5, 50, 500])
@pytest.mark.parametrize(("mails", "share"), [(10, 0.5), (60, 0.75)])
def test_a_relay_with_a_limit_is_fed_near_it_and_little_is_put_off(bears: int, mails: int, share: float) -> None:
    """A simulated relay that puts off whatever is more than it bears in the last second; so many seconds of mail."""
    pace, passed = LearnedPace(), Meter()
    taken: deque[float] = deque(maxlen=bears)
    now, accepted, put_off = 100.0, 0, 0
    while accepted < mails * bears:
        now += max(0.0005, pace.wait(now))
        if pace.wait(now) > 0:
            continue
        pace.take(now)
        if len(taken) == bears and now - taken[0] < 1.0:
            put_off += 1
            pace.slow(now + 0.001, now, passed.per_second(now))
        else:
            taken.append(now)
            accepted += 1
            passed.add(now)
            pace.passed()

    assert accepted / (now - 100.0) > share * bears
    assert put_off < 4 + accepted / 20
