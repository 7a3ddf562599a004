"""What is the machine's limit? A UDP socket on each side, each message one datagram, nothing around it.

`Udp` takes a system call for each message. `UdpInBatches` has the kernel cut and join equal datagrams, which Linux can
(UDP_SEGMENT, UDP_GRO): no protocol over UDP can be faster than this.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Final

from benchmarks.systems.base import OK, Burst, Threaded

_PATIENCE: Final = struct.pack("@ll", 0, 50_000)
"""How long `recv` blocks, in seconds and microseconds; set in the kernel, so that receiving is one system call."""
_THE_CONNECTION: Final = 1
_SOL_UDP: Final = 17
_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104
_BUFFER_BYTES: Final = 4 << 20


class Udp(Threaded):
    """One socket, blocking, connected to the only peer it will ever have."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)

    async def listen(self) -> str:
        """Binds; the peer is whoever writes first."""
        self._socket.bind(("127.0.0.1", 0))
        self.incoming.append(_THE_CONNECTION)
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    async def connect(self, address: str) -> int:
        """Sets the peer, and sends an empty datagram by which it learns of us."""
        host, port = address.split(":")
        self._socket.connect((host, int(port)))
        self._socket.send(b"")
        self.connected.add(_THE_CONNECTION)
        return _THE_CONNECTION

    def close_connection(self, connection: int) -> None:
        """Nothing: there is no connection."""

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:  # noqa: ARG002 - a datagram is a datagram
        """`send`."""
        send = self._socket.send

        def send_one(data: bytes) -> int:
            send(data)
            return OK

        return send_one

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:  # noqa: ARG002 - there is one
        """`recv`, which blocks for a moment and then gives nothing."""
        receive = self._socket.recv

        def take() -> list[bytes]:
            try:
                data = receive(65536)
            except BlockingIOError:
                return []
            return [data] if data else []

        if self.incoming:
            _, peer = self._first_datagram()
            self._socket.connect(peer)
        return take

    def _first_datagram(self) -> tuple[bytes, tuple[str, int]]:
        while True:
            try:
                return self._socket.recvfrom(2048)
            except BlockingIOError:
                continue

    def wait(self, timeout_s: float) -> None:
        """Nothing: receiving waits."""

    def run_callbacks(self) -> None:
        """Nothing ever changes."""

    async def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


class UdpInBatches(Udp):
    """Many equal datagrams a system call, in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self._socket.setsockopt(_SOL_UDP, _UDP_GRO, 1)

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:  # noqa: ARG002 - as above
        """One `sendmsg` that the kernel cuts into datagrams; receivers get as many in one piece."""
        send, data = self._socket.sendmsg, [payload * count]
        options = [(_SOL_UDP, _UDP_SEGMENT, struct.pack("@H", len(payload)))]

        async def burst() -> int:
            send(data, options)
            return count

        return burst
