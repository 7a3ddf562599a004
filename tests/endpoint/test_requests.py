"""Are connect requests served oldest first, a few in each turn, and each client's once?"""

from typing import Final

import pytest
from tests.support.listening import listening, make_endpoint
from tests.support.raw_peers import RawClient, Tap, kind, parse

import gamesockets as gs
from gamesockets import sim
from gamesockets.config.options import ConnectionOptions
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.requests import REQUESTS_PER_TURN
from gamesockets.endpoint.strangers import Strangers
from gamesockets.values.address import SocketAddress
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeRequest, ConnectRequest

SECOND: Final = 1_000_000
SERVER: Final = ("203.0.113.1", 27015)
NOW: Final = 5 * SECOND


def asking(server: Endpoint, port: int) -> tuple[Endpoint, bytes, SocketAddress]:
    """A client that has its challenge, its connect request, and where it is. Loopback: no limit for one address."""
    client, remote = make_endpoint(accepts=False), ("127.0.0.1", port)
    client.connect(SERVER, ConnectionOptions.default(), NOW)
    for data in sent(client):
        server.receive_datagram(data, remote, NOW)
    for data in sent(server):
        client.receive_datagram(data, SERVER, NOW)
    [request] = sent(client)
    return client, request, remote


def sent(endpoint: Endpoint) -> list[bytes]:
    return [data for datagrams, _ in endpoint.datagrams_to_send(NOW) for data in datagrams]


def ports_of(server: Endpoint) -> list[int]:
    """Where the connections are, in the order in which they were made."""
    return [remote[1] for remote in server.connections]


BURST: Final = 4
"""So many signatures are looked at before `slow_down` shows."""


def slow_down(endpoint: Endpoint) -> Strangers:
    """One signature a second from now on."""
    assert endpoint.strangers is not None
    endpoint.strangers.limits.handshakes_per_second = 1
    return endpoint.strangers


def slow_endpoint() -> Endpoint:
    """An endpoint that looks at the next signature in a second."""
    server = make_endpoint()
    slow_down(server)
    for port in range(9001, 9001 + BURST):
        _, request, remote = asking(server, port)
        server.receive_datagram(request, remote, NOW)
    sent(server)
    return server


def test_a_storm_is_served_oldest_first_a_few_in_each_turn() -> None:
    server = make_endpoint()
    clients = [asking(server, port) for port in range(1, 31)]
    for _, request, remote in reversed(clients):
        server.receive_datagram(request, remote, NOW)
    oldest_first = [remote[1] for _, _, remote in reversed(clients)]
    for served in (8, 16, 24, 30):
        assert ports_of(server) == oldest_first[:served]
        server.handle_timer(NOW)
        assert ports_of(server) == oldest_first[:served], "this turn has done its share"
        assert server.next_timer() <= NOW
        sent(server)
        server.handle_timer(NOW)
    assert REQUESTS_PER_TURN == 8
    assert [server.next_event() is not None for _ in range(31)] == [True] * 30 + [False]
    assert server.counters.too_fast == 0


def test_who_is_connected_is_served_in_the_middle_of_a_storm() -> None:
    server = make_endpoint()
    client, request, remote = asking(server, 1)
    server.receive_datagram(request, remote, NOW)
    server.accept(server.connections[remote], NOW)
    for data in sent(server):
        client.receive_datagram(data, SERVER, NOW)
    for _, other, where in [asking(server, port) for port in range(2, 60)]:
        server.receive_datagram(other, where, NOW)
    assert len(server.connections) == 1 + REQUESTS_PER_TURN
    [connection] = client.connections.values()
    assert connection.send(b"now", int(gs.SendFlags.RELIABLE_NO_NAGLE), 0, NOW) > 0
    client.touch(connection)
    for data in sent(client):
        server.receive_datagram(data, remote, NOW)
    [message] = server.connections[remote].inbox.take(9)
    assert message.data == b"now"
    assert len(server.connections) == 1 + REQUESTS_PER_TURN


@pytest.mark.rule("1, 3.5 rule 11")
def test_a_client_that_asks_again_waits_once_and_keeps_its_place() -> None:
    """No answer to a challenge request, no second entry, and one look at its signature."""
    server = make_endpoint()
    clients = [asking(server, port) for port in range(1, 21)]
    for _, request, remote in clients:
        server.receive_datagram(request, remote, NOW)
    sent(server)
    first, request, remote = clients[10]
    for _ in range(50):
        server.receive_datagram(request, remote, NOW)
        connection_id = next(iter(first.connections.values())).id
        again = datagram.encode_control(datagram.CHALLENGE_REQUEST, challenge_of(connection_id))
        server.receive_datagram(again, remote, NOW)
        assert sent(server) == []
    for _ in range(5):
        server.handle_timer(NOW)
        sent(server)
    assert ports_of(server) == list(range(1, 21))
    assert server.next_timer() == next(iter(server.connections.values())).next_timer()


