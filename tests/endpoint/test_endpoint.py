"""Does every datagram reach the connection it is for and no other, whatever noise there is? (spec 1, 1.2)"""

from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.listening import STRANGER, counted, listening, make_endpoint, replies_to
from tests.support.raw_peers import ANONYMOUS, PING, RawClient, Tap, kind, parse

import gamesockets as gs
from gamesockets import sim
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.path import ANY_LOCAL
from gamesockets.connection.states import State
from gamesockets.crypto.certificate import SigningKey
from gamesockets.crypto.cipher import CIPHER_NULL
from gamesockets.crypto.credentials import Credentials
from gamesockets.endpoint.endpoint import ALIGN_US, Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.receive.acks import ACK_DELAY_US
from gamesockets.receive.unreliable import PIECE_OVERHEAD_BYTES
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import Certificate, ConnectRequest

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE
SERVER: Final = ("192.0.2.1", 27015)
SECOND: Final = 1_000_000


@pytest.mark.rule("1, 3.5 rule 9", "3, 13.1 rule 2")
def test_no_common_cipher_is_told_when_the_application_accepts() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server, ciphers=[CIPHER_NULL])
    [answer] = raw.inject(raw.connect_request(raw.get_challenge()))
    assert parse(answer).reason_code == 4002
    assert server.connections[0].end_reason == 4002


@pytest.mark.rule("1, 3.5 rule 9")
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


# ---------------------------------------------------------------------- routes


def meet(server: Endpoint, remote: tuple[str, int], here: bytes, there: bytes) -> tuple[Endpoint, DatagramConnection]:
    """A client at that address that asked for `here` first and for `there` with its request, and its connection."""
    entropy = SeededEntropy(remote[1])
    client = Endpoint(entropy, ConnectionIds(entropy), Credentials(ANONYMOUS), ConnectionOptions.default())
    client.connect(SERVER, client.options, 0)
    for local in (here, there):
        ((challenge_or_request, _),) = client.datagrams_to_send(0)
        server.receive_datagrams(challenge_or_request, remote, 0, local)
        for datagrams, path in server.datagrams_to_send(0):
            assert (path.remote, path.local) == (remote, local)
            client.receive_datagrams(datagrams, SERVER, 0)
    server.accept(server.connections[remote], 0)
    ((ok, _),) = server.datagrams_to_send(0)
    client.receive_datagrams(ok, SERVER, 0)
    (connection,) = client.connections.values()
    assert connection.state == State.CONNECTED
    client.datagrams_to_send(0)
    return client, connection


def packet_of(client: Endpoint, connection: DatagramConnection, text: bytes) -> bytes:
    connection.send(text, int(gs.SendFlags.RELIABLE_NO_NAGLE), 0, 0)
    client.touch(connection)
    ((datagrams, _),) = client.datagrams_to_send(0)
    (packet,) = datagrams
    return packet


def texts_at(server: Endpoint, remote: tuple[str, int]) -> list[bytes]:
    return [message.data for message in server.connections[remote].inbox.take(9)]


def test_a_connection_answers_from_the_address_that_its_request_asked() -> None:
    server = make_endpoint()
    client, connection = meet(server, STRANGER, b"one of ours", b"another")
    path = server.connections[STRANGER].path
    assert (path.remote, path.local) == (STRANGER, b"another")
    assert connection.path.local == ANY_LOCAL
    server.receive_datagram(packet_of(client, connection, b"x"), STRANGER, 0, b"a third one")
    assert texts_at(server, STRANGER) == [b"x"], "the local address selects nothing"
    transmits = server.datagrams_to_send(SECOND)
    assert transmits
    assert all(way is path for _, way in transmits)


@pytest.mark.rule("1, 1.2 rule 1", "1, 11 rule 1")
def test_a_data_packet_is_taken_on_the_path_of_its_connection_only() -> None:
    server = make_endpoint()
    nobody, other = ("203.0.113.5", 6), ("203.0.113.5", 7)
    client, connection = meet(server, STRANGER, b"", b"")
    meet(server, other, b"", b"")
    server.datagrams_to_send(SECOND)
    packet = packet_of(client, connection, b"x")
    server.receive_datagrams([packet, packet], nobody, 2 * SECOND)
    assert server.counters.stray == 2
    assert server.datagrams_to_send(2 * SECOND) == []
    server.receive_datagrams([packet, packet], other, 2 * SECOND)
    assert server.counters.stray == 4
    ((answers, path),) = server.datagrams_to_send(2 * SECOND)
    assert path.remote == other
    (no_connection,) = [parse(data) for data in answers if kind(data) == "none"]
    assert no_connection.from_connection_id == int.from_bytes(packet[1:5], "little")
    assert texts_at(server, STRANGER) == texts_at(server, other) == []
    server.receive_datagram(packet, STRANGER, 2 * SECOND)
    assert texts_at(server, STRANGER) == [b"x"]


