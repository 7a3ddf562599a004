"""Do socket pairs, through memory and through 127.0.0.1, do through the public API what spec 3, 6.9 says?"""

import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest
from tests.support.pairs import global_values, skip_time
from tests.support.waiting import DEADLINE_S, collect, wait_until

import gamesockets as gs
from gamesockets.config.table import ConfigurationValue as Value
from gamesockets.endpoint.ids import CONNECTIONS_MAX, ConnectionIds
from gamesockets.values.entropy import SeededEntropy

HUGE: Final = 268_435_456
RELIABLE: Final = gs.SendFlags.RELIABLE
EVERY_FLAG: Final = gs.SendFlags(29)
KINDS: Final = [pytest.param(False, id="pipe"), pytest.param(True, id="network")]


@pytest.fixture
def sockets() -> Iterator[gs.NetworkingSockets]:
    with gs.NetworkingSockets() as sockets:
        yield sockets


def info_of(sockets: gs.NetworkingSockets, connection: gs.Connection) -> gs.ConnectionInfo:
    info = sockets.get_connection_info(connection)
    assert info is not None
    return info


def status_of(sockets: gs.NetworkingSockets, connection: gs.Connection) -> gs.ConnectionStatus:
    status = sockets.get_quick_connection_status(connection)
    assert status is not None
    return status


def receive(sockets: gs.NetworkingSockets, connection: gs.Connection, count: int) -> list[gs.NetworkingMessage]:
    """Waits until so many messages have come."""
    return collect(lambda: sockets.receive_messages_on_connection(connection), count, lambda: sockets.wait(0.05))


class Changes:
    """Collects what `run_callbacks` tells."""

    def __init__(self, sockets: gs.NetworkingSockets) -> None:
        self._sockets = sockets
        self.rows: list[tuple[gs.Connection, gs.ConnectionState, gs.ConnectionState, int, str]] = []
        sockets.set_status_callback(self._note)

    def _note(self, change: gs.StatusInfo) -> None:
        info = change.connection_info
        self.rows.append((change.connection, change.old_state, info.state, info.end_reason, info.end_debug))

    def wait(self, count: int) -> None:
        def have_come() -> bool:
            self._sockets.run_callbacks()
            return len(self.rows) >= count

        wait_until(have_come, lambda: f"{count} changes, only {self.rows}", pause=lambda: self._sockets.wait(0.05))


@pytest.mark.rule("3, 6.9 rule 1", "3, 17")
@pytest.mark.parametrize("network", KINDS)
def test_connected_at_once_without_changes(sockets: gs.NetworkingSockets, network: bool) -> None:
    changes = Changes(sockets)
    pair = sockets.create_socket_pair(network)
    assert len(set(pair)) == 2
    for connection in pair:
        info = info_of(sockets, connection)
        assert info.state == gs.ConnectionState.CONNECTED
        assert (info.user_data, info.listen_socket, info.end_reason, info.end_debug) == (-1, 0, 0, "")
        assert str(info.identity) == "ip:::1"
        assert sockets.accept_connection(connection) == gs.Result.INVALID_STATE
    for one, two in (pair, reversed(pair)):
        sockets.send_message_to_connection(one, b"after all that setting up brought", RELIABLE | gs.SendFlags.NO_NAGLE)
        assert len(receive(sockets, two, 1)) == 1
    sockets.run_callbacks()
    assert not changes.rows


@pytest.mark.rule("2, 2.14 rule 3", "3, 6.9 rule 1")
@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize(
    ("one", "two"),
    [("str:peer of one", "steamid:76561197960265729"), (None, "gen:0102"), ("ip:1.2.3.4:5", None)],
)
def test_identity_k_is_what_connection_k_sees(
    sockets: gs.NetworkingSockets, network: bool, one: str | None, two: str | None
) -> None:
    identities = [None if text is None else gs.NetworkingIdentity.parse(text) for text in (one, two)]
    pair = sockets.create_socket_pair(network, *identities)
    assert [str(info_of(sockets, connection).identity) for connection in pair] == [one or "ip:::1", two or "ip:::1"]
    sockets.send_message_to_connection(pair[0], b"", RELIABLE | gs.SendFlags.NO_NAGLE)
    (message,) = receive(sockets, pair[1], 1)
    assert str(message.identity) == (two or "ip:::1")


