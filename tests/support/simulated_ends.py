"""How do tests bring an end of a simulated connection into a state, and what do they ask of it then?"""

from typing import Final

from tests.support.raw_peers import RawClient, RawServer, Tap

import gamesockets as gs
from gamesockets import sim

RELIABLE: Final = gs.SendFlags.RELIABLE
NOBODY: Final = gs.Address("203.0.113.1", 9)


def texts(connection: sim.Connection) -> list[bytes]:
    """The messages that have arrived."""
    return [message.data for message in connection.receive()]


def end(connection: sim.Connection) -> tuple[str, int, str]:
    """Its state, and why it ended."""
    return connection.core.state.name, connection.end_reason, connection.end_debug


def leave_alone(connection: sim.Connection) -> None:
    """A hook that neither accepts nor closes."""


def prepare(state: str) -> tuple[RawClient, sim.Connection]:
    """A server's connection in that state, and its hand-made client."""
    world = sim.World()
    tap = Tap(world)
    server = world.listen(on_connecting=leave_alone if state == "CONNECTING" else sim.Connection.accept)
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    if state == "LINGER":
        connection.send(bytes(100_000), RELIABLE)
        connection.close(1010, "lingering", enable_linger=True)
    elif state == "FIN_WAIT":
        connection.close(1010, "closed here")
    elif state == "CLOSED_BY_PEER":
        raw.inject(raw.closed(raw.peer_id, raw.id, 1011))
    elif state == "PROBLEM_DETECTED_LOCALLY":
        raw.inject(raw.packet(b"\xff"))
    world.run(0.001)
    assert connection.core.state.name == state
    raw.peer_id = connection.core.id
    return raw, connection


def prepare_client(state: str) -> tuple[RawServer, sim.Connection]:
    """A client's connection in that state, and its hand-made server."""
    world = sim.World()
    tap = Tap(world)
    client = world.connect(NOBODY)
    raw = RawServer(tap, world, client)
    if state != "CONNECTING":
        raw.accept()
        assert client.is_connected
    if state == "LINGER":
        client.send(bytes(100_000), RELIABLE)
        client.close(1010, "lingering", enable_linger=True)
    elif state == "FIN_WAIT":
        client.close(1010, "closed here")
    elif state == "CLOSED_BY_PEER":
        raw.inject(raw.closed(raw.peer_id, raw.id, 1011))
    elif state == "PROBLEM_DETECTED_LOCALLY":
        raw.inject(raw.packet(b"\xff"))
    world.run(0.001)
    raw.new()
    assert client.core.state.name == state
    return raw, client
