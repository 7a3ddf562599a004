"""How is gamesockets.aio driven for a measurement? As a program on asyncio would drive it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import gamesockets as gs
from benchmarks.plan import MESSAGES_PER_RECEIVE
from benchmarks.systems.base import OK, Arrival, MeasurementError, Outgoing, Receive, Send
from benchmarks.systems.on_asyncio import OnAsyncio, Patience
from benchmarks.systems.ours import CONFIG, LANES, arrivals, send_flags
from gamesockets import aio


class Aio(OnAsyncio[aio.Connection]):
    """Waits in `receive_many`, sends with `send`, which waits for room by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._server: aio.Server | None = None
        self._group: aio.PollGroup | None = None
        self._watches_all = False

    def number_of(self, connection: aio.Connection) -> int:
        """The handle: messages of a poll group come with it."""
        return int(connection.handle)

    async def listen(self) -> str:
        """Serves on a free port."""
        self._server = await aio.serve(self._handle, "127.0.0.1", 0, config=CONFIG)
        if self._watches_all:
            self._group = self._server.create_poll_group()
        return str(self._server.address)

    async def _handle(self, connection: aio.Connection) -> None:
        if self._group is not None:
            self._group.add(connection)
        leave = self.accepted(connection)
        number = self.number_of(connection)
        await self.talk(connection)
        if not leave.is_set():
            self.note_end(number, connection.end_reason, connection.end_debug)

    async def talk(self, connection: aio.Connection) -> None:
        """What the task of an incoming connection does until it ends."""
        await connection.wait_closed()

    def dial(self, host: str, port: int) -> AbstractAsyncContextManager[aio.Connection]:
        """`aio.connect`."""
        return aio.connect(host, port, config=CONFIG)

    async def hang_up(self, connection: aio.Connection) -> None:
        """`close` without linger."""
        await connection.close()

    def sender(self, connection: int, reliable: bool, no_nagle: bool, lane: int = 0) -> Send:
        """`send`."""
        send, flags = self.connections[connection].send, send_flags(reliable, no_nagle)

        async def send_one(data: bytes) -> int:
            await send(data, flags, lane)
            return OK

        return send_one

    def receiver(self, connection: int) -> Receive:
        """`receive_nowait`, and `receive_many` when there was nothing."""
        link, patience = self.connections[connection], Patience()

        async def receive(timeout_s: float) -> list[bytes]:
            messages = link.receive_nowait(MESSAGES_PER_RECEIVE)
            if not messages and timeout_s:
                messages = await patience.wait_for(link.receive_many(MESSAGES_PER_RECEIVE), timeout_s) or []
            return [message.data for message in messages]

        return receive

    async def send_bulk(self, connection: aio.Connection, payload: bytes, reliable: bool, count: int, lane: int) -> int:
        """`send` in a loop."""
        send, flags = connection.send, send_flags(reliable, no_nagle=False)
        for _ in range(count):
            await send(payload, flags, lane)
        return count

    def watch_all(self) -> None:
        """A poll group takes the messages of all clients."""
        self._watches_all = True

    def take_all(self) -> list[Arrival]:
        """`receive_nowait` on the poll group until it gives nothing more."""
        if self._group is None:
            raise MeasurementError("take_all without watch_all and listen")
        taken: list[Arrival] = []
        while True:
            messages = self._group.receive_nowait(MESSAGES_PER_RECEIVE)
            taken += arrivals(messages)
            if len(messages) < MESSAGES_PER_RECEIVE:
                return taken

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """`send_nowait`, one after another."""
        flags, connections = send_flags(reliable=False, no_nagle=True), self.connections
        results = [connections[number].send_nowait(data, flags) for number, data in messages]
        return results.count(gs.Result.OK)

    async def broadcast(self, data: bytes) -> int:
        """The server's own."""
        if self._server is None:
            raise MeasurementError("broadcast without listen")
        return self._server.broadcast(data)

    def use_two_lanes(self, connection: int) -> None:
        """Lanes of different priority."""
        self.connections[connection].configure_lanes(LANES)

    def has_unacknowledged(self, connection: int) -> bool:
        """Asks for the status."""
        status = self.connections[connection].status()
        return bool(status.pending_reliable or status.sent_unacked_reliable)

    def ping_ms(self, connection: int) -> int:
        """Asks for the status."""
        return self.connections[connection].status().ping

    async def close(self) -> None:
        """Closes everything."""
        await super().close()
        if self._server is not None:
            await self._server.close()


class AioTasks(Aio):
    """A server as the README has it: a task for each connection takes one message after another, `send` is awaited."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[Arrival] = []
        self._has_more = asyncio.Event()

    def watch_all(self) -> None:
        """The tasks do."""

    async def talk(self, connection: aio.Connection) -> None:
        """`async for`."""
        async for message in connection:
            self._taken += arrivals((message,))
            self._has_more.set()

    def take_all(self) -> list[Arrival]:
        """What the tasks have taken."""
        taken, self._taken = self._taken, []
        return taken

    def receiver(self, connection: int) -> Receive:  # noqa: ARG002 - there is one only
        """What the task of the connection has taken."""
        patience = Patience()

        async def receive(timeout_s: float) -> list[bytes]:
            if not self._taken and timeout_s:
                self._has_more.clear()
                await patience.wait_for(self._has_more.wait(), timeout_s)
            return [data for data, _ in self.take_all()]

        return receive

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """`await send`, one after another."""
        flags, connections = send_flags(reliable=False, no_nagle=True), self.connections
        for number, data in messages:
            await connections[number].send(data, flags)
        return len(messages)
