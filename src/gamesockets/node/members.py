"""What does a node keep for each connection and each listen socket, beside the connection object?

Member                what every connection of a node has: settings, name, group
  PortMember          a connection behind a UDP port, which a driver serves
  PipeMember          one end of a pipe, where every call takes effect before it returns
Listener              a listen socket
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import final

from gamesockets.clock import now_us
from gamesockets.config.limits import Limits
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.connection.closing import DEBUG_BYTES_MAX, cut_text
from gamesockets.connection.connection import Connection, StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.pipe import Pipe
from gamesockets.connection.states import State
from gamesockets.drivers.gathering import NOTHING
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.node.tracing import TRACING
from gamesockets.observe.snapshots import bytes_until_full, connection_info, connection_status, lane_status
from gamesockets.observe.status_text import debug_text, detailed_status
from gamesockets.values import handles
from gamesockets.values.address import Address
from gamesockets.values.enums import EndReason
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus
from gamesockets.values.results import Result


class Member(ABC):
    """A connection that has a handle. Everything is called with the node's lock held."""

    __slots__ = ("configuration", "connection", "inbox", "listen_socket", "name", "poll_group")

    def __init__(self, connection: Connection, configuration: Configuration, listen_socket: int) -> None:
        self.connection = connection
        self.configuration = configuration
        self.listen_socket = listen_socket
        """Handle of the listen socket that accepted it; 0 for an outgoing connection or a pair."""
        self.name = ""
        self.poll_group = 0
        """Handle of the group that it is in; 0 for none."""
        self.inbox = connection.inbox
        """Its own, used while it is in no group."""

    def receive_in(self, inbox: Inbox) -> None:
        """Its messages go to that inbox from now on; those that wait move there."""
        if inbox is not self.connection.inbox:
            self.connection.deliver_to(inbox)

    def take(self, max_messages: int) -> list[NetworkingMessage]:
        """Takes up to that many of its messages, wherever they wait."""
        connection = self.connection
        if connection.inbox is self.inbox:
            return self.inbox.take(max_messages)
        return connection.inbox.take_from(connection.peer, max_messages)

    def rename(self, name: str) -> None:
        """Sets the name for logs."""
        self.name = name
        self.follow_log_levels()

    def follow_configuration(self) -> None:
        """A value may have changed."""
        options = ConnectionOptions.resolve(self.configuration)
        connection = self.connection
        if options is not connection.options:
            connection.peer.user_data = options.connection_user_data
            connection.configure(options)
            self.serve(now_us())
        self.follow_log_levels()

    # ------------------------------------------------------------------ how it does

    def info(self) -> ConnectionInfo:
        """What is known of it and its peer."""
        connection = self.connection
        return self.info_at(connection.state, connection.end_reason, connection.end_debug)

    def info_at(self, state: State, reason: int, debug: str) -> ConnectionInfo:
        """The same with the given state, reason and text, for a change that has happened."""
        return connection_info(
            self.connection, handles.ListenSocket(self.listen_socket), self.name, state, reason, debug
        )

    def status(self) -> ConnectionStatus:
        """Ping, quality, rates and queues."""
        self.connection.measure(now_us())
        return connection_status(self.connection)

    def bytes_until_full(self, horizon_us: int) -> int:
        """How much more may be sent now for all of it to have left by then."""
        return bytes_until_full(self.connection, horizon_us)

    def lane_status(self) -> list[LaneStatus]:
        """Queues lane by lane, an empty list once it has ended."""
        return lane_status(self.connection)

    def detailed_status(self) -> str:
        """Everything measured, as text for people (spec 3, 9.3)."""
        now = now_us()
        self.connection.measure(now)
        return detailed_status(self.connection, now)

    def debug_text(self) -> str:
        """The state of sender and receiver, as text for people."""
        return debug_text(self.connection, self.name)

    # ------------------------------------------------------------------ what is done with it

    @abstractmethod
    def send(self, data: bytes, flags: int, lane: int) -> int:
        """Queues a message and sends what is due; its number, or minus the `Result`."""

    @abstractmethod
    def mark_due(self, due: dict[Port, None], now: int) -> None:
        """After `connection.send` for messages of a batch: adds the port that is to be pumped for them, if any."""

    @abstractmethod
    def serve(self, now: int) -> None:
        """After something was done to the connection: sends what is due, reports changes, wakes waiters."""

    @abstractmethod
    def accept(self, now: int) -> Result:
        """The application accepts it (spec 3, 6.3)."""

    @abstractmethod
    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """The application closes it (spec 3, 6.5). `serve` then sends what the peer must be told."""

    @abstractmethod
    def is_farewell_over(self) -> bool:
        """After `close`: whether the peer knows, or was told often enough."""

    @abstractmethod
    def follow_log_levels(self) -> None:
        """Its name, one of its log-level values, or where traces go, may have changed."""


