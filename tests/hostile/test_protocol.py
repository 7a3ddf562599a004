"""What can forged, replayed and withheld datagrams do to a connection, and to others by way of it?"""

from random import Random
from typing import Final

import pytest
from tests.support.raw_peers import PING, RawClient, Tap, kind, parse

import gamesockets as gs
from gamesockets import sim
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import CLOSE_REPEATS, encode_no_connection
from gamesockets.connection.lingering import LINGER_STEP_BYTES
from gamesockets.connection.replies import REPLY_BURST_US, REPLY_BYTES_PER_S
from gamesockets.connection.states import State
from gamesockets.wire import datagram
from gamesockets.wire.frames import encode_ack
from gamesockets.wire.messages_pb2 import ConnectRequest

RELIABLE: Final = gs.SendFlags.RELIABLE
RESTARTED: Final = "Connection dropped: the peer seems to have restarted"


def raw_client(own_id: int = 0x1234_5678) -> tuple[sim.World, RawClient, sim.Connection]:
    world = sim.World()
    raw = RawClient(Tap(world), world, world.listen(), own_id=own_id)
    return world, raw, raw.connect()


# ---------------------------------------------------------------------- a peer that was restarted


@pytest.mark.rule("1, 7.3 rule 7")
def test_a_restarted_client_behind_the_same_port_gets_in_soon() -> None:
    """Its old connection is asked once the newcomer has proven its address, and is gone after two seconds."""

    def close_what_ended() -> None:
        for connection in server.connections:
            if connection.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY:
                connection.close()

    world = sim.World(conditions=sim.Conditions(latency=0.03))
    server = world.listen()
    address = gs.Address("192.0.2.7", 4000)
    old = world.connect(server, host=world.host(address))
    world.run(3)
    assert old.is_connected
    old.host.crash()
    world.every(0.1, close_what_ended)
    new = world.connect(server, host=world.host(address))
    began = world.now
    assert world.run_until(lambda: new.is_connected, 9)
    assert world.now - began < 4


@pytest.mark.rule("1, 7.7")
def test_a_client_hears_soon_that_its_server_was_restarted() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.03))
    server = world.listen()
    address = server.address
    client = world.connect(server)
    world.run(3)
    server.crash()
    world.listen(address)
    world.every(0.05, lambda: client.send(b"tick", gs.SendFlags.NO_NAGLE) == gs.Result.OK)
    began = world.now
    assert world.run_until(lambda: not client.is_connected, 9)
    assert world.now - began < 3
    assert (client.end_reason, client.end_debug) == (5003, RESTARTED)


@pytest.mark.rule("1, 7.7")
def test_a_server_answers_packets_of_no_connection_rarely_and_with_less() -> None:
    world, raw, connection = raw_client()
    packet = bytearray(raw.packet(b""))
    packet[1:5] = (0x0102_0304).to_bytes(4, "little")
    stranger = RawClient(raw.tap, world, connection.host, address=gs.Address("192.0.2.66", 1))
    [answer] = stranger.inject(bytes(packet))
    assert parse(answer).from_connection_id == 0x0102_0304
    assert len(answer) < len(packet)
    assert stranger.inject(bytes(packet)) == []  # once: a sign of life for clients on the reference library
    for connection_id in range(1, 5001):
        packet[1:5] = connection_id.to_bytes(4, "little")
        world.inject(bytes(packet), stranger.address, connection.host)
    world.run(0)
    assert len(stranger.new()) <= 1000
    assert connection.host.statistics.replies_limited >= 4000
    packet[0] |= 0x40
    packet[1:5] = (0x0506_0708).to_bytes(4, "little")
    world.run(2)
    assert stranger.inject(bytes(packet)) == []


