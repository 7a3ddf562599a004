"""Whose callback hears of a status change, when, in which order, and what may it do? (spec 3, 14.3)"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.pair import Pair, global_values

import gamesockets as gs

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
STATUS_CALLBACK = V.CALLBACK_CONNECTION_STATUS_CHANGED
NOWHERE = gs.Address("127.0.0.1", 9)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair(connect=False)
    yield pair
    pair.close()


@pytest.fixture
def sockets() -> Iterator[gs.NetworkingSockets]:
    with gs.NetworkingSockets() as sockets:
        yield sockets


def states(changes: list[gs.StatusInfo]) -> list[tuple[State, State]]:
    return [(change.old_state, change.connection_info.state) for change in changes]


def test_changes_come_with_old_and_new_state_in_order(pair: Pair) -> None:
    pair.connect()
    pair.until(lambda: len(pair.changes[pair.client]) == len(pair.changes[pair.server]) == 2)
    assert states(pair.changes[pair.client]) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]
    assert states(pair.changes[pair.server]) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]
    assert pair.client.close_connection(pair.near, 1234, "bye")
    pair.until(lambda: len(pair.changes[pair.server]) == 3)
    assert states(pair.changes[pair.client])[2:] == [(State.CONNECTED, State.NONE)]
    last = pair.changes[pair.server][2]
    assert (last.old_state, last.connection_info.state) == (State.CONNECTED, State.CLOSED_BY_PEER)
    assert (last.connection_info.end_reason, last.connection_info.end_debug) == (1234, "bye")


@pytest.mark.parametrize("scope", list(Scope))
def test_the_callback_of_each_scope_is_called(scope: gs.ConfigurationScope, pair: Pair) -> None:
    """On the accepting side, where all four scopes exist; the connection's own from its second change on."""
    heard: list[gs.StatusInfo] = []
    pair.server.set_status_callback(None)

    def on_change(change: gs.StatusInfo) -> None:
        heard.append(change)
        if change.connection_info.state == State.CONNECTING:
            assert pair.server.accept_connection(change.connection) == gs.Result.OK
            pair.far = change.connection

    if scope == Scope.CONNECTION:

        def on_request(change: gs.StatusInfo) -> None:
            assert pair.server.set_connection_configuration_value(change.connection, STATUS_CALLBACK, heard.append)
            on_change(change)

        pair.server.set_status_callback(on_request)
    else:
        handle = pair.listen_socket if scope == Scope.LISTEN_SOCKET else 0
        assert pair.server.set_configuration_value(STATUS_CALLBACK, on_change, scope, handle)
    try:
        pair.connect()
        pair.until(lambda: len(heard) == 2)
    finally:
        assert pair.server.set_configuration_value(STATUS_CALLBACK, None)
    assert states(heard) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]


def test_the_narrowest_callback_wins(pair: Pair) -> None:
    calls: list[str] = []

    def note(name: str) -> Callable[[gs.StatusInfo], None]:
        return lambda change: calls.append(name)

    client = pair.client
    with global_values(client, {STATUS_CALLBACK: note("global")}):
        client.set_status_callback(None)
        first = client.connect(pair.address)
        client.run_callbacks()
        assert calls == ["global"]
        client.set_status_callback(note("interface"))
        assert client.get_configuration_value(STATUS_CALLBACK, Scope.SOCKETS_INTERFACE) is not None
        client.close_connection(first)
        second = client.connect(pair.address)
        third = client.connect(pair.address, {STATUS_CALLBACK: note("connection")})
        client.run_callbacks()
        assert calls == ["global", "interface", "interface", "connection"]
        client.close_connection(third)
        client.close_connection(second)
        client.run_callbacks()
        assert calls[4:] == ["connection", "interface"]


def test_a_callback_given_to_the_listen_socket_hears_its_connections() -> None:
    heard: list[gs.StatusInfo] = []
    with gs.NetworkingSockets() as server, gs.NetworkingSockets() as client:
        listen_socket = server.create_listen_socket(gs.Address("127.0.0.1", 0), {STATUS_CALLBACK: heard.append})
        address = server.get_listen_socket_address(listen_socket)
        assert address is not None
        client.connect(address)
        assert server.wait(10)
        server.run_callbacks()
        assert states(heard) == [(State.NONE, State.CONNECTING)]
        assert heard[0].connection_info.listen_socket == listen_socket


def test_changes_that_wait_are_not_redirected(sockets: gs.NetworkingSockets) -> None:
    early: list[gs.StatusInfo] = []
    late: list[gs.StatusInfo] = []
    sockets.set_status_callback(early.append)
    connection = sockets.connect(NOWHERE)
    sockets.set_status_callback(late.append)
    sockets.close_connection(connection)
    sockets.run_callbacks()
    assert states(early) == [(State.NONE, State.CONNECTING)]
    assert states(late) == [(State.CONNECTING, State.NONE)]


def test_the_snapshot_is_of_the_moment_of_the_change(sockets: gs.NetworkingSockets) -> None:
    heard: list[gs.StatusInfo] = []
    sockets.set_status_callback(heard.append)
    connection = sockets.connect(NOWHERE, {V.CONNECTION_USER_DATA: 7})
    sockets.set_connection_user_data(connection, 8)
    sockets.close_connection(connection)
    sockets.run_callbacks()
    assert [change.connection_info.user_data for change in heard] == [7, 8]


