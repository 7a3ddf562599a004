"""Is a simulated world repeatable, quick, and as bad as asked?"""

import subprocess
import sys
import time
from hashlib import sha256

import pytest
from tests.support.raw_peers import Tap, kind

import gamesockets as gs
from gamesockets import sim
from gamesockets.values.records import StatusInfo

BAD = sim.Conditions(latency=0.1, jitter_average=0.01, loss=0.05, reorder=0.02, duplicate=0.02)


def play(world: sim.World, client: sim.Connection, server: sim.Connection, seconds: float) -> list[bytes]:
    """Light game traffic in both directions; what arrived at either side, in order."""
    arrived: list[bytes] = []
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        client.send(b"input %d" % ticks)
        server.send(b"state %d" % ticks + bytes(200))
        if ticks % 10 == 0:
            client.send(b"chat %d" % ticks, gs.SendFlags.RELIABLE)
        for connection in (client, server):
            arrived.extend(message.data for message in connection.receive())

    world.every(1 / 30, tick)
    world.run(seconds)
    return arrived


def digest_of_run(seed: int) -> str:
    world = sim.World(seed)
    tap = Tap(world)
    client, server = world.pair(up=BAD, down=BAD)
    play(world, client, server, 5)
    client.close()
    world.run(1)
    digest = sha256()
    for passage in tap.passages:
        digest.update(f"{passage.time_us} {passage.is_arrival} {passage.source}".encode() + passage.data)
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_at_the_same_times() -> None:
    assert digest_of_run(3) == digest_of_run(3)
    assert digest_of_run(3) != digest_of_run(4)


def test_hash_randomization_does_not_change_a_run() -> None:
    """Another process with another hash seed repeats the run too: nothing depends on the order of sets."""
    code = "from tests.sim.test_world import digest_of_run; print(digest_of_run(3))"
    for hash_seed in ("1", "2"):
        environment = {"PYTHONPATH": ":".join(["src", ".", *sys.path]), "PYTHONHASHSEED": hash_seed}
        output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert output.stdout.decode().strip() == digest_of_run(3)


def test_two_minutes_of_play_take_about_a_second() -> None:
    """The promise of the simulator, with room for a slow and busy machine."""
    conditions = sim.Conditions(latency=0.1, loss=0.05)
    world = sim.World(seed=5)
    client, server = world.pair(up=conditions, down=conditions)
    begin = time.process_time()
    arrived = play(world, client, server, 120)
    assert time.process_time() - begin < 5
    assert len([data for data in arrived if data.startswith(b"chat")]) >= 355
    assert 0.92 < len([data for data in arrived if data.startswith(b"state")]) / 3600 < 0.98


def test_the_clock_moves_only_while_running() -> None:
    world = sim.World()
    client, server = world.pair()
    before = world.now_us
    client.send(b"hello", gs.SendFlags.NO_NAGLE)
    assert world.now_us == before
    assert server.receive() == []
    world.run(0)
    assert world.now_us == before
    assert [message.data for message in server.receive()] == [b"hello"]
    world.run(0.25)
    assert world.now_us == before + 250_000
    assert world.now == pytest.approx((before + 250_000) / 1e6)


def test_nothing_due_costs_nothing() -> None:
    """An hour without anybody is one jump."""
    world = sim.World()
    world.run(3600)
    assert world.now == 3600


def test_run_until_stops_at_the_event_and_reports_failure() -> None:
    world = sim.World()
    server = world.listen()
    client = world.connect(server, up=sim.Conditions(latency=0.04), down=sim.Conditions(latency=0.06))
    assert world.run_until(lambda: client.is_connected, 5)
    assert world.now_us == 200_000
    assert not world.run_until(lambda: False, 2)
    assert world.now_us == 2_200_000
    assert world.run_until(lambda: True)
    assert world.now_us == 2_200_000


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


def test_many_clients_of_one_server() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02, loss=0.02))
    server = world.listen()
    clients = [world.connect(server) for _ in range(50)]
    assert world.run_until(lambda: all(client.is_connected for client in clients))
    for number, client in enumerate(clients):
        client.send(b"I am %d" % number, gs.SendFlags.RELIABLE)
    world.run(2)
    said = sorted(message.data for connection in server.connections for message in connection.receive())
    assert said == sorted(b"I am %d" % number for number in range(50))


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
    assert server.host.counters.duplicates == 1
    assert server.host.counters.malformed == 1


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


def test_calls_at_times_and_intervals() -> None:
    world = sim.World()
    times: list[tuple[str, int]] = []
    world.after(0.5, lambda: times.append(("after", world.now_us)))

    def every() -> bool:
        times.append(("every", world.now_us))
        return len(times) < 4

    world.every(0.2, every)
    world.run(5)
    assert times == [("every", 200_000), ("every", 400_000), ("after", 500_000), ("every", 600_000)]


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


def test_misuse_is_refused() -> None:
    world = sim.World()
    server = world.listen()
    client = world.connect(server)
    world.run(1)
    with pytest.raises(ValueError, match="backwards"):
        world.run(-1)
    with pytest.raises(ValueError, match="backwards"):
        world.run_until(lambda: True, -1)
    with pytest.raises(ValueError, match="at least"):
        world.every(0, lambda: None)
    with pytest.raises(ValueError, match="there is a host at"):
        world.listen(server.address)
    with pytest.raises(ValueError, match="locked"):
        client.configure({gs.ConfigurationValue.UNENCRYPTED: 3})
    with pytest.raises(ValueError, match="global scope"):
        world.listen(config={gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND: 3})
    with pytest.raises(ValueError, match="belongs to the host"):
        world.connect(server, host=world.host(), identity=gs.NetworkingIdentity.generic_string("x"))
    with pytest.raises(TypeError, match="two hosts"):
        world.partition(server)
    with pytest.raises(TimeoutError, match="not connected after 3 s"):
        world.pair(up=sim.Conditions(loss=1.0), limit=3)
    world.after(0, lambda: world.run(1))
    with pytest.raises(RuntimeError, match="running already"):
        world.run(1)
    assert client.configure_lanes([]) == gs.Result.INVALID_PARAM
    assert client.configure_lanes([0], [0]) == gs.Result.INVALID_PARAM


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
