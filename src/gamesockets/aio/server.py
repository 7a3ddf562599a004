"""What can be done with a server, and what becomes of its handlers? Each connection has a task of its own."""

import asyncio
import errno
from asyncio import Future, Task
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from types import NoneType, TracebackType
from typing import Final, TypeAlias, final

from gamesockets.aio.connection import Connection, conversation_in
from gamesockets.aio.conversation import ENDED, SHUTDOWN, Conversation
from gamesockets.aio.hub import Hub
from gamesockets.aio.poll_group import PollGroup
from gamesockets.aio.stopping import until_stopped
from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.table import ConfigurationValue
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.inherited import Place
from gamesockets.node.batches import broadcast
from gamesockets.node.creation import Config
from gamesockets.node.draining import TIMEOUT_S
from gamesockets.node.endings import LISTEN_SOCKET_CLOSED_TEXT, SHUTTING_DOWN_TEXT
from gamesockets.observe.debug_output import LINES, OUTPUT
from gamesockets.observe.log_fields import LOG_HANDLER, About
from gamesockets.values import handles
from gamesockets.values.address import Address
from gamesockets.values.arguments import (
    check_message_size,
    check_reason,
    check_type,
    plain_number,
    seconds_as_us,
    to_bytes,
)
from gamesockets.values.enums import ConfigurationScope, ConnectionState, DebugType, EndReason, SendFlags
from gamesockets.values.errors import ConnectionClosed
from gamesockets.values.records import ConnectionInfo, MessageData, StatusInfo
from gamesockets.values.refusal import Refusal
from gamesockets.values.results import Result
from gamesockets.values.statistics import Statistics

Handler: TypeAlias = Callable[[Connection], Awaitable[None]]
Admit: TypeAlias = Callable[[ConnectionInfo], Refusal | None]

