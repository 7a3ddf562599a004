"""How is gamesockets driven for a measurement? As a game would drive `NetworkingSockets`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import gamesockets as gs
from benchmarks.plan import MESSAGES_PER_RECEIVE, RECEIVE_BUFFER_BYTES, RECEIVE_BUFFER_MESSAGES
from benchmarks.systems.base import Arrival, Burst, MeasurementError, Outgoing, Threaded, check_full

CONFIG: Final = {
    gs.ConfigurationValue.RECV_BUFFER_SIZE: RECEIVE_BUFFER_BYTES,
    gs.ConfigurationValue.RECV_BUFFER_MESSAGES: RECEIVE_BUFFER_MESSAGES,
}
"""No rates: a program that is told none finds its own, and one that is told too much fills every queue."""
LANES: Final = (0, 1)
"""Priorities of the urgent and of the bulk lane: the first goes before the second."""


def _clock_ahead_s() -> float:
    """Of several looks the quickest: a process that loses its core between two clocks sees them apart."""
    looks: list[tuple[float, float]] = []
    for _ in range(20):
        before = time.monotonic()
        library_s = gs.Library.time() / 1e6
        after = time.monotonic()
        looks.append((after - before, (before + after) / 2 - library_s))
    return min(looks)[1]


CLOCK_AHEAD_S: Final = _clock_ahead_s()
"""What to add to the library's time to get that of `time.monotonic`."""
_ENDED: Final = (gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY)


class Ours(Threaded):
    """Waits with `wait`, sends message by message: the loop that everybody writes first."""

    def __init__(self, config: Mapping[gs.ConfigurationValue, int] = CONFIG) -> None:
        super().__init__()
        self._sockets = gs.NetworkingSockets(config=config)
        self._sockets.set_status_callback(self._on_status)
        self._group: gs.PollGroup | None = None

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, info = status.connection, status.connection_info
        if info.state == gs.ConnectionState.CONNECTING and info.listen_socket:
            self._sockets.accept_connection(connection)
            self._put_into_group(connection)
        elif info.state == gs.ConnectionState.CONNECTED:
            self.connected.add(connection)
            if info.listen_socket:
                self.incoming.append(connection)
        elif info.state in _ENDED:
            self.note_end(connection, info.end_reason, info.end_debug)

    def _put_into_group(self, connection: gs.Connection) -> None:
        if self._group is not None:
            self._sockets.set_connection_poll_group(connection, self._group)

    async def listen(self) -> str:
        """Listens on a free port."""
        socket = self._sockets.create_listen_socket(gs.Address(self.host, 0))
        return str(self._sockets.get_listen_socket_address(socket))

    async def connect(self, address: str) -> int:
        """Begins to connect."""
        connection = self._sockets.connect(gs.Address.parse(address))
        self._put_into_group(connection)
        return connection

    def close_connection(self, connection: int) -> None:
        """Closes a connection."""
        self.connected.discard(connection)
        self._sockets.close_connection(gs.Connection(connection))

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:
        """`send_message_to_connection`."""
        handle, flags = gs.Connection(connection), send_flags(reliable, no_nagle)
        send = self._sockets.send_message_to_connection
        if lane:
            return lambda data: send(handle, data, flags, lane)
        return lambda data: send(handle, data, flags)

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """`send_message_to_connection` in a loop, as a program would write it."""
        handle, flags = gs.Connection(connection), send_flags(reliable, no_nagle=False)
        send, ok = self._sockets.send_message_to_connection, gs.Result.OK

        async def burst() -> int:
            for sent in range(count):
                result = send(handle, payload, flags, lane)
                if result != ok:
                    check_full(result)
                    return sent
            return count

        return burst

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:
        """`receive_messages_on_connection`."""
        handle, receive = gs.Connection(connection), self._sockets.receive_messages_on_connection
        return lambda: [message.data for message in receive(handle, MESSAGES_PER_RECEIVE)]

    def wait(self, timeout_s: float) -> None:
        """Sleeps until there is news."""
        self._sockets.wait(timeout_s)

    def run_callbacks(self) -> None:
        """Dispatches status changes."""
        self._sockets.run_callbacks()

    def watch_all(self) -> None:
        """Every connection goes into one poll group."""
        self._group = self._sockets.create_poll_group()

    def take_all(self) -> list[Arrival]:
        """`receive_messages_on_poll_group` until it gives nothing more."""
        if self._group is None:
            raise MeasurementError("take_all without watch_all")
        taken: list[Arrival] = []
        while True:
            messages = self._sockets.receive_messages_on_poll_group(self._group, MESSAGES_PER_RECEIVE)
            taken += arrivals(messages)
            if len(messages) < MESSAGES_PER_RECEIVE:
                return taken

    async def take_for(self, seconds: float, handle: Callable[[list[Arrival]], None]) -> None:
        """`wait` until the time is over, and whenever it returns, callbacks and messages."""
        deadline = time.monotonic() + seconds
        while (left_s := deadline - time.monotonic()) > 0:
            self.wait(left_s)
            self.run_callbacks()
            handle(self.take_all())

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """`send_message_to_connection` in a loop."""
        send, flags = self._sockets.send_message_to_connection, send_flags(reliable=False, no_nagle=True)
        handles = cast("Sequence[tuple[gs.Connection, bytes]]", messages)
        return [send(connection, data, flags) for connection, data in handles].count(gs.Result.OK)

    async def broadcast(self, data: bytes) -> int:
        """`send_messages`."""
        return self._send_messages([(connection, data) for connection in self.connected], no_nagle=False)

    def _send_messages(self, messages: Sequence[Outgoing], no_nagle: bool) -> int:
        flags = send_flags(reliable=False, no_nagle=no_nagle)
        numbers = self._sockets.send_messages(
            [gs.OutgoingMessage(gs.Connection(connection), data, flags) for connection, data in messages]
        )
        return len([number for number in numbers if number > 0])

    def use_two_lanes(self, connection: int) -> None:
        """Lanes of different priority."""
        result = self._sockets.configure_connection_lanes(gs.Connection(connection), LANES)
        if result != gs.Result.OK:
            raise MeasurementError(f"lanes were refused with {result!r}")

    def has_unacknowledged(self, connection: int) -> bool:
        """Asks for the status."""
        status = self._status(connection)
        return bool(status.pending_reliable or status.sent_unacked_reliable)

    def ping_ms(self, connection: int) -> int:
        """Asks for the status."""
        return self._status(connection).ping

    def pending_bytes(self, connection: int) -> int:
        """Asks for the status."""
        status = self._status(connection)
        return status.pending_reliable + status.pending_unreliable

    def path_figures(self, connection: int) -> dict[str, float]:
        """Some of `PathStatus`, and the rate in force."""
        status = self._status(connection)
        return {
            "estimate": status.path.bandwidth_bytes_per_second,
            "send_rate": status.send_rate_bytes_per_second,
            "window": status.path.window_bytes,
            "standing_queue_ms": status.path.standing_queue_us / 1000,
            "lost_packets": status.path.lost_packets,
            "late_packets": status.path.late_packets,
        }

    def _status(self, connection: int) -> gs.ConnectionStatus:
        status = self._sockets.get_quick_connection_status(gs.Connection(connection))
        if status is None:
            raise MeasurementError("the connection is gone")
        return status

    async def close(self) -> None:
        """Closes everything."""
        self._sockets.close()


