"""Does configuration reach connections: inherited when they begin, locked by the handshake, changed while they live?"""

import threading
import time

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewPair, NewSide, Pair, Side, data_of, global_values
from tests.support.waiting import DEADLINE_S

import gamesockets as gs

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE


def test_values_are_inherited_at_creation(new_side: NewSide, new_pair: NewPair) -> None:
    server = new_side(config={V.SEND_RATE_MIN: 300_000, V.SEND_RATE_MAX: 1024, V.NAGLE_TIME: 1})
    client_config = {V.SEND_RATE_MIN: 500_000, V.SEND_RATE_MAX: 1024}
    pair = new_pair(server, new_side(), server_config={V.SEND_RATE_MIN: 400_000}, client_config=client_config)
    assert server.status(pair.incoming).send_rate_bytes_per_second == 400_000
    assert pair.client.status(pair.outgoing).send_rate_bytes_per_second == 500_000
    get = server.get_configuration_value
    assert get(V.SEND_RATE_MIN) == 16_384
    assert get(V.SEND_RATE_MIN, Scope.SOCKETS_INTERFACE) == 300_000
    assert get(V.SEND_RATE_MIN, Scope.LISTEN_SOCKET, pair.listen_socket) == 400_000
    assert get(V.SEND_RATE_MIN, Scope.CONNECTION, pair.incoming) == 400_000
    assert server.get_connection_configuration_value(pair.incoming, V.NAGLE_TIME) == 1


@pytest.mark.rule("3, 4.1 rule 3", "3, 6.8 rule 4")
def test_every_scope_reaches_living_connections(pair: Pair) -> None:
    sockets = pair.server

    def rates() -> tuple[int, int]:
        return (
            pair.server.status(pair.incoming).send_rate_bytes_per_second,
            pair.client.status(pair.outgoing).send_rate_bytes_per_second,
        )

    assert sockets.set_configuration_value(V.SEND_RATE_MAX, 1024), "the lower limit wins, so it is the rate"
    assert sockets.set_configuration_value(V.SEND_RATE_MIN, 300_000)
    assert rates() == (300_000, 300_000), "global values reach other objects too"
    assert sockets.set_configuration_value(V.SEND_RATE_MIN, 400_000, Scope.SOCKETS_INTERFACE)
    assert rates() == (400_000, 300_000)
    assert sockets.set_configuration_value(V.SEND_RATE_MIN, 500_000, Scope.LISTEN_SOCKET, pair.listen_socket)
    assert rates() == (500_000, 300_000)
    assert sockets.set_connection_configuration_value(pair.incoming, V.SEND_RATE_MIN, 600_000)
    assert rates() == (600_000, 300_000)
    for scope, scope_object, left in (
        (Scope.CONNECTION, pair.incoming, (500_000, 300_000)),
        (Scope.LISTEN_SOCKET, pair.listen_socket, (400_000, 300_000)),
        (Scope.SOCKETS_INTERFACE, 0, (300_000, 300_000)),
        (Scope.GLOBAL, 0, (16_384, 16_384)),
    ):
        assert sockets.set_configuration_value(V.SEND_RATE_MIN, None, scope, scope_object)
        assert rates() == left
    sockets.set_configuration_value(V.SEND_RATE_MIN, 350_000, Scope.LISTEN_SOCKET, pair.listen_socket)
    later = pair.connected()
    assert pair.server.status(later.incoming).send_rate_bytes_per_second == 350_000


