"""Does the histogram of times stay small and tell the truth to within its promise?"""

import random
from itertools import pairwise

import pytest

from gamesockets.cli.histogram import VALUE_MAX_US, Histogram


def filled(*values: int) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


def test_without_values_everything_is_zero() -> None:
    empty = Histogram()
    assert (empty.count, empty.mean_us, empty.percentile(50), empty.steps()) == (0, 0.0, 0, [])


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 129, 4095, 4096, 123_456_789, VALUE_MAX_US])
def test_a_single_value_is_every_percentile(value: int) -> None:
    histogram = filled(value)
    assert [histogram.percentile(share) for share in (0, 50, 99.9, 100)] == [value] * 4
    assert (histogram.minimum_us, histogram.maximum_us, histogram.mean_us) == (value, value, value)


def test_percentiles_are_never_below_the_truth_and_at_most_two_percent_above() -> None:
    numbers = random.Random(7)
    values = sorted(int(numbers.lognormvariate(8, 3)) for _ in range(20_000))
    histogram = filled(*values)
    for share in (1, 10, 50, 90, 99, 99.9):
        truth = values[max(0, -(-len(values) * share // 100).__int__() - 1)]
        assert truth <= histogram.percentile(share) <= truth * 1.02 + 1


def test_small_times_are_exact() -> None:
    histogram = filled(*range(1, 101))
    assert [histogram.percentile(share) for share in (1, 50, 90, 99, 100)] == [1, 50, 90, 99, 100]


def test_values_out_of_range_count_at_its_ends() -> None:
    histogram = filled(-5, VALUE_MAX_US + 1, 1 << 70)
    assert (histogram.minimum_us, histogram.maximum_us, histogram.count) == (0, VALUE_MAX_US, 3)


def test_steps_hold_every_value_once_and_in_its_place() -> None:
    values = [0, 1, 2, 3, 4, 60, 99, 100, 101, 900, 990, 1030, 70_000, VALUE_MAX_US]
    rows = filled(*values).steps()
    assert sum(count for *_, count in rows) == len(values)
    for low, high, count in rows:
        assert count == sum(low <= value < high for value in values)
    for (_, high, _), (low, *_) in pairwise(rows):
        assert high == low
    assert rows[0] == (0, 1, 1)
    assert rows[-1] == (2_000_000_000, 5_000_000_000, 1)


def test_steps_begin_and_end_where_there_is_something() -> None:
    assert filled(1500, 3000).steps() == [(1000, 2000, 1), (2000, 5000, 1)]
    assert filled(0).steps() == [(0, 1, 1)]