def test_one_batch_may_hold_packets_control_messages_and_noise() -> None:
    server = make_endpoint()
    client, connection = meet(server, STRANGER, b"", b"")
    one, two, three = [packet_of(client, connection, text) for text in (b"1", b"2", b"3")]
    wrong_id = one[:1] + b"\1\2\3\4" + one[5:]
    server.receive_datagrams([one, b"\x80", two, wrong_id, b"\x25\xff\xff\xff\xff", three], STRANGER, 0)
    assert texts_at(server, STRANGER) == [b"1", b"2", b"3"]
    assert server.connections[STRANGER].statistics.packets_received == 7, "the request is one of them"
    assert (server.counters.stray, server.counters.malformed) == (1, 2)


def test_it_tells_control_messages_from_packets() -> None:
    """Its driver lets packets gather, but nobody who connects should wait for that."""
    server = make_endpoint()
    client, connection = meet(server, STRANGER, b"", b"")
    assert server.heard_control
    server.heard_control = False
    server.receive_datagrams([packet_of(client, connection, b"1")], STRANGER, 0)
    assert not server.heard_control


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
    """To a fresh server, from the right and from other addresses, forwards and backwards: it makes no connection."""
    passages, client_address = record_real_traffic(unencrypted=unencrypted)
    from_client = [p.data for p in passages if p.source == client_address]
    endpoint = make_endpoint()
    endpoint.options = ConnectionOptions(unencrypted=unencrypted)
    answered = 0
    for data in from_client + from_client[::-1]:
        for address in ((client_address.ip, client_address.port), STRANGER):
            answered += len(replies_to(endpoint, data, address))
    assert endpoint.connections == {}
    assert answered <= len([data for data in from_client if kind(data) in ("challenge", "closed", "data")]) * 4


@pytest.mark.rule("1, 4.6 rule 5", "2, 2.4 rule 4")
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
    assert server.host.statistics.duplicates > 100


@pytest.mark.rule("1, 1.2 rule 2")
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
    assert client.host.statistics.stray == 1


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


@pytest.mark.rule("1, 1.3 rule 2", "1, 13 rule 3")
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
    assert len(traffic.receiver.lanes()) == 256
    for receive_lane in traffic.receiver.lanes():
        assert len(receive_lane.stream._islands) <= 30
        assert receive_lane.stream.held_bytes <= 1_048_576
        assert receive_lane.reassembly is not None
        assert receive_lane.reassembly.held_bytes <= 21 * (PIECE_OVERHEAD_BYTES + 1300)
    assert len(traffic.acks._holes) <= 61
    assert traffic.window._missing is not None
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
    lanes = connection.core.traffic.receiver.lanes()
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


@pytest.mark.rule("2, 2.14 rule 2")
@pytest.mark.parametrize("unencrypted", [0, 1, 2, 3])
def test_endpoints_of_one_process_join_without_handshake(unencrypted: int) -> None:
    """What the first packet says is data, and both ciphers fit: nothing was ever exchanged but in memory."""
    entropy = SeededEntropy(11)
    ids = ConnectionIds(entropy)
    addresses = ("127.0.0.1", 1111), ("127.0.0.1", 2222)
    options = ConnectionOptions(unencrypted=unencrypted)
    ends = [Endpoint(entropy, ids, Credentials(ANONYMOUS), options) for _ in addresses]
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
    one, two = (Endpoint(entropy, ids, Credentials(ANONYMOUS), ConnectionOptions()) for _ in range(2))
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


def test_deadlines_that_were_replaced_do_not_pile_up() -> None:
    """Each answer replaces a deadline that is seconds away, which is none the less the next one again afterwards."""
    world = sim.World()
    server = world.listen()
    clients = [world.connect(server) for _ in range(10)]
    world.run(0.1)

    def speak() -> None:
        for client in clients:
            assert client.send(b"x", gs.SendFlags.RELIABLE_NO_NAGLE) == gs.Result.OK

    def answer() -> None:
        for end in server.connections:
            for message in end.receive():
                assert end.send(message.data, gs.SendFlags.RELIABLE_NO_NAGLE) == gs.Result.OK

    world.every(0.1, speak)
    world.every(0.002, answer)
    world.run(4.5)
    assert all(client.is_connected for client in clients)
    assert len(server.endpoint._timers) <= 256


