"""What did many connections do altogether? The data path keeps its counts in each connection; here they are added."""

from typing import final

from gamesockets.connection.connection import Connection
from gamesockets.connection.stats import JITTER_FIELDS, PING_FIELDS


@final
class Totals:
    """Sums over connections, of everything since each began. They only grow."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "jitter_histogram",
        "packets_duplicate",
        "packets_late",
        "packets_missing",
        "packets_received",
        "packets_reported_late",
        "packets_reported_missing",
        "packets_sent",
        "ping_histogram",
        "ping_sum_ms",
        "reliable_received",
        "reliable_sent",
        "retransmissions",
        "unreliable_received",
        "unreliable_sent",
    )

    def __init__(self) -> None:
        self.packets_sent = 0
        """UDP payloads, those of handshakes and farewells included."""
        self.bytes_sent = 0
        self.packets_received = 0
        self.bytes_received = 0
        self.packets_missing = 0
        """Data packets of peers that had not come when later ones came."""
        self.packets_late = 0
        """How many of them came after all."""
        self.packets_duplicate = 0
        self.packets_reported_missing = 0
        """Our data packets that were believed lost."""
        self.packets_reported_late = 0
        """How many of them were acknowledged after all."""
        self.retransmissions = 0
        """Reliable segments that were sent once more."""
        self.reliable_sent = 0
        """Messages that the application has sent."""
        self.unreliable_sent = 0
        self.reliable_received = 0
        """Whole messages that came."""
        self.unreliable_received = 0
        self.ping_histogram = [0] * len(PING_FIELDS)
        """Samples of the round trip, by `PING_CLASSES_MS`."""
        self.ping_sum_ms = 0
        self.jitter_histogram = [0] * len(JITTER_FIELDS)
        """Samples of the jitter, by `JITTER_CLASSES_US`."""

    def count(self, connection: Connection) -> None:
        """Adds what one connection did so far."""
        traffic = connection.traffic
        statistics = traffic.statistics
        self.packets_sent += statistics.packets_sent
        self.bytes_sent += statistics.bytes_sent
        self.packets_received += statistics.packets_received
        self.bytes_received += statistics.bytes_received
        window = traffic.window
        self.packets_missing += window.dropped + window.out_of_order
        self.packets_late += window.out_of_order
        self.packets_duplicate += window.duplicate
        sender = traffic.sender
        self.packets_reported_missing += sender.path.lost_packets + sender.path.late_packets
        self.packets_reported_late += sender.path.late_packets
        self.retransmissions += sender.retries.retransmissions
        for lane in sender.lanes.lanes:
            self.reliable_sent += lane.reliable_count
            self.unreliable_sent += lane.last_number - lane.reliable_count
        self.reliable_received += traffic.receiver.reliable_messages
        self.unreliable_received += traffic.receiver.unreliable_messages
        self.ping_sum_ms += statistics.pings.total
        _add_up(self.ping_histogram, statistics.ping_histogram)
        _add_up(self.jitter_histogram, statistics.jitter_histogram)

    def add(self, other: "Totals") -> None:
        """Adds other sums."""
        self.packets_sent += other.packets_sent
        self.bytes_sent += other.bytes_sent
        self.packets_received += other.packets_received
        self.bytes_received += other.bytes_received
        self.packets_missing += other.packets_missing
        self.packets_late += other.packets_late
        self.packets_duplicate += other.packets_duplicate
        self.packets_reported_missing += other.packets_reported_missing
        self.packets_reported_late += other.packets_reported_late
        self.retransmissions += other.retransmissions
        self.reliable_sent += other.reliable_sent
        self.unreliable_sent += other.unreliable_sent
        self.reliable_received += other.reliable_received
        self.unreliable_received += other.unreliable_received
        self.ping_sum_ms += other.ping_sum_ms
        _add_up(self.ping_histogram, other.ping_histogram)
        _add_up(self.jitter_histogram, other.jitter_histogram)


def _add_up(histogram: list[int], other: list[int]) -> None:
    for place, count in enumerate(other):
        histogram[place] += count
