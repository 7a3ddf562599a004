"""Listen sockets and connections by handle: what every driver needs, without a way to wait (spec 3).

`sockets.NetworkingSockets` adds a service thread, polling and callbacks; `aio` an event loop, tasks and exceptions.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from random import Random
from types import NoneType
from typing import Final

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.bad_network.impairment import Impairment
from gamesockets.clock import SystemEntropy, now_us, unix_epoch_us
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationInput, ConfigurationValue, LockMoment, find_row
from gamesockets.connection.connection import StateChange
from gamesockets.connection.core import Core
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State, visible
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service
from gamesockets.drivers.udp import UdpSocket
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.node.handles import HandleTable
from gamesockets.node.members import Entry, Listener
from gamesockets.node.socket_pairs import join_in_memory, join_over_loopback, peer_identities
from gamesockets.observe.life_lines import ENDED, UNCLOSED_US, FailureLine, left_unclosed, listening, state_changed
from gamesockets.observe.snapshots import connection_info
from gamesockets.observe.trace_lines import trace_lines
from gamesockets.sockets.configuration_calls import ConfigurationCalls
from gamesockets.sockets.information_calls import InformationCalls
from gamesockets.sockets.library import Library
from gamesockets.sockets.message_calls import MessageCalls
from gamesockets.sockets.status_events import StatusCallback
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_range, check_type, find
from gamesockets.values.enums import ConfigurationScope, EndReason
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import StatusInfo
from gamesockets.values.results import Result

Config = Mapping[ConfigurationValue, ConfigurationInput]

NAME_BYTES_MAX: Final = 31

_SHUTDOWN_TEXT: Final = "SteamNetworkingSockets shutdown"
_LISTEN_SOCKET_CLOSED_TEXT: Final = "Listen socket closed"
_INT64: Final = 1 << 63
STATUS_CALLBACK: Final = ConfigurationValue.CALLBACK_CONNECTION_STATUS_CHANGED


class Engine(ConfigurationCalls, InformationCalls, MessageCalls):
    """All that has a handle, and the calls that take one. A driver's service does the work in the background."""

    def __init__(self, identity: NetworkingIdentity | None = None, config: Config | None = None) -> None:
        if identity is not None and not isinstance(identity, NetworkingIdentity):
            raise TypeError(f"identity must be a NetworkingIdentity or None, not {type(identity).__name__}")
        if identity is None:
            identity = Library._identity
        if identity is None or identity.is_invalid:
            identity = NetworkingIdentity.localhost()
        self._identity = identity
        self._configuration = Configuration(ConfigurationScope.SOCKETS_INTERFACE, Library._configuration)
        self._entropy = SystemEntropy()
        self._random = Random(self._entropy.random_bytes(16))
        self._ids = ConnectionIds(self._entropy)
        self._ready: set[Inbox] = set()
        self._entries: dict[int, Entry] = {}
        self._listeners: HandleTable[Listener] = HandleTable(high_bit=False)
        self._groups: HandleTable[Inbox] = HandleTable(high_bit=True)
        self._pipe_changes: deque[StateChange] = deque()
        self._closed = False
        if config is not None:
            check_type("config", config, Mapping)
            self._apply_config(config)
        self._service = self._make_service()
        self._lock = self._service.lock
        Library._register(self)

    # ------------------------------------------------------------------ what a driver adds

    @abstractmethod
    def _make_service(self) -> Service:
        """Who serves the sockets; it reports to `_on_event` and `_on_reminder`."""

    @abstractmethod
    def _announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        """A state has changed; `callback` is what the configuration names for it. Called with the lock held."""

    @abstractmethod
    def _forget_changes(self) -> None:
        """Everything was closed: changes that were not told yet are not told any more. Called with the lock held."""

    # ------------------------------------------------------------------ the whole

    def _apply_config(self, config: Config) -> None:
        for value, x in config.items():
            row = find_row(value)
            if row is not None and row.scope == ConfigurationScope.GLOBAL:
                Library._apply_global({value: x})
            else:
                self._configuration.apply({value: x})

    def close(self) -> None:
        """Ends every connection (2999), tells the peers, closes all sockets. Harmless to repeat.

        Nothing is flushed: close connections with linger and wait a little if their data matters.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            now = now_us()
            reason = int(EndReason.APP_EXCEPTION_MAX)
            for entry in list(self._entries.values()):
                self._close(entry, reason, _SHUTDOWN_TEXT, False, now)
            for port in self._service.ports():
                port.endpoint.drop(now)
                port.pump_at_once(now)
            self._entries.clear()
            self._listeners = HandleTable(high_bit=False)
            self._groups = HandleTable(high_bit=True)
            self._pipe_changes.clear()
            self._forget_changes()
        self._service.stop()
        Library._forget(self)

    # ------------------------------------------------------------------ listening and connecting

    def create_listen_socket(self, address: Address, config: Config | None = None) -> ListenSocket:
        """Listens for connections.

        Args:
            address: where; `Address.ipv6("::", port)` is every interface, both families. Port 0 takes a free port,
                which `get_listen_socket_address` then tells.
            config: values for this socket and the connections it accepts.

        Raises:
            OSError: the address cannot be had; the text names it.
            ValueError: a configuration value cannot be set.
        """
        check_type("address", address, Address)
        with self._lock, FailureLine("listen on", address):
            self._check_open()
            configuration = Configuration(ConfigurationScope.LISTEN_SOCKET, self._configuration)
            _apply_at_creation(configuration, config)
            if configuration.effective(ConfigurationValue.IP_ALLOW_WITHOUT_AUTH) == 0:
                raise ValueError("IP_ALLOW_WITHOUT_AUTH 0 needs a certificate authority, and there is none")
            configuration.lock(LockMoment.LISTEN_SOCKET_CREATED)
            options = ConnectionOptions.resolve(configuration)
            port = self._open_port(UdpSocket.bind(address), options, accepts=True)
            listener = Listener(port, configuration, Inbox(self._ready))
            handle = self._listeners.add(listener)
            port.owner = handle
            listening(port.udp.local_address, options.allow_without_auth)
            return ListenSocket(handle)

    def connect(self, address: Address, config: Config | None = None) -> Connection:
        """Starts connecting and returns at once; a status change tells how it went (spec 3, 6.2).

        Raises:
            OSError: no socket can be had for it, or 8191 connections live already.
            ValueError: a configuration value cannot be set.
        """
        check_type("address", address, Address)
        with self._lock, FailureLine("connect to", address):
            self._check_open()
            configuration = Configuration(ConfigurationScope.CONNECTION, self._configuration)
            _apply_at_creation(configuration, config)
            configuration.lock(LockMoment.CONNECTION_STARTED)
            options = ConnectionOptions.resolve(configuration)
            udp = UdpSocket.open_for(address)
            port = self._open_port(udp, options, accepts=False)
            now = now_us()
            core = port.endpoint.connect(udp.socket_address(address), options, now)
            if core is None:
                self._service.remove(port)
                raise OSError("too many connections: 8191 live already")
            entry = self._entries[core.id] = Entry(core, port, configuration, 0)
            _set_trace(entry)
            self._service.pump(port, now)
            return Connection(core.id)

    def _open_port(self, udp: UdpSocket, options: ConnectionOptions, accepts: bool) -> Port:
        endpoint = Endpoint(
            self._entropy,
            self._ids,
            self._identity,
            options,
            accepts=accepts,
            unix_epoch_us=unix_epoch_us(),
            ready=self._ready,
        )
        conditions = NetworkConditions.resolve(self._configuration)
        port = Port(udp, endpoint, Impairment(conditions, self._random))
        port.trace_bytes_max = self._packet_trace_bytes()
        self._service.add(port)
        return port

    def accept_connection(self, connection: Connection) -> Result:
        """Accepts an incoming connection, which is connected when this returns `OK` (spec 3, 6.3)."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return Result.INVALID_PARAM
            udp, port = entry.udp, entry.port
            if udp is None or port is None:
                return Result.INVALID_STATE
            now = now_us()
            if entry.listen_socket and udp.state == State.CONNECTING:
                entry.configuration.lock(LockMoment.CONNECTION_STARTED)
            result = port.endpoint.accept(udp, now)
            self._service.pump(port, now)
            return result

    def close_connection(
        self, connection: Connection, reason: int = 0, debug: str = "", enable_linger: bool = False
    ) -> bool:
        """Closes a connection; its handle is dead from now on. False for an unknown handle (spec 3, 6.5).

        Args:
            connection: which.
            reason: 0 or 1000..2999; anything else becomes 1999.
            debug: text for the peer's log, at most 127 bytes arrive.
            enable_linger: deliver reliable data that is still on its way before closing.
        """
        check_type("reason", reason, int)
        check_type("debug", debug, str)
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return False
            now = now_us()
            self._close(entry, reason, debug, enable_linger, now)
            self._serve(entry, now)
            del self._entries[connection]
            return True

    def _close(self, entry: Entry, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        udp, port = entry.udp, entry.port
        if udp is not None and port is not None:
            port.endpoint.close(udp, reason, debug, enable_linger, now)
        else:
            entry.core.close(reason, debug, enable_linger, now)
            self._ids.give_back(entry.core.id)

    def _serve(self, entry: Entry, now: int) -> None:
        """Something was done to a connection: what is due leaves, what happened is told, waiters wake."""
        udp, port = entry.udp, entry.port
        if udp is not None and port is not None:
            port.endpoint.touch(udp)
            self._service.pump(port, now)
            return
        while self._pipe_changes:
            self._on_event(None, self._pipe_changes.popleft())
        self._service.notify()

    def close_listen_socket(self, socket: ListenSocket, remote_reason: str = "") -> bool:
        """Closes a listen socket and its connections, telling the peers. False for an unknown handle."""
        check_type("remote_reason", remote_reason, str)
        with self._lock:
            listener = self._listeners.get(socket)
            if listener is None:
                return False
            now = now_us()
            port = listener.port
            text = remote_reason or _LISTEN_SOCKET_CLOSED_TEXT
            for entry in self._entries.values():
                if entry.port is port and entry.udp is not None:
                    port.endpoint.close(entry.udp, int(EndReason.APP_GENERIC), text, False, now)
            port.pump_at_once(now)
            self._service.pump(port, now)
            for handle, entry in list(self._entries.items()):
                if entry.port is port:
                    del self._entries[handle]
            self._service.remove(port)
            port.endpoint.release()
            self._listeners.remove(socket)
            return True

    # ------------------------------------------------------------------ socket pairs

    def create_socket_pair(
        self,
        use_network_loopback: bool = False,
        identity_one: NetworkingIdentity | None = None,
        identity_two: NetworkingIdentity | None = None,
    ) -> tuple[Connection, Connection]:
        """Two connections that talk to each other, connected at once and without status changes (spec 3, 6.9).

        Args:
            use_network_loopback: False for a pipe: messages of up to 268435456 bytes lie in the partner's queue
                before the send returns, without packets, rate or simulated network, and with all their flags. True
                for two ordinary connections over UDP ports of 127.0.0.1.
            identity_one: what the first connection sees as its peer; by default nobody in particular.
            identity_two: what the second one sees.

        Raises:
            OSError: no socket can be had, or there is no room for two more among 8191 connections.
            TypeError, ValueError: an argument cannot be used; the text says which.
        """
        identities = peer_identities(identity_one, identity_two)
        with self._lock:
            self._check_open()
            now = now_us()
            if use_network_loopback:
                one, two = join_over_loopback(self._service, self._open_port, identities, self._configuration, now)
            else:
                one, two = join_in_memory(
                    self._ids, identities, self._configuration, self._ready, self._pipe_changes, now
                )
            for entry in (one, two):
                self._entries[entry.core.id] = entry
                _set_trace(entry)
            return Connection(one.core.id), Connection(two.core.id)

    # ------------------------------------------------------------------ properties of connections

    def set_connection_user_data(self, connection: Connection, user_data: int) -> bool:
        """The application's own number, a signed 64-bit integer; False for an unknown handle."""
        check_range("user_data", user_data, -_INT64, _INT64 - 1)
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return False
            entry.configuration.set(ConfigurationValue.CONNECTION_USER_DATA, user_data)
            entry.core.peer.user_data = user_data
            return True

    def get_connection_user_data(self, connection: Connection) -> int:
        """The application's own number; -1 when it was never set, and for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            return -1 if entry is None else entry.core.peer.user_data

    def set_connection_name(self, connection: Connection, name: str) -> bool:
        """A name for logs, at most 31 bytes of UTF-8; False for an unknown handle.

        Raises:
            ValueError: the name is too long.
        """
        check_type("name", name, str)
        size = len(name.encode("utf-8", "replace"))
        if size > NAME_BYTES_MAX:
            raise ValueError(f"name {name!r} has {size} bytes, at most {NAME_BYTES_MAX} are allowed")
        with self._lock:
            entry = find(self._entries, connection, "connection")
            if entry is None:
                return False
            entry.name = name
            _set_trace(entry)
            return True

    def get_connection_name(self, connection: Connection) -> str | None:
        """The name, empty when never set; None for an unknown handle."""
        with self._lock:
            entry = find(self._entries, connection, "connection")
            return None if entry is None else entry.name

    def get_identity(self) -> NetworkingIdentity:
        """Who this side claims to be."""
        return self._identity

    def reset_identity(self, identity: NetworkingIdentity | None = None) -> None:
        """Closes every connection (2999) and is somebody else from now on; None is nobody in particular (spec 3, 3.1).

        Listen sockets stay open, and those who connect meet the new identity. Raises `OSError` after `close`.
        """
        check_type("identity", identity, (NetworkingIdentity, NoneType))
        if identity is None or identity.is_invalid:
            identity = NetworkingIdentity.localhost()
        with self._lock:
            self._check_open()
            self._identity = identity
            now = now_us()
            for entry in list(self._entries.values()):
                self._close(entry, int(EndReason.APP_EXCEPTION_MAX), _SHUTDOWN_TEXT, False, now)
                self._serve(entry, now)
            for port in list(self._service.ports()):
                port.endpoint.identity = identity
                self._service.pump(port, now)
            self._entries.clear()

    def get_listen_socket_address(self, socket: ListenSocket) -> Address | None:
        """Where a listen socket listens; None for an unknown handle."""
        with self._lock:
            listener = self._listeners.get(socket)
            return None if listener is None else listener.port.udp.local_address

    def _on_event(self, port: Port | None, change: StateChange) -> None:
        """The service tells of a state change, with the lock held."""
        core = change.connection
        entry = self._entries.get(core.id)
        if entry is None:
            if self._closed or change.old_state != State.NONE or port is None or port.owner == 0:
                return
            entry = self._incoming(core, port)
        elif entry.core is not core:
            return
        callback = entry.configuration.effective(STATUS_CALLBACK)
        self._announce(
            StatusInfo(
                connection=Connection(core.id),
                connection_info=connection_info(
                    core, entry.listen_socket, entry.name, change.new_state, change.reason, change.debug
                ),
                old_state=visible(change.old_state),
            ),
            callback if callable(callback) else None,
        )
        state_changed(change, entry.name, entry.listen_socket != 0)
        if change.new_state in ENDED:
            self._service.remind(now_us() + UNCLOSED_US, core.id)

    def _on_reminder(self, handle: int) -> None:
        """The service tells, with the lock held, that a connection ended 20 s ago; once for each."""
        entry = self._entries.get(handle)
        if entry is not None and entry.core.state in ENDED:
            left_unclosed(entry.core, entry.name)

    def _incoming(self, core: Core, port: Port) -> Entry:
        listener = self._listeners.get(port.owner)
        parent = self._configuration if listener is None else listener.configuration
        entry = Entry(core, port, Configuration(ConfigurationScope.CONNECTION, parent), port.owner)
        self._entries[core.id] = entry
        self._join(entry, 0)
        _set_trace(entry)
        return entry

    # ------------------------------------------------------------------ configuration

    def _configuration_at(self, scope: int, scope_object: int) -> Configuration | None:
        match scope:
            case ConfigurationScope.GLOBAL:
                return Library._configuration
            case ConfigurationScope.SOCKETS_INTERFACE:
                return self._configuration
            case ConfigurationScope.LISTEN_SOCKET:
                listener = self._listeners.get(scope_object)
                return None if listener is None else listener.configuration
            case ConfigurationScope.CONNECTION:
                entry = self._entries.get(scope_object)
                return None if entry is None else entry.configuration
            case _:
                return None

    def _reconfigure(self, scope: int, scope_object: int) -> None:
        if scope == ConfigurationScope.CONNECTION:
            self._reconfigure_one(self._entries[scope_object])
        else:
            self._reconfigure_all()

    def _reconfigure_all(self) -> None:
        for entry in list(self._entries.values()):
            self._reconfigure_one(entry)
        for listener in self._listeners.values():
            listener.port.endpoint.options = ConnectionOptions.resolve(listener.configuration)
        self._service.set_packet_trace(self._packet_trace_bytes())
        self._service.set_conditions(NetworkConditions.resolve(self._configuration), now_us())

    def _reconfigure_one(self, entry: Entry) -> None:
        options = ConnectionOptions.resolve(entry.configuration)
        if options is not entry.core.options:
            entry.core.peer.user_data = options.connection_user_data
            entry.core.configure(options)
            self._serve(entry, now_us())
        _set_trace(entry)

    def _packet_trace_bytes(self) -> int:
        x = self._configuration.effective(ConfigurationValue.PACKET_TRACE_MAX_BYTES)
        return x if isinstance(x, int) else -1

    def _check_open(self) -> None:
        if self._closed:
            raise OSError("this NetworkingSockets was closed")


def _set_trace(entry: Entry) -> None:
    """The log-level values of a connection, or its name, may have changed."""
    if entry.udp is not None:
        entry.udp.set_trace(trace_lines(entry.udp, entry.name, entry.configuration))


def _apply_at_creation(configuration: Configuration, config: Config | None) -> None:
    if config is not None:
        check_type("config", config, Mapping)
        configuration.apply(config)
    if configuration.effective(ConfigurationValue.SYMMETRIC_CONNECT) != 0:
        raise ValueError("SYMMETRIC_CONNECT must be 0 for connections over plain UDP")