@final
class PortMember(Member):
    """A connection over UDP."""

    __slots__ = ("_datagrams", "_gathering", "_port", "_service")

    def __init__(
        self,
        connection: DatagramConnection,
        port: Port,
        service: Service,
        configuration: Configuration,
        listen_socket: int = 0,
    ) -> None:
        super().__init__(connection, configuration, listen_socket)
        self._datagrams = connection
        """The connection once more, with the type that its port takes."""
        self._port = port
        self._service = service
        self._gathering = service.gathering
        self.follow_log_levels()

    def send(self, data: bytes, flags: int, lane: int) -> int:
        now = now_us()
        number = self._datagrams.send(data, flags, lane, now)
        if number > 0:
            what_to_do = self._gathering.queued(self._port, self._datagrams, now)
            if what_to_do != NOTHING:
                self._service.send_out(self._port, what_to_do, now)
        return number

    def mark_due(self, due: dict[Port, None], now: int) -> None:
        if self._datagrams.needs_service(now):
            self._port.endpoint.touch(self._datagrams)
            due[self._port] = None

    def serve(self, now: int) -> None:
        self._port.endpoint.touch(self._datagrams)
        self._service.pump(self._port, now)

    def accept(self, now: int) -> Result:
        result = self._port.endpoint.accept(self._datagrams, now)
        self._service.pump(self._port, now)
        return result

    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        self._port.endpoint.close(self._datagrams, reason, debug, enable_linger, now)

    def is_farewell_over(self) -> bool:
        return not self._port.is_open or self._datagrams.is_farewell_over()

    def release(self, now: int) -> None:
        """Closes the socket of an outgoing connection, which was closed, without waiting for anything any more."""
        port = self._port
        if port.is_open:
            port.endpoint.drop(now)
            port.pump_at_once(now)
            self._service.remove(port)
            port.endpoint.release()
            self._service.notify()  # whoever waits for the farewell waits for nothing any more

    def found(self, addresses: list[Address], problem: str, now: int) -> None:
        """The peer of a connection to a name is at one of these addresses; without any, `problem` says why."""
        udp = self._port.udp
        remotes = [udp.socket_address(address) for address in addresses if udp.reaches(address)]
        if remotes:
            self._port.endpoint.search(self._datagrams, remotes, now)
        else:
            text = problem or f"no address of that name can be reached from {udp.local_address}"
            self._datagrams.fail(int(EndReason.MISC_GENERIC), cut_text(text, DEBUG_BYTES_MAX), now)
        self.serve(now)

    def follow_log_levels(self) -> None:
        is_incoming = self.listen_socket != 0
        self._datagrams.set_trace(TRACING.sink_for(self._datagrams, self.name, is_incoming, self.configuration))


@final
class Pipes:
    """What the pipes of one node share: their ids, and who is told of what happens to them."""

    __slots__ = ("_on_change", "_service", "changes", "ids")

    def __init__(self, ids: ConnectionIds, service: Service, on_change: Callable[[StateChange], None]) -> None:
        self.ids = ids
        self.changes: deque[StateChange] = deque()
        """Changes that were not reported yet, in order."""
        self._service = service
        self._on_change = on_change

    def serve(self) -> None:
        """Reports all changes, and wakes waiters."""
        while self.changes:
            self._on_change(self.changes.popleft())
        self._service.notify()


@final
class PipeMember(Member):
    """One end of a pipe. It is connected from the start, and needs no service."""

    __slots__ = ("_pipes",)

    def __init__(self, pipe: Pipe, pipes: Pipes, configuration: Configuration) -> None:
        super().__init__(pipe, configuration, 0)
        self._pipes = pipes

    def send(self, data: bytes, flags: int, lane: int) -> int:
        number = self.connection.send(data, flags, lane, now_us())
        if number > 0:
            self._pipes.serve()
        return number

    def mark_due(self, due: dict[Port, None], now: int) -> None:  # noqa: ARG002 - a pipe has no port
        self._pipes.serve()

    def serve(self, now: int) -> None:  # noqa: ARG002 - nothing waits for a time
        self._pipes.serve()

    def accept(self, now: int) -> Result:  # noqa: ARG002 - as above
        return Result.INVALID_STATE

    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        self.connection.close(reason, debug, enable_linger, now)
        self._pipes.ids.give_back(self.connection.id)

    def is_farewell_over(self) -> bool:
        return True

    def follow_log_levels(self) -> None:
        """A pipe has no packets to trace."""


@final
class Listener:
    """A listen socket: its port and its settings."""

    __slots__ = ("configuration", "inbox", "port")

    def __init__(self, port: Port, configuration: Configuration, inbox: Inbox | None) -> None:
        self.port = port
        self.configuration = configuration
        self.inbox = inbox
        """Where the messages of its connections in no poll group are received together; None if they are not."""

    def follow_configuration(self) -> None:
        """A value may have changed."""
        endpoint = self.port.endpoint
        endpoint.options = ConnectionOptions.resolve(self.configuration)
        endpoint.set_limits(Limits.resolve(self.configuration))
