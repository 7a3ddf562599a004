"""What does one hold of a simulated world: a host, and its end of each connection?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, final

from gamesockets.bad_network.link import Link
from gamesockets.config.kinds import ConfigurationInput, LockMoment
from gamesockets.config.limits import Limits
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue
from gamesockets.connection.connection import StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State, visible
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.expected import Expected
from gamesockets.crypto.trust import TrustStore
from gamesockets.endpoint.counting import statistics_of
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.observe.snapshots import bytes_until_full, connection_info, connection_status, lane_status
from gamesockets.sim.network import Network
from gamesockets.sim.station import Station
from gamesockets.sim.virtual_clock import VirtualClock
from gamesockets.values import handles
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.arguments import are_lanes, horizon_us, to_bytes
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import ConfigurationScope, ConnectionState, SendFlags
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus, MessageData, StatusInfo
from gamesockets.values.results import Result
from gamesockets.values.statistics import Statistics

DRIFT_MAX: Final = 100_000
"""In parts per million. Real clocks differ by up to a hundred."""

Config: TypeAlias = Mapping[ConfigurationValue, ConfigurationInput]


@final
class Connection:
    """One end of a connection. Methods do what those of `gamesockets.NetworkingSockets` do.

    It stays readable after its end: `state`, `end_reason` and what `receive` still finds.
    """

    def __init__(
        self,
        host: "Host",
        station: Station,
        core: DatagramConnection,
        configuration: Configuration,
        entries: "dict[DatagramConnection, Connection]",
    ) -> None:
        self.host = host
        """The host that this end belongs to."""
        self.core = core
        """The protocol's own object, for tests that want to look inside."""
        self.name = ""
        """For logs and error messages."""
        self._station = station
        self._configuration = configuration
        self._entries = entries
        """The host's open connections; closing removes this one from them."""
        self._socket_address: SocketAddress = (core.address.ip, core.address.port)

    # ------------------------------------------------------------------ what it is

    @property
    def state(self) -> ConnectionState:
        """Its state; NONE once it was closed here."""
        return visible(self.core.state)

    @property
    def is_connected(self) -> bool:
        return self.core.state == State.CONNECTED

    @property
    def end_reason(self) -> int:
        """Why it ended, 0 while it has not; `EndReason` names the known numbers."""
        return self.core.end_reason

    @property
    def end_debug(self) -> str:
        """Text for people about the end."""
        return self.core.end_debug

    @property
    def peer_address(self) -> Address:
        return self.core.address

    @property
    def outgoing(self) -> Link:
        """The link towards the peer: for its counters, and to change its `conditions` during the run."""
        return self._station.network.link(self._station.address, self._socket_address)

    @property
    def incoming(self) -> Link:
        """The link from the peer."""
        return self._station.network.link(self._socket_address, self._station.address)

    def info(self) -> ConnectionInfo:
        """What is known of the connection and its peer."""
        core = self.core
        return connection_info(core, handles.ListenSocket(0), self.name, core.state, core.end_reason, core.end_debug)

    def status(self) -> ConnectionStatus:
        """Ping, quality, rates and queues. Reading resets the largest jitter."""
        return connection_status(self.core)

    def bytes_until_full(self, horizon: float) -> int:
        """How many bytes more may be sent now, for all of it to have left within `horizon` seconds, 0 to 60."""
        return bytes_until_full(self.core, horizon_us(horizon))

    def lane_status(self) -> list[LaneStatus]:
        """What waits in each lane, in bytes and microseconds; empty once the connection has ended."""
        return lane_status(self.core)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<sim.Connection{name} {self.host.address} to {self.peer_address}: {self.core.state.name}>"

    # ------------------------------------------------------------------ what one does with it

    def send(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> Result:
        """Queues a message, and sends what is due.

        Returns:
            `Result.OK`, or why it was not taken: `LIMIT_EXCEEDED` (the send buffer is full), `IGNORED` (`NO_DELAY`
            before the connection is up), `NO_CONNECTION`, `INVALID_PARAM` (closed, no such lane), or
            `VALUE_OUT_OF_RANGE` (too large).
        """
        if self._is_closed:
            return Result.INVALID_PARAM
        now = self._station.now_us
        number = self.core.send(to_bytes(data), int(flags), lane, now)
        if number < 0:
            return Result(-number)
        if self.core.needs_service(now):
            self._station.touch(self.core)
        return Result.OK

    def flush(self) -> Result:
        """Sends at once what waits for more data (Nagle). Returns `Result.OK`, or why not."""
        if self._is_closed:
            return Result.INVALID_PARAM
        result = self.core.flush()
        self._station.touch(self.core)
        return result

    def receive(self, max_messages: int = 256) -> list[NetworkingMessage]:
        """Takes up to that many messages that have arrived, oldest first; an empty list if there are none."""
        return self.core.inbox.take(max_messages)

    def accept(self) -> Result:
        """Accepts an incoming connection, for hosts with `on_connecting`. Returns `Result.OK`, or why not."""
        if self.core.state == State.CONNECTING:
            self._configuration.lock(LockMoment.CONNECTION_STARTED)
        return self._station.accept(self.core)

    def close(self, reason: int = 0, debug: str = "", enable_linger: bool = False) -> None:
        """Closes it at once, or with linger when all reliable data has arrived. Harmless to repeat."""
        if self.core.state in (State.LINGER, State.FIN_WAIT, State.DEAD):
            return
        self._station.close(self.core, reason, debug, enable_linger)
        self._entries.pop(self.core, None)
        self._station.pump()

    def configure(self, config: Config) -> None:
        """Changes configuration values of this connection. Raises `ValueError` for those that cannot be."""
        self._configuration.apply(config)
        if self._is_closed:
            return
        self.core.configure(ConnectionOptions.resolve(self._configuration))
        self._station.touch(self.core)

    def configure_lanes(self, priorities: Sequence[int], weights: Sequence[int] | None = None) -> Result:
        """Sets up the lanes of the sending direction.

        Args:
            priorities: one for each lane; lower numbers are sent first.
            weights: how lanes of the same priority share the rate; by default equally.

        Returns:
            `Result.OK`, or why not: `NO_CONNECTION`, `INVALID_STATE` (it has ended or lingers), or `INVALID_PARAM`.
        """
        if self._is_closed:
            return Result.NO_CONNECTION
        shares = [1] * len(priorities) if weights is None else list(weights)
        if not are_lanes(priorities, shares):
            return Result.INVALID_PARAM
        result = self.core.configure_lanes(list(priorities), shares, self._station.now_us)
        self._station.touch(self.core)
        return result

    @property
    def _is_closed(self) -> bool:
        return self.core not in self._entries


_SHOWN: Final = (State.CONNECTING, State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY)
"""States in which a connection waits for the application."""

OnConnecting: TypeAlias = Callable[[Connection], object]
OnStatus: TypeAlias = Callable[[Connection, StatusInfo], object]


@final
class Host:
    """One local address with all its connections: what a UDP socket is outside of the simulation.

    Made by `World.listen` and `World.host`.
    """

    def __init__(
        self,
        world: VirtualClock,
        network: Network,
        address: Address,
        entropy: Entropy,
        configuration: Configuration,
        credentials: Credentials,
        trust: TrustStore | None,
        on_connecting: OnConnecting | None,
    ) -> None:
        self.world = world
        """The world that it is part of, as far as a callback needs it: the time, and calls at later times."""
        self.address = address
        self.on_connecting: OnConnecting | None = on_connecting
        """Called with each incoming connection; None if this host does not listen."""
        self.on_status: OnStatus | None = None
        """Called with every change of a connection's state."""
        self.on_messages: Callable[[Connection], object] | None = None
        """Called with a connection to which messages have come, until they are received: instead of asking at times."""
        self._network = network
        self._entropy = entropy
        self._credentials = credentials
        self._trust = trust
        self._configuration = configuration
        self._entries: dict[DatagramConnection, Connection] = {}
        self._station = self._start()

    def _start(self) -> Station:
        """The program on this host begins."""
        station = Station(
            self.world,
            self._network,
            self.address,
            self._entropy,
            self._credentials,
            self._trust,
            ConnectionOptions.resolve(self._configuration),
            self.on_connecting is not None,
            self._on_change,
            self._on_ready,
        )
        station.endpoint.set_limits(Limits.resolve(self._configuration))
        return station

    @property
    def endpoint(self) -> Endpoint:
        """The protocol's own object, for tests that want to look inside."""
        return self._station.endpoint

    @property
    def connections(self) -> list[Connection]:
        """The connections that this side has not closed, oldest first, also those that have ended."""
        return list(self._entries.values())

    @property
    def statistics(self) -> Statistics:
        """What the host has refused and dropped, and why."""
        return statistics_of(self._station.endpoint)

    def connect(self, target: SocketAddress, config: Config, expected: Expected | None = None) -> Connection:
        """Starts a connection, for `World.connect`.

        Raises:
            ValueError: there is a connection to that address already, or a configuration value cannot be set.
            RuntimeError: 8191 connections live here.
        """
        configuration = Configuration(ConfigurationScope.CONNECTION, self._configuration)
        configuration.apply(config)
        configuration.lock(LockMoment.CONNECTION_STARTED)
        core = self._station.connect(target, ConnectionOptions.resolve(configuration), expected)
        if core is None:
            raise RuntimeError(f"too many connections live on {self}")
        connection = self._add(core, configuration)
        self._station.pump()
        return connection

    def crash(self) -> None:
        """Vanishes without telling the peers, like a killed process; the address becomes free."""
        self._station.crash()
        self._entries.clear()

    def restart(self) -> None:
        """Vanishes like a killed process, if it has not yet, and begins anew at its address, without connections.

        Raises:
            ValueError: another host took the address meanwhile.
        """
        if not self._station.has_crashed:
            self.crash()
        self._station = self._start()

    def pause(self, seconds: float | None = None) -> None:
        """Stands still, like a program in a debugger or a machine that sleeps; for that long, or until `resume`.

        No timer runs and nothing leaves. Datagrams wait in a socket buffer of 212,992 bytes, and others are lost. What
        the program does meanwhile takes effect afterwards.
        """
        self._station.pause()
        if seconds is not None:
            self.world.after(seconds, self._station.resume)

    def resume(self) -> None:
        """Goes on after `pause`. Harmless if it does not stand still."""
        self._station.resume()

    def drift(self, parts_per_million: int) -> None:
        """From now on the host's clock runs faster than the world's by that much, or slower if it is below 0.

        Raises:
            ValueError: it is not within 100,000 either way, which is a tenth.
        """
        if not -DRIFT_MAX <= parts_per_million <= DRIFT_MAX:
            raise ValueError(f"parts_per_million must be -{DRIFT_MAX}..{DRIFT_MAX}, not {parts_per_million!r}")
        self._station.drift(parts_per_million)

    @property
    def local_us(self) -> int:
        """The time on the host's own clock in microseconds: that of the world, unless it drifts."""
        return self._station.now_us

    def _add(self, core: DatagramConnection, configuration: Configuration) -> Connection:
        connection = self._entries[core] = Connection(self, self._station, core, configuration, self._entries)
        return connection

    def _on_change(self, event: StateChange) -> None:
        core = event.connection
        if not isinstance(core, DatagramConnection):
            return  # a pipe, and there is none between hosts
        connection = self._entries.get(core)
        # One that was closed before its first change was told has no entry; one that its peer has ended gets it.
        if connection is None and event.old_state == State.NONE and core.state in _SHOWN:
            configuration = Configuration(ConfigurationScope.CONNECTION, self._configuration)
            connection = self._add(core, configuration)
        if connection is None:
            return
        if self.on_status is not None:
            info = connection_info(
                core, handles.ListenSocket(0), connection.name, event.new_state, event.reason, event.debug
            )
            self.on_status(connection, StatusInfo(handles.Connection(core.id), info, visible(event.old_state)))
        if event.old_state == State.NONE and self.on_connecting is not None and core.state == State.CONNECTING:
            self.on_connecting(connection)

    def _on_ready(self, inboxes: set[Inbox]) -> None:
        if self.on_messages is None:
            return
        waiting = [connection for connection in self.connections if connection.core.inbox in inboxes]
        for connection in waiting:
            self.on_messages(connection)

    def __repr__(self) -> str:
        return f"<sim.Host {self.address}: {len(self._entries)} connections>"
