"""Does a public address stand up to strangers, liars and noise? (spec 1, 1.2 and 3.3 to 3.5)"""

import gc
from collections.abc import Iterable
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.raw_peers import ANONYMOUS, PING, RawClient, Tap, kind, parse

import gamesockets as gs
from gamesockets import sim
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.crypto.certificate import SigningKey
from gamesockets.crypto.cipher import CIPHER_NULL
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import CONNECTIONS_MAX, ConnectionIds
from gamesockets.endpoint.strangers import REPLIES_MAX
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import Certificate, ConnectRequest

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE
STRANGER: Final = ("198.51.100.9", 5555)


def make_endpoint(accepts: bool = True) -> Endpoint:
    entropy = SeededEntropy(1)
    return Endpoint(entropy, ConnectionIds(entropy), ANONYMOUS, ConnectionOptions.default(), accepts=accepts)


def listening() -> tuple[sim.World, Tap, sim.Host]:
    world = sim.World()
    tap = Tap(world)
    return world, tap, world.listen()


def replies_to(endpoint: Endpoint, data: bytes, address: tuple[str, int] = STRANGER) -> list[bytes]:
    endpoint.receive_datagram(data, address, 0)
    return [reply for replies, _ in endpoint.datagrams_to_send(0) for reply in replies]


def counted(endpoint: Endpoint) -> int:
    counters = endpoint.counters
    return sum(getattr(counters, name) for name in dir(counters) if not name.startswith("_"))


# ---------------------------------------------------------------------- routing and the listen socket's own logic


def test_an_endpoint_that_does_not_accept_answers_no_stranger() -> None:
    endpoint = make_endpoint(accepts=False)
    world, tap, server = listening()
    request = RawClient(tap, world, server).challenge_request()
    for data in (request, b"", b"\x80" + bytes(20), bytes(1300)):
        assert replies_to(endpoint, data) == []
    assert endpoint.counters.stray == 4
    assert endpoint.next_timer() == NEVER


def test_what_strangers_get_answered() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    assert [kind(data) for data in raw.inject(raw.challenge_request())] == ["reply"]
    assert raw.inject(raw.challenge_request(own_id=0)) == []
    [none] = raw.inject(raw.closed(7, 8))
    assert (parse(none).from_connection_id, parse(none).to_connection_id) == (7, 8)
    [none] = raw.inject(raw.closed(0, 8))
    assert not parse(none).HasField("from_connection_id")
    for data in (raw.no_connection(7, 8), b"\x80" + bytes(60), b"\xff" * 30, b"\x21" + bytes(30), b"\x01" * 600):
        assert raw.inject(data) == []
    assert server.connections == []


def test_a_challenge_reply_tells_what_was_asked() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    [data] = raw.inject(raw.challenge_request())
    reply = parse(data)
    assert (reply.connection_id, reply.your_timestamp, reply.protocol_version) == (raw.id, 5, 13)


def test_a_challenge_is_bound_to_the_address_but_not_to_the_id() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    challenge = raw.get_challenge()
    for address in (gs.Address("192.0.2.7", 4001), gs.Address("192.0.2.8", 4000), gs.Address("2001:db8::7", 4000)):
        thief = RawClient(tap, world, server, address=address)
        assert thief.inject(raw.connect_request(challenge)) == []
    assert server.counters.bad_challenges == 3
    assert raw.inject(raw.connect_request(challenge ^ 1 << 40)) == []
    assert raw.inject(raw.connect_request(0)) == []
    assert server.connections == []
    assert [kind(data) for data in raw.inject(raw.connect_request(challenge, 0x4321_4321))] == ["ok"]


@pytest.mark.parametrize(("wait", "accepted"), [(0.0, True), (3.1, True), (4.3, False), (60.0, False)])
def test_a_challenge_expires(wait: float, accepted: bool) -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    challenge = raw.get_challenge()
    world.run(wait)
    assert bool(raw.inject(raw.connect_request(challenge))) == accepted
    assert len(server.connections) == accepted


def test_a_challenge_of_another_server_is_worthless() -> None:
    world, tap, server = listening()
    challenge = RawClient(tap, world, server).get_challenge()
    other = world.listen()
    raw = RawClient(tap, world, other)
    assert raw.inject(raw.connect_request(challenge)) == []