@pytest.mark.rule("3, 6.3 rule 2")
def test_an_incoming_connection_can_be_set_up_before_it_is_accepted(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    listener = server.create_listen_socket(LOCALHOST)
    client.connect(server.address(listener), {V.UNENCRYPTED: 3})
    incoming = server.until(State.CONNECTING).connection
    assert server.set_connection_configuration_value(incoming, V.UNENCRYPTED, 1)
    assert server.accept_connection(incoming) == gs.Result.OK
    client.until(State.CONNECTED)
    assert not server.set_connection_configuration_value(incoming, V.UNENCRYPTED, 0)


@pytest.mark.parametrize("at_creation", [False, True])
def test_simulated_lag_reaches_every_object_of_the_process(pair: Pair, new_side: NewSide, at_creation: bool) -> None:
    if at_creation:
        new_side(config={V.FAKE_PACKET_LAG_SEND: 80})
    else:
        assert new_side().set_configuration_value(V.FAKE_PACKET_LAG_SEND, 80)
    before = time.monotonic()
    pair.client.send_message_to_connection(pair.outgoing, b"slow", RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(pair.incoming)) == [b"slow"]
    assert time.monotonic() - before > 0.07


# Locks


@pytest.mark.rule("1, 5.9 rule 2", "1, 9 rule 1", "3, 4.2 rule 1")
def test_what_the_handshake_used_is_locked(pair: Pair) -> None:
    for sockets, connection in ((pair.client, pair.outgoing), (pair.server, pair.incoming)):
        for value in (V.UNENCRYPTED, V.IP_ALLOW_WITHOUT_AUTH, V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH):
            before = sockets.get_connection_configuration_value(connection, value)
            assert not sockets.set_connection_configuration_value(connection, value, 1)
            assert not sockets.set_connection_configuration_value(connection, value, None)
            assert sockets.get_connection_configuration_value(connection, value) == before
    with global_values(pair.client, {V.UNENCRYPTED: 2}):
        assert pair.client.get_connection_configuration_value(pair.outgoing, V.UNENCRYPTED) == 0
        assert pair.server.get_configuration_value(V.UNENCRYPTED, Scope.LISTEN_SOCKET, pair.listen_socket) == 2
    assert not pair.server.set_configuration_value(V.SYMMETRIC_CONNECT, 1, Scope.LISTEN_SOCKET, pair.listen_socket)


@pytest.mark.rule("1, 9 rule 1", "3, 4.2 rule 1")
def test_a_waiting_request_is_not_locked_yet(loopback: Loopback) -> None:
    outgoing, incoming = loopback.request({V.UNENCRYPTED: 1})
    assert loopback.server.set_connection_configuration_value(incoming, V.UNENCRYPTED, 2)
    assert loopback.server.accept_connection(incoming) == gs.Result.OK
    assert not loopback.server.set_connection_configuration_value(incoming, V.UNENCRYPTED, 0)
    info = loopback.client.until(State.CONNECTED, outgoing).connection_info
    assert info.flags & gs.ConnectionInfoFlags.UNENCRYPTED


# Live connections


@pytest.mark.rule("3, 4.2 rule 2")
def test_a_new_send_rate_counts_at_once(pair: Pair) -> None:
    """64 KiB would take a minute at 1 KiB/s, and not a second at 1 MB/s."""
    for value in (V.SEND_RATE_MIN, V.SEND_RATE_MAX):
        assert pair.client.set_configuration_value(value, 1024, Scope.SOCKETS_INTERFACE)
    assert pair.client.status(pair.outgoing).send_rate_bytes_per_second == 1024
    assert pair.send(bytes(65536)) == gs.Result.OK
    assert pair.client.status(pair.outgoing).pending_reliable > 50_000
    for value in (V.SEND_RATE_MAX, V.SEND_RATE_MIN):
        assert pair.client.set_connection_configuration_value(pair.outgoing, value, 1_000_000)
    assert pair.client.status(pair.outgoing).send_rate_bytes_per_second == 1_000_000
    assert pair.receive(1) == [bytes(65536)]


@pytest.mark.rule("2, 2.9.1 rule 1")
def test_the_larger_minimum_wins(pair: Pair) -> None:
    assert pair.client.set_connection_configuration_value(pair.outgoing, V.SEND_RATE_MIN, 500_000)
    assert pair.client.set_connection_configuration_value(pair.outgoing, V.SEND_RATE_MAX, 100_000)
    assert pair.client.status(pair.outgoing).send_rate_bytes_per_second == 500_000


def test_a_new_send_buffer_size_counts_at_once(pair: Pair) -> None:
    """At the global scope, so the connections of other objects see it too."""
    assert pair.client.set_connection_configuration_value(pair.outgoing, V.SEND_RATE_MIN, 1024)
    assert pair.client.set_connection_configuration_value(pair.outgoing, V.SEND_RATE_MAX, 1024)
    assert pair.send(bytes(200_000)) == gs.Result.OK
    with global_values(pair.server, {V.SEND_BUFFER_SIZE: 16_384}):
        assert pair.send(b"more") == gs.Result.LIMIT_EXCEEDED
    assert pair.send(b"more") == gs.Result.OK


def test_a_smaller_message_limit_ends_the_connection_on_a_larger_message(pair: Pair) -> None:
    assert pair.send(bytes(2000)) == gs.Result.OK
    pair.receive(1)
    assert pair.server.set_connection_configuration_value(pair.incoming, V.RECV_MAX_MESSAGE_SIZE, 1000)
    assert pair.send(bytes(2000)) == gs.Result.OK
    info = pair.server.until(State.PROBLEM_DETECTED_LOCALLY, pair.incoming).connection_info
    assert info.end_reason == gs.EndReason.MISC_INTERNAL_ERROR


def test_a_larger_receive_buffer_lets_waiting_data_in(pair: Pair) -> None:
    assert pair.server.set_connection_configuration_value(pair.incoming, V.RECV_BUFFER_MESSAGES, 2)
    for number in range(10):
        assert pair.send(bytes([number])) == gs.Result.OK
    assert pair.server.wait(DEADLINE_S)
    assert pair.server.set_connection_configuration_value(pair.incoming, V.RECV_BUFFER_MESSAGES, 100)
    assert pair.receive(10) == [bytes([number]) for number in range(10)]


def test_every_thread_may_set_and_get(pair: Pair) -> None:
    """The last word of each thread counts, and live connections run on it."""
    failures: list[BaseException] = []

    def work(sockets: Side, value: gs.ConfigurationValue) -> None:
        try:
            for number in range(200):
                assert sockets.set_configuration_value(value, 20_000 + number)
                assert sockets.get_configuration_value(value) == 20_000 + number
        except BaseException as failure:  # noqa: BLE001 - the test shall fail with it
            failures.append(failure)

    values = (V.SEND_BUFFER_SIZE, V.RECV_BUFFER_SIZE, V.SEND_RATE_MIN, V.SEND_RATE_MAX)
    with global_values(pair.client, dict.fromkeys(values, 20_000)):
        threads = [
            threading.Thread(target=work, args=(sockets, value))
            for sockets, value in zip([pair.client, pair.server] * 2, values, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        for sockets, connection in ((pair.client, pair.outgoing), (pair.server, pair.incoming)):
            assert sockets.status(connection).send_rate_bytes_per_second == 20_199
