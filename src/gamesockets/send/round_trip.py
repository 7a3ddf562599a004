"""The round-trip time, smoothed over the last three samples (spec 1, 8.3).

Everything is in microseconds, but samples and the smoothed value are whole milliseconds: the reference library
rounds both, and its timers and the statistics that both sides exchange depend on that.
"""

from typing import Final, final

from gamesockets.values.moments import US_PER_MS

UNKNOWN: Final = -1

_ACK_SAMPLE_MIN_US: Final = -1_999
_ACK_SAMPLE_MAX_US: Final = 2_000_999
_SAMPLES_KEPT: Final = 3
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


@final
class RoundTripEstimator:
    """The last samples, their smoothed value and the largest of them."""

    __slots__ = ("_opened_at", "_samples_us", "sampled_at", "smoothed_us", "worst_us")

    def __init__(self) -> None:
        self._samples_us: list[int] = []
        self._opened_at = 0
        self.sampled_at = -1
        """When the last sample came, -1 before the first."""
        self.smoothed_us = UNKNOWN
        self.worst_us = UNKNOWN
        """The largest of the last samples."""

    @property
    def smoothed_ms(self) -> int:
        """The smoothed value as the API and the wire have it; `UNKNOWN` before the first sample."""
        return UNKNOWN if self.smoothed_us == UNKNOWN else self.smoothed_us // US_PER_MS

    def add(self, sample_us: int, now: int) -> None:
        """Takes a sample of whole milliseconds; one that comes soon after the last can only lower that one."""
        samples_us = self._samples_us
        self.sampled_at = now
        if len(samples_us) == _SAMPLES_KEPT and now - self._opened_at < _SAMPLES_APART_US:
            if sample_us < samples_us[0]:
                samples_us[0] = sample_us
                self._smooth()
            return
        samples_us.insert(0, sample_us)
        del samples_us[_SAMPLES_KEPT:]
        self._opened_at = now
        self._smooth()

    def _smooth(self) -> None:
        samples_us = self._samples_us
        self.worst_us = max(samples_us)
        if len(samples_us) < _SAMPLES_KEPT:
            self.smoothed_us = min(samples_us)
        else:
            self.smoothed_us = (sum(samples_us) - self.worst_us) // 2 // US_PER_MS * US_PER_MS
