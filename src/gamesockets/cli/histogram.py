"""How are millions of times kept in little memory, and what do they amount to?

A logarithmic histogram: 64 buckets for each doubling, so a percentile is at most 1.6 % above the truth, whether it
lies at 50 microseconds or at 50 seconds. Its size does not depend on how many values it holds.
"""

from __future__ import annotations

from typing import Final, final

PRECISION_BITS: Final = 6
VALUE_MAX_US: Final = (1 << 32) - 1
"""More than an hour; larger values count as this one."""

_LINEAR_BELOW: Final = 2 << PRECISION_BITS
_STEPS_US: Final = [digit * 10**power for power in range(10) for digit in (1, 2, 5)]
_BUCKETS: Final = (33 - PRECISION_BITS) << PRECISION_BITS


@final
class Histogram:
    """Counts of values in microseconds. Minimum, maximum and mean are exact, percentiles to a bucket's width."""

    __slots__ = ("_buckets", "count", "maximum_us", "minimum_us", "total_us")

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self.count = 0
        self.total_us = 0
        self.minimum_us = 0
        self.maximum_us = 0

    def add(self, value_us: int) -> None:
        """Count one value; below 0 counts as 0."""
        value_us = min(max(value_us, 0), VALUE_MAX_US)
        self._buckets[_index(value_us)] += 1
        if not self.count or value_us < self.minimum_us:
            self.minimum_us = value_us
        if value_us > self.maximum_us:
            self.maximum_us = value_us
        self.count += 1
        self.total_us += value_us

    @property
    def mean_us(self) -> float:
        """The mean; 0 without values."""
        return self.total_us / self.count if self.count else 0.0

    def percentile(self, share: float) -> int:
        """The value that `share` percent of all do not exceed: the top of its bucket; 0 without values."""
        if not self.count:
            return 0
        wanted = max(1, -(-self.count * share // 100))
        seen = 0
        for index, held in enumerate(self._buckets):
            seen += held
            if seen >= wanted:
                return min(max(_top(index), self.minimum_us), self.maximum_us)
        return self.maximum_us

    def steps(self) -> list[tuple[int, int, int]]:
        """(from, below, count) for the steps 1, 2, 5, 10, ... microseconds between the smallest value and the largest.

        What lies within 1.6 % of an edge may be counted on its other side.
        """
        rows: list[tuple[int, int, int]] = []
        low, counted = 0, 0
        for high in _STEPS_US:
            # The bucket that the edge falls into belongs to the step above.
            below = sum(self._buckets[: _index(high)]) if high <= VALUE_MAX_US else self.count
            if rows or below:
                rows.append((low, high, below - counted))
            low, counted = high, below
            if counted == self.count:
                break
        return rows


def _index(value_us: int) -> int:
    """The bucket of a value."""
    if value_us < _LINEAR_BELOW:
        return value_us
    exponent = value_us.bit_length() - PRECISION_BITS - 1
    return (exponent << PRECISION_BITS) + (value_us >> exponent)


def _top(index: int) -> int:
    """The largest value of a bucket."""
    if index < _LINEAR_BELOW:
        return index
    exponent = (index >> PRECISION_BITS) - 1
    return (((index & ((1 << PRECISION_BITS) - 1)) + (1 << PRECISION_BITS) + 1) << exponent) - 1
