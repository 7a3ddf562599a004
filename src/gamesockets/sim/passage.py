"""What does one see of a datagram on its way through a simulated network?"""

from dataclasses import dataclass

from gamesockets.values.address import Address


@dataclass(frozen=True, slots=True)
class Passage:
    """One datagram at one point of its way, as `World.trace` and `World.intercept` see it.

    Attributes:
        time_us: the virtual time in microseconds.
        is_arrival: False where it leaves its sender, before the link; True where it reaches its destination.
        source: who sent it.
        destination: to whom; there need not be anybody.
        data: the UDP payload.
    """

    time_us: int
    is_arrival: bool
    source: Address
    destination: Address
    data: bytes
