"""Which numbers tell connections apart on the wire? (spec 1, 3.1)"""

from collections import deque
from typing import Final, final

from gamesockets.values.entropy import Entropy

CONNECTIONS_MAX = 8191
"""Live connections that share one `ConnectionIds`: ids differ in the low 16 bits (spec 1, 3.1). Tests lower it."""

_RECENT_IDS: Final = 256
"""So many ids of destroyed connections are not given out again yet."""


@final
class ConnectionIds:
    """Random ids: both halves non-zero, the lower half unlike those of live and lately destroyed ones (spec 1, 3.1)."""

    __slots__ = ("_entropy", "_live", "_recent")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._live: set[int] = set()
        self._recent: deque[int] = deque(maxlen=_RECENT_IDS)

    def is_full(self) -> bool:
        """Whether too many connections live for one more."""
        return len(self._live) >= CONNECTIONS_MAX

    def take(self) -> int:
        """A new id, or 0 when too many connections live."""
        if self.is_full():
            return 0
        while True:
            number = int.from_bytes(self._entropy.random_bytes(4), "little")
            low = number & 0xFFFF
            if low and number >> 16 and low not in self._live and low not in self._recent:
                self._live.add(low)
                return number

    def give_back(self, number: int) -> None:
        """The connection with this id is gone."""
        self._live.discard(number & 0xFFFF)
        self._recent.append(number & 0xFFFF)
