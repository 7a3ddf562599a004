"""How is the reference library driven for a measurement? Through its flat C interface, as Python would."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.interop.gns import ENVIRONMENT_VARIABLE, Config, Library, Result, State, StatusEvent
from tests.interop.gns import Send as Flag

from benchmarks.control import Control, Word
from benchmarks.plan import NAP_S, RECEIVE_BUFFER_BYTES, RECEIVE_BUFFER_MESSAGES, SEND_RATE_BYTES_PER_S
from benchmarks.systems.base import OK, Arrival, Burst, Direct, MeasurementError, Outgoing, Threaded, check_full
from benchmarks.systems.gns_calls import Calls

LANES: Final = (0, 1)
"""Priorities of the urgent and of the bulk lane: the first goes before the second."""
OPTIONS: Final[dict[int, int]] = {
    Config.SEND_RATE_MIN: SEND_RATE_BYTES_PER_S,
    Config.SEND_RATE_MAX: SEND_RATE_BYTES_PER_S,
    Config.RECV_BUFFER_SIZE: RECEIVE_BUFFER_BYTES,
    Config.RECV_BUFFER_MESSAGES: RECEIVE_BUFFER_MESSAGES,
    Config.IP_ALLOW_WITHOUT_AUTH: 2,
}


class Gns(Threaded):
    """Its own service thread does the work; the application naps, for the interface has nothing to wait on."""

    def __init__(self, options: Mapping[int, int] = OPTIONS) -> None:
        super().__init__()
        self._options = dict(options)
        path = os.environ[ENVIRONMENT_VARIABLE]
        self._calls = Calls(path)
        self._library = Library(path)
        self._before_start()
        self._library.start()
        self._calls.started()
        self._library.on_status(self._on_status)
        self._group = 0

    def _before_start(self) -> None:
        """For what must be chosen before the library runs."""

    def _on_status(self, event: StatusEvent) -> None:
        connection, state = event.connection, event.info.state
        if state == State.CONNECTING and event.info.listen_socket:
            result = self._library.accept(connection)
            if result not in (Result.OK, Result.INVALID_STATE):  # the client may have gone meanwhile
                raise MeasurementError(f"accepting gave result {result}")
            self._put_into_group(connection)
        elif state == State.CONNECTED:
            self.connected.add(connection)
            if event.info.listen_socket:
                self.incoming.append(connection)
        elif state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
            self.note_end(connection, event.info.end_reason, event.info.end_debug)

    def _put_into_group(self, connection: int) -> None:
        if self._group:
            self._library.set_poll_group(connection, self._group)

    async def listen(self) -> str:
        """Listens on a port that was free a moment ago: the library refuses port 0."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((self.host, 0))
            address = f"{self.host}:{probe.getsockname()[1]}"
        self._library.listen(address, self._options)
        return address

    async def connect(self, address: str) -> int:
        """Begins to connect."""
        connection = self._library.connect(address, self._options)
        self._put_into_group(connection)
        return connection

    def close_connection(self, connection: int) -> None:
        """Closes a connection."""
        self.connected.discard(connection)
        self._library.close(connection)

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:
        """SendMessageToConnection; lanes are known to SendMessages only."""
        if not lane:
            return self._calls.sender(connection, _flags(reliable, no_nagle))
        send = self._calls.batch_sender(connection, _flags(reliable, no_nagle), 1, lane)

        def send_one(data: bytes) -> int:
            number = send(data)[0]
            return OK if number > 0 else -number

        return send_one

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:
        """ReceiveMessagesOnConnection."""
        return self._calls.receiver(connection)

    def wait(self, timeout_s: float) -> None:
        """Naps."""
        time.sleep(min(NAP_S, timeout_s))

    def run_callbacks(self) -> None:
        """Dispatches status changes."""
        self._library.run_callbacks()

    def watch_all(self) -> None:
        """Every connection goes into one poll group."""
        self._group = self._library.create_poll_group()
        ahead_s = time.monotonic() - self._library.timestamp_us() / 1e6
        self._take_all = self._calls.group_receiver(self._group, ahead_s)

    def take_all(self) -> list[Arrival]:
        """ReceiveMessagesOnPollGroup."""
        return self._take_all()

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """SendMessageToConnection in a loop: through ctypes that is cheaper than filling message records."""
        send = self._calls.any_sender(_flags(reliable=False, no_nagle=True))
        return len([connection for connection, data in messages if send(connection, data) == OK])

    async def broadcast(self, data: bytes) -> int:
        """The same loop: the library has no call for it."""
        send = self._calls.any_sender(_flags(reliable=False, no_nagle=False))
        return len([connection for connection in self.connected if send(connection, data) == OK])

    def use_two_lanes(self, connection: int) -> None:
        """Lanes of different priority."""
        result = self._library.configure_lanes(connection, LANES, None)
        if result != Result.OK:
            raise MeasurementError(f"lanes were refused with {result}")

    def has_unacknowledged(self, connection: int) -> bool:
        """Asks for the status."""
        status, _ = self._library.status(connection)
        return bool(status.pending_reliable or status.sent_unacked_reliable)

    def ping_ms(self, connection: int) -> int:
        """Asks for the status."""
        return self._library.status(connection)[0].ping_ms

    def pending_bytes(self, connection: int) -> int:
        """Asks for the status."""
        status = self._library.status(connection)[0]
        return status.pending_reliable + status.pending_unreliable

    async def close(self) -> None:
        """Stops the library."""
        self._library.stop()


class GnsInBatches(Gns):
    """The same, sending many messages a call."""

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """SendMessages; each message is allocated by a foreign call, which ctypes cannot avoid."""
        send = self._calls.batch_sender(connection, _flags(reliable, no_nagle=False), count, lane)

        async def burst() -> int:
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

    async def hear(self, control: Control) -> Word:
        """Goes on with the service meanwhile."""
        return await Direct.hear(self, control)


def _flags(reliable: bool, no_nagle: bool) -> int:
    return int((Flag.RELIABLE if reliable else Flag.UNRELIABLE) | (Flag.NO_NAGLE if no_nagle else 0))