@pytest.mark.rule("3, 5.5")
def test_what_a_pipe_looks_like(sockets: gs.NetworkingSockets) -> None:
    pair = sockets.create_socket_pair()
    for connection in pair:
        info = info_of(sockets, connection)
        assert info.address == gs.Address("::", 0)
        assert info.flags == gs.ConnectionInfoFlags.LOOPBACK_BUFFERS | gs.ConnectionInfoFlags.FAST
        assert info.connection_description == f"#{connection} pipe"
        status = status_of(sockets, connection)
        assert (status.ping, status.send_rate_bytes_per_second) == (0, 104_857_600)
        assert sockets.get_lane_status(connection) == [gs.LaneStatus(0, 0, 0, 0)]


@pytest.mark.rule("2, 2.14 rule 2", "3, 6.9 rule 1")
def test_what_a_network_pair_looks_like(sockets: gs.NetworkingSockets) -> None:
    peer = gs.NetworkingIdentity.parse("str:me")
    one, two = sockets.create_socket_pair(True, peer)
    first, second = info_of(sockets, one), info_of(sockets, two)
    for info in (first, second):
        assert info.flags == gs.ConnectionInfoFlags.UNAUTHENTICATED | gs.ConnectionInfoFlags.FAST
        assert info.address.ip == "127.0.0.1"
    assert first.address.port != second.address.port
    assert first.connection_description == f"#{one} UDP str:me@{first.address}"
    assert second.connection_description == f"#{two} UDP {second.address}"
    assert status_of(sockets, one).ping == -1
    sockets.send_message_to_connection(one, b"x", RELIABLE | gs.SendFlags.NO_NAGLE)
    wait_until(lambda: status_of(sockets, one).ping >= 0, "measured ping")


@pytest.mark.parametrize(("unencrypted", "flags"), [(0, 9), (1, 9), (2, 11), (3, 11)])
def test_encryption_of_a_network_pair(unencrypted: int, flags: int) -> None:
    with gs.NetworkingSockets(config={Value.UNENCRYPTED: unencrypted}) as sockets:
        one, two = sockets.create_socket_pair(True)
        assert info_of(sockets, one).flags == info_of(sockets, two).flags == flags
        for _ in range(3):
            sockets.send_message_to_connection(one, bytes(5000), RELIABLE)
        assert [message.data for message in receive(sockets, two, 3)] == [bytes(5000)] * 3


def test_a_pipe_delivers_before_send_returns(sockets: gs.NetworkingSockets) -> None:
    one, two = sockets.create_socket_pair()
    data = bytes(2_000_000)
    assert sockets.send_message_to_connection(one, data, gs.SendFlags.UNRELIABLE) == gs.Result.OK
    assert sockets.send_message_to_connection(one, b"all", EVERY_FLAG) == gs.Result.OK
    assert sockets.wait(0)
    first, second = sockets.receive_messages_on_connection(two)
    assert (first.data, first.flags, first.message_number) == (data, gs.SendFlags.UNRELIABLE, 1)
    assert (second.data, second.flags, second.message_number, second.channel) == (b"all", EVERY_FLAG, 2, -1)
    assert second.connection == two
    assert not sockets.wait(0)
    assert sockets.flush_messages_on_connection(one) == gs.Result.OK


@pytest.mark.rule("3, 4.8")
def test_nothing_simulated_touches_a_pipe(sockets: gs.NetworkingSockets) -> None:
    with global_values(sockets, {Value.FAKE_PACKET_LOSS_SEND: 100.0, Value.FAKE_PACKET_LOSS_RECV: 100.0}):
        one, two = sockets.create_socket_pair()
        sockets.send_message_to_connection(one, b"comes")
        assert len(sockets.receive_messages_on_connection(two)) == 1
        one, two = sockets.create_socket_pair(True)
        sockets.send_message_to_connection(one, b"is lost", gs.SendFlags.NO_NAGLE)
    sockets.send_message_to_connection(one, b"comes later", gs.SendFlags.NO_NAGLE)
    assert [message.data for message in receive(sockets, two, 1)] == [b"comes later"]


@pytest.mark.rule("3, 6.9 rule 1")
def test_the_size_limits(sockets: gs.NetworkingSockets) -> None:
    one, two = sockets.create_socket_pair()
    assert sockets.set_connection_configuration_value(two, Value.RECV_MAX_MESSAGE_SIZE, 600_000)
    assert sockets.send_message_to_connection(one, bytes(600_001)) == gs.Result.VALUE_OUT_OF_RANGE
    assert sockets.send_message_to_connection(one, bytes(600_000)) == gs.Result.OK
    assert sockets.send_message_to_connection(two, bytes(600_001)) == gs.Result.OK
    one, two = sockets.create_socket_pair(True)
    assert sockets.send_message_to_connection(one, bytes(524_289)) == gs.Result.VALUE_OUT_OF_RANGE


