"""Does each call of the game-loop API do what it promises, over real sockets? (spec 3, 1 and 6 to 9)"""

import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from tests.support.loopback import LOCALHOST, Loopback, wait_until

import gamesockets as gs
from gamesockets import ConfigurationScope, ConfigurationValue, ConnectionInfoFlags, ConnectionState, Result, SendFlags

NOW: Final = SendFlags.RELIABLE_NO_NAGLE


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def collect(receive: Callable[[], list[gs.NetworkingMessage]], count: int) -> list[gs.NetworkingMessage]:
    """Receives until there are that many messages."""
    messages: list[gs.NetworkingMessage] = []

    def is_enough() -> bool:
        messages.extend(receive())
        return len(messages) >= count

    wait_until(is_enough, f"{count} messages")
    return messages


def info(sockets: gs.NetworkingSockets, connection: gs.Connection) -> gs.ConnectionInfo:
    found = sockets.get_connection_info(connection)
    assert found is not None
    return found


# ---------------------------------------------------------------------- connecting and status changes


def test_the_early_wrappers_programs() -> None:
    """The early wrapper's server and client, with one `dispatch_callback` a turn and a context (spec 3, 2)."""
    told: list[tuple[str, ConnectionState, ConnectionState]] = []
    with gs.NetworkingSockets() as server, gs.NetworkingSockets() as client:
        listen_socket = server.create_listen_socket(LOCALHOST)
        address = server.get_listen_socket_address(listen_socket)
        assert address is not None
        connection = client.connect(address)

        def on_server(status: gs.StatusInfo, context: str) -> None:
            told.append((context, status.old_state, status.connection_info.state))
            if status.connection_info.state == ConnectionState.CONNECTING:
                assert status.connection_info.listen_socket == listen_socket
                assert server.accept_connection(status.connection) == Result.OK
            elif status.connection_info.state == ConnectionState.CLOSED_BY_PEER:
                assert (status.connection_info.end_reason, status.connection_info.end_debug) == (1500, "bye")
                assert server.close_connection(status.connection)

        def on_client(status: gs.StatusInfo) -> None:
            told.append(("client", status.old_state, status.connection_info.state))
            if status.connection_info.state == ConnectionState.CONNECTED:
                assert status.connection == connection
                assert client.close_connection(connection, 1500, "bye")

        def all_told() -> bool:
            client.dispatch_callback(on_client)
            server.dispatch_callback(on_server, "server")
            return len(told) == 7

        wait_until(all_told, "seven status changes")
        assert not server.dispatch_callback(on_server, "server")
    none, connecting, connected, closed = (ConnectionState(number) for number in (0, 1, 3, 4))
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


def test_run_callbacks_tells_everything_that_waits_in_order(loopback: Loopback) -> None:
    seen: list[gs.StatusInfo] = []
    loopback.client.set_status_callback(seen.append)
    ours, theirs = loopback.connected()
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
        if status.connection_info.state == ConnectionState.NONE:
            loopback.client.close()

    loopback.client.set_status_callback(on_status)
    loopback.client.connect(loopback.nobody)
    loopback.client.run_callbacks()
    loopback.client.run_callbacks()  # what the callback itself brought about
    assert not loopback.client.wait()


