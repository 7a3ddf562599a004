"""Whose callback hears of a status change, when, in which order, and what may it do? (spec 3, 14.3)"""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewSide, Pair, global_values
from tests.support.waiting import wait_until

import gamesockets as gs

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
STATUS_CALLBACK = V.CALLBACK_CONNECTION_STATUS_CHANGED
NOWHERE = gs.Address("127.0.0.1", 9)
RELIABLE = gs.SendFlags.RELIABLE


def states(changes: list[gs.StatusInfo]) -> list[tuple[State, State]]:
    return [(change.old_state, change.connection_info.state) for change in changes]


def run_until(loopback: Loopback, condition: Callable[[], object]) -> None:
    """Both sides run their callbacks until `condition` is true."""

    def is_true() -> object:
        loopback.server.run_callbacks()
        loopback.client.run_callbacks()
        return condition()

    wait_until(is_true)


def accepting(sockets: gs.NetworkingSockets, heard: list[gs.StatusInfo]) -> Callable[[gs.StatusInfo], None]:
    """A callback that lets everybody in, and remembers what it heard."""

    def on_change(change: gs.StatusInfo) -> None:
        heard.append(change)
        if change.connection_info.state == State.CONNECTING:
            assert sockets.accept_connection(change.connection) == gs.Result.OK

    return on_change


@pytest.mark.rule("3, 6.1 rule 3")
def test_changes_come_with_old_and_new_state_in_order(loopback: Loopback) -> None:
    here: list[gs.StatusInfo] = []
    there: list[gs.StatusInfo] = []
    loopback.client.set_status_callback(here.append)
    loopback.server.set_status_callback(accepting(loopback.server, there))
    outgoing = loopback.client.connect(loopback.address)
    run_until(loopback, lambda: len(here) == len(there) == 2)
    assert states(here) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]
    assert states(there) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]
    assert loopback.client.close_connection(outgoing, 1234, "bye")
    run_until(loopback, lambda: len(there) == 3)
    assert states(here)[2:] == [(State.CONNECTED, State.NONE)]
    last = there[2]
    assert (last.old_state, last.connection_info.state) == (State.CONNECTED, State.CLOSED_BY_PEER)
    assert (last.connection_info.end_reason, last.connection_info.end_debug) == (1234, "bye")


@pytest.mark.parametrize("scope", list(Scope))
def test_the_callback_of_each_scope_is_called(scope: gs.ConfigurationScope, loopback: Loopback) -> None:
    """On the accepting side, where all four scopes exist; the connection's own from its second change on."""
    heard: list[gs.StatusInfo] = []
    server = loopback.server
    on_change = accepting(server, heard)
    loopback.client.set_status_callback(lambda change: None)  # its own, so that it does not use the global one
    if scope == Scope.CONNECTION:

        def on_request(change: gs.StatusInfo) -> None:
            assert server.set_connection_configuration_value(change.connection, STATUS_CALLBACK, heard.append)
            on_change(change)

        server.set_status_callback(on_request)
    else:
        handle = loopback.listen_socket if scope == Scope.LISTEN_SOCKET else 0
        assert server.set_configuration_value(STATUS_CALLBACK, on_change, scope, handle)
    loopback.client.connect(loopback.address)
    run_until(loopback, lambda: len(heard) == 2)
    assert states(heard) == [(State.NONE, State.CONNECTING), (State.CONNECTING, State.CONNECTED)]


@pytest.mark.rule("3, 14.3 rule 1")
def test_the_narrowest_callback_wins(loopback: Loopback) -> None:
    calls: list[str] = []

    def note(name: str) -> Callable[[gs.StatusInfo], None]:
        return lambda change: calls.append(name)

    client = loopback.client
    with global_values(client, {STATUS_CALLBACK: note("global")}):
        client.set_status_callback(None)
        first = client.connect(loopback.address)
        client.run_callbacks()
        assert calls == ["global"]
        client.set_status_callback(note("interface"))
        assert client.get_configuration_value(STATUS_CALLBACK, Scope.SOCKETS_INTERFACE) is not None
        client.close_connection(first)
        second = client.connect(loopback.address)
        third = client.connect(loopback.address, {STATUS_CALLBACK: note("connection")})
        client.run_callbacks()
        assert calls == ["global", "interface", "interface", "connection"]
        client.close_connection(third)
        client.close_connection(second)
        client.run_callbacks()
        assert calls[4:] == ["connection", "interface"]


def test_a_callback_given_to_the_listen_socket_hears_its_connections() -> None:
    heard: list[gs.StatusInfo] = []
    with gs.NetworkingSockets() as server, gs.NetworkingSockets() as client:
        listen_socket = server.create_listen_socket(LOCALHOST, {STATUS_CALLBACK: heard.append})
        address = server.get_listen_socket_address(listen_socket)
        assert address is not None
        client.connect(address)
        assert server.wait(10)
        server.run_callbacks()
        assert states(heard) == [(State.NONE, State.CONNECTING)]
        assert heard[0].connection_info.listen_socket == listen_socket


@pytest.mark.rule("3, 14.3 rule 4")
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


