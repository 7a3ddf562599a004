"""What does the sender ask of whatever decides how fast it may send? The seam between packets and a controller.

The sender reports what it sends and what becomes of it; the controller answers with a rate, a window and how often it
wants acks. `FixedRate` knows nothing of the path, as the reference library (spec 2, 2.9); `PathControl` learns what it
carries.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.flight import SentPacket
from gamesockets.values.moments import NEVER

NO_WINDOW: Final = 1 << 60
"""So much may be in flight that nothing ever waits for it."""

UNBOUNDED: Final = 1 << 35
"""Bytes/s, more than any path carries. Products with times stay below 2^62: beyond that CPython runs signal handlers in
the middle of a multiplication, and compiled code ends the process if one raises there."""


@mypyc_attr(allow_interpreted_subclasses=True)
class RateControl:
    """Decides how fast one connection sends. Methods are called in the order of events, with the time of each."""

    __slots__ = ("in_flight_bytes", "is_adaptive", "lost_bytes", "rate", "window_bytes")

    def __init__(self, is_adaptive: bool) -> None:
        self.is_adaptive: Final = is_adaptive
        """Whether it wants to hear of events at all."""
        self.rate = 0
        """Bytes/s; 0 where the configured limits alone decide."""
        self.window_bytes = NO_WINDOW
        """So much may be in flight."""
        self.in_flight_bytes = 0
        """UDP payload of counted packets that are neither reported nor believed lost."""
        self.lost_bytes = 0
        """UDP payload of counted packets that are believed lost, late ones left out."""

    def limit(self, rate_min: int, rate_max: int) -> None:
        """The configured limits of the rate, in bytes/s."""
        raise NotImplementedError

    def on_sent(self, packet: SentPacket) -> None:
        """A counted packet leaves."""
        raise NotImplementedError

    def on_delivered(self, packet: SentPacket) -> None:
        """A counted packet arrived, late if it `is_lost`."""
        raise NotImplementedError

    def on_lost(self, packet: SentPacket) -> None:
        """A counted packet is believed lost."""
        raise NotImplementedError

    def on_round_trip(self, round_trip_us: int, now: int) -> None:
        """A round trip was measured, the peer's delay left out; in microseconds."""
        raise NotImplementedError

    def on_acks(self, delivered_bytes: int, now: int) -> None:
        """The ack frames of a packet were applied; `delivered_bytes` of all that was sent have arrived so far."""
        raise NotImplementedError

    def on_silence(self, now: int) -> None:
        """The peer answers several probes in a row with nothing: persistent congestion (RFC 9002, 7.6), or worse."""
        raise NotImplementedError

    def limited_by_application(self, delivered_bytes: int) -> None:
        """Nothing waits although more might be sent: what is measured of it says little of the path."""
        raise NotImplementedError

    def is_limited(self) -> bool:
        """Whether what leaves now says little of the path."""
        raise NotImplementedError

    def ack_interval_us(self) -> int:
        """How often the peer is to be asked for an ack while much waits; NEVER for not at all."""
        raise NotImplementedError


@final
class FixedRate(RateControl):
    """The rate is what was configured, whatever happens: exactly what the reference library does."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(False)

    def limit(self, rate_min: int, rate_max: int) -> None:
        """The pacer applies them."""

    def on_sent(self, packet: SentPacket) -> None:
        """Not counted."""

    def on_delivered(self, packet: SentPacket) -> None:
        """Not counted."""

    def on_lost(self, packet: SentPacket) -> None:
        """Not counted."""

    def on_round_trip(self, round_trip_us: int, now: int) -> None:
        """Of no use."""

    def on_acks(self, delivered_bytes: int, now: int) -> None:
        """Of no use."""

    def on_silence(self, now: int) -> None:
        """Changes nothing."""

    def limited_by_application(self, delivered_bytes: int) -> None:
        """Of no use."""

    def is_limited(self) -> bool:
        return False

    def ack_interval_us(self) -> int:
        return NEVER


FIXED_RATE: Final = FixedRate()
"""It has no state, so all connections share it until one moves more than a game does."""