def test_wait_wakes_for_a_message_and_for_a_status_change(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    loopback.client.run_callbacks()
    while loopback.client.wait(0):
        loopback.client.run_callbacks()
    start = time.monotonic()
    assert not loopback.client.wait(0.05)
    assert time.monotonic() - start >= 0.04
    assert loopback.server.send_message_to_connection(theirs, b"wake up", NOW) == Result.OK
    assert loopback.client.wait(10)
    assert [message.data for message in loopback.client.receive_messages_on_connection(ours)] == [b"wake up"]
    loopback.server.close_connection(theirs)
    assert loopback.client.wait(10)
    assert loopback.state(loopback.client, ours) == ConnectionState.CLOSED_BY_PEER


def test_a_closed_listen_socket_takes_its_connections_along(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    other, waiting = loopback.incoming()
    assert loopback.server.close_listen_socket(loopback.listen_socket, "closed for today")
    for connection in (theirs, waiting):
        assert loopback.server.get_connection_info(connection) is None
    for connection in (ours, other):
        loopback.wait_for_state(loopback.client, connection, ConnectionState.CLOSED_BY_PEER)
        assert info(loopback.client, connection).end_debug == "closed for today"


def test_a_lingering_connection_delivers_what_is_reliable(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    data = bytes(60_000)
    assert loopback.client.send_message_to_connection(ours, data, SendFlags.RELIABLE) == Result.OK
    assert loopback.client.close_connection(ours, 1001, "after you", enable_linger=True)
    assert loopback.client.get_connection_info(ours) is None
    loopback.wait_for_state(loopback.server, theirs, ConnectionState.CLOSED_BY_PEER)
    assert [message.data for message in loopback.server.receive_messages_on_connection(theirs)] == [data]
    assert info(loopback.server, theirs).end_debug == "after you"


# ---------------------------------------------------------------------- properties, identities


def test_user_data_and_name(loopback: Loopback) -> None:
    connection = loopback.client.connect(loopback.nobody)
    assert loopback.client.get_connection_user_data(connection) == -1
    for number in (0, -1, (1 << 63) - 1, -(1 << 63)):
        assert loopback.client.set_connection_user_data(connection, number)
        assert loopback.client.get_connection_user_data(connection) == number
    assert loopback.client.get_connection_name(connection) == ""
    assert loopback.client.set_connection_name(connection, "Zoë")
    assert loopback.client.get_connection_name(connection) == "Zoë"
    described = info(loopback.client, connection).connection_description
    assert described == f"#{connection} UDP invalid@{loopback.nobody} 'Zoë'"


def test_user_data_of_waiting_messages_is_the_newest(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    loopback.client.send_message_to_connection(ours, b"x", NOW)
    wait_until(lambda: loopback.server.wait(0))
    loopback.server.set_connection_user_data(theirs, 77)
    messages = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)
    assert messages[0].user_data == 77


def test_the_identity_given_is_what_peers_see(loopback: Loopback) -> None:
    me = gs.NetworkingIdentity.generic_string("me")
    with gs.NetworkingSockets(identity=me) as named:
        assert named.get_identity() == me
        seen: list[gs.StatusInfo] = []
        loopback.server.set_status_callback(seen.append)
        connection = named.connect(loopback.address)
        wait_until(lambda: loopback.server.wait(0))
        loopback.server.run_callbacks()
        assert seen[0].connection_info.identity == me
        assert info(named, connection).identity.is_invalid


def test_reset_identity_closes_connections_and_changes_the_name(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    waiting, _ = loopback.incoming()
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
        loopback.wait_for_state(loopback.client, connection, ConnectionState.CLOSED_BY_PEER)
        ended = info(loopback.client, connection)
        assert (ended.end_reason, ended.end_debug) == (2999, "SteamNetworkingSockets shutdown")
    loopback.server.dispatch_callback(lambda status: None)
    loopback.server.run_callbacks()
    assert {status.connection_info.state for status in seen} == {ConnectionState.NONE}
    assert {status.connection for status in seen} >= {theirs, outgoing}
    loopback.server.set_status_callback(loopback._on_server_status)
    again, _ = loopback.connected()
    assert info(loopback.client, again).identity == host
    for nobody in (None, gs.NetworkingIdentity.invalid()):
        loopback.server.reset_identity(nobody)
        assert loopback.server.get_identity() == gs.NetworkingIdentity.localhost()
    third, _ = loopback.connected()
    assert info(loopback.client, third).identity == gs.NetworkingIdentity.ip_address(loopback.address)


# ---------------------------------------------------------------------- messages


def test_a_message_carries_what_the_table_says(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    before = gs.Library.time()
    loopback.client.send_message_to_connection(ours, b"reliable", NOW)
    loopback.client.send_message_to_connection(ours, memoryview(b"unreliable"), SendFlags.UNRELIABLE_NO_NAGLE)
    messages = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 2)
    first, second = sorted(messages, key=lambda message: message.message_number)
    assert (first.data, first.length, first.flags, first.message_number) == (b"reliable", 8, SendFlags.RELIABLE, 1)
    assert (second.data, second.flags, second.message_number) == (b"unreliable", SendFlags.UNRELIABLE, 2)
    for message in messages:
        assert (message.connection, message.channel, message.lane, message.user_data) == (theirs, -1, 0, -1)
        assert message.identity == info(loopback.server, theirs).identity
        assert before <= message.time_received <= gs.Library.time()
    buffer = bytearray(10)
    assert first.copy_to(buffer) == 8
    assert buffer == b"reliable\0\0"
    first.destroy()
    first.destroy()


def test_messages_of_a_listen_socket(loopback: Loopback) -> None:
    pairs = [loopback.connected() for _ in range(3)]
    for ours, _ in pairs:
        loopback.client.send_message_to_connection(ours, str(ours).encode(), NOW)
    messages = collect(lambda: loopback.server.receive_messages_on_listen_socket(loopback.listen_socket, 2), 3)
    assert {(message.connection, message.data) for message in messages} == {
        (theirs, str(ours).encode()) for ours, theirs in pairs
    }


def test_messages_of_a_poll_group(loopback: Loopback) -> None:
    """Joining brings what waits, either queue gives it, leaving takes it along (spec 3, 8.1)."""
    pairs = [loopback.connected() for _ in range(2)]
    group = loopback.server.create_poll_group()
    for ours, theirs in pairs:
        loopback.client.send_message_to_connection(ours, b"before", NOW)
        assert loopback.server.set_connection_poll_group(theirs, group)
    for ours, _ in pairs:
        loopback.client.send_message_to_connection(ours, b"after", NOW)
    messages = collect(lambda: loopback.server.receive_messages_on_poll_group(group), 4)
    for _, theirs in pairs:
        assert [m.data for m in messages if m.connection == theirs] == [b"before", b"after"]
    assert loopback.server.receive_messages_on_listen_socket(loopback.listen_socket) == []
    ours, theirs = pairs[0]
    loopback.client.send_message_to_connection(ours, b"own", NOW)
    collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)
    loopback.client.send_message_to_connection(ours, b"kept", NOW)
    wait_until(lambda: loopback.server.wait(0))
    assert loopback.server.destroy_poll_group(group)
    messages = collect(lambda: loopback.server.receive_messages_on_listen_socket(loopback.listen_socket), 1)
    assert messages[0].data == b"kept"


def test_a_batch(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    batch = [gs.OutgoingMessage(ours, bytes([n]), SendFlags.RELIABLE) for n in range(20)]
    assert loopback.client.send_messages(batch) == list(range(1, 21))
    messages = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 20)
    assert [message.data for message in messages] == [bytes([n]) for n in range(20)]


def test_flushing_ends_the_wait_for_company(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    loopback.client.send_message_to_connection(ours, b"now", SendFlags.RELIABLE)
    assert loopback.client.flush_messages_on_connection(ours) == Result.OK
    status = loopback.client.get_quick_connection_status(ours)
    assert status is not None
    assert (status.pending_reliable, status.sent_unacked_reliable > 0) in {(0, True), (0, False)}
    assert collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)[0].data == b"now"


def test_lanes_arrive_as_lanes(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    assert loopback.client.configure_connection_lanes(ours, [0, 1], [1, 2]) == Result.OK
    assert loopback.client.send_message_to_connection(ours, b"x", NOW, lane=1) == Result.OK
    message = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)[0]
    assert (message.lane, message.message_number) == (1, 1)
    lanes = loopback.client.get_lane_status(ours)
    assert lanes is not None
    assert len(lanes) == 2


# ---------------------------------------------------------------------- information


def test_information(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    about = info(loopback.client, ours)
    assert (about.address, about.listen_socket, about.state) == (loopback.address, 0, ConnectionState.CONNECTED)
    assert (about.end_reason, about.end_debug) == (0, "")
    assert about.flags == ConnectionInfoFlags.UNAUTHENTICATED | ConnectionInfoFlags.FAST
    assert about.identity == gs.NetworkingIdentity.ip_address(loopback.address)
    assert info(loopback.server, theirs).listen_socket == loopback.listen_socket
    status = loopback.client.get_quick_connection_status(ours)
    assert status is not None
    assert status.state == ConnectionState.CONNECTED
    assert 0 <= status.ping < 1000
    assert (status.pending_reliable, status.pending_unreliable, status.sent_unacked_reliable) == (0, 0, 0)
    assert status.send_rate_bytes_per_second == 262_144
    assert status.queue_time < 1_000_000
    assert status.connection_quality_local == -1
    assert status.connection_quality_remote == -1
    assert status.max_jitter == -1
    rates = (status.out_packets_per_second, status.out_bytes_per_second)
    assert (*rates, status.in_packets_per_second, status.in_bytes_per_second) == (0, 0, 0, 0)
    unanswered = loopback.client.get_quick_connection_status(loopback.client.connect(loopback.nobody))
    assert unanswered is not None
    assert (unanswered.ping, unanswered.queue_time) == (-1, (1 << 63) - 1)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"])
def test_where_a_listen_socket_listens(loopback: Loopback, text: str) -> None:
    address = gs.Address.parse(text)
    bound = loopback.server.get_listen_socket_address(loopback.server.create_listen_socket(address))
    assert bound is not None
    assert bound.ip == address.ip
    assert bound.port > 0


# ---------------------------------------------------------------------- configuration


def test_configuration_at_every_scope(loopback: Loopback) -> None:
    sockets, nagle = loopback.client, ConfigurationValue.NAGLE_TIME
    listen_socket = sockets.create_listen_socket(LOCALHOST, {nagle: 7})
    connection = sockets.connect(loopback.nobody, {nagle: 8})
    scopes = (ConfigurationScope.SOCKETS_INTERFACE, ConfigurationScope.LISTEN_SOCKET, ConfigurationScope.CONNECTION)
    objects = (0, listen_socket, connection)
    read = [sockets.get_configuration_value(nagle, *where) for where in zip(scopes, objects, strict=True)]
    assert read == [5000, 7, 8]
    assert sockets.set_configuration_value(nagle, 9, ConfigurationScope.SOCKETS_INTERFACE)
    assert sockets.get_configuration_value(nagle, ConfigurationScope.SOCKETS_INTERFACE) == 9
    assert sockets.get_configuration_value(nagle) == 5000
    assert sockets.set_connection_configuration_value(connection, nagle, None)
    assert sockets.get_connection_configuration_value(connection, nagle) == 9
    assert sockets.get_configuration_value_name(nagle) == "NagleTime"
    assert sockets.get_configuration_value_name(ConfigurationValue.ENUMERATE_DEV_VARS) is None


def test_global_configuration_is_shared_by_all(loopback: Loopback) -> None:
    lag = ConfigurationValue.FAKE_PACKET_LAG_SEND
    try:
        assert loopback.client.set_configuration_value(lag, 3)
        assert loopback.server.get_configuration_value(lag) == 3
    finally:
        assert loopback.client.set_configuration_value(lag, None)
    assert loopback.server.get_configuration_value(lag) == 0


# ---------------------------------------------------------------------- the library


def test_library_constants() -> None:
    """The protocol's numbers (spec 3, 1.1 and 5.13)."""
    library = gs.Library
    assert library.MAX_CLOSE_MESSAGE_LENGTH == 128
    assert library.MAX_CLOSE_REASON_VALUE == 2999
    assert library.MAX_ERROR_MESSAGE_LENGTH == 1024
    assert library.MAX_MESSAGE_SIZE == 524_288
    assert library.MAX_MESSAGES_PER_BATCH == 256


def test_receive_calls_return_one_batch_unless_told_otherwise(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    count = gs.Library.MAX_MESSAGES_PER_BATCH + 10
    loopback.client.send_messages([gs.OutgoingMessage(ours, b"", SendFlags.RELIABLE)] * count)
    loopback.client.send_message_to_connection(ours, b"last", NOW)
    sizes: list[int] = []

    def is_all() -> bool:
        sizes.append(len(loopback.server.receive_messages_on_connection(theirs)))
        return sum(sizes) > count

    time.sleep(0.05)
    wait_until(is_all, "all messages")
    assert max(sizes) <= gs.Library.MAX_MESSAGES_PER_BATCH


def test_a_process_may_start_and_stop_the_library() -> None:
    me = gs.NetworkingIdentity.generic_string("process")
    try:
        assert gs.Library.initialize(me)
        assert gs.Library.initialize(me)
        first = gs.NetworkingSockets()
        assert first.get_identity() == me
        with gs.NetworkingSockets(gs.NetworkingIdentity.steam_id(5)) as other:
            assert other.get_identity().steam_id64 == 5
        assert gs.Library.initialize(gs.NetworkingIdentity.invalid())
        with gs.NetworkingSockets() as anonymous:
            assert anonymous.get_identity() == gs.NetworkingIdentity.localhost()
    finally:
        gs.Library.deinitialize()
    with pytest.raises(OSError, match="was closed"):
        first.connect(LOCALHOST)
    gs.Library.deinitialize()
    with gs.NetworkingSockets() as again:
        assert again.get_identity() == gs.NetworkingIdentity.localhost()


def test_shutting_down_tells_the_peers() -> None:
    with Loopback() as loopback:
        ours, _ = loopback.connected()
        loopback.server.close()
        loopback.wait_for_state(loopback.client, ours, ConnectionState.CLOSED_BY_PEER)
        assert info(loopback.client, ours).end_reason == gs.EndReason.APP_EXCEPTION_MAX


def test_time_runs_forward_in_microseconds() -> None:
    start, there = time.monotonic(), gs.Library.time()
    time.sleep(0.02)
    passed = gs.Library.time() - there
    assert 20_000 <= passed <= (time.monotonic() - start) * 1_000_000 + 1_000
