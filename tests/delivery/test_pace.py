"""When the next mail may go."""

from digest.delivery.pace import Pace


def test_without_limits_everything_goes_at_once() -> None:
    pace = Pace()

    assert [pace.take(0.0) for _ in range(1000)] == [0.0] * 1000


def test_so_many_go_in_a_second_and_the_next_waits_for_the_first_to_be_a_second_ago() -> None:
    pace = Pace([(2, 1)])

    assert [pace.take(10.0), pace.take(10.4)] == [0.0, 0.0]
    assert pace.take(10.5) == 0.5
    assert pace.take(11.0) == 0.0


def test_waiting_takes_no_place() -> None:
    pace = Pace([(1, 1)])
    pace.take(0.0)

    assert [pace.take(0.5), pace.take(0.5), pace.take(1.0)] == [0.5, 0.5, 0.0]


def test_the_strictest_of_several_limits_holds() -> None:
    pace = Pace([(10, 1), (2, 60)])

    assert [pace.take(0.0), pace.take(0.0)] == [0.0, 0.0]
    assert pace.take(1.0) == 59.0


def test_no_window_of_a_limit_ever_holds_more_than_it() -> None:
    pace, now = Pace([(3, 1)]), 0.0
    starts: list[float] = []
    while len(starts) < 50:
        wait = pace.take(now)
        if wait == 0.0:
            starts.append(now)
        now += wait or 0.07

    assert all(later - earlier >= 1.0 for earlier, later in zip(starts, starts[3:], strict=False))
