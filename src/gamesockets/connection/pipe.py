"""Two ends of one process: what is sent lies in the partner's inbox before the call returns (spec 2, 2.14).

No packets, and so no rate, Nagle wait, loss or simulated network; only the receiver's limits count. A pipe measures
as if each message were a packet that arrives at once.
"""

from collections import deque
from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import application_reason
from gamesockets.connection.connection import Connection, StateChange
from gamesockets.connection.counters import Counters
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State
from gamesockets.connection.traffic import Traffic
from gamesockets.receive.memory import MemoryPool
from gamesockets.send.builder import PacketBuilder
from gamesockets.values.address import Address
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.values.results import Result
from gamesockets.wire.packet import NO_TIME

REPORTED_RATE_MAX: Final = 104_857_600
"""Bytes per second that a pipe shows as its send rate unless a lower limit is set."""

_NOWHERE: Final = Address("::", 0)
_INVALID_PARAM: Final = -int(Result.INVALID_PARAM)
_TOO_LARGE: Final = -int(Result.VALUE_OUT_OF_RANGE)
_NO_CONNECTION: Final = -int(Result.NO_CONNECTION)


@final
class Pipe(Connection):
    """One end, connected once `join` was called.

    Both ends report their changes of state in `changes`, in order.
    """

    __slots__ = ("_partner",)

    def __init__(
        self,
        connection_id: int,
        identity: NetworkingIdentity,
        options: ConnectionOptions,
        ready: set[Inbox],
        changes: deque[StateChange],
        now: int,
    ) -> None:
        peer = PeerRecord(connection_id, identity, options.connection_user_data)
        inbox = Inbox(ready)
        # Lanes with their numbers, the send rate and the measurements; no packet ever passes through it.
        entropy = SeededEntropy(connection_id)
        pool, builder = MemoryPool(), PacketBuilder()
        traffic = Traffic(connection_id, peer, inbox, options, Counters(), entropy, pool, builder, now)
        super().__init__(connection_id, _NOWHERE, peer, inbox, options, traffic, changes)
        self._partner: Pipe | None = None
        self.configure(options)

    def join(self, partner: "Pipe", now: int) -> None:
        """Both ends are connected from here on; no change is reported (spec 3, 6.9)."""
        self.connect_to(partner, now)
        partner.connect_to(self, now)

    def connect_to(self, partner: "Pipe", now: int) -> None:
        """This end's half of `join`."""
        self._partner = partner
        self.enter(State.CONNECTED, 0, "")
        # As if the handshake had been a packet in each direction, which took no time. It counts for the rates of the
        # first interval, not for its quality, as in the reference library.
        statistics = self.statistics
        statistics.sequenced = 1
        statistics.connected(now)
        statistics.packets_sent = 1
        statistics.packets_received = 1
        self.traffic.take_ping_sample(0, now)

    def configure(self, options: ConnectionOptions) -> None:
        """New limits, in force for the next message."""
        self.options = options
        self.sender.pacer.limit(
            min(options.send_rate_min, REPORTED_RATE_MAX), min(options.send_rate_max, REPORTED_RATE_MAX)
        )

    # ------------------------------------------------------------------ messages

    def send(self, data: bytes, flags: int, lane: int, now: int) -> int:
        """Delivers a message; its number, or minus the `Result` that says why not."""
        partner = self._partner
        if partner is None:
            return _NO_CONNECTION if self.state == State.CLOSED_BY_PEER else _INVALID_PARAM
        lanes = self.sender.lanes.lanes
        size = len(data)
        if not 0 <= lane < len(lanes):
            return _INVALID_PARAM
        if size > partner.options.recv_max_message_size:
            return _TOO_LARGE
        number = lanes[lane].last_number + 1
        lanes[lane].last_number = number
        self._sent(size, now)
        partner.take_in(NetworkingMessage(data, number, flags, lane, now, partner.peer), size, now)
        return number

    def take_in(self, message: NetworkingMessage, size: int, now: int) -> None:
        """The partner sent this and is told OK: a receiver over its limits loses messages (spec 2, 2.14)."""
        self._arrived(size, now)
        peer = self.peer
        options = self.options
        if (
            peer.queued_messages < options.recv_buffer_messages
            and peer.queued_bytes + size <= options.recv_buffer_size_bytes
        ):
            peer.queued_messages += 1
            peer.queued_bytes += size
            self.inbox.append(message)

    def needs_service(self, now: int) -> bool:  # noqa: ARG002 - as for UDP
        """Always: the application may wait for the message that was delivered."""
        return True

    def flush(self) -> Result:
        """Nothing ever waits."""
        return Result.OK if self.state == State.CONNECTED else Result.NO_CONNECTION

    def configure_lanes(self, priorities: list[int], weights: list[int], now: int) -> Result:  # noqa: ARG002
        """Sets up the lanes of the sending direction; of their meaning only the separate numbers remain."""
        if self.state != State.CONNECTED:
            return Result.INVALID_STATE
        if len(priorities) < len(self.sender.lanes.lanes):
            return Result.INVALID_PARAM
        self.sender.lanes.configure(priorities, weights)
        return Result.OK

    # ------------------------------------------------------------------ the end

    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:  # noqa: ARG002
        """Ends this end at once, linger or not, and then its partner, which keeps what it has not read."""
        self.inbox.discard(self.peer)
        partner = self._partner
        if partner is None:
            self.end(State.FIN_WAIT, self.end_reason, self.end_debug, now)
            return
        reason, debug = application_reason(reason, debug)
        self.end(State.FIN_WAIT, reason, debug, now)
        partner.end(State.CLOSED_BY_PEER, reason, debug, now)

    def end(self, state: State, reason: int, debug: str, now: int) -> None:
        """Leaves the partner, for the reason that either end gives."""
        self._partner = None
        self.statistics.ended(now)
        self.change(state, reason, debug)

    # ------------------------------------------------------------------ measuring

    def _sent(self, size: int, now: int) -> None:
        self.measure(now)
        statistics = self.statistics
        statistics.packets_sent += 1
        statistics.bytes_sent += size

    def _arrived(self, size: int, now: int) -> None:
        self.measure(now)
        statistics = self.statistics
        statistics.packets_received += 1
        statistics.bytes_received += size
        statistics.sequenced += 1
        window = self.traffic.window
        window.record(window.newest + 1)
        statistics.arrived(now, NO_TIME, True)
        self.traffic.take_ping_sample(0, now)

    def measure(self, now: int) -> None:
        """Finishes the measuring intervals that have ended: a pipe has no timer that would do it in time."""
        statistics = self.statistics
        if self.state != State.CONNECTED or now < statistics.next_interval_at():
            return
        statistics.finish_interval(statistics.next_interval_at(), 0)
        statistics.resume(now)  # nothing happened in the intervals since, or they would have been finished then
