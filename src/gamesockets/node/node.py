"""One identity with its ports, connections, listen sockets, poll groups and settings, whoever drives it (spec 3).

    sockets.NetworkingSockets   aio.Hub          hold a node and turn its objects into handles or tasks
                     \\           /
                      Node -- members.Member     one for each connection
                     /    \\
        drivers.Service    endpoint.Endpoint     who serves the sockets; the protocol behind each of them

All methods are called with `lock` held, except where they say otherwise. They check what only the node can know;
the types of arguments are checked by those who take them from the user.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias, final

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.bad_network.impairment import Impairment
from gamesockets.clock import SystemEntropy, now_us, unix_epoch_us
from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput, LockMoment
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue
from gamesockets.connection.connection import Connection, StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State, visible
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.expected import Expected
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.inherited import Place, open_at
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service, ServiceOwner
from gamesockets.drivers.udp import UdpSocket
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.node.audience import Audience
from gamesockets.node.authentication import Authentication
from gamesockets.node.creation import Config, apply_config, check_connectable, configuration_for, packet_trace_bytes
from gamesockets.node.endings import LISTEN_SOCKET_CLOSED_TEXT, SHUTDOWN, SHUTDOWN_TEXT, SHUTTING_DOWN_TEXT
from gamesockets.node.handles import HandleTable
from gamesockets.node.measurements import Measurements, measure
from gamesockets.node.members import Listener, Member, Pipes, PortMember
from gamesockets.node.process import PROCESS, LivingNode
from gamesockets.node.socket_pairs import Identities, join_in_memory, join_over_loopback
from gamesockets.node.tally import Tally
from gamesockets.node.tracing import TRACING
from gamesockets.observe.debug_output import LINES
from gamesockets.observe.life_lines import (
    ENDED,
    UNCLOSED_US,
    FailureLine,
    clamped,
    left_unclosed,
    listening,
    state_changed,
)
from gamesockets.values import handles
from gamesockets.values.address import Address
from gamesockets.values.enums import ConfigurationScope, EndReason
from gamesockets.values.errors import CalledFromInside
from gamesockets.values.records import StatusInfo
from gamesockets.values.results import Result

MakeService: TypeAlias = Callable[[ServiceOwner], Service]

STATUS_CALLBACK: Final = ConfigurationValue.CALLBACK_CONNECTION_STATUS_CHANGED


@final
class Node(LivingNode, ServiceOwner):
    """The connections, listen sockets, poll groups and settings of one identity; see the module.

    Args:
        make_service: makes the service, which serves the sockets and reports to the node that it is given.
        audience: who is told of status changes.
        credentials, trust: see `Authentication`.
        config: values for everything created here. Those that exist only once for the process are set there.

    Raises:
        TypeError, ValueError: a configuration value cannot be set.
    """

    def __init__(
        self,
        make_service: MakeService,
        audience: Audience,
        credentials: Credentials | None = None,
        trust: TrustStore | None = None,
        config: Config | None = None,
    ) -> None:
        self.configuration = Configuration(ConfigurationScope.SOCKETS_INTERFACE, PROCESS.configuration)
        if config is not None:
            apply_config(self.configuration, config)
        self.authentication = Authentication(credentials, trust, audience)
        self.service = make_service(self)
        self.lock = self.service.lock
        self.is_inside = self.service.is_inside
        """Whether this thread holds the lock: whoever asks is a finalizer or signal handler that interrupted it."""
        self.members: dict[int, Member] = {}
        """Connections by handle, which is also their id on the wire."""
        self.listeners: HandleTable[Listener] = HandleTable(high_bit=False)
        self.groups: HandleTable[Inbox] = HandleTable(high_bit=True)
        self.ready: set[Inbox] = set()
        """Inboxes that hold messages."""
        self.tally = Tally()
        self.is_closed = False
        self.is_draining = False
        """Whether nobody is admitted any more: newcomers are told that the application is shutting down."""
        self._is_dead = False
        """Whether this is a forked child's copy."""
        self._audience = audience
        self._entropy = SystemEntropy()
        self._random = Random(self._entropy.random_bytes(16))
        self._ids = ConnectionIds(self._entropy)
        self._pipes = Pipes(self._ids, self.service, partial(self.on_change, None))
        PROCESS.register(self)

    def check_open(self) -> None:
        """Raises `OSError` after `close`."""
        if self.is_closed:
            raise OSError("the NetworkingSockets or Server was closed")

    def entering(self) -> Any:
        """The lock, for a call that changes something; for one that only reads, `lock` will do.

        Raises:
            CalledFromInside: this thread holds it already: a signal handler or a finalizer called.
            CalledAfterFork: the node belongs to the parent process.
        """
        if self.is_inside():
            raise CalledFromInside
        return self.lock

    def close(self, reason: int = 0, debug: str = "") -> None:
        """Ends every connection, tells the peers, closes all sockets. Harmless to repeat; without the lock.

        From a signal handler or finalizer that interrupted the holder of the lock, a moment later.
        """
        if self._is_dead:
            return
        if self.is_inside():
            self.service.put_off(lambda: self.close(reason, debug))
            return
        with LINES, self.lock:
            is_first = not self.is_closed
            self.is_closed = True
            if is_first:
                self._close_all(reason, debug, self._settle())
        if is_first:
            self.service.stop()
            PROCESS.forget(self)

    def _close_all(self, reason: int, debug: str, now: int) -> None:
        for member in self.members.values():
            self.tally.cut_off(member.connection, reason)
            member.close(reason, debug, False, now)
        for port in self.service.ports():
            port.endpoint.drop(now)
            port.pump_at_once(now)
        self.members.clear()
        self.listeners = HandleTable(high_bit=False)
        self.groups = HandleTable(high_bit=True)
        self._pipes.changes.clear()
        self._audience.forget_changes()

    def _settle(self) -> int:
        """Before something is done to connections: what was sent until now leaves. The time."""
        self.service.pump_gathered()
        return now_us()

    # ------------------------------------------------------------------ the end of the program, and a fork

    def begin_farewell(self, reason: int) -> None:
        self.service.begin_end()
        with LINES, self.lock:
            now = self._settle()
            for member in list(self.members.values()):
                member.close(reason, "", True, now)
                member.serve(now)

    def is_farewell_over(self) -> bool:
        with self.lock:
            connections = [x for port in self.service.ports() for x in port.endpoint.connections.values()]
            return all(connection.is_farewell_over() for connection in connections)

    def serve_at_end(self) -> None:
        self.service.serve_at_end()

    def die_in_child(self) -> None:
        self._is_dead = True
        self.service.die_in_child()
        self.lock = self.service.lock
        self.is_inside = self.service.is_inside

    # ------------------------------------------------------------------ listening and connecting

    def listen(self, place: Place, config: Config | None, is_group: bool) -> int:
        """A new listen socket; its handle. Raises as `NetworkingSockets.create_listen_socket`.

        With `is_group` the messages of its connections that are in no poll group are received together.
        """
        with FailureLine("listen on", place):
            self.check_open()
            configuration = configuration_for(ConfigurationScope.LISTEN_SOCKET, self.configuration, config)
            self.authentication.check_required(configuration)
            configuration.lock(LockMoment.LISTEN_SOCKET_CREATED)
            options = ConnectionOptions.resolve(configuration)
            port = self._open_port(open_at(place), options, accepts=True)
            listener = Listener(port, configuration, Inbox(self.ready) if is_group else None)
            port.owner = self.listeners.add(listener)
            listener.follow_configuration()
            listening(port.udp.local_address, options.allow_without_auth)
            return port.owner

    def connect(
        self, address: Address, config: Config | None, local: Address | None = None, expected: Expected | None = None
    ) -> PortMember:
        """A new connection, which is connecting. Raises as `NetworkingSockets.connect`."""
        with FailureLine("connect to", address):
            self.check_open()
            check_connectable(address)
            configuration, options = self._begin_connection(config)
            port = self._open_port(UdpSocket.open_for(address, local=local), options, accepts=False)
            now = now_us()
            connection = port.endpoint.connect(port.udp.socket_address(address), options, now, expected)
            return self._connecting(connection, port, configuration, now)

    def look_for(self, name: str, config: Config | None, local: Address | None, peer: Expected | None) -> PortMember:
        """A new connection to a name, which is connecting; `found` tells where to. Raises as `connect`."""
        with FailureLine("connect to", name):
            configuration, options = self._begin_connection(config)
            port = self._open_port(UdpSocket.open_for_any(local), options, accepts=False)
            now = now_us()
            connection = port.endpoint.look_for_peer(options, now, peer)
            return self._connecting(connection, port, configuration, now)

    def found(self, member: PortMember, addresses: list[Address], problem: str) -> None:
        """After `look_for`: where its peer may be, or why nobody knows. Called without the lock, on any thread."""
        with LINES, self.lock:
            if self.members.get(member.connection.id) is member:
                member.found(addresses, problem, now_us())

    def _begin_connection(self, config: Config | None) -> tuple[Configuration, ConnectionOptions]:
        self.check_open()
        configuration = configuration_for(ConfigurationScope.CONNECTION, self.configuration, config)
        configuration.lock(LockMoment.CONNECTION_STARTED)
        return configuration, ConnectionOptions.resolve(configuration)

    def _connecting(
        self, connection: DatagramConnection | None, port: Port, configuration: Configuration, now: int
    ) -> PortMember:
        if connection is None:
            self.service.remove(port)
            raise OSError("too many connections: 8191 live already")
        member = PortMember(connection, port, self.service, configuration)
        self.members[connection.id] = member
        self.service.pump(port, now)
        return member

    def create_pair(self, use_network_loopback: bool, identities: Identities) -> tuple[Member, Member]:
        """Two connections that are connected to each other. Raises as `NetworkingSockets.create_socket_pair`."""
        self.check_open()
        now = now_us()
        pair: tuple[Member, Member]
        if use_network_loopback:
            pair = join_over_loopback(self.service, self._open_port, identities, self.configuration, now)
        else:
            pair = join_in_memory(self._pipes, identities, self.configuration, self.ready, now)
        for member in pair:
            self.members[member.connection.id] = member
        return pair

    def _open_port(self, udp: UdpSocket, options: ConnectionOptions, accepts: bool) -> Port:
        self.authentication.warn_of_expiry()
        endpoint = Endpoint(
            self._entropy,
            self._ids,
            self.authentication.credentials,
            options,
            accepts=accepts,
            trust=self.authentication.trust,
            unix_epoch_us=unix_epoch_us(),
            app_id=PROCESS.app_id,
            ready=self.ready,
        )
        port = Port(udp, endpoint, Impairment(NetworkConditions.resolve(self.configuration), self._random))
        port.trace_bytes_max = packet_trace_bytes(self.configuration)
        self.service.add(port)
        return port

    # ------------------------------------------------------------------ connections

    def accept(self, member: Member) -> Result:
        """The application accepts an incoming connection (spec 3, 6.3)."""
        if member.listen_socket and member.connection.state == State.CONNECTING:
            member.configuration.lock(LockMoment.CONNECTION_STARTED)
        return member.accept(now_us())

    def close_connection(self, member: Member, reason: int, debug: str, enable_linger: bool) -> None:
        """Closes a connection, whose handle is dead from now on (spec 3, 6.5)."""
        now = self._settle()
        member.close(reason, debug, enable_linger, now)
        member.serve(now)
        del self.members[member.connection.id]
        self.service.notify()

    def close_listener(self, handle: int, remote_reason: str) -> bool:
        """Closes a listen socket and its connections, telling the peers; whether there was one."""
        listener = self.listeners.get(handle)
        if listener is None:
            return False
        now = self._settle()
        port = listener.port
        for member in self.members.values():
            if member.listen_socket == handle:
                member.close(int(EndReason.APP_GENERIC), remote_reason or LISTEN_SOCKET_CLOSED_TEXT, False, now)
        port.pump_at_once(now)
        self.service.pump(port, now)
        for member in [member for member in self.members.values() if member.listen_socket == handle]:
            del self.members[member.connection.id]  # the pump may have brought one more
        self.service.remove(port)
        port.endpoint.release()
        self.listeners.remove(handle)
        self.service.notify()
        return True

    def change_credentials(self, credentials: Credentials) -> None:
        """Closes every connection (2999); later ones get these credentials."""
        self.check_open()
        self.authentication.credentials = credentials
        now = self._settle()
        for member in list(self.members.values()):
            member.close(SHUTDOWN, SHUTDOWN_TEXT, False, now)
            member.serve(now)
        for port in list(self.service.ports()):
            port.endpoint.credentials = credentials
            self.service.pump(port, now)
        self.members.clear()

    def set_user_data(self, member: Member, user_data: int) -> None:
        """Sets the application's own number."""
        member.configuration.set(ConfigurationValue.CONNECTION_USER_DATA, user_data)
        member.connection.peer.user_data = user_data

    def flush(self, member: Member) -> Result:
        """Sends everything queued without waiting for more data."""
        result = member.connection.flush()
        if result == Result.OK:
            member.serve(now_us())
        return result

    def configure_lanes(self, member: Member, priorities: list[int], weights: list[int]) -> Result:
        """Sets up the lanes of the sending direction (spec 3, 8.2); the numbers were checked by the caller."""
        now = self._settle()
        result = member.connection.configure_lanes(priorities, weights, now)
        member.serve(now)
        return result

    # ------------------------------------------------------------------ poll groups

    def create_group(self) -> tuple[int, Inbox]:
        """A new poll group: its handle, and where its messages are."""
        self.check_open()
        inbox = Inbox(self.ready)
        return self.groups.add(inbox), inbox

    def destroy_group(self, group: int) -> bool:
        """Dissolves a group; its connections and their messages stay. Whether there was one."""
        if self.groups.get(group) is None:
            return False
        for member in self.members.values():
            if member.poll_group == group:
                self.set_group(member, 0)
        self.groups.remove(group)
        self.service.notify()
        return True

    def set_group(self, member: Member, group: int) -> bool:
        """Moves a connection, with the messages that wait, into a group, 0 for none; whether there is such a group."""
        inbox = self.groups.get(group)
        if inbox is None:
            if group:
                return False
            listener = self.listeners.get(member.listen_socket)
            inbox = None if listener is None else listener.inbox
        member.poll_group = group
        member.receive_in(member.inbox if inbox is None else inbox)
        return True

    # ------------------------------------------------------------------ what the service tells

    def on_change(self, port: Port | None, change: StateChange) -> None:
        """A state has changed; `port` is None for a pipe."""
        connection = change.connection
        member = self.members.get(connection.id)
        if member is None:
            if self.is_closed or change.old_state != State.NONE or port is None or port.owner == 0:
                return
            member = self._incoming(connection, port)
            if self.is_draining:
                self._turn_away(member)
                return
        elif member.connection is not connection:
            return
        if port is not None:
            self.tally.changed(change, member.listen_socket != 0)
            TRACING.state_changed(change)
        callback = member.configuration.effective(STATUS_CALLBACK)
        info = member.info_at(change.new_state, change.reason, change.debug)
        status = StatusInfo(handles.Connection(connection.id), info, visible(change.old_state))
        self._audience.announce(status, callback if callable(callback) else None)
        state_changed(change, info.connection_description, member.listen_socket != 0)
        if change.new_state in ENDED:
            self.service.remind(now_us() + UNCLOSED_US, connection.id)

    def on_removed(self, port: Port) -> None:
        self.tally.closed(port)

    def on_reminder(self, what: int) -> None:
        """A connection, by its handle, ended 20 s ago; once for each."""
        member = self.members.get(what)
        if member is not None and member.connection.state in ENDED:
            left_unclosed(member.connection, member.name)

    def _incoming(self, connection: Connection, port: Port) -> Member:
        if not isinstance(connection, DatagramConnection):
            raise TypeError(f"{connection!r} cannot come in through a port")
        self.authentication.warn_of_expiry()
        listener = self.listeners.get(port.owner)
        parent = self.configuration if listener is None else listener.configuration
        configuration = Configuration(ConfigurationScope.CONNECTION, parent)
        member = PortMember(connection, port, self.service, configuration, port.owner)
        self.members[connection.id] = member
        self.set_group(member, 0)
        return member

    def measure(self) -> Measurements:
        return measure(self.service, self.tally, self.members)

    def _turn_away(self, member: Member) -> None:
        """Nobody is admitted any more. The pump that has reported it is followed by another one, which tells it."""
        member.close(int(EndReason.APP_GENERIC), SHUTTING_DOWN_TEXT, False, now_us())
        del self.members[member.connection.id]

    # ------------------------------------------------------------------ configuration

    def configuration_at(self, scope: int, scope_object: int) -> Configuration | None:
        """What is set at a scope; None without such an object."""
        match scope:
            case ConfigurationScope.GLOBAL:
                return PROCESS.configuration
            case ConfigurationScope.SOCKETS_INTERFACE:
                return self.configuration
            case ConfigurationScope.LISTEN_SOCKET:
                listener = self.listeners.get(scope_object)
                return None if listener is None else listener.configuration
            case ConfigurationScope.CONNECTION:
                member = self.members.get(scope_object)
                return None if member is None else member.configuration
            case _:
                return None

    def find_value(self, scope: int, scope_object: int, value: int) -> tuple[ConfigurationOutput, bool] | None:
        """What is in force at a scope, and whether a wider one says so; None without such a value or object."""
        configuration = self.configuration_at(scope, scope_object)
        return None if configuration is None else configuration.get(value)

    def configure(self, scope: int, scope_object: int, value: int, x: ConfigurationInput) -> bool:
        """Sets a value at a scope below the global one, None takes it back; whether that was possible."""
        self._settle()
        configuration = self.configuration_at(scope, scope_object)
        if configuration is None or not configuration.set(value, x):
            return False
        clamped(value, x)
        if scope == ConfigurationScope.CONNECTION:
            self._reconfigure(self.members[scope_object])
        else:
            self._reconfigure_all()
        return True

    def follow_global_settings(self) -> None:
        if self.is_inside():
            self.service.put_off(self.follow_global_settings)
            return
        with LINES, self.lock:
            self._reconfigure_all()

    def _reconfigure_all(self) -> None:
        for member in list(self.members.values()):
            self._reconfigure(member)
        for listener in self.listeners.values():
            listener.follow_configuration()
        self.service.set_packet_trace(packet_trace_bytes(self.configuration))
        self.service.set_conditions(NetworkConditions.resolve(self.configuration), now_us())

    def _reconfigure(self, member: Member) -> None:
        member.follow_configuration()
        self.service.notify()  # there may be more room in a send buffer
