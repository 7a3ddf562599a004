"""How do two ends behave over a network as bad as I like, for as long as I like, in no time and the same every time?

A world holds a virtual clock and hosts joined by links. The clock jumps from event to event; nothing here reads
the real one, and all randomness comes from the seed, so that a run can be repeated to the last byte:

    world = sim.World(seed=7)
    server = world.listen()
    client = world.connect(server, up=sim.Conditions(latency=0.1, loss=0.05), down=sim.Conditions(latency=0.1))
    assert world.run_until(lambda: client.is_connected)
    client.send(b"hello", gs.SendFlags.RELIABLE)
    world.run(1.0)
    [message] = server.connections[0].receive()

Time stands still outside `run` and `run_until`. Sending happens at once, arriving only while the world runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, TypeAlias, final

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationInput, LockMoment
from gamesockets.connection.connection import StateChange
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State, visible
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.observe.snapshots import connection_info, connection_status, lane_status
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.arguments import are_lanes
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.enums import ConfigurationScope, ConfigurationValue, ConnectionState, SendFlags
from gamesockets.values.handles import Connection as ConnectionHandle
from gamesockets.values.handles import ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.moments import NEVER
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus, MessageData, StatusInfo
from gamesockets.values.results import Result

__all__ = ["Connection", "Host", "Passage", "World"]

Config: TypeAlias = Mapping[ConfigurationValue, ConfigurationInput]

_SECOND_US: Final = 1_000_000
_PORT: Final = 27015
_UNIX_EPOCH_US: Final = 1_767_225_600 * _SECOND_US
"""Worlds begin on 1 January 2026: certificates know dates."""

_TURNS_MAX: Final = 1000
_EVENTS_AT_ONCE_MAX: Final = 1_000_000
"""More at one moment means that something answers itself for ever: an error is better than hanging."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One datagram at one point of its way, as `World.trace` and `World.intercept` see it.

    Attributes:
        time_us: the virtual time in microseconds.
        is_arrival: False where it leaves its sender, before the link; True where it reaches its destination.
        source: who sent it.
        destination: to whom; there need not be anybody.
        data: the UDP payload.
    """

    time_us: int
    is_arrival: bool
    source: Address
    destination: Address
    data: bytes


class _Scheduled(ABC):
    """Something the world calls back at its deadline."""

    __slots__ = ("deadline",)

    def __init__(self) -> None:
        self.deadline = NEVER

    @abstractmethod
    def due(self, now: int) -> None:
        """The deadline has come. It was reset before the call."""


@final
class _Pipe(_Scheduled):
    """A link in use, by one path or by several that share it."""

    __slots__ = ("_world", "link")

    def __init__(self, world: "World", link: Link) -> None:
        super().__init__()
        self._world = world
        self.link = link

    def due(self, now: int) -> None:
        self._world._deliver(self, now)


@final
class _Call(_Scheduled):
    """A function of the user, called once or again and again."""

    __slots__ = ("_function", "_interval_us", "_world")

    def __init__(self, world: "World", function: Callable[[], object], interval_us: int) -> None:
        super().__init__()
        self._world = world
        self._function = function
        self._interval_us = interval_us

    def due(self, now: int) -> None:
        if self._function() is not False and self._interval_us:
            self._world._schedule(self, now + self._interval_us)


@final
class Connection:
    """One end of a connection. Methods do what those of `gamesockets.NetworkingSockets` do.

    It stays readable after its end: `state`, `end_reason` and what `receive` still finds.
    """

    def __init__(self, host: "Host", core: DatagramConnection, configuration: Configuration) -> None:
        self.host = host
        """On which side it is."""
        self.core = core
        """The protocol's own object, for tests that want to look inside."""
        self.name = ""
        """For logs and error messages."""
        self._configuration = configuration
        self._socket_address: SocketAddress = (core.address.ip, core.address.port)

    # ------------------------------------------------------------------ what it is

    @property
    def state(self) -> ConnectionState:
        """How far it has come; NONE once it was closed here."""
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
        return self.host.world._pipe(self.host._socket_address, self._socket_address).link

    @property
    def incoming(self) -> Link:
        """The link from the peer."""
        return self.host.world._pipe(self._socket_address, self.host._socket_address).link

    def info(self) -> ConnectionInfo:
        """What is known of the connection and its peer."""
        core = self.core
        return connection_info(core, ListenSocket(0), self.name, core.state, core.end_reason, core.end_debug)

    def status(self) -> ConnectionStatus:
        """Ping, quality, rates and queues. Reading resets the largest jitter."""
        return connection_status(self.core)

    def lane_status(self) -> list[LaneStatus]:
        """What waits in each lane; empty once the connection has ended."""
        return lane_status(self.core)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<sim.Connection{name} {self.host.address} to {self.peer_address}: {self.core.state.name}>"

    # ------------------------------------------------------------------ what one does with it

    def send(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> Result:
        """Queues a message; `Result.OK`, or why not. What is due leaves at once."""
        world = self.host.world
        if self._is_closed:
            return Result.INVALID_PARAM
        now = world._now
        number = self.core.send(bytes(data), int(flags), lane, now)
        if number < 0:
            return Result(-number)
        if self.core.needs_service(now):
            self._touch()
        return Result.OK

    def flush(self) -> Result:
        """Sends what waits for company at once."""
        if self._is_closed:
            return Result.INVALID_PARAM
        result = self.core.flush()
        self._touch()
        return result

    def receive(self, max_messages: int = 256) -> list[NetworkingMessage]:
        """Takes up to that many messages that have arrived."""
        return self.core.inbox.take(max_messages)

    def accept(self) -> Result:
        """Accepts an incoming connection, for hosts with a hook of their own."""
        if self.core.state == State.CONNECTING:
            self._configuration.lock(LockMoment.CONNECTION_STARTED)
        result = self.host.endpoint.accept(self.core, self.host.world._now)
        self.host.world._pump(self.host)
        return result

    def close(self, reason: int = 0, debug: str = "", enable_linger: bool = False) -> None:
        """Closes it; with linger, once all reliable data has arrived. Harmless to repeat."""
        host = self.host
        host.endpoint.close(self.core, reason, debug, enable_linger, host.world._now)
        host._entries.pop(self.core, None)
        host.world._pump(host)

    def configure(self, config: Config) -> None:
        """Changes configuration values of this connection. Raises `ValueError` for those that cannot be."""
        self._configuration.apply(config)
        self.core.configure(ConnectionOptions.resolve(self._configuration))
        self._touch()

    def configure_lanes(self, priorities: Sequence[int], weights: Sequence[int] | None = None) -> Result:
        """Sets up the lanes of the sending direction: as many as there are priorities."""
        if self._is_closed:
            return Result.NO_CONNECTION
        shares = [1] * len(priorities) if weights is None else list(weights)
        if not are_lanes(priorities, shares):
            return Result.INVALID_PARAM
        result = self.core.configure_lanes(list(priorities), shares, self.host.world._now)
        self._touch()
        return result

    @property
    def _is_closed(self) -> bool:
        return self.core not in self.host._entries

    def _touch(self) -> None:
        self.host.endpoint.touch(self.core)
        self.host.world._pump(self.host)


OnConnecting: TypeAlias = Callable[[Connection], object]
OnStatus: TypeAlias = Callable[[Connection, StatusInfo], object]


@final
class Host(_Scheduled):
    """One local address with all its connections: what a UDP socket is outside of the simulation.

    Made by `World.listen` and `World.host`.
    """

    def __init__(
        self,
        world: "World",
        address: Address,
        configuration: Configuration,
        identity: NetworkingIdentity,
        on_connecting: OnConnecting | None,
    ) -> None:
        super().__init__()
        self.world = world
        self.address = address
        self.on_connecting: OnConnecting | None = on_connecting
        """Called with each incoming connection; None if this host does not listen."""
        self.on_status: OnStatus | None = None
        """Called with every change of a connection's state."""
        self._configuration = configuration
        self._socket_address: SocketAddress = (address.ip, address.port)
        self._entries: dict[DatagramConnection, Connection] = {}
        self._pumping = False
        self.endpoint = Endpoint(
            world._entropy,
            ConnectionIds(world._entropy),
            identity,
            ConnectionOptions.resolve(configuration),
            accepts=on_connecting is not None,
            unix_epoch_us=_UNIX_EPOCH_US,
        )
        """The protocol's own object, for tests that want to look inside."""

    @property
    def connections(self) -> list[Connection]:
        """All that this side has not closed, oldest first; those that have ended by themselves included."""
        return list(self._entries.values())

    @property
    def counters(self) -> Counters:
        """Datagrams that led nowhere, by reason."""
        return self.endpoint.counters

    def crash(self) -> None:
        """Vanishes without a word, as a process does that is killed; the address becomes free."""
        self.deadline = NEVER
        self.endpoint.release()
        self._entries.clear()
        self.world._hosts.pop(self._socket_address, None)

    def due(self, now: int) -> None:
        self.endpoint.handle_timer(now)
        self.world._pump(self)

    def _on_change(self, event: StateChange) -> None:
        core = event.connection
        if not isinstance(core, DatagramConnection):
            return  # a pipe, and those do not exist between hosts
        connection = self._entries.get(core)
        if connection is None and event.old_state == State.NONE:
            configuration = Configuration(ConfigurationScope.CONNECTION, self._configuration)
            connection = self._entries[core] = Connection(self, core, configuration)
        if connection is None:
            return
        if self.on_status is not None:
            info = connection_info(core, ListenSocket(0), connection.name, event.new_state, event.reason, event.debug)
            self.on_status(connection, StatusInfo(ConnectionHandle(core.id), info, visible(event.old_state)))
        if event.old_state == State.NONE and self.on_connecting is not None and core.state == State.CONNECTING:
            self.on_connecting(connection)

    def __repr__(self) -> str:
        return f"<sim.Host {self.address}: {len(self._entries)} connections>"


@final
class World:
    """A virtual clock, hosts, and the links between them.

    Args:
        seed: decides keys, ids and every draw of every link.
        conditions: what paths are like that got no conditions of their own; perfect by default.
        config: configuration values for all hosts, for example `{ConfigurationValue.SEND_RATE_MAX: 1_000_000}`.

    Raises:
        ValueError: a configuration value cannot be set.
    """

    def __init__(self, seed: int = 0, conditions: Conditions | None = None, config: Config | None = None) -> None:
        self.seed = seed
        self.conditions = Conditions() if conditions is None else conditions
        """For paths that are used for the first time from now on."""
        self.trace: Callable[[Passage], object] | None = None
        """Called with each datagram twice: where it leaves, and where it arrives if it does."""
        self.intercept: Callable[[Passage], Iterable[bytes]] | None = None
        """Decides what enters a link instead of a datagram: nothing, the same, something else, or more."""
        self.unroutable = 0
        """Datagrams to addresses where nobody is."""
        self._configuration = Configuration()
        if config is not None:
            self._configuration.apply(config)
        self._random = Random(seed)
        self._entropy = SeededEntropy(self._random.getrandbits(64))
        self._now = 0
        self._running = False
        self._hosts: dict[SocketAddress, Host] = {}
        self._addresses_given = 0
        self._paths: dict[tuple[SocketAddress, SocketAddress], _Pipe] = {}
        self._pipes: dict[Link, _Pipe] = {}
        self._cuts: set[frozenset[SocketAddress]] = set()
        self._queue: list[tuple[int, int, _Scheduled]] = []
        self._entries = 0

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self._now / _SECOND_US

    @property
    def now_us(self) -> int:
        """The same in microseconds; `NetworkingMessage.time_received` counts these."""
        return self._now

    # ------------------------------------------------------------------ who there is

    def listen(
        self,
        address: Address | None = None,
        *,
        on_connecting: OnConnecting = Connection.accept,
        config: Config | None = None,
        identity: NetworkingIdentity | None = None,
    ) -> Host:
        """A host that takes connections.

        Args:
            address: where; by default an address of its own in 10.0.0.0/8.
            on_connecting: called with each new connection. It may accept, close, or do either later; by default
                all are accepted.
            config: configuration values for this host and its connections.
            identity: who it claims to be; by default nobody in particular.

        Raises:
            ValueError: there is a host at that address, or a configuration value cannot be set.
        """
        return self._make_host(address, on_connecting, config, identity)

    def host(
        self,
        address: Address | None = None,
        *,
        config: Config | None = None,
        identity: NetworkingIdentity | None = None,
    ) -> Host:
        """A host that only connects, for clients that open several connections or reuse their address."""
        return self._make_host(address, None, config, identity)

    def connect(
        self,
        server: Host | Address,
        *,
        up: Conditions | Link | None = None,
        down: Conditions | Link | None = None,
        host: Host | None = None,
        config: Config | None = None,
        identity: NetworkingIdentity | None = None,
    ) -> Connection:
        """Starts to connect to a server, from a host of its own if none is given.

        Args:
            server: the other side, or an address, where somebody may be or not.
            up: the way to the server. A `Link` given to several connections is shared by them: a bottleneck.
                None leaves the path as it is.
            down: the way back.
            host: from where.
            config: configuration values for this connection.
            identity: who the new host claims to be; not together with `host`.

        Raises:
            ValueError: `host` has a connection to that server already, or a configuration value cannot be set.
            RuntimeError: 8191 connections live on that host.
        """
        if host is None:
            host = self.host(identity=identity)
        elif identity is not None:
            raise ValueError(f"the identity belongs to the host, which exists already ({identity})")
        address = server.address if isinstance(server, Host) else server
        target: SocketAddress = (address.ip, address.port)
        for conditions, path in ((up, (host._socket_address, target)), (down, (target, host._socket_address))):
            if isinstance(conditions, Link):
                self._paths[path] = self._pipes.setdefault(conditions, _Pipe(self, conditions))
            elif conditions is not None:
                self._pipe(*path).link.conditions = conditions
        configuration = Configuration(ConfigurationScope.CONNECTION, host._configuration)
        configuration.apply(config or {})
        configuration.lock(LockMoment.CONNECTION_STARTED)
        core = host.endpoint.connect(target, ConnectionOptions.resolve(configuration), self._now)
        if core is None:
            raise RuntimeError(f"too many connections live on {host}")
        connection = host._entries[core] = Connection(host, core, configuration)
        self._pump(host)
        return connection

    def pair(
        self,
        *,
        up: Conditions | Link | None = None,
        down: Conditions | Link | None = None,
        config: Config | None = None,
        limit: float = 60.0,
    ) -> tuple[Connection, Connection]:
        """A new server and a client of it, connected: the client's end and the server's.

        Args:
            up: the way from the client to the server.
            down: the way back.
            config: configuration values for both ends.
            limit: seconds of virtual time that connecting may take.

        Raises:
            TimeoutError: it took longer.
            ValueError: a configuration value cannot be set.
        """
        server = self.listen(config=config)
        client = self.connect(server, up=up, down=down, config=config)
        if not self.run_until(lambda: client.is_connected, limit):
            raise TimeoutError(f"not connected after {limit} s: {client}")
        return client, server.connections[0]

    def _make_host(
        self,
        address: Address | None,
        on_connecting: OnConnecting | None,
        config: Config | None,
        identity: NetworkingIdentity | None,
    ) -> Host:
        if address is None:
            self._addresses_given += 1
            low = self._addresses_given
            address = Address.ipv4(f"10.{low >> 16}.{low >> 8 & 255}.{low & 255}", _PORT)
        if (address.ip, address.port) in self._hosts:
            raise ValueError(f"there is a host at {address} already")
        configuration = Configuration(ConfigurationScope.LISTEN_SOCKET, self._configuration)
        configuration.apply(config or {})
        if identity is None:
            identity = NetworkingIdentity.localhost()
        host = Host(self, address, configuration, identity, on_connecting)
        self._hosts[host._socket_address] = host
        return host

    # ------------------------------------------------------------------ what the network is like

    def link(self, source: Host | Address, destination: Host | Address) -> Link:
        """One direction between two addresses: for its counters, and to change its `conditions` during the run."""
        return self._pipe(_socket_address(source), _socket_address(destination)).link

    def partition(self, one: Host | Connection, other: Host | None = None) -> None:
        """Cuts the connection's path, or the one between two hosts: nothing arrives there until `heal`."""
        self._cuts.add(_cut(one, other))

    def heal(self, one: Host | Connection | None = None, other: Host | None = None) -> None:
        """Takes a partition back; without arguments all of them."""
        if one is None:
            self._cuts.clear()
        else:
            self._cuts.discard(_cut(one, other))

    def inject(self, data: bytes, source: Address, destination: Host) -> None:
        """Puts a datagram on the network as if `source` had sent it: it passes the link like any other."""
        self._enter(data, (source.ip, source.port), destination._socket_address)

    # ------------------------------------------------------------------ time

    def run(self, seconds: float) -> None:
        """Lets that much time pass. 0 lets happen what is due now."""
        if seconds < 0:
            raise ValueError(f"time cannot run backwards ({seconds} s)")
        end = self._now + round(seconds * _SECOND_US)
        self._run(end, None)
        self._now = end

    def run_until(self, predicate: Callable[[], object], limit: float = 60.0) -> bool:
        """Lets time pass until `predicate()` is true, which is asked after every event.

        Returns:
            True as soon as it is; False if `limit` seconds have passed before.
        """
        if limit < 0:
            raise ValueError(f"time cannot run backwards ({limit} s)")
        end = self._now + round(limit * _SECOND_US)
        if predicate() or self._run(end, predicate):
            return True
        self._now = end
        return False

    def after(self, seconds: float, function: Callable[[], object]) -> None:
        """Calls `function` once, that many seconds from now."""
        call = _Call(self, function, 0)
        self._schedule(call, self._now + max(0, round(seconds * _SECOND_US)))

    def every(self, seconds: float, function: Callable[[], object]) -> None:
        """Calls `function` every so many seconds, first after one interval, until it returns False."""
        interval_us = round(seconds * _SECOND_US)
        if interval_us < 1:
            raise ValueError(f"an interval must be at least 0.000001 s, not {seconds}")
        self._schedule(_Call(self, function, interval_us), self._now + interval_us)

    def _run(self, end: int, predicate: Callable[[], object] | None) -> bool:
        if self._running:
            raise RuntimeError("the world is running already: callbacks must not run it themselves")
        self._running = True
        try:
            queue = self._queue
            at_once = 0
            while queue and queue[0][0] <= end:
                deadline, _, item = heappop(queue)
                if deadline != item.deadline:
                    continue
                if deadline > self._now:
                    self._now = deadline
                    at_once = 0
                at_once += 1
                if at_once > _EVENTS_AT_ONCE_MAX:
                    raise RuntimeError(f"the world is stuck at {self.now} s (seed {self.seed})")
                item.deadline = NEVER
                item.due(self._now)
                if predicate is not None and predicate():
                    return True
            return False
        finally:
            self._running = False

    def _schedule(self, item: _Scheduled, deadline: int) -> None:
        """A later deadline replaces an earlier one only when that has come up."""
        if deadline < item.deadline:
            item.deadline = deadline
            self._entries += 1
            heappush(self._queue, (deadline, self._entries, item))

    # ------------------------------------------------------------------ datagrams

    def _pump(self, host: Host) -> None:
        """After anything was done to a host: lets leave what is due, reports events, sets the next deadline."""
        if host._pumping:
            return
        host._pumping = True
        endpoint = host.endpoint
        now = self._now
        turns = 0
        try:
            while True:
                for datagrams, way in endpoint.datagrams_to_send(now):
                    for data in datagrams:
                        self._enter(data, host._socket_address, way.remote)
                event = endpoint.next_event()
                while event is not None:
                    host._on_change(event)
                    event = endpoint.next_event()
                deadline = endpoint.next_timer()
                if deadline > now:
                    break
                endpoint.handle_timer(now)
                turns += 1
                if turns > _TURNS_MAX:
                    raise RuntimeError(f"{host} never comes to rest at {self.now} s (seed {self.seed})")
        finally:
            host._pumping = False
        if self._hosts.get(host._socket_address) is host:
            self._schedule(host, deadline)

    def _enter(self, data: bytes, source: SocketAddress, destination: SocketAddress) -> None:
        passages: Iterable[bytes] = (data,)
        if self.trace is not None or self.intercept is not None:
            passage = _passage(self._now, False, source, destination, data)
            if self.trace is not None:
                self.trace(passage)
            if self.intercept is not None:
                passages = self.intercept(passage)
        if self._cuts and frozenset((source, destination)) in self._cuts:
            return
        pipe = self._pipe(source, destination)
        path = (source, destination)
        for entering in passages:
            pipe.link.receive_datagram(entering, path, self._now)
        self._schedule(pipe, pipe.link.next_timer())

    def _deliver(self, pipe: _Pipe, now: int) -> None:
        """Hands over what has come out of a link, in order."""
        for data, path in pipe.link.datagrams_to_send(now):
            source, destination = path
            if self._cuts and frozenset(path) in self._cuts:
                continue
            if self.trace is not None:
                self.trace(_passage(now, True, source, destination, data))
            host = self._hosts.get(destination)
            if host is None:
                self.unroutable += 1
                continue
            host.endpoint.receive_datagram(data, source, now)
            self._pump(host)
        self._schedule(pipe, pipe.link.next_timer())

    def _pipe(self, source: SocketAddress, destination: SocketAddress) -> _Pipe:
        path = (source, destination)
        pipe = self._paths.get(path)
        if pipe is None:
            link = Link(Random(self._random.getrandbits(64)), self.conditions)
            pipe = self._paths[path] = self._pipes[link] = _Pipe(self, link)
        return pipe


def _socket_address(place: Host | Address) -> SocketAddress:
    return place._socket_address if isinstance(place, Host) else (place.ip, place.port)


def _cut(one: Host | Connection, other: Host | None) -> frozenset[Any]:
    if isinstance(one, Connection):
        return frozenset((one.host._socket_address, one._socket_address))
    if other is None:
        raise TypeError("a partition is between two hosts, or that of a connection")
    return frozenset((one._socket_address, other._socket_address))


def _passage(now: int, is_arrival: bool, source: SocketAddress, destination: SocketAddress, data: bytes) -> Passage:
    return Passage(now, is_arrival, Address.from_socket(source), Address.from_socket(destination), data)