def challenge_of(connection_id: int) -> datagram.ControlMessage:
    return ChallengeRequest(connection_id=connection_id, my_timestamp=5)


@pytest.fixture
def slow() -> tuple[sim.World, Tap, sim.Host]:
    """A server that looks at one signature a second, the next in a second."""
    world, tap, server = listening()
    slow_down(server.endpoint)
    for port in range(BURST):
        RawClient(tap, world, server, address=gs.Address("192.0.2.1", 1 + port)).connect()
    return world, tap, server


def test_another_client_at_an_address_takes_over_the_place(slow: tuple[sim.World, Tap, sim.Host]) -> None:
    """A program was started again on its port: the request of the one before is worth nothing any more."""
    world, tap, server = slow
    old, new = [RawClient(tap, world, server, own_id=0x1111_0000 + number) for number in (1, 2)]
    assert old.inject(old.connect_request(old.get_challenge())) == []
    assert [kind(data) for data in new.inject(new.challenge_request())] == ["reply"]
    assert new.inject(new.connect_request(new.get_challenge())) == []
    world.run(1.0)
    assert [parse(data).client_connection_id for data in new.new()] == [new.id]
    assert len(server.connections) == BURST + 1
    world.run(3.0)
    assert server.statistics.bad_requests == 0


@pytest.mark.rule("1, 3.5 rule 6")
def test_the_time_that_a_request_waited_is_told() -> None:
    """So the client does not take it for a long way."""
    world = sim.World()
    server = world.listen()
    slow_down(server.endpoint)
    clients = [world.connect(server) for _ in range(BURST + 2)]
    world.run(1.1)
    assert [client.is_connected for client in clients] == [True] * (BURST + 1) + [False]
    world.run(1.0)
    assert [client.is_connected for client in clients] == [True] * (BURST + 2)
    assert all(client.status().ping < 10 for client in clients)
    assert server.statistics.too_fast == 0


def test_requests_that_waited_too_long_are_not_looked_at(slow: tuple[sim.World, Tap, sim.Host]) -> None:
    world, tap, server = slow
    for number in range(14):
        raw = RawClient(tap, world, server, address=gs.Address(f"192.0.2.{number + 2}", 9))
        assert raw.inject(raw.connect_request(raw.get_challenge())) == []
    world.run(20)
    assert server.statistics.too_fast == 14 - 9
    assert len(server.connections) == BURST + 9


@pytest.mark.rule("1, 3.5 rule 11")
def test_so_many_wait_and_no_more(slow: tuple[sim.World, Tap, sim.Host]) -> None:
    world, tap, server = slow
    strangers = slow_down(server.endpoint)
    strangers.requests.count_max = 5
    for number in range(12):
        raw = RawClient(tap, world, server, address=gs.Address(f"192.0.2.{number + 2}", 9))
        raw.inject(raw.connect_request(raw.get_challenge()))
    assert server.statistics.too_fast == 7
    strangers.limits.waiting_max = 0
    raw = RawClient(tap, world, server)
    raw.inject(raw.connect_request(raw.get_challenge()))
    assert server.statistics.no_room_to_wait == 1


def test_no_owner_of_addresses_gets_more_connections_by_waiting(slow: tuple[sim.World, Tap, sim.Host]) -> None:
    world, tap, server = slow
    slow_down(server.endpoint).limits.address_connections_max = 2
    for port in range(1, 6):
        raw = RawClient(tap, world, server, address=gs.Address("192.0.2.7", port))
        assert raw.inject(raw.connect_request(raw.get_challenge())) == []
    world.run(6)
    assert len(server.connections) == BURST + 2
    assert server.statistics.no_room_for_address == 3


def test_an_address_that_got_a_connection_meanwhile_gets_no_second_one() -> None:
    """Two endpoints of one process were joined while a request from there waited."""
    server = slow_endpoint()
    _, request, remote = asking(server, 2)
    server.receive_datagram(request, remote, NOW)
    partner = make_endpoint(accepts=False)
    joined = server.join(SERVER, partner, ("127.0.0.1", 2), (gs.NetworkingIdentity.localhost(),) * 2, NOW)
    assert joined is not None
    sent(server)
    server.handle_timer(NOW + SECOND)
    assert server.connections["127.0.0.1", 2] is joined[0]
    assert server.counters.ignored == 1


def test_a_forged_request_costs_one_look() -> None:
    server = slow_endpoint()
    _, request, remote = asking(server, 1)
    forged = ConnectRequest.FromString(request[1:])
    forged.crypt.signature = bytes(64)
    data = datagram.encode_control(datagram.CONNECT_REQUEST, forged)
    for _ in range(100):
        assert replies_to_at(server, data, remote) == []
    sent(server)
    server.handle_timer(NOW + SECOND)
    assert server.counters.bad_requests == 1
    assert len(server.connections) == BURST


def replies_to_at(server: Endpoint, data: bytes, remote: SocketAddress) -> list[bytes]:
    server.receive_datagram(data, remote, NOW)
    return sent(server)