def test_without_any_callback_changes_are_forgotten_when_callbacks_run(sockets: gs.NetworkingSockets) -> None:
    sockets.connect(NOWHERE)
    sockets.run_callbacks()
    assert not sockets.dispatch_callback(print)


def test_without_any_callback_changes_wait_for_those_who_dispatch(sockets: gs.NetworkingSockets) -> None:
    heard: list[Any] = []
    connection = sockets.connect(NOWHERE)
    sockets.close_connection(connection)
    assert sockets.dispatch_callback(heard.append)
    assert sockets.dispatch_callback(lambda change, context: heard.append((context, change)), "context")
    assert not sockets.dispatch_callback(heard.append)
    context, second = heard.pop()
    assert context == "context"
    assert states([*heard, second]) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.NONE)]


def test_dispatching_does_not_ask_the_configured_callback(sockets: gs.NetworkingSockets) -> None:
    configured: list[gs.StatusInfo] = []
    given: list[gs.StatusInfo] = []
    sockets.set_status_callback(configured.append)
    sockets.connect(NOWHERE)
    assert sockets.dispatch_callback(given.append)
    assert len(given) == 1
    assert not configured


@pytest.mark.parametrize("dispatching", [False, True])
def test_an_exception_comes_out_and_loses_no_other_change(dispatching: bool, sockets: gs.NetworkingSockets) -> None:
    heard: list[gs.Connection] = []

    def stumble(change: gs.StatusInfo) -> None:
        heard.append(change.connection)
        if len(heard) in {1, 3}:
            raise KeyError("stumbled")

    sockets.set_status_callback(stumble)
    connections = [sockets.connect(NOWHERE) for _ in range(4)]
    failures = 0
    for _ in range(10):
        try:
            if dispatching:
                sockets.dispatch_callback(stumble)
            else:
                sockets.run_callbacks()
        except KeyError:
            failures += 1
    assert failures == 2
    assert heard == connections


def test_a_callback_may_run_callbacks(sockets: gs.NetworkingSockets) -> None:
    heard: list[gs.Connection] = []

    def nest(change: gs.StatusInfo) -> None:
        heard.append(change.connection)
        sockets.run_callbacks()

    sockets.set_status_callback(nest)
    connections = [sockets.connect(NOWHERE) for _ in range(4)]
    sockets.run_callbacks()
    assert heard == connections


def test_a_callback_may_use_all_calls(pair: Pair) -> None:
    """Accepting, sending, asking, configuring, closing and connecting anew, all from inside."""
    done: list[str] = []

    def on_client(change: gs.StatusInfo) -> None:
        client, connection = pair.client, change.connection
        if change.connection_info.state == State.CONNECTED:
            assert client.send_message_to_connection(connection, b"x", gs.SendFlags.RELIABLE) == gs.Result.OK
            assert client.flush_messages_on_connection(connection) == gs.Result.OK
            assert client.get_connection_info(connection) is not None
            assert client.get_quick_connection_status(connection) is not None
            assert client.receive_messages_on_connection(connection) == []
            assert client.set_connection_configuration_value(connection, V.NAGLE_TIME, 0)
            assert client.set_configuration_value(V.FAKE_PACKET_LAG_SEND, 0)
            assert not client.wait(0)
            assert client.close_connection(connection, 1000, "from inside")
            client.set_status_callback(lambda change: done.append("closed"))
            client.connect(pair.address)
        elif change.connection_info.state == State.NONE:
            done.append("closed itself")

    pair.client.set_status_callback(on_client)
    pair.client.connect(pair.address)
    pair.until(lambda: len(done) >= 2)
    assert done[:2] == ["closed itself", "closed"]


def test_a_callback_may_close_everything(sockets: gs.NetworkingSockets) -> None:
    """What waited behind is discarded (spec 3, 15.2)."""
    heard: list[gs.StatusInfo] = []

    def end(change: gs.StatusInfo) -> None:
        heard.append(change)
        sockets.close()

    sockets.set_status_callback(end)
    for _ in range(3):
        sockets.connect(NOWHERE)
    sockets.run_callbacks()
    sockets.run_callbacks()
    assert len(heard) == 1
    assert not sockets.dispatch_callback(heard.append)


@pytest.mark.parametrize("wrong", [1, "print", [print]])
def test_a_callback_must_be_callable(wrong: Any, sockets: gs.NetworkingSockets) -> None:
    with pytest.raises(TypeError, match=f"callback must be callable or None, not {type(wrong).__name__}"):
        sockets.set_status_callback(wrong)
    with pytest.raises(ValueError, match="Callback_ConnectionStatusChanged"):
        sockets.connect(NOWHERE, {STATUS_CALLBACK: wrong})
    assert not sockets.set_configuration_value(STATUS_CALLBACK, wrong, Scope.SOCKETS_INTERFACE)
    assert sockets.get_configuration_value(STATUS_CALLBACK, Scope.SOCKETS_INTERFACE) is None
