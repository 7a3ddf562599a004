"""The round-trip time, smoothed over the last three samples (spec 1, 8.3)."""

from typing import Final, final

UNKNOWN: Final = -1
SAMPLE_MAX_MS: Final = 2000

_KEPT: Final = 3
_APART_US: Final = 100_000


@final
class PingEstimator:
    """Samples and their smoothed value, in whole milliseconds."""

    __slots__ = ("_opened_at", "_samples", "sampled_at", "smoothed_ms", "worst_ms")

    def __init__(self) -> None:
        self._samples: list[int] = []
        self._opened_at = 0
        self.sampled_at = -1
        """When the last sample came, -1 before the first."""
        self.smoothed_ms = UNKNOWN
        self.worst_ms = UNKNOWN
        """The largest of the last samples."""

    def add(self, sample_ms: int, now: int) -> bool:
        """Takes a sample; True if it counts as one of its own rather than as a refinement of the last."""
        samples = self._samples
        self.sampled_at = now
        if len(samples) == _KEPT and now - self._opened_at < _APART_US:
            if sample_ms < samples[0]:
                samples[0] = sample_ms
                self._smooth()
            return False
        samples.insert(0, sample_ms)
        del samples[_KEPT:]
        self._opened_at = now
        self._smooth()
        return True

    def _smooth(self) -> None:
        samples = self._samples
        self.worst_ms = max(samples)
        if len(samples) < _KEPT:
            self.smoothed_ms = min(samples)
        else:
            self.smoothed_ms = (sum(samples) - self.worst_ms) // 2
