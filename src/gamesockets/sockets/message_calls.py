"""Which calls send and receive messages? Lanes and poll groups belong to them (spec 3, parts 7 and 8)."""

from collections.abc import Iterable, Sequence
from operator import index
from typing import Final

from gamesockets.node.batches import FROM_INSIDE, broadcast, send_batch, send_one
from gamesockets.node.reading import READING
from gamesockets.observe.debug_output import LINES, OUTPUT
from gamesockets.sockets.calls import Calls
from gamesockets.values.arguments import (
    are_lanes,
    check_handle,
    check_message_size,
    check_type,
    explain_send,
    find,
    handle_numbers,
    numbers,
    outgoing,
    plain_number,
    to_bytes,
)
from gamesockets.values.enums import DebugType, SendFlags
from gamesockets.values.errors import InvalidHandle
from gamesockets.values.handles import Connection, ListenSocket, PollGroup
from gamesockets.values.limits import MAX_MESSAGE_BYTES, MESSAGES_PER_BATCH_MAX
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import MessageData, OutgoingMessage
from gamesockets.values.results import Result

_OK: Final = Result.OK
"""Looked up once: an enumeration of Python 3.11 takes as long for it as a lock does."""


class MessageCalls(Calls):
    """Messages of connections, which are served as soon as something is queued."""

    # ------------------------------------------------------------------ sending

    def send_message_to_connection(
        self,
        connection: Connection,
        data: MessageData,
        flags: SendFlags = SendFlags.UNRELIABLE,
        lane: int = 0,
    ) -> Result:
        """Queues a message; never blocks on the network (spec 3, 7.1).

        Returns:
            `OK`; `INVALID_PARAM` (unknown handle, lane not configured); `VALUE_OUT_OF_RANGE` (over 524288 bytes: it
            never fits); `LIMIT_EXCEEDED` (the send buffer is full: try again later); `NO_CONNECTION` (it has ended);
            `IGNORED` (`NO_DELAY` before connected).

        Raises:
            TypeError: an argument is of a wrong type; the text names it.

        Called by a signal handler or finalizer that interrupted another call on the same thread, it queues a moment
        later. If the interrupted call took the room, it is lost although `OK` was said, and debug output tells.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        node = self._node
        try:
            number = send_one(node.members, node.service, connection, data, index(flags), lane)
        except TypeError:  # found only now: checks before would cost every message
            explain_send(connection, flags, lane)
            raise
        if OUTPUT.waiting:
            OUTPUT.deliver()
        if number > 0:
            return _OK
        if number == FROM_INSIDE:
            return self._send_later(connection, data, flags, lane)
        check_handle(connection, "connection")
        return Result(-number)

    def _send_later(self, connection: Connection, data: bytes, flags: SendFlags, lane: int) -> Result:
        """From a signal handler or finalizer, while this thread may be half through another call."""
        explain_send(connection, flags, lane)
        node = self._node
        member = node.members.get(connection)
        if member is None:
            return Result.INVALID_PARAM
        if len(data) > MAX_MESSAGE_BYTES:
            return Result.VALUE_OUT_OF_RANGE
        room_bytes = member.connection.options.send_buffer_size_bytes - member.connection.sender.pending_bytes()
        if len(data) > room_bytes:
            return Result.LIMIT_EXCEEDED
        node.service.put_off(lambda: self._send_put_off(connection, data, flags, lane))
        return Result.OK

    def _send_put_off(self, connection: Connection, data: bytes, flags: SendFlags, lane: int) -> None:
        result = self.send_message_to_connection(connection, data, flags, lane)
        if result != Result.OK:
            text = f"a message that a signal handler or finalizer sent on #{connection} was not queued: {result!r}"
            OUTPUT.warn(DebugType.WARNING, "late sends", text)

    def send_messages(self, messages: Sequence[OutgoingMessage]) -> list[int]:
        """Queues many messages at once (spec 3, 7.4).

        Returns:
            For each the message number, or minus the `Result`; 0 for those not tried because an earlier one for the
            same connection failed.

        Raises:
            TypeError: one is no message at all, or a part of it of a wrong type; then none was queued.
        """
        prepared = outgoing(messages)
        node = self._node
        with LINES, node.entering():
            return send_batch(node.members, node.service, prepared)

    def broadcast(
        self,
        data: MessageData,
        connections: Iterable[Connection] | None = None,
        flags: SendFlags = SendFlags.UNRELIABLE,
        lane: int = 0,
        *,
        poll_group: PollGroup | None = None,
    ) -> int:
        """Queues a message for many connections without waiting; those that cannot take it do not get it.

        The cheapest way to tell all players the same. What arrives while a long one goes on is taken in between.

        Args:
            data: at most 524288 bytes.
            connections: whom to send it to; by default all connections, those that are connecting too.
            flags: how to send it.
            lane: which lane.
            poll_group: send it to the connections of that group instead.

        Returns:
            How many connections took it; unknown handles take nothing.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: both connections and a group were given, or the message is too large for all of them.
            InvalidHandle: there is no such group.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        flags_number, lane_number = plain_number("flags", flags), plain_number("lane", lane)
        if connections is not None and poll_group is not None:
            raise ValueError("broadcast to connections or to a poll group, not to both")
        handles = None if connections is None else handle_numbers("connections", connections)
        node = self._node
        with LINES, node.entering():
            members = node.members
            if poll_group is not None:
                if node.groups.get(poll_group) is None:
                    raise InvalidHandle(poll_group, "poll group")
                chosen = [member for member in members.values() if member.poll_group == poll_group]
            elif handles is None:
                chosen = list(members.values())
            else:
                chosen = [member for member in map(members.get, handles) if member is not None]
            taken = broadcast(chosen, node.service, data, flags_number, lane_number)
        if not taken:
            check_message_size(data)
        return taken

    def flush_messages_on_connection(self, connection: Connection) -> Result:
        """Sends at once what waits for more data (`NAGLE_TIME`).

        Returns:
            `OK`; `IGNORED` (connecting); `NO_CONNECTION` (it has ended); `INVALID_PARAM` (unknown handle).
        """
        node = self._node
        with LINES, node.entering():
            member = find(node.members, connection, "connection")
            return Result.INVALID_PARAM if member is None else node.flush(member)

    # ------------------------------------------------------------------ receiving

    def receive_messages_on_connection(
        self, connection: Connection, max_messages: int = MESSAGES_PER_BATCH_MAX
    ) -> list[NetworkingMessage]:
        """Takes up to that many waiting messages of one connection. Raises `InvalidHandle`."""
        check_type("max_messages", max_messages, int)
        node = self._node
        with LINES, node.entering():
            node.service.pump_gathered()
            member = find(node.members, connection, "connection")
            if member is None:
                raise InvalidHandle(connection, "connection")
            taken = member.take(max_messages)
            if READING.is_on:
                READING.note(taken)
            return taken

    def receive_messages_on_listen_socket(
        self, socket: ListenSocket, max_messages: int = MESSAGES_PER_BATCH_MAX
    ) -> list[NetworkingMessage]:
        """The same for all connections accepted from a listen socket and in no poll group. Raises `InvalidHandle`."""
        check_type("max_messages", max_messages, int)
        node = self._node
        with LINES, node.entering():
            node.service.pump_gathered()
            listener = node.listeners.get(socket)
            if listener is None or listener.inbox is None:
                raise InvalidHandle(socket, "listen socket")
            taken = listener.inbox.take(max_messages)
            if READING.is_on:
                READING.note(taken)
            return taken

    def receive_messages_on_poll_group(
        self, group: PollGroup, max_messages: int = MESSAGES_PER_BATCH_MAX
    ) -> list[NetworkingMessage]:
        """The same for all connections of a poll group. Raises `InvalidHandle`."""
        check_type("max_messages", max_messages, int)
        node = self._node
        with LINES, node.entering():
            node.service.pump_gathered()
            inbox = node.groups.get(group)
            if inbox is None:
                raise InvalidHandle(group, "poll group")
            taken = inbox.take(max_messages)
            if READING.is_on:
                READING.note(taken)
            return taken

    def create_poll_group(self) -> PollGroup:
        """A group of connections whose messages are received together (spec 3, 8.1). Raises `OSError` after `close`."""
        with self._node.entering():
            return PollGroup(self._node.create_group()[0])

    def destroy_poll_group(self, group: PollGroup) -> bool:
        """Dissolves a group; its connections and their messages stay. False for an unknown handle."""
        with self._node.entering():
            return self._node.destroy_group(group)

    def set_connection_poll_group(self, connection: Connection, group: PollGroup) -> bool:
        """Moves a connection into a group, or with 0 out of its group. False for an unknown handle."""
        node = self._node
        with node.entering():
            member = find(node.members, connection, "connection")
            return member is not None and node.set_group(member, group)

    # ------------------------------------------------------------------ lanes

    def configure_connection_lanes(
        self, connection: Connection, priorities: Sequence[int], weights: Sequence[int] | None = None
    ) -> Result:
        """Sets up the lanes of the sending direction: as many as there are priorities (spec 3, 8.2).

        Args:
            connection: which.
            priorities: 1..255 signed 32-bit numbers; lower ones are served first, strictly.
            weights: 1..65535 for each lane, how lanes of equal priority share; by default equal.

        Returns:
            `OK`; `NO_CONNECTION` (unknown handle); `INVALID_STATE` (ended); `INVALID_PARAM` (numbers out of range,
            fewer lanes than before); `FAIL` (the peer's version knows no lanes; the connection is closed).
        """
        priorities = numbers("priorities", priorities)
        weights = [1] * len(priorities) if weights is None else numbers("weights", weights)
        node = self._node
        with LINES, node.entering():
            member = find(node.members, connection, "connection")
            if member is None:
                return Result.NO_CONNECTION
            if not are_lanes(priorities, weights):
                return Result.INVALID_PARAM
            return node.configure_lanes(member, priorities, weights)
