"""Does a line of bars show a series as it is?"""

import pytest

from gamesockets.cli.sparkline import sparkline


def test_bars_go_from_bottom_to_top() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8, 7) == "▁▂▃▄▅▆▇█"
    assert sparkline([0.5, 0.75, 1.0], 3, 1.0, bottom=0.5) == "▁▅█"


def test_values_beyond_the_ends_stay_inside() -> None:
    assert sparkline([-5, 50], 2, 7) == "▁█"


def test_the_newest_value_is_at_the_right_and_gaps_are_blank() -> None:
    assert sparkline([7, None, 0], 5, 7) == "  █ ▁"
    assert sparkline([], 4, 1) == "    "
    assert sparkline([1], 0, 1) == ""
    assert sparkline([1], -3, 1) == ""


def test_groups_show_their_highest() -> None:
    assert sparkline([0, 7, 0, 0, None, None, 0, None], 4, 7) == "█▁ ▁"


@pytest.mark.parametrize("width", [1, 7, 20, 59, 60, 61])
def test_it_is_as_wide_as_asked(width: int) -> None:
    assert len(sparkline([1.0] * 60, width, 1)) == width


def test_bars_move_left_without_changing_while_the_series_moves_on() -> None:
    series = [float(number % 13) for number in range(100)]
    lines = [sparkline(series[first : first + 60], 20, 12, first) for first in (0, 3, 6)]
    assert lines[0][1:] == lines[1][:-1]
    assert lines[1][1:] == lines[2][:-1]