def test_a_replayed_connect_request_makes_no_second_connection() -> None:
    """Neither from another address, nor from the same one after the connection has gone."""
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    request = raw.connect_request(raw.get_challenge())
    raw.take_ok(raw.inject(request)[0])
    connection = server.connections[0]
    for _ in range(3):
        assert [kind(data) for data in raw.inject(request)] == ["ok"]
    world.inject(request, gs.Address("192.0.2.99", 1), server)
    world.run(0)
    assert len(server.endpoint.connections) == 1
    connection.close()
    world.run(5.01)
    assert len(server.endpoint.connections) == 0
    raw.inject(request)
    assert server.connections == []


def test_the_same_name_and_id_from_another_address_is_told_so() -> None:
    """Spec 1, 3.5 step 4: the old connection is not touched."""
    world, tap, server = listening()
    server_named = world.listen(identity=gs.NetworkingIdentity.parse("str:s"))
    clients: list[RawClient] = []
    for port in (4000, 4001, 4002):
        raw = RawClient(tap, world, server_named, address=gs.Address("192.0.2.7", port))
        request = ConnectRequest()
        request.ParseFromString(raw.connect_request(raw.get_challenge())[1:])
        clients.append(raw)
        if port == 4002:
            request.client_connection_id = 0x0101_0101
        _rename(request, b"str:ada")
        [answer] = raw.inject(datagram.encode_control(datagram.CONNECT_REQUEST, request))
        if port == 4001:
            refusal = parse(answer)
            assert refusal.reason_code == 5001
            assert refusal.debug == b"A connection with that ID already exists."
            assert refusal.to_connection_id == raw.id
            assert not refusal.HasField("from_connection_id")
        else:
            assert kind(answer) == "ok"
    assert len(server_named.connections) == 2
    assert {str(connection.info().identity) for connection in server_named.connections} == {"str:ada"}
    assert server.connections == []


def _rename(request: ConnectRequest, name: bytes) -> None:
    """Takes the identity out of the certificate and states it beside, which no signature covers."""
    certificate = Certificate.FromString(request.cert.cert)
    certificate.ClearField("identity_string")
    certificate.ClearField("legacy_identity_binary")
    request.cert.cert = certificate.SerializeToString()
    request.identity_string = name


def test_anonymous_peers_never_collide() -> None:
    world, tap, server = listening()
    for port in (4000, 4001):
        RawClient(tap, world, server, address=gs.Address("192.0.2.7", port)).connect()
    assert len(server.connections) == 2


def test_bad_requests_are_dropped_without_a_word() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    good = ConnectRequest.FromString(raw.connect_request(raw.get_challenge())[1:])

    def broken() -> Iterable[ConnectRequest]:
        for field in ("cert", "crypt", "challenge", "client_connection_id"):
            request = ConnectRequest()
            request.CopyFrom(good)
            request.ClearField(field)
            yield request
        for part in ("cert", "crypt"):
            request = ConnectRequest()
            request.CopyFrom(good)
            if part == "cert":
                request.cert.cert = request.cert.cert[:-3]
            else:
                request.crypt.info += b"\x18\x01"
            yield request
        request = ConnectRequest()
        request.CopyFrom(good)
        request.crypt.signature = bytes(64)
        yield request
        request = ConnectRequest()
        request.CopyFrom(good)
        request.cert.ca_signature = b""
        yield request

    for request in broken():
        assert raw.inject(datagram.encode_control(datagram.CONNECT_REQUEST, request)) == []
    assert server.connections == []
    assert not server.endpoint.connections
    assert counted(server.endpoint) == 8
    assert [kind(data) for data in raw.inject(datagram.encode_control(datagram.CONNECT_REQUEST, good))] == ["ok"]


def test_no_common_cipher_is_told_when_the_application_accepts() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server, ciphers=[CIPHER_NULL])
    [answer] = raw.inject(raw.connect_request(raw.get_challenge()))
    assert parse(answer).reason_code == 4002
    assert server.connections[0].end_reason == 4002


