"""Bulk and game traffic over a simulated path, and what is measured of both."""

from collections.abc import Callable, Mapping
from typing import Final

import gamesockets as gs
from gamesockets import sim
from gamesockets.bad_network.link import Link
from gamesockets.connection.traffic import Traffic
from gamesockets.send.loss import LATE_HOLES_MAX
from gamesockets.send.peer_window import PeerWindow

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE

PLAIN: Final[Mapping[Value, int]] = {Value.UNENCRYPTED: 3, Value.SEND_BUFFER_SIZE: 64 << 20}
"""Without encryption, which changes no packet's fate and takes a third of the time."""

FEED_S: Final = 0.01
PIECE_BYTES: Final = 50_000
GAME_HZ: Final = 30
GAME_BYTES: Final = 100
SAMPLE_S: Final = 0.005


class Bulk:
    """As much as the connection takes, in reliable messages, read as it arrives.

    Args:
        world: where.
        source: who sends.
        target: who reads.
        piece_bytes: the size of a message.
        ahead_bytes: so much waits to be sent at any time.
        lane: on which lane.
    """

    def __init__(
        self,
        world: sim.World,
        source: sim.Connection,
        target: sim.Connection,
        piece_bytes: int = PIECE_BYTES,
        ahead_bytes: int = 2_000_000,
        lane: int = 0,
    ) -> None:
        self.world = world
        self.source = source
        self.target = target
        self.arrived_bytes = 0
        self.on_other_lane: Callable[[gs.NetworkingMessage], object] | None = None
        """Called with each message that came on another lane."""
        self._piece = bytes(piece_bytes)
        self._ahead_bytes = ahead_bytes
        self._lane = lane
        self._is_stopped = False
        world.every(FEED_S, self.feed)
        world.every(0.002, self.read)

    def stop(self) -> None:
        """Sends no more; what waits still leaves."""
        self._is_stopped = True

    def feed(self) -> None:
        while not self._is_stopped and self.source.status().pending_reliable < self._ahead_bytes:
            if self.source.send(self._piece, RELIABLE, self._lane) != gs.Result.OK:
                break

    def read(self) -> None:
        for message in self.target.receive(100_000):
            if message.lane == self._lane:
                self.arrived_bytes += len(message.data)
            elif self.on_other_lane is not None:
                self.on_other_lane(message)

    def rate(self, seconds: float) -> float:
        """Bytes/s that arrive in the next seconds."""
        before = self.arrived_bytes
        self.world.run(seconds)
        return (self.arrived_bytes - before) / seconds


class Game:
    """Small unreliable messages at `GAME_HZ` on lane 0, urgent before the bulk on lane 1, and how late each is."""

    def __init__(self, bulk: Bulk) -> None:
        self.delays: list[float] = []
        """Seconds from sending to arrival, in order of arrival."""
        self.arrived_at: list[float] = []
        self.sent = 0
        self._world = bulk.world
        self._source = bulk.source
        bulk.on_other_lane = self._arrived
        self._times: dict[int, float] = {}
        bulk.world.every(1 / GAME_HZ, self._tick)

    def _tick(self) -> None:
        self.sent += 1
        self._times[self.sent] = self._world.now
        data = self.sent.to_bytes(4, "little") + bytes(GAME_BYTES - 4)
        self._source.send(data, gs.SendFlags.UNRELIABLE | gs.SendFlags.NO_NAGLE, 0)

    def _arrived(self, message: gs.NetworkingMessage) -> None:
        sent_at = self._times.pop(int.from_bytes(message.data[:4], "little"))
        self.delays.append(message.time_received / 1e6 - sent_at)
        self.arrived_at.append(message.time_received / 1e6)

    def added_delay(self, one_way_s: float, since_s: float, percent: float = 95) -> float:
        """That percentile of what messages took above the one-way time, of those that arrived since then."""
        late = sorted(
            delay - one_way_s for delay, at in zip(self.delays, self.arrived_at, strict=True) if at >= since_s
        )
        return late[min(int(len(late) * percent / 100), len(late) - 1)] if late else float("inf")


class QueueWatch:
    """Samples of how long the queue of a link's bottleneck is."""

    def __init__(self, world: sim.World, link: Link) -> None:
        self.samples: list[tuple[float, float]] = []
        """When, and how long in seconds."""
        self._world = world
        self._link = link
        world.every(SAMPLE_S, self._sample)

    def _sample(self) -> None:
        self.samples.append((self._world.now, self._link.bottleneck_wait_us(self._world.now_us) / 1e6))

    def percentile(self, percent: float, since_s: float = 0.0) -> float:
        """That percentile in seconds, of the samples since then."""
        waits = sorted(wait for at, wait in self.samples if at >= since_s)
        return waits[min(int(len(waits) * percent / 100), len(waits) - 1)]

    def last_above(self, limit_s: float) -> float:
        """When the queue was last longer than that; 0 if never."""
        return max((at for at, wait in self.samples if wait > limit_s), default=0.0)


def without_announcement(client: sim.Connection, server: sim.Connection) -> None:
    """From now on both take the other for a reference library with default settings, which announces no window."""
    for end in (client, server):
        take_for_reference(end.core.traffic)


def take_for_reference(traffic: Traffic) -> None:
    """A connection's data packets go to and come from a reference library, whatever the handshake said."""
    traffic.sender.filling.peer = PeerWindow()
    traffic.sender.loss.late_holes_max = LATE_HOLES_MAX
    traffic.acks.is_bulk = False
    traffic.receiver.expect_bulk(False)