class OursInBatches(Ours):
    """The same, sending many messages a call."""

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """`send_messages`, with a list that is built anew for every call."""
        handle, flags = gs.Connection(connection), send_flags(reliable, no_nagle=False)
        send = self._sockets.send_messages

        async def burst() -> int:
            numbers = send([gs.OutgoingMessage(handle, payload, flags, lane) for _ in range(count)])
            if numbers[-1] > 0:
                return count
            refused = next(index for index, number in enumerate(numbers) if number <= 0)
            check_full(-numbers[refused])
            return refused

        return burst

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """`send_messages`."""
        return self._send_messages(messages, no_nagle=True)


class OursAsleep(OursInBatches):
    """The same, and its server sleeps through to the next tick."""

    async def take_for(self, seconds: float, handle: Callable[[list[Arrival]], None]) -> None:  # noqa: ARG002 - as it says
        """`time.sleep`: messages wait for the tick."""
        await self.sleep(seconds)


def arrivals(messages: Sequence[gs.NetworkingMessage]) -> list[Arrival]:
    """What scenarios want to know of messages."""
    return [(message.data, message.time_received / 1e6 + CLOCK_AHEAD_S) for message in messages]


def send_flags(reliable: bool, no_nagle: bool) -> gs.SendFlags:
    """The flags of a message."""
    flags = gs.SendFlags.RELIABLE if reliable else gs.SendFlags.UNRELIABLE
    return flags | gs.SendFlags.NO_NAGLE if no_nagle else flags
