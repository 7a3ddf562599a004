"""How long may a closed connection go on delivering? As long as the peer takes enough of it (spec 1, 7.5)."""

from typing import Final, final

LINGER_STEP_BYTES: Final = 16_384
"""So much must be delivered in each step; else the rest is given up."""


@final
class Lingering:
    """The present step of lingering, and what was left to deliver when it began."""

    __slots__ = ("_bytes_left", "_step_us", "ends_at")

    def __init__(self, bytes_left: int, step_us: int, now: int) -> None:
        self._bytes_left = bytes_left
        self._step_us = step_us
        self.ends_at = now + step_us
        """When `goes_on` decides."""

    def goes_on(self, bytes_left: int, now: int) -> bool:
        """Whether enough was delivered in this step; the next one begins."""
        delivered_bytes = self._bytes_left - bytes_left
        self._bytes_left = bytes_left
        self.ends_at = now + self._step_us
        return delivered_bytes >= LINGER_STEP_BYTES
