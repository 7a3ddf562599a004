"""How fast may data leave? A token bucket filled at the send rate (spec 2, 2.9)."""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.moments import US_PER_SECOND

BURST_BYTES: Final = 1248
MIN_RATE: Final = 1024
MAX_RATE: Final = 0x1000_0000
"""The largest rate that can be set is no limit: only what the peer can hold unacknowledged slows reliable data."""

_INITIAL_WINDOW_BYTES: Final = 4380
_UNKNOWN_ROUND_TRIP_US: Final = 200_000
_ROUND_TRIP_MIN_US: Final = 500
_ESTIMATE_BEFORE_CONNECTING: Final = 65536

QUANTUM_US: Final = 1000
"""Data that waits for tokens is sent this often at most, so that fast senders send batches."""

_SAVED_UP_MAX_BYTES: Final = 256 * 1024
_SAVED_UP_MAX_US: Final = 4 * QUANTUM_US

FOLLOWED_SAVED_UP_US: Final = 8 * QUANTUM_US
"""How much a timer may be late where a controller sets the rate: more would be a burst that fills queues."""

_FOLLOWED_SAVED_UP_MIN_BYTES: Final = 4 * BURST_BYTES

_LONG_US: Final = 1 << 26
"""After so long any bucket is full."""


@mypyc_attr(acyclic=True)
@final
class Pacer:
    """Tokens in byte-microseconds, so that no fraction of a byte is ever lost."""

    __slots__ = ("_follows", "_tokens", "data_waits", "estimate", "rate", "updated_at")

    def __init__(self) -> None:
        self.estimate = _ESTIMATE_BEFORE_CONNECTING
        self.rate = MIN_RATE
        self._follows = False
        """Whether a controller sets the rate."""
        self._tokens = BURST_BYTES * US_PER_SECOND
        self.updated_at = 0
        """When the bucket was last filled."""
        self.data_waits = False
        """Whether data waited for tokens then."""

    def connected(self, round_trip_us: int, now: int) -> None:
        """Sets the estimate, once, from the round trip of the handshake (-1: unknown), and fills the bucket."""
        if round_trip_us < 0:
            round_trip_us = _UNKNOWN_ROUND_TRIP_US
        self.estimate = _INITIAL_WINDOW_BYTES * US_PER_SECOND // max(round_trip_us, _ROUND_TRIP_MIN_US)
        self._tokens = BURST_BYTES * US_PER_SECOND
        self.updated_at = now

    def limit(self, rate_min: int, rate_max: int) -> None:
        """Applies the configured limits in bytes/s; the lower one wins over a smaller upper one.

        As in the reference library, the estimate is cut, too: a higher upper limit alone does not raise the rate again.
        """
        low = min(max(rate_min, MIN_RATE), MAX_RATE)
        high = min(max(rate_max, low), MAX_RATE)
        self.rate = self.estimate = min(max(self.estimate, low), high)
        self._follows = False

    def follow(self, rate: int) -> None:
        """A controller of this path says how fast, in bytes/s."""
        self.rate = self.estimate = max(rate, MIN_RATE)
        self._follows = True

    def refill(self, now: int, data_waits: bool) -> None:
        """Adds the tokens of the time since the last call.

        More than a burst is kept only if data has been waiting all that time, because then the timer was merely late.
        """
        elapsed = min(now - self.updated_at, _LONG_US)
        self.updated_at = now
        limit = BURST_BYTES * US_PER_SECOND
        if self.data_waits:
            if self._follows:
                limit = max(_FOLLOWED_SAVED_UP_MIN_BYTES * US_PER_SECOND, self.rate * FOLLOWED_SAVED_UP_US)
            else:
                limit = max(_SAVED_UP_MAX_BYTES * US_PER_SECOND, self.rate * _SAVED_UP_MAX_US)
        self._tokens = min(self._tokens + self.rate * elapsed, limit)
        self.data_waits = data_waits

    def may_send(self) -> bool:
        """Whether a packet may leave now, however large."""
        return self._tokens >= 0

    def spend(self, size_bytes: int) -> None:
        """A packet of this UDP payload size leaves."""
        if self.rate < MAX_RATE:
            self._tokens -= size_bytes * US_PER_SECOND

    def ready_at(self, now: int) -> int:
        """When the next packet may leave, given that `refill(now)` was called."""
        if self._tokens >= 0:
            return now
        return now + max(-self._tokens // self.rate + 1, QUANTUM_US)

    def full_packet_at(self, now: int, packet_bytes: int) -> int:
        """When tokens for a whole packet of this size will be there."""
        missing = packet_bytes * US_PER_SECOND - self._tokens
        return now if missing <= 0 else now + missing // self.rate

    def debt_us(self) -> int:
        """How long the bucket needs to get back to zero."""
        return 0 if self._tokens >= 0 else -self._tokens // self.rate
