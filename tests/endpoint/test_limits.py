"""Are there limits to how many may connect, how fast, and from one place?"""

from collections.abc import Iterator

import pytest
from tests.support.listening import listening
from tests.support.raw_peers import RawClient, kind, parse

import gamesockets as gs
from gamesockets import sim
from gamesockets.config.limits import Limits
from gamesockets.endpoint import limits
from gamesockets.endpoint.limits import Rate
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ConnectRequest

SECOND = 1_000_000


def limits_of(server: sim.Host) -> Limits:
    assert server.endpoint.strangers is not None
    return server.endpoint.strangers.limits


def forged(raw: RawClient) -> bytes:
    """A connect request with a good challenge whose signature is wrong: it counts as bad if anybody looks."""
    request = ConnectRequest.FromString(raw.connect_request(raw.get_challenge())[1:])
    request.crypt.signature = bytes(64)
    return datagram.encode_control(datagram.CONNECT_REQUEST, request)


def answer(raw: RawClient) -> str:
    """What a whole handshake brings: a word, empty for silence."""
    answers = raw.inject(raw.connect_request(raw.get_challenge()))
    return kind(answers[0]) if answers else ""


def test_a_rate_allows_so_many_a_second_and_some_at_once() -> None:
    rate = Rate(0)

    def taken(now: int) -> int:
        count = 0
        while rate.has_one(10, 5, now):
            rate.take(10, now)
            count += 1
        return count

    assert taken(0) == 5
    assert taken(99_999) == 0
    assert taken(100_000) == 1
    assert taken(10 * SECOND) == 5
    assert sum(taken(20 * SECOND + step * 10_000) for step in range(101)) == 15


@pytest.mark.rule("1, 3.5 rule 11")
def test_one_owner_of_addresses_gets_so_many_connections() -> None:
    world, tap, server = listening()
    limits_of(server).address_connections_max = 3
    for network in ("192.0.2.7", "192.0.2.8"):
        got = [answer(RawClient(tap, world, server, address=gs.Address(network, port))) for port in range(1, 6)]
        assert got == ["ok"] * 3 + ["closed"] * 2
    for prefix in ("2001:db8:0:1::", "2001:db8:0:2::"):
        got = [answer(RawClient(tap, world, server, address=gs.Address(f"{prefix}{host}", 9))) for host in range(1, 6)]
        assert got == ["ok"] * 3 + ["closed"] * 2, "a /64 counts as one"
    assert server.statistics.no_room_for_address == 8
    raw = RawClient(tap, world, server, address=gs.Address("192.0.2.7", 77))
    [refusal] = [parse(data) for data in raw.inject(raw.connect_request(raw.get_challenge()))]
    assert refusal.debug == b"The server has too many connections from your address."


def test_who_leaves_makes_room_for_others_of_the_address() -> None:
    world, tap, server = listening()
    limits_of(server).address_connections_max = 2
    for port in (1, 2):
        RawClient(tap, world, server, address=gs.Address("192.0.2.7", port)).connect()
    for port in range(3, 9):
        assert answer(RawClient(tap, world, server, address=gs.Address("192.0.2.7", port))) == "closed"
        server.connections[0].close()
        world.run(5.1)
        assert answer(RawClient(tap, world, server, address=gs.Address("192.0.2.7", port))) == "ok"


def test_the_machine_itself_has_no_limit_for_its_addresses() -> None:
    world, tap, server = listening()
    limits_of(server).address_connections_max = 1
    for port in range(1, 200):
        assert answer(RawClient(tap, world, server, address=gs.Address("127.0.0.1", port))) == "ok"


def waiting_world() -> Iterator[tuple[sim.World, sim.Host]]:
    world = sim.World()
    yield world, world.listen(on_connecting=lambda _: None)


def test_who_waits_for_the_application_is_bounded() -> None:
    """The others hear nothing, and get in when the application has decided."""
    [(world, server)] = waiting_world()
    limits_of(server).waiting_max = 4
    clients = [world.connect(server) for _ in range(6)]
    world.run(2)
    assert len(server.connections) == 4
    assert server.statistics.no_room_to_wait == 0, "their requests wait"
    for connection in server.connections[:3]:
        connection.accept()
    server.connections[3].close()
    world.run(1)
    for connection in server.connections:
        if connection.state == gs.ConnectionState.CONNECTING:
            connection.accept()
    world.run(1)
    assert sum(client.is_connected for client in clients) == 5


@pytest.mark.rule("1, 3.5 rule 11")
def test_handshakes_are_limited_before_signatures_are_looked_at() -> None:
    world, tap, server = listening()
    limits_of(server).handshakes_per_second = 10
    assert server.endpoint.strangers is not None
    server.endpoint.strangers.requests.count_max = 50
    for host in range(1, 101):
        raw = RawClient(tap, world, server, address=gs.Address(f"192.0.2.{host}", 9))
        assert raw.inject(forged(raw)) == []
    assert server.statistics.bad_requests == 40, "those of four seconds at once"
    assert server.statistics.too_fast == 10
    world.run(1.0)
    assert server.statistics.bad_requests == 50
    for host in range(101, 201):
        answer(RawClient(tap, world, server, address=gs.Address(f"192.0.2.{host}", 9)))
    assert server.statistics.too_fast == 10 + 90
    world.run(4.0)
    assert server.statistics.bad_requests == 90
    assert server.connections == []
    world.run(1.0)
    assert len(server.connections) == 10


def test_one_address_does_not_use_up_the_rate_of_all() -> None:
    world, tap, server = listening()
    limits_of(server).handshakes_per_second = 25
    limits_of(server).address_handshakes_per_second = 10
    for port in range(1, 201):
        raw = RawClient(tap, world, server, address=gs.Address("192.0.2.7", port))
        assert raw.inject(forged(raw)) == []
    assert server.statistics.bad_requests == 20
    assert server.statistics.too_fast_for_address == 180
    assert answer(RawClient(tap, world, server, address=gs.Address("192.0.2.8", 1))) == "ok"


@pytest.mark.rule("1, 3.5 rule 11")
def test_a_full_server_looks_at_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.endpoint.ids.CONNECTIONS_MAX", 3)
    world, tap, server = listening()
    answers = [answer(RawClient(tap, world, server, address=gs.Address("192.0.2.7", port))) for port in range(1, 101)]
    assert answers == ["ok"] * 3 + ["closed"] * limits.REFUSALS_PER_S + [""] * (97 - limits.REFUSALS_PER_S)
    raw = RawClient(tap, world, server, address=gs.Address("192.0.2.7", 200))
    raw.inject(forged(raw))
    assert (server.statistics.no_room, server.statistics.bad_requests) == (98, 0)


def test_a_refused_client_shows_why() -> None:
    world = sim.World()
    server = world.listen()
    limits_of(server).address_connections_max = 1
    clients = [world.connect(server, host=world.host(gs.Address("192.0.2.7", port))) for port in (1, 2)]
    world.run(1)
    assert clients[0].is_connected
    assert clients[1].state == gs.ConnectionState.CLOSED_BY_PEER
    assert clients[1].end_debug == "The server has too many connections from your address."


def test_what_is_kept_of_addresses_is_bounded() -> None:
    """Clients from ever new networks leave nothing behind."""
    admission = limits.Admission(Limits(), 0)
    for number in range(20_000):
        address = gs.Address.from_packed(b"\x20\x01" + number.to_bytes(6, "big") + bytes(8), 9)
        assert admission.check(address, number * 10_000) == limits.ROOM
    assert len(admission._rates) <= 2 * limits._SWEEP_MIN
