"""When does a datagram leave the narrowest place of a path, and which ones does its queue drop?

A first-in first-out queue in front of a line of fixed rate. What is dropped and when the rest leaves follows from the
order of arrival alone, so that both are known when a datagram enters.
"""

from math import sqrt
from typing import Final, final

from gamesockets.values.moments import US_PER_SECOND

DROPPED: Final = -1

CODEL_TARGET_US: Final = 5_000
"""A queue that was never shorter than this for an interval is too long (RFC 8289, 4.2)."""

CODEL_INTERVAL_US: Final = 100_000

_PS_PER_US: Final = 1_000_000
_PS_PER_SECOND: Final = 1_000_000_000_000
_FULL_PACKET_BYTES: Final = 1500
_NOT_ABOVE: Final = -1


@final
class CoDel:
    """Which datagrams does controlled delay drop at the head of the queue? (RFC 8289, 5)"""

    __slots__ = ("_count", "_count_before", "_drop_next", "_first_above", "_is_dropping")

    def __init__(self) -> None:
        self._first_above = _NOT_ABOVE
        self._is_dropping = False
        self._drop_next = 0
        self._count = 0
        self._count_before = 0

    def drops(self, waited_us: int, is_almost_empty: bool, now: int) -> bool:
        """Whether the datagram at the head, which waited so long, is dropped at `now` instead of sent."""
        is_too_long = self._is_too_long(waited_us, is_almost_empty, now)
        if self._is_dropping:
            if not is_too_long:
                self._is_dropping = False
            elif now >= self._drop_next:
                self._count += 1
                self._drop_next = _next_drop(self._drop_next, self._count)
                return True
            return False
        if not is_too_long:
            return False
        self._is_dropping = True
        more = self._count - self._count_before
        is_soon_again = more > 1 and now - self._drop_next < 16 * CODEL_INTERVAL_US
        self._count = more if is_soon_again else 1
        self._count_before = self._count
        self._drop_next = _next_drop(now, self._count)
        return True

    def _is_too_long(self, waited_us: int, is_almost_empty: bool, now: int) -> bool:
        if waited_us < CODEL_TARGET_US or is_almost_empty:
            self._first_above = _NOT_ABOVE
            return False
        if self._first_above == _NOT_ABOVE:
            self._first_above = now + CODEL_INTERVAL_US
            return False
        return now >= self._first_above


def _next_drop(after: int, count: int) -> int:
    return after + int(CODEL_INTERVAL_US / sqrt(count))


@final
class Bottleneck:
    """A line of some rate and the queue in front of it."""

    def __init__(self) -> None:
        self._rate = 0
        self._queue_us = 0
        self._queue_bytes = 0
        self._codel: CoDel | None = None
        self._free_at_ps = 0
        """When the last datagram that was taken has left; in picoseconds, so that rates are hardly rounded."""

    def set(self, rate: int, queue_us: int, queue_bytes: int, is_codel: bool, now: int) -> None:
        """What holds from now on; at another rate, what waits in the queue leaves at that one."""
        if self._rate and rate:
            waiting_ps = max(self._free_at_ps - now * _PS_PER_US, 0)
            self._free_at_ps = now * _PS_PER_US + waiting_ps * self._rate // rate
        self._rate = rate
        self._queue_us = queue_us
        self._queue_bytes = queue_bytes
        if not is_codel:
            self._codel = None
        elif self._codel is None:
            self._codel = CoDel()

    def wait_us(self, now: int) -> int:
        """How long the queue is: what a datagram that enters now would wait."""
        return max(self._free_at_ps - now * _PS_PER_US, 0) // _PS_PER_US

    def leaves_at(self, size_bytes: int, now: int) -> int:
        """When a datagram that enters now has left; `DROPPED` if it never does."""
        now_ps = now * _PS_PER_US
        free_at_ps = max(self._free_at_ps, now_ps)
        wait_us = (free_at_ps - now_ps) // _PS_PER_US
        if self._queue_bytes:
            if wait_us and (free_at_ps - now_ps) * self._rate // _PS_PER_SECOND + size_bytes > self._queue_bytes:
                return DROPPED
        elif wait_us > self._queue_us:
            return DROPPED
        if self._codel is not None:
            is_almost_empty = wait_us * self._rate <= _FULL_PACKET_BYTES * US_PER_SECOND
            if self._codel.drops(wait_us, is_almost_empty, now + wait_us):
                return DROPPED
        self._free_at_ps = free_at_ps + size_bytes * _PS_PER_SECOND // self._rate
        return self._free_at_ps // _PS_PER_US
