"""How fast may a connection send before it knows anything of the path but its round trip?"""

from typing import Final

from gamesockets.send.delivery import PACKET_BYTES
from gamesockets.values.moments import US_PER_MS, US_PER_SECOND

INITIAL_RATE: Final = 262_144
"""What a new connection starts with at least: the rate of the reference library."""

INITIAL_PACKETS: Final = 32
"""... and so many packets a round trip."""

INITIAL_RATE_MAX: Final = 4_000_000


def initial_rate(round_trip_us: int) -> int:
    """Bytes/s that a new connection may send at; `round_trip_us` below 0 is unknown."""
    if round_trip_us < 0:
        return INITIAL_RATE
    rate = INITIAL_PACKETS * PACKET_BYTES * US_PER_SECOND // max(round_trip_us, US_PER_MS)
    return min(max(rate, INITIAL_RATE), INITIAL_RATE_MAX)
