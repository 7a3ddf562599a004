"""What does each call answer to handles, numbers, texts and states it cannot work with? (spec 3, 6.7 and 16)"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.support.pairs import LOCALHOST, Loopback
from tests.support.waiting import collect

import gamesockets as gs
from gamesockets import ConfigurationScope, ConfigurationValue, ConnectionState, Result, SendFlags

UNKNOWN: Final = gs.Connection(0x12345678)
OK: Final = Result.OK
BAD: Final = Result.INVALID_PARAM
NOT_NOW: Final = Result.INVALID_STATE


# ---------------------------------------------------------------------- things that are no handle, number, text


def wrong_types(loopback: Loopback) -> list[tuple[str, type[Exception], Callable[[], object]]]:
    client: Any = loopback.client
    up = client.connect(loopback.nobody)
    address = loopback.nobody
    rows: list[tuple[str, type[Exception], Callable[[], object]]] = [
        ("identity must be a NetworkingIdentity", TypeError, lambda: gs.NetworkingSockets("str:me")),  # type: ignore[arg-type]
        ("config must be Mapping", TypeError, lambda: gs.NetworkingSockets(config=[1])),  # type: ignore[arg-type]
        ("9999 is no configuration value", ValueError, lambda: gs.NetworkingSockets(config={9999: 1})),  # type: ignore[dict-item]
        ("IPv6 address in brackets, as in '[::1]:27015'", ValueError, lambda: client.create_listen_socket("::1")),
        ("must end in a port of 0..65535", ValueError, lambda: client.create_listen_socket("localhost")),
        ("address must be Address or str or socket, not 27015", TypeError, lambda: client.create_listen_socket(27015)),
        ("host and port are one text, 'play.example:27015'", TypeError, lambda: client.connect("localhost", 27015)),
        ("without '//', as in 'play.example:27015'", ValueError, lambda: client.connect("http://play.example:27015")),
        (
            "cannot be set to 500: it must be in 0..100 percent",
            ValueError,
            lambda: gs.NetworkingSockets(config={ConfigurationValue.FAKE_PACKET_LOSS_SEND: 500}),
        ),
        ("config must be Mapping, not 5", TypeError, lambda: client.create_listen_socket(LOCALHOST, 5)),
        ("address must be Address or str, not None", TypeError, lambda: client.connect(None)),
        ("config must be Mapping, not 'x'", TypeError, lambda: client.connect(address, "x")),
        ("reason must be int, not 'x'", TypeError, lambda: client.close_connection(up, "x")),
        ("reason must be int, not None", TypeError, lambda: client.close_connection(up, None)),
        ("debug must be str, not None", TypeError, lambda: client.close_connection(up, 0, None)),
        ("debug must be str, not b'x'", TypeError, lambda: client.close_connection(up, 0, b"x")),
        ("remote_reason must be str, not 7", TypeError, lambda: client.close_listen_socket(0x10000, 7)),
        ("user_data must be int, not 'x'", TypeError, lambda: client.set_connection_user_data(up, "x")),
        ("user_data must be int, not 1.5", TypeError, lambda: client.set_connection_user_data(up, 1.5)),
        ("-9223372036854775808..9223372036854775807", ValueError, lambda: client.set_connection_user_data(up, 1 << 63)),
        ("not -9223372036854775809", ValueError, lambda: client.set_connection_user_data(up, -(1 << 63) - 1)),
        ("name must be str, not None", TypeError, lambda: client.set_connection_name(up, None)),
        ("has 32 bytes, at most 31", ValueError, lambda: client.set_connection_name(up, "é" * 16)),
        ("data must be bytes or another buffer, not str", TypeError, lambda: send(client, up, "text")),
        ("data must be bytes or another buffer, not NoneType", TypeError, lambda: send(client, up, None)),
        ("data must be bytes or another buffer, not list", TypeError, lambda: send(client, up, [1])),
        ("flags must be int, not 'reliable'", TypeError, lambda: send(client, up, b"", "reliable")),
        ("flags must be int, not None", TypeError, lambda: send(client, up, b"", None)),
        ("flags must be int, not 8.0", TypeError, lambda: send(client, up, b"", 8.0)),
        ("lane must be int, not None", TypeError, lambda: send(client, up, b"", 0, None)),
        ("lane must be int, not 'x'", TypeError, lambda: send(client, up, b"", 0, "x")),
        ("flags must be int, not '1'", TypeError, lambda: client.broadcast(b"", flags="1")),
        ("lane must be int, not None", TypeError, lambda: client.broadcast(b"", lane=None)),
        ("not str: text.encode() makes bytes of a text", TypeError, lambda: client.broadcast("x")),
        ("a message has at most 524288 bytes, not 524289", ValueError, lambda: client.broadcast(bytes(524_289))),
        ("connections[0] must be a handle, which is an int, not 'a'", TypeError, lambda: client.broadcast(b"", "abc")),
        ("connections must be Iterable, not 5", TypeError, lambda: client.broadcast(b"", 5)),
        ("broadcast to connections or to a poll group", ValueError, lambda: client.broadcast(b"", [], poll_group=1)),
        ("group must be a handle", TypeError, lambda: client.broadcast(b"", poll_group="x")),
        ("messages must be Sequence, not None", TypeError, lambda: client.send_messages(None)),
        ("messages[0] must be OutgoingMessage, not None", TypeError, lambda: client.send_messages([None])),
        ("messages[0] must be OutgoingMessage, not 'a'", TypeError, lambda: client.send_messages("abc")),
        ("max_messages must be int, not None", TypeError, lambda: client.receive_messages_on_connection(up, None)),
        ("max_messages must be int, not 1.5", TypeError, lambda: client.receive_messages_on_listen_socket(1, 1.5)),
        ("max_messages must be int, not 'x'", TypeError, lambda: client.receive_messages_on_poll_group(1, "x")),
        ("timeout must be int or float, not 'x'", TypeError, lambda: client.wait("x")),
        ("timeout must be None or 0..", ValueError, lambda: client.wait(-0.001)),
        ("timeout must be None or 0..", ValueError, lambda: client.wait(float("nan"))),
        ("timeout must be None or 0..", ValueError, lambda: client.wait(float("inf"))),
        ("callback must be callable or None, not int", TypeError, lambda: client.set_status_callback(5)),
        ("callback must be callable, not NoneType", TypeError, lambda: client.dispatch_callback(None)),
        ("priorities must be Sequence, not None", TypeError, lambda: client.configure_connection_lanes(up, None)),
        ("priorities[1] must be int, not 0.5", TypeError, lambda: client.configure_connection_lanes(up, [0, 0.5])),
        ("weights must be Sequence, not 5", TypeError, lambda: client.configure_connection_lanes(up, [0], 5)),
        ("weights[0] must be int, not 'x'", TypeError, lambda: client.configure_connection_lanes(up, [0], ["x"])),
        ("identity must be NetworkingIdentity or NoneType, not 'me'", TypeError, lambda: client.reset_identity("me")),
        ("identity must be a NetworkingIdentity", TypeError, lambda: gs.Library.initialize("me")),  # type: ignore[arg-type]
    ]
    return rows


def send(sockets: Any, *arguments: Any) -> Any:
    return sockets.send_message_to_connection(*arguments)


def test_wrong_types_and_numbers_are_named(loopback: Loopback) -> None:
    for text, kind, call in wrong_types(loopback):
        with pytest.raises(kind) as raised:
            call()
        assert text in str(raised.value)
    assert loopback.client.wait(0) in (True, False)


@pytest.mark.parametrize("thing", [None, "1", []])
def test_a_poll_group_to_join_must_be_a_handle_too(loopback: Loopback, thing: Any) -> None:
    connection = loopback.client.connect(loopback.nobody)
    with pytest.raises(TypeError, match="group must be a handle"):
        loopback.client.set_connection_poll_group(connection, thing)
    loopback.client.close_connection(connection)


# ---------------------------------------------------------------------- sending


def test_a_batch_with_a_malformed_message_queues_none_of_it(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    good = gs.OutgoingMessage(ours, b"good", SendFlags.RELIABLE_NO_NAGLE)
    faults: list[Any] = [
        gs.OutgoingMessage(ours, "text"),  # type: ignore[arg-type]
        gs.OutgoingMessage(ours, b"x", None),  # type: ignore[arg-type]
        gs.OutgoingMessage(ours, b"x", lane=1.5),  # type: ignore[arg-type]
        gs.OutgoingMessage(None, b"x"),  # type: ignore[arg-type]
        gs.OutgoingMessage([], b"x"),  # type: ignore[arg-type]
        b"x",
    ]
    for fault in faults:
        with pytest.raises(TypeError):
            loopback.client.send_messages([good, fault])
    assert loopback.client.send_messages([good]) == [1]
    loopback.client.close_connection(ours)
    loopback.server.close_connection(theirs)


@pytest.mark.rule("2, 2.12.1 rule 2", "3, 7.4 rule 1")
def test_a_batch_goes_on_behind_a_failure(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    other = loopback.closed_by_peer()
    out = [
        gs.OutgoingMessage(ours, b"1"),
        gs.OutgoingMessage(UNKNOWN, b"x"),
        gs.OutgoingMessage(UNKNOWN, b"x"),
        gs.OutgoingMessage(other, b"x"),
        gs.OutgoingMessage(ours, b"2", SendFlags.RELIABLE),
        gs.OutgoingMessage(ours, b"x", lane=1),
        gs.OutgoingMessage(ours, b"x"),
    ]
    assert loopback.client.send_messages(out) == [1, -8, 0, -3, 2, -8, 0]
    assert loopback.client.send_messages([]) == []
    assert loopback.client.send_messages(deque(out[:1])) == [3]
    for sockets, connection in ((loopback.client, ours), (loopback.client, other), (loopback.server, theirs)):
        sockets.close_connection(connection)


@pytest.mark.rule("3, 7.1 rule 4")
def test_the_largest_message_fills_the_buffer(loopback: Loopback) -> None:
    """524288 bytes on an empty queue, then nothing more, and what is queued arrives (spec 3, 7.1)."""
    ours, theirs = loopback.request()
    send_message = loopback.client.send_message_to_connection
    largest = bytes(range(256)) * (gs.Library.MAX_MESSAGE_SIZE // 256)
    assert send_message(ours, largest + b"x", SendFlags.RELIABLE) == Result.VALUE_OUT_OF_RANGE
    assert send_message(ours, largest, SendFlags.RELIABLE) == OK
    assert send_message(ours, b"") == Result.LIMIT_EXCEEDED
    assert send_message(ours, b"x", SendFlags.RELIABLE) == Result.LIMIT_EXCEEDED
    assert send_message(ours, largest + b"x") == Result.VALUE_OUT_OF_RANGE
    assert loopback.client.send_messages([gs.OutgoingMessage(ours, b"x")] * 2) == [-25, 0]
    for sockets in (loopback.client, loopback.server):
        for rate in (ConfigurationValue.SEND_RATE_MAX, ConfigurationValue.SEND_RATE_MIN):
            assert sockets.set_configuration_value(rate, 50_000_000, ConfigurationScope.SOCKETS_INTERFACE)
    assert loopback.server.accept_connection(theirs) == OK
    [got] = loopback.server.messages(theirs)
    assert got.data == largest
    assert send_message(ours, b"", SendFlags(-1) & ~SendFlags.NO_DELAY) == OK
    assert send_message(ours, bytearray(b"x"), SendFlags(1 << 20)) == OK
    loopback.client.close_connection(ours)
    loopback.server.close_connection(theirs)


@pytest.mark.rule("3, 7.5")
@pytest.mark.parametrize("limit", [0, -1, -(1 << 70)])
def test_asking_for_no_messages_gives_none_and_loses_none(loopback: Loopback, limit: int) -> None:
    ours, theirs = loopback.connected()
    group = loopback.server.create_poll_group()
    assert loopback.server.set_connection_poll_group(theirs, group)
    for text in (b"1", b"2"):
        assert loopback.client.send_message_to_connection(ours, text, SendFlags.RELIABLE_NO_NAGLE) == OK

    def receive() -> list[gs.NetworkingMessage]:
        assert loopback.server.receive_messages_on_connection(theirs, limit) == []
        assert loopback.server.receive_messages_on_poll_group(group, limit) == []
        assert loopback.server.receive_messages_on_listen_socket(loopback.listen_socket, limit) == []
        return loopback.server.receive_messages_on_connection(theirs, 1)

    assert [message.data for message in collect(receive, 2)] == [b"1", b"2"]
    assert loopback.server.receive_messages_on_poll_group(group, 1 << 70) == []
    assert loopback.server.destroy_poll_group(group)
    loopback.client.close_connection(ours)
    loopback.server.close_connection(theirs)


# ---------------------------------------------------------------------- closing: reasons and texts


@pytest.mark.rule("1, 7.5 rule 1", "3, 6.6 rule 1")
@pytest.mark.parametrize(
    ("reason", "text", "seen"),
    [
        (0, "", (1000, "Application closed connection")),
        (1000, "bye", (1000, "bye")),
        (2999, "", (2999, "Application closed connection in an unusual way")),
        (1001, "x" * 128, (1001, "x" * 127)),
        (1001, "é" * 64, (1001, "é" * 63)),
        (1001, "\ud800", (1001, "?")),
    ],
)
def test_what_the_peer_sees_of_reason_and_text(
    loopback: Loopback, reason: int, text: str, seen: tuple[int, str]
) -> None:
    ours, theirs = loopback.connected()
    assert loopback.client.close_connection(ours, reason, text)
    loopback.server.until(ConnectionState.CLOSED_BY_PEER, theirs)
    info = loopback.server.info(theirs)
    assert (info.end_reason, info.end_debug) == seen
    assert loopback.server.close_connection(theirs, 1005, "ignored: it has ended already")
    assert not loopback.server.close_connection(theirs)


@pytest.mark.parametrize("reason", [1, 999, 3000, 5003, -1, 1 << 70])
def test_reasons_that_no_application_may_give(loopback: Loopback, reason: int) -> None:
    """The reference library tells the peer 1999 instead (spec 1, 7.8)."""
    ours, theirs = loopback.connected()
    with pytest.raises(ValueError, match=r"reason must be 0 or in 1000\.\.2999"):
        loopback.client.close_connection(ours, reason)
    assert loopback.client.info(ours).state == ConnectionState.CONNECTED
    loopback.client.close_connection(ours)
    loopback.server.close_connection(theirs)


@pytest.mark.parametrize("name", ["x" * 31, "é" * 15, "", "\ud800", "a\nb"])
def test_names_that_fit(loopback: Loopback, name: str) -> None:
    connection = loopback.client.connect(loopback.nobody)
    assert loopback.client.set_connection_name(connection, name)
    assert loopback.client.get_connection_name(connection) == name
    info = loopback.client.info(connection)
    assert len(info.connection_description.encode("utf-8", "replace")) <= 127
    loopback.client.close_connection(connection)


# ---------------------------------------------------------------------- listen sockets, groups, lanes


@pytest.mark.rule("3, 16")
def test_listening(loopback: Loopback) -> None:
    sockets = loopback.client
    first = sockets.create_listen_socket(LOCALHOST)
    address = sockets.get_listen_socket_address(first)
    assert address is not None
    assert address.port, "port 0 takes a free port here, where the reference library refuses it"
    with pytest.raises(OSError, match=f"127.0.0.1:{address.port}"):
        sockets.create_listen_socket(address)
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        sockets.create_listen_socket(gs.Address("192.0.2.1", 27015))
    connection = sockets.connect(loopback.nobody)
    group = sockets.create_poll_group()
    for foreign in (0, UNKNOWN, connection, group):
        assert sockets.get_listen_socket_address(gs.ListenSocket(foreign)) is None
        assert not sockets.close_listen_socket(gs.ListenSocket(foreign))
        with pytest.raises(gs.InvalidHandle, match=f"{foreign} is not the handle of an open listen socket"):
            sockets.receive_messages_on_listen_socket(gs.ListenSocket(foreign))
    assert sockets.close_listen_socket(first)
    assert not sockets.close_listen_socket(first)
    assert sockets.get_listen_socket_address(first) is None
    again = sockets.create_listen_socket(address)
    assert again != first
    assert sockets.close_listen_socket(again)
    assert sockets.close_connection(connection)


@pytest.mark.rule("3, 4.6")
@pytest.mark.parametrize(
    ("value", "x", "why"),
    [
        (ConfigurationValue.SYMMETRIC_CONNECT, 1, "SYMMETRIC_CONNECT must be 0"),
        (ConfigurationValue.MTU_DATA_SIZE, 1000, "MTU_DataSize"),
        (ConfigurationValue.NAGLE_TIME, "abc", "NagleTime"),
        (ConfigurationValue.FAKE_PACKET_LOSS_SEND, 1, "FakePacketLoss_Send"),
        (ConfigurationValue.ENUMERATE_DEV_VARS, 1, "no configuration value"),
        (9999, 1, "9999"),
    ],
)
def test_an_option_that_cannot_be_set_makes_nothing(loopback: Loopback, value: Any, x: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        loopback.client.create_listen_socket(LOCALHOST, {value: x})
    with pytest.raises(ValueError, match=why):
        loopback.client.connect(loopback.nobody, {value: x})


@pytest.mark.rule("1, 5.9 rule 2", "3, 13.2")
def test_listening_needs_an_authority_if_strangers_are_not_allowed(loopback: Loopback) -> None:
    with pytest.raises(ValueError, match="IP_ALLOW_WITHOUT_AUTH 0 needs a certificate authority"):
        loopback.client.create_listen_socket(LOCALHOST, {ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0})


@pytest.mark.rule("3, 6.2 rule 1")
@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "0.0.0.0:9", "127.0.0.1:0", "[::1]:0", "[::]:0", "[::]:9", "[::ffff:0.0.0.0]:9"]
)
def test_connecting_to_an_address_where_nobody_can_be(loopback: Loopback, address: str) -> None:
    """Where the reference library gives a handle that times out (spec 3, 6.2)."""
    with pytest.raises(ValueError, match="cannot connect to"):
        loopback.client.connect(gs.Address.parse(address))
    assert not loopback.client.wait(0)


def test_connecting_to_a_broadcast_address(loopback: Loopback) -> None:
    """There is a handle, and it times out: the text says what the system thinks of it (spec 3, 1.2)."""
    connection = loopback.client.connect(gs.Address.parse("255.255.255.255:9"), {ConfigurationValue.TIMEOUT_INITIAL: 1})
    loopback.client.until(ConnectionState.PROBLEM_DETECTED_LOCALLY, connection)
    info = loopback.client.info(connection)
    assert info.end_reason == gs.EndReason.MISC_TIMEOUT
    assert loopback.client.close_connection(connection)


@pytest.mark.rule("3, 16")
def test_accepting(loopback: Loopback) -> None:
    ours, theirs = loopback.request()
    assert loopback.client.accept_connection(ours) == BAD, "it was not incoming"
    assert loopback.server.accept_connection(theirs) == OK
    assert loopback.server.accept_connection(theirs) == NOT_NOW
    loopback.client.close_connection(ours)
    assert loopback.server.close_connection(theirs)
    assert loopback.server.accept_connection(theirs) == BAD


def test_accepting_a_child_of_a_closed_listen_socket(loopback: Loopback) -> None:
    _, theirs = loopback.request()
    assert loopback.server.close_listen_socket(loopback.listen_socket)
    assert loopback.server.accept_connection(theirs) == BAD
    assert loopback.server.get_connection_info(theirs) is None


@pytest.mark.rule("3, 8.1 rule 1", "3, 8.1 rule 6")
def test_poll_groups(loopback: Loopback) -> None:
    sockets = loopback.client
    connection = sockets.connect(loopback.nobody)
    group = sockets.create_poll_group()
    assert group & 0x80000000
    assert sockets.set_connection_poll_group(connection, group)
    assert sockets.set_connection_poll_group(connection, group)
    for foreign in (UNKNOWN, connection, loopback.listen_socket):
        assert not sockets.set_connection_poll_group(connection, gs.PollGroup(foreign))
        assert not sockets.destroy_poll_group(gs.PollGroup(foreign))
        with pytest.raises(gs.InvalidHandle, match="poll group"):
            sockets.receive_messages_on_poll_group(gs.PollGroup(foreign))
    assert not sockets.destroy_poll_group(gs.PollGroup(0))
    assert sockets.set_connection_poll_group(connection, gs.PollGroup(0))
    assert sockets.destroy_poll_group(group)
    assert not sockets.destroy_poll_group(group)
    assert not sockets.set_connection_poll_group(connection, group)
    assert sockets.close_connection(connection)


@pytest.mark.rule("2, 2.10 rule 1", "3, 8.2", "3, 16")
def test_lanes(loopback: Loopback) -> None:
    connection = loopback.client.connect(loopback.nobody)
    configure = loopback.client.configure_connection_lanes
    assert configure(connection, [0]) == OK
    assert configure(connection, []) == BAD
    assert configure(connection, [0] * 256) == BAD
    assert configure(connection, [0, 1, 2]) == OK
    assert configure(connection, [0, 1]) == BAD
    for weight in (0, -1, 65536, 1 << 70):
        assert configure(connection, [0, 1, 2], [1, 1, weight]) == BAD
    assert configure(connection, [0, 1, 2], [1, 65535, 1]) == OK
    assert configure(connection, [0, 1, 2], [1, 1]) == BAD
    for priority in (-(1 << 31) - 1, 1 << 31):
        assert configure(connection, [0, 1, priority]) == BAD
    assert configure(connection, (-(1 << 31), 0, (1 << 31) - 1)) == OK
    assert configure(connection, [0] * 255) == OK
    for lane in (255, 256, -1, -255, 1 << 70):
        assert loopback.client.send_message_to_connection(connection, b"x", SendFlags.RELIABLE, lane) == BAD
    assert loopback.client.send_message_to_connection(connection, b"x", SendFlags.RELIABLE, 254) == OK
    lanes = loopback.client.get_lane_status(connection)
    assert lanes is not None
    assert [lane.pending_reliable > 0 for lane in lanes] == [False] * 254 + [True]
    loopback.client.close_connection(connection)


# ---------------------------------------------------------------------- configuration


@pytest.mark.rule("3, 4.3 rule 1", "3, 16")
@pytest.mark.parametrize("number", [0, 1, 35, 9999, -1, 1 << 40])
def test_values_that_do_not_exist_here(loopback: Loopback, number: Any) -> None:
    assert loopback.client.get_configuration_value(number) is None
    assert not loopback.client.set_configuration_value(number, 1)


@pytest.mark.rule("3, 4.1 rule 1")
def test_values_at_scopes_they_do_not_have(loopback: Loopback) -> None:
    sockets = loopback.client
    connection = sockets.connect(loopback.nobody)
    loss, nagle = ConfigurationValue.FAKE_PACKET_LOSS_SEND, ConfigurationValue.NAGLE_TIME
    assert sockets.get_connection_configuration_value(connection, loss) is None
    assert not sockets.set_connection_configuration_value(connection, loss, 1)
    strange: Any
    for strange in (0, 5):
        assert sockets.get_configuration_value(nagle, strange) is None
        assert not sockets.set_configuration_value(nagle, 1, strange)
    assert not sockets.set_connection_configuration_value(connection, ConfigurationValue.MTU_DATA_SIZE, 1000)
    assert not sockets.set_connection_configuration_value(connection, nagle, "abc")
    assert sockets.get_connection_configuration_value(connection, nagle) == 5000
    sockets.close_connection(connection)
    assert sockets.get_connection_configuration_value(connection, nagle) is None
    assert not sockets.set_connection_configuration_value(connection, nagle, 1)


@pytest.mark.rule("3, 16")
def test_percentages_are_clamped(loopback: Loopback) -> None:
    loss = ConfigurationValue.FAKE_PACKET_LOSS_RECV
    try:
        for x, read in ((150, 100), (-5, 0)):
            assert loopback.client.set_configuration_value(loss, x)
            assert loopback.client.get_configuration_value(loss) == read
    finally:
        loopback.client.set_configuration_value(loss, None)


# ---------------------------------------------------------------------- callbacks, stopping


def test_no_status_change_is_lost_to_a_bad_callback(loopback: Loopback) -> None:
    sockets = loopback.client
    seen: list[ConnectionState] = []

    def fail_first(status: gs.StatusInfo) -> None:
        seen.append(status.connection_info.state)
        if len(seen) == 1:
            raise LookupError("the application's own fault")

    sockets.set_status_callback(None)
    sockets.run_callbacks()
    sockets.set_status_callback(fail_first)
    connection = sockets.connect(loopback.nobody)
    sockets.close_connection(connection)
    bad: Any = None
    with pytest.raises(TypeError):
        sockets.dispatch_callback(bad)
    with pytest.raises(LookupError):
        sockets.run_callbacks()
    sockets.run_callbacks()
    sockets.set_status_callback(None)
    assert seen == [ConnectionState.CONNECTING, ConnectionState.NONE]
    assert not sockets.dispatch_callback(print)
