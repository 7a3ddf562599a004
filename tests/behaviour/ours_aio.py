"""How do tests drive our library under asyncio?  Through `gamesockets.aio`, in an event loop on a thread of its own.

A client is a task that receives until the connection ends; the connections of a server are received from together, in a
poll group, while a handler waits for the end of each.  A status callback tells of every change, as the game loop is
told; what the calls of `aio` return and raise must agree with it.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import Future, Task
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from tests.behaviour.ours import (
    JOIN_S,
    LANES_TO_ECHO,
    ErrorLog,
    event_from,
    info_from,
    named,
    received_from,
    status_from,
)
from tests.behaviour.side import DEADLINE_S, NO_OPTIONS, Event, Info, Refusal, Side, Status
from tests.behaviour.traffic import Outgoing, Received, content
from tests.interop.gns import Config, EndReason, Options, OptionValue, Result, Send, State

import gamesockets as gs
from gamesockets import aio

CALL_DEADLINE_S: Final = 60.0
_T = TypeVar("_T")


class PortableLoop(asyncio.SelectorEventLoop):
    """A loop without `add_reader`, as Windows has one."""

    def add_reader(self, *_: object) -> None:
        """Cannot be done."""
        raise NotImplementedError


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """An event loop of the kind."""
    match kind:
        case "uvloop":
            import uvloop

            loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
            return loop
        case "portable":
            return PortableLoop()
        case _:
            return asyncio.new_event_loop()


class OursOnALoop(Side):
    """Our library in an event loop.  `identity` is a text form, None is anonymous."""

    shutdown_reason: ClassVar[int] = EndReason.APP_GENERIC
    refuses_reasons: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        identity: str | None = None,
        values: Mapping[Config, OptionValue] | None = None,
        kind: str = "aio",
    ) -> None:
        super().__init__(name)
        self._identity = None if identity is None else gs.NetworkingIdentity.parse(identity)
        self._refusal: Refusal | None = None
        self._echoing = False
        self._globals_before: dict[gs.ConfigurationValue, Any] = {}
        self._servers: list[aio.Server] = []
        self._connections: dict[int, aio.Connection] = {}
        self._connected: dict[int, Event] = {}
        self._connecting: dict[int, Task[None]] = {}
        self._released: dict[int, Future[None]] = {}
        self._tasks: set[Task[None]] = set()
        self._failures: list[BaseException] = []
        self._log = ErrorLog()
        self._loop = new_loop(kind)
        self._loop.set_exception_handler(self._on_complaint)
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"{name} loop", daemon=True)
        self._thread.start()
        self.set_globals(values or {})

    # ---- the loop

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_DEADLINE_S)

    def _ask(self, question: Callable[[], _T]) -> _T:
        async def answer() -> _T:
            return question()

        return self._run(answer())

    def _start(self, work: Coroutine[Any, Any, None]) -> Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._fail(failure)

    def _on_complaint(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._fail(context.get("exception") or RuntimeError(context["message"]))

    def _fail(self, failure: BaseException) -> None:
        with self._changed:
            self._failures.append(failure)
            self._changed.notify_all()

    def check(self) -> None:
        """Raise what a task or a callback of the loop raised, and what the library complained of."""
        assert not self._log.lines, f"{self.name} logged: {self._log.lines}"
        if self._failures:
            raise AssertionError(f"{self.name}: {self._failures[0]!r}") from self._failures[0]

    # ---- what the library tells

    def _on_status(self, change: gs.StatusInfo) -> None:
        event = event_from(change)
        if event.state == State.CONNECTED:
            self._connected[event.connection] = event  # noted once the application has the connection
        elif event.state != State.NONE:  # NONE: the application has closed it, which is noted there
            self._note_event(event, None)

    def _told(self, connection: aio.Connection, accept_result: int | None) -> None:
        """The application has got a connection: note it, and the event that was held back for it."""
        self._connections[connection.handle] = connection
        assert (connection.state, connection.end_reason) == (gs.ConnectionState.CONNECTED, 0)
        self._note_event(self._connected[connection.handle], accept_result)

    def _take(self, messages: Sequence[gs.NetworkingMessage]) -> None:
        batches: dict[int, list[Received]] = {}
        for message in messages:
            batches.setdefault(message.connection, []).append(received_from(message))
        for handle, batch in batches.items():
            self._note_messages(handle, batch)

    async def _echo(self, messages: Sequence[gs.NetworkingMessage]) -> None:
        for message in messages:
            connection = self._connections[message.connection]
            if message.lane >= len(connection.lane_status()):
                connection.configure_lanes([0] * LANES_TO_ECHO, [1] * LANES_TO_ECHO)
            await connection.send(message.data, message.flags | gs.SendFlags(Send.NO_NAGLE), message.lane)

    # ---- serving

    def listen(self, address: str, options: Options = NO_OPTIONS) -> str:
        """Listen; port 0 is any free one."""
        return self._run(self._listen(gs.Address.parse(address), options))

    async def _listen(self, address: gs.Address, options: Options) -> str:
        async def handle(connection: aio.Connection) -> None:
            group.add(connection)
            await self._attend(connection)

        server = await aio.serve(
            handle, address, identity=self._identity, config=self._config(options), admit=self._admit
        )
        group = server.create_poll_group()
        self._servers.append(server)
        self._start(self._receive_from(group))
        return str(server.address)

    def _config(self, options: Options) -> dict[gs.ConfigurationValue, Any]:
        return {**named(options), gs.ConfigurationValue.CALLBACK_CONNECTION_STATUS_CHANGED: self._on_status}

    def _admit(self, info: gs.ConnectionInfo) -> aio.Refusal | None:
        assert info.state == gs.ConnectionState.CONNECTING
        return None if self._refusal is None else aio.Refusal(*self._refusal)

    async def _attend(self, connection: aio.Connection) -> None:
        """A connection of a server lives as long as its handler: until the scenario closes it."""
        released = self._released[connection.handle] = self._loop.create_future()
        self._told(connection, Result.OK)
        await connection.wait_closed()
        if connection.state != gs.ConnectionState.NONE:  # else the scenario has closed it
            self._agree(connection.handle, connection.end_reason, connection.end_debug)
        await released

    async def _receive_from(self, group: aio.PollGroup) -> None:
        while True:
            try:
                messages = await group.receive_many()
            except gs.ConnectionClosed:  # the server was closed
                return
            self._take(messages)
            if self._echoing:
                await self._echo(messages)

    # ---- connecting

    def connect(self, address: str, options: Options = NO_OPTIONS) -> int:
        """Begin to connect."""
        return self._run(self._begin(gs.Address.parse(address), options))

    async def _begin(self, address: gs.Address, options: Options) -> int:
        begun: Future[int] = self._loop.create_future()

        def on_status(change: gs.StatusInfo) -> None:
            self._on_status(change)
            if not begun.done():
                begun.set_result(change.connection)

        config = self._config(options)
        config[gs.ConfigurationValue.CALLBACK_CONNECTION_STATUS_CHANGED] = on_status
        task = self._start(self._play(address, config, begun))
        either: list[Future[Any]] = [task, begun]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            await task
        self._connecting[begun.result()] = task
        return begun.result()

    async def _play(self, address: gs.Address, config: dict[gs.ConfigurationValue, Any], begun: Future[int]) -> None:
        try:
            connection = await aio.connect(address, identity=self._identity, config=config)
        except gs.ConnectionFailed as failure:
            self._agree(begun.result(), failure.reason, failure.debug)
            return
        self._told(connection, None)
        try:
            while True:
                messages = await connection.receive_many()
                self._take(messages)
                if self._echoing:
                    await self._echo(messages)
        except gs.ConnectionClosed as end:
            if connection.state != gs.ConnectionState.NONE:  # else the scenario has closed it
                self._agree(connection.handle, end.reason, end.debug)

    # ---- closing

    def _agree(self, handle: int, reason: int, text: str) -> None:
        """What the application learns of an end is what the callback was told."""
        last = self.events(handle)[-1]
        assert (reason, text) == (last.reason, last.text), f"({reason}, {text!r}) was told for {last}"

    def close_connection(self, connection: int, reason: int = 0, text: str = "", linger: bool = False) -> bool:
        """Close a connection, and let it say good-bye in the background; one that is not connected yet is cancelled."""
        return self._run(self._close_one(connection, reason, text, linger))

    async def _close_one(self, handle: int, reason: int, text: str, linger: bool) -> bool:
        connection = self._connections.get(handle)
        if connection is None:
            return self._connecting[handle].cancel()
        if connection.state == gs.ConnectionState.NONE:
            return False
        before = event_from(gs.StatusInfo(connection.handle, connection.info(), connection.state))
        self._start(connection.close(reason, text, linger))
        await asyncio.sleep(0)  # it has ended when the call begins to wait
        assert not connection.is_open
        if handle in self._released:
            self._released[handle].set_result(None)
        self._note_event(
            before._replace(state=connection.state, reason=connection.end_reason, text=connection.end_debug), None
        )
        return True

    def close(self) -> None:
        """Close everything as leaving its `async with` would, end the loop, and put global values back."""
        if self._loop.is_closed():
            return
        try:
            self._run(self._close_all())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(JOIN_S)
            self._log.close()
            if not self._thread.is_alive():
                self._loop.close()
        self.check()

    async def _close_all(self) -> None:
        for value, before in self._globals_before.items():
            aio.set_configuration_value(value, before)
        for handle, task in self._connecting.items():
            if handle not in self._connections:
                task.cancel()
        for released in self._released.values():
            if not released.done():
                released.set_result(None)
        clients = [one for handle, one in self._connections.items() if handle not in self._released]
        await asyncio.gather(*[client.close() for client in clients], *[server.close() for server in self._servers])
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DEADLINE_S)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"{self.name} left tasks behind: {left}"

    # ---- connections

    def send(self, connection: int, messages: Sequence[Outgoing]) -> list[int]:
        """Send all messages in order, waiting for room; for each its number, or minus the Result."""
        contents = [(content(one.seed, one.size), gs.SendFlags(one.flags), one.lane) for one in messages]
        return self._run(self._send(self._connections[connection], contents))

    async def _send(self, connection: aio.Connection, messages: Sequence[tuple[bytes, gs.SendFlags, int]]) -> list[int]:
        numbers = []
        for data, flags, lane in messages:
            try:
                numbers.append(await connection.send(data, flags, lane) or -Result.IGNORED)
            except gs.ConnectionClosed:
                numbers.append(-Result.NO_CONNECTION)
            except ValueError:
                numbers.append(-Result.INVALID_PARAM)
        return numbers

    def configure_lanes(self, connection: int, priorities: Sequence[int], weights: Sequence[int]) -> int:
        """Configure the lanes of the sending direction; returns the Result."""
        try:
            self._ask(lambda: self._connections[connection].configure_lanes(priorities, weights))
        except gs.ConnectionClosed:
            return Result.NO_CONNECTION
        except ValueError:
            return Result.INVALID_PARAM
        return Result.OK

    def info(self, connection: int) -> Info | None:
        """Information about a connection, None once this side has closed it."""
        info = self._ask(self._connections[connection].info)
        return None if info.state == gs.ConnectionState.NONE else info_from(info)

    def status(self, connection: int) -> Status:
        """Rates and queues of a connection."""
        return status_from(self._ask(self._connections[connection].status))

    def detailed_status(self, connection: int) -> str:
        """The long text about a connection."""
        return self._ask(self._connections[connection].detailed_status)

    # ---- settings

    def set_globals(self, values: Mapping[Config, OptionValue]) -> None:
        """Set configuration values of the whole process, until this side is closed."""
        self._ask(lambda: self._set_globals(named(values)))

    def _set_globals(self, values: Mapping[gs.ConfigurationValue, OptionValue]) -> None:
        for value, wanted in values.items():
            self._globals_before.setdefault(value, aio.get_configuration_value(value))
            assert aio.set_configuration_value(value, wanted), f"{self.name}: {value.name} = {wanted} refused"

    def behave(self, accepting: bool = True, echoing: bool = False, refusal: Refusal | None = None) -> None:
        """Say what to do with requests and messages."""
        assert accepting, "a server of aio decides about a request at once: `polling_server` leaves such pairings out"
        self._echoing, self._refusal = echoing, refusal
