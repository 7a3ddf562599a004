"""How late is something done? A late loop or thread delays acks, repetitions and everything behind them."""

from bisect import bisect_left
from typing import Final, final

LAG_CLASSES_US: Final = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
"""Upper limits; one more class holds what is above."""


@final
class Lag:
    """A histogram of how late deadlines were served, or messages read."""

    __slots__ = ("histogram", "sum_us")

    def __init__(self) -> None:
        self.histogram = [0] * (len(LAG_CLASSES_US) + 1)
        self.sum_us = 0

    def note(self, late_us: int) -> None:
        """Something was done so late."""
        self.histogram[bisect_left(LAG_CLASSES_US, late_us)] += 1
        self.sum_us += late_us

    def add(self, other: "Lag") -> None:
        """Adds what another one noted."""
        for place, count in enumerate(other.histogram):
            self.histogram[place] += count
        self.sum_us += other.sum_us
