"""How is the package websockets driven for a measurement? Through its asyncio interface, over TLS, uncompressed."""

from __future__ import annotations

import ssl
import tempfile
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import websockets.asyncio.client
import websockets.asyncio.server
from websockets.exceptions import ConnectionClosed

from benchmarks.systems.base import OK, Receive, Send
from benchmarks.systems.certificate import write_certificate
from benchmarks.systems.on_asyncio import OnAsyncio, Patience

_OPTIONS: Final[dict[str, Any]] = {"compression": None, "max_size": None, "ping_interval": None}


class WebSocket(OnAsyncio[Any]):
    """All messages are reliable and in order: it is TCP."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._server: Any = None

    async def listen(self) -> str:
        """Serves on a free port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*write_certificate(self._folder))
        self._server = await websockets.asyncio.server.serve(self._handle, "127.0.0.1", 0, ssl=context, **_OPTIONS)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _handle(self, connection: Any) -> None:
        self.accepted(connection)
        await connection.wait_closed()

    def dial(self, host: str, port: int) -> AbstractAsyncContextManager[Any]:
        """`connect`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        manager: AbstractAsyncContextManager[Any] = websockets.asyncio.client.connect(
            f"wss://{host}:{port}", ssl=context, **_OPTIONS
        )
        return manager

    async def hang_up(self, connection: Any) -> None:
        """Leaving the context manager closes."""

    def sender(self, connection: int, reliable: bool, no_nagle: bool, lane: int = 0) -> Send:  # noqa: ARG002 - there is one way
        """`send`."""
        send = self.connections[connection].send

        async def send_one(data: bytes) -> int:
            await send(data)
            return OK

        return send_one

    def receiver(self, connection: int) -> Receive:
        """`recv`, which gives one message."""
        link, patience = self.connections[connection], Patience()

        async def receive(timeout_s: float) -> list[bytes]:
            try:
                message = await patience.wait_for(link.recv(), timeout_s)
            except ConnectionClosed:
                return []
            return [] if message is None else [message]

        return receive

    async def send_bulk(self, connection: Any, payload: bytes, reliable: bool, count: int, lane: int) -> int:  # noqa: ARG002 - as above
        """`send` in a loop; it waits for room by itself."""
        for _ in range(count):
            await connection.send(payload)
        return count

    async def close(self) -> None:
        """Closes everything."""
        await super().close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._folder.cleanup()
