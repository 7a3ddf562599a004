"""What time is it, and where does entropy come from? For the drivers: other code takes both as arguments."""

import os
import time
from typing import Final, final

from gamesockets.values.entropy import Entropy

_START_US: Final = 3_000_000_000_000
_OFFSET_US: Final = _START_US - time.monotonic_ns() // 1000


def now_us() -> int:
    """Monotonic microseconds, near 3,000,000,000,000 at the start of the process (spec 3, 15.3)."""
    return time.monotonic_ns() // 1000 + _OFFSET_US


def unix_epoch_us() -> int:
    """What to add to `now_us()` to get Unix time in microseconds."""
    return time.time_ns() // 1000 - now_us()


@final
class SystemEntropy(Entropy):
    """Randomness of the operating system."""

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)