@pytest.mark.rule("3, 1.6", "3, 6.1 rule 3", "3, 14.3 rule 2")
def test_the_snapshot_is_of_the_moment_of_the_change(sockets: gs.NetworkingSockets) -> None:
    heard: list[gs.StatusInfo] = []
    sockets.set_status_callback(heard.append)
    connection = sockets.connect(NOWHERE, {V.CONNECTION_USER_DATA: 7})
    sockets.set_connection_user_data(connection, 8)
    sockets.close_connection(connection)
    sockets.run_callbacks()
    assert [change.connection_info.user_data for change in heard] == [7, 8]


@pytest.mark.rule("3, 14.3 rule 1")
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


@pytest.mark.rule("3, 14.2")
def test_a_callback_may_run_callbacks(sockets: gs.NetworkingSockets) -> None:
    heard: list[gs.Connection] = []

    def nest(change: gs.StatusInfo) -> None:
        heard.append(change.connection)
        sockets.run_callbacks()

    sockets.set_status_callback(nest)
    connections = [sockets.connect(NOWHERE) for _ in range(4)]
    sockets.run_callbacks()
    assert heard == connections


def test_a_callback_may_use_all_calls(loopback: Loopback) -> None:
    """Accepting, sending, asking, configuring, closing and connecting anew, all from inside."""
    done: list[str] = []

    def on_client(change: gs.StatusInfo) -> None:
        client, connection = loopback.client, change.connection
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
            client.connect(loopback.address)
        elif change.connection_info.state == State.NONE:
            done.append("closed itself")

    loopback.client.set_status_callback(on_client)
    loopback.server.set_status_callback(accepting(loopback.server, []))
    loopback.client.connect(loopback.address)
    run_until(loopback, lambda: len(done) >= 2)
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


@pytest.mark.rule("3, 14.3 rule 3")
def test_callbacks_run_on_the_calling_thread_in_order(pair: Pair) -> None:
    seen: list[State] = []
    pair.client.set_status_callback(lambda change: seen.append(change.connection_info.state))
    pair.client.close_connection(pair.outgoing)
    pair.client.connect(pair.server.address(pair.listen_socket))
    assert seen == []
    pair.client.run_callbacks()
    assert seen == [State.NONE, State.CONNECTING]
    pair.client.set_status_callback(None)
    pair.client.connect(pair.server.address(pair.listen_socket))
    pair.client.run_callbacks()
    assert not pair.client.dispatch_callback(pair.client.changes.append), "nobody was told, all forgotten"
    assert len(seen) == 2


@pytest.mark.rule("3, 14.2")
def test_everything_may_be_called_from_a_callback(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(LOCALHOST)
    done: list[gs.StatusInfo] = []

    def serve(change: gs.StatusInfo) -> None:
        match change.connection_info.state:
            case State.CONNECTING:
                assert server.accept_connection(change.connection) == gs.Result.OK
                server.send_message_to_connection(change.connection, b"welcome", RELIABLE)
                server.run_callbacks()
            case State.CONNECTED:
                server.set_connection_name(change.connection, "guest")
            case State.CLOSED_BY_PEER:
                server.close_connection(change.connection)
            case State.NONE:
                done.append(change)

    server.set_status_callback(serve)
    outgoing = client.connect(server.address(listener))
    welcome: list[gs.NetworkingMessage] = []

    def welcomed() -> bool:
        server.run_callbacks()
        welcome.extend(client.receive_messages_on_connection(outgoing))
        return bool(welcome)

    def served() -> bool:
        server.run_callbacks()
        return bool(done)

    wait_until(welcomed)
    client.close_connection(outgoing)
    wait_until(served)
    assert [c.old_state for c in done] == [State.CLOSED_BY_PEER]
    assert done[0].connection_info.connection_description.endswith("'guest'")


def test_a_context_reaches_the_callback(pair: Pair) -> None:
    pair.client.close_connection(pair.outgoing)
    seen: list[tuple[object, ...]] = []
    assert pair.client.dispatch_callback(lambda *arguments: seen.append(arguments), "context")
    assert not pair.client.dispatch_callback(lambda *arguments: seen.append(arguments))
    assert [arguments[1:] for arguments in seen] == [("context",)]


@pytest.mark.rule("3, 14.3 rule 3")
def test_run_callbacks_tells_everything_that_waits_in_order(loopback: Loopback) -> None:
    seen: list[gs.StatusInfo] = []
    loopback.client.set_status_callback(seen.append)
    ours, theirs = loopback.request()
    assert loopback.server.accept_connection(theirs) == gs.Result.OK
    wait_until(lambda: loopback.client.info(ours).state == State.CONNECTED)
    loopback.client.set_connection_user_data(ours, 3)
    loopback.client.close_connection(ours)
    assert not seen
    loopback.client.run_callbacks()
    assert [status.connection_info.state for status in seen] == [1, 3, 0]
    assert [status.connection_info.user_data for status in seen] == [-1, -1, 3]
    assert {status.connection for status in seen} == {ours}
    loopback.server.close_connection(theirs)


def test_a_callback_may_call_back_into_everything(loopback: Loopback) -> None:
    ours, _ = loopback.connected()

    def on_status(status: gs.StatusInfo) -> None:
        loopback.client.run_callbacks()
        loopback.client.set_connection_name(status.connection, "again")
        loopback.client.close_connection(ours)
        if status.connection_info.state == State.NONE:
            loopback.client.close()

    loopback.client.set_status_callback(on_status)
    loopback.client.connect(loopback.nobody)
    loopback.client.run_callbacks()
    loopback.client.run_callbacks()  # what the callback itself brought about
    assert not loopback.client.wait()
