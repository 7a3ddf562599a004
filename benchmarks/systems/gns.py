"""How is the real library driven for a measurement? Through its flat C interface, as an application in Python would."""

from __future__ import annotations

import os
import socket
import time
from typing import Final

from tests.interop.gns import ENVIRONMENT_VARIABLE, Config, Library, Result, State, StatusEvent
from tests.interop.gns import Send as Flag

from benchmarks.plan import NAP_S, RECEIVE_BUFFER_BYTES, RECEIVE_BUFFER_MESSAGES, SEND_RATE_BYTES_PER_S
from benchmarks.systems.base import Burst, MeasurementError, Node, Receive, Send, check_full
from benchmarks.systems.gns_calls import Calls

OPTIONS: Final[dict[int, int]] = {
    Config.SEND_RATE_MIN: SEND_RATE_BYTES_PER_S,
    Config.SEND_RATE_MAX: SEND_RATE_BYTES_PER_S,
    Config.RECV_BUFFER_SIZE: RECEIVE_BUFFER_BYTES,
    Config.RECV_BUFFER_MESSAGES: RECEIVE_BUFFER_MESSAGES,
    Config.IP_ALLOW_WITHOUT_AUTH: 2,
}


class Gns(Node):
    """Its own service thread does the work; the application naps, for the interface has nothing to wait on."""

    def __init__(self) -> None:
        super().__init__()
        path = os.environ[ENVIRONMENT_VARIABLE]
        self._calls = Calls(path)
        self._library = Library(path)
        self._before_start()
        self._library.start()
        self._calls.started()
        self._library.on_status(self._on_status)

    def _before_start(self) -> None:
        """For what must be chosen before the library runs."""

    def _on_status(self, event: StatusEvent) -> None:
        connection, state = event.connection, event.info.state
        if state == State.CONNECTING and event.info.listen_socket:
            result = self._library.accept(connection)
            if result not in (Result.OK, Result.INVALID_STATE):  # the client may have gone meanwhile
                raise MeasurementError(f"accepting gave result {result}")
        elif state == State.CONNECTED:
            self.connected.add(connection)
            if event.info.listen_socket:
                self.incoming.append(connection)
        elif state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
            self.note_end(connection, event.info.end_reason, event.info.end_debug)

    def listen(self) -> str:
        """Listens on a port that was free a moment ago: the library refuses port 0."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._library.listen(address, OPTIONS)
        return address

    def connect(self, address: str) -> int:
        """Begins to connect."""
        return self._library.connect(address, OPTIONS)

    def close_connection(self, connection: int) -> None:
        """Closes a connection."""
        self.connected.discard(connection)
        self._library.close(connection)

    def sender(self, connection: int, reliable: bool, no_nagle: bool) -> Send:
        """SendMessageToConnection."""
        return self._calls.sender(connection, _flags(reliable, no_nagle))

    def receiver(self, connection: int) -> Receive:
        """ReceiveMessagesOnConnection."""
        return self._calls.receiver(connection)

    def wait(self, timeout_s: float) -> None:  # noqa: ARG002 - it cannot wait any longer
        """Naps."""
        time.sleep(NAP_S)

    def run_callbacks(self) -> None:
        """Dispatches status changes."""
        self._library.run_callbacks()

    def close(self) -> None:
        """Stops the library."""
        self._library.stop()


class GnsInBatches(Gns):
    """The same, sending many messages a call."""

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int) -> Burst:
        """SendMessages; each message is allocated by a foreign call, which ctypes cannot avoid."""
        send = self._calls.batch_sender(connection, _flags(reliable, no_nagle=False), count)

        def burst() -> int:
            numbers = send(payload)
            if min(numbers) > 0:
                return count
            refused = [number for number in numbers if number <= 0]
            check_full(-min(refused))
            return count - len(refused)

        return burst


class GnsByHand(Gns):
    """No service thread: waiting is servicing, so a message is handled the moment it comes."""

    def _before_start(self) -> None:
        self._service = self._calls.take_over_service()

    def wait(self, timeout_s: float) -> None:
        """Handles packets and timers, at most `timeout_s` long."""
        self._service(max(1, int(timeout_s * 1000)))


def _flags(reliable: bool, no_nagle: bool) -> int:
    return int((Flag.RELIABLE if reliable else Flag.UNRELIABLE) | (Flag.NO_NAGLE if no_nagle else 0))