def test_a_peer_that_gives_an_all_zero_key() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    request = ConnectRequest.FromString(raw.connect_request(raw.get_challenge())[1:])
    weak = RawClient(tap, world, server, own_id=0x3333_4444)
    info = weak.credentials.crypt_info.replace(weak.credentials.exchange.public, bytes(32))
    key = SigningKey(bytes(range(32)))
    certificate = Certificate.FromString(request.cert.cert)
    certificate.key_data = key.public
    request.cert.cert = certificate.SerializeToString()
    request.crypt.info = info
    request.crypt.signature = key.sign(info)
    [answer] = raw.inject(datagram.encode_control(datagram.CONNECT_REQUEST, request))
    assert parse(answer).reason_code == 4002
    assert parse(answer).debug == b"Key exchange failed"


# ---------------------------------------------------------------------- amplification and floods


def test_no_reply_is_larger_than_the_request_before_the_address_is_proven() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    request = raw.connect_request(raw.get_challenge())
    random = Random(4)
    asked: list[bytes] = [
        raw.challenge_request(),
        raw.challenge_request()[:511],
        raw.closed(1, 2),
        raw.closed(1, 2)[:511],
        raw.no_connection(1, 2),
        raw.connect_request(1),
        request[:100],
        b"\x24\x02\x00\x18\x01",
        *[bytes([first]) + random.randbytes(size) for first in range(256) for size in (0, 4, 30, 520)],
    ]
    for data in asked:
        stranger = RawClient(tap, world, server, address=gs.Address("192.0.2.99", random.randrange(65536)))
        stranger.new()
        assert sum(map(len, stranger.inject(data))) <= len(data)


def test_spoofed_challenge_requests_leave_nothing_behind() -> None:
    """The replies owed at once are bounded; nothing else is kept."""
    endpoint = make_endpoint()
    world, tap, server = listening()
    request = RawClient(tap, world, server).challenge_request()
    gc.collect()
    for number in range(5 * REPLIES_MAX):
        endpoint.receive_datagram(request, ("198.51.100.1", number), 0)
    transmits = endpoint.datagrams_to_send(0)
    assert len(transmits) == REPLIES_MAX
    assert endpoint.counters.replies_dropped == 4 * REPLIES_MAX
    assert endpoint.datagrams_to_send(0) == []
    assert endpoint.connections == {}
    assert endpoint.next_timer() == NEVER
    assert replies_to(endpoint, request)  # and it goes on


def test_spoofed_connect_requests_are_cheap_and_leave_nothing_behind() -> None:
    endpoint = make_endpoint()
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    request = raw.connect_request(raw.get_challenge())
    for number in range(5000):
        endpoint.receive_datagram(request, ("198.51.100.1", number), 0)
    assert endpoint.counters.bad_challenges == 5000
    assert endpoint.connections == {}
    assert endpoint.datagrams_to_send(0) == []


def test_one_address_gets_one_connection_however_often_it_asks() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    challenge = raw.get_challenge()
    for own_id in range(0x0001_0001, 0x0001_0201):
        raw.inject(raw.connect_request(challenge, own_id))
    assert len(server.connections) == 1
    assert len(server.endpoint.connections) == 1


def test_ids_are_unique_in_their_low_half_and_bounded() -> None:
    ids = ConnectionIds(SeededEntropy(1))
    taken = [ids.take() for _ in range(CONNECTIONS_MAX)]
    assert all(number & 0xFFFF and number >> 16 for number in taken)
    assert len({number & 0xFFFF for number in taken}) == CONNECTIONS_MAX
    assert ids.take() == 0
    ids.give_back(taken[0])
    again = ids.take()
    assert again & 0xFFFF not in {number & 0xFFFF for number in taken}


def test_connections_beyond_the_limit_are_dropped_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.endpoint.ids.CONNECTIONS_MAX", 3)
    world, tap, server = listening()
    for port in range(5):
        raw = RawClient(tap, world, server, address=gs.Address("192.0.2.7", 4000 + port))
        answered = raw.inject(raw.connect_request(raw.get_challenge()))
        assert bool(answered) == (port < 3)
    assert len(server.connections) == 3
    assert server.counters.no_room == 2


# ---------------------------------------------------------------------- noise


