"""What can tasks do with one connection?"""

from asyncio import shield
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, final

from gamesockets.aio.conversation import LIMIT_EXCEEDED, Conversation
from gamesockets.aio.hub import Hub
from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.table import ConfigurationValue
from gamesockets.connection.states import visible
from gamesockets.observe.debug_output import LINES
from gamesockets.values import handles
from gamesockets.values.address import Address
from gamesockets.values.arguments import (
    are_lanes,
    check_connection_name,
    check_range,
    check_type,
    horizon_us,
    numbers,
    to_bytes,
)
from gamesockets.values.enums import ConfigurationScope, ConnectionState, EndReason, SendFlags
from gamesockets.values.errors import ConnectionClosed
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.limits import MESSAGES_PER_BATCH_MAX, USER_DATA_MAX, USER_DATA_MIN
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus, MessageData
from gamesockets.values.results import Result

_NORMAL_ENDS: Final = range(int(EndReason.APP_MIN), int(EndReason.APP_MAX) + 1)
_OK: Final = Result.OK
_INVALID: Final = Result.INVALID_PARAM
_EXCEPTION: Final = int(EndReason.APP_EXCEPTION_GENERIC)


@final
class Connection:
    """A connection to one peer, from `connect`, `serve` or `create_socket_pair`.

    Use it as a context manager, or close it. Several tasks may send and receive at once. Cancelling any await, also by
    `asyncio.timeout`, loses no message and leaves the connection usable; of `close`, it drops the connection.

    Once the connection has ended, messages that had arrived can still be received; then `receive` raises
    `ConnectionClosed`, as `send` does at once.
    """

    def __init__(self, conversation: Conversation, on_closed: Callable[[], None] | None = None) -> None:
        self._conversation = conversation
        self._member = conversation.member
        self._node = conversation.hub.node
        self._on_closed = on_closed
        """Called once, when this side has closed it; None for a server's connection, which owns no socket."""

    def __repr__(self) -> str:
        state = "ended" if self._conversation.end is not None else "connected"
        return f"<gamesockets.aio.Connection #{self.handle} {self.identity} {self.address} {state}>"

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
    def handle(self) -> handles.Connection:
        """The number that stands for it in messages and logs."""
        return self._conversation.handle

    @property
    def identity(self) -> NetworkingIdentity:
        """Who the peer claims to be."""
        return self._member.connection.peer.identity

    @property
    def address(self) -> Address:
        """Where the peer is; ``::`` and port 0 for a pair joined in memory."""
        return self._member.connection.address

    @property
    def state(self) -> ConnectionState:
        """How far the connection has come."""
        return visible(self._member.connection.state)

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._conversation.end is None

    @property
    def end_reason(self) -> int:
        """Why it ended; 0 while it has not. `EndReason` names the known numbers."""
        end = self._conversation.end
        return 0 if end is None else end.reason

    @property
    def end_debug(self) -> str:
        """Text for people about the end."""
        end = self._conversation.end
        return "" if end is None else end.debug

    @property
    def name(self) -> str:
        """A name for logs, at most 31 bytes of UTF-8; `ValueError` for a longer one, `ConnectionClosed` after close."""
        return self._member.name

    @name.setter
    def name(self, name: str) -> None:
        check_connection_name(name)
        with LINES, self._node.entering():
            self._conversation.open_member().rename(name)

    @property
    def user_data(self) -> int:
        """The application's own number, a signed 64-bit integer; -1 when it was never set."""
        return self._member.connection.peer.user_data

    @user_data.setter
    def user_data(self, user_data: int) -> None:
        check_range("user_data", user_data, USER_DATA_MIN, USER_DATA_MAX)
        with self._node.entering():
            self._node.set_user_data(self._conversation.open_member(), user_data)

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
        conversation = self._conversation
        number = conversation.try_send_behind_others(data, flags, lane)
        if number == LIMIT_EXCEEDED:
            number = await conversation.send_in_turn(data, flags, lane)
        if number > 0:
            return number
        error = conversation.why_not_sent(number, data, lane)
        if error is not None:
            raise error
        return 0

    def send_nowait(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> Result:
        """Queues a message if there is room now: for data that would be stale after waiting.

        Returns:
            `OK`; `LIMIT_EXCEEDED` (no room, or others wait for it); `IGNORED` (`NO_DELAY`); `NO_CONNECTION` (it has
            ended); `INVALID_PARAM` (no such lane); `VALUE_OUT_OF_RANGE` (too large).

        Raises:
            TypeError: an argument is of a wrong type.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        number = self._conversation.send_now(data, flags, lane)
        return _OK if number > 0 else Result(-number)

    def flush(self) -> None:
        """Sends at once what waits for more data (`NAGLE_TIME`). Does nothing on a connection that has ended."""
        with LINES, self._node.entering():
            if self._conversation.is_in_node():
                self._node.flush(self._member)

    # ------------------------------------------------------------------ receiving

    async def receive(self) -> NetworkingMessage:
        """The next message, once there is one.

        Raises:
            ConnectionClosed: the connection has ended, and all its messages were taken.
            RuntimeError: it is in a poll group, where its messages are.
        """
        return await self._conversation.mailbox.receive()

    async def receive_many(self, max_messages: int = MESSAGES_PER_BATCH_MAX) -> list[NetworkingMessage]:
        """All messages that wait, up to `max_messages`, once there is one. Raises as `receive`."""
        return await self._conversation.mailbox.receive_many(max_messages)

    def receive_nowait(self, max_messages: int = MESSAGES_PER_BATCH_MAX) -> list[NetworkingMessage]:
        """All messages that wait, up to `max_messages`; an empty list if there are none, also after the end."""
        return self._conversation.mailbox.receive_nowait(max_messages)

    def __aiter__(self) -> "Connection":
        return self

    async def __anext__(self) -> NetworkingMessage:
        """The next message; the loop ends when the connection was closed normally, by either side (spec 3, 5.2).

        Raises:
            ConnectionClosed: it ended otherwise: a timeout, a failure, a reason of 2000 or more.
        """
        try:
            return await self._conversation.mailbox.receive()
        except ConnectionClosed as end:
            if self._conversation.is_closing or end.reason in _NORMAL_ENDS:
                raise StopAsyncIteration from None
            raise

    # ------------------------------------------------------------------ how it does

    def info(self) -> ConnectionInfo:
        """What is known of the connection and its peer at this moment."""
        with self._node.lock:
            connection = self._member.connection
            return self._member.info_at(connection.state, self.end_reason or connection.end_reason, self.end_debug)

    def status(self) -> ConnectionStatus:
        """Ping, quality, rates and queues at this moment."""
        with self._node.lock:
            return self._member.status()

    def bytes_until_full(self, horizon: float) -> int:
        """How many bytes more may be sent now, for all of it to have left within `horizon` seconds.

        It is what an encoder or a snapshot may spend: the rate that the path is believed to carry, less what waits
        already, and never more than the send buffer has room for; 0 once the connection has ended.

        Raises:
            TypeError: `horizon` is no number.
            ValueError: it is not within 0 and 60.
        """
        span_us = horizon_us(horizon)
        with self._node.lock:
            return self._member.bytes_until_full(span_us)

    def lane_status(self) -> list[LaneStatus]:
        """Queues lane by lane; an empty list once the connection has ended."""
        with self._node.lock:
            return self._member.lane_status()

    def detailed_status(self) -> str:
        """Everything measured, as text for people (spec 3, 9.3); many lines, each ending with a newline."""
        with self._node.lock:
            return self._member.detailed_status()

    def debug_text(self) -> str:
        """The state of sender and receiver, as text for people."""
        with self._node.lock:
            return self._member.debug_text()

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
        order = numbers("priorities", priorities)
        shares = [1] * len(order) if weights is None else numbers("weights", weights)
        with LINES, self._node.entering():
            member = self._conversation.open_member()
            result = self._node.configure_lanes(member, order, shares) if are_lanes(order, shares) else _INVALID
        if result == Result.INVALID_PARAM:
            raise ValueError(
                "lanes: 1..255 priorities that are signed 32-bit numbers, not fewer than before, and as many weights "
                f"of 1..65535, not {list(priorities)!r:.100} and {weights!r:.100}"
            )
        if result != Result.OK:
            raise self._conversation.closed_error()

    def get_configuration_value(self, value: ConfigurationValue) -> ConfigurationOutput:
        """The value in force for this connection; None if it is unknown or the connection was closed."""
        check_type("value", value, int)
        with self._node.lock:
            found = self._node.find_value(ConfigurationScope.CONNECTION, self.handle, value)
        return None if found is None else found[0]

    def set_configuration_value(self, value: ConfigurationValue, x: ConfigurationInput) -> bool:
        """Sets a value for this connection, None takes it back; whether that could be done (spec 3, 4.3)."""
        check_type("value", value, int)
        with LINES, self._node.entering():
            return self._node.configure(ConfigurationScope.CONNECTION, self.handle, value, x)

    # ------------------------------------------------------------------ the end

    async def wait_closed(self) -> None:
        """Waits until the connection has ended, whoever ends it."""
        await shield(self._conversation.ended)

    async def close(self, reason: int = 0, debug: str = "", linger: bool = False) -> None:
        """Closes the connection and waits until the peer knows; harmless to repeat.

        The connection has ended when the call begins to wait, and messages not yet received are dropped. A peer that
        does not answer is told four times within two seconds.

        Args:
            reason: 0 or 1000..2999; 0 becomes 1000.
            debug: text for the peer's log, at most 127 bytes arrive.
            linger: deliver reliable messages that are on their way first, however long that takes. Cancelling drops
                them, unless the connection is a server's: then they go on in the background.
        """
        self._conversation.begin_close(reason, debug, linger)
        try:
            await self._conversation.hub.farewell(self._member)
        finally:
            on_closed, self._on_closed = self._on_closed, None
            if on_closed is not None:
                on_closed()


def conversation_in(hub: Hub, connection: Connection) -> Conversation | None:
    """The conversation behind a connection, for those who own connections; None if it belongs to another hub."""
    conversation = connection._conversation  # noqa: SLF001 - the only way in, for this package alone
    return conversation if conversation.hub is hub else None
