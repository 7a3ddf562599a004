"""What is known of the path from the packets sent on it: delivered, lost and late ones, and round trips.

Every event that a controller of the send rate needs comes through here, by one method each, and the pacer is at hand.
"""

from typing import Final, final

from gamesockets.send.flight import Flight, SentPacket
from gamesockets.send.pacing import Pacer
from gamesockets.send.reliable import Segment
from gamesockets.send.round_trip import RoundTripEstimator
from gamesockets.values.moments import NEVER

LATE_ROUND_TRIPS: Final = 1.5
LATE_ARRIVAL_US: Final = 30_000
"""How much later than its successors a packet may come and still be expected, beside `LATE_ROUND_TRIPS`."""


@final
class PathFeedback:
    """Counts and estimates of one path, kept up to date event by event."""

    __slots__ = (
        "_flight",
        "_shared",
        "delivered_bytes",
        "late_packets",
        "lost_packets",
        "noted_losses",
        "pacer",
        "round_trip",
    )

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._shared = SentPacket(NEVER, 0, (), 0, False)
        """The record of the last packet without reliable segments."""
        self.pacer = Pacer()
        self.round_trip = RoundTripEstimator()
        self.delivered_bytes = 0
        """UDP payload of packets that the peer acknowledged."""
        self.lost_packets = 0
        """Packets that are believed lost; those that turned out to be late left out."""
        self.late_packets = 0
        """Packets that were believed lost until they were acknowledged."""
        self.noted_losses: list[tuple[int, int]] | None = None
        """Numbers and sizes of packets lost since somebody looked; None while nobody watches."""

    def on_connected(self, now: int) -> None:
        """Packets may flow: the round trip of the handshake is the first estimate."""
        self.pacer.connected(self.round_trip.smoothed_us, now)

    def on_sent(self, size_bytes: int, segments: tuple[Segment, ...], is_application_limited: bool, now: int) -> None:
        """A packet of this UDP payload leaves; it takes the flight's next number."""
        packet = self._shared
        # A peer need not report on packets without reliable data, so thousands may be in flight. Those that leave
        # together share a record.
        if (
            segments
            or packet.sent_at != now
            or packet.size_bytes != size_bytes
            or packet.delivered_bytes != self.delivered_bytes
            or packet.is_application_limited != is_application_limited
        ):
            packet = SentPacket(now, size_bytes, segments, self.delivered_bytes, is_application_limited)
            if not segments:
                self._shared = packet
        self._flight.add(packet)
        self.pacer.spend(size_bytes)

    def on_acknowledged(self, packets: list[SentPacket]) -> None:
        """The peer has these packets."""
        for packet in packets:
            self.delivered_bytes += packet.size_bytes
            if packet.is_lost:
                self.on_late_arrival()

    def on_lost(self, number: int, packet: SentPacket) -> None:
        """The peer does not have this packet, as far as can be told. Called once a packet."""
        self._flight.replace(number, packet.as_lost())
        self.lost_packets += 1
        if self.noted_losses is not None:
            self.noted_losses.append((number, packet.size_bytes))

    def on_late_arrival(self) -> None:
        """A packet that was believed lost had only been overtaken."""
        self.lost_packets -= 1
        self.late_packets += 1

    def on_round_trip(self, sample_us: int, now: int) -> None:
        """A round trip was measured, in whole milliseconds."""
        self.round_trip.add(sample_us, now)

    def late_arrival_us(self) -> int:
        """How long after it left a packet that was reported missing may still be on its way."""
        return int(max(self.round_trip.smoothed_us, 0) * LATE_ROUND_TRIPS) + LATE_ARRIVAL_US