def record_real_traffic(seed: int = 6, unencrypted: int = 0) -> tuple[list[sim.Passage], gs.Address]:
    """All datagrams of a lively connection, from handshake to close, and the client's address."""
    world = sim.World(seed, conditions=sim.Conditions(latency=0.02, loss=0.03))
    tap = Tap(world)
    config = {Value.UNENCRYPTED: unencrypted, Value.SEND_TIME_SINCE_PREVIOUS_PACKET: 1}
    client, server = world.pair(config=config)
    client.configure_lanes([0, 1, 1])
    for number in range(40):
        client.send(bytes(number * 40), RELIABLE, number % 3)
        server.send(bytes(number * 90))
        world.run(0.7)
    client.close(1000, "end")
    world.run(1)
    return [p for p in tap.passages if not p.is_arrival], client.host.address


@pytest.mark.parametrize("unencrypted", [0, 3])
def test_replaying_all_recorded_traffic_does_nothing(unencrypted: int) -> None:
    """To a fresh server, from the right and from other addresses, forwards and backwards."""
    passages, client_address = record_real_traffic(unencrypted=unencrypted)
    from_client = [p.data for p in passages if p.source == client_address]
    endpoint = make_endpoint()
    endpoint.options = ConnectionOptions(unencrypted=unencrypted)
    answered = 0
    for data in from_client + from_client[::-1]:
        for address in ((client_address.ip, client_address.port), STRANGER):
            answered += len(replies_to(endpoint, data, address))
    assert endpoint.connections == {}
    assert answered <= len([data for data in from_client if kind(data) in ("challenge", "closed")]) * 4


def test_replaying_into_the_living_connection_delivers_nothing_twice() -> None:
    world = sim.World(seed=8)
    tap = Tap(world)
    client, server = world.pair()
    for number in range(60):
        client.send(b"%d" % number, RELIABLE if number % 2 else gs.SendFlags.UNRELIABLE)
        server.send(b"%d" % number)
        world.run(0.05)
    assert len(server.receive()) == 60
    assert len(client.receive()) == 60
    passages = [p for p in tap.passages if not p.is_arrival]
    random = Random(1)
    for _ in range(3):
        for passage in random.sample(passages, len(passages)):
            target = server.host if passage.destination == server.host.address else client.host
            world.inject(passage.data, passage.source, target)
            world.run(0.001)
    assert client.is_connected
    assert server.is_connected
    assert server.receive() == []
    assert client.receive() == []
    assert server.host.counters.duplicates > 100


def test_spoofed_sources_cannot_reach_a_connection() -> None:
    """Datagrams of another address go to the listen socket, whatever ids they name."""
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    spoofer = RawClient(tap, world, server, address=gs.Address("192.0.2.66", 6))
    assert spoofer.inject(raw.packet(PING)) == []
    assert [kind(data) for data in spoofer.inject(raw.closed(raw.peer_id, raw.id))] == ["none"]
    assert spoofer.inject(raw.no_connection(raw.peer_id, raw.id)) == []
    assert connection.is_connected
    assert connection.receive() == []
    client, _ = world.pair()
    world.inject(raw.closed(client.core.id, client.core.remote_id), spoofer.address, client.host)
    world.run(0)
    assert client.is_connected
    assert client.host.counters.stray == 1


