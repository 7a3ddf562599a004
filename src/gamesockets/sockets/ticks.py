"""When is the next tick of a game loop due, and what becomes of ticks that were missed?

Ticks lie on a fixed grid, so that a tick that is late does not shift those after it. One that takes longer than a
period is followed by the next at once, and whole periods that were missed are left out: a loop that is too slow runs
slower, and does not fall further and further behind.
"""

from typing import Final, final

from gamesockets.values.arguments import check_type

HZ_MAX: Final = 1_000.0


@final
class Ticks:
    """The grid of one loop.

    Args:
        hz: ticks per second.
        now: when the first one is due, in microseconds.

    Raises:
        TypeError, ValueError: `hz` is no number, or out of range.
    """

    __slots__ = ("_count", "_period_us", "_start")

    def __init__(self, hz: float, now: int) -> None:
        check_type("hz", hz, (int, float))
        if not 0 < hz <= HZ_MAX:
            raise ValueError(f"hz must be above 0 and at most {HZ_MAX:.0f} ticks per second, not {hz!r}")
        self._period_us = 1_000_000 / hz
        self._start = now
        self._count = 0

    def next_due(self, now: int) -> int:
        """After a tick: when the next one is due, `now` or later."""
        missed = int((now - self._start) / self._period_us) - self._count
        self._count += max(1, missed)
        return max(now, self._start + round(self._count * self._period_us))
