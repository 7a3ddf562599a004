"""Does a simulated network lose, delay, cut, show and alter what it was told to?"""

from tests.support.raw_peers import Tap, kind

import gamesockets as gs
from gamesockets import sim


def test_latency_of_each_direction_is_its_own() -> None:
    world = sim.World()
    client, server = world.pair(up=sim.Conditions(latency=0.2), down=sim.Conditions(latency=0.01))
    sent = world.now_us
    client.send(b"up", gs.SendFlags.NO_NAGLE)
    server.send(b"down", gs.SendFlags.NO_NAGLE)
    world.run(1)
    assert server.receive()[0].time_received == sent + 200_000
    assert client.receive()[0].time_received == sent + 10_000


def test_conditions_change_during_the_run() -> None:
    world = sim.World()
    client, server = world.pair()
    client.outgoing.conditions = sim.Conditions(loss=1.0)
    assert server.incoming is client.outgoing
    assert world.link(client.host, server.host) is client.outgoing
    client.send(b"lost", gs.SendFlags.NO_NAGLE)
    world.run(0.1)
    assert server.receive() == []
    assert client.outgoing.lost == 1
    server.incoming.conditions = sim.Conditions()
    client.send(b"found", gs.SendFlags.NO_NAGLE)
    world.run(0.1)
    assert [message.data for message in server.receive()] == [b"found"]


def test_a_partition_stops_what_is_on_its_way_too() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.1))
    client, server = world.pair()
    client.send(b"one", gs.SendFlags.NO_NAGLE)
    world.run(0.05)
    world.partition(client)
    client.send(b"two", gs.SendFlags.NO_NAGLE)
    world.run(1)
    assert server.receive() == []
    world.heal(client)
    client.send(b"three", gs.SendFlags.NO_NAGLE)
    world.run(1)
    assert [message.data for message in server.receive()] == [b"three"]
    world.partition(server.host, client.host)
    client.send(b"four", gs.SendFlags.NO_NAGLE)
    world.run(1)
    world.heal()
    assert server.receive() == []


def test_a_shared_link_is_a_bottleneck() -> None:
    """Two clients behind one line share its rate."""
    line = sim.Link(seed=1, rate=20_000)
    world = sim.World()
    server = world.listen()
    clients = [world.connect(server, up=line) for _ in range(2)]
    assert world.run_until(lambda: all(client.is_connected for client in clients))
    before = line.delivered
    for client in clients:
        assert client.outgoing is line
        client.send(b"x", gs.SendFlags.NO_NAGLE)
    world.run(0.01)
    assert line.delivered == before + 2
    assert all(connection.receive()[0].data == b"x" for connection in server.connections)


def test_trace_sees_each_datagram_leave_and_arrive() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.03))
    tap = Tap(world)
    client, server = world.pair()
    there = client.host.address, server.host.address
    assert [(p.time_us, p.is_arrival, kind(p.data)) for p in tap.passages if (p.source, p.destination) == there] == [
        (0, False, "challenge"),
        (30_000, True, "challenge"),
        (60_000, False, "request"),
        (90_000, True, "request"),
    ]


def test_intercept_may_drop_alter_and_multiply() -> None:
    world = sim.World()
    client, server = world.pair()
    original: list[bytes] = []

    def twice(passage: sim.Passage) -> list[bytes]:
        original.append(passage.data)
        return [passage.data, passage.data, b"\x7fgarbage"]

    world.intercept = twice
    client.send(b"once", gs.SendFlags.NO_NAGLE)
    world.intercept = lambda passage: ()
    client.send(b"never", gs.SendFlags.NO_NAGLE)
    world.intercept = None
    world.run(0)
    assert [message.data for message in server.receive()] == [b"once"]
    assert len(original) == 1
    assert server.host.statistics.duplicates == 1
    assert server.host.statistics.malformed == 1


def test_new_conditions_are_for_new_paths() -> None:
    world = sim.World()
    client, server = world.pair()
    world.conditions = sim.Conditions(latency=0.1)
    assert world.conditions.latency == 0.1
    late = world.connect(server.host)
    assert (late.outgoing.conditions.latency, late.incoming.conditions.latency) == (0.1, 0.1)
    assert (client.outgoing.conditions.latency, client.incoming.conditions.latency) == (0, 0)


def test_datagrams_to_nobody_are_counted() -> None:
    world = sim.World()
    client = world.connect(gs.Address("192.0.2.1", 99))
    world.run(0)
    assert world.unroutable == 1
    assert client.outgoing.delivered == 1
