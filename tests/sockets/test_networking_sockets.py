"""Does every method of the game-loop API do what its description and spec 3 say, over real sockets?"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import gamesockets as gs
from gamesockets.config.scopes import Configuration
from gamesockets.node.process import PROCESS
from gamesockets.observe.snapshots import QUEUE_TIME_UNKNOWN
from gamesockets.values.records import MessageData

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE
LOCAL = gs.Address.ipv4("127.0.0.1", 0)
PATIENCE_S = 10.0
"""How long a test waits for what should come at once: only failures take that long."""
UNKNOWN = gs.Connection(0x1234_5678)


class Side:
    """One `NetworkingSockets` with its status changes, waited for instead of slept for."""

    def __init__(self, identity: gs.NetworkingIdentity | None = None, config: dict[V, int] | None = None) -> None:
        self.sockets = gs.NetworkingSockets(identity, config)
        self.changes: list[gs.StatusInfo] = []

    def listen(self, address: gs.Address = LOCAL, config: dict[V, int] | None = None) -> gs.ListenSocket:
        return self.sockets.create_listen_socket(address, config)

    def address(self, listener: gs.ListenSocket) -> gs.Address:
        address = self.sockets.get_listen_socket_address(listener)
        assert address is not None
        return address

    def next_change(self) -> gs.StatusInfo:
        before = len(self.changes)
        until = time.monotonic() + PATIENCE_S
        while not self.sockets.dispatch_callback(self.changes.append):
            assert time.monotonic() < until, f"no status change; so far {self.changes}"
            self.sockets.wait(PATIENCE_S)
        return self.changes[before]

    def until(self, state: State, connection: int = 0) -> gs.StatusInfo:
        """The next change to that state, of that connection or of any."""
        while True:
            change = self.next_change()
            if change.connection_info.state == state and connection in (0, change.connection):
                return change

    def take(self, receive: Callable[[], list[gs.NetworkingMessage]], count: int = 1) -> list[gs.NetworkingMessage]:
        """Exactly that many messages."""
        messages: list[gs.NetworkingMessage] = []
        until = time.monotonic() + PATIENCE_S
        while len(messages) < count:
            assert time.monotonic() < until, f"{len(messages)} of {count} messages came"
            messages += receive()
            if len(messages) < count:
                self.sockets.wait(1.0)
        assert len(messages) == count
        return messages

    def messages(self, connection: gs.Connection, count: int = 1) -> list[gs.NetworkingMessage]:
        return self.take(lambda: self.sockets.receive_messages_on_connection(connection), count)

    def info(self, connection: gs.Connection) -> gs.ConnectionInfo:
        info = self.sockets.get_connection_info(connection)
        assert info is not None
        return info

    def status(self, connection: gs.Connection) -> gs.ConnectionStatus:
        status = self.sockets.get_quick_connection_status(connection)
        assert status is not None
        return status


@dataclass
class Pair:
    """A server and a client with one established connection between them."""

    server: Side
    client: Side
    listener: gs.ListenSocket
    incoming: gs.Connection
    outgoing: gs.Connection


NewSide = Callable[..., Side]


@pytest.fixture(autouse=True)
def _own_global_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets for the whole process ends with it."""
    monkeypatch.setattr(PROCESS, "configuration", Configuration(Scope.GLOBAL))


@pytest.fixture
def new_side() -> Iterator[NewSide]:
    with ExitStack() as stack:

        def make(identity: gs.NetworkingIdentity | None = None, config: dict[V, int] | None = None) -> Side:
            side = Side(identity, config)
            stack.callback(side.sockets.close)
            return side

        yield make


@pytest.fixture
def pair(new_side: NewSide) -> Pair:
    return connect(new_side(), new_side())


def connect(
    server: Side,
    client: Side,
    address: gs.Address = LOCAL,
    server_config: dict[V, int] | None = None,
    client_config: dict[V, int] | None = None,
) -> Pair:
    listener = server.listen(address, server_config)
    return join(server, client, listener, client_config)


def join(server: Side, client: Side, listener: gs.ListenSocket, client_config: dict[V, int] | None = None) -> Pair:
    outgoing = client.sockets.connect(server.address(listener), client_config)
    incoming = server.until(State.CONNECTING).connection
    assert server.sockets.accept_connection(incoming) == gs.Result.OK
    server.until(State.CONNECTED, incoming)
    client.until(State.CONNECTED, outgoing)
    return Pair(server, client, listener, incoming, outgoing)


def pending(server: Side, client: Side) -> Pair:
    """A connection that the server has not accepted yet."""
    listener = server.listen()
    outgoing = client.sockets.connect(server.address(listener))
    incoming = server.until(State.CONNECTING).connection
    return Pair(server, client, listener, incoming, outgoing)


