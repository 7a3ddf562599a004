"""What all connections of a listen socket may hold together, and who pays at the limit."""

from tests.support.raw_peers import RawClient, Tap

import gamesockets as gs
from gamesockets import sim
from gamesockets.receive.memory import FREE_BYTES
from gamesockets.wire.frames import encode_reliable, encode_select_lane, with_size

V = gs.ConfigurationValue
MIB = 1 << 20
RELIABLE = gs.SendFlags.RELIABLE


def hostile_clients(world: sim.World, server: sim.Host, count: int) -> list[RawClient]:
    tap = Tap(world)
    clients = [
        RawClient(tap, world, server, address=gs.Address(f"198.51.100.{number}", 9), own_id=0x1000_0000 + number)
        for number in range(1, count + 1)
    ]
    for client in clients:
        client.connect()
    return clients


def fill(client: RawClient, lanes: int) -> None:
    """Sends bytes behind holes, which can never be delivered: 20 KB on each lane."""
    for lane in range(lanes):
        for position in range(10, 20_000, 1000):
            payload = encode_select_lane(lane) + with_size(encode_reliable(48, position), 1000) + bytes(1000)
            client.world.inject(client.packet(payload), client.address, client.host)
    client.world.run(0)


def test_all_connections_together_hold_no_more_than_the_limit_and_games_go_on() -> None:
    world = sim.World()
    server = world.listen(config={V.LISTEN_MEMORY_MAX: MIB})
    honest = world.connect(server)
    clients = hostile_clients(world, server, 8)
    for client in clients:
        fill(client, 100)
    statistics = server.statistics
    assert statistics.memory_bytes <= MIB
    assert statistics.memory_full > 0
    receivers = [connection.core.traffic.receiver for connection in server.connections]
    assert sum(receiver._held_bytes for receiver in receivers) <= MIB + len(receivers) * FREE_BYTES
    for _ in range(20):
        assert honest.send(bytes(1000), RELIABLE) == gs.Result.OK
        world.run(0.1)
    [theirs] = [connection for connection in server.connections if connection.peer_address == honest.host.address]
    assert len(theirs.receive()) == 20


def test_who_holds_memory_without_progress_ends_and_the_memory_goes_back() -> None:
    world = sim.World()
    server = world.listen(config={V.LISTEN_MEMORY_MAX: MIB})
    honest = world.connect(server)
    clients = hostile_clients(world, server, 2)

    def stay_alive() -> None:
        for client in clients:
            world.inject(client.packet(b""), client.address, server)

    for client in clients:
        fill(client, 100)
    world.every(1, stay_alive)
    world.run(60)
    assert all(connection.is_connected for connection in server.connections), "nobody needs the room"
    assert honest.send(bytes(500_000), RELIABLE) == gs.Result.OK
    [theirs] = [connection for connection in server.connections if connection.peer_address == honest.host.address]
    world.run(20)
    assert [len(message.data) for message in theirs.receive()] == [500_000]
    ended = [connection for connection in server.connections if not connection.is_connected]
    assert server.statistics.evicted == len(ended) > 0
    for connection in ended:
        assert connection.end_reason == gs.EndReason.MISC_INTERNAL_ERROR
        assert "memory for messages is used up" in connection.end_debug
        receiver = connection.core.traffic.receiver
        assert sum(lane.stream.held_bytes for lane in receiver.lanes()) == receiver._held_bytes == 0
    for connection in server.connections:
        connection.close()
    world.run(10)
    assert server.statistics.memory_bytes == server.statistics.connections == 0


def test_an_application_that_does_not_read_ends_nobody() -> None:
    world = sim.World()
    server = world.listen(config={V.LISTEN_MEMORY_MAX: MIB})
    clients = [world.connect(server) for _ in range(4)]
    world.run(1)
    accepted = 0
    for _ in range(60):
        for client in clients:
            accepted += client.send(bytes(50_000), RELIABLE) == gs.Result.OK
        world.run(1)
    assert all(client.is_connected for client in clients)
    statistics = server.statistics
    assert statistics.memory_bytes <= MIB
    assert statistics.over_budget > 0
    received = 0
    for _ in range(1000):
        received += sum(len(connection.receive(1 << 20)) for connection in server.connections)
        world.run(0.2)
    assert received == accepted


def test_a_client_that_sends_no_message_loses_its_place_where_that_is_asked_for() -> None:
    world = sim.World()
    server = world.listen(config={V.TIMEOUT_FIRST_MESSAGE: 3000})
    silent, talking = world.connect(server), world.connect(server)
    world.run(1)
    talking.send(b"I play")
    world.run(1.9)
    assert silent.is_connected
    world.run(0.3)
    assert [client.is_connected for client in (talking, silent)] == [True, False]
    assert (silent.end_reason, silent.end_debug) == (5003, "The peer sent no message in time")
    world.run(60)
    assert talking.is_connected
