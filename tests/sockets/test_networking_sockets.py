"""Does a `NetworkingSockets` serve its user, wake who waits, and take everything down when it is closed?"""

import gc
import time
import weakref

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewSide, Pair, data_of
from tests.support.waiting import DEADLINE_S, wait_until

import gamesockets as gs

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE
UNKNOWN = gs.Connection(0x1234_5678)


# ---------------------------------------------------------------------- one object and many


@pytest.mark.rule("3, 2")
def test_the_early_wrappers_programs() -> None:
    """The early wrapper's server and client, with one `dispatch_callback` a turn and a context (spec 3, 2)."""
    told: list[tuple[str, State, State]] = []
    with gs.NetworkingSockets() as server, gs.NetworkingSockets() as client:
        listen_socket = server.create_listen_socket(LOCALHOST)
        address = server.get_listen_socket_address(listen_socket)
        assert address is not None
        connection = client.connect(address)

        def on_server(status: gs.StatusInfo, context: str) -> None:
            told.append((context, status.old_state, status.connection_info.state))
            if status.connection_info.state == State.CONNECTING:
                assert status.connection_info.listen_socket == listen_socket
                assert server.accept_connection(status.connection) == gs.Result.OK
            elif status.connection_info.state == State.CLOSED_BY_PEER:
                assert (status.connection_info.end_reason, status.connection_info.end_debug) == (1500, "bye")
                assert server.close_connection(status.connection)

        def on_client(status: gs.StatusInfo) -> None:
            told.append(("client", status.old_state, status.connection_info.state))
            if status.connection_info.state == State.CONNECTED:
                assert status.connection == connection
                assert client.close_connection(connection, 1500, "bye")

        def all_told() -> bool:
            client.dispatch_callback(on_client)
            server.dispatch_callback(on_server, "server")
            return len(told) == 7

        wait_until(all_told, "seven status changes")
        assert not server.dispatch_callback(on_server, "server")
    none, connecting, connected, closed = (State(number) for number in (0, 1, 3, 4))
    assert [change[1:] for change in told if change[0] == "client"] == [
        (none, connecting),
        (connecting, connected),
        (connected, none),
    ]
    assert [change[1:] for change in told if change[0] == "server"] == [
        (none, connecting),
        (connecting, connected),
        (connected, closed),
        (closed, none),
    ]


def test_objects_of_one_process_are_independent(pair: Pair, new_side: NewSide) -> None:
    third = new_side()
    other = third.connect(pair.server.address(pair.listen_socket))
    incoming = pair.server.until(State.CONNECTING).connection
    assert pair.server.accept_connection(incoming) == gs.Result.OK
    pair.client.close()
    pair.server.until(State.CLOSED_BY_PEER, pair.incoming)
    third.until(State.CONNECTED, other)
    third.send_message_to_connection(other, b"still here", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(incoming)) == [b"still here"]
    assert third.get_connection_info(pair.incoming) is None, "handles of another object are unknown"


def test_one_object_may_talk_to_itself(new_side: NewSide) -> None:
    side = new_side()
    listener = side.create_listen_socket(LOCALHOST)
    outgoing = side.connect(side.address(listener))
    while not (incoming := [c.connection for c in side.changes if c.connection_info.listen_socket]):
        side.next_change()
    assert side.accept_connection(incoming[0]) == gs.Result.OK
    side.until(State.CONNECTED, outgoing)
    side.send_message_to_connection(outgoing, b"to myself", RELIABLE_NO_NAGLE)
    assert data_of(side.messages(incoming[0])) == [b"to myself"]


