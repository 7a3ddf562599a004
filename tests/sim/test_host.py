"""Does a simulated host, and its end of a connection, do what it is told and tell what happens?"""

import pytest

import gamesockets as gs
from gamesockets import sim
from gamesockets.values.records import StatusInfo


def test_the_accepting_side_may_decide_for_itself() -> None:
    world = sim.World()
    waiting: list[sim.Connection] = []
    server = world.listen(on_connecting=waiting.append)
    client = world.connect(server)
    world.run(1)
    assert client.state == gs.ConnectionState.CONNECTING
    [incoming] = waiting
    assert incoming.accept() == gs.Result.OK
    world.run(1)
    assert client.is_connected
    assert incoming.is_connected
    assert incoming.accept() == gs.Result.INVALID_STATE


def test_status_hook_sees_every_change() -> None:
    world = sim.World()
    server = world.listen()
    seen: list[tuple[int, int]] = []

    def on_status(connection: sim.Connection, status: StatusInfo) -> None:
        seen.append((status.old_state, status.connection_info.state))

    server.on_status = on_status
    client = world.connect(server)
    world.run(1)
    client.close(1234, "done")
    world.run(1)
    state = gs.ConnectionState
    assert seen == [
        (state.NONE, state.CONNECTING),
        (state.CONNECTING, state.CONNECTED),
        (state.CONNECTED, state.CLOSED_BY_PEER),
    ]
    [connection] = server.connections
    assert (connection.end_reason, connection.end_debug) == (1234, "done")
    connection.close()
    assert server.connections == []
    assert connection.state == state.NONE


def test_a_crashed_host_is_silent_and_its_address_free() -> None:
    world = sim.World()
    client, server = world.pair()
    address = server.host.address
    server.host.crash()
    world.run(25)
    assert client.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    assert client.end_reason == gs.EndReason.MISC_TIMEOUT
    assert world.unroutable > 0
    again = world.listen(address)
    other = world.connect(again)
    world.run(1)
    assert other.is_connected


def test_one_host_with_connections_to_several_servers() -> None:
    world = sim.World()
    servers = [world.listen(), world.listen(gs.Address("2001:db8::1", 99))]
    host = world.host()
    connections = [world.connect(server, host=host) for server in servers]
    world.run(1)
    assert host.connections == connections
    assert all(connection.is_connected for connection in connections)
    assert servers[1].connections[0].peer_address == host.address
    with pytest.raises(ValueError, match="already a connection"):
        world.connect(servers[0], host=host)


def test_configuration_reaches_both_ends_and_changes_later() -> None:
    value = gs.ConfigurationValue
    world = sim.World(config={value.SEND_RATE_MIN: 100_000, value.SEND_RATE_MAX: 100_000})
    server = world.listen(config={value.SEND_RATE_MIN: 50_000, value.SEND_RATE_MAX: 50_000})
    client = world.connect(server)
    world.run(1)
    assert client.status().send_rate_bytes_per_second == 100_000
    assert server.connections[0].status().send_rate_bytes_per_second == 50_000
    client.configure({value.SEND_RATE_MIN: 7_000, value.SEND_RATE_MAX: 7_000})
    world.run(0.1)
    assert client.status().send_rate_bytes_per_second == 7_000


def test_what_one_can_ask_of_a_connection() -> None:
    world = sim.World()
    server = world.listen(identity=gs.NetworkingIdentity.generic_string("server"))
    client = world.connect(server, identity=gs.NetworkingIdentity.generic_string("client"))
    client.name = "Ada"
    world.run(1)
    assert str(client.info().identity) == "str:server"
    assert str(server.connections[0].info().identity) == "str:client"
    assert "Ada" in repr(client)
    assert "CONNECTED" in repr(client)
    assert str(server.address) in repr(server)
    assert client.flush() == gs.Result.OK
    assert client.configure_lanes([0, 1]) == gs.Result.OK
    assert [lane.pending_reliable for lane in client.lane_status()] == [0, 0]
    assert client.status().ping == 0


def test_connections_of_a_crashed_host_do_nothing_any_more() -> None:
    world = sim.World()
    client, server = world.pair()
    client.host.crash()
    world.run(0)
    assert client.send(b"x") == gs.Result.INVALID_PARAM
    assert client.flush() == gs.Result.INVALID_PARAM
    assert client.configure_lanes([0, 1]) == gs.Result.NO_CONNECTION
    client.configure({gs.ConfigurationValue.SEND_RATE_MAX: 7_000})
    client.close(1234, "too late")
    world.run(1)
    assert client.state == gs.ConnectionState.NONE
    assert server.is_connected
    assert server.receive() == []


def test_misuse_is_refused() -> None:
    world = sim.World()
    client, _ = world.pair()
    with pytest.raises(ValueError, match="locked"):
        client.configure({gs.ConfigurationValue.UNENCRYPTED: 3})
    assert client.configure_lanes([]) == gs.Result.INVALID_PARAM
    assert client.configure_lanes([0], [0]) == gs.Result.INVALID_PARAM
