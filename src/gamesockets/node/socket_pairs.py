"""How are two connections of one process joined, through memory or through 127.0.0.1? (spec 3, 6.9)"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, TypeAlias

from gamesockets.config.kinds import LockMoment
from gamesockets.config.options import PIPE_CONNECTION_PRESETS, ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.pipe import Pipe
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service
from gamesockets.drivers.udp import UdpSocket
from gamesockets.node.members import PipeMember, Pipes, PortMember
from gamesockets.values.address import Address
from gamesockets.values.enums import ConfigurationScope
from gamesockets.values.identity import NetworkingIdentity

Identities: TypeAlias = tuple[NetworkingIdentity, NetworkingIdentity]
"""What each of the two sees as its peer."""

OpenPort: TypeAlias = Callable[[UdpSocket, ConnectionOptions, bool], Port]

_NO_ROOM: Final = "too many connections: fewer than two more fit among 8191"


def peer_identities(one: NetworkingIdentity | None, two: NetworkingIdentity | None) -> Identities:
    """The two arguments of the user, checked; None is nobody in particular."""
    return _checked("identity_one", one), _checked("identity_two", two)


def _checked(name: str, identity: NetworkingIdentity | None) -> NetworkingIdentity:
    if identity is None:
        return NetworkingIdentity.localhost()
    if not isinstance(identity, NetworkingIdentity):
        raise TypeError(f"{name} must be a NetworkingIdentity or None, not {type(identity).__name__}")
    if identity.is_invalid:
        raise ValueError(f"{name} must be a valid identity, not {identity}")
    return identity


def join_in_memory(
    shared: Pipes, identities: Identities, interface: Configuration, ready: set[Inbox], now: int
) -> tuple[PipeMember, PipeMember]:
    """A pipe. Raises `OSError` when too many connections live."""
    ids = shared.ids.take(), shared.ids.take()
    if not all(ids):
        if ids[0]:
            shared.ids.give_back(ids[0])
        raise OSError(_NO_ROOM)
    pipes: list[Pipe] = []
    members: list[PipeMember] = []
    for connection_id, identity in zip(ids, identities, strict=True):
        configuration = Configuration(ConfigurationScope.CONNECTION, interface)
        configuration.apply(PIPE_CONNECTION_PRESETS)
        configuration.lock(LockMoment.CONNECTION_STARTED)
        pipe = Pipe(connection_id, identity, ConnectionOptions.resolve(configuration), ready, shared.changes, now)
        pipes.append(pipe)
        members.append(PipeMember(pipe, shared, configuration))
    pipes[0].join(pipes[1], now)
    return members[0], members[1]


def join_over_loopback(
    service: Service, open_port: OpenPort, identities: Identities, interface: Configuration, now: int
) -> tuple[PortMember, PortMember]:
    """Two connections over UDP, each with a port of its own.

    Raises `OSError` when no socket can be had and when too many connections live; nothing stays open then.
    """
    ports: list[Port] = []
    configurations: list[Configuration] = []
    with ExitStack() as undo:
        for _ in identities:
            configuration = Configuration(ConfigurationScope.CONNECTION, interface)
            configuration.lock(LockMoment.CONNECTION_STARTED)
            configurations.append(configuration)
            udp = UdpSocket.bind(Address("127.0.0.1", 0))
            ports.append(open_port(udp, ConnectionOptions.resolve(configuration), False))
            undo.callback(service.remove, ports[-1])
        one, two = ports
        joined = one.endpoint.join(
            one.udp.socket_address(one.udp.local_address),
            two.endpoint,
            two.udp.socket_address(two.udp.local_address),
            identities,
            now,
        )
        if joined is None:
            raise OSError(_NO_ROOM)
        undo.pop_all()
    for port in ports:
        service.pump(port, now)
    return (
        PortMember(joined[0], one, service, configurations[0]),
        PortMember(joined[1], two, service, configurations[1]),
    )
