"""How are aioquic and qh3 driven for a measurement? By their cores without IO, which have the same interface.

Their own asyncio transports send and receive datagram by datagram, at least on servers, and would be most of what is
measured. So the socket is served here, batched as far as the system can, one answer for everything that a read brought.
Reliable messages go on one stream a lane, each with its length in front; unreliable ones are DATAGRAM frames. A sender
looks at what waits in the connection and stops at the send buffer that the other systems have too.
"""

from __future__ import annotations

import contextlib
import importlib
import select
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, TypeAlias

from benchmarks.plan import RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES
from benchmarks.systems.base import OK, Burst, Direct
from benchmarks.systems.certificate import write_certificate

SocketAddress: TypeAlias = tuple[str, int]

_LENGTH: Final = Struct("<I")
_SEGMENT: Final = Struct("@H")
_ALPN: Final = ["benchmark"]
_DATAGRAM_FRAME_BYTES_MAX: Final = 65536
_SOCKET_BUFFER_BYTES: Final = 4 << 20
_READS: Final = 16
"""So many reads of a socket before what they brought is answered."""
_CAN_BATCH: Final = sys.platform == "linux"
_SOL_UDP: Final = 17
_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104
_BATCH_DATAGRAMS: Final = 64
_BATCH_BYTES: Final = 65000
_LONG_HEADER: Final = 0x80
_CONNECTION_ID_AT: Final = 6
"""In a long header, behind flags, version and the id's length."""


class _Link:
    """One connection: its core, where it sends, what came, and a stream for each lane that was used."""

    def __init__(self, quic: Any, sock: socket.socket, address: SocketAddress, is_incoming: bool) -> None:
        self.quic = quic
        self.sock = sock
        self.address = address
        self.is_incoming = is_incoming
        self.number = 0
        self.messages: list[bytes] = []
        self._streams: dict[int, int] = {}
        self._rest: dict[int, bytearray] = {}

    def send(self, data: bytes, reliable: bool, lane: int) -> None:
        """Queues a message."""
        if not reliable:
            self.quic.send_datagram_frame(data)
            return
        if lane not in self._streams:
            self._streams[lane] = self.quic.get_next_available_stream_id()
        self.quic.send_stream_data(self._streams[lane], _LENGTH.pack(len(data)) + data)

    def arrived(self, stream: int, data: bytes) -> None:
        """Cuts what came on a stream into messages."""
        rest = self._rest.setdefault(stream, bytearray())
        rest += data
        at, size = 0, len(rest)
        while at + _LENGTH.size <= size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(rest, at)[0]
            if end > size:
                break
            self.messages.append(bytes(rest[at + _LENGTH.size : end]))
            at = end
        del rest[:at]

    def transmit(self) -> None:
        """Sends what is ready, runs of equal datagrams in one call."""
        run: list[bytes] = []
        for data, _ in self.quic.datagrams_to_send(time.monotonic()):
            if run and (
                len(data) > len(run[0])
                or len(run[-1]) < len(run[0])
                or len(run) == _BATCH_DATAGRAMS
                or (len(run) + 1) * len(run[0]) > _BATCH_BYTES
                or not _CAN_BATCH
            ):
                self._send(run)
                run = []
            run.append(data)
        if run:
            self._send(run)

    def _send(self, run: list[bytes]) -> None:
        options = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT.pack(len(run[0])))] if len(run) > 1 else []
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # lost, as a network may lose it
            self.sock.sendmsg([b"".join(run)], options, 0, self.address)


