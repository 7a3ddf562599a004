"""The round-trip time, smoothed over the last three samples (spec 1, 8.3).

Everything is in microseconds, but samples and the smoothed value are whole milliseconds: the reference library
rounds both, and its timers and the statistics that both sides exchange depend on that.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.queue_delay import MINIMUM_KEPT_US
from gamesockets.values.moments import US_PER_MS

UNKNOWN: Final = -1

_ACK_SAMPLE_MIN_US: Final = -1_999
_ACK_SAMPLE_MAX_US: Final = 2_000_999
_SAMPLES_APART_US: Final = 100_000


def sample_from_ack_us(elapsed_us: int) -> int:
    """The sample that an ack gives; `elapsed_us` is the time since the packet left, less the delay the peer reports.

    Returns:
        Whole milliseconds, in microseconds, rounded toward zero; `UNKNOWN` if the time is useless: above 2000 ms, or
        below -1 ms, which the rounding of the reported delay does not explain.
    """
    if not _ACK_SAMPLE_MIN_US <= elapsed_us <= _ACK_SAMPLE_MAX_US:
        return UNKNOWN
    return max(elapsed_us, 0) // US_PER_MS * US_PER_MS


@mypyc_attr(acyclic=True)
@final
class RoundTripEstimator:
    """The last samples, their smoothed value and the largest of them."""

    __slots__ = (
        "_before_us",
        "_earlier_us",
        "_newest_us",
        "_opened_at",
        "sampled_at",
        "shortest_at",
        "shortest_us",
        "smoothed_us",
        "worst_us",
    )

    def __init__(self) -> None:
        self._newest_us = self._before_us = self._earlier_us = UNKNOWN
        """The last three samples. Fields, since a list of three takes longer than all that is done with it."""
        self._opened_at = 0
        self.sampled_at = -1
        """When the last sample came, -1 before the first."""
        self.smoothed_us = UNKNOWN
        self.worst_us = UNKNOWN
        """The largest of the last samples."""
        self.shortest_us = UNKNOWN
        """The smallest of late: one that is older than `MINIMUM_KEPT_US` gives way to the next one."""
        self.shortest_at = -MINIMUM_KEPT_US - 1
        """When it came."""

    @property
    def smoothed_ms(self) -> int:
        """The smoothed value as the API and the wire have it; `UNKNOWN` before the first sample."""
        return UNKNOWN if self.smoothed_us == UNKNOWN else self.smoothed_us // US_PER_MS

    def add(self, sample_us: int, now: int) -> None:
        """Takes a sample of whole milliseconds; one that comes soon after the last can only lower that one."""
        self.sampled_at = now
        if sample_us <= self.shortest_us or now - self.shortest_at > MINIMUM_KEPT_US:
            self.shortest_us = sample_us
            self.shortest_at = now
        if self._earlier_us == UNKNOWN or now - self._opened_at >= _SAMPLES_APART_US:
            self._earlier_us = self._before_us
            self._before_us = self._newest_us
            self._opened_at = now
        elif sample_us >= self._newest_us:
            return
        self._newest_us = sample_us
        self._smooth()

    def _smooth(self) -> None:
        newest_us, before_us, earlier_us = self._newest_us, self._before_us, self._earlier_us
        worst_us = max(newest_us, before_us)
        self.worst_us = worst_us = max(worst_us, earlier_us)  # not of three: compiled code compares only two by itself
        if earlier_us != UNKNOWN:
            total_us = newest_us + before_us + earlier_us
            self.smoothed_us = (total_us - worst_us) // 2 // US_PER_MS * US_PER_MS
        else:
            self.smoothed_us = newest_us if before_us == UNKNOWN else min(newest_us, before_us)
