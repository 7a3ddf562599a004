"""How is gamesockets driven for a measurement? As a game would drive `NetworkingSockets`."""

from __future__ import annotations

from typing import Final

import gamesockets as gs
from benchmarks.plan import MESSAGES_PER_RECEIVE, RECEIVE_BUFFER_BYTES, RECEIVE_BUFFER_MESSAGES, SEND_RATE_BYTES_PER_S
from benchmarks.systems.base import Burst, Node, Receive, Send, check_full

CONFIG: Final = {
    gs.ConfigurationValue.SEND_RATE_MIN: SEND_RATE_BYTES_PER_S,
    gs.ConfigurationValue.SEND_RATE_MAX: SEND_RATE_BYTES_PER_S,
    gs.ConfigurationValue.RECV_BUFFER_SIZE: RECEIVE_BUFFER_BYTES,
    gs.ConfigurationValue.RECV_BUFFER_MESSAGES: RECEIVE_BUFFER_MESSAGES,
}
_ENDED: Final = (gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY)


class Ours(Node):
    """Waits with `wait`, sends message by message."""

    def __init__(self) -> None:
        super().__init__()
        self._sockets = gs.NetworkingSockets(config=CONFIG)
        self._sockets.set_status_callback(self._on_status)

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, info = status.connection, status.connection_info
        if info.state == gs.ConnectionState.CONNECTING and info.listen_socket:
            self._sockets.accept_connection(connection)
        elif info.state == gs.ConnectionState.CONNECTED:
            self.connected.add(connection)
            if info.listen_socket:
                self.incoming.append(connection)
        elif info.state in _ENDED:
            self.note_end(connection, info.end_reason, info.end_debug)

    def listen(self) -> str:
        """Listens on a free port."""
        socket = self._sockets.create_listen_socket(gs.Address("127.0.0.1", 0))
        return str(self._sockets.get_listen_socket_address(socket))

    def connect(self, address: str) -> int:
        """Begins to connect."""
        return self._sockets.connect(gs.Address.parse(address))

    def close_connection(self, connection: int) -> None:
        """Closes a connection."""
        self.connected.discard(connection)
        self._sockets.close_connection(gs.Connection(connection))

    def sender(self, connection: int, reliable: bool, no_nagle: bool) -> Send:
        """`send_message_to_connection`."""
        handle, flags = gs.Connection(connection), _flags(reliable, no_nagle)
        send = self._sockets.send_message_to_connection
        return lambda data: send(handle, data, flags)

    def receiver(self, connection: int) -> Receive:
        """`receive_messages_on_connection`."""
        handle, receive = gs.Connection(connection), self._sockets.receive_messages_on_connection
        return lambda: [message.data for message in receive(handle, MESSAGES_PER_RECEIVE)]

    def wait(self, timeout_s: float) -> None:
        """Sleeps until there is news."""
        self._sockets.wait(timeout_s)

    def run_callbacks(self) -> None:
        """Dispatches status changes."""
        self._sockets.run_callbacks()

    def close(self) -> None:
        """Closes everything."""
        self._sockets.close()


class OursInBatches(Ours):
    """The same, sending many messages a call."""

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int) -> Burst:
        """`send_messages`, with a list that is built anew for every call."""
        handle, flags = gs.Connection(connection), _flags(reliable, no_nagle=False)
        send = self._sockets.send_messages

        def burst() -> int:
            numbers = send([gs.OutgoingMessage(handle, payload, flags) for _ in range(count)])
            if numbers[-1] > 0:
                return count
            refused = next(index for index, number in enumerate(numbers) if number <= 0)
            check_full(-numbers[refused])
            return refused

        return burst


def _flags(reliable: bool, no_nagle: bool) -> gs.SendFlags:
    flags = gs.SendFlags.RELIABLE if reliable else gs.SendFlags.UNRELIABLE
    return flags | gs.SendFlags.NO_NAGLE if no_nagle else flags
