"""Which calls work for who interrupted the holder of the lock on its own thread, and which are refused at once?"""

from collections.abc import Callable

import pytest
from tests.support.pairs import LOCALHOST, Pair
from tests.support.waiting import wait_until

import gamesockets as gs

V = gs.ConfigurationValue
State = gs.ConnectionState


def test_reading_works_inside(pair: Pair) -> None:
    client, connection = pair.client, pair.outgoing
    with client._node.lock:
        assert client.info(connection).state == State.CONNECTED
        assert client.get_quick_connection_status(connection) is not None
        assert client.get_lane_status(connection)
        assert client.get_detailed_connection_status(connection)
        assert client.get_connection_debug_text(connection)
        assert client.get_connection_name(connection) == ""
        assert client.get_connection_user_data(connection) == -1
        assert client.get_configuration_value(V.NAGLE_TIME) == 5000
    with pair.server._node.lock:
        assert pair.server.get_listen_socket_address(pair.listen_socket) == pair.address


CHANGES: list[Callable[[Pair], object]] = [
    lambda pair: pair.client.connect(pair.address),
    lambda pair: pair.client.create_listen_socket(LOCALHOST),
    lambda pair: pair.client.create_socket_pair(),
    lambda pair: pair.client.accept_connection(pair.outgoing),
    lambda pair: pair.client.send_messages([gs.OutgoingMessage(pair.outgoing, b"x")]),
    lambda pair: pair.client.broadcast(b"x"),
    lambda pair: pair.client.flush_messages_on_connection(pair.outgoing),
    lambda pair: pair.client.receive_messages_on_connection(pair.outgoing),
    lambda pair: pair.client.create_poll_group(),
    lambda pair: pair.client.configure_connection_lanes(pair.outgoing, [0, 1]),
    lambda pair: pair.client.set_connection_name(pair.outgoing, "x"),
    lambda pair: pair.client.set_connection_user_data(pair.outgoing, 1),
    lambda pair: pair.client.set_connection_configuration_value(pair.outgoing, V.NAGLE_TIME, 1),
    lambda pair: pair.client.set_status_callback(None),
    lambda pair: pair.client.reset_identity(),
    lambda pair: pair.client.wait(0),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_refused_inside(pair: Pair, change: Callable[[Pair], object]) -> None:
    with pair.client._node.lock, pytest.raises(gs.CalledFromInside, match="in the middle of another call"):
        change(pair)
    assert pair.send(b"goes on") == gs.Result.OK
    assert pair.receive() == [b"goes on"]


def test_what_is_sent_inside_leaves_a_moment_later(pair: Pair) -> None:
    with pair.client._node.lock:
        assert pair.send(b"one") == pair.send(b"two") == gs.Result.OK
        assert pair.client.send_message_to_connection(gs.Connection(99), b"x") == gs.Result.INVALID_PARAM
        assert pair.send(bytes(gs.Library.MAX_MESSAGE_SIZE + 1)) == gs.Result.VALUE_OUT_OF_RANGE
        with pytest.raises(TypeError, match="lane"):
            pair.client.send_message_to_connection(pair.outgoing, b"x", lane="x")  # type: ignore[arg-type]
    assert pair.receive(2) == [b"one", b"two"]


def test_a_late_send_without_room_is_told(pair: Pair) -> None:
    lines: list[str] = []
    gs.Library.set_debug_callback(gs.DebugType.WARNING, lambda _, text: lines.append(text))
    try:
        with pair.client._node.lock:
            assert pair.client.send_message_to_connection(pair.outgoing, b"x", lane=7) == gs.Result.OK
        wait_until(lambda: [line for line in lines if "was not queued" in line])
    finally:
        gs.Library.set_debug_callback(0, None)


def test_what_is_closed_inside_is_closed_a_moment_later(pair: Pair) -> None:
    with pair.client._node.lock:
        assert pair.client.close_connection(pair.outgoing, 1234, "from inside")
        assert not pair.client.close_connection(gs.Connection(99))
        assert pair.client.get_connection_info(pair.outgoing) is not None
    info = pair.server.until(State.CLOSED_BY_PEER, pair.incoming).connection_info
    assert (info.end_reason, info.end_debug) == (1234, "from inside")
    assert pair.client.get_connection_info(pair.outgoing) is None


def test_a_listen_socket_closed_inside(pair: Pair) -> None:
    with pair.server._node.lock:
        assert pair.server.close_listen_socket(pair.listen_socket)
        assert not pair.server.close_listen_socket(gs.ListenSocket(99))
    pair.client.until(State.CLOSED_BY_PEER, pair.outgoing)
    assert pair.server.get_listen_socket_address(pair.listen_socket) is None


def test_everything_closed_inside(pair: Pair) -> None:
    with pair.client._node.lock:
        pair.client.close()
        pair.client.close()
    assert pair.server.until(State.CLOSED_BY_PEER, pair.incoming).connection_info.end_reason == 1000
    wait_until(lambda: not pair.client._threads._service_thread.is_alive())
    assert not pair.client.wait()


@pytest.mark.rule("3, 15.4 rule 4")
def test_lines_come_without_the_lock(pair: Pair) -> None:
    """Spec 3, 15.4."""
    inside: list[bool] = []
    nodes = [pair.client._node, pair.server._node]
    gs.Library.set_debug_callback(
        gs.DebugType.EVERYTHING, lambda *_: inside.append(any(node.is_inside() for node in nodes))
    )
    try:
        pair.client.close_connection(pair.outgoing)
        assert inside, "before the call returns"
        pair.server.until(State.CLOSED_BY_PEER, pair.incoming)
        wait_until(lambda: len(inside) >= 2)
    finally:
        gs.Library.set_debug_callback(0, None)
    assert not any(inside)
