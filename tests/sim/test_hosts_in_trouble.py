"""What becomes of connections whose host stands still, dies, comes back, or has a bad clock?"""

import pytest

import gamesockets as gs
from gamesockets import sim
from gamesockets.sim.station import SOCKET_BUFFER_BYTES

RELIABLE = gs.SendFlags.RELIABLE
CALM = sim.Conditions(latency=0.02)


def test_a_paused_host_goes_on_with_what_has_come() -> None:
    world = sim.World(seed=1, conditions=CALM)
    client, server = world.pair()
    server.host.pause(3)
    client.send(b"are you there?", RELIABLE)
    world.run(2.9)
    assert not server.receive()
    world.run(0.2)
    assert [message.data for message in server.receive()] == [b"are you there?"]
    assert client.is_connected


def test_what_a_paused_host_does_takes_effect_afterwards() -> None:
    world = sim.World(seed=1, conditions=CALM)
    client, server = world.pair()
    client.host.pause()
    client.send(b"later", RELIABLE)
    world.run(1)
    assert not server.receive()
    client.host.resume()
    client.host.resume()
    world.run(1)
    assert [message.data for message in server.receive()] == [b"later"]


def test_a_paused_hosts_socket_has_a_bounded_buffer() -> None:
    world = sim.World(seed=1)
    client, server = world.pair()
    server.host.pause()
    for _ in range(1000):
        client.send(bytes(1000), gs.SendFlags.UNRELIABLE_NO_NAGLE)
    world.run(5)
    server.host.resume()
    assert SOCKET_BUFFER_BYTES // 1300 < len(server.receive(10_000)) < SOCKET_BUFFER_BYTES // 1000


def test_a_long_pause_ends_connections_on_both_sides() -> None:
    world = sim.World(seed=1, conditions=CALM)
    client, server = world.pair()
    client.host.pause(60)
    world.run(70)
    assert server.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    assert not client.is_connected


def test_closing_while_paused_leaves_nothing_behind() -> None:
    world = sim.World(seed=1, conditions=CALM)
    server = world.listen()
    host = world.host()
    host.pause()
    connection = world.connect(server, host=host)
    connection.close()
    connection.close()
    world.run(1)
    host.resume()
    world.run(12)
    assert not host.connections
    assert not host.endpoint.connections


def test_a_host_that_restarts_has_forgotten_its_connections() -> None:
    world = sim.World(seed=1, conditions=CALM)
    server = world.listen()
    client = world.connect(server)
    assert world.run_until(lambda: client.is_connected)
    server.restart()
    assert not server.connections
    world.run(30)
    assert client.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    client.close()
    world.run(6)
    again = world.connect(server, host=client.host)
    assert world.run_until(lambda: again.is_connected)


def test_a_crashed_host_can_restart_while_nobody_has_its_address() -> None:
    world = sim.World(seed=1)
    server = world.listen()
    server.crash()
    other = world.listen(server.address)
    with pytest.raises(ValueError, match="there is a host"):
        server.restart()
    other.crash()
    server.restart()
    client = world.connect(server)
    assert world.run_until(lambda: client.is_connected)


@pytest.mark.parametrize("parts_per_million", [-100_000, -300, 300, 100_000])
def test_connections_live_with_clocks_that_drift(parts_per_million: int) -> None:
    world = sim.World(seed=1, conditions=CALM)
    client, server = world.pair()
    client.host.drift(parts_per_million)
    for number in range(300):
        client.send(bytes([number % 256]), RELIABLE)
        server.send(bytes([number % 256]), RELIABLE)
        world.run(1)
    assert len(client.receive(1000)) == len(server.receive(1000)) == 300
    assert client.host.local_us - server.host.local_us == pytest.approx(300 * parts_per_million, abs=10)
    assert client.status().ping == pytest.approx(40, abs=10)


def test_a_clock_can_drift_differently_later() -> None:
    world = sim.World(seed=1)
    host = world.host()
    host.drift(1000)
    world.run(10)
    host.drift(0)
    world.run(10)
    assert host.local_us == world.now_us + 10_000


def test_a_drift_beyond_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="parts_per_million must be"):
        sim.World().host().drift(200_000)


def test_messages_are_told_of_until_they_are_received() -> None:
    world = sim.World(seed=1, conditions=CALM)
    client, server = world.pair()
    received: list[bytes] = []
    told = 0

    def on_messages(connection: sim.Connection) -> None:
        nonlocal told
        assert connection is server
        told += 1
        if told > 2:
            received.extend([message.data for message in connection.receive()])

    server.host.on_messages = on_messages
    for number in range(5):
        client.send(bytes([number]), RELIABLE)
        world.run(0.2)
    assert received == [b"\0", b"\1", b"\2", b"\3", b"\4"]


def test_one_direction_alone_can_be_cut() -> None:
    world = sim.World(seed=1, conditions=CALM)
    client, server = world.pair()
    world.partition(client, one_way=True)
    client.send(b"lost", RELIABLE)
    server.send(b"arrives", RELIABLE)
    world.run(1)
    assert not server.receive()
    assert [message.data for message in client.receive()] == [b"arrives"]
    world.heal(client)
    world.run(2)
    assert [message.data for message in server.receive()] == [b"lost"]
