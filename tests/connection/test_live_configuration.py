"""What changes when a configuration value of a living connection does, and when? In simulated time."""

from collections.abc import Callable

import pytest
from tests.support.rig import PLAIN_ONLY, Rig

import gamesockets as gs
from gamesockets import sim
from gamesockets.config.options import ConnectionOptions

V = gs.ConfigurationValue
RELIABLE = gs.SendFlags.RELIABLE_NO_NAGLE
UNRELIABLE = gs.SendFlags.UNRELIABLE_NO_NAGLE


def duration(world: sim.World, what: Callable[[], object], limit: float = 120.0) -> float:
    """Seconds until `what` is true."""
    begin = world.now
    assert world.run_until(what, limit)
    return world.now - begin


@pytest.mark.rule("3, 4.2 rule 2")
def test_nagle_time() -> None:
    world = sim.World()
    client, server = world.pair()
    arrived: list[gs.NetworkingMessage] = []

    def came() -> bool:
        arrived.extend(server.receive())
        return bool(arrived)

    for nagle_time_us in (20_000, 5_000, 0, 12_000):
        client.configure({V.NAGLE_TIME: nagle_time_us})
        arrived.clear()
        assert client.send(b"small") == gs.Result.OK
        waited = duration(world, came)
        assert waited == pytest.approx(nagle_time_us / 1_000_000, abs=0.001)
        world.run(1)


@pytest.mark.parametrize("timeout_ms", [3_000, 30_000])
def test_timeout_of_an_established_connection(timeout_ms: int) -> None:
    world = sim.World()
    client, server = world.pair()
    world.run(5)
    server.host.crash()
    assert client.send(b"anybody?", RELIABLE) == gs.Result.OK
    world.run(1)
    client.configure({V.TIMEOUT_CONNECTED: timeout_ms})
    waited = 1 + duration(world, lambda: not client.is_connected)
    assert client.end_reason == gs.EndReason.MISC_TIMEOUT
    assert timeout_ms / 1000 - 2 < waited < timeout_ms / 1000 + 6


@pytest.mark.parametrize("timeout_ms", [3_000, 30_000])
@pytest.mark.parametrize("who", ["client", "server"])
def test_timeout_of_a_connection_in_the_making(who: str, timeout_ms: int) -> None:
    """The client finds nobody; the server's application does not accept."""
    world = sim.World()
    if who == "client":
        host = world.listen()
        host.crash()
        connection = world.connect(host, config={V.TIMEOUT_INITIAL: 10_000})
    else:
        host = world.listen(on_connecting=lambda connection: None)
        world.connect(host, config={V.TIMEOUT_INITIAL: 100_000})
        assert world.run_until(lambda: host.connections)
        connection = host.connections[0]
    begin = world.now
    world.run(2)
    connection.configure({V.TIMEOUT_INITIAL: timeout_ms})
    assert world.run_until(lambda: connection.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY, 100)
    assert connection.end_reason == gs.EndReason.MISC_TIMEOUT
    assert world.now - begin == pytest.approx(timeout_ms / 1000, abs=0.01)


def test_a_timeout_already_passed_ends_it_at_once() -> None:
    world = sim.World()
    host = world.listen()
    host.crash()
    client = world.connect(host)
    world.run(5)
    client.configure({V.TIMEOUT_INITIAL: 1000})
    assert duration(world, lambda: client.end_reason) < 0.01


@pytest.mark.rule("1, 1.4", "2, 2.15 rule 1", "3, 4.2 rule 2")
def test_packet_size() -> None:
    """Smaller packets at the next message if nothing waits for its ack, and otherwise when that has come."""
    world = sim.World(conditions=sim.Conditions(latency=0.02))
    client, server = world.pair()
    sizes: list[int] = []

    def note(passage: sim.Passage) -> None:
        if passage.source == client.host.address and not passage.is_arrival:
            sizes.append(len(passage.data))

    world.trace = note

    def transfer() -> int:
        sizes.clear()
        assert client.send(bytes(50_000), RELIABLE) == gs.Result.OK
        assert world.run_until(server.receive)
        return max(sizes)

    assert 1200 < transfer() <= 1300
    world.run(3)
    client.configure({V.MTU_PACKET_SIZE: 500})
    assert 400 < transfer() <= 500
    client.configure({V.MTU_PACKET_SIZE: 1000})
    assert 900 < transfer() <= 1000
    assert client.send(bytes(5_000), RELIABLE) == gs.Result.OK
    client.configure({V.MTU_PACKET_SIZE: 300})
    assert world.run_until(server.receive)
    world.run(5)
    assert 200 < transfer() <= 300


