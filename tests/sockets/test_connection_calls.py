"""Do the calls that make, accept, name and close connections do what they promise? (spec 3, part 6)"""

import errno
import os
import socket
from typing import Any

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewLoopback, NewPair, NewSide, Pair, data_of
from tests.support.waiting import DEADLINE_S, collect, wait_until

import gamesockets as gs
from gamesockets.drivers.udp import UdpSocket

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE
UNKNOWN = gs.Connection(0x1234_5678)


@pytest.mark.rule("3, 6.1 rule 4")
def test_the_changes_of_a_normal_life(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(LOCALHOST)
    outgoing = client.connect(server.address(listener))
    change = server.next_change()
    assert (change.old_state, change.connection_info.state) == (State.NONE, State.CONNECTING)
    assert change.connection_info.listen_socket == listener
    incoming = change.connection
    assert server.accept_connection(incoming) == gs.Result.OK
    assert server.info(incoming).state == State.CONNECTED
    change = server.next_change()
    assert (change.connection, change.old_state) == (incoming, State.CONNECTING)
    assert change.connection_info.state == State.CONNECTED
    client.until(State.CONNECTED)
    assert [(c.connection, c.old_state, c.connection_info.state) for c in client.changes] == [
        (outgoing, State.NONE, State.CONNECTING),
        (outgoing, State.CONNECTING, State.CONNECTED),
    ]
    assert {c.connection_info.listen_socket for c in client.changes} == {0}
    assert client.close_connection(outgoing, 1234, "bye")
    change = client.next_change()
    assert (change.old_state, change.connection_info.state) == (State.CONNECTED, State.NONE)
    assert (change.connection_info.end_reason, change.connection_info.end_debug) == (1234, "bye")
    change = server.next_change()
    assert (change.old_state, change.connection_info.state) == (State.CONNECTED, State.CLOSED_BY_PEER)
    assert (change.connection_info.end_reason, change.connection_info.end_debug) == (1234, "bye")
    info = server.info(incoming)
    assert (info.state, info.end_reason, info.end_debug) == (State.CLOSED_BY_PEER, 1234, "bye")
    assert server.close_connection(incoming, 1500, "ignored")
    change = server.next_change()
    assert (change.old_state, change.connection_info.state) == (State.CLOSED_BY_PEER, State.NONE)
    assert (change.connection_info.end_reason, change.connection_info.end_debug) == (1234, "bye")


@pytest.mark.rule("3, 6.3 rule 1", "3, 6.3 rule 3", "3, 14.4 rule 4")
def test_accepting(loopback: Loopback) -> None:
    outgoing, incoming = loopback.request()
    assert loopback.server.accept_connection(UNKNOWN) == gs.Result.INVALID_PARAM
    assert loopback.client.accept_connection(outgoing) == gs.Result.INVALID_PARAM
    assert loopback.server.accept_connection(incoming) == gs.Result.OK
    assert loopback.server.accept_connection(incoming) == gs.Result.INVALID_STATE
    assert loopback.server.send_message_to_connection(incoming, b"first", RELIABLE) == gs.Result.OK
    assert data_of(loopback.client.messages(outgoing)) == [b"first"]


def test_a_request_that_was_given_up_cannot_be_accepted(loopback: Loopback) -> None:
    outgoing, incoming = loopback.request()
    loopback.client.close_connection(outgoing)
    loopback.server.until(State.CLOSED_BY_PEER, incoming)
    assert loopback.server.accept_connection(incoming) == gs.Result.INVALID_STATE
    assert loopback.server.close_connection(incoming)
    assert loopback.server.accept_connection(incoming) == gs.Result.INVALID_PARAM


def test_rejecting(loopback: Loopback) -> None:
    outgoing, incoming = loopback.request()
    assert loopback.server.close_connection(incoming, 1001, "full")
    info = loopback.client.until(State.CLOSED_BY_PEER, outgoing).connection_info
    assert (info.end_reason, info.end_debug) == (1001, "full")
    change = loopback.server.until(State.NONE)
    assert (change.old_state, change.connection_info.end_reason) == (State.CONNECTING, 1001)


@pytest.mark.rule("3, 5.3")
def test_never_accepting_times_out_on_both_sides(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(LOCALHOST, {V.TIMEOUT_INITIAL: 100})
    client.connect(server.address(listener))
    there = server.until(State.PROBLEM_DETECTED_LOCALLY).connection_info
    here = client.until(State.CLOSED_BY_PEER).connection_info
    assert there.end_reason == here.end_reason == gs.EndReason.MISC_TIMEOUT
    assert there.end_debug == here.end_debug != ""


def test_nobody_there(new_side: NewSide) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        client = new_side()
        address = gs.Address.ipv4("127.0.0.1", silent.getsockname()[1])
        outgoing = client.connect(address, {V.TIMEOUT_INITIAL: 50})
        change = client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing)
        assert change.old_state == State.CONNECTING
        assert change.connection_info.end_reason == gs.EndReason.MISC_TIMEOUT
        assert client.send_message_to_connection(outgoing, b"", RELIABLE) == gs.Result.NO_CONNECTION
        assert client.close_connection(outgoing)


def refusing(number: int) -> type[socket.socket]:
    """Sockets that the system lets send nothing."""

    class Refusing(socket.socket):
        refuses = True

        def sendto(self, *arguments: Any) -> int:
            if Refusing.refuses:
                raise OSError(number, os.strerror(number))
            return super().sendto(*arguments)

        def sendmsg(self, *arguments: Any) -> int:
            if Refusing.refuses:
                raise OSError(number, os.strerror(number))
            return super().sendmsg(*arguments)

    return Refusing


class Opening:
    """Stands in for the class of sockets: those of outgoing connections are of the given kind."""

    bind = UdpSocket.bind

    def __init__(self, kind: type[socket.socket]) -> None:
        self._kind = kind

    def open_for(self, peer: gs.Address, local: gs.Address | None = None) -> UdpSocket:
        return UdpSocket.open_for(peer, self._kind, local)


@pytest.mark.rule("3, 6.2 rule 2")
@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.ENOBUFS])
def test_a_connection_says_at_once_that_nothing_can_be_sent(
    new_side: NewSide, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    monkeypatch.setattr("gamesockets.node.node.UdpSocket", Opening(refusing(number)))
    client = new_side()
    what = os.strerror(number)
    outgoing = client.connect(gs.Address("127.0.0.1", 9))
    wait_until(lambda: what in (client.get_detailed_connection_status(outgoing) or ""))
    assert what in (client.get_connection_debug_text(outgoing) or "")
    wait_until(lambda: what in caplog.text)  # a line is delivered once the lock is free
    assert client.info(outgoing).state == State.CONNECTING, "it goes on trying"
    assert client.set_connection_configuration_value(outgoing, V.TIMEOUT_INITIAL, 1)
    change = client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing)
    assert what in change.connection_info.end_debug
    assert change.connection_info.end_reason == gs.EndReason.MISC_TIMEOUT


