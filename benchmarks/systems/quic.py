"""How are aioquic and qh3 driven for a measurement? Through their asyncio interface, which is the same for both.

Reliable messages go on one stream a lane, each with its length in front; unreliable ones are DATAGRAM frames. A sender
looks at what waits in the connection and stops at the send buffer that the other systems have too.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import ssl
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from struct import Struct
from typing import Any, Final

from benchmarks.plan import RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES
from benchmarks.systems.base import OK, Receive, Send
from benchmarks.systems.certificate import write_certificate
from benchmarks.systems.on_asyncio import OnAsyncio, Patience

_LENGTH: Final = Struct("<I")
_ALPN: Final = ["benchmark"]
_DATAGRAM_BYTES_MAX: Final = 65536


class _Arrivals:
    """The messages of one connection."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.waiter: asyncio.Future[None] | None = None
        self._rest: dict[int, bytearray] = {}

    def add(self, messages: list[bytes]) -> None:
        self.messages += messages
        if messages and self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def add_stream(self, stream: int, data: bytes) -> None:
        """Cuts what came on a stream into messages."""
        rest = self._rest.setdefault(stream, bytearray())
        rest += data
        messages = []
        at, size = 0, len(rest)
        while at + _LENGTH.size <= size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(rest, at)[0]
            if end > size:
                break
            messages.append(bytes(rest[at + _LENGTH.size : end]))
            at = end
        del rest[:at]
        self.add(messages)


class _Link:
    """One connection: its protocol object, what came, and a stream for each lane that was used."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.quic = protocol._quic  # its own documentation tells to use this
        self.arrivals: _Arrivals = protocol.arrivals
        self._streams: dict[int, int] = {}

    def stream(self, lane: int) -> int:
        if lane not in self._streams:
            stream: int = self.quic.get_next_available_stream_id()
            self._streams[lane] = stream
            self.quic.send_stream_data(stream, b"")
        return self._streams[lane]

    def send(self, data: bytes, lane: int) -> None:
        self.quic.send_stream_data(self.stream(lane), _LENGTH.pack(len(data)) + data)


class Quic(OnAsyncio[_Link]):
    """One of the two packages."""

    def __init__(self, package: str, waiting_bytes: Callable[[Any], int]) -> None:
        super().__init__()
        self._package = package
        self._waiting_bytes = waiting_bytes
        self._api = importlib.import_module(f"{package}.asyncio")
        self._events = importlib.import_module(f"{package}.quic.events")
        self._folder = tempfile.TemporaryDirectory()
        self._server: Any = None

    def _configuration(self, is_client: bool) -> Any:
        module = importlib.import_module(f"{self._package}.quic.configuration")
        return module.QuicConfiguration(
            is_client=is_client,
            alpn_protocols=_ALPN,
            max_data=RECEIVE_BUFFER_BYTES,
            max_stream_data=RECEIVE_BUFFER_BYTES,
            max_datagram_frame_size=_DATAGRAM_BYTES_MAX,
            verify_mode=ssl.CERT_NONE,
        )

    def _protocol(self, is_server: bool) -> Any:
        node, events = self, self._events

        class Protocol(self._api.QuicConnectionProtocol):  # type: ignore[misc, name-defined]
            """Passes what arrives on."""

            def __init__(self, *arguments: Any, **keywords: Any) -> None:
                super().__init__(*arguments, **keywords)
                self.arrivals = _Arrivals()

            def quic_event_received(self, event: Any) -> None:
                """Called by the package."""
                if isinstance(event, events.StreamDataReceived):
                    self.arrivals.add_stream(event.stream_id, event.data)
                elif isinstance(event, events.DatagramFrameReceived):
                    self.arrivals.add([event.data])
                elif isinstance(event, events.HandshakeCompleted) and is_server:
                    node.accepted(_Link(self))

        return Protocol

    async def listen(self) -> str:
        """Serves on a port that was free a moment ago."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = self._configuration(is_client=False)
        certificate, key = write_certificate(self._folder)
        configuration.load_cert_chain(str(certificate), str(key))
        self._server = await self._api.serve(
            "127.0.0.1", port, configuration=configuration, create_protocol=self._protocol(is_server=True)
        )
        return f"127.0.0.1:{port}"

    def dial(self, host: str, port: int) -> AbstractAsyncContextManager[_Link]:
        """`connect`, which waits for the handshake."""
        return _Dialling(
            self._api.connect(
                host,
                port,
                configuration=self._configuration(is_client=True),
                create_protocol=self._protocol(is_server=False),
            )
        )

    async def hang_up(self, connection: _Link) -> None:
        """`close`."""
        connection.protocol.close()

    def sender(self, connection: int, reliable: bool, no_nagle: bool, lane: int = 0) -> Send:  # noqa: ARG002 - it has no such wait
        """`send_stream_data` or `send_datagram_frame`, and `transmit`."""
        link = self.connections[connection]

        async def send_one(data: bytes) -> int:
            if reliable:
                link.send(data, lane)
            else:
                link.quic.send_datagram_frame(data)
            link.protocol.transmit()
            return OK

        return send_one

    def receiver(self, connection: int) -> Receive:
        """What the events brought."""
        arrivals, patience = self.connections[connection].arrivals, Patience()
        loop = asyncio.get_running_loop()

        async def receive(timeout_s: float) -> list[bytes]:
            if not arrivals.messages and timeout_s:
                arrivals.waiter = loop.create_future()
                await patience.wait_for(arrivals.waiter, timeout_s)
            messages, arrivals.messages = arrivals.messages, []
            return messages

        return receive

    async def send_bulk(self, connection: _Link, payload: bytes, reliable: bool, count: int, lane: int) -> int:
        """As many as fit into the send buffer, one `transmit` for all; then the loop has its turn."""
        room = SEND_BUFFER_BYTES - self._waiting_bytes(connection.quic)
        fitting = min(count, max(0, room) // len(payload))
        for _ in range(fitting):
            if reliable:
                connection.send(payload, lane)
            else:
                connection.quic.send_datagram_frame(payload)
        connection.protocol.transmit()
        await asyncio.sleep(0)
        return fitting

    async def close(self) -> None:
        """Closes everything."""
        await super().close()
        if self._server is not None:
            self._server.close()
        self._folder.cleanup()


class _Dialling(AbstractAsyncContextManager[_Link]):
    """The package's own context manager, giving a `_Link`."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def __aenter__(self) -> _Link:
        return _Link(await self._manager.__aenter__())

    async def __aexit__(self, *error: object) -> None:
        await self._manager.__aexit__(*error)


def aioquic() -> Quic:
    """It does not tell what waits; its buffers do."""

    def waiting_bytes(quic: Any) -> int:
        streams = sum(len(stream.sender._buffer) for stream in quic._streams.values())
        return streams + sum(map(len, quic._datagrams_pending))

    return Quic("aioquic", waiting_bytes)


def qh3() -> Quic:
    """`get_send_buffer_size`."""

    def waiting_bytes(quic: Any) -> int:
        size: int = quic.get_send_buffer_size()
        return size

    return Quic("qh3", waiting_bytes)
