"""When do our statistics go to the peer? With other data when ready, alone when due (spec 1, 8.1)."""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.connection.stats import Statistics
from gamesockets.values.moments import NEVER
from gamesockets.wire.messages_pb2 import UdpStats

INSTANTANEOUS: Final = 1
LIFETIME: Final = 2

_INSTANTANEOUS_READY_US: Final = 20_000_000
_INSTANTANEOUS_DUE_US: Final = 30_000_000
_LIFETIME_READY_US: Final = 120_000_000
_LIFETIME_DUE_US: Final = 140_000_000
_INSTANTANEOUS_US_PER_PACKET: Final = 3_000_000
_LIFETIME_PACKETS_MIN: Final = 100


@mypyc_attr(acyclic=True)
@final
class StatisticsReports:
    """The two clocks, what is in flight, and how much happened since the peer last acknowledged a report."""

    __slots__ = (
        "_instantaneous_acked_at",
        "_instantaneous_packets",
        "_lifetime_acked_at",
        "_lifetime_packets",
        "_mark",
        "_statistics",
    )

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._instantaneous_acked_at = NEVER
        self._lifetime_acked_at = NEVER
        self._instantaneous_packets = (0, 0)
        self._lifetime_packets = (0, 0)
        self._mark = 0

    def start(self, now: int) -> None:
        """The connection is up: both clocks start."""
        self._restart_instantaneous(now)
        self._restart_lifetime(now)

    def _packets(self) -> tuple[int, int]:
        return self._statistics.packets_received, self._statistics.packets_sent

    def _restart_instantaneous(self, now: int) -> None:
        self._instantaneous_acked_at = now
        self._instantaneous_packets = self._packets()

    def _restart_lifetime(self, now: int) -> None:
        self._lifetime_acked_at = now
        self._lifetime_packets = self._packets()

    def ready_at(self) -> int:
        """From when on `pick` may have something; NEVER while a report is in flight."""
        if self._mark or self._instantaneous_acked_at == NEVER:
            return NEVER
        return min(
            self._instantaneous_acked_at + _INSTANTANEOUS_READY_US,
            self._lifetime_acked_at + _LIFETIME_READY_US,
        )

    def due_at(self) -> int:
        """When a report deserves a packet of its own; NEVER while one is in flight."""
        if self._mark or self._instantaneous_acked_at == NEVER:
            return NEVER
        return min(self._instantaneous_acked_at + _INSTANTANEOUS_DUE_US, self._lifetime_acked_at + _LIFETIME_DUE_US)

    def are_due(self, now: int) -> bool:
        """Whether a report deserves a packet of its own now."""
        return now >= self.due_at() and self.pick(now) != 0

    def pick(self, now: int) -> int:
        """Which reports are ready and worth sending: a sum of INSTANTANEOUS and LIFETIME, 0 for none."""
        if now < self.ready_at():
            return 0
        received, sent = self._packets()
        picked = 0
        elapsed_us = now - self._instantaneous_acked_at
        if elapsed_us >= _INSTANTANEOUS_READY_US:
            enough = elapsed_us // _INSTANTANEOUS_US_PER_PACKET
            received_then, sent_then = self._instantaneous_packets
            if received - received_then > enough or sent - sent_then > enough:
                picked |= INSTANTANEOUS
            else:
                self._restart_instantaneous(now)
        if now - self._lifetime_acked_at >= _LIFETIME_READY_US:
            received_then, sent_then = self._lifetime_packets
            if received - received_then > _LIFETIME_PACKETS_MIN or sent - sent_then > _LIFETIME_PACKETS_MIN:
                picked |= LIFETIME
            else:
                self._lifetime_acked_at = now
        return picked

    def message(self, picked: int, ping_ms: int, now: int) -> UdpStats:
        """The reports as they go on the wire."""
        message = UdpStats()
        if picked & INSTANTANEOUS:
            message.stats.instantaneous.CopyFrom(self._statistics.instantaneous(ping_ms))
        if picked & LIFETIME:
            message.stats.lifetime.CopyFrom(self._statistics.lifetime(now))
        return message

    def sent(self, picked: int) -> None:
        """These reports are on their way."""
        self._mark = picked

    def arrived(self, picked: int, now: int) -> None:
        """The peer has them."""
        self._mark = 0
        if picked & INSTANTANEOUS:
            self._restart_instantaneous(now)
        if picked & LIFETIME:
            self._restart_lifetime(now)

    def lost(self) -> None:
        """They did not arrive, and are ready again at once."""
        self._mark = 0