def eventually(condition: Callable[[], bool]) -> None:
    """For what no event tells of."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.002)


def data_of(messages: list[gs.NetworkingMessage]) -> list[bytes]:
    return [message.data for message in messages]


# ---------------------------------------------------------------------- listening


def test_port_zero_takes_a_free_port(new_side: NewSide) -> None:
    server = new_side()
    first, second = server.listen(), server.listen()
    assert server.address(first).ip == "127.0.0.1"
    assert server.address(first).port > 0
    assert server.address(first) != server.address(second)
    assert (first, second) == (0x1_0000, 0x2_0001)


def test_a_listen_socket_can_use_the_port_of_a_closed_one(new_side: NewSide) -> None:
    server = new_side()
    listener = server.listen()
    address = server.address(listener)
    assert server.sockets.close_listen_socket(listener)
    assert server.sockets.get_listen_socket_address(listener) is None
    assert not server.sockets.close_listen_socket(listener)
    again = server.listen(address)
    assert again == 0x2_0000
    assert server.address(again) == address


def test_an_address_in_use_is_named(new_side: NewSide) -> None:
    server = new_side()
    address = server.address(server.listen())
    with pytest.raises(OSError, match=str(address).replace(".", r"\.")):
        server.listen(address)


def test_an_address_of_another_machine_is_named(new_side: NewSide) -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        new_side().listen(gs.Address.ipv4("192.0.2.1", 0))


@pytest.mark.parametrize(
    "config",
    [{V.SYMMETRIC_CONNECT: 1}, {V.IP_ALLOW_WITHOUT_AUTH: 0}, {V.MTU_DATA_SIZE: 5}, {V.FAKE_PACKET_LAG_SEND: 5}],
)
def test_a_listen_socket_with_impossible_values_is_not_made(new_side: NewSide, config: dict[V, int]) -> None:
    server = new_side()
    address = server.address(server.listen())
    with pytest.raises(ValueError, match=r"SYMMETRIC_CONNECT|IP_ALLOW_WITHOUT_AUTH|MTU_DataSize|FakePacketLag_Send"):
        server.listen(config=config)
    with pytest.raises(OSError, match="in use"):
        server.listen(address)
    assert server.listen() == 0x2_0001, "no handle was spent"


@pytest.mark.skipif(not socket.has_ipv6, reason="this host has no IPv6")
def test_every_interface_serves_both_families(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen(gs.Address.ipv6("::", 0))
    port = server.address(listener).port
    assert str(server.address(listener)) == f"[::]:{port}"
    for address in (gs.Address.ipv4("127.0.0.1", port), gs.Address.localhost(port)):
        outgoing = client.sockets.connect(address)
        change = server.until(State.CONNECTING)
        assert change.connection_info.address.ip == address.ip
        assert change.connection_info.address.is_ipv4 == address.is_ipv4
        assert server.sockets.accept_connection(change.connection) == gs.Result.OK
        client.until(State.CONNECTED, outgoing)
        client.sockets.send_message_to_connection(outgoing, b"hello", RELIABLE_NO_NAGLE)
        assert data_of(server.messages(change.connection)) == [b"hello"]


def test_closing_a_listen_socket_tells_the_peers(pair: Pair) -> None:
    waiting = pair.client.sockets.connect(pair.server.address(pair.listener))
    pair.server.until(State.CONNECTING)
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"unread", RELIABLE_NO_NAGLE)
    assert pair.server.sockets.wait(PATIENCE_S)
    assert pair.server.sockets.close_listen_socket(pair.listener, "maintenance")
    for outgoing in (pair.outgoing, waiting):
        info = next_end(pair.client, outgoing)
        assert (info.state, info.end_reason, info.end_debug) == (State.CLOSED_BY_PEER, 1000, "maintenance")
    assert pair.server.sockets.get_connection_info(pair.incoming) is None
    assert not pair.server.sockets.close_connection(pair.incoming)
    assert {pair.server.until(State.NONE).connection_info.listen_socket for _ in range(2)} == {pair.listener}
    with pytest.raises(gs.InvalidHandle):
        pair.server.sockets.receive_messages_on_listen_socket(pair.listener)


def next_end(side: Side, connection: gs.Connection) -> gs.ConnectionInfo:
    """How a connection ended, whether or not the change was dispatched already."""
    ends = (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY)
    while True:
        for change in side.changes:
            if change.connection == connection and change.connection_info.state in ends:
                return change.connection_info
        side.next_change()


def test_closing_a_listen_socket_tells_the_peers_despite_simulated_lag(pair: Pair) -> None:
    assert pair.server.sockets.set_configuration_value(V.FAKE_PACKET_LAG_SEND, 50)
    assert pair.server.sockets.close_listen_socket(pair.listener)
    info = next_end(pair.client, pair.outgoing)
    assert (info.state, info.end_debug) == (State.CLOSED_BY_PEER, "Listen socket closed")


def test_a_closed_listen_socket_leaves_others_alone(pair: Pair) -> None:
    other = connect(pair.server, pair.client)
    assert pair.server.sockets.close_listen_socket(pair.listener)
    next_end(pair.client, pair.outgoing)
    pair.client.sockets.send_message_to_connection(other.outgoing, b"still here", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(other.incoming)) == [b"still here"]


# ---------------------------------------------------------------------- connecting, accepting, closing


def test_the_changes_of_a_normal_life(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen()
    outgoing = client.sockets.connect(server.address(listener))
    change = server.next_change()
    assert (change.old_state, change.connection_info.state) == (State.NONE, State.CONNECTING)
    assert change.connection_info.listen_socket == listener
    incoming = change.connection
    assert server.sockets.accept_connection(incoming) == gs.Result.OK
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
    assert client.sockets.close_connection(outgoing, 1234, "bye")
    change = client.next_change()
    assert (change.old_state, change.connection_info.state) == (State.CONNECTED, State.NONE)
    assert (change.connection_info.end_reason, change.connection_info.end_debug) == (1234, "bye")
    change = server.next_change()
    assert (change.old_state, change.connection_info.state) == (State.CONNECTED, State.CLOSED_BY_PEER)
    assert (change.connection_info.end_reason, change.connection_info.end_debug) == (1234, "bye")
    info = server.info(incoming)
    assert (info.state, info.end_reason, info.end_debug) == (State.CLOSED_BY_PEER, 1234, "bye")
    assert server.sockets.close_connection(incoming, 1500, "ignored")
    change = server.next_change()
    assert (change.old_state, change.connection_info.state) == (State.CLOSED_BY_PEER, State.NONE)
    assert (change.connection_info.end_reason, change.connection_info.end_debug) == (1234, "bye")


def test_accepting(new_side: NewSide) -> None:
    pair = pending(new_side(), new_side())
    assert pair.server.sockets.accept_connection(UNKNOWN) == gs.Result.INVALID_PARAM
    assert pair.client.sockets.accept_connection(pair.outgoing) == gs.Result.INVALID_PARAM
    assert pair.server.sockets.accept_connection(pair.incoming) == gs.Result.OK
    assert pair.server.sockets.accept_connection(pair.incoming) == gs.Result.INVALID_STATE
    assert pair.server.sockets.send_message_to_connection(pair.incoming, b"first", RELIABLE) == gs.Result.OK
    assert data_of(pair.client.messages(pair.outgoing)) == [b"first"]


def test_a_request_that_was_given_up_cannot_be_accepted(new_side: NewSide) -> None:
    pair = pending(new_side(), new_side())
    pair.client.sockets.close_connection(pair.outgoing)
    pair.server.until(State.CLOSED_BY_PEER, pair.incoming)
    assert pair.server.sockets.accept_connection(pair.incoming) == gs.Result.INVALID_STATE
    assert pair.server.sockets.close_connection(pair.incoming)
    assert pair.server.sockets.accept_connection(pair.incoming) == gs.Result.INVALID_PARAM


def test_rejecting(new_side: NewSide) -> None:
    pair = pending(new_side(), new_side())
    assert pair.server.sockets.close_connection(pair.incoming, 1001, "full")
    info = pair.client.until(State.CLOSED_BY_PEER, pair.outgoing).connection_info
    assert (info.end_reason, info.end_debug) == (1001, "full")
    change = pair.server.until(State.NONE)
    assert (change.old_state, change.connection_info.end_reason) == (State.CONNECTING, 1001)


def test_never_accepting_times_out_on_both_sides(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen(config={V.TIMEOUT_INITIAL: 100})
    client.sockets.connect(server.address(listener))
    there = server.until(State.PROBLEM_DETECTED_LOCALLY).connection_info
    here = client.until(State.CLOSED_BY_PEER).connection_info
    assert there.end_reason == here.end_reason == gs.EndReason.MISC_TIMEOUT
    assert there.end_debug == here.end_debug != ""


def test_nobody_there(new_side: NewSide) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        client = new_side()
        address = gs.Address.ipv4("127.0.0.1", silent.getsockname()[1])
        outgoing = client.sockets.connect(address, {V.TIMEOUT_INITIAL: 50})
        change = client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing)
        assert change.old_state == State.CONNECTING
        assert change.connection_info.end_reason == gs.EndReason.MISC_TIMEOUT
        assert client.sockets.send_message_to_connection(outgoing, b"", RELIABLE) == gs.Result.NO_CONNECTION
        assert client.sockets.close_connection(outgoing)


@pytest.mark.parametrize("port", [0, 9])
def test_connecting_to_a_useless_address_gives_a_handle(new_side: NewSide, port: int) -> None:
    client = new_side()
    nowhere = gs.Address.ipv4("0.0.0.0", port)  # noqa: S104 - nothing is bound to it
    outgoing = client.sockets.connect(nowhere, {V.TIMEOUT_INITIAL: 50})
    assert client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing).connection_info.end_reason > 0


@pytest.mark.parametrize("config", [{V.SYMMETRIC_CONNECT: 1}, {V.MTU_DATA_SIZE: 9}, {V.FAKE_PACKET_LAG_RECV: 9}])
def test_a_connection_with_impossible_values_is_not_made(new_side: NewSide, config: dict[V, int]) -> None:
    client = new_side()
    with pytest.raises(ValueError, match=r"\w"):
        client.sockets.connect(gs.Address.ipv4("127.0.0.1", 9), config)
    assert not client.sockets.wait(0)


def test_closing_kills_the_handle_and_drops_unread_messages(pair: Pair) -> None:
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"kept", RELIABLE_NO_NAGLE)
    kept = pair.server.messages(pair.incoming)[0]
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"unread", RELIABLE_NO_NAGLE)
    assert pair.server.sockets.wait(PATIENCE_S)
    sockets = pair.server.sockets
    assert sockets.close_connection(pair.incoming)
    assert not sockets.close_connection(pair.incoming)
    assert sockets.receive_messages_on_listen_socket(pair.listener) == []
    with pytest.raises(gs.InvalidHandle):
        sockets.receive_messages_on_connection(pair.incoming)
    assert sockets.send_message_to_connection(pair.incoming, b"x") == gs.Result.INVALID_PARAM
    assert sockets.flush_messages_on_connection(pair.incoming) == gs.Result.INVALID_PARAM
    assert sockets.get_connection_info(pair.incoming) is None
    assert (kept.data, kept.connection, kept.user_data) == (b"kept", pair.incoming, -1)


@pytest.mark.parametrize(
    ("reason", "debug", "seen"),
    [
        (0, "", (1000, "Application closed connection")),
        (2000, "", (2000, "Application closed connection in an unusual way")),
        (999, "x", (1999, "Invalid numeric reason code")),
        (3000, "x", (1999, "Invalid numeric reason code")),
        (1000, "ä" * 70, (1000, "ä" * 63)),
    ],
)
def test_reasons_and_texts_of_closing(pair: Pair, reason: int, debug: str, seen: tuple[int, str]) -> None:
    assert pair.client.sockets.close_connection(pair.outgoing, reason, debug)
    info = pair.server.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == seen


def test_linger_delivers_what_was_reliable(pair: Pair) -> None:
    data = [bytes([number]) * 2000 for number in range(60)]
    for message in data:
        assert pair.client.sockets.send_message_to_connection(pair.outgoing, message, RELIABLE) == gs.Result.OK
    assert pair.client.sockets.close_connection(pair.outgoing, 1001, "done", enable_linger=True)
    assert not pair.client.sockets.close_connection(pair.outgoing)
    assert pair.client.until(State.NONE).connection_info.end_reason == 1001
    assert data_of(pair.server.messages(pair.incoming, len(data))) == data
    info = pair.server.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == (1001, "done")


def test_messages_stay_readable_after_the_peer_closed(pair: Pair) -> None:
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"last words", RELIABLE)
    pair.client.sockets.close_connection(pair.outgoing, enable_linger=True)
    pair.server.until(State.CLOSED_BY_PEER)
    assert data_of(pair.server.sockets.receive_messages_on_connection(pair.incoming)) == [b"last words"]
    assert pair.server.sockets.receive_messages_on_connection(pair.incoming) == []
    assert pair.server.sockets.get_lane_status(pair.incoming) == []


# ---------------------------------------------------------------------- the object itself


def test_close_tells_the_peers_of_connections_that_linger(pair: Pair) -> None:
    """What was on its way is lost, but nobody is left in the dark until a timeout."""
    for _ in range(8):
        pair.client.sockets.send_message_to_connection(pair.outgoing, bytes(50_000), RELIABLE)
    assert pair.client.sockets.close_connection(pair.outgoing, 1008, "in a hurry", enable_linger=True)
    pair.client.sockets.close()
    info = pair.server.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == (1008, "in a hurry")


def test_close_tells_the_peers_and_may_be_repeated(pair: Pair) -> None:
    sockets = pair.server.sockets
    sockets.close()
    sockets.close()
    info = pair.client.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == (2999, "SteamNetworkingSockets shutdown")
    assert not sockets.wait()
    assert not sockets.dispatch_callback(pair.server.changes.append), "what waited is forgotten"
    assert sockets.get_connection_info(pair.incoming) is None
    assert not sockets.close_connection(pair.incoming)
    with pytest.raises(OSError, match="closed"):
        sockets.create_listen_socket(LOCAL)
    with pytest.raises(OSError, match="closed"):
        sockets.connect(LOCAL)


def test_context_manager(new_side: NewSide) -> None:
    client = new_side()
    with gs.NetworkingSockets() as sockets:
        address = sockets.get_listen_socket_address(sockets.create_listen_socket(LOCAL))
        assert address is not None
        client.sockets.connect(address)
        assert sockets.wait(PATIENCE_S)
    assert client.until(State.CLOSED_BY_PEER).connection_info.end_reason == 2999
    with pytest.raises(OSError, match="closed"):
        sockets.create_listen_socket(LOCAL)


def test_a_fault_inside_the_context_comes_out_and_closes() -> None:
    with pytest.raises(RuntimeError, match="on purpose"), gs.NetworkingSockets() as sockets:
        raise RuntimeError("on purpose")
    assert not sockets.wait()


def test_objects_of_one_process_are_independent(pair: Pair, new_side: NewSide) -> None:
    third = new_side()
    other = third.sockets.connect(pair.server.address(pair.listener))
    incoming = pair.server.until(State.CONNECTING).connection
    assert pair.server.sockets.accept_connection(incoming) == gs.Result.OK
    pair.client.sockets.close()
    pair.server.until(State.CLOSED_BY_PEER, pair.incoming)
    third.until(State.CONNECTED, other)
    third.sockets.send_message_to_connection(other, b"still here", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(incoming)) == [b"still here"]
    assert third.sockets.get_connection_info(pair.incoming) is None, "handles of another object are unknown"


def test_too_many_connections(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.endpoint.ids.CONNECTIONS_MAX", 2)
    client = new_side()
    address = gs.Address.ipv4("127.0.0.1", 9)
    assert len({client.sockets.connect(address) for _ in range(2)}) == 2
    with pytest.raises(OSError, match="too many connections"):
        client.sockets.connect(address)


def test_one_object_may_talk_to_itself(new_side: NewSide) -> None:
    side = new_side()
    listener = side.listen()
    outgoing = side.sockets.connect(side.address(listener))
    while not (incoming := [c.connection for c in side.changes if c.connection_info.listen_socket]):
        side.next_change()
    assert side.sockets.accept_connection(incoming[0]) == gs.Result.OK
    side.until(State.CONNECTED, outgoing)
    side.sockets.send_message_to_connection(outgoing, b"to myself", RELIABLE_NO_NAGLE)
    assert data_of(side.messages(incoming[0])) == [b"to myself"]


def test_identities(new_side: NewSide) -> None:
    server = new_side(gs.NetworkingIdentity.generic_string("server"))
    client = new_side(gs.NetworkingIdentity.generic_string("client"))
    assert str(client.sockets.get_identity()) == "str:client"
    pair = pending(server, client)
    assert client.info(pair.outgoing).identity.is_invalid, "the peer did not answer yet"
    assert str(server.info(pair.incoming).identity) == "str:client"
    server.sockets.accept_connection(pair.incoming)
    client.until(State.CONNECTED)
    assert str(client.info(pair.outgoing).identity) == "str:server"
    client.sockets.send_message_to_connection(pair.outgoing, b"", RELIABLE_NO_NAGLE)
    assert str(server.messages(pair.incoming)[0].identity) == "str:client"


def test_the_identity_of_the_library_is_the_default(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROCESS, "identity", None)
    assert new_side().sockets.get_identity().is_localhost
    assert gs.Library.initialize(gs.NetworkingIdentity.generic_string("everyone"))
    assert str(new_side().sockets.get_identity()) == "str:everyone"
    assert str(new_side(gs.NetworkingIdentity.steam_id(7)).sockets.get_identity()) == "steamid:7"
    assert new_side(gs.NetworkingIdentity.invalid()).sockets.get_identity().is_localhost


def test_a_hundred_clients(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen()
    outgoing = [client.sockets.connect(server.address(listener)) for _ in range(100)]
    accepted: set[int] = set()
    while len(accepted) < len(outgoing):
        change = server.until(State.CONNECTING)
        assert server.sockets.accept_connection(change.connection) == gs.Result.OK
        accepted.add(change.connection)
    connected: set[int] = set()
    while len(connected) < len(outgoing):
        connected.add(client.until(State.CONNECTED).connection)
    assert connected == set(outgoing)
    for number, connection in enumerate(outgoing):
        client.sockets.send_message_to_connection(connection, str(number).encode(), RELIABLE_NO_NAGLE)
    came = server.take(lambda: server.sockets.receive_messages_on_listen_socket(listener), len(outgoing))
    assert {message.connection for message in came} == accepted
    assert sorted(int(message.data) for message in came) == list(range(len(outgoing)))
    for message in came:
        server.sockets.send_message_to_connection(message.connection, message.data, RELIABLE_NO_NAGLE)
    for number, connection in enumerate(outgoing):
        assert data_of(client.messages(connection)) == [str(number).encode()]
    server.sockets.close_listen_socket(listener)
    for _ in outgoing:
        client.until(State.CLOSED_BY_PEER)


# ---------------------------------------------------------------------- properties


def test_names(pair: Pair) -> None:
    sockets = pair.client.sockets
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
    sockets = pair.server.sockets
    assert sockets.get_connection_user_data(pair.incoming) == -1
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"waiting", RELIABLE_NO_NAGLE)
    assert sockets.wait(PATIENCE_S)
    assert sockets.set_connection_user_data(pair.incoming, 7)
    message = pair.server.messages(pair.incoming)[0]
    assert message.user_data == 7
    assert sockets.set_connection_user_data(pair.incoming, -(1 << 63))
    assert sockets.get_connection_user_data(pair.incoming) == -(1 << 63)
    assert pair.server.info(pair.incoming).user_data == -(1 << 63)
    pair.client.sockets.close_connection(pair.outgoing)
    change = pair.server.until(State.CLOSED_BY_PEER)
    sockets.set_connection_user_data(pair.incoming, 8)
    assert change.connection_info.user_data == -(1 << 63), "the snapshot stays"
    assert not sockets.set_connection_user_data(UNKNOWN, 7)
    assert sockets.get_connection_user_data(UNKNOWN) == -1


def test_user_data_from_the_configuration(new_side: NewSide) -> None:
    pair = connect(
        new_side(config={V.CONNECTION_USER_DATA: 4}),
        new_side(),
        server_config={V.CONNECTION_USER_DATA: 5},
        client_config={V.CONNECTION_USER_DATA: 6},
    )
    assert pair.server.sockets.get_connection_user_data(pair.incoming) == 5
    assert pair.client.sockets.get_connection_user_data(pair.outgoing) == 6
    pair.server.sockets.set_configuration_value(V.CONNECTION_USER_DATA, 9, Scope.LISTEN_SOCKET, pair.listener)
    assert pair.server.sockets.get_connection_user_data(pair.incoming) == 5, "copied when it was made"


def test_user_data_of_a_connection_is_the_configuration_value(pair: Pair) -> None:
    sockets = pair.client.sockets
    assert sockets.set_connection_configuration_value(pair.outgoing, V.CONNECTION_USER_DATA, 7)
    assert sockets.get_connection_user_data(pair.outgoing) == 7
    assert sockets.set_connection_user_data(pair.outgoing, 8)
    assert sockets.get_connection_configuration_value(pair.outgoing, V.CONNECTION_USER_DATA) == 8
    assert not sockets.set_connection_configuration_value(pair.outgoing, V.CONNECTION_USER_DATA, None)


# ---------------------------------------------------------------------- information


def test_info_of_both_sides(pair: Pair) -> None:
    here, there = pair.client.info(pair.outgoing), pair.server.info(pair.incoming)
    assert here.address == pair.server.address(pair.listener)
    assert here.address.ip == there.address.ip == "127.0.0.1"
    assert (here.listen_socket, there.listen_socket) == (0, pair.listener)
    assert here.connection_description == f"#{pair.outgoing} UDP {here.address}"
    assert there.connection_description == f"#{pair.incoming} UDP {there.address}"
    assert here.flags == there.flags == gs.ConnectionInfoFlags.UNAUTHENTICATED | gs.ConnectionInfoFlags.FAST
    assert (here.end_reason, here.end_debug) == (0, "")
    assert pair.client.sockets.get_connection_info(UNKNOWN) is None


def test_info_while_connecting_and_with_identity(new_side: NewSide) -> None:
    pair = pending(new_side(), new_side(gs.NetworkingIdentity.generic_string("me")))
    here, there = pair.client.info(pair.outgoing), pair.server.info(pair.incoming)
    assert here.connection_description == f"#{pair.outgoing} UDP invalid@{here.address}"
    assert there.connection_description == f"#{pair.incoming} UDP str:me@{there.address}"
    assert here.state == there.state == State.CONNECTING
    assert gs.ConnectionInfoFlags.UNENCRYPTED in here.flags


def test_a_plain_connection_says_so(new_side: NewSide) -> None:
    plain = {V.UNENCRYPTED: 3}
    pair = connect(new_side(), new_side(), server_config=plain, client_config=plain)
    for info in (pair.client.info(pair.outgoing), pair.server.info(pair.incoming)):
        assert gs.ConnectionInfoFlags.UNENCRYPTED in info.flags
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"in the clear", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(pair.incoming)) == [b"in the clear"]


def test_no_common_cipher(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen()
    outgoing = client.sockets.connect(server.address(listener), {V.UNENCRYPTED: 3})
    incoming = server.until(State.CONNECTING).connection
    assert server.sockets.accept_connection(incoming) == gs.Result.HANDSHAKE_FAILED
    assert server.until(State.PROBLEM_DETECTED_LOCALLY).connection_info.end_reason == gs.EndReason.REMOTE_BAD_CRYPT
    info = client.until(State.CLOSED_BY_PEER, outgoing).connection_info
    assert info.end_reason == gs.EndReason.REMOTE_BAD_CRYPT


def test_quick_status(pair: Pair) -> None:
    status = pair.client.status(pair.outgoing)
    assert status.state == State.CONNECTED
    assert 0 <= status.ping < 2000
    assert (status.connection_quality_local, status.connection_quality_remote) == (-1, -1)
    assert status.send_rate_bytes_per_second == 262_144
    assert status.out_packets_per_second == status.in_bytes_per_second == 0
    assert (status.pending_unreliable, status.pending_reliable, status.sent_unacked_reliable) == (0, 0, 0)
    assert (status.queue_time, status.max_jitter) == (0, -1)
    assert pair.client.sockets.set_connection_configuration_value(pair.outgoing, V.NAGLE_TIME, 20_000)
    sent = pair.client.sockets.send_messages(
        [
            gs.OutgoingMessage(pair.outgoing, bytes(100), gs.SendFlags.UNRELIABLE),
            gs.OutgoingMessage(pair.outgoing, bytes(200), RELIABLE),
        ]
    )
    status = pair.client.status(pair.outgoing)
    assert sent == [1, 2]
    assert status.pending_unreliable in (0, 100)
    assert status.pending_reliable + status.sent_unacked_reliable <= 210
    assert data_of(pair.server.messages(pair.incoming, 2)) == [bytes(100), bytes(200)]
    eventually(lambda: pair.client.status(pair.outgoing).sent_unacked_reliable == 0)


def test_status_of_much_waiting_data(pair: Pair) -> None:
    for _ in range(4):
        assert pair.client.sockets.send_message_to_connection(pair.outgoing, bytes(100_000), RELIABLE) == gs.Result.OK
    status = pair.client.status(pair.outgoing)
    assert status.pending_reliable > 300_000
    assert 500_000 < status.queue_time < 2_000_000
    assert pair.client.sockets.close_connection(pair.outgoing)
    assert pair.client.sockets.get_quick_connection_status(pair.outgoing) is None


def test_status_in_other_states(new_side: NewSide) -> None:
    pair = pending(new_side(), new_side())
    status = pair.client.status(pair.outgoing)
    assert (status.state, status.queue_time) == (State.CONNECTING, QUEUE_TIME_UNKNOWN)
    pair.server.sockets.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert pair.client.status(pair.outgoing).state == State.CLOSED_BY_PEER
    assert pair.client.sockets.get_quick_connection_status(UNKNOWN) is None
    assert pair.client.sockets.get_lane_status(UNKNOWN) is None


# ---------------------------------------------------------------------- sending


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_data_is_copied(pair: Pair, kind: Callable[[bytearray], MessageData]) -> None:
    source = bytearray(b"before")
    data = kind(source)
    assert pair.client.sockets.send_message_to_connection(pair.outgoing, data, RELIABLE) == gs.Result.OK
    source[:] = b"after!"
    assert data_of(pair.server.messages(pair.incoming)) == [b"before"]


def test_fields_of_a_message(pair: Pair) -> None:
    before = gs.Library.time()
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"", RELIABLE)
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"now", gs.SendFlags.UNRELIABLE_NO_NAGLE)
    empty, plain = pair.server.messages(pair.incoming, 2)
    assert (empty.data, empty.length, empty.flags, empty.message_number) == (b"", 0, RELIABLE, 1)
    assert (plain.data, plain.flags, plain.message_number) == (b"now", gs.SendFlags.UNRELIABLE, 2)
    assert (plain.connection, plain.lane, plain.channel) == (pair.incoming, 0, -1)
    assert before <= plain.time_received <= gs.Library.time()
    assert plain.identity == pair.server.info(pair.incoming).identity


def test_results_of_sending(pair: Pair) -> None:
    send = pair.client.sockets.send_message_to_connection
    assert send(UNKNOWN, b"") == gs.Result.INVALID_PARAM
    assert send(pair.outgoing, b"", RELIABLE, 1) == gs.Result.INVALID_PARAM
    assert send(pair.outgoing, bytes(524_289), RELIABLE) == gs.Result.INVALID_PARAM
    assert send(pair.outgoing, bytes(524_288), RELIABLE) == gs.Result.OK
    assert send(pair.outgoing, bytes(524_288), RELIABLE) == gs.Result.LIMIT_EXCEEDED
    pair.server.sockets.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert send(pair.outgoing, b"", RELIABLE) == gs.Result.NO_CONNECTION


def test_sending_before_connected(new_side: NewSide) -> None:
    pair = pending(new_side(), new_side())
    for side, connection in ((pair.client, pair.outgoing), (pair.server, pair.incoming)):
        send = side.sockets.send_message_to_connection
        assert send(connection, b"early", RELIABLE) == gs.Result.OK
        assert send(connection, b"", RELIABLE | gs.SendFlags.NO_DELAY) == gs.Result.IGNORED
        assert side.sockets.flush_messages_on_connection(connection) == gs.Result.IGNORED
    assert pair.server.sockets.accept_connection(pair.incoming) == gs.Result.OK
    assert data_of(pair.server.messages(pair.incoming)) == [b"early"]
    assert data_of(pair.client.messages(pair.outgoing)) == [b"early"]


def test_flush_by_state(pair: Pair) -> None:
    flush = pair.client.sockets.flush_messages_on_connection
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"company?", RELIABLE)
    assert flush(pair.outgoing) == gs.Result.OK
    assert pair.client.status(pair.outgoing).pending_reliable == 0
    assert data_of(pair.server.messages(pair.incoming)) == [b"company?"]
    pair.server.sockets.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert flush(pair.outgoing) == gs.Result.NO_CONNECTION
    assert flush(UNKNOWN) == gs.Result.INVALID_PARAM


def test_many_at_once(pair: Pair) -> None:
    other = join(pair.server, pair.client, pair.listener)
    one, two = pair.outgoing, other.outgoing
    invalid = -int(gs.Result.INVALID_PARAM)
    message = gs.OutgoingMessage
    results = pair.client.sockets.send_messages(
        [
            message(one, b"a", RELIABLE),
            message(two, b"b", RELIABLE),
            message(one, b"wrong lane", RELIABLE, 3),
            message(one, b"not tried", RELIABLE),
            message(UNKNOWN, b"", RELIABLE),
            message(UNKNOWN, b"", RELIABLE),
            message(two, bytearray(b"c"), RELIABLE),
        ]
    )
    assert results == [1, 1, invalid, 0, invalid, 0, 2]
    assert data_of(pair.server.messages(pair.incoming)) == [b"a"]
    assert data_of(pair.server.messages(other.incoming, 2)) == [b"b", b"c"]
    assert pair.client.sockets.send_messages([message(one, b"d", RELIABLE)]) == [2], "no number was spent"
    assert pair.client.sockets.send_messages([]) == []
    full = pair.client.sockets.send_messages([message(one, bytes(300_000), RELIABLE)] * 3)
    assert full == [3, -int(gs.Result.LIMIT_EXCEEDED), 0]


def test_lanes(pair: Pair) -> None:
    configure = pair.client.sockets.configure_connection_lanes
    assert configure(pair.outgoing, [1, 0, 0], [1, 2, 1]) == gs.Result.OK
    assert configure(pair.outgoing, [0, 0]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, []) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 256) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 3, [1, 1]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 3, [1, 0, 1]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 3, [1, 65_536, 1]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0, 1 << 31, 0]) == gs.Result.INVALID_PARAM
    assert configure(UNKNOWN, [0]) == gs.Result.NO_CONNECTION
    send = pair.client.sockets.send_message_to_connection
    assert send(pair.outgoing, bytes(5000), RELIABLE, 0) == gs.Result.OK
    assert send(pair.outgoing, b"urgent", RELIABLE, 2) == gs.Result.OK
    assert send(pair.outgoing, b"", RELIABLE, 3) == gs.Result.INVALID_PARAM
    lanes = pair.client.sockets.get_lane_status(pair.outgoing)
    assert lanes is not None
    assert len(lanes) == 3
    assert pair.client.status(pair.outgoing).queue_time == QUEUE_TIME_UNKNOWN
    came = {message.lane: message for message in pair.server.messages(pair.incoming, 2)}
    assert (came[0].length, came[2].data) == (5000, b"urgent")
    assert [came[lane].message_number for lane in (0, 2)] == [1, 1]
    pair.server.sockets.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert configure(pair.outgoing, [0] * 3) == gs.Result.INVALID_STATE


# ---------------------------------------------------------------------- receiving


def fill(pair: Pair, count: int) -> None:
    """That many numbered messages wait on the server."""
    results = pair.client.sockets.send_messages(
        [gs.OutgoingMessage(pair.outgoing, bytes([number]), RELIABLE) for number in range(count)]
    )
    assert results[-1] > 0
    assert pair.client.sockets.flush_messages_on_connection(pair.outgoing) == gs.Result.OK
    eventually(lambda: pair.client.status(pair.outgoing).sent_unacked_reliable == 0)


def test_limits_of_receiving(pair: Pair) -> None:
    fill(pair, 5)
    receive = pair.server.sockets.receive_messages_on_connection
    assert receive(pair.incoming, 0) == []
    assert receive(pair.incoming, -1) == []
    assert data_of(receive(pair.incoming, 2)) == [b"\0", b"\1"]
    by_socket = pair.server.sockets.receive_messages_on_listen_socket
    assert data_of(by_socket(pair.listener, 1)) == [b"\2"]
    assert data_of(receive(pair.incoming)) == [b"\3", b"\4"]
    assert receive(pair.incoming) == by_socket(pair.listener) == []
    with pytest.raises(gs.InvalidHandle, match="connection"):
        receive(UNKNOWN)
    with pytest.raises(gs.InvalidHandle, match="listen socket"):
        by_socket(gs.ListenSocket(5))
    with pytest.raises(gs.InvalidHandle, match="poll group"):
        pair.server.sockets.receive_messages_on_poll_group(gs.PollGroup(0))


def test_the_implicit_group_of_a_listen_socket(pair: Pair) -> None:
    other = join(pair.server, pair.client, pair.listener)
    fill(pair, 2)
    fill(other, 1)
    receive = pair.server.sockets.receive_messages_on_listen_socket
    assert [m.connection for m in receive(pair.listener)] == [pair.incoming] * 2 + [other.incoming]
    group = pair.server.sockets.create_poll_group()
    pair.server.sockets.set_connection_poll_group(pair.incoming, group)
    fill(pair, 1)
    fill(other, 1)
    assert [m.connection for m in receive(pair.listener)] == [other.incoming]
    assert [m.connection for m in pair.server.messages(pair.incoming)] == [pair.incoming]


def test_poll_groups(pair: Pair) -> None:
    other = join(pair.server, pair.client, pair.listener)
    sockets = pair.server.sockets
    group, second = sockets.create_poll_group(), sockets.create_poll_group()
    assert (group, second) == (0x8001_0000, 0x8002_0001)
    fill(pair, 2)
    assert sockets.set_connection_poll_group(pair.incoming, group)
    assert sockets.set_connection_poll_group(other.incoming, group)
    assert sockets.receive_messages_on_listen_socket(pair.listener) == [], "waiting messages moved along"
    fill(other, 1)
    assert data_of(sockets.receive_messages_on_connection(other.incoming)) == [b"\0"]
    fill(other, 1)
    taken = sockets.receive_messages_on_poll_group(group, 2)
    assert [(m.connection, m.data) for m in taken] == [(pair.incoming, b"\0"), (pair.incoming, b"\1")]
    assert sockets.set_connection_poll_group(other.incoming, second)
    assert sockets.receive_messages_on_poll_group(group) == []
    assert sockets.set_connection_poll_group(other.incoming, second), "repeating is fine"
    assert sockets.destroy_poll_group(second)
    assert not sockets.destroy_poll_group(second)
    assert data_of(sockets.receive_messages_on_connection(other.incoming)) == [b"\0"]
    assert sockets.set_connection_poll_group(pair.incoming, gs.PollGroup(0))
    fill(pair, 1)
    assert sockets.receive_messages_on_poll_group(group) == []
    assert data_of(sockets.receive_messages_on_listen_socket(pair.listener)) == [b"\0"]
    assert not sockets.set_connection_poll_group(pair.incoming, second)
    assert not sockets.set_connection_poll_group(UNKNOWN, group)
    assert sockets.create_poll_group() == 0x8003_0001


def test_joining_a_group_merges_waiting_messages_by_time_of_arrival(pair: Pair) -> None:
    other = join(pair.server, pair.client, pair.listener)
    sockets = pair.server.sockets
    first, second = sockets.create_poll_group(), sockets.create_poll_group()
    assert sockets.set_connection_poll_group(other.incoming, first)
    for _ in range(2):
        fill(pair, 1)
        fill(other, 1)
    for incoming in (other.incoming, pair.incoming):
        assert sockets.set_connection_poll_group(incoming, second)
    came = sockets.receive_messages_on_poll_group(second)
    assert [message.connection for message in came] == [pair.incoming, other.incoming] * 2
    assert [message.message_number for message in came] == [1, 1, 2, 2]


def test_an_outgoing_connection_in_a_poll_group(pair: Pair) -> None:
    group = pair.client.sockets.create_poll_group()
    assert pair.client.sockets.set_connection_poll_group(pair.outgoing, group)
    pair.server.sockets.send_message_to_connection(pair.incoming, b"back", RELIABLE_NO_NAGLE)
    came = pair.client.take(lambda: pair.client.sockets.receive_messages_on_poll_group(group))
    assert (came[0].data, came[0].connection) == (b"back", pair.outgoing)
    assert pair.client.sockets.close_connection(pair.outgoing)
    assert pair.client.sockets.receive_messages_on_poll_group(group) == []


def test_a_full_receive_buffer_holds_reliable_data_back(new_side: NewSide) -> None:
    pair = connect(new_side(), new_side(), server_config={V.RECV_BUFFER_MESSAGES: 2})
    for number in range(6):
        pair.client.sockets.send_message_to_connection(pair.outgoing, bytes([number]), RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(pair.incoming, 6)) == [bytes([number]) for number in range(6)]


def test_a_message_larger_than_the_receiver_wants(new_side: NewSide) -> None:
    pair = connect(new_side(), new_side(), server_config={V.RECV_MAX_MESSAGE_SIZE: 100})
    pair.client.sockets.send_message_to_connection(pair.outgoing, bytes(101), RELIABLE_NO_NAGLE)
    reason = gs.EndReason.MISC_INTERNAL_ERROR
    assert pair.server.until(State.PROBLEM_DETECTED_LOCALLY).connection_info.end_reason == reason
    assert pair.client.until(State.CLOSED_BY_PEER).connection_info.end_reason == reason


# ---------------------------------------------------------------------- configuration


def test_values_are_inherited_at_creation(new_side: NewSide) -> None:
    server = new_side(config={V.SEND_RATE_MIN: 300_000, V.NAGLE_TIME: 1})
    pair = connect(
        server, new_side(), server_config={V.SEND_RATE_MIN: 400_000}, client_config={V.SEND_RATE_MIN: 500_000}
    )
    assert server.status(pair.incoming).send_rate_bytes_per_second == 400_000
    assert pair.client.status(pair.outgoing).send_rate_bytes_per_second == 500_000
    get = server.sockets.get_configuration_value
    assert get(V.SEND_RATE_MIN) == 262_144
    assert get(V.SEND_RATE_MIN, Scope.SOCKETS_INTERFACE) == 300_000
    assert get(V.SEND_RATE_MIN, Scope.LISTEN_SOCKET, pair.listener) == 400_000
    assert get(V.SEND_RATE_MIN, Scope.CONNECTION, pair.incoming) == 400_000
    assert server.sockets.get_connection_configuration_value(pair.incoming, V.NAGLE_TIME) == 1


def test_every_scope_reaches_living_connections(pair: Pair) -> None:
    sockets = pair.server.sockets

    def rates() -> tuple[int, int]:
        return (
            pair.server.status(pair.incoming).send_rate_bytes_per_second,
            pair.client.status(pair.outgoing).send_rate_bytes_per_second,
        )

    assert sockets.set_configuration_value(V.SEND_RATE_MIN, 300_000)
    assert rates() == (300_000, 300_000), "global values reach other objects too"
    assert sockets.set_configuration_value(V.SEND_RATE_MIN, 400_000, Scope.SOCKETS_INTERFACE)
    assert rates() == (400_000, 300_000)
    assert sockets.set_configuration_value(V.SEND_RATE_MIN, 500_000, Scope.LISTEN_SOCKET, pair.listener)
    assert rates() == (500_000, 300_000)
    assert sockets.set_connection_configuration_value(pair.incoming, V.SEND_RATE_MIN, 600_000)
    assert rates() == (600_000, 300_000)
    for scope, scope_object, left in (
        (Scope.CONNECTION, pair.incoming, (500_000, 300_000)),
        (Scope.LISTEN_SOCKET, pair.listener, (400_000, 300_000)),
        (Scope.SOCKETS_INTERFACE, 0, (300_000, 300_000)),
        (Scope.GLOBAL, 0, (262_144, 262_144)),
    ):
        assert sockets.set_configuration_value(V.SEND_RATE_MIN, None, scope, scope_object)
        assert rates() == left
    sockets.set_configuration_value(V.SEND_RATE_MIN, 350_000, Scope.LISTEN_SOCKET, pair.listener)
    later = join(pair.server, pair.client, pair.listener)
    assert pair.server.status(later.incoming).send_rate_bytes_per_second == 350_000


def test_setting_refuses_what_cannot_be(pair: Pair) -> None:
    sockets = pair.client.sockets
    assert not sockets.set_configuration_value(V.MTU_DATA_SIZE, 500)
    assert not sockets.set_configuration_value(V.INVALID, 1)
    assert not sockets.set_configuration_value(V.NAGLE_TIME, "abc")
    assert not sockets.set_configuration_value(V.NAGLE_TIME, 1, Scope.CONNECTION, UNKNOWN)
    assert not sockets.set_configuration_value(V.NAGLE_TIME, 1, Scope.LISTEN_SOCKET, 5)
    assert not sockets.set_connection_configuration_value(pair.outgoing, V.FAKE_PACKET_LAG_SEND, 1)
    assert not sockets.set_connection_configuration_value(pair.outgoing, V.UNENCRYPTED, 3), "it is locked"
    assert sockets.get_configuration_value(V.NAGLE_TIME) == 5000
    assert sockets.set_configuration_value(V.NAGLE_TIME, 1 << 20), "clamped"
    assert sockets.get_configuration_value(V.NAGLE_TIME) == 20_000
    assert sockets.get_configuration_value(V.MTU_DATA_SIZE) == 1200
    assert sockets.get_configuration_value(V.INVALID) is None
    assert sockets.get_connection_configuration_value(UNKNOWN, V.NAGLE_TIME) is None
    assert sockets.get_connection_configuration_value(pair.outgoing, V.FAKE_PACKET_LAG_SEND) is None
    assert sockets.get_configuration_value_name(V.NAGLE_TIME) == "NagleTime"
    assert sockets.get_configuration_value_name(V.INVALID) is None


def test_an_incoming_connection_can_be_set_up_before_it_is_accepted(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen()
    client.sockets.connect(server.address(listener), {V.UNENCRYPTED: 3})
    incoming = server.until(State.CONNECTING).connection
    assert server.sockets.set_connection_configuration_value(incoming, V.UNENCRYPTED, 1)
    assert server.sockets.accept_connection(incoming) == gs.Result.OK
    client.until(State.CONNECTED)
    assert not server.sockets.set_connection_configuration_value(incoming, V.UNENCRYPTED, 0)


def test_a_bad_value_for_the_object_itself() -> None:
    with pytest.raises(ValueError, match="NagleTime"):
        gs.NetworkingSockets(config={V.NAGLE_TIME: "abc"})


@pytest.mark.parametrize("at_creation", [False, True])
def test_simulated_lag_reaches_every_object_of_the_process(pair: Pair, new_side: NewSide, at_creation: bool) -> None:
    if at_creation:
        new_side(config={V.FAKE_PACKET_LAG_SEND: 80})
    else:
        assert new_side().sockets.set_configuration_value(V.FAKE_PACKET_LAG_SEND, 80)
    before = time.monotonic()
    pair.client.sockets.send_message_to_connection(pair.outgoing, b"slow", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(pair.incoming)) == [b"slow"]
    assert time.monotonic() - before > 0.07


# ---------------------------------------------------------------------- callbacks


def test_callbacks_run_on_the_calling_thread_in_order(pair: Pair) -> None:
    seen: list[State] = []
    pair.client.sockets.set_status_callback(lambda change: seen.append(change.connection_info.state))
    pair.client.sockets.close_connection(pair.outgoing)
    pair.client.sockets.connect(pair.server.address(pair.listener))
    assert seen == []
    pair.client.sockets.run_callbacks()
    assert seen == [State.NONE, State.CONNECTING]
    pair.client.sockets.set_status_callback(None)
    pair.client.sockets.connect(pair.server.address(pair.listener))
    pair.client.sockets.run_callbacks()
    assert not pair.client.sockets.dispatch_callback(pair.client.changes.append), "nobody was told, all forgotten"
    assert len(seen) == 2


def test_everything_may_be_called_from_a_callback(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.listen()
    done: list[gs.StatusInfo] = []

    def serve(change: gs.StatusInfo) -> None:
        match change.connection_info.state:
            case State.CONNECTING:
                assert server.sockets.accept_connection(change.connection) == gs.Result.OK
                server.sockets.send_message_to_connection(change.connection, b"welcome", RELIABLE)
                server.sockets.run_callbacks()
            case State.CONNECTED:
                server.sockets.set_connection_name(change.connection, "guest")
            case State.CLOSED_BY_PEER:
                server.sockets.close_connection(change.connection)
            case State.NONE:
                done.append(change)

    server.sockets.set_status_callback(serve)
    outgoing = client.sockets.connect(server.address(listener))
    welcome: list[gs.NetworkingMessage] = []

    def welcomed() -> bool:
        server.sockets.run_callbacks()
        welcome.extend(client.sockets.receive_messages_on_connection(outgoing))
        return bool(welcome)

    def served() -> bool:
        server.sockets.run_callbacks()
        return bool(done)

    eventually(welcomed)
    client.sockets.close_connection(outgoing)
    eventually(served)
    assert [c.old_state for c in done] == [State.CLOSED_BY_PEER]
    assert done[0].connection_info.connection_description.endswith("'guest'")


def test_a_context_reaches_the_callback(pair: Pair) -> None:
    pair.client.sockets.close_connection(pair.outgoing)
    seen: list[tuple[object, ...]] = []
    assert pair.client.sockets.dispatch_callback(lambda *arguments: seen.append(arguments), "context")
    assert not pair.client.sockets.dispatch_callback(lambda *arguments: seen.append(arguments))
    assert [arguments[1:] for arguments in seen] == [("context",)]
