"""What does a public address tell strangers, and whom does it let in? (spec 1, 3.3 to 3.5)"""

import gc
from collections.abc import Iterable
from random import Random
from typing import Final

import pytest
from tests.support.listening import counted, listening, make_endpoint, replies_to
from tests.support.raw_peers import RawClient, kind, parse

import gamesockets as gs
from gamesockets.endpoint.strangers import REPLIES_MAX
from gamesockets.values.moments import NEVER
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import Certificate, ConnectRequest

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE


# ---------------------------------------------------------------------- routing and the listen socket's own logic


def test_an_endpoint_that_does_not_accept_answers_no_stranger() -> None:
    endpoint = make_endpoint(accepts=False)
    world, tap, server = listening()
    request = RawClient(tap, world, server).challenge_request()
    for data in (request, b"", b"\x80" + bytes(20), bytes(1300)):
        assert replies_to(endpoint, data) == []
    assert endpoint.counters.stray == 4
    assert endpoint.next_timer() == NEVER


@pytest.mark.rule("1, 1.1 rule 1", "1, 1.1 rule 2", "1, 2.1", "1, 3.4", "1, 7.7")
def test_what_strangers_get_answered() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    assert [kind(data) for data in raw.inject(raw.challenge_request())] == ["reply"]
    assert raw.inject(raw.challenge_request(own_id=0)) == []
    [none] = raw.inject(raw.closed(7, 8))
    assert (parse(none).from_connection_id, parse(none).to_connection_id) == (7, 8)
    [none] = raw.inject(raw.closed(0, 8))
    assert not parse(none).HasField("from_connection_id")
    for data in (raw.no_connection(7, 8), b"\x80" + bytes(5), b"\xff" * 30, b"\x21" + bytes(30), b"\x01" * 600):
        assert raw.inject(data) == []
    assert server.connections == []


@pytest.mark.rule("1, 2.2", "1, 3.4")
def test_a_challenge_reply_tells_what_was_asked() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    [data] = raw.inject(raw.challenge_request())
    reply = parse(data)
    assert (reply.connection_id, reply.your_timestamp, reply.protocol_version) == (raw.id, 5, 13)


@pytest.mark.rule("1, 3.3 rule 2")
def test_a_challenge_is_bound_to_the_address_but_not_to_the_id() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    challenge = raw.get_challenge()
    for address in (gs.Address("192.0.2.7", 4001), gs.Address("192.0.2.8", 4000), gs.Address("2001:db8::7", 4000)):
        thief = RawClient(tap, world, server, address=address)
        assert thief.inject(raw.connect_request(challenge)) == []
    assert server.statistics.bad_challenges == 3
    assert raw.inject(raw.connect_request(challenge ^ 1 << 40)) == []
    assert raw.inject(raw.connect_request(0)) == []
    assert server.connections == []
    assert [kind(data) for data in raw.inject(raw.connect_request(challenge, 0x4321_4321))] == ["ok"]


@pytest.mark.rule("1, 3.3 rule 2", "1, 3.5 rule 1")
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


@pytest.mark.rule("1, 3.5 rule 4")
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


@pytest.mark.rule("1, 3.5 rule 4")
def test_anonymous_peers_never_collide() -> None:
    world, tap, server = listening()
    for port in (4000, 4001):
        RawClient(tap, world, server, address=gs.Address("192.0.2.7", port)).connect()
    assert len(server.connections) == 2


@pytest.mark.rule("1, 3.1 rule 2")
@pytest.mark.parametrize("own_id", [0x1234_0000, 0x0000_1234])
def test_a_client_id_with_a_half_of_zeros_is_fine(own_id: int) -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server, own_id=own_id)
    assert raw.connect().is_connected
    assert raw.ask()


@pytest.mark.rule("1, 3.1 rule 2", "1, 3.5 rule 1", "1, 3.5 rule 5", "1, 11 rule 3", "1, 13 rule 4", "3, 6.8 rule 1")
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


# ---------------------------------------------------------------------- amplification and floods


@pytest.mark.rule("1, 1.1 rule 4")
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


@pytest.mark.rule("1, 3.3 rule 1")
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


@pytest.mark.rule("1, 1.2 rule 1", "3, 6.3 rule 4")
def test_one_address_gets_one_connection_however_often_it_asks() -> None:
    world, tap, server = listening()
    raw = RawClient(tap, world, server)
    challenge = raw.get_challenge()
    for own_id in range(0x0001_0001, 0x0001_0201):
        raw.inject(raw.connect_request(challenge, own_id))
    assert len(server.connections) == 1
    assert len(server.endpoint.connections) == 1


@pytest.mark.rule("1, 3.1 rule 3")
def test_connections_beyond_the_limit_are_told_that_the_server_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.endpoint.ids.CONNECTIONS_MAX", 3)
    world, tap, server = listening()
    for port in range(5):
        raw = RawClient(tap, world, server, address=gs.Address("192.0.2.7", 4000 + port))
        [answer] = raw.inject(raw.connect_request(raw.get_challenge()))
        assert kind(answer) == ("ok" if port < 3 else "closed")
        if port >= 3:
            refusal = parse(answer)
            assert (refusal.reason_code, refusal.debug) == (5001, b"The server is full.")
            assert refusal.to_connection_id == raw.id
    assert len(server.connections) == 3
    assert server.statistics.no_room == 2
