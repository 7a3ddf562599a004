"""Do the calls that only look tell the truth about a connection? (spec 3, part 9)"""

import pytest
from tests.support.pairs import Loopback, NewLoopback, NewPair, NewSide, Pair, data_of
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets.observe.snapshots import QUEUE_TIME_UNKNOWN

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE
UNKNOWN = gs.Connection(0x1234_5678)


@pytest.mark.rule("3, 1.6", "3, 9.1")
def test_info_of_both_sides(pair: Pair) -> None:
    here, there = pair.client.info(pair.outgoing), pair.server.info(pair.incoming)
    assert here.address == pair.server.address(pair.listen_socket)
    assert here.address.ip == there.address.ip == "127.0.0.1"
    assert (here.listen_socket, there.listen_socket) == (0, pair.listen_socket)
    assert here.connection_description == f"#{pair.outgoing} UDP {here.address}"
    assert there.connection_description == f"#{pair.incoming} UDP {there.address}"
    assert here.flags == there.flags == gs.ConnectionInfoFlags.UNAUTHENTICATED | gs.ConnectionInfoFlags.FAST
    assert (here.end_reason, here.end_debug) == (0, "")
    assert pair.client.get_connection_info(UNKNOWN) is None


@pytest.mark.rule("3, 9.1")
def test_info_while_connecting_and_with_identity(new_side: NewSide, new_loopback: NewLoopback) -> None:
    loopback = new_loopback(client=new_side(gs.NetworkingIdentity.generic_string("me")))
    outgoing, incoming = loopback.request()
    here, there = loopback.client.info(outgoing), loopback.server.info(incoming)
    assert here.connection_description == f"#{outgoing} UDP invalid@{here.address}"
    assert there.connection_description == f"#{incoming} UDP str:me@{there.address}"
    assert here.state == there.state == State.CONNECTING
    assert gs.ConnectionInfoFlags.UNENCRYPTED in here.flags


def test_a_plain_connection_says_so(new_pair: NewPair) -> None:
    plain = {V.UNENCRYPTED: 3}
    pair = new_pair(server_config=plain, client_config=plain)
    for info in (pair.client.info(pair.outgoing), pair.server.info(pair.incoming)):
        assert gs.ConnectionInfoFlags.UNENCRYPTED in info.flags
    pair.client.send_message_to_connection(pair.outgoing, b"in the clear", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(pair.incoming)) == [b"in the clear"]


@pytest.mark.rule("3, 1.6", "3, 9.2 rule 2")
def test_quick_status(pair: Pair) -> None:
    status = pair.client.status(pair.outgoing)
    assert status.state == State.CONNECTED
    assert 0 <= status.ping < 2000
    assert (status.connection_quality_local, status.connection_quality_remote) == (-1, -1)
    assert 262_144 <= status.send_rate_bytes_per_second <= 4_000_000
    assert status.path.state == "new"
    assert status.out_packets_per_second == status.in_bytes_per_second == 0
    assert (status.pending_unreliable, status.pending_reliable, status.sent_unacked_reliable) == (0, 0, 0)
    assert (status.queue_time, status.max_jitter) == (0, -1)
    assert pair.client.set_connection_configuration_value(pair.outgoing, V.NAGLE_TIME, 20_000)
    sent = pair.client.send_messages(
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
    wait_until(lambda: pair.client.status(pair.outgoing).sent_unacked_reliable == 0)


def test_status_of_much_waiting_data(pair: Pair) -> None:
    """At a rate at which next to nothing leaves while the test looks."""
    for value in (V.SEND_RATE_MIN, V.SEND_RATE_MAX):
        assert pair.client.set_connection_configuration_value(pair.outgoing, value, 5000)
    for _ in range(4):
        assert pair.client.send_message_to_connection(pair.outgoing, bytes(100_000), RELIABLE) == gs.Result.OK
    status = pair.client.status(pair.outgoing)
    assert status.pending_reliable > 300_000
    assert 60_000_000 < status.queue_time < 90_000_000
    assert pair.client.close_connection(pair.outgoing)
    assert pair.client.get_quick_connection_status(pair.outgoing) is None


def test_status_in_other_states(loopback: Loopback) -> None:
    outgoing, incoming = loopback.request()
    status = loopback.client.status(outgoing)
    assert (status.state, status.queue_time) == (State.CONNECTING, QUEUE_TIME_UNKNOWN)
    loopback.server.close_connection(incoming)
    loopback.client.until(State.CLOSED_BY_PEER)
    assert loopback.client.status(outgoing).state == State.CLOSED_BY_PEER
    assert loopback.client.get_quick_connection_status(UNKNOWN) is None
    assert loopback.client.get_lane_status(UNKNOWN) is None


def test_information(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    about = loopback.client.info(ours)
    assert (about.address, about.listen_socket, about.state) == (loopback.address, 0, State.CONNECTED)
    assert (about.end_reason, about.end_debug) == (0, "")
    assert about.flags == gs.ConnectionInfoFlags.UNAUTHENTICATED | gs.ConnectionInfoFlags.FAST
    assert about.identity == gs.NetworkingIdentity.ip_address(loopback.address)
    assert loopback.server.info(theirs).listen_socket == loopback.listen_socket
    status = loopback.client.get_quick_connection_status(ours)
    assert status is not None
    assert status.state == State.CONNECTED
    assert 0 <= status.ping < 1000
    assert (status.pending_reliable, status.pending_unreliable, status.sent_unacked_reliable) == (0, 0, 0)
    assert 262_144 <= status.send_rate_bytes_per_second <= 4_000_000
    assert status.queue_time < 1_000_000
    assert status.connection_quality_local == -1
    assert status.connection_quality_remote == -1
    assert status.max_jitter == -1
    rates = (status.out_packets_per_second, status.out_bytes_per_second)
    assert (*rates, status.in_packets_per_second, status.in_bytes_per_second) == (0, 0, 0, 0)
    unanswered = loopback.client.get_quick_connection_status(loopback.client.connect(loopback.nobody))
    assert unanswered is not None
    assert (unanswered.ping, unanswered.queue_time) == (-1, (1 << 63) - 1)
