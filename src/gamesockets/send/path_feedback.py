"""What is known of the path from the packets sent on it: delivered, lost and late ones, and round trips.

Every event that a controller of the send rate needs comes through here, by one method each. From here the pacer hears
how fast. A connection that moves no more than a game does has no controller: its rate is fixed, and nothing is counted.
"""

from typing import Final, final

from gamesockets.send.delivery import PACKET_BYTES
from gamesockets.send.flight import Flight, SentPacket
from gamesockets.send.initial_rate import INITIAL_RATE, initial_rate
from gamesockets.send.pacing import MAX_RATE, MIN_RATE, Pacer
from gamesockets.send.path_control import PathControl
from gamesockets.send.rate_control import FIXED_RATE, UNBOUNDED, RateControl
from gamesockets.send.reliable import Segment
from gamesockets.send.reordering import Reordering
from gamesockets.send.round_trip import RoundTripEstimator
from gamesockets.values.moments import NEVER

LATE_ROUND_TRIPS: Final = 1.5
LATE_ARRIVAL_US: Final = 30_000
"""How much later than its successors a packet may come and still be expected, beside `LATE_ROUND_TRIPS`."""

LATE_ORDERLY_US: Final = 12_000
"""The same beside one round trip, on a path that keeps order: each hole that is kept open costs the peer room."""

NO_LIMIT: Final = 0
"""The upper limit of a send rate that has none."""


