"""Where does a listen socket listen, and what ends with it? (spec 3, 6.1 and 6.2)"""

import socket

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewPair, NewSide, Pair, data_of
from tests.support.waiting import DEADLINE_S

import gamesockets as gs

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE
UNKNOWN = gs.Connection(0x1234_5678)


@pytest.mark.rule("1, 1.2 rule 4")
def test_port_zero_takes_a_free_port(new_side: NewSide) -> None:
    server = new_side()
    first, second = server.create_listen_socket(LOCALHOST), server.create_listen_socket(LOCALHOST)
    assert server.address(first).ip == "127.0.0.1"
    assert server.address(first).port > 0
    assert server.address(first) != server.address(second)
    assert (first, second) == (0x1_0000, 0x2_0001)


@pytest.mark.rule("1, 7.1 rule 4", "3, 6.8 rule 3")
def test_a_listen_socket_can_use_the_port_of_a_closed_one(new_side: NewSide) -> None:
    server = new_side()
    listener = server.create_listen_socket(LOCALHOST)
    address = server.address(listener)
    assert server.close_listen_socket(listener)
    assert server.get_listen_socket_address(listener) is None
    assert not server.close_listen_socket(listener)
    again = server.create_listen_socket(address)
    assert again == 0x2_0000
    assert server.address(again) == address


def test_an_address_in_use_is_named(new_side: NewSide) -> None:
    server = new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    with pytest.raises(OSError, match=str(address).replace(".", r"\.")):
        server.create_listen_socket(address)


def test_an_address_of_another_machine_is_named(new_side: NewSide) -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        new_side().create_listen_socket(gs.Address.ipv4("192.0.2.1", 0))


@pytest.mark.rule("1, 3.9 rule 1")
@pytest.mark.parametrize(
    "config",
    [{V.SYMMETRIC_CONNECT: 1}, {V.IP_ALLOW_WITHOUT_AUTH: 0}, {V.MTU_DATA_SIZE: 5}, {V.FAKE_PACKET_LAG_SEND: 5}],
)
def test_a_listen_socket_with_impossible_values_is_not_made(new_side: NewSide, config: dict[V, int]) -> None:
    server = new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    with pytest.raises(ValueError, match=r"SYMMETRIC_CONNECT|IP_ALLOW_WITHOUT_AUTH|MTU_DataSize|FakePacketLag_Send"):
        server.create_listen_socket(LOCALHOST, config)
    with pytest.raises(OSError, match="in use"):
        server.create_listen_socket(address)
    assert server.create_listen_socket(LOCALHOST) == 0x2_0001, "no handle was spent"


@pytest.mark.rule("1, 1.2 rule 3")
@pytest.mark.skipif(not socket.has_ipv6, reason="this host has no IPv6")
def test_every_interface_serves_both_families(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(gs.Address.ipv6("::", 0))
    port = server.address(listener).port
    assert str(server.address(listener)) == f"[::]:{port}"
    for address in (gs.Address.ipv4("127.0.0.1", port), gs.Address.localhost(port)):
        outgoing = client.connect(address)
        change = server.until(State.CONNECTING)
        assert change.connection_info.address.ip == address.ip
        assert change.connection_info.address.is_ipv4 == address.is_ipv4
        assert server.accept_connection(change.connection) == gs.Result.OK
        client.until(State.CONNECTED, outgoing)
        client.send_message_to_connection(outgoing, b"hello", RELIABLE_NO_NAGLE)
        assert data_of(server.messages(change.connection)) == [b"hello"]


@pytest.mark.rule("1, 7.1 rule 4", "3, 6.8 rule 3")
def test_closing_a_listen_socket_tells_the_peers(pair: Pair) -> None:
    waiting = pair.client.connect(pair.server.address(pair.listen_socket))
    pair.server.until(State.CONNECTING)
    pair.client.send_message_to_connection(pair.outgoing, b"unread", RELIABLE_NO_NAGLE)
    assert pair.server.wait(DEADLINE_S)
    assert pair.server.close_listen_socket(pair.listen_socket, "maintenance")
    for outgoing in (pair.outgoing, waiting):
        info = pair.client.until(State.CLOSED_BY_PEER, outgoing).connection_info
        assert (info.state, info.end_reason, info.end_debug) == (State.CLOSED_BY_PEER, 1000, "maintenance")
    assert pair.server.get_connection_info(pair.incoming) is None
    assert not pair.server.close_connection(pair.incoming)
    assert {pair.server.until(State.NONE).connection_info.listen_socket for _ in range(2)} == {pair.listen_socket}
    with pytest.raises(gs.InvalidHandle):
        pair.server.receive_messages_on_listen_socket(pair.listen_socket)


def test_closing_a_listen_socket_tells_the_peers_despite_simulated_lag(pair: Pair) -> None:
    assert pair.server.set_configuration_value(V.FAKE_PACKET_LAG_SEND, 50)
    assert pair.server.close_listen_socket(pair.listen_socket)
    info = pair.client.until(State.CLOSED_BY_PEER, pair.outgoing).connection_info
    assert (info.state, info.end_debug) == (State.CLOSED_BY_PEER, "Listen socket closed")


def test_a_closed_listen_socket_leaves_others_alone(pair: Pair, new_pair: NewPair) -> None:
    other = new_pair(pair.server, pair.client)
    assert pair.server.close_listen_socket(pair.listen_socket)
    pair.client.until(State.CLOSED_BY_PEER, pair.outgoing)
    pair.client.send_message_to_connection(other.outgoing, b"still here", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(other.incoming)) == [b"still here"]


@pytest.mark.rule("3, 6.8 rule 2")
def test_a_closed_listen_socket_takes_its_connections_along(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    other, waiting = loopback.request()
    assert loopback.server.close_listen_socket(loopback.listen_socket, "closed for today")
    for connection in (theirs, waiting):
        assert loopback.server.get_connection_info(connection) is None
    for connection in (ours, other):
        loopback.client.until(State.CLOSED_BY_PEER, connection)
        assert loopback.client.info(connection).end_debug == "closed for today"


@pytest.mark.parametrize("text", ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"])
def test_where_a_listen_socket_listens(loopback: Loopback, text: str) -> None:
    address = gs.Address.parse(text)
    bound = loopback.server.get_listen_socket_address(loopback.server.create_listen_socket(address))
    assert bound is not None
    assert bound.ip == address.ip
    assert bound.port > 0
