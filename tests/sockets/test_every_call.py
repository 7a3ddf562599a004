"""What does every call answer for every handle: in each state of a connection, none at all, and after close?"""

from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.support.pairs import LOCALHOST, Loopback

import gamesockets as gs
from gamesockets import ConfigurationScope, ConfigurationValue, ConnectionState, Result, SendFlags

UNKNOWN: Final = gs.Connection(0x12345678)
Call = Callable[[gs.NetworkingSockets, Any], Any]


def taken(call: Call) -> Call:
    """The number of messages that a receive call gives, -1 for an invalid handle: as the reference library has it."""

    def count(sockets: gs.NetworkingSockets, handle: Any) -> int | str:
        try:
            return len(call(sockets, handle))
        except gs.InvalidHandle as error:
            return -1 if error.handle == handle else str(error)

    return count


def is_there(call: Call) -> Call:
    return lambda sockets, handle: call(sockets, handle) is not None


CALLS: Final[dict[str, Call]] = {
    "accept": lambda s, c: s.accept_connection(c),
    "send": lambda s, c: s.send_message_to_connection(c, b"x"),
    "send reliable": lambda s, c: s.send_message_to_connection(c, b"x", SendFlags.RELIABLE),
    "send no delay": lambda s, c: s.send_message_to_connection(c, b"x", SendFlags.RELIABLE | SendFlags.NO_DELAY),
    "send too much": lambda s, c: s.send_message_to_connection(c, bytes(524_289), SendFlags.RELIABLE),
    "send on lane 1": lambda s, c: s.send_message_to_connection(c, b"x", SendFlags.RELIABLE, 1),
    "send on lane -1": lambda s, c: s.send_message_to_connection(c, b"x", SendFlags.RELIABLE, -1),
    "send in a batch": lambda s, c: [n > 0 or n for n in s.send_messages([gs.OutgoingMessage(c, b"x")] * 2)],
    "broadcast": lambda s, c: s.broadcast(b"x", [c]),
    "flush": lambda s, c: s.flush_messages_on_connection(c),
    "receive": taken(lambda s, c: s.receive_messages_on_connection(c)),
    "info": is_there(lambda s, c: s.get_connection_info(c)),
    "status": is_there(lambda s, c: s.get_quick_connection_status(c)),
    "lane status": is_there(lambda s, c: s.get_lane_status(c)),
    "detailed status": is_there(lambda s, c: s.get_detailed_connection_status(c)),
    "debug text": is_there(lambda s, c: s.get_connection_debug_text(c)),
    "lanes": lambda s, c: s.configure_connection_lanes(c, [0, 1]),
    "group": lambda s, c: s.set_connection_poll_group(c, gs.PollGroup(0)),
    "set user data": lambda s, c: s.set_connection_user_data(c, 5),
    "get user data": lambda s, c: s.get_connection_user_data(c),
    "set name": lambda s, c: s.set_connection_name(c, "name"),
    "get name": lambda s, c: s.get_connection_name(c),
    "set Nagle": lambda s, c: s.set_connection_configuration_value(c, ConfigurationValue.NAGLE_TIME, 1000),
    "get Nagle": lambda s, c: s.get_connection_configuration_value(c, ConfigurationValue.NAGLE_TIME),
    "set encryption": lambda s, c: s.set_connection_configuration_value(c, ConfigurationValue.UNENCRYPTED, 0),
    "close": lambda s, c: s.close_connection(c),
}


OK: Final = Result.OK
BAD: Final = Result.INVALID_PARAM
TOO_LARGE: Final = Result.VALUE_OUT_OF_RANGE
LOST: Final = Result.NO_CONNECTION
NOT_NOW: Final = Result.INVALID_STATE
IGNORED: Final = Result.IGNORED


MATRIX: Final[dict[str, tuple[Any, ...]]] = {
    # call: no such handle, connecting out, waiting to be accepted, connected, closed by the peer, problem
    "accept": (BAD, BAD, OK, NOT_NOW, NOT_NOW, NOT_NOW),
    "send": (BAD, OK, OK, OK, LOST, LOST),
    "send reliable": (BAD, OK, OK, OK, LOST, LOST),
    "send no delay": (BAD, IGNORED, IGNORED, OK, LOST, LOST),
    "send too much": (BAD, TOO_LARGE, TOO_LARGE, TOO_LARGE, LOST, LOST),
    "send on lane 1": (BAD, BAD, BAD, BAD, LOST, LOST),
    "send on lane -1": (BAD, BAD, BAD, BAD, LOST, LOST),
    "send in a batch": ([-8, 0], [True, True], [True, True], [True, True], [-3, 0], [-3, 0]),
    "broadcast": (0, 1, 1, 1, 0, 0),
    "flush": (BAD, IGNORED, IGNORED, OK, LOST, LOST),
    "receive": (-1, 0, 0, 0, 0, 0),
    "info": (False, True, True, True, True, True),
    "status": (False, True, True, True, True, True),
    "lane status": (False, True, True, True, True, True),
    "detailed status": (False, True, True, True, True, True),
    "debug text": (False, True, True, True, True, True),
    "lanes": (LOST, OK, OK, OK, NOT_NOW, NOT_NOW),
    "group": (False, True, True, True, True, True),
    "set user data": (False, True, True, True, True, True),
    "get user data": (-1, -1, -1, -1, -1, -1),
    "set name": (False, True, True, True, True, True),
    "get name": (None, "", "", "", "", ""),
    "set Nagle": (False, True, True, True, True, True),
    "get Nagle": (None, 5000, 5000, 5000, 5000, 5000),
    "set encryption": (False, False, True, False, False, False),
    "close": (False, True, True, True, True, True),
}


