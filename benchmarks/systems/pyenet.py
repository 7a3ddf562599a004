"""How is pyenet driven for a measurement? One host a process, served by the application, as its interface asks for.

Nothing happens in ENet but inside `service`, so whoever waits or sleeps is inside it. It takes any number of messages
to send; a sender here looks at what is in transit and stops while that is near ENet's own window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import enet

from benchmarks.systems.base import FULL, OK, Arrival, Burst, Direct, Outgoing

_PEERS_MAX: Final = 4095
_CHANNELS: Final = 2
_WINDOW_SHARE: Final = 2
"""New messages are refused while more than this fraction of the window (one half) is in transit."""


class Enet(Direct):
    """Unreliable messages may be fragmented and keep their order, as ENet's default is."""

    def __init__(self) -> None:
        super().__init__()
        self._host: Any = None
        self._numbers = 0
        self._peers: dict[int, Any] = {}
        self._number_of_slot: dict[int, int] = {}
        self._arrived: dict[int, list[bytes]] = {}
        self._arrived_anywhere: list[Arrival] | None = None

    async def listen(self) -> str:
        """Listens on a free port."""
        self._host = enet.Host(enet.Address(b"127.0.0.1", 0), _PEERS_MAX, _CHANNELS, 0, 0)
        return f"127.0.0.1:{self._host.address.port}"

    async def connect(self, address: str) -> int:
        """Begins to connect; all connections share the process's host."""
        if self._host is None:
            self._host = enet.Host(None, _PEERS_MAX, _CHANNELS, 0, 0)
        host, _, port = address.rpartition(":")
        peer = self._host.connect(enet.Address(host.encode(), int(port)), _CHANNELS)
        return self._number(peer)

    def _number(self, peer: Any) -> int:
        self._numbers += 1
        self._peers[self._numbers] = peer
        self._number_of_slot[peer.incomingPeerID] = self._numbers
        self._arrived[self._numbers] = []
        return self._numbers

    def close_connection(self, connection: int) -> None:
        """Tells the peer once, and forgets it."""
        self.connected.discard(connection)
        peer = self._peers.pop(connection, None)
        if peer is not None:
            self._number_of_slot.pop(peer.incomingPeerID, None)
            self._arrived.pop(connection, None)
            self._host.flush()  # what the peer has not yet been told would be forgotten with it
            peer.disconnect_now(0)

    def _handle(self, event: Any) -> None:
        slot = event.peer.incomingPeerID
        if event.type == enet.EVENT_TYPE_RECEIVE:
            number = self._number_of_slot.get(slot)
            if number is None:
                return
            if self._arrived_anywhere is not None:
                self._arrived_anywhere.append((event.packet.data, time.monotonic()))
            else:
                self._arrived[number].append(event.packet.data)
        elif event.type == enet.EVENT_TYPE_CONNECT:
            number = self._number_of_slot.get(slot)
            if number is None:
                number = self._number(event.peer)
                self.incoming.append(number)
            self.connected.add(number)
        elif event.type == enet.EVENT_TYPE_DISCONNECT:
            number = self._number_of_slot.get(slot)
            if number is not None:
                self._peers.pop(number)
                self._number_of_slot.pop(slot)
                self.note_end(number, 0, "disconnected")

    def _serve(self, timeout_ms: int) -> None:
        if self._host is None:
            return
        event = self._host.service(timeout_ms)
        while event.type != enet.EVENT_TYPE_NONE:
            self._handle(event)
            event = self._host.check_events()
            if event is None:
                return

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:
        """`send`; `flush` puts it on the wire at once, else the next `service` does."""
        peer, flush = self._peers[connection], self._host.flush
        flag = enet.PACKET_FLAG_RELIABLE if reliable else 0

        def send_one(data: bytes) -> int:
            if peer.send(lane, enet.Packet(data, flag)) < 0:
                return FULL
            if no_nagle:
                flush()
            return OK

        return send_one

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """`send` in a loop, one `service` for all."""
        peer = self._peers[connection]
        flag = enet.PACKET_FLAG_RELIABLE if reliable else 0

        async def burst() -> int:
            if reliable and peer.reliableDataInTransit * _WINDOW_SHARE > peer.windowSize:
                self._serve(0)
                if peer.reliableDataInTransit * _WINDOW_SHARE > peer.windowSize:
                    return 0
            for _ in range(count):
                peer.send(lane, enet.Packet(payload, flag))
            self._serve(0)
            return count

        return burst

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:
        """Serves, and takes what came."""

        def take() -> list[bytes]:
            self._serve(0)
            messages = self._arrived[connection]
            self._arrived[connection] = []
            return messages

        return take

    def wait(self, timeout_s: float) -> None:
        """`service` waits for the next event."""
        self._serve(int(timeout_s * 1000))

    def run_callbacks(self) -> None:
        """Nothing: `service` did."""

    def watch_all(self) -> None:
        """Messages of all connections go into one list."""
        self._arrived_anywhere = []

    def take_all(self) -> list[Arrival]:
        """Serves, and takes what came."""
        self._serve(0)
        taken = self._arrived_anywhere or []
        self._arrived_anywhere = []
        return taken

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """`send` for each, one `flush` for all."""
        peers = self._peers
        count = len([number for number, data in messages if peers[number].send(0, enet.Packet(data, 0)) >= 0])
        if self._host is not None:
            self._host.flush()
        return count

    async def broadcast(self, data: bytes) -> int:
        """The host's own."""
        self._host.broadcast(0, enet.Packet(data, 0))
        self._host.flush()
        return len(self.connected)

    async def sleep(self, seconds: float) -> None:
        """Serves until the time is over."""
        deadline = time.monotonic() + seconds
        self._serve(0)
        while (left_s := deadline - time.monotonic()) > 0:
            if left_s < 0.001:
                time.sleep(left_s)
            self._serve(int(left_s * 1000))

    async def close(self) -> None:
        """Disconnects the peers."""
        for number in list(self._peers):
            self.close_connection(number)
        if self._host is not None:
            self._host.flush()