@pytest.mark.rule("1, 1.4", "2, 2.15 rule 1")
def test_a_segment_of_larger_packets_is_repeated_beside_a_request_for_an_ack() -> None:
    """It is not cut again, and where each packet asks for an ack there is none without room for that."""
    rig = Rig()
    segment = bytes(range(256)) * 4 + bytes(200)
    rig.send(segment, gs.SendFlags.RELIABLE_NO_NAGLE)
    [first] = rig.drain()
    rig.connection.configure(ConnectionOptions(unencrypted=PLAIN_ONLY, mtu_packet_size=500))
    rig.run_until(rig.now + 2_000_000)  # nobody answers: it counts as lost
    repeats = [packet for packet in rig.sent if packet.number > first.number and segment in packet.payload]
    assert any(packet.stats for packet in repeats)


@pytest.mark.rule("1, 1.6 rule 1")
def test_time_between_packets_lets_the_peer_measure_jitter() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02, jitter_average=0.01))
    client, server = world.pair()

    def talk() -> None:
        for _ in range(50):
            client.send(b"tick", UNRELIABLE)
            world.run(0.02)

    talk()
    assert server.status().max_jitter == -1
    client.configure({V.SEND_TIME_SINCE_PREVIOUS_PACKET: 1})
    talk()
    assert server.status().max_jitter > 0


@pytest.mark.rule("3, 7.6")
def test_segments_per_packet() -> None:
    """A packet with more messages than allowed counts for nothing beyond them."""
    world = sim.World()
    client, server = world.pair()
    server.configure({V.RECV_MAX_SEGMENTS_PER_PACKET: 2})
    for number in range(5):
        client.send(bytes([number]), gs.SendFlags.UNRELIABLE)
    client.flush()
    world.run(1)
    assert len(server.receive()) == 2


# Message loss (spec 3, 2.1)


def numbers_received(seed: int, value: gs.ConfigurationValue, percent: float, count: int) -> list[int]:
    world = sim.World(seed)
    client, server = world.pair()
    (client if value == V.FAKE_MESSAGE_LOSS_SEND else server).configure({value: percent})
    arrived: list[int] = []
    for _ in range(count):
        assert client.send(b"m", UNRELIABLE) == gs.Result.OK
        world.run(0.002)
        arrived += [message.message_number for message in server.receive()]
    world.run(1)
    return arrived + [message.message_number for message in server.receive()]


@pytest.mark.parametrize("value", [V.FAKE_MESSAGE_LOSS_SEND, V.FAKE_MESSAGE_LOSS_RECV])
def test_message_loss_is_a_share_and_the_same_for_the_same_seed(value: gs.ConfigurationValue) -> None:
    arrived = numbers_received(1, value, 30, 1000)
    assert 620 < len(arrived) < 780
    assert arrived == sorted(set(arrived))
    assert arrived[-1] > 980
    assert arrived == numbers_received(1, value, 30, 1000)
    assert arrived != numbers_received(2, value, 30, 1000)


@pytest.mark.parametrize("value", [V.FAKE_MESSAGE_LOSS_SEND, V.FAKE_MESSAGE_LOSS_RECV])
@pytest.mark.parametrize("size", [1, 3000])
def test_all_or_none(size: int, value: gs.ConfigurationValue) -> None:
    """A message of several pieces is lost as a whole, a reliable one never; a large one travels reliably."""
    world = sim.World()
    client, server = world.pair()
    for end in (client, server):
        end.configure({value: 100})
    for _ in range(10):
        assert client.send(bytes(size), UNRELIABLE) == gs.Result.OK
        assert client.send(b"reliable", RELIABLE) == gs.Result.OK
    assert client.send(bytes(20_000), UNRELIABLE) == gs.Result.OK
    world.run(5)
    assert [message.length for message in server.receive()] == [8] * 10 + [20_000]
    for end in (client, server):
        end.configure({value: 0})
    assert client.send(bytes(size), UNRELIABLE) == gs.Result.OK
    world.run(1)
    [message] = server.receive()
    assert message.message_number == 22


def test_message_loss_hides_no_mistake() -> None:
    """What a send would refuse is refused, drawn or not."""
    world = sim.World()
    client, _ = world.pair()
    client.configure({V.FAKE_MESSAGE_LOSS_SEND: 100, V.SEND_BUFFER_SIZE: 4096})
    assert client.send(b"", UNRELIABLE, lane=1) == gs.Result.INVALID_PARAM
    assert client.send(b"", UNRELIABLE, lane=-1) == gs.Result.INVALID_PARAM
    assert client.send(bytes(524_289), UNRELIABLE) == gs.Result.VALUE_OUT_OF_RANGE
    assert client.send(bytes(4097), UNRELIABLE) == gs.Result.LIMIT_EXCEEDED
    assert client.send(bytes(4096), UNRELIABLE) == gs.Result.OK
    assert client.status().pending_unreliable == 0