@pytest.mark.rule("3, 1.2")
def test_the_matrix_has_every_call() -> None:
    assert CALLS.keys() == MATRIX.keys()


@pytest.mark.rule("3, 0 rule 4", "3, 6.7", "3, 7.1 rule 1", "3, 9.2 rule 1", "3, 16")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["0", "unknown", "negative", "huge", "closed", "lingering", "listen", "group"])
def test_a_handle_of_no_connection(loopback: Loopback, call: str, kind: str) -> None:
    make: dict[str, Callable[[], int]] = {
        "0": lambda: 0,
        "unknown": lambda: UNKNOWN,
        "negative": lambda: -1,
        "huge": lambda: 1 << 40,
        "closed": lambda: closed(loopback),
        "lingering": loopback.lingering,
        "listen": lambda: loopback.client.create_listen_socket(LOCALHOST),
        "group": loopback.client.create_poll_group,
    }
    handle = make[kind]()
    assert CALLS[call](loopback.client, handle) == MATRIX[call][0]


def closed(loopback: Loopback) -> gs.Connection:
    connection = loopback.client.connect(loopback.nobody)
    loopback.client.close_connection(connection)
    return connection


@pytest.mark.rule("3, 6.7", "3, 14.4 rule 3")
@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_is_being_established(loopback: Loopback, call: str) -> None:
    connection = loopback.client.connect(loopback.nobody)
    assert CALLS[call](loopback.client, connection) == MATRIX[call][1]
    loopback.client.close_connection(connection)


@pytest.mark.rule("3, 6.7")
@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_waits_to_be_accepted(loopback: Loopback, call: str) -> None:
    ours, theirs = loopback.request()
    assert CALLS[call](loopback.server, theirs) == MATRIX[call][2]
    loopback.client.close_connection(ours)
    loopback.server.close_connection(theirs)


@pytest.mark.rule("2, 2.10 rule 1", "3, 5.12 rule 1", "3, 6.7")
@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_is_up(loopback: Loopback, call: str) -> None:
    ours, theirs = loopback.connected()
    assert CALLS[call](loopback.client, ours) == MATRIX[call][3]
    if call == "close":
        loopback.server.until(ConnectionState.CLOSED_BY_PEER, theirs)
    else:
        assert CALLS[call](loopback.server, theirs) == MATRIX[call][3]
    loopback.client.close_connection(ours)
    loopback.server.close_connection(theirs)


@pytest.mark.rule("3, 6.1 rule 1", "3, 6.7")
@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_the_peer_closed(loopback: Loopback, call: str) -> None:
    connection = loopback.closed_by_peer()
    assert CALLS[call](loopback.client, connection) == MATRIX[call][4]
    loopback.client.close_connection(connection)


@pytest.mark.rule("3, 6.1 rule 1", "3, 6.7")
@pytest.mark.parametrize("call", CALLS)
def test_a_connection_with_a_problem(loopback: Loopback, call: str) -> None:
    connection = loopback.problem()
    assert CALLS[call](loopback.client, connection) == MATRIX[call][5]
    loopback.client.close_connection(connection)


HANDLE_CALLS: Final[dict[str, Call]] = {
    **CALLS,
    "close listen socket": lambda s, h: s.close_listen_socket(h),
    "listen socket address": lambda s, h: s.get_listen_socket_address(h),
    "receive on listen socket": lambda s, h: s.receive_messages_on_listen_socket(h),
    "receive on poll group": lambda s, h: s.receive_messages_on_poll_group(h),
    "destroy poll group": lambda s, h: s.destroy_poll_group(h),
}


CONFIGURATION_CALLS: Final = {"set Nagle", "get Nagle", "set encryption"}


@pytest.mark.parametrize("call", sorted(HANDLE_CALLS.keys() - CONFIGURATION_CALLS))
@pytest.mark.parametrize("thing", [None, "1", b"1", 1.5, [], {}, object], ids=str)
def test_what_is_no_handle_is_named(loopback: Loopback, call: str, thing: object) -> None:
    with pytest.raises(TypeError) as raised:
        HANDLE_CALLS[call](loopback.client, thing)
    assert "must be a handle, which is an int, not" in str(raised.value) or "connection must be int" in str(
        raised.value
    )
    assert repr(thing) in str(raised.value)


@pytest.mark.rule("3, 6.5 rule 1")
def test_every_call_after_close() -> None:
    with Loopback() as loopback:
        ours, _ = loopback.connected()
        sockets = loopback.client
        listen_socket = sockets.create_listen_socket(LOCALHOST)
        group = sockets.create_poll_group()
        sockets.close()
        for name, call in CALLS.items():
            assert call(sockets, ours) == MATRIX[name][0], name
        for make in (
            lambda: sockets.connect(loopback.address),
            lambda: sockets.create_listen_socket(LOCALHOST),
            sockets.create_poll_group,
            sockets.reset_identity,
        ):
            with pytest.raises(OSError, match="was closed"):
                make()
        assert sockets.get_listen_socket_address(listen_socket) is None
        assert not sockets.close_listen_socket(listen_socket)
        assert not sockets.destroy_poll_group(group)
        assert not sockets.wait()
        assert not sockets.wait(1)
        assert not sockets.dispatch_callback(print)
        assert sockets.set_configuration_value(
            ConfigurationValue.NAGLE_TIME, 5000, ConfigurationScope.SOCKETS_INTERFACE
        )
        assert sockets.get_identity() == gs.NetworkingIdentity.localhost()
        sockets.run_callbacks()
        sockets.close()