HANDLER_FAILED: Final = (int(EndReason.APP_EXCEPTION_GENERIC), "internal error")
_NOT_OURS: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""A name may have addresses that this host lacks, as `localhost` has one of IPv6; the others are used."""


@final
class Server:
    """Listen sockets, the connections that came in through them, and the tasks of their handlers. Made by `serve`.

    At the end of an `async with` block it is closed: clients are told 1000, or 2000 if an exception ends the block.
    """

    def __init__(
        self,
        handler: Handler,
        places: list[Place],
        config: Config | None,
        admit: Admit | None,
        credentials: Credentials | None,
        trust: TrustStore | None,
    ) -> None:
        self._handler = handler
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._hub = Hub(self._loop, credentials, trust, self._on_change, self._on_hub_closed)
        self._node = self._hub.node
        self._listen_sockets: list[int] = []
        self._addresses: tuple[Address, ...] = ()
        self._connections: dict[int, Connection] = {}
        self._conversations: dict[int, Conversation] = {}
        self._tasks: set[Task[None]] = set()
        self._is_closing = False
        self._draining = asyncio.Event()
        self._farewell = Refusal()
        """What newcomers are told while it drains or closes."""
        self._cut_off = 0
        """How many handlers had to be cancelled."""
        self._closed: Future[None] = self._loop.create_future()
        try:
            self._listen_on_all(places, config)
        except BaseException:
            self._shut()
            raise

    def _listen_on_all(self, places: list[Place], config: Config | None) -> None:
        for number, place in enumerate(places):
            if isinstance(place, Address) and not place.port and self._addresses:
                # Several addresses of a name get one port, the free one that the first of them found.
                place = Address(place.ip, self._addresses[0].port)  # noqa: PLW2901 - the same place, said in full
            try:
                self._listen_on(place, config)
            except OSError as error:
                has_another = bool(self._addresses) or number < len(places) - 1
                if error.errno not in _NOT_OURS or not has_another:
                    raise

    def _listen_on(self, place: Place, config: Config | None) -> None:
        node = self._node
        with LINES, node.entering():
            listen_socket = node.listen(place, config, is_group=False)
            listener = node.listeners.get(listen_socket)
        self._listen_sockets.append(listen_socket)
        if listener is not None:
            self._addresses += (listener.port.udp.local_address,)

    def __repr__(self) -> str:
        where = ", ".join(str(address) for address in self._addresses)
        state = "closed" if self._closed.done() else f"{len(self._connections)} connections"
        return f"<gamesockets.aio.Server {where} {state}>"

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            await self.close(*HANDLER_FAILED)
        else:
            await self.close()

    # ------------------------------------------------------------------ what it is

    @property
    def address(self) -> Address:
        """Where it listens; the first place of several."""
        return self._addresses[0]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Everywhere it listens."""
        return self._addresses

    @property
    def connections(self) -> frozenset[Connection]:
        """The connections whose handlers run, at this moment."""
        return frozenset(self._connections.values())

    @property
    def is_serving(self) -> bool:
        """Whether clients are taken."""
        return not (self.is_draining or self._node.is_closed)

    @property
    def is_draining(self) -> bool:
        """Whether nobody is admitted any more, because of `drain`, `close` or a stop signal."""
        return self._draining.is_set()

    def get_connection(self, handle: handles.Connection) -> Connection | None:
        """The connection that a message came from, by `message.connection`; None once its handler has ended."""
        return self._connections.get(handle)

    def create_poll_group(self) -> PollGroup:
        """A group of connections whose messages are received together. Raises `OSError` once the server was closed."""
        return PollGroup(self._hub)

    def get_statistics(self) -> Statistics:
        """What the server has refused and dropped, and why; also once it was closed."""
        with self._node.lock:
            return self._node.tally.total(self._node.service.ports())

    def get_configuration_value(self, value: ConfigurationValue) -> ConfigurationOutput:
        """The value in force for this server's connections; None if it is unknown or the server was closed."""
        check_type("value", value, int)
        with self._node.lock:
            found = self._node.find_value(ConfigurationScope.LISTEN_SOCKET, self._listen_sockets[0], value)
        return None if found is None else found[0]

    def set_configuration_value(self, value: ConfigurationValue, x: ConfigurationInput) -> bool:
        """Sets a value for all connections of this server, now and later; whether that could be done (spec 3, 4.3)."""
        check_type("value", value, int)
        node = self._node
        with LINES, node.entering():
            done = [
                node.configure(ConfigurationScope.LISTEN_SOCKET, listen_socket, value, x)
                for listen_socket in self._listen_sockets
            ]
        return all(done)

    # ------------------------------------------------------------------ sending to many

    def broadcast(
        self,
        data: MessageData,
        flags: SendFlags = SendFlags.UNRELIABLE,
        lane: int = 0,
        connections: Iterable[Connection] | None = None,
    ) -> int:
        """Queues a message for many connections without waiting; those without room do not get it.

        Args:
            data: at most 524288 bytes.
            flags: how to send it.
            lane: which lane.
            connections: whom to send it to, connections of this server; by default all.

        Returns:
            How many connections took it.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: a connection belongs to another server, or the message is too large.
        """
        chosen = list(self._conversations.values()) if connections is None else self._of_this_server(connections)
        members = [conversation.member for conversation in chosen if not conversation.senders]
        data = to_bytes(data)
        flags_number, lane_number = plain_number("flags", flags), plain_number("lane", lane)
        node = self._node
        with LINES, node.entering():
            taken = broadcast(members, node.service, data, flags_number, lane_number)
        if not taken:
            check_message_size(data)
        return taken

    def _of_this_server(self, connections: Iterable[Connection]) -> list[Conversation]:
        found: list[Conversation] = []
        for connection in list(connections):
            check_type("connections", connection, Connection)
            conversation = conversation_in(self._hub, connection)
            if conversation is None:
                raise ValueError(f"connections: {connection!r} is no connection of this server")
            found.append(conversation)
        return found

    # ------------------------------------------------------------------ clients

    def _on_change(self, change: StatusInfo) -> None:
        info = change.connection_info
        if info.state == ConnectionState.CONNECTING:
            self._meet(change.connection, info)
        elif info.state in ENDED:
            conversation = self._conversations.get(change.connection)
            if conversation is not None:
                conversation.end_with(info.end_reason, info.end_debug)
            else:
                self._close(change.connection, Refusal())

    def _meet(self, handle: int, info: ConnectionInfo) -> None:
        refusal = self._farewell if self.is_draining else self._judge(info)
        if refusal is not None:
            self._close(handle, refusal)
            return
        node = self._node
        with LINES, node.entering():
            member = node.members.get(handle)
            if member is None or node.accept(member) != Result.OK:
                return
        conversation = Conversation(self._hub, member)
        self._conversations[handle] = conversation
        connection = self._connections[handle] = Connection(conversation)
        task = self._loop.create_task(self._run(connection, conversation), name=f"gamesockets handler of #{handle}")
        self._tasks.add(task)
        task.add_done_callback(self._handler_done)

    def _close(self, handle: int, refusal: Refusal) -> None:
        """Closes a connection that has no handler."""
        node = self._node
        with LINES, node.entering():
            member = node.members.get(handle)
            if member is not None:
                node.close_connection(member, refusal.reason, refusal.debug, False)

    def _judge(self, info: ConnectionInfo) -> Refusal | None:
        if self._admit is None:
            return None
        try:
            refusal = self._admit(info)
            check_type("what admit returns", refusal, (Refusal, NoneType))
        except Exception:  # noqa: BLE001 - nobody awaits it
            OUTPUT.exception("admit raised, and the client was refused", LOG_HANDLER)
            return Refusal(*HANDLER_FAILED)
        return refusal

    async def _run(self, connection: Connection, conversation: Conversation) -> None:
        try:
            await self._handle(connection, conversation)
        finally:
            del self._connections[connection.handle]
            del self._conversations[connection.handle]

    async def _handle(self, connection: Connection, conversation: Conversation) -> None:
        try:
            running: object = self._handler(connection)
            if not isawaitable(running):
                raise TypeError(f"the handler must be an async function, and returned {running!r:.100}")  # noqa: TRY301 - logged as what a handler raises
            await running
        except Exception as error:  # noqa: BLE001 - nobody awaits it
            if connection.is_open or not _tells_of_an_end(error):
                text = f"the handler of {connection!r} raised, and the connection was closed"
                OUTPUT.exception(text, LOG_HANDLER, About(conversation.member.connection))
                await connection.close(*HANDLER_FAILED)
            else:
                text = f"{connection!r}: its handler ended with {error}"
                OUTPUT.say(DebugType.VERBOSE, text, LOG_HANDLER, About(conversation.member.connection))
                await connection.close()
        except BaseException:
            conversation.begin_close(0, "", False)
            raise
        else:
            await connection.close(linger=True)

    def _handler_done(self, task: Task[None]) -> None:
        self._tasks.discard(task)
        if self._node.is_closed and not self._tasks:
            self._shut()

    # ------------------------------------------------------------------ the end

    async def serve_forever(
        self, *, stop_signals: bool = False, grace: float = 0.0, timeout: float = TIMEOUT_S
    ) -> None:
        """Returns when the server was closed or drained; without `stop_signals`, it is usually cancelled instead.

        Args:
            stop_signals: whether SIGINT (Ctrl-C), SIGTERM and on Windows SIGBREAK `drain` the server, after which this
                returns. A second signal ends the drain at once; with a third, the program's own handler acts. Signals
                reach the main thread alone: in a loop on another one, they do nothing here.
            grace: as in `drain`.
            timeout: as in `drain`.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        check_type("stop_signals", stop_signals, bool)
        _check_times(grace, timeout)
        if stop_signals:
            await until_stopped(self.wait_closed, lambda: self.drain(timeout, grace=grace))
        else:
            await self.wait_closed()

    async def wait_draining(self) -> None:
        """Waits until the server begins to drain or to close: for handlers that want to finish something."""
        await self._draining.wait()

    async def wait_closed(self) -> None:
        """Waits until the server was closed: no handler runs any more, no socket is open."""
        await asyncio.shield(self._closed)

    async def drain(self, timeout: float = TIMEOUT_S, *, grace: float = 0.0, reason: int = 0, debug: str = "") -> bool:
        """Ends gently: admits nobody, lets handlers finish, delivers what was sent reliably, tells all, and closes.

        Newcomers are told 1000 and "The application is shutting down". After `grace`, handlers see their connections
        end, and those that have not returned in time are cancelled. Cancelling this call closes the server at once.
        Harmless to repeat; a handler that calls it is not waited for.

        Args:
            timeout: how many seconds it may take to tell the clients and to wait for handlers, after `grace`.
            grace: for how many seconds handlers may go on undisturbed. It is over when the last one has returned.
                `is_draining` and `wait_draining` tell them.
            reason: what the clients are told: 0 or 1000..2999; 0 becomes 1000.
            debug: text for their logs, at most 127 bytes arrive; by default "The application is shutting down".

        Returns:
            Whether nobody was cut off: every handler returned in time.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        check_reason(reason)
        check_type("debug", debug, str)
        _check_times(grace, timeout)
        self._admit_nobody(SHUTTING_DOWN_TEXT)
        undisturbed = self._tasks - {asyncio.current_task()}
        if grace and undisturbed and not self._is_closing:
            try:
                await asyncio.wait(undisturbed, timeout=grace)
            except asyncio.CancelledError:
                await self._end(reason, debug or SHUTTING_DOWN_TEXT, False, 0.0)
                raise
        await self._end(reason, debug or SHUTTING_DOWN_TEXT, True, timeout)
        return not self._cut_off

    async def close(self, reason: int = 0, debug: str = "", linger: bool = False, timeout: float | None = 1.0) -> None:
        """Takes no more clients, closes all connections, and waits for their handlers; harmless to repeat.

        A handler sees its connection end. One that has not returned after `timeout` is cancelled. Cancelling this call
        cancels the handlers. A handler may call it too: then it is not waited for, and does not wait for other calls.

        Args:
            reason: what the clients are told: 0 or 1000..2999; 0 becomes 1000.
            debug: text for their logs, at most 127 bytes arrive.
            linger: deliver reliable messages that are on their way first, as `drain` does.
            timeout: how many seconds handlers and lingering messages may take; None for any number.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        check_reason(reason)
        check_type("debug", debug, str)
        check_type("linger", linger, bool)
        if timeout is not None:
            seconds_as_us("timeout", timeout)
        self._admit_nobody(LISTEN_SOCKET_CLOSED_TEXT)
        await self._end(reason, debug or LISTEN_SOCKET_CLOSED_TEXT, linger, timeout)

    def _admit_nobody(self, text: str) -> None:
        if not self.is_draining:
            self._farewell = Refusal(debug=text)
            self._draining.set()

    async def _end(self, reason: int, debug: str, linger: bool, timeout: float | None) -> None:
        own = asyncio.current_task()
        if self._is_closing:
            if own not in self._tasks:
                await self.wait_closed()
            return
        self._is_closing = True
        for conversation in list(self._conversations.values()):
            conversation.begin_close(reason, debug, linger)
        others = [task for task in self._tasks if task is not own]
        try:
            await self._finish(others, timeout)
        finally:
            self._shut()

    async def _finish(self, tasks: list[Task[None]], timeout: float | None) -> None:
        """Waits for handlers; each waits until its client knows of the end."""
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=timeout)
        finally:
            late = [task for task in tasks if not task.done()]
            self._cut_off += len(late)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _shut(self) -> None:
        self._is_closing = True
        self._admit_nobody(LISTEN_SOCKET_CLOSED_TEXT)
        self._node.close()
        if not self._closed.done():
            self._closed.set_result(None)

    def _on_hub_closed(self) -> None:
        for conversation in list(self._conversations.values()):
            conversation.end_with(*SHUTDOWN)
        if not self._tasks:
            self._shut()


def _check_times(grace: float, timeout: float) -> None:
    seconds_as_us("grace", grace)
    seconds_as_us("timeout", timeout)


def _tells_of_an_end(error: Exception) -> bool:
    """Whether it is a `ConnectionClosed`, or a group of nothing else, as a `TaskGroup` raises it."""
    if isinstance(error, ExceptionGroup):
        return error.split(ConnectionClosed)[1] is None
    return isinstance(error, ConnectionClosed)
