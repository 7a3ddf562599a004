"""One connection as tasks see it."""

from asyncio import Future, shield
from collections import deque
from collections.abc import Callable, Sequence
from operator import index
from types import TracebackType
from typing import Final, final

from gamesockets.aio.hub import Hub
from gamesockets.aio.mailbox import Mailbox
from gamesockets.clock import now_us
from gamesockets.config.table import ConfigurationInput, ConfigurationOutput, ConfigurationValue
from gamesockets.connection.states import visible
from gamesockets.observe.snapshots import connection_info, connection_status, lane_status
from gamesockets.observe.status_text import debug_text, detailed_status
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_type, explain_send, to_bytes
from gamesockets.values.enums import ConnectionState, EndReason, SendFlags
from gamesockets.values.errors import ConnectionClosed
from gamesockets.values.handles import Connection as Handle
from gamesockets.values.handles import PollGroup as PollGroupHandle
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.limits import MAX_MESSAGE_BYTES, MESSAGES_PER_BATCH_MAX
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus, MessageData
from gamesockets.values.results import Result

_LIMIT_EXCEEDED: Final = -int(Result.LIMIT_EXCEEDED)
_NORMAL_ENDS: Final = range(int(EndReason.APP_MIN), int(EndReason.APP_MAX) + 1)
_EXCEPTION: Final = int(EndReason.APP_EXCEPTION_GENERIC)


@final
class _WaitingSend:
    """A message that waits for room, in line behind others of its connection."""

    __slots__ = ("size_bytes", "turn")

    def __init__(self, size_bytes: int, turn: "Future[None]") -> None:
        self.size_bytes = size_bytes
        self.turn = turn