@given(data=st.binary(max_size=1400), first=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_any_bytes_from_a_stranger_are_harmless(data: bytes, first: int) -> None:
    endpoint = ENDPOINT
    before = counted(endpoint)
    replies = replies_to(endpoint, bytes([first]) + data)
    assert endpoint.connections == {}
    assert sum(map(len, replies)) <= 1 + len(data)
    assert replies or counted(endpoint) > before


ENDPOINT: Final = make_endpoint()


def mangled(data: bytes, random: Random) -> bytes:
    """Cut, extended, with bits flipped, or spliced."""
    choice = random.randrange(5)
    if not data or choice == 0:
        return data[: random.randrange(len(data) + 1)]
    if choice == 1:
        return data + random.randbytes(random.randrange(1, 1400))
    if choice == 2:
        place = random.randrange(len(data))
        return data[:place] + random.randbytes(random.randrange(8)) + data[place:]
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(min(len(data), 40) if choice == 3 else len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("unencrypted", [0, 3])
@pytest.mark.parametrize("seed", range(4))
def test_mangled_traffic_never_raises_nor_grows(seed: int, unencrypted: int) -> None:
    """Thousands of nearly right datagrams at both ends of live connections, in every state they fall into."""
    random = Random(seed)
    passages, _ = record_real_traffic(seed + 1, unencrypted)
    world = sim.World(seed)
    server = world.listen(config={Value.UNENCRYPTED: unencrypted})
    tap = Tap(world)
    clients = [world.connect(server, config={Value.UNENCRYPTED: unencrypted}) for _ in range(4)]
    world.run(1)
    connections = [*clients, *server.connections]
    assert len(connections) == 8
    pool = [p.data for p in passages]
    for round_number in range(600):
        if round_number % 20 == 0:
            pool += [p.data for p in tap.passages if not p.is_arrival][-40:]
            pool = pool[-400:]
            tap.clear()
        for connection in connections:
            data = bytearray(mangled(random.choice(pool), random))
            if data and data[0] & 0x80 and random.random() < 0.9:
                data[1:5] = connection.core.id.to_bytes(4, "little")
            world.inject(bytes(data), connection.peer_address, connection.host)
            connection.send(bytes(random.randrange(400)), RELIABLE if random.random() < 0.5 else gs.SendFlags(0))
        world.run(0.01)
        for connection in connections:
            connection.receive()
    assert len(server.endpoint.connections) <= 4
    assert counted(server.endpoint) > 200
    if not unencrypted:
        assert any(connection.is_connected for connection in connections)
    world.run(60)
    for connection in connections:
        connection.close()
    world.run(20)
    for host in (server, *[client.host for client in clients]):
        assert not host.endpoint.connections
        assert host.endpoint.next_timer() == NEVER


@given(payload=st.binary(max_size=1232), more=st.lists(st.binary(max_size=200), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_frames_from_an_authenticated_peer_are_harmless(payload: bytes, more: list[bytes]) -> None:
    """The connection lives or ends with a reason; its memory stays bounded."""
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    for frames in (payload, *more):
        raw.inject(raw.packet(frames))
        world.run(0.3)
    assert connection.is_connected or connection.end_reason in (5001, 5002)
    assert len(connection.receive()) <= 1300 * 5


@given(stats=st.binary(max_size=60), spacing=st.integers(-1, 1 << 20))
@settings(max_examples=150, deadline=None)
def test_any_statistics_from_a_peer_are_harmless(stats: bytes, spacing: int) -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    raw.inject(raw.packet(PING, stats, min(spacing, 0xFFFFF) if spacing >= 0 else -1))
    assert connection.is_connected
    assert -1 <= connection.status().connection_quality_remote <= 1


def test_a_flood_of_holes_and_fragments_stays_bounded() -> None:
    """An authenticated peer skips every second packet, stream byte and fragment, on all lanes, for a long time."""
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    for number in range(2000):
        raw.number += 1
        lane = number % 256
        select = (b"\x8f" + (bytes([lane]) if lane < 128 else bytes([lane & 127 | 128, 1]))) if lane else b""
        position = (10 + number * 10).to_bytes(6, "little")
        fragment = b"\x18" + (number + 1).to_bytes(4, "little") + b"\x05\x03abc"
        raw.inject(raw.packet(select + fragment + b"\x50" + position + b"\x02xy"))
    assert connection.is_connected, connection.end_debug
    traffic = connection.core.traffic
    assert len(traffic.receiver._lanes) == 256
    for receive_lane in traffic.receiver._lanes.values():
        assert len(receive_lane.stream._islands) <= 30
        assert receive_lane.stream.held_bytes <= 1_048_576
        assert len(receive_lane.reassembly._pieces) <= 21
    assert len(traffic.acks._holes) <= 61
    assert len(traffic.window._missing) <= 128


def test_a_few_bytes_far_ahead_on_every_lane_do_not_claim_a_mebibyte_each() -> None:
    """Nine kilobytes of an anonymous peer must not make the server hold hundreds of megabytes."""
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    connection = raw.connect()
    for lane in range(256):
        select = (b"\x8f" + (bytes([lane]) if lane < 128 else bytes([lane & 127 | 128, 1]))) if lane else b""
        raw.inject(raw.packet(select + b"\x50" + (1_048_500).to_bytes(6, "little") + b"\x02xy"))
    assert connection.is_connected
    lanes = connection.core.traffic.receiver._lanes.values()
    assert sum(receive_lane.stream.held_bytes for receive_lane in lanes) <= 16 << 20


def test_a_peer_that_never_acknowledges_costs_bounded_memory() -> None:
    """Unacknowledged packets are remembered for a few seconds only, reliable data up to the limits."""
    world = sim.World()
    client, server = world.pair()
    client.outgoing.conditions = sim.Conditions(loss=1.0)
    for _ in range(400):
        server.send(bytes(1000))
        client.core.traffic.liveness.heard(world.now_us)
        server.core.traffic.liveness.heard(world.now_us)
        world.run(0.05)
    assert len(server.core.sender.flight._records) < 1000


@pytest.mark.parametrize("unencrypted", [0, 1, 2, 3])
def test_endpoints_of_one_process_join_without_handshake(unencrypted: int) -> None:
    """What the first packet says is data, and both ciphers fit: nothing was ever exchanged but in memory."""
    entropy = SeededEntropy(11)
    ids = ConnectionIds(entropy)
    addresses = ("127.0.0.1", 1111), ("127.0.0.1", 2222)
    options = ConnectionOptions(unencrypted=unencrypted)
    ends = [Endpoint(entropy, ids, ANONYMOUS, options) for _ in addresses]
    identities = NetworkingIdentity.parse("str:peer of one"), NetworkingIdentity.localhost()
    joined = ends[0].join(addresses[0], ends[1], addresses[1], identities, 5)
    assert joined is not None
    for one, other, identity in zip(joined, reversed(joined), identities, strict=True):
        assert one.state == State.CONNECTED
        assert (one.remote_id, one.peer.identity, one.is_authenticated) == (other.id, identity, False)
        assert one.is_encrypted == (unencrypted < 2)
        assert one.ping.smoothed_ms == -1
    assert ends[0].next_event() is ends[1].next_event() is None
    for index, connection in enumerate(joined):
        connection.send(b"x" * (index + 1), 9, 0, 5)
        ends[index].touch(connection)
        (transmit,) = ends[index].datagrams_to_send(5)
        assert transmit[1].remote == addresses[1 - index]
        assert all(data[0] & 0x80 for data in transmit[0]), "only data packets"
        assert (b"x" * (index + 1) in b"".join(transmit[0])) == (unencrypted >= 2)
        ends[1 - index].receive_datagrams(transmit[0], addresses[index], 5)
        (message,) = joined[1 - index].inbox.take(9)
        assert (message.data, message.message_number) == (b"x" * (index + 1), 1)


def test_endpoints_without_room_for_two_join_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.endpoint.ids.CONNECTIONS_MAX", 1)
    entropy = SeededEntropy(12)
    ids = ConnectionIds(entropy)
    one, two = (Endpoint(entropy, ids, ANONYMOUS, ConnectionOptions()) for _ in range(2))
    for _ in range(2):
        assert one.join(("127.0.0.1", 1), two, ("127.0.0.1", 2), (ANONYMOUS, ANONYMOUS), 0) is None
        assert not one.connections
        assert not two.connections
    assert ids.take(), "no id was kept"


def test_dropping_ends_the_lingering_of_all_and_tells_their_peers() -> None:
    world = sim.World()
    tap = Tap(world)
    server = world.listen()
    clients = [world.connect(server) for _ in range(3)]
    world.run(0.1)
    lingering, closed, open_one = server.connections
    lingering.send(bytes(400_000), RELIABLE)
    lingering.close(1001, "lingering", enable_linger=True)
    closed.close(1002, "closed")
    assert lingering.core.state == State.LINGER
    server.endpoint.drop(world.now_us)
    assert [c.core.state for c in (lingering, closed, open_one)] == [State.FIN_WAIT, State.FIN_WAIT, State.CONNECTED]
    assert server.endpoint.next_timer() == 0, "what is owed is asked for at once"
    tap.passages.clear()
    world.run(0.1)
    assert any(kind(passage.data) == "closed" for passage in tap.passages)
    assert (clients[0].end_reason, clients[0].end_debug) == (1001, "lingering")
    assert clients[2].is_connected