@pytest.mark.rule("1, 7.3 rule 7")
@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_forged_hints_end_nothing(seed: int) -> None:
    """Who reads the ids on the path and cannot cut it ends nothing with them, and causes one probe a second."""
    world = sim.World(seed)
    bad = sim.Conditions(latency=0.15, loss=0.1)
    tap = Tap(world)
    client, server = world.pair(up=bad, down=bad)
    random = Random(seed)

    def forge() -> None:
        for one, other in ((client, server), (server, client)):
            for from_id, to_id in (
                (other.core.id, 0),
                (other.core.id, one.core.id ^ 1 << random.randrange(32)),
                (0, one.core.id),
                (random.getrandbits(32), random.getrandbits(32)),
            ):
                world.inject(encode_no_connection(from_id, to_id), other.host.address, one.host)

    world.every(0.02, forge)
    tap.clear()
    world.run(60)
    assert client.is_connected
    assert server.is_connected
    probes = [p for p in tap.sent_by(client.host.address) if kind(p.data) == "data"]
    assert len(probes) < 60 * 8


def test_a_hint_about_a_peer_that_is_slow_to_answer_ends_nothing() -> None:
    world = sim.World(conditions=sim.Conditions(latency=1.4))
    client, server = world.pair()
    world.run(30)
    world.inject(encode_no_connection(server.core.id, 0), server.host.address, client.host)
    world.run(20)
    assert client.is_connected


@pytest.mark.rule("1, 7.6 rule 3")
def test_somebody_else_at_the_address_of_a_live_client_changes_nothing() -> None:
    """Challenge requests with other ids, as often as one likes: answered with less, and nobody is asked for that."""
    world = sim.World(conditions=sim.Conditions(latency=0.02))
    tap = Tap(world)
    client, server = world.pair()
    forger = RawClient(tap, world, server.host, address=client.host.address)
    world.every(0.01, lambda: world.inject(forger.challenge_request(), client.host.address, server.host))
    world.run(30)
    assert client.is_connected
    assert server.is_connected
    assert len(server.host.connections) == 1


# ---------------------------------------------------------------------- lingering


@pytest.mark.rule("1, 7.5 rule 7")
def test_lingering_ends_although_the_peer_sends_and_acknowledges_nothing() -> None:
    """After one step, whatever the peer sends; and it is told (spec 1, 7.5)."""
    world, raw, connection = raw_client()
    connection.send(bytes(100_000), RELIABLE)
    connection.close(1004, "mine", enable_linger=True)
    began = world.now_us
    world.every(0.5, lambda: world.inject(raw.packet(PING), raw.address, connection.host))
    assert world.run_until(lambda: connection.core.state != State.LINGER, 100)
    assert world.now_us - began == ConnectionOptions.default().timeout_linger_us
    assert connection.end_reason == 5003
    raw.new()
    world.run(0.1)
    [told] = [parse(data) for data in raw.new() if kind(data) == "closed"]
    assert told.reason_code == 5003