@final
class PathFeedback:
    """Counts and estimates of one path, kept up to date event by event."""

    __slots__ = (
        "_flight",
        "_may_adapt",
        "_rate_max",
        "_rate_min",
        "_shared",
        "_shared_is_counted",
        "_shared_is_limited",
        "control",
        "delivered_bytes",
        "is_distrusted",
        "late_packets",
        "learned",
        "lost_packets",
        "noted_losses",
        "pacer",
        "reordering",
        "round_trip",
        "waits_for_bulk",
    )

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._shared = SentPacket(NEVER, 0, (), 0, False)
        """The record of the last packet without reliable segments."""
        self._shared_is_limited = False
        self._shared_is_counted = False
        self._may_adapt = False
        self._rate_min = 0
        self._rate_max = 0
        self.pacer = Pacer()
        self.round_trip = RoundTripEstimator()
        self.control: RateControl = FIXED_RATE
        """Who decides about the rate at the moment."""
        self.learned: PathControl | None = None
        """Who learns about the path, once much was sent; it goes on learning if the rate is fixed later."""
        self.reordering = Reordering()
        self.waits_for_bulk = False
        """The rate may follow the path, and will once much is to be sent."""
        self.delivered_bytes = 0
        """UDP payload of packets that the peer acknowledged."""
        self.lost_packets = 0
        """Packets that are believed lost; those that turned out to be late left out."""
        self.late_packets = 0
        """Packets that were believed lost until they were acknowledged."""
        self.is_distrusted = False
        """The peer has acknowledged a packet that nobody sent: the rate is that of the reference library."""
        self.noted_losses: list[tuple[int, int]] | None = None
        """Numbers and sizes of packets lost since somebody looked; None while nobody watches."""

    # ------------------------------------------------------------------ how fast

    def limit(self, rate_min: int, rate_max: int) -> None:
        """Applies the configured limits in bytes/s. Equal ones, or a lower one above the upper one, fix the rate."""
        self._rate_min = min(max(rate_min, MIN_RATE), MAX_RATE)
        self._rate_max = UNBOUNDED if rate_max in (NO_LIMIT, MAX_RATE) else rate_max
        self._may_adapt = self._rate_max > self._rate_min and rate_min < MAX_RATE and not self.is_distrusted
        if self.is_distrusted:
            rate_min = rate_max = min(max(INITIAL_RATE, self._rate_min), self._rate_max)
        if not self._may_adapt:
            self.control = FIXED_RATE
            self.waits_for_bulk = False
            self.pacer.limit(rate_min, rate_max)
        elif self.learned is None:
            self.waits_for_bulk = True
            self._follow_nothing()
        else:
            self._follow(self.learned)

    def _follow_nothing(self) -> None:
        """Nothing is known of the path but its round trip."""
        rate = initial_rate(self.round_trip.smoothed_us)
        self.pacer.follow(min(max(rate, self._rate_min), self._rate_max))

    def _follow(self, control: PathControl) -> None:
        self.control = control
        self.waits_for_bulk = False
        control.limit(self._rate_min, self._rate_max)
        self.pacer.follow(control.rate)

    def begin_bulk(self, now: int) -> None:
        """More is to be sent than a game sends: learn from now on what the path carries."""
        if self.learned is None:
            self.learned = PathControl(self.pacer.rate, self.round_trip.smoothed_us, now)
            round_trip = self.round_trip
            self.learned.queue.remember(round_trip.shortest_us, round_trip.shortest_at, now)
        self._follow(self.learned)

    # ------------------------------------------------------------------ events

    def distrust(self) -> None:
        """The peer acknowledges what was never sent: nothing that it says is a reason to send faster."""
        self.is_distrusted = True
        self.learned = None
        self.limit(self._rate_min, self._rate_max)

    def on_connected(self, now: int) -> None:
        """Packets may flow: the round trip of the handshake is the first estimate."""
        self.pacer.connected(self.round_trip.smoothed_us, now)
        if self._may_adapt:
            self._follow_nothing()

    def on_sent(
        self, size_bytes: int, segments: tuple[Segment, ...], is_all_sent: bool, now: int, is_bulk: bool = False
    ) -> None:
        """A packet of this UDP payload leaves; it takes the flight's next number.

        Args:
            size_bytes: its UDP payload.
            segments: the reliable segments in it.
            is_all_sent: nothing waits behind it.
            now: the time.
            is_bulk: a full packet waited.
        """
        packet = self._shared
        control = self.control
        is_counted = False
        is_limited = is_all_sent
        if control.is_adaptive:
            # Small packets without reliable data do not ask for acks, so it may be long until one reports on them.
            is_counted = is_bulk or len(segments) > 0
            is_limited = control.is_limited()
        # A peer need not report on packets without reliable data, so thousands may be in flight. Those that leave
        # together share a record.
        if (
            segments
            or packet.sent_at != now
            or packet.size_bytes != size_bytes
            or packet.delivered_bytes != self.delivered_bytes
            or self._shared_is_limited != is_limited
            or self._shared_is_counted != is_counted
        ):
            packet = SentPacket(now, size_bytes, segments, self.delivered_bytes, is_limited, is_counted)
            if not segments:
                self._shared = packet
                self._shared_is_limited = is_limited
                self._shared_is_counted = is_counted
        self._flight.add(packet)
        self.pacer.spend(size_bytes)
        if is_counted:
            control.on_sent(packet)

    def on_acknowledged(self, packets: list[SentPacket], now: int) -> None:
        """The peer has these packets."""
        learned = self.learned
        for packet in packets:
            self.delivered_bytes += packet.size_bytes
            if packet.is_lost:
                self.on_late_arrival(now)
            if learned is not None and packet.is_counted:
                self.reordering.on_arrived(packet)
                learned.on_delivered(packet)

    def on_lost(self, number: int, packet: SentPacket) -> None:
        """The peer does not have this packet, as far as can be told. Called once a packet."""
        self._flight.replace(number, packet.as_lost())
        self.lost_packets += 1
        if self.noted_losses is not None:
            self.noted_losses.append((number, packet.size_bytes))
        if self.learned is not None and packet.is_counted:
            self.learned.on_lost(packet)

    def on_late_arrival(self, now: int) -> None:
        """A packet that was believed lost had only been overtaken."""
        self.lost_packets -= 1
        self.late_packets += 1
        if self.learned is not None:
            self.reordering.on_late(self.learned.queue.minimum_us, now)

    def on_round_trip(self, sample_us: int, now: int) -> None:
        """A round trip was measured, in whole milliseconds."""
        self.round_trip.add(sample_us, now)

    def on_ack_frame(self, packet: SentPacket, elapsed_us: int, now: int) -> None:
        """The newest packet that an ack frame reports on left `elapsed_us` ago, the peer's delay left out."""
        if self.learned is not None and elapsed_us >= 0 and packet.is_counted:
            self.learned.on_round_trip(elapsed_us, now)

    def on_acks(self, now: int) -> None:
        """The ack frames of a packet were applied."""
        learned = self.learned
        if learned is not None:
            learned.on_acks(self.delivered_bytes, now)
            if self.control.is_adaptive:
                self.pacer.follow(learned.rate)

    def on_silence(self, now: int) -> None:
        """Several probes in a row were answered with nothing."""
        if self.learned is not None:
            self.learned.on_silence(now)
            if self.control.is_adaptive:
                self.pacer.follow(self.learned.rate)

    def expected_losses(self) -> float:
        """How many packets of what is in flight will be lost, whatever is sent."""
        learned = self.learned
        if learned is None:
            return 0.0
        return learned.in_flight_bytes * learned.delivery.usual_loss / PACKET_BYTES

    def late_arrival_us(self) -> int:
        """How long after it left a packet that was reported missing may still be on its way."""
        round_trip_us = max(self.round_trip.smoothed_us, 0)
        if self.control.is_adaptive and self.reordering.keeps_order():
            return round_trip_us + LATE_ORDERLY_US
        return int(round_trip_us * LATE_ROUND_TRIPS) + LATE_ARRIVAL_US