def test_over_the_receive_limits_messages_of_a_pipe_vanish(sockets: gs.NetworkingSockets) -> None:
    one, two = sockets.create_socket_pair()
    assert sockets.set_connection_configuration_value(two, Value.RECV_BUFFER_MESSAGES, 2)
    for _ in range(5):
        assert sockets.send_message_to_connection(one, b"", RELIABLE) == gs.Result.OK
    assert [message.message_number for message in sockets.receive_messages_on_connection(two)] == [1, 2]
    assert info_of(sockets, one).state == gs.ConnectionState.CONNECTED


@pytest.mark.rule("3, 4.1 rule 7")
def test_values_a_pipe_is_born_with(sockets: gs.NetworkingSockets) -> None:
    sockets.set_configuration_value(Value.NAGLE_TIME, 1234, gs.ConfigurationScope.SOCKETS_INTERFACE)
    for connection in sockets.create_socket_pair():
        for value in (
            Value.SEND_RATE_MIN,
            Value.SEND_RATE_MAX,
            Value.RECV_BUFFER_SIZE,
            Value.RECV_BUFFER_MESSAGES,
            Value.RECV_MAX_MESSAGE_SIZE,
        ):
            assert sockets.get_connection_configuration_value(connection, value) == HUGE
        assert sockets.get_connection_configuration_value(connection, Value.UNENCRYPTED) == 3
        assert sockets.get_connection_configuration_value(connection, Value.NAGLE_TIME) == 1234


@pytest.mark.parametrize("network", KINDS)
def test_locked_values(sockets: gs.NetworkingSockets, network: bool) -> None:
    one, _ = sockets.create_socket_pair(network)
    for value in (Value.UNENCRYPTED, Value.IP_ALLOW_WITHOUT_AUTH, Value.SYMMETRIC_CONNECT):
        assert not sockets.set_connection_configuration_value(one, value, 1)
    for value in (Value.SEND_RATE_MIN, Value.RECV_MAX_SEGMENTS_PER_PACKET, Value.RECV_MAX_MESSAGE_SIZE):
        assert sockets.set_connection_configuration_value(one, value, 5000)


@pytest.mark.parametrize("network", KINDS)
def test_lanes_and_batches(sockets: gs.NetworkingSockets, network: bool) -> None:
    one, two = sockets.create_socket_pair(network)
    assert sockets.send_message_to_connection(one, b"", RELIABLE, 1) == gs.Result.INVALID_PARAM
    assert sockets.configure_connection_lanes(one, [0, 0, 1]) == gs.Result.OK
    assert sockets.configure_connection_lanes(one, [0]) == gs.Result.INVALID_PARAM
    batch = [gs.OutgoingMessage(one, bytes([lane]), RELIABLE, lane) for lane in (2, 0, 2, 1, 2)]
    batch += [gs.OutgoingMessage(two, b"back", RELIABLE), gs.OutgoingMessage(one, b"", RELIABLE, 3)]
    batch += [gs.OutgoingMessage(one, b"not tried", RELIABLE)]
    assert sockets.send_messages(batch) == [1, 1, 2, 1, 3, 1, -gs.Result.INVALID_PARAM, 0]
    got = sorted((message.lane, message.message_number, message.data) for message in receive(sockets, two, 5))
    assert got == [(0, 1, b"\0"), (1, 1, b"\1"), (2, 1, b"\2"), (2, 2, b"\2"), (2, 3, b"\2")]
    (back,) = receive(sockets, one, 1)
    assert (back.data, back.connection) == (b"back", one)
    assert len(sockets.get_lane_status(one) or []) == 3


@pytest.mark.parametrize("network", KINDS)
def test_names_user_data_and_groups(sockets: gs.NetworkingSockets, network: bool) -> None:
    one, two = sockets.create_socket_pair(network)
    assert sockets.set_connection_name(one, "left")
    assert info_of(sockets, one).connection_description.endswith(" 'left'")
    assert sockets.get_connection_name(two) == ""
    assert sockets.set_connection_user_data(two, 77)
    assert (sockets.get_connection_user_data(one), sockets.get_connection_user_data(two)) == (-1, 77)
    flags = RELIABLE | gs.SendFlags.NO_NAGLE
    sockets.send_message_to_connection(one, b"to two", flags)
    assert sockets.wait(DEADLINE_S)
    group = sockets.create_poll_group()
    assert sockets.set_connection_poll_group(one, group)
    assert sockets.set_connection_poll_group(two, group)
    sockets.send_message_to_connection(two, b"to one", flags)
    messages = collect(lambda: sockets.receive_messages_on_poll_group(group), 2, lambda: sockets.wait(0.05))
    assert [(message.data, message.connection, message.user_data) for message in messages] == [
        (b"to two", two, 77),
        (b"to one", one, -1),
    ]