class Quic(Direct):
    """One of the two packages."""

    def __init__(
        self, package: str, waiting_bytes: Callable[[Any], int], unsent_bytes: Callable[[Any], int] | None = None
    ) -> None:
        super().__init__()
        self._waiting_bytes = waiting_bytes
        self._unsent_bytes = unsent_bytes or waiting_bytes
        self._new_connection = importlib.import_module(f"{package}.quic.connection").QuicConnection
        self._new_configuration = importlib.import_module(f"{package}.quic.configuration").QuicConfiguration
        self._events = importlib.import_module(f"{package}.quic.events")
        self._folder = tempfile.TemporaryDirectory()
        self._server_configuration: Any = None
        self._listener: socket.socket | None = None
        self._numbers = 0
        self._links: dict[int, _Link] = {}
        self._link_at: dict[tuple[socket.socket, SocketAddress], _Link] = {}
        self._sockets: set[socket.socket] = set()

    def _configuration(self, is_client: bool) -> Any:
        return self._new_configuration(
            is_client=is_client,
            alpn_protocols=_ALPN,
            max_data=RECEIVE_BUFFER_BYTES,
            max_stream_data=RECEIVE_BUFFER_BYTES,
            max_datagram_frame_size=_DATAGRAM_FRAME_BYTES_MAX,
            verify_mode=ssl.CERT_NONE,
        )

    def _socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        if _CAN_BATCH:
            sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
        sock.bind((self.host, 0))
        self._sockets.add(sock)
        return sock

    async def listen(self) -> str:
        """Takes clients on a free port."""
        self._server_configuration = self._configuration(is_client=False)
        certificate, key = write_certificate(self._folder)
        self._server_configuration.load_cert_chain(str(certificate), str(key))
        self._listener = self._socket()
        return f"{self.host}:{self._listener.getsockname()[1]}"

    async def connect(self, address: str) -> int:
        """Begins to connect, from a socket of its own."""
        host, _, port = address.rpartition(":")
        quic = self._new_connection(configuration=self._configuration(is_client=True))
        link = self._add(quic, self._socket(), (host, int(port)), is_incoming=False)
        quic.connect(link.address, now=time.monotonic())
        link.transmit()
        return link.number

    def _add(self, quic: Any, sock: socket.socket, address: SocketAddress, is_incoming: bool) -> _Link:
        self._numbers += 1
        link = _Link(quic, sock, address, is_incoming)
        link.number = self._numbers
        self._links[link.number] = self._link_at[sock, address] = link
        return link

    def close_connection(self, connection: int) -> None:
        """`close`, told once."""
        self.connected.discard(connection)
        link = self._links.pop(connection, None)
        if link is None:
            return
        link.quic.close()
        link.transmit()
        self._link_at.pop((link.sock, link.address), None)
        if not link.is_incoming:
            self._sockets.discard(link.sock)
            link.sock.close()

    def _serve(self, timeout_s: float) -> None:
        """Waits, reads, runs timers, answers."""
        now = time.monotonic()
        timers = [timer for link in self._links.values() if (timer := link.quic.get_timer()) is not None]
        timeout_s = max(0.0, min([timeout_s, *[timer - now for timer in timers]]))
        readable, _, _ = select.select(list(self._sockets), [], [], timeout_s)
        touched: dict[_Link, None] = {}
        for sock in readable:
            for _ in range(_READS):
                if not self._read(sock, touched):
                    break
        now = time.monotonic()
        for link in list(self._links.values()):
            timer = link.quic.get_timer()
            if timer is not None and timer <= now:
                link.quic.handle_timer(now)
                touched[link] = None
        for link in touched:
            self._take_events(link)
            if link.number in self._links:
                link.transmit()

    def _read(self, sock: socket.socket, touched: dict[_Link, None]) -> bool:
        try:
            data, options, _, address = sock.recvmsg(65535, 64)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        size = int.from_bytes(options[0][2], sys.byteorder) if options else len(data)
        link = self._link_at.get((sock, address)) or self._accept(sock, address, data)
        if link is not None and size:
            now = time.monotonic()
            for at in range(0, len(data), size):
                link.quic.receive_datagram(data[at : at + size], address, now=now)
            touched[link] = None
        return True

    def _accept(self, sock: socket.socket, address: SocketAddress, data: bytes) -> _Link | None:
        if sock is not self._listener or not data[0] & _LONG_HEADER:
            return None
        identifier = data[_CONNECTION_ID_AT : _CONNECTION_ID_AT + data[_CONNECTION_ID_AT - 1]]
        quic = self._new_connection(
            configuration=self._server_configuration, original_destination_connection_id=identifier
        )
        return self._add(quic, sock, address, is_incoming=True)

    def _take_events(self, link: _Link) -> None:
        events = self._events
        while (event := link.quic.next_event()) is not None:
            if isinstance(event, events.StreamDataReceived):
                link.arrived(event.stream_id, event.data)
            elif isinstance(event, events.DatagramFrameReceived):
                link.messages.append(event.data)
            elif isinstance(event, events.HandshakeCompleted):
                self.connected.add(link.number)
                if link.is_incoming:
                    self.incoming.append(link.number)
            elif isinstance(event, events.ConnectionTerminated) and link.number in self._links:
                self.note_end(link.number, event.error_code, event.reason_phrase)

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:  # noqa: ARG002 - it has no such wait
        """Queues and transmits."""
        link = self._links[connection]

        def send_one(data: bytes) -> int:
            link.send(data, reliable, lane)
            link.transmit()
            return OK

        return send_one

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """As many as fit into the send buffer, transmitted together; then what came has its turn."""
        link = self._links[connection]

        async def burst() -> int:
            room = SEND_BUFFER_BYTES - self._waiting_bytes(link.quic)
            fitting = min(count, max(0, room) // len(payload))
            for _ in range(fitting):
                link.send(payload, reliable, lane)
            link.transmit()
            self._serve(0.0)
            return fitting

        return burst

    def pending_bytes(self, connection: int) -> int:
        """Looks into its streams, or where it does not let one, at what waits there and in transit together."""
        return self._unsent_bytes(self._links[connection].quic)

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:
        """Serves, and takes what came."""
        link = self._links[connection]

        def take() -> list[bytes]:
            if not link.messages:
                self._serve(0.0)
            messages, link.messages = link.messages, []
            return messages

        return take

    def wait(self, timeout_s: float) -> None:
        """Serves once something comes or is due."""
        self._serve(timeout_s)

    def run_callbacks(self) -> None:
        """Nothing: serving did."""

    async def sleep(self, seconds: float) -> None:
        """Serves until the time is over."""
        deadline = time.monotonic() + seconds
        while (left_s := deadline - time.monotonic()) > 0:
            self._serve(left_s)

    async def close(self) -> None:
        """Closes everything."""
        for number in list(self._links):
            self.close_connection(number)
        for sock in self._sockets:
            sock.close()
        self._folder.cleanup()


def aioquic() -> Quic:
    """It does not tell what waits; its buffers do, of which the sent part is not yet acknowledged."""

    def waiting_bytes(quic: Any) -> int:
        streams = sum(len(stream.sender._buffer) for stream in quic._streams.values())
        return streams + sum(map(len, quic._datagrams_pending))

    def unsent_bytes(quic: Any) -> int:
        pending = [piece for stream in quic._streams.values() for piece in stream.sender._pending]
        return sum(piece.stop - piece.start for piece in pending)

    return Quic("aioquic", waiting_bytes, unsent_bytes)


def qh3() -> Quic:
    """`get_send_buffer_size`."""

    def waiting_bytes(quic: Any) -> int:
        size: int = quic.get_send_buffer_size()
        return size

    return Quic("qh3", waiting_bytes)
