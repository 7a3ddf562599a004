"""What time is it in a simulated world, and what happens when?

The clock jumps from one deadline to the next, and stands still outside `run` and `run_until`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, final

from gamesockets.values.moments import NEVER

_SECOND_US: Final = 1_000_000
_EVENTS_AT_ONCE_MAX: Final = 1_000_000
"""More events at one moment are taken for an endless loop: an error is better than hanging."""


class Scheduled(ABC):
    """Something that the clock calls back at its deadline."""

    __slots__ = ("deadline",)

    def __init__(self) -> None:
        self.deadline = NEVER

    @abstractmethod
    def due(self, now: int) -> None:
        """The deadline has come. It was reset before the call."""


class VirtualClock:
    """Virtual time, and the queue of what is due.

    Args:
        seed: what a run can be repeated with; errors name it.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._now = 0
        self._running = False
        self._queue: list[tuple[int, int, Scheduled]] = []
        self._entries = 0

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self._now / _SECOND_US

    @property
    def now_us(self) -> int:
        """The same in microseconds; `NetworkingMessage.time_received` counts these."""
        return self._now

    def run(self, seconds: float) -> None:
        """Lets that many seconds pass; 0 runs what is due now.

        Raises:
            ValueError: the number is negative.
            RuntimeError: a callback called this, or events at one moment never end.
        """
        if seconds < 0:
            raise ValueError(f"time cannot run backwards ({seconds} s)")
        end = self._now + round(seconds * _SECOND_US)
        self._run(end, None)
        self._now = end

    def run_until(self, predicate: Callable[[], object], limit: float = 60.0) -> bool:
        """Lets time pass until `predicate()` is true, which is asked after every event.

        Returns:
            True as soon as it is; False if `limit` seconds have passed before.

        Raises:
            ValueError: the limit is negative.
            RuntimeError: as for `run`.
        """
        if limit < 0:
            raise ValueError(f"time cannot run backwards ({limit} s)")
        end = self._now + round(limit * _SECOND_US)
        if predicate() or self._run(end, predicate):
            return True
        self._now = end
        return False

    def run_to(self, end_us: int, predicate: Callable[[], object]) -> bool:
        """Lets time pass until `predicate()` is true or `end_us` has come; which of both. For event loops."""
        if predicate() or self._run(end_us, predicate):
            return True
        if end_us != NEVER:
            self._now = max(self._now, end_us)
        return False

    def after(self, seconds: float, function: Callable[[], object]) -> None:
        """Calls `function` once, that many seconds from now."""
        call = _Call(self, function, 0)
        self.schedule(call, self._now + max(0, round(seconds * _SECOND_US)))

    def every(self, seconds: float, function: Callable[[], object]) -> None:
        """Calls `function` every so many seconds, first after one interval, until it returns False.

        Raises:
            ValueError: the interval is shorter than a microsecond.
        """
        interval_us = round(seconds * _SECOND_US)
        if interval_us < 1:
            raise ValueError(f"an interval must be at least 0.000001 s, not {seconds}")
        self.schedule(_Call(self, function, interval_us), self._now + interval_us)

    def schedule(self, item: Scheduled, deadline: int) -> None:
        """Calls the item back at that time. A later deadline replaces an earlier one only when that has come up."""
        if deadline < item.deadline:
            item.deadline = deadline
            self._entries += 1
            heappush(self._queue, (deadline, self._entries, item))

    def _run(self, end: int, predicate: Callable[[], object] | None) -> bool:
        if self._running:
            raise RuntimeError("the world is running already: callbacks must not run it themselves")
        self._running = True
        try:
            queue = self._queue
            at_once = 0
            while queue and queue[0][0] <= end:
                deadline, _, item = heappop(queue)
                if deadline != item.deadline:
                    continue
                if deadline > self._now:
                    self._now = deadline
                    at_once = 0
                at_once += 1
                if at_once > _EVENTS_AT_ONCE_MAX:
                    raise RuntimeError(f"the world is stuck at {self.now} s (seed {self.seed})")
                item.deadline = NEVER
                item.due(self._now)
                if predicate is not None and predicate():
                    return True
            return False
        finally:
            self._running = False


@final
class _Call(Scheduled):
    """A function of the user, called once or again and again."""

    __slots__ = ("_clock", "_function", "_interval_us")

    def __init__(self, clock: VirtualClock, function: Callable[[], object], interval_us: int) -> None:
        super().__init__()
        self._clock = clock
        self._function = function
        self._interval_us = interval_us

    def due(self, now: int) -> None:
        if self._function() is not False and self._interval_us:
            self._clock.schedule(self, now + self._interval_us)