# ---------------------------------------------------------------------- work only where something is owed


class Settled:
    """A server and its client, which are connected and owe each other nothing."""

    def __init__(self, now: int) -> None:
        self.server = make_endpoint()
        entropy = SeededEntropy(2)
        self.client = Endpoint(entropy, ConnectionIds(entropy), Credentials(ANONYMOUS), ConnectionOptions.default())
        connection = self.client.connect(SERVER, self.client.options, now)
        assert connection is not None
        self.sending = connection
        for _ in range(5):
            self.exchange(now)
        [self.receiving] = self.server.connections.values()
        assert self.sending.data_flows
        assert self.receiving.data_flows

    def exchange(self, now: int) -> None:
        for datagrams, _ in self.client.datagrams_to_send(now):
            self.server.receive_datagrams(datagrams, STRANGER, now)
        while (change := self.server.next_event()) is not None:
            if change.new_state == State.CONNECTING:
                self.server.accept(self.server.connections[STRANGER], now)
        for datagrams, _ in self.server.datagrams_to_send(now):
            self.client.receive_datagrams(datagrams, SERVER, now)

    def send(self, flags: int, now: int) -> None:
        """A message from the client to the server, which is not asked for an answer yet."""
        self.sending.send(b"hello", flags | gs.SendFlags.NO_NAGLE, 0, now)
        self.client.touch(self.sending)
        for datagrams, _ in self.client.datagrams_to_send(now):
            self.server.receive_datagrams(datagrams, STRANGER, now)


@pytest.mark.rule("2, 2.9.4 rule 1")
def test_a_packet_that_asks_for_nothing_makes_no_work() -> None:
    pair = Settled(0)
    pair.send(gs.SendFlags.UNRELIABLE, SECOND)
    assert pair.server.next_timer() > SECOND
    assert pair.server.datagrams_to_send(SECOND) == []


@pytest.mark.rule("2, 2.9.4 rule 1")
def test_an_answer_that_may_wait_only_sets_a_deadline() -> None:
    pair = Settled(0)
    pair.send(RELIABLE, SECOND)
    assert pair.server.next_timer() == SECOND + ACK_DELAY_US
    assert pair.server.datagrams_to_send(SECOND) == []
    pair.server.handle_timer(SECOND + ACK_DELAY_US)
    assert len(pair.server.datagrams_to_send(SECOND + ACK_DELAY_US)) == 1


def test_a_deadline_that_has_moved_wakes_nobody() -> None:
    """The client awaits an answer within a second or so. Once it has come, nothing is urgent."""
    pair = Settled(0)
    pair.send(RELIABLE, SECOND)
    assert pair.client.next_timer() < 3 * SECOND
    answered_at = SECOND + ACK_DELAY_US
    pair.server.handle_timer(answered_at)
    pair.exchange(answered_at)
    assert pair.client.next_timer() > answered_at + 3 * SECOND


@pytest.mark.rule("1, 7.4 rule 1")
def test_deadlines_that_are_far_away_fall_together() -> None:
    """Connections of different moments wake their program up together, at most a tenth of a second late."""
    pairs = [Settled(moment) for moment in (1, 12_345, 98_765)]
    deadlines = {pair.receiving.next_timer() for pair in pairs}
    assert len(deadlines) == 3
    [together] = {pair.server.next_timer() for pair in pairs}
    assert 0 <= together - max(deadlines) <= ALIGN_US


@pytest.mark.rule("1, 8.4 rule 1")
def test_no_interval_is_measured_while_nothing_happens() -> None:
    """And the pause shows in the rates, as if it had been measured."""
    pair = Settled(0)
    now = 0
    while pair.receiving.timers.interval != NEVER:
        now = pair.server.next_timer()
        assert now <= 6 * SECOND
        pair.server.handle_timer(now)
        pair.server.datagrams_to_send(now)
    assert pair.receiving.statistics.interval.in_packets_per_second == 0.0
    pair.send(gs.SendFlags.UNRELIABLE, 60 * SECOND)
    assert 60 * SECOND < pair.receiving.timers.interval <= 65 * SECOND
    assert pair.receiving.statistics.interval.in_packets_per_second == 0.0
    ends_at = pair.receiving.timers.interval
    pair.receiving.handle_timer(ends_at)
    assert pair.receiving.statistics.interval.in_packets_per_second == pytest.approx(0.2)
