"""What do systems on an event loop have in common? A task holds each connection open until somebody wants it closed."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, TypeVar

from benchmarks.systems.base import Burst, Node

Connection = TypeVar("Connection")
Answer = TypeVar("Answer")
_CLOSE_TIMEOUT_S: Final = 2.0


class Patience:
    """Ends waits that take too long, without a timer for each: what waits in the hot loops mostly gets its answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._deadline_s = 0.0
        self._is_armed = False
        self._has_expired = False

    async def wait_for(self, what: Awaitable[Answer], timeout_s: float) -> Answer | None:
        """The answer, or None when it took too long; then `what` was cancelled."""
        self._deadline_s = self._loop.time() + timeout_s
        self._task = task = asyncio.current_task()
        if not self._is_armed:
            self._is_armed = True
            self._loop.call_later(timeout_s, self._check)
        try:
            return await what
        except asyncio.CancelledError:
            if not self._has_expired or task is None:
                raise
            self._has_expired = False
            task.uncancel()
            return None
        finally:
            self._task = None

    def _check(self) -> None:
        self._is_armed = False
        if self._task is None:
            return
        left_s = self._deadline_s - self._loop.time()
        if left_s > 0:
            self._is_armed = True
            self._loop.call_later(left_s, self._check)
        else:
            self._has_expired = True
            self._task.cancel()


class OnAsyncio(Node, Generic[Connection]):
    """Connections are numbered here; subclasses say how to dial, to send and to receive."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: dict[int, Connection] = {}
        self._numbers = 0
        self._leaving: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    @abc.abstractmethod
    def dial(self, host: str, port: int) -> AbstractAsyncContextManager[Connection]:
        """Connects on entering."""

    @abc.abstractmethod
    async def hang_up(self, connection: Connection) -> None:
        """Closes a connection without delay."""

    @abc.abstractmethod
    async def send_bulk(self, connection: Connection, payload: bytes, reliable: bool, count: int, lane: int) -> int:
        """Sends up to `count` equal messages; how many."""

    def number_of(self, connection: Connection) -> int:  # noqa: ARG002 - some systems have numbers of their own
        """What the scenarios call a connection."""
        self._numbers += 1
        return self._numbers

    def opened(self, number: int, connection: Connection) -> None:
        """A connection is connected."""
        self.connections[number] = connection
        self.connected.add(number)
        self._news.set()

    def accepted(self, connection: Connection) -> asyncio.Event:
        """A connection has come in; the event is set when it is to be closed."""
        number = self.number_of(connection)
        leave = self._leaving[number] = asyncio.Event()
        self.opened(number, connection)
        self.incoming.append(number)
        return leave

    async def connect(self, address: str) -> int:
        """Begins to connect."""
        host, _, port = address.rpartition(":")
        self._numbers += 1
        number = self._numbers
        leave = self._leaving[number] = asyncio.Event()
        self.spawn(self._hold(number, self.dial(host, int(port)), leave))
        return number

    async def _hold(self, number: int, dialling: AbstractAsyncContextManager[Connection], leave: asyncio.Event) -> None:
        try:
            async with dialling as connection:
                self.opened(number, connection)
                await leave.wait()
                await self.hang_up(connection)
        except Exception as error:  # noqa: BLE001 - whatever it was, the measurement has to know
            self.note_end(number, 0, repr(error))
            self._news.set()
        finally:
            self.connections.pop(number, None)

    def spawn(self, program: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine beside the scenario."""
        task = asyncio.ensure_future(program)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close_connection(self, connection: int) -> None:
        """Has the task that holds it close it."""
        self.connected.discard(connection)
        leave = self._leaving.pop(connection, None)
        if leave is not None:
            leave.set()

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """`send_bulk`."""
        link = self.connections[connection]
        return lambda: self.send_bulk(link, payload, reliable, count, lane)

    async def idle(self, timeout_s: float) -> None:
        """Lets the loop run until something happens to a connection."""
        if timeout_s and not self._news.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
        else:
            await asyncio.sleep(0)
        self._news.clear()

    async def sleep(self, seconds: float) -> None:
        """Lets the loop run."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Closes all connections, and gives up those that have not come about."""
        for number in list(self._leaving):
            self.close_connection(number)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
