"""Does the peer acknowledge what it never got? A packet number that no packet has tells (RFC 9000, 21.4).

Who acknowledges packets before they arrive looks like a path without any limit. Once in some thousand packets of bulk a
number is passed over. A receiver takes that packet for lost, and reports it missing like any other; nothing is repeated
for it. Who acknowledges it acknowledges anything.
"""

from typing import Final, final

from gamesockets.send.flight import Flight
from gamesockets.values.entropy import Entropy

APART_MIN: Final = 1024
APART_DRAWN: Final = 4096
"""Packets from one to the next: drawn between these two. The peer's figures of losses show one in 2,560."""

FIRST_MIN: Final = 64
FIRST_DRAWN: Final = 512
"""The same for the first one."""


@final
class SkippedNumber:
    """When the next number is to be passed over."""

    __slots__ = ("_entropy", "_flight", "_left")

    def __init__(self, flight: Flight, entropy: Entropy) -> None:
        self._flight = flight
        self._entropy = entropy
        self._left = self._drawn(FIRST_MIN, FIRST_DRAWN)

    def before_packet(self) -> None:
        """A full packet of bulk is about to leave: passes over a number if it is time."""
        if self._left > 0:
            self._left -= 1
        elif self._flight.skipped_number <= self._flight.latest_reported:  # else it says nothing yet
            self._flight.skip()
            self._left = self._drawn(APART_MIN, APART_DRAWN)

    def _drawn(self, low: int, high: int) -> int:
        return low + int.from_bytes(self._entropy.random_bytes(2), "little") % (high - low)
