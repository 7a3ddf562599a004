"""Does the user see of a connection what spec 3, parts 6.10 and 9 say?"""

import pytest
from tests.support.rig import Rig, pair

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.observe.snapshots import (
    QUEUE_TIME_UNKNOWN,
    connection_info,
    connection_status,
    describe,
    info_flags,
    lane_status,
)
from gamesockets.values.address import Address
from gamesockets.values.enums import ConnectionInfoFlags, ConnectionState, SendFlags
from gamesockets.values.handles import ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import UNKNOWN_PATH

RELIABLE_NO_NAGLE = int(SendFlags.RELIABLE_NO_NAGLE)


@pytest.fixture
def rig() -> Rig:
    return Rig()


# ---------------------------------------------------------------------- description


@pytest.mark.rule("3, 6.10 rule 1")
@pytest.mark.parametrize(
    ("identity", "address", "expected"),
    [
        ("invalid", Address.ipv4("127.0.0.1", 27791), "UDP invalid@127.0.0.1:27791"),
        ("ip:127.0.0.1:5", Address.ipv4("127.0.0.1", 5), "UDP 127.0.0.1:5"),
        ("str:me", Address.ipv4("127.0.0.1", 53671), "UDP str:me@127.0.0.1:53671"),
        ("invalid", Address.ipv6("2001:db8::1", 27791), "UDP invalid@[2001:db8::1]:27791"),
    ],
)
def test_descriptions(rig: Rig, identity: str, address: Address, expected: str) -> None:
    connection = rig.connection
    connection.peer.identity = (
        NetworkingIdentity.invalid() if identity == "invalid" else NetworkingIdentity.parse(identity)
    )
    connection.address = address
    assert describe(connection, "") == f"#{connection.id} {expected}"
    assert describe(connection, "my name") == f"#{connection.id} {expected} 'my name'"


@pytest.mark.rule("3, 5.13", "3, 6.10 rule 2")
def test_long_descriptions_are_cut(rig: Rig) -> None:
    connection = rig.connection
    connection.peer.identity = NetworkingIdentity.generic_bytes(bytes(32))
    text = describe(connection, "n" * 31)
    kind = text.removeprefix(f"#{connection.id} ").removesuffix(" '" + "n" * 31 + "'")
    assert len(kind) == 79
    assert kind.startswith("UDP gen:" + "0" * 64 + "@127.0.")
    assert len(describe(connection, "ü" * 60).encode()) in (126, 127)


# ---------------------------------------------------------------------- flags


@pytest.mark.rule("1, 4.7", "1, 13 rule 9", "3, 5.5")
def test_flags_of_encryption_and_identity(rig: Rig) -> None:
    connection = rig.connection
    both = ConnectionInfoFlags.UNAUTHENTICATED | ConnectionInfoFlags.UNENCRYPTED
    assert info_flags(connection) & both == both
    connection.is_encrypted = True
    assert info_flags(connection) & both == ConnectionInfoFlags.UNAUTHENTICATED
    connection.is_authenticated = True
    assert info_flags(connection) & both == 0


@pytest.mark.rule("3, 5.5")
@pytest.mark.parametrize(
    ("address", "ping_ms", "is_fast"),
    [
        ("127.0.0.1", -1, True),
        ("::1", 300, True),
        ("192.168.1.2", 5, True),
        ("192.168.1.2", 6, False),
        ("192.168.1.2", -1, False),
        ("10.0.0.1", 0, True),
        ("93.184.216.34", 0, False),
    ],
)
def test_the_fast_flag(rig: Rig, address: str, ping_ms: int, is_fast: bool) -> None:
    rig.connection.address = Address(address, 1)
    rig.connection.ping.smoothed_us = ping_ms * 1000 if ping_ms >= 0 else -1
    assert (ConnectionInfoFlags.FAST in info_flags(rig.connection)) == is_fast


# ---------------------------------------------------------------------- info


@pytest.mark.rule("3, 9.1")
def test_info_is_a_snapshot_of_the_moment_it_is_for(rig: Rig) -> None:
    connection = rig.connection
    connection.peer.user_data = 7
    info = connection_info(connection, ListenSocket(5), "name", State.CLOSED_BY_PEER, 1000, "bye")
    assert (info.state, info.end_reason, info.end_debug) == (ConnectionState.CLOSED_BY_PEER, 1000, "bye")
    assert (info.user_data, info.listen_socket, info.address) == (7, 5, connection.address)
    assert info.connection_description == describe(connection, "name")
    connection.peer.user_data = 8
    assert info.user_data == 7