@pytest.mark.rule("3, 6.9 rule 2")
@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize("linger", [False, True])
def test_closing_one_end(sockets: gs.NetworkingSockets, network: bool, linger: bool) -> None:
    changes = Changes(sockets)
    one, two = sockets.create_socket_pair(network)
    sockets.send_message_to_connection(one, b"unread", RELIABLE | gs.SendFlags.NO_NAGLE)
    assert sockets.wait(DEADLINE_S)
    assert sockets.close_connection(one, 1234, "so long", linger)
    assert not sockets.close_connection(one)
    assert sockets.get_connection_info(one) is None
    changes.wait(2)
    connected, none = gs.ConnectionState.CONNECTED, gs.ConnectionState.NONE
    closed = gs.ConnectionState.CLOSED_BY_PEER
    assert changes.rows == [(one, connected, none, 1234, "so long"), (two, connected, closed, 1234, "so long")]
    info = info_of(sockets, two)
    assert (info.state, info.end_reason, info.end_debug) == (closed, 1234, "so long")
    assert [message.data for message in sockets.receive_messages_on_connection(two)] == [b"unread"]
    assert sockets.send_message_to_connection(two, b"") == gs.Result.NO_CONNECTION
    assert sockets.flush_messages_on_connection(two) == gs.Result.NO_CONNECTION
    assert sockets.configure_connection_lanes(two, [0]) == gs.Result.INVALID_STATE
    assert sockets.accept_connection(two) == gs.Result.INVALID_STATE
    assert sockets.get_lane_status(two) == []
    assert sockets.close_connection(two, 1500, "not this")
    changes.wait(3)
    assert changes.rows[2] == (two, closed, none, 1234, "so long")


@pytest.mark.rule("3, 6.9 rule 2")
def test_closing_a_pipe_is_known_before_the_call_returns(sockets: gs.NetworkingSockets) -> None:
    one, two = sockets.create_socket_pair()
    sockets.close_connection(one)
    assert info_of(sockets, two).state == gs.ConnectionState.CLOSED_BY_PEER
    assert sockets.wait(0), "the change wakes"


@pytest.mark.parametrize("network", KINDS)
def test_a_waiting_thread_is_woken(sockets: gs.NetworkingSockets, network: bool) -> None:
    one, two = sockets.create_socket_pair(network)
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(sockets.wait(DEADLINE_S)))
    waiter.start()
    wait_until(lambda: sockets._threads._leading)
    sockets.send_messages([gs.OutgoingMessage(one, b"wake up", RELIABLE | gs.SendFlags.NO_NAGLE)])
    waiter.join(DEADLINE_S)
    assert woken == [True]
    assert len(receive(sockets, two, 1)) == 1