@final
class Connection:
    """A connection to one peer, from `connect`, `serve` or `create_socket_pair`.

    Use it as a context manager, or close it. Several tasks may send and receive at once. Cancelling any await, also by
    `asyncio.timeout`, loses no message and leaves the connection usable; of `close`, it drops the connection.

    Once the connection has ended, messages that had arrived can still be received; then `receive` raises
    `ConnectionClosed`, as `send` does at once.
    """

    def __init__(self, hub: Hub, handle: Handle, on_closed: Callable[[], None]) -> None:
        self._hub = hub
        self._handle = handle
        self._entry = hub.entry(handle)
        self._on_closed = on_closed
        self._is_closing = False
        self._is_closed = False
        self._end: ConnectionClosed | None = None
        self._ended: Future[None] = hub.loop.create_future()
        self._senders: deque[_WaitingSend] = deque()
        self._mailbox = Mailbox(hub.loop, self._entry.inbox, self._raise_if_over)
        hub.open_mailbox(self._mailbox)

    def __repr__(self) -> str:
        state = "ended" if self._end is not None else "connected"
        return f"<gamesockets.aio.Connection #{self._handle} {self.identity} {self.address} {state}>"

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close(linger=True)
        else:
            await self.close(_EXCEPTION if isinstance(error, Exception) else 0)

    # ------------------------------------------------------------------ what it is

    @property
    def handle(self) -> Handle:
        """The number that stands for it in messages and logs."""
        return self._handle

    @property
    def identity(self) -> NetworkingIdentity:
        """Who the peer claims to be."""
        return self._entry.core.peer.identity

    @property
    def address(self) -> Address:
        """Where the peer is; ``::`` and port 0 for a pair joined in memory."""
        return self._entry.core.address

    @property
    def state(self) -> ConnectionState:
        """How far the connection has come."""
        return visible(self._entry.core.state)

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._end is None

    @property
    def end_reason(self) -> int:
        """Why it ended; 0 while it has not. `EndReason` names the known numbers."""
        return 0 if self._end is None else self._end.reason

    @property
    def end_debug(self) -> str:
        """Text for people about the end."""
        return "" if self._end is None else self._end.debug

    @property
    def name(self) -> str:
        """A name for logs, at most 31 bytes of UTF-8; `ValueError` for a longer one, `ConnectionClosed` after close."""
        return self._entry.name

    @name.setter
    def name(self, name: str) -> None:
        if not self._hub.set_connection_name(self._handle, name):
            raise self._closed_error()

    @property
    def user_data(self) -> int:
        """The application's own number, a signed 64-bit integer; -1 when it was never set."""
        return self._entry.core.peer.user_data

    @user_data.setter
    def user_data(self, user_data: int) -> None:
        if not self._hub.set_connection_user_data(self._handle, user_data):
            raise self._closed_error()

    # ------------------------------------------------------------------ sending

    async def send(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> int:
        """Queues a message, after waiting for room in the send buffer if it is full (spec 3, 7.1).

        The buffer holds `SEND_BUFFER_SIZE` bytes. Messages that wait are queued in the order of the calls. A task that
        is cancelled while it waits has sent nothing.

        Args:
            data: at most 524288 bytes.
            flags: how to send it; unreliable messages may be lost.
            lane: which lane, 0 unless `configure_lanes` was called.

        Returns:
            The message's number in its lane; 0 for one dropped because `NO_DELAY` was asked for and there was one.

        Raises:
            ConnectionClosed: the connection has ended.
            ValueError: the message is too large, or there is no such lane.
            TypeError: an argument is of a wrong type.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        if not self._senders:
            number = self._try_send(data, flags, lane)
            if number != _LIMIT_EXCEEDED:
                return number if number > 0 else self._not_sent(number, data, lane)
        return await self._send_in_turn(data, flags, lane)

    def send_nowait(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> Result:
        """Queues a message if there is room now; what a game does with a snapshot that is stale tomorrow.

        Returns:
            `OK`; `LIMIT_EXCEEDED` (no room, or others wait for it); `IGNORED` (`NO_DELAY`); `NO_CONNECTION` (it has
            ended); `INVALID_PARAM` (too large, or no such lane).

        Raises:
            TypeError: an argument is of a wrong type.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        if self._end is not None:
            return Result.NO_CONNECTION
        if self._senders:
            return Result.LIMIT_EXCEEDED
        number = self._try_send(data, flags, lane)
        return Result.OK if number > 0 else Result(-number)

    def flush(self) -> None:
        """Sends at once what waits for company (`NAGLE_TIME`). Nothing happens on a connection that has ended."""
        self._hub.flush_messages_on_connection(self._handle)

    def _try_send(self, data: bytes, flags: int, lane: int) -> int:
        if self._end is not None:
            raise self._closed_error()
        try:
            return self._hub.send(self._entry, data, index(flags), lane)
        except TypeError:  # looked at only now: checks before would cost every message
            explain_send(0, flags, lane)
            raise

    async def _send_in_turn(self, data: bytes, flags: int, lane: int) -> int:
        self._check_fits(data)
        waiting = _WaitingSend(len(data), self._hub.loop.create_future())
        self._senders.append(waiting)
        self._hub.blocked[self] = None
        try:
            while True:
                await waiting.turn
                number = self._try_send(data, flags, lane)
                if number != _LIMIT_EXCEEDED:
                    return number if number > 0 else self._not_sent(number, data, lane)
                self._check_fits(data)
                waiting.turn = self._hub.loop.create_future()
        finally:
            self._senders.remove(waiting)
            if not self._senders:
                self._hub.blocked.pop(self, None)
            self._on_room()

    def _check_fits(self, data: bytes) -> None:
        limit = self._entry.core.options.send_buffer_size_bytes
        if len(data) > limit:
            raise ValueError(f"a message of {len(data)} bytes never fits into SEND_BUFFER_SIZE, which is {limit}")

    def _on_room(self) -> None:
        """Lets the first in line try, once its message fits and half the buffer is empty: small gaps cost wake-ups.

        Or once waiting is in vain: the connection has ended, or the buffer was made smaller than the message.
        """
        if not self._senders:
            return
        first = self._senders[0]
        if first.turn.done():
            return
        core = self._entry.core
        limit = core.options.send_buffer_size_bytes
        spare = limit - first.size_bytes
        room = limit - core.sender.pending_bytes()
        if self._end is not None or spare < 0 or room >= max(first.size_bytes, min(limit // 2, spare)):
            first.turn.set_result(None)

    def _not_sent(self, number: int, data: bytes, lane: int) -> int:
        """0 for what may happen to any message; raises for what should not."""
        match Result(-number):
            case Result.IGNORED:
                return 0
            case Result.NO_CONNECTION:
                raise self._closed_error()
            case _:
                lanes = len(self._entry.core.sender.lanes.lanes)
                if not 0 <= lane < lanes:
                    raise ValueError(f"lane must be in 0..{lanes - 1}, not {lane}: call configure_lanes for more")
                if self._entry.udp is None:
                    raise ValueError(f"{len(data)} bytes are more than RECV_MAX_MESSAGE_SIZE of the pipe's other end")
                raise ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(data)}")

    # ------------------------------------------------------------------ receiving

    async def receive(self) -> NetworkingMessage:
        """The next message, once there is one.

        Raises:
            ConnectionClosed: the connection has ended, and all its messages were taken.
            RuntimeError: it is in a poll group, where its messages are.
        """
        return await self._mailbox.receive()

    async def receive_many(self, max_messages: int = MESSAGES_PER_BATCH_MAX) -> list[NetworkingMessage]:
        """All messages that wait, up to `max_messages`, once there is one. Raises as `receive`."""
        return await self._mailbox.receive_many(max_messages)

    def receive_nowait(self, max_messages: int = MESSAGES_PER_BATCH_MAX) -> list[NetworkingMessage]:
        """All messages that wait, up to `max_messages`; an empty list if there are none, also after the end."""
        return self._mailbox.receive_nowait(max_messages)

    def __aiter__(self) -> "Connection":
        return self

    async def __anext__(self) -> NetworkingMessage:
        """The next message; the loop ends when the connection was closed normally, by either side (spec 3, 5.2).

        Raises:
            ConnectionClosed: it ended otherwise: a timeout, a failure, a reason of 2000 or more.
        """
        try:
            return await self._mailbox.receive()
        except ConnectionClosed as end:
            if self._is_closing or end.reason in _NORMAL_ENDS:
                raise StopAsyncIteration from None
            raise

    def _raise_if_over(self) -> None:
        if self._end is not None:
            raise self._closed_error()
        if self._entry.poll_group:
            raise RuntimeError("this connection is in a poll group: receive from the group, or discard it from there")

    # ------------------------------------------------------------------ how it does

    def info(self) -> ConnectionInfo:
        """What is known of the connection and its peer at this moment."""
        entry = self._entry
        core = entry.core
        return connection_info(
            core, entry.listen_socket, entry.name, core.state, self.end_reason or core.end_reason, self.end_debug
        )

    def status(self) -> ConnectionStatus:
        """Ping, quality, rates and queues at this moment."""
        core = self._entry.core
        core.measure(now_us())
        return connection_status(core)

    def lane_status(self) -> list[LaneStatus]:
        """Queues lane by lane; an empty list once the connection has ended."""
        return lane_status(self._entry.core)

    def detailed_status(self) -> str:
        """Everything measured, as text for people (spec 3, 9.3); many lines, each ending with a newline."""
        now = now_us()
        core = self._entry.core
        core.measure(now)
        return detailed_status(core, now)

    def debug_text(self) -> str:
        """The state of sender and receiver, as text for people."""
        return debug_text(self._entry.core, self._entry.name)

    # ------------------------------------------------------------------ how it should be

    def configure_lanes(self, priorities: Sequence[int], weights: Sequence[int] | None = None) -> None:
        """Sets up the lanes of the sending direction: as many as there are priorities (spec 3, 8.2).

        Args:
            priorities: 1..255 signed 32-bit numbers; lower ones are served first, strictly.
            weights: 1..65535 for each lane, how lanes of equal priority share; by default equal.

        Raises:
            ConnectionClosed: the connection has ended, perhaps because the peer's version knows no lanes.
            ValueError: numbers out of range, or fewer lanes than before.
        """
        result = self._hub.configure_connection_lanes(self._handle, priorities, weights)
        if result == Result.INVALID_PARAM:
            raise ValueError(
                "lanes: 1..255 priorities that are signed 32-bit numbers, not fewer than before, and as many weights "
                f"of 1..65535, not {list(priorities)!r:.100} and {weights!r:.100}"
            )
        if result != Result.OK:
            raise self._closed_error()

    def get_configuration_value(self, value: ConfigurationValue) -> ConfigurationOutput:
        """The value in force for this connection; None if it is unknown or the connection was closed."""
        return self._hub.get_connection_configuration_value(self._handle, value)

    def set_configuration_value(self, value: ConfigurationValue, x: ConfigurationInput) -> bool:
        """Sets a value for this connection, None takes it back; whether that could be done (spec 3, 4.3)."""
        return self._hub.set_connection_configuration_value(self._handle, value, x)

    # ------------------------------------------------------------------ the end

    async def wait_closed(self) -> None:
        """Waits until the connection has ended, whoever ends it."""
        await shield(self._ended)

    async def close(self, reason: int = 0, debug: str = "", linger: bool = False) -> None:
        """Closes the connection and waits until the peer knows; harmless to repeat.

        The connection has ended when the call begins to wait, and messages not yet received are dropped. A peer that
        does not answer is told four times within two seconds.

        Args:
            reason: 0 or 1000..2999; 0 becomes 1000, anything else 1999.
            debug: text for the peer's log, at most 127 bytes arrive.
            linger: deliver reliable messages that are on their way first, however long that takes. Cancelling drops
                them, unless the connection is a server's: then they go on in the background.
        """
        self._begin_close(reason, debug, linger)
        try:
            await self._hub.farewell(self._entry)
        finally:
            if not self._is_closed:
                self._is_closed = True
                self._on_closed()

    def _begin_close(self, reason: int, debug: str, linger: bool) -> None:
        check_type("reason", reason, int)
        check_type("debug", debug, str)
        check_type("linger", linger, bool)
        if not self._is_closing:
            self._is_closing = True
            self._hub.close_connection(self._handle, reason, debug, linger)
            core = self._entry.core
            self._end_with(core.end_reason, core.end_debug)

    def _end_with(self, reason: int, debug: str) -> None:
        """It is over: whoever waits for it hears so."""
        if self._end is not None:
            return
        self._end = ConnectionClosed(reason, debug)
        self._hub.close_mailbox(self._mailbox)
        self._on_room()
        self._ended.set_result(None)

    def _closed_error(self) -> ConnectionClosed:
        """A new one each time: an exception object that is raised again collects tracebacks."""
        if self._end is not None:
            return ConnectionClosed(self._end.reason, self._end.debug)
        core = self._entry.core  # has ended a moment ago, and the loop is about to tell
        return ConnectionClosed(core.end_reason, core.end_debug)

    # ------------------------------------------------------------------ poll groups

    def _set_poll_group(self, group: PollGroupHandle) -> bool:
        """Moves its messages there, 0 for back; tasks that wait here look again. False once it was closed."""
        is_done = self._hub.set_connection_poll_group(self._handle, group)
        self._mailbox.wake_all()
        return is_done