@pytest.mark.parametrize("state", [State.FIN_WAIT, State.LINGER, State.DEAD])
def test_states_that_the_user_no_longer_owns_show_as_none(rig: Rig, state: State) -> None:
    assert connection_info(rig.connection, ListenSocket(0), "", state, 0, "").state == ConnectionState.NONE


# ---------------------------------------------------------------------- status


def test_an_idle_connection(rig: Rig) -> None:
    status = connection_status(rig.connection)
    assert status.state == ConnectionState.CONNECTED
    assert status.send_rate_bytes_per_second == 4_000_000, "32 packets a round trip, which is short"
    assert status.path == UNKNOWN_PATH
    assert (status.pending_reliable, status.pending_unreliable, status.sent_unacked_reliable) == (0, 0, 0)
    assert (status.queue_time, status.max_jitter) == (0, -1)
    assert (status.connection_quality_local, status.connection_quality_remote) == (-1, -1)
    (lane,) = lane_status(rig.connection)
    assert (lane.pending_reliable, lane.pending_unreliable, lane.sent_unacked_reliable) == (0, 0, 0)


@pytest.mark.rule("2, 2.11", "3, 9.2 rule 1")
def test_waiting_and_unacknowledged_bytes(rig: Rig) -> None:
    rig.send(bytes(100), 0)
    rig.send(bytes(200), int(SendFlags.RELIABLE))
    status = connection_status(rig.connection)
    assert status.pending_unreliable == 100
    assert 200 <= status.pending_reliable <= 210
    assert status.sent_unacked_reliable == 0
    rig.connection.flush()
    rig.endpoint.touch(rig.connection)
    rig.drain()
    status = connection_status(rig.connection)
    assert (status.pending_unreliable, status.pending_reliable) == (0, 0)
    assert 200 <= status.sent_unacked_reliable <= 210
    (lane,) = lane_status(rig.connection)
    assert lane.sent_unacked_reliable == status.sent_unacked_reliable


@pytest.mark.rule("2, 2.11", "3, 9.2 rule 1")
def test_queue_time_follows_rate_and_bytes() -> None:
    rig = Rig(ConnectionOptions(unencrypted=3, send_rate_min=100_000, send_rate_max=100_000))
    for _ in range(5):
        rig.send(bytes(100_000), RELIABLE_NO_NAGLE)
    rig.drain()
    status = connection_status(rig.connection)
    assert 4_700_000 < status.queue_time < 5_100_000
    (lane,) = lane_status(rig.connection)
    assert 4_700_000 < lane.queue_time < 5_200_000
    rig.run_until(rig.now + 1_000_000)
    assert connection_status(rig.connection).queue_time < status.queue_time


@pytest.mark.rule("2, 2.11")
def test_lanes_are_counted_apart_and_together(rig: Rig) -> None:
    rig.connection.configure_lanes([0, 1], [1, 1], rig.now)
    rig.send(bytes(100), 0, 0)
    rig.send(bytes(300), 0, 1)
    assert [lane.pending_unreliable for lane in lane_status(rig.connection)] == [100, 300]
    status = connection_status(rig.connection)
    assert status.pending_unreliable == 400
    assert status.queue_time == QUEUE_TIME_UNKNOWN, "with several lanes"


def test_while_connecting() -> None:
    client_end, _, _, _ = pair(ConnectionOptions(unencrypted=3), 1_000_000)
    client = client_end.connect(("127.0.0.1", 3333), ConnectionOptions(), 1_000_000)
    assert client is not None
    assert connection_status(client).queue_time == QUEUE_TIME_UNKNOWN
    assert [lane.queue_time for lane in lane_status(client)] == [QUEUE_TIME_UNKNOWN]


@pytest.mark.rule("2, 2.11")
def test_an_ended_connection_has_no_lanes(rig: Rig) -> None:
    rig.connection.fail(5003, "gone", rig.now)
    assert lane_status(rig.connection) == []
    status = connection_status(rig.connection)
    assert (status.state, status.queue_time) == (ConnectionState.PROBLEM_DETECTED_LOCALLY, QUEUE_TIME_UNKNOWN)


@pytest.mark.rule("1, 8.6", "3, 9.2 rule 1")
def test_asking_for_jitter_resets_it(rig: Rig) -> None:
    statistics = rig.connection.statistics
    first = connection_status(rig.connection).max_jitter
    assert first == connection_status(rig.connection).max_jitter == statistics.take_max_jitter_us() == -1
