"""Do ticks keep their grid, and are those that were missed left out?"""

from typing import Any

import pytest

from gamesockets.sockets.ticks import Ticks

PERIOD = 20_000  # microseconds, at 50 Hz


def test_ticks_that_take_no_time_lie_on_the_grid() -> None:
    ticks = Ticks(50, 1_000_000)
    now = 1_000_000
    for count in range(1, 100):
        now = ticks.next_due(now)
        assert now == 1_000_000 + count * PERIOD


def test_a_late_tick_does_not_shift_the_next() -> None:
    ticks = Ticks(50, 0)
    assert ticks.next_due(15_000) == PERIOD
    assert ticks.next_due(PERIOD + 19_000) == 2 * PERIOD


def test_a_tick_that_takes_too_long_is_followed_by_one_at_once_and_the_missed_ones_are_left_out() -> None:
    ticks = Ticks(50, 0)
    late = 3 * PERIOD + 5_000
    assert ticks.next_due(late) == late  # instead of those at 1, 2 and 3 periods
    assert ticks.next_due(late + 1_000) == 4 * PERIOD


def test_a_rate_that_does_not_divide_a_second_does_not_drift() -> None:
    ticks = Ticks(30, 0)
    due = 0
    for _ in range(30 * 3600):
        due = ticks.next_due(due)
    assert abs(due - 3600 * 1_000_000) <= 1


@pytest.mark.parametrize(
    ("hz", "kind"),
    [(0, ValueError), (-1, ValueError), (1001, ValueError), (float("nan"), ValueError), ("30", TypeError)],
)
def test_rates_that_are_none(hz: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="hz must be"):
        Ticks(hz, 0)