def test_a_hundred_clients(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(LOCALHOST)
    outgoing = [client.connect(server.address(listener)) for _ in range(100)]
    accepted: set[int] = set()
    while len(accepted) < len(outgoing):
        change = server.until(State.CONNECTING)
        assert server.accept_connection(change.connection) == gs.Result.OK
        accepted.add(change.connection)
    connected: set[int] = set()
    while len(connected) < len(outgoing):
        connected.add(client.until(State.CONNECTED).connection)
    assert connected == set(outgoing)
    for number, connection in enumerate(outgoing):
        client.send_message_to_connection(connection, str(number).encode(), RELIABLE_NO_NAGLE)
    came = server.take(lambda: server.receive_messages_on_listen_socket(listener), len(outgoing))
    assert {message.connection for message in came} == accepted
    assert sorted(int(message.data) for message in came) == list(range(len(outgoing)))
    for message in came:
        server.send_message_to_connection(message.connection, message.data, RELIABLE_NO_NAGLE)
    for number, connection in enumerate(outgoing):
        assert data_of(client.messages(connection)) == [str(number).encode()]
    server.close_listen_socket(listener)
    for _ in outgoing:
        client.until(State.CLOSED_BY_PEER)


# ---------------------------------------------------------------------- waiting


def test_wait_wakes_for_a_message_and_for_a_status_change(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    loopback.client.run_callbacks()
    while loopback.client.wait(0):
        loopback.client.run_callbacks()
    start = time.monotonic()
    assert not loopback.client.wait(0.05)
    assert time.monotonic() - start >= 0.04
    assert loopback.server.send_message_to_connection(theirs, b"wake up", RELIABLE_NO_NAGLE) == gs.Result.OK
    assert loopback.client.wait(10)
    assert [message.data for message in loopback.client.receive_messages_on_connection(ours)] == [b"wake up"]
    loopback.server.close_connection(theirs)
    assert loopback.client.wait(10)
    assert loopback.client.info(ours).state == State.CLOSED_BY_PEER


# ---------------------------------------------------------------------- closing


@pytest.mark.rule("1, 7.1 rule 6")
def test_close_tells_the_peers_of_connections_that_linger(pair: Pair) -> None:
    """What was on its way is lost, but nobody is left in the dark until a timeout."""
    for _ in range(8):
        pair.client.send_message_to_connection(pair.outgoing, bytes(50_000), RELIABLE)
    assert pair.client.close_connection(pair.outgoing, 1008, "in a hurry", enable_linger=True)
    pair.client.close()
    info = pair.server.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == (1008, "in a hurry")


def test_close_tells_the_peers_and_may_be_repeated(pair: Pair) -> None:
    sockets = pair.server
    sockets.close()
    sockets.close()
    info = pair.client.until(State.CLOSED_BY_PEER).connection_info
    assert (info.end_reason, info.end_debug) == (1000, "Application closed connection")
    assert not sockets.wait()
    assert not sockets.dispatch_callback(pair.server.changes.append), "what waited is forgotten"
    assert sockets.get_connection_info(pair.incoming) is None
    assert not sockets.close_connection(pair.incoming)
    with pytest.raises(OSError, match="closed"):
        sockets.create_listen_socket(LOCALHOST)
    with pytest.raises(OSError, match="closed"):
        sockets.connect(LOCALHOST)


def test_context_manager(new_side: NewSide) -> None:
    client = new_side()
    with gs.NetworkingSockets() as sockets:
        address = sockets.get_listen_socket_address(sockets.create_listen_socket(LOCALHOST))
        assert address is not None
        client.connect(address)
        assert sockets.wait(DEADLINE_S)
    assert client.until(State.CLOSED_BY_PEER).connection_info.end_reason == 1000
    with pytest.raises(OSError, match="closed"):
        sockets.create_listen_socket(LOCALHOST)


def test_a_fault_inside_the_context_comes_out_and_closes() -> None:
    with pytest.raises(RuntimeError, match="on purpose"), gs.NetworkingSockets() as sockets:
        raise RuntimeError("on purpose")
    assert not sockets.wait()


def test_shutting_down_tells_the_peers() -> None:
    with Loopback() as loopback:
        ours, _ = loopback.connected()
        loopback.server.close()
        loopback.client.until(State.CLOSED_BY_PEER, ours)
        assert loopback.client.info(ours).end_reason == gs.EndReason.APP_GENERIC


def test_a_closed_object_is_freed_although_its_callback_refers_to_it() -> None:
    class Program:
        def __init__(self) -> None:
            self.sockets = gs.NetworkingSockets()
            self.sockets.set_status_callback(self.on_change)
            self.sockets.create_listen_socket(gs.Address("127.0.0.1", 0))

        def on_change(self, change: gs.StatusInfo) -> None:
            pass

    program = Program()
    program.sockets.close()
    there = weakref.ref(program.sockets)
    del program
    gc.collect()
    assert there() is None
