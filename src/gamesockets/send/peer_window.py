"""How much can the peer hold behind a hole of one lane's stream, and how many holes? (spec 2, 2.16)

A peer of ours says so in the handshake. Any other is taken for a reference library with default settings.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.moments import US_PER_SECOND

PEER_BUFFER_BYTES: Final = 1_048_576
"""What a receiver with default settings holds of one lane's stream (RecvBufferSize)."""

PEER_HOLES_MAX: Final = 24
"""Lost segments of one connection up to which new data is sent behind them; a receiver refuses above 20 to 30 holes."""

PEER_HOLES_ADAPTIVE: Final = 29
"""The same where the sender knows what is in flight: a receiver refuses the thirty-first hole at its end."""

HOLES_EXPECTED: Final = 0.8
"""So much of what is likely to be lost of what is in flight counts as holes already."""

OUR_HOLES_MAX: Final = 4_000
"""The same for a peer of ours, which takes 4,096."""

ANNOUNCED_MIN_BYTES: Final = 65_536
ANNOUNCED_MAX_BYTES: Final = 16 << 20
"""What is kept for repeating stays within this, whatever a hostile peer says."""

TIGHT_ROUND_TRIPS: Final = 2.25
"""A window that lasts for less than this at the present rate is tight: each hole stops the sender."""

NARROW_ROUND_TRIPS: Final = 6
"""One that lasts for less than this is narrow: a hole stops the sender that is not filled at once."""


@mypyc_attr(acyclic=True)
@final
class PeerWindow:
    """The limits that hold for one peer."""

    __slots__ = ("holes_max", "is_ours", "stream_bytes")

    def __init__(self) -> None:
        self.is_ours = False
        self.stream_bytes = PEER_BUFFER_BYTES
        """From the oldest byte that it misses, or the start of its message, to the newest sent."""
        self.holes_max = PEER_HOLES_MAX

    def announce(self, stream_bytes: int) -> None:
        """The peer is ours, and said what it holds. More than ours ever do is not believed."""
        self.is_ours = True
        self.stream_bytes = min(max(stream_bytes, ANNOUNCED_MIN_BYTES), ANNOUNCED_MAX_BYTES)
        self.holes_max = OUR_HOLES_MAX

    def holes(self, is_adaptive: bool) -> int:
        """How many holes it may be made to keep."""
        return PEER_HOLES_ADAPTIVE if is_adaptive and not self.is_ours else self.holes_max

    def is_tight(self, rate: int, round_trip_us: int) -> bool:
        """Whether a hole stops a sender of that many bytes/s before it can be filled."""
        return self.stream_bytes * US_PER_SECOND < rate * round_trip_us * TIGHT_ROUND_TRIPS

    def is_narrow(self, rate: int, round_trip_us: int) -> bool:
        """Whether a hole stops it that is still there after a few repeats."""
        return self.stream_bytes * US_PER_SECOND < rate * round_trip_us * NARROW_ROUND_TRIPS
