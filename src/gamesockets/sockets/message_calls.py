"""Which calls send and receive messages? Lanes and poll groups belong to them (spec 3, parts 7 and 8)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import index
from threading import Lock

from gamesockets.clock import now_us
from gamesockets.connection.inbox import Inbox
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service
from gamesockets.node.handles import HandleTable
from gamesockets.node.members import Entry, Listener
from gamesockets.values.arguments import (
    are_lanes,
    check_handle,
    check_type,
    explain_send,
    find,
    numbers,
    outgoing,
    to_bytes,
)
from gamesockets.values.enums import SendFlags
from gamesockets.values.errors import InvalidHandle
from gamesockets.values.handles import Connection, ListenSocket, PollGroup
from gamesockets.values.limits import MESSAGES_PER_BATCH_MAX
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import MessageData, OutgoingMessage
from gamesockets.values.results import Result


class MessageCalls(ABC):
    """Messages of connections, which are served as soon as something is queued."""

    _lock: Lock
    _service: Service
    _entries: dict[int, Entry]
    _listeners: HandleTable[Listener]
    _groups: HandleTable[Inbox]
    _ready: set[Inbox]

    @abstractmethod
    def _serve(self, entry: Entry, now: int) -> None:
        """Something was done to a connection: what is due leaves, what happened is told, waiters wake."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises `OSError` after `close`."""

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
            `OK`; `INVALID_PARAM` (unknown handle, lane not configured, over 524288 bytes); `LIMIT_EXCEEDED` (the send
            buffer is full: try again later); `NO_CONNECTION` (it has ended); `IGNORED` (`NO_DELAY` before connected).

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        try:
            with self._lock:
                entry = self._entries.get(connection)
                if entry is None:
                    check_handle(connection, "connection")
                    return Result.INVALID_PARAM
                number = entry.send(data, index(flags), lane, self._service)
                return Result.OK if number > 0 else Result(-number)
        except TypeError:  # looked at only now: checks before would cost every message
            explain_send(connection, flags, lane)
            raise

    def send_messages(self, messages: Sequence[OutgoingMessage]) -> list[int]:
        """Queues many messages at once (spec 3, 7.4).

        Returns:
            For each the message number, or minus the `Result`; 0 for those not tried because an earlier one for the
            same connection failed.

        Raises:
            TypeError: one is no message at all, or a part of it of a wrong type; then none was queued.
        """
        results: list[int] = []
        prepared = outgoing(messages)
        failed: set[int] = set()
        touched: dict[int, Entry] = {}
        with self._lock:
            now = now_us()
            for handle, data, flags, lane in prepared:
                if handle in failed:
                    results.append(0)
                    continue
                entry = self._entries.get(handle)
                if entry is None:
                    number = -int(Result.INVALID_PARAM)
                else:
                    number = entry.core.send(data, flags, lane, now)
                    touched[handle] = entry
                if number < 0:
                    failed.add(handle)
                results.append(number)
            ports: dict[Port, None] = {}
            for entry in touched.values():
                if entry.core.needs_service(now):
                    udp, port = entry.udp, entry.port
                    if udp is not None and port is not None:
                        port.endpoint.touch(udp)
                        ports[port] = None
                    else:
                        self._service.notify()
            for port in ports:
                self._service.pump(port, now)
        return results

    def flush_messages_on_connection(self, connection: Connection) -> Result:
        """Sends what waits for company at once: `OK`, `IGNORED` while connecting, `NO_CONNECTION`, `INVALID_PARAM`."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return Result.INVALID_PARAM
            result = entry.core.flush()
            if result == Result.OK:
                self._serve(entry, now_us())
            return result

    # ------------------------------------------------------------------ receiving

    def receive_messages_on_connection(
        self, connection: Connection, max_messages: int = MESSAGES_PER_BATCH_MAX
    ) -> list[NetworkingMessage]:
        """Takes up to that many waiting messages of one connection. Raises `InvalidHandle`."""
        check_type("max_messages", max_messages, int)
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                raise InvalidHandle(connection, "connection")
            core = entry.core
            if core.inbox is entry.inbox:
                return entry.inbox.take(max_messages)
            return core.inbox.take_from(core.peer, max_messages)

    def receive_messages_on_listen_socket(
        self, socket: ListenSocket, max_messages: int = MESSAGES_PER_BATCH_MAX
    ) -> list[NetworkingMessage]:
        """The same for all connections accepted from a listen socket and in no poll group. Raises `InvalidHandle`."""
        check_type("max_messages", max_messages, int)
        with self._lock:
            listener = self._listeners.get(socket)
            if listener is None:
                raise InvalidHandle(socket, "listen socket")
            return listener.inbox.take(max_messages)

    def receive_messages_on_poll_group(
        self, group: PollGroup, max_messages: int = MESSAGES_PER_BATCH_MAX
    ) -> list[NetworkingMessage]:
        """The same for all connections of a poll group. Raises `InvalidHandle`."""
        check_type("max_messages", max_messages, int)
        with self._lock:
            inbox = self._groups.get(group)
            if inbox is None:
                raise InvalidHandle(group, "poll group")
            return inbox.take(max_messages)

    def create_poll_group(self) -> PollGroup:
        """A group of connections whose messages can be taken together (spec 3, 8.1)."""
        with self._lock:
            self._check_open()
            return PollGroup(self._groups.add(Inbox(self._ready)))

    def destroy_poll_group(self, group: PollGroup) -> bool:
        """Dissolves a group; its connections and their messages stay. False for an unknown handle."""
        with self._lock:
            if self._groups.get(group) is None:
                return False
            for entry in self._entries.values():
                if entry.poll_group == group:
                    self._join(entry, 0)
            self._groups.remove(group)
            return True

    def set_connection_poll_group(self, connection: Connection, group: PollGroup) -> bool:
        """Moves a connection into a group, or with 0 out of its group. False for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None or (group != 0 and self._groups.get(group) is None):
                return False
            self._join(entry, group)
            return True

    def _join(self, entry: Entry, group: int) -> None:
        entry.poll_group = group
        inbox = self._groups.get(group)
        if inbox is None:
            listener = self._listeners.get(entry.listen_socket)
            inbox = entry.inbox if listener is None else listener.inbox
        if inbox is not entry.core.inbox:
            entry.core.deliver_to(inbox)

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
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return Result.NO_CONNECTION
            if not are_lanes(priorities, weights):
                return Result.INVALID_PARAM
            result = entry.core.configure_lanes(priorities, weights, now_us())
            self._serve(entry, now_us())
            return result