@pytest.mark.parametrize("network", KINDS)
def test_threads_at_both_ends(sockets: gs.NetworkingSockets, network: bool) -> None:
    """Two writers and a reader at each end: everything arrives once, and each writer's messages in order."""
    pair = sockets.create_socket_pair(network)
    for connection in pair:
        sockets.set_connection_configuration_value(connection, Value.SEND_RATE_MIN, 50_000_000)
        sockets.set_connection_configuration_value(connection, Value.SEND_RATE_MAX, 50_000_000)
    each = 1500
    got: dict[gs.Connection, list[bytes]] = {connection: [] for connection in pair}

    def write(connection: gs.Connection, writer: int) -> None:
        for k in range(each):
            data = bytes([writer]) + k.to_bytes(4, "big")
            while sockets.send_message_to_connection(connection, data, RELIABLE) == gs.Result.LIMIT_EXCEEDED:
                time.sleep(0.001)

    def read(connection: gs.Connection) -> None:
        got[connection] += [message.data for message in receive(sockets, connection, 2 * each)]

    threads = [threading.Thread(target=write, args=(connection, k)) for connection in pair for k in (1, 2)]
    threads += [threading.Thread(target=read, args=(connection,)) for connection in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    for messages in got.values():
        for writer in (1, 2):
            numbers = [int.from_bytes(data[1:], "big") for data in messages if data[0] == writer]
            assert numbers == list(range(each))


def test_pairs_come_and_go_in_threads(sockets: gs.NetworkingSockets) -> None:
    """Four threads make pipes, send over them and close either end: nothing raises, nothing stays."""
    failures: list[BaseException] = []

    def live(seed: int) -> None:
        try:
            for k in range(60):
                one, two = sockets.create_socket_pair()
                assert sockets.send_message_to_connection(one, b"x") == gs.Result.OK
                assert len(sockets.receive_messages_on_connection(two)) == 1
                first, second = (one, two) if (seed + k) % 2 else (two, one)
                assert sockets.close_connection(first)
                assert sockets.close_connection(second)
        except BaseException as failure:  # noqa: BLE001 - told by the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=live, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert not failures
    assert not sockets._node.members
    assert not sockets._node._ids._live


def leave_room_for(sockets: gs.NetworkingSockets, connections: int) -> None:
    """As if all ids but so many belonged to living connections."""
    while len(sockets._node._ids._live) < CONNECTIONS_MAX - connections:
        assert sockets._node._ids.take()


@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize("room", [0, 1])
def test_no_room_for_two(sockets: gs.NetworkingSockets, network: bool, room: int) -> None:
    leave_room_for(sockets, room)
    for _ in range(2):
        with pytest.raises(OSError, match="8191"):
            sockets.create_socket_pair(network)
    assert len(sockets._node._ids._live) == CONNECTIONS_MAX - room, "a failure keeps no id"
    assert not sockets._node.members
    assert not sockets._node.service.ports()


def test_room_for_exactly_two(sockets: gs.NetworkingSockets) -> None:
    leave_room_for(sockets, 2)
    one, two = sockets.create_socket_pair()
    with pytest.raises(OSError, match="8191"):
        sockets.create_socket_pair()
    sockets.close_connection(one)
    with pytest.raises(OSError, match="8191"):
        sockets.create_socket_pair()
    sockets.close_connection(two)
    sockets.create_socket_pair()


@pytest.mark.rule("1, 3.1 rule 1")
def test_ids_follow_the_rules_of_all_ids() -> None:
    with gs.NetworkingSockets() as sockets:
        sockets._node._ids = ConnectionIds(SeededEntropy(3))
        seen: list[int] = []
        for _ in range(100):
            pair = sockets.create_socket_pair()
            for connection in pair:
                assert connection & 0xFFFF
                assert connection >> 16
                assert connection & 0xFFFF not in seen[-256:]
                seen.append(connection & 0xFFFF)
                sockets.close_connection(connection)


@pytest.mark.parametrize("network", KINDS)
def test_closing_the_sockets_object(network: bool) -> None:
    sockets = gs.NetworkingSockets()
    changes = Changes(sockets)
    pair = sockets.create_socket_pair(network)
    sockets.send_message_to_connection(pair[0], b"unread", RELIABLE)
    sockets.close()
    assert [sockets.get_connection_info(connection) for connection in pair] == [None, None]
    sockets.run_callbacks()
    assert not changes.rows, "changes still waiting are discarded"
    with pytest.raises(OSError, match="closed"):
        sockets.create_socket_pair(network)


def test_a_callback_may_close_the_other_end(sockets: gs.NetworkingSockets) -> None:
    seen: list[gs.Connection] = []

    def on_change(change: gs.StatusInfo) -> None:
        seen.append(change.connection)
        if change.connection_info.state == gs.ConnectionState.CLOSED_BY_PEER:
            assert sockets.close_connection(change.connection)

    sockets.set_status_callback(on_change)
    one, two = sockets.create_socket_pair()
    sockets.close_connection(one)
    sockets.run_callbacks()
    sockets.run_callbacks()
    assert seen == [one, two, two]


def test_the_ports_of_a_network_pair_close_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with gs.NetworkingSockets() as sockets:
        pair = sockets.create_socket_pair(True)
        assert len(sockets._node.service.ports()) == 2
        for connection in pair:
            sockets.close_connection(connection)
        assert len(sockets._node.service.ports()) == 2, "late packets are answered for five seconds"
        skip_time(sockets, 5, monkeypatch)
        wait_until(lambda: not sockets._node.service.ports())
        assert not sockets._node._ids._live


@pytest.mark.parametrize("network", KINDS)
def test_bad_identities(sockets: gs.NetworkingSockets, network: bool) -> None:
    with pytest.raises(TypeError, match="identity_one must be a NetworkingIdentity or None, not str"):
        sockets.create_socket_pair(network, "str:me")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="identity_two must be a valid identity, not invalid"):
        sockets.create_socket_pair(network, None, gs.NetworkingIdentity.invalid())
