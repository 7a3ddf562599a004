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

from collections.abc import Callable, Iterable
from random import Random
from typing import Final, final

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.config.scopes import Configuration
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.expected import expect
from gamesockets.crypto.trust import TrustStore
from gamesockets.sim.host import Config, Connection, Host, OnConnecting
from gamesockets.sim.nat import Nat
from gamesockets.sim.network import Network
from gamesockets.sim.passage import Passage
from gamesockets.sim.recording import Playback, Recording
from gamesockets.sim.virtual_clock import VirtualClock
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.enums import ConfigurationScope
from gamesockets.values.identity import NetworkingIdentity

_PORT: Final = 27015


@final
class World(VirtualClock):
    """A virtual clock, hosts, and the links between them.

    Args:
        seed: decides keys, ids and every draw of every link.
        conditions: what paths are like that got no conditions of their own; perfect by default.
        config: configuration values for all hosts, for example `{ConfigurationValue.SEND_RATE_MAX: 1_000_000}`.

    Raises:
        ValueError: a configuration value cannot be set.
    """

    def __init__(self, seed: int = 0, conditions: Conditions | None = None, config: Config | None = None) -> None:
        super().__init__(seed)
        self._configuration = Configuration()
        if config is not None:
            self._configuration.apply(config)
        random = Random(seed)
        self._entropy = SeededEntropy(random.getrandbits(64))
        self._network = Network(self, random, Conditions() if conditions is None else conditions)
        self._addresses_given = 0
        self._nats_made = 0

    # ------------------------------------------------------------------ who there is

    def listen(
        self,
        address: Address | None = None,
        *,
        on_connecting: OnConnecting = Connection.accept,
        config: Config | None = None,
        identity: NetworkingIdentity | None = None,
        credentials: Credentials | None = None,
        trust: TrustStore | None = None,
    ) -> Host:
        """A host that takes connections.

        Args:
            address: where; by default an address of its own in 10.0.0.0/8.
            on_connecting: called with each new connection. It may accept, close, or do either later; by default
                all are accepted.
            config: configuration values for this host and its connections.
            identity: who it claims to be; by default nobody in particular.
            credentials: instead of `identity`, one that a certificate proves. Worlds begin on 1 January 2026.
            trust: whose signatures on the certificates of peers count; by default nobody's.

        Raises:
            ValueError: there is a host at that address, or a configuration value cannot be set.
        """
        return self._make_host(address, on_connecting, config, Credentials.chosen(identity, credentials), trust)

    def host(
        self,
        address: Address | None = None,
        *,
        config: Config | None = None,
        identity: NetworkingIdentity | None = None,
        credentials: Credentials | None = None,
        trust: TrustStore | None = None,
    ) -> Host:
        """A host that only connects, for clients that open several connections or reuse their address."""
        return self._make_host(address, None, config, Credentials.chosen(identity, credentials), trust)

    def connect(
        self,
        server: Host | Address,
        *,
        up: Conditions | Link | None = None,
        down: Conditions | Link | None = None,
        host: Host | None = None,
        config: Config | None = None,
        identity: NetworkingIdentity | None = None,
        expected_identity: NetworkingIdentity | None = None,
        expected_key: bytes | None = None,
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
            expected_identity: who the peer must be; see `NetworkingSockets.connect`.
            expected_key: the public key that the peer must own.

        Raises:
            ValueError: `host` has a connection to that server already, or a configuration value cannot be set.
            RuntimeError: 8191 connections live on that host.
        """
        if host is None:
            host = self.host(identity=identity)
        elif identity is not None:
            raise ValueError(f"the identity belongs to the host, which exists already ({identity})")
        here, there = _socket_address(host), _socket_address(server)
        for conditions, path in ((up, (here, there)), (down, (there, here))):
            if isinstance(conditions, Link):
                self._network.use(conditions, *path)
            elif conditions is not None:
                self._network.link(*path).conditions = conditions
        return host.connect(there, config or {}, expect(expected_identity, expected_key))

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
        credentials: Credentials | None,
        trust: TrustStore | None,
    ) -> Host:
        if address is None:
            self._addresses_given += 1
            low = self._addresses_given
            address = Address.ipv4(f"10.{low >> 16}.{low >> 8 & 255}.{low & 255}", _PORT)
        configuration = Configuration(ConfigurationScope.LISTEN_SOCKET, self._configuration)
        configuration.apply(config or {})
        shown = Credentials() if credentials is None else credentials
        return Host(self, self._network, address, self._entropy, configuration, shown, trust, on_connecting)

    # ------------------------------------------------------------------ what the network is like

    @property
    def conditions(self) -> Conditions:
        """For paths that are used for the first time from now on."""
        return self._network.conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._network.conditions = conditions

    @property
    def trace(self) -> Callable[[Passage], object] | None:
        """Called with each datagram twice: where it leaves, and where it arrives if it does."""
        return self._network.trace

    @trace.setter
    def trace(self, function: Callable[[Passage], object] | None) -> None:
        self._network.trace = function

    @property
    def intercept(self) -> Callable[[Passage], Iterable[bytes]] | None:
        """Decides what enters a link instead of a datagram: nothing, the same, something else, or more."""
        return self._network.intercept

    @intercept.setter
    def intercept(self, function: Callable[[Passage], Iterable[bytes]] | None) -> None:
        self._network.intercept = function

    @property
    def unroutable(self) -> int:
        """How many datagrams went to addresses without a host."""
        return self._network.unroutable

    @property
    def network(self) -> Network:
        """The links and who receives at which address, for what else is to be on it: see `sim.aio`."""
        return self._network

    def new_link(self, conditions: Conditions) -> Link:
        """A link that draws from this world's seed, for `sim.aio`."""
        return self._network.new_link(conditions)

    @property
    def datagrams_entered(self) -> int:
        """How many datagrams were sent in this world, those included that were lost."""
        return self._network.datagrams_entered()

    def link(self, source: Host | Address, destination: Host | Address) -> Link:
        """One direction between two addresses: for its counters, and to change its `conditions` during the run."""
        return self._network.link(_socket_address(source), _socket_address(destination))

    def partition(self, one: Host | Connection, other: Host | None = None, *, one_way: bool = False) -> None:
        """Cuts the connection's path, or the one between two hosts: nothing arrives there until `heal`.

        Args:
            one: a connection, or a host.
            other: the other host; not beside a connection.
            one_way: only what `one`, or the connection's host, sends does not arrive.

        Raises:
            TypeError: only one host was given.
        """
        self._network.cut(*_ends(one, other), one_way)

    def nat(self, host: Host, *, idle_seconds: float | None = None) -> Nat:
        """Puts a router in front of a host that translates its address, with an address of its own in 172.16.0.0/12.

        Args:
            host: one that has not sent anything yet.
            idle_seconds: how long the router remembers a host that sends nothing; for ever by default.
        """
        self._nats_made += 1
        ip = f"172.{16 + (self._nats_made >> 16)}.{self._nats_made >> 8 & 255}.{self._nats_made & 255}"
        nat = Nat(_socket_address(host), ip, idle_seconds)
        self._network.translate(nat, ip)
        return nat

    def replay(self, recording: Recording, link: Link, *, repeat: bool = True) -> Playback:
        """From now on the latency and loss of a link follow a recording; its other conditions stay.

        Args:
            recording: what was measured on a real network.
            link: for example that of `link`, or the `outgoing` of a connection.
            repeat: whether it begins anew at its end; else the last row stays in force.

        Returns:
            Something to `stop` it with.
        """
        return Playback(self, recording, link, repeat)

    def heal(self, one: Host | Connection | None = None, other: Host | None = None) -> None:
        """Undoes a partition; without arguments all of them."""
        if one is None:
            self._network.heal_all()
        else:
            self._network.heal(*_ends(one, other))

    def inject(self, data: bytes, source: Address, destination: Host) -> None:
        """Puts a datagram on the network as if `source` had sent it: it passes the link like any other."""
        self._network.send(data, _socket_address(source), _socket_address(destination))


def _socket_address(place: Host | Address) -> SocketAddress:
    address = place.address if isinstance(place, Host) else place
    return address.ip, address.port


def _ends(one: Host | Connection, other: Host | None) -> tuple[SocketAddress, SocketAddress]:
    if isinstance(one, Connection):
        return _socket_address(one.host), _socket_address(one.peer_address)
    if other is None:
        raise TypeError("a partition is between two hosts, or that of a connection")
    return _socket_address(one), _socket_address(other)