@pytest.mark.rule("1, 7.5 rule 7")
def test_lingering_ends_although_the_peer_acknowledges_a_little_now_and_then() -> None:
    world, raw, connection = raw_client()
    connection.send(bytes(100_000), RELIABLE)
    connection.close(1004, "mine", enable_linger=True)
    acked = 1

    def acknowledge_one_more() -> None:
        nonlocal acked
        acked += 1
        world.inject(raw.packet(encode_ack(acked, 0, [(1, 0)])), raw.address, connection.host)

    world.every(5, acknowledge_one_more)
    assert world.run_until(lambda: connection.core.state != State.LINGER, 1000)
    assert world.now_us <= (2 + 100_000 // LINGER_STEP_BYTES) * ConnectionOptions.default().timeout_linger_us


def test_lingering_goes_on_as_long_as_the_peer_takes_what_comes() -> None:
    """Two minutes for much data over a slow path."""
    world = sim.World()
    config = {gs.ConfigurationValue.SEND_RATE_MIN: 4096, gs.ConfigurationValue.SEND_RATE_MAX: 4096}
    client, server = world.pair(config=config)
    data = bytes(400_000)
    client.send(data, RELIABLE)
    client.close(1003, "flushed", enable_linger=True)
    assert world.run_until(lambda: not server.is_connected, 300)
    assert world.now > 90
    assert (server.end_reason, [message.data for message in server.receive()]) == (1003, [data])


# ---------------------------------------------------------------------- replies


@pytest.mark.rule("1, 3.5 rule 12", "1, 7.6 rule 5")
@pytest.mark.parametrize("state", ["CONNECTED", "FIN_WAIT", "CLOSED_BY_PEER"])
@pytest.mark.parametrize("asked", ["challenge", "request", "data"])
def test_a_known_peers_name_draws_a_bounded_number_of_bytes(state: str, asked: str) -> None:
    """Small forged requests at 1,000 a second, from the address of a peer: its budget is all that comes back."""
    world, raw, connection = raw_client()
    if state == "FIN_WAIT":
        connection.close(1005, "over")
    elif state == "CLOSED_BY_PEER":
        raw.inject(raw.closed(raw.peer_id, raw.id))
    request = {
        "challenge": raw.challenge_request(),
        "request": datagram.encode_control(datagram.CONNECT_REQUEST, ConnectRequest(client_connection_id=raw.id)),
        "data": b"\x80" + raw.peer_id.to_bytes(4, "little") + b"\x05\x00",
    }[asked]
    world.run(0.1)
    raw.new()
    world.every(0.001, lambda: world.inject(request, raw.address, connection.host))
    world.run(4)
    answers = [data for data in raw.new() if kind(data) != "data"]
    burst_bytes = REPLY_BYTES_PER_S * REPLY_BURST_US // 1_000_000
    unasked_bytes = CLOSE_REPEATS * datagram.PADDED_MINIMUM_BYTES
    limit_bytes = burst_bytes + 4 * REPLY_BYTES_PER_S + datagram.PADDED_MINIMUM_BYTES + unasked_bytes
    assert sum(map(len, answers)) <= limit_bytes
    if asked != "data" or state != "CONNECTED":
        assert answers
        assert state == "CLOSED_BY_PEER" or connection.host.statistics.replies_limited > 3000


@pytest.mark.rule("1, 3.5 rule 12")
def test_a_client_that_misses_most_answers_still_gets_in() -> None:
    """The budget is for more than honest clients ask."""
    world = sim.World(seed=4)
    server = world.listen()
    clients = [world.connect(server, down=sim.Conditions(loss=0.6)) for _ in range(20)]
    world.run(9)
    assert all(client.is_connected for client in clients)
    assert server.statistics.replies_limited == 0


# ---------------------------------------------------------------------- texts and replays


@pytest.mark.rule("1, 2.5", "1, 7.6 rule 4", "1, 7.8 rule 2", "3, 0 rule 3", "3, 6.6 rule 2")
@pytest.mark.parametrize("text", [b"x" * 700, "\u00e9".encode() * 350, b"\xff" * 700, "a\u20ac".encode() * 170])
def test_the_text_of_a_peer_is_cut_when_it_comes(text: bytes) -> None:
    _, raw, connection = raw_client()
    raw.inject(raw.closed(raw.peer_id, raw.id, 1234, text))
    assert connection.state == gs.ConnectionState.CLOSED_BY_PEER
    assert 124 <= len(connection.end_debug.encode()) <= 127
    assert text.decode("utf-8", "replace").startswith(connection.end_debug)


@pytest.mark.rule("2, 2.4 rule 6")
def test_a_packet_that_ends_in_a_bad_ack_cannot_be_replayed() -> None:
    """Frames before an ack of a packet that was never sent have taken effect: the number is used up."""
    world, raw, connection = raw_client()
    packet = raw.packet(PING + encode_ack(5000, 0, []))
    for _ in range(50):
        world.inject(packet, raw.address, connection.host)
        world.run(0.01)
    assert [message.data for message in connection.receive()] == [b"x"]
    assert connection.host.statistics.duplicates == 49
    assert connection.is_connected