def test_a_connection_goes_on_when_the_network_is_back(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = refusing(errno.ENETUNREACH)
    monkeypatch.setattr("gamesockets.node.node.UdpSocket", Opening(kind))
    outgoing = loopback.client.connect(loopback.address)
    assert "Nothing can be sent" in (loopback.client.get_detailed_connection_status(outgoing) or "")
    kind.refuses = False  # type: ignore[attr-defined]
    incoming = loopback.server.until(State.CONNECTING).connection
    assert loopback.server.accept_connection(incoming) == gs.Result.OK
    loopback.client.until(State.CONNECTED, outgoing)
    assert "Nothing can be sent" not in (loopback.client.get_detailed_connection_status(outgoing) or "")


@pytest.mark.rule("1, 3.9 rule 1", "3, 6.1 rule 2")
@pytest.mark.parametrize("config", [{V.SYMMETRIC_CONNECT: 1}, {V.MTU_DATA_SIZE: 9}, {V.FAKE_PACKET_LAG_RECV: 9}])
def test_a_connection_with_impossible_values_is_not_made(new_side: NewSide, config: dict[V, int]) -> None:
    client = new_side()
    with pytest.raises(ValueError, match=r"\w"):
        client.connect(gs.Address.ipv4("127.0.0.1", 9), config)
    assert not client.wait(0)


@pytest.mark.rule("1, 3.1 rule 1", "3, 5.13")
def test_too_many_connections(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.endpoint.ids.CONNECTIONS_MAX", 2)
    client = new_side()
    address = gs.Address.ipv4("127.0.0.1", 9)
    assert len({client.connect(address) for _ in range(2)}) == 2
    with pytest.raises(OSError, match="too many connections"):
        client.connect(address)


@pytest.mark.rule("3, 5.3", "3, 13.1 rule 2")
def test_no_common_cipher(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(LOCALHOST)
    outgoing = client.connect(server.address(listener), {V.UNENCRYPTED: 3})
    incoming = server.until(State.CONNECTING).connection
    assert server.accept_connection(incoming) == gs.Result.HANDSHAKE_FAILED
    assert server.until(State.PROBLEM_DETECTED_LOCALLY).connection_info.end_reason == gs.EndReason.REMOTE_BAD_CRYPT
    info = client.until(State.CLOSED_BY_PEER, outgoing).connection_info
    assert info.end_reason == gs.EndReason.REMOTE_BAD_CRYPT


# ---------------------------------------------------------------------- closing


@pytest.mark.rule("3, 6.5 rule 1", "3, 14.4 rule 5")
def test_closing_kills_the_handle_and_drops_unread_messages(pair: Pair) -> None:
    pair.client.send_message_to_connection(pair.outgoing, b"kept", RELIABLE_NO_NAGLE)
    kept = pair.server.messages(pair.incoming)[0]
    pair.client.send_message_to_connection(pair.outgoing, b"unread", RELIABLE_NO_NAGLE)
    assert pair.server.wait(DEADLINE_S)
    sockets = pair.server
    assert sockets.close_connection(pair.incoming)
    assert not sockets.close_connection(pair.incoming)
    assert sockets.receive_messages_on_listen_socket(pair.listen_socket) == []
    with pytest.raises(gs.InvalidHandle):
        sockets.receive_messages_on_connection(pair.incoming)
    assert sockets.send_message_to_connection(pair.incoming, b"x") == gs.Result.INVALID_PARAM
    assert sockets.flush_messages_on_connection(pair.incoming) == gs.Result.INVALID_PARAM
    assert sockets.get_connection_info(pair.incoming) is None
    assert (kept.data, kept.connection, kept.user_data) == (b"kept", pair.incoming, -1)


@pytest.mark.rule("1, 7.5 rule 1", "1, 7.8 rule 1", "3, 5.3", "3, 6.6 rule 1", "3, 6.6 rule 2")
@pytest.mark.parametrize(
    ("reason", "debug", "seen"),
    [
        (0, "", (1000, "Application closed connection")),
        (2000, "", (2000, "Application closed connection in an unusual way")),
        (1000, "ä" * 70, (1000, "ä" * 63)),
    ],
)
def test_reasons_and_texts_of_closing(pair: Pair, reason: int, debug: str, seen: tuple[int, str]) -> None:
    assert pair.client.close_connection(pair.outgoing, reason, debug)
    info = pair.server.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == seen


def test_linger_delivers_what_was_reliable(pair: Pair) -> None:
    data = [bytes([number]) * 2000 for number in range(60)]
    for message in data:
        assert pair.client.send_message_to_connection(pair.outgoing, message, RELIABLE) == gs.Result.OK
    assert pair.client.close_connection(pair.outgoing, 1001, "done", enable_linger=True)
    assert not pair.client.close_connection(pair.outgoing)
    assert pair.client.until(State.NONE).connection_info.end_reason == 1001
    assert data_of(pair.server.messages(pair.incoming, len(data))) == data
    info = pair.server.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == (1001, "done")


def test_messages_stay_readable_after_the_peer_closed(pair: Pair) -> None:
    pair.client.send_message_to_connection(pair.outgoing, b"last words", RELIABLE)
    pair.client.close_connection(pair.outgoing, enable_linger=True)
    pair.server.until(State.CLOSED_BY_PEER)
    assert data_of(pair.server.receive_messages_on_connection(pair.incoming)) == [b"last words"]
    assert pair.server.receive_messages_on_connection(pair.incoming) == []
    assert pair.server.get_lane_status(pair.incoming) == []


def test_a_lingering_connection_delivers_what_is_reliable(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    data = bytes(60_000)
    assert loopback.client.send_message_to_connection(ours, data, RELIABLE) == gs.Result.OK
    assert loopback.client.close_connection(ours, 1001, "after you", enable_linger=True)
    assert loopback.client.get_connection_info(ours) is None
    loopback.server.until(State.CLOSED_BY_PEER, theirs)
    assert [message.data for message in loopback.server.receive_messages_on_connection(theirs)] == [data]
    assert loopback.server.info(theirs).end_debug == "after you"


# ---------------------------------------------------------------------- names, user data, identities


def test_names(pair: Pair) -> None:
    sockets = pair.client
    assert sockets.get_connection_name(pair.outgoing) == ""
    assert sockets.set_connection_name(pair.outgoing, "Jürgen")
    assert sockets.get_connection_name(pair.outgoing) == "Jürgen"
    assert pair.client.info(pair.outgoing).connection_description.endswith(" 'Jürgen'")
    assert sockets.set_connection_name(pair.outgoing, "x" * 31)
    with pytest.raises(ValueError, match="32 bytes, at most 31"):
        sockets.set_connection_name(pair.outgoing, "ü" * 16)
    assert sockets.get_connection_name(pair.outgoing) == "x" * 31
    assert sockets.set_connection_name(pair.outgoing, "")
    assert "'" not in pair.client.info(pair.outgoing).connection_description
    assert not sockets.set_connection_name(UNKNOWN, "nobody")
    assert sockets.get_connection_name(UNKNOWN) is None


def test_user_data_shows_on_waiting_messages(pair: Pair) -> None:
    sockets = pair.server
    assert sockets.get_connection_user_data(pair.incoming) == -1
    pair.client.send_message_to_connection(pair.outgoing, b"waiting", RELIABLE_NO_NAGLE)
    assert sockets.wait(DEADLINE_S)
    assert sockets.set_connection_user_data(pair.incoming, 7)
    message = pair.server.messages(pair.incoming)[0]
    assert message.user_data == 7
    assert sockets.set_connection_user_data(pair.incoming, -(1 << 63))
    assert sockets.get_connection_user_data(pair.incoming) == -(1 << 63)
    assert pair.server.info(pair.incoming).user_data == -(1 << 63)
    pair.client.close_connection(pair.outgoing)
    change = pair.server.until(State.CLOSED_BY_PEER)
    sockets.set_connection_user_data(pair.incoming, 8)
    assert change.connection_info.user_data == -(1 << 63), "the snapshot stays"
    assert not sockets.set_connection_user_data(UNKNOWN, 7)
    assert sockets.get_connection_user_data(UNKNOWN) == -1


def test_user_data_from_the_configuration(new_side: NewSide, new_pair: NewPair) -> None:
    pair = new_pair(
        new_side(config={V.CONNECTION_USER_DATA: 4}),
        new_side(),
        server_config={V.CONNECTION_USER_DATA: 5},
        client_config={V.CONNECTION_USER_DATA: 6},
    )
    assert pair.server.get_connection_user_data(pair.incoming) == 5
    assert pair.client.get_connection_user_data(pair.outgoing) == 6
    pair.server.set_configuration_value(V.CONNECTION_USER_DATA, 9, Scope.LISTEN_SOCKET, pair.listen_socket)
    assert pair.server.get_connection_user_data(pair.incoming) == 5, "copied when it was made"


def test_user_data_of_a_connection_is_the_configuration_value(pair: Pair) -> None:
    sockets = pair.client
    assert sockets.set_connection_configuration_value(pair.outgoing, V.CONNECTION_USER_DATA, 7)
    assert sockets.get_connection_user_data(pair.outgoing) == 7
    assert sockets.set_connection_user_data(pair.outgoing, 8)
    assert sockets.get_connection_configuration_value(pair.outgoing, V.CONNECTION_USER_DATA) == 8
    assert not sockets.set_connection_configuration_value(pair.outgoing, V.CONNECTION_USER_DATA, None)


@pytest.mark.rule("1, 6 rule 10")
def test_identities(new_side: NewSide, new_loopback: NewLoopback) -> None:
    server = new_side(gs.NetworkingIdentity.generic_string("server"))
    client = new_side(gs.NetworkingIdentity.generic_string("client"))
    assert str(client.get_identity()) == "str:client"
    outgoing, incoming = new_loopback(server, client).request()
    assert client.info(outgoing).identity.is_invalid, "the peer did not answer yet"
    assert str(server.info(incoming).identity) == "str:client"
    server.accept_connection(incoming)
    client.until(State.CONNECTED)
    assert str(client.info(outgoing).identity) == "str:server"
    client.send_message_to_connection(outgoing, b"", RELIABLE_NO_NAGLE)
    assert str(server.messages(incoming)[0].identity) == "str:client"


def test_user_data_and_name(loopback: Loopback) -> None:
    connection = loopback.client.connect(loopback.nobody)
    assert loopback.client.get_connection_user_data(connection) == -1
    for number in (0, -1, (1 << 63) - 1, -(1 << 63)):
        assert loopback.client.set_connection_user_data(connection, number)
        assert loopback.client.get_connection_user_data(connection) == number
    assert loopback.client.get_connection_name(connection) == ""
    assert loopback.client.set_connection_name(connection, "Zoë")
    assert loopback.client.get_connection_name(connection) == "Zoë"
    described = loopback.client.info(connection).connection_description
    assert described == f"#{connection} UDP invalid@{loopback.nobody} 'Zoë'"


def test_user_data_of_waiting_messages_is_the_newest(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    loopback.client.send_message_to_connection(ours, b"x", RELIABLE_NO_NAGLE)
    wait_until(lambda: loopback.server.wait(0))
    loopback.server.set_connection_user_data(theirs, 77)
    messages = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)
    assert messages[0].user_data == 77


def test_the_identity_given_is_what_peers_see(loopback: Loopback, new_side: NewSide) -> None:
    me = gs.NetworkingIdentity.generic_string("me")
    named = new_side(me)
    assert named.get_identity() == me
    connection = named.connect(loopback.address)
    assert loopback.server.until(State.CONNECTING).connection_info.identity == me
    assert named.info(connection).identity.is_invalid


@pytest.mark.rule("1, 5.8 rule 4", "3, 3.1")
def test_reset_identity_closes_connections_and_changes_the_name(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    waiting, _ = loopback.request()
    loopback.server.run_callbacks()
    outgoing = loopback.server.connect(loopback.nobody)
    host = gs.NetworkingIdentity.generic_string("host")
    seen: list[gs.StatusInfo] = []
    loopback.server.set_status_callback(seen.append)
    loopback.server.reset_identity(host)
    assert loopback.server.get_identity() == host
    assert loopback.server.get_connection_info(theirs) is None
    assert loopback.server.get_connection_info(outgoing) is None
    for connection in (ours, waiting):
        loopback.client.until(State.CLOSED_BY_PEER, connection)
        ended = loopback.client.info(connection)
        assert (ended.end_reason, ended.end_debug) == (2999, "SteamNetworkingSockets shutdown")
    loopback.server.dispatch_callback(lambda status: None)
    loopback.server.run_callbacks()
    assert {status.connection_info.state for status in seen} == {State.NONE}
    assert {status.connection for status in seen} >= {theirs, outgoing}
    again, _ = loopback.connected()
    assert loopback.client.info(again).identity == host
    for nobody in (None, gs.NetworkingIdentity.invalid()):
        loopback.server.reset_identity(nobody)
        assert loopback.server.get_identity() == gs.NetworkingIdentity.localhost()
    third, _ = loopback.connected()
    assert loopback.client.info(third).identity == gs.NetworkingIdentity.ip_address(loopback.address)
