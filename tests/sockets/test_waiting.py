"""Is everything served and everybody woken on connections over UDP, whoever waits, computes, closes, or never calls?"""

import gc
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.support.pairs import Pair, Side, data_of
from tests.support.waiting import DEADLINE_S, wait_until

import gamesockets as gs

V = gs.ConfigurationValue
State = gs.ConnectionState
SHORT_S = 0.03


def is_acked(pair: Pair) -> bool:
    status = pair.client.status(pair.outgoing)
    return status.sent_unacked_reliable == status.pending_reliable == 0


@pytest.mark.rule("3, 14.1")
@pytest.mark.parametrize("waited", [False, True])
@pytest.mark.parametrize("is_busy", [False, True])
def test_acks_leave_although_the_application_never_calls(pair: Pair, waited: bool, is_busy: bool) -> None:
    if waited:
        assert not pair.server.wait(0.005)
    done = threading.Event()

    def compute() -> None:
        total = 0
        while not done.is_set():
            total += sum(range(1000))

    with ThreadPoolExecutor(1) as pool:
        computing = pool.submit(compute) if is_busy else None
        pair.client.send_message_to_connection(pair.outgoing, bytes(3000), gs.SendFlags.RELIABLE_NO_NAGLE)
        try:
            wait_until(lambda: is_acked(pair))
        finally:
            done.set()
        if computing is not None:
            computing.result(DEADLINE_S)


@pytest.mark.rule("3, 14.1", "3, 14.4 rule 2")
def test_nagle_timers_run_although_the_application_never_calls_again(pair: Pair) -> None:
    assert not pair.server.wait(0.005)
    assert pair.server.send_message_to_connection(pair.incoming, b"a while later", gs.SendFlags.RELIABLE) == 1
    assert pair.client.wait(DEADLINE_S)
    assert [m.data for m in pair.client.receive_messages_on_connection(pair.outgoing)] == [b"a while later"]


@pytest.mark.parametrize("count", [5, 20, 100, 1_000])
def test_a_flood_that_stops_leaves_all_the_same(pair: Pair, count: int) -> None:
    """Whole packets gather behind the first, and the application never calls again."""
    pair.client.set_connection_configuration_value(pair.outgoing, V.SEND_RATE_MIN, 1 << 28)
    for number in range(count):
        data = number.to_bytes(4, "little") + bytes(96)
        assert pair.client.send_message_to_connection(pair.outgoing, data, gs.SendFlags.RELIABLE) == gs.Result.OK
    messages = pair.server.take(lambda: pair.server.receive_messages_on_connection(pair.incoming, count), count)
    assert [int.from_bytes(message.data[:4], "little") for message in messages] == list(range(count))


@pytest.mark.rule("3, 0 rule 5")
def test_wait_and_messages(pair: Pair) -> None:
    before = time.monotonic()
    assert not pair.client.wait(SHORT_S)
    assert time.monotonic() - before >= SHORT_S
    assert not pair.client.wait(0)
    pair.server.send_message_to_connection(pair.incoming, b"x", gs.SendFlags.RELIABLE_NO_NAGLE)
    assert pair.client.wait(DEADLINE_S)
    assert not pair.client.wait(0), "still unread, but told once"
    assert len(pair.client.receive_messages_on_connection(pair.outgoing)) == 1
    assert not pair.client.wait(0)
    with pytest.raises(ValueError, match="-1"):
        pair.client.wait(-1)


def test_status_changes_wake_once_unless_somebody_dispatches() -> None:
    with gs.NetworkingSockets() as sockets:
        target = gs.Address("127.0.0.1", 9)
        first, second = sockets.connect(target), sockets.connect(target)
        assert sockets.wait(DEADLINE_S)
        assert not sockets.wait(0), "told once, and nobody dispatches"
        sockets.close_connection(first)
        assert sockets.wait(0)
        assert not sockets.wait(SHORT_S)
        seen: list[gs.StatusInfo] = []
        assert sockets.dispatch_callback(seen.append)
        assert sockets.wait(0), "somebody dispatches, and more waits"
        assert not sockets.wait(0), "told once"
        sockets.run_callbacks()
        assert not sockets.wait(0)
        sockets.close_connection(second)
        assert sockets.wait(0)
        assert not sockets.wait(0)


NOW = gs.SendFlags.RELIABLE_NO_NAGLE


def test_what_is_left_unread_elsewhere_keeps_nobody_awake(sockets: gs.NetworkingSockets) -> None:
    read, one = sockets.create_socket_pair()
    paused, other = sockets.create_socket_pair()
    for number in range(3):
        sockets.send_message_to_connection(other, b"for later", NOW)
        assert sockets.wait(DEADLINE_S), "each new one is news"
        assert not sockets.wait(0)
        sockets.send_message_to_connection(one, b"now", NOW)
        assert sockets.wait(0)
        assert data_of(sockets.receive_messages_on_connection(read)) == [b"now"]
        assert not sockets.wait(0), number
    assert len(sockets.receive_messages_on_connection(paused)) == 3
    assert not sockets.wait(0)


def test_a_rest_that_a_read_leaves_is_news_again(sockets: gs.NetworkingSockets) -> None:
    """In its own queue and in that of a group, where other connections have unread messages as well."""
    group = sockets.create_poll_group()
    pairs = [sockets.create_socket_pair() for _ in range(3)]
    for one, _ in pairs[:2]:
        assert sockets.set_connection_poll_group(one, group)
    for _, other in pairs:
        for _ in range(3):
            sockets.send_message_to_connection(other, b"x", NOW)
    assert sockets.wait(0)
    assert not sockets.wait(0)
    for one in (pairs[2][0], pairs[0][0]):
        for left in (2, 1, 0):
            assert len(sockets.receive_messages_on_connection(one, 1)) == 1
            assert sockets.wait(0) == (left > 0)
            assert not sockets.wait(0)
    assert len(sockets.receive_messages_on_poll_group(group, 2)) == 2
    assert sockets.wait(0)
    assert len(sockets.receive_messages_on_poll_group(group)) == 1
    assert not sockets.wait(0)


def test_each_thread_is_told_for_itself(sockets: gs.NetworkingSockets) -> None:
    """One reads one connection and leaves the other to another thread, which was busy when the message came."""
    one, other = sockets.create_socket_pair()
    sockets.send_message_to_connection(other, b"x", NOW)
    assert sockets.wait(0)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(sockets.wait, DEADLINE_S).result(DEADLINE_S)
        assert not pool.submit(sockets.wait, 0).result(DEADLINE_S)
        assert not sockets.wait(0)
        assert len(sockets.receive_messages_on_connection(one)) == 1
        sockets.send_message_to_connection(other, b"y", NOW)
        assert sockets.wait(0)
        assert len(sockets.receive_messages_on_connection(one)) == 1
        assert not pool.submit(sockets.wait, 0).result(DEADLINE_S), "the other thread has read it"


def test_waiting_for_one_connection(sockets: gs.NetworkingSockets) -> None:
    one, other = sockets.create_socket_pair()
    _, elsewhere = sockets.create_socket_pair()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sockets.wait, DEADLINE_S, connection=one)
        wait_until(lambda: sockets._threads._leading)
        sockets.send_message_to_connection(elsewhere, b"x", NOW)
        assert not sockets.wait(0, connection=one)
        assert not waiting.done()
        sockets.send_message_to_connection(other, b"x", NOW)
        assert waiting.result(DEADLINE_S)
    assert sockets.wait(0, connection=one), "unread"
    assert len(sockets.receive_messages_on_connection(one)) == 1
    assert not sockets.wait(SHORT_S, connection=one)
    sockets.close_connection(other)
    assert sockets.wait(0, connection=one), "its state has changed"
    assert not sockets.wait(0, connection=one), "told once"
    assert sockets.close_connection(one)
    with pytest.raises(gs.InvalidHandle):
        sockets.wait(0, connection=one)


@pytest.mark.parametrize("dispatches", [False, True])
def test_waiting_for_one_connection_to_come_up(pair: Pair, dispatches: bool) -> None:
    outgoing = pair.client.connect(pair.address)
    assert pair.client.wait(0, connection=outgoing)
    if dispatches:
        pair.client.run_callbacks()
    incoming = pair.server.until(State.CONNECTING).connection
    pair.server.accept_connection(incoming)
    assert pair.client.wait(DEADLINE_S, connection=outgoing)
    assert pair.client.info(outgoing).state == State.CONNECTED
    assert not pair.client.wait(0, connection=pair.outgoing)
    pair.client.run_callbacks()
    assert not pair.client.wait(0, connection=outgoing)


def test_waiting_for_a_listen_socket(pair: Pair) -> None:
    other = pair.server.create_listen_socket(pair.address.__class__("127.0.0.1", 0))
    assert not pair.server.wait(0, listen_socket=pair.listen_socket)
    pair.send(b"x")
    assert pair.server.wait(DEADLINE_S, listen_socket=pair.listen_socket)
    assert pair.receive() == [b"x"]
    assert not pair.server.wait(0, listen_socket=pair.listen_socket)
    pair.client.connect(pair.address)
    assert pair.server.wait(DEADLINE_S, listen_socket=pair.listen_socket), "somebody asks to come in"
    assert not pair.server.wait(0, listen_socket=pair.listen_socket)
    assert not pair.server.wait(0, listen_socket=other)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pair.server.wait, listen_socket=other)
        wait_until(lambda: pair.server._threads._leading)
        assert pair.server.close_listen_socket(other)
        assert waiting.result(DEADLINE_S) is False
    with pytest.raises(gs.InvalidHandle):
        pair.server.wait(0, listen_socket=other)


def test_waiting_for_a_poll_group(sockets: gs.NetworkingSockets) -> None:
    group = sockets.create_poll_group()
    one, other = sockets.create_socket_pair()
    sockets.send_message_to_connection(other, b"x", NOW)
    assert not sockets.wait(0, poll_group=group)
    sockets.set_connection_poll_group(one, group)
    assert sockets.wait(0, poll_group=group)
    assert len(sockets.receive_messages_on_poll_group(group)) == 1
    with ThreadPoolExecutor(2) as pool:
        several = [pool.submit(sockets.wait, poll_group=group) for _ in range(2)]
        wait_until(lambda: sockets._threads._leading and len(sockets._threads._followers) == 1)
        assert sockets.destroy_poll_group(group)
        assert [waiting.result(DEADLINE_S) for waiting in several] == [False, False]
    with pytest.raises(gs.InvalidHandle):
        sockets.wait(0, poll_group=group)


def test_waiting_for_two_things_or_for_none_at_all(sockets: gs.NetworkingSockets) -> None:
    one, other = sockets.create_socket_pair()
    with pytest.raises(ValueError, match="connection and poll_group"):
        sockets.wait(0, connection=one, poll_group=sockets.create_poll_group())
    with pytest.raises(TypeError, match="connection must be a handle"):
        sockets.wait(0, connection="one")  # type: ignore[arg-type]
    with pytest.raises(gs.InvalidHandle):
        sockets.wait(0, connection=gs.Connection(other + 12345))
    with pytest.raises(gs.InvalidHandle):
        sockets.wait(0, listen_socket=gs.ListenSocket(12345))
    with pytest.raises(gs.InvalidHandle):
        sockets.wait(0, poll_group=gs.PollGroup(12345))
    sockets.close()
    assert not sockets.wait(connection=one)


def test_dispatched_changes_are_no_news() -> None:
    with gs.NetworkingSockets() as sockets:
        sockets.connect(gs.Address("127.0.0.1", 9))
        sockets.run_callbacks()
        assert not sockets.wait(0), "nothing waits any more"


def test_one_thread_waits_while_others_work(pair: Pair) -> None:
    """A server thread echoes while its `NetworkingSockets` is used from two others, and clients come and go."""
    stop = threading.Event()

    def serve() -> int:
        echoed = 0
        while not stop.is_set():
            pair.server.wait(DEADLINE_S)
            for message in pair.server.receive_messages_on_listen_socket(pair.listen_socket):
                pair.server.send_message_to_connection(message.connection, message.data, gs.SendFlags.RELIABLE_NO_NAGLE)
                echoed += 1
        return echoed

    def accept(count: int) -> None:
        for _ in range(count):
            incoming = pair.server.until(State.CONNECTING).connection
            assert pair.server.accept_connection(incoming) == gs.Result.OK

    def talk(count: int) -> list[bytes]:
        with closing(Side()) as client:
            connection = client.connect(pair.address)
            came: list[bytes] = []
            for number in range(count):
                client.send_message_to_connection(connection, b"%d" % number, gs.SendFlags.RELIABLE_NO_NAGLE)
                came += data_of(client.messages(connection))
            return came

    with ThreadPoolExecutor(5) as pool:
        serving, accepting = pool.submit(serve), pool.submit(accept, 3)
        talking = [pool.submit(talk, 50) for _ in range(3)]
        try:
            for one in talking:
                assert one.result(DEADLINE_S) == [b"%d" % number for number in range(50)]
            accepting.result(DEADLINE_S)
        finally:
            stop.set()
            pair.server.connect(pair.address)
        assert serving.result(DEADLINE_S) == 150


def test_sending_and_closing_under_a_waiting_thread(pair: Pair) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pair.client.wait, DEADLINE_S)
        wait_until(lambda: pair.client._threads._leading)
        pair.client.send_message_to_connection(pair.outgoing, b"from the side", gs.SendFlags.RELIABLE)
        assert pair.server.wait(DEADLINE_S)
        assert not waiting.done()
        pair.client.close_connection(pair.outgoing)
        assert waiting.result(DEADLINE_S), "the change of state is news"
    pair.server.until(State.CLOSED_BY_PEER)


# ---------------------------------------------------------------------- ending


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors where Linux lists them")
def test_everything_is_given_back() -> None:
    before_fds, before_threads = descriptors(), set(threading.enumerate())
    for _ in range(5):
        with Pair() as pair:
            assert descriptors() > before_fds
            pair.client.connect(pair.address)
            pair.server.close_listen_socket(pair.listen_socket)
            with pytest.raises(OSError, match="cannot listen"):
                pair.server.create_listen_socket(gs.Address.ipv4("192.0.2.1", 1))
            with pytest.raises(ValueError, match="SYMMETRIC"):
                pair.server.connect(pair.address, {V.SYMMETRIC_CONNECT: 1})
        with pytest.raises(ValueError, match="NagleTime"):
            gs.NetworkingSockets(config={V.NAGLE_TIME: "no number"})
    assert set(threading.enumerate()) <= before_threads
    assert descriptors() <= before_fds


def test_closing_while_others_wait(pair: Pair) -> None:
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(pair.client.wait) for _ in range(6)]
        wait_until(lambda: pair.client._threads._leading and len(pair.client._threads._followers) == 5)
        closing = [pool.submit(pair.client.close) for _ in range(2)]
        for one in closing:
            one.result(DEADLINE_S)
        assert [one.result(DEADLINE_S) for one in waiting] == [False] * 6
    assert not pair.client._threads._service_thread.is_alive()
    pair.server.until(State.CLOSED_BY_PEER)


@pytest.mark.parametrize("somebody_waits", [False, True])
def test_closing_inside_a_status_callback(pair: Pair, somebody_waits: bool) -> None:
    seen: list[State] = []

    def close(change: gs.StatusInfo) -> None:
        seen.append(change.connection_info.state)
        pair.client.close()

    pair.client.set_status_callback(close)
    with ThreadPoolExecutor(1) as pool:
        pair.client.close_connection(pair.client.connect(pair.address))
        assert pair.client.wait(0)
        waiting = pool.submit(pair.client.wait) if somebody_waits else None
        if waiting is not None:
            wait_until(lambda: pair.client._threads._leading or waiting.done())
        pair.client.run_callbacks()
        if waiting is not None:
            waiting.result(DEADLINE_S)
    assert seen == [State.CONNECTING], "what waited behind it was forgotten"
    assert not pair.client._threads._service_thread.is_alive()
    pair.server.until(State.CLOSED_BY_PEER)


def test_closing_a_listen_socket_under_a_waiting_thread(pair: Pair) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pair.server.wait, DEADLINE_S)
        wait_until(lambda: pair.server._threads._leading)
        assert pair.server.close_listen_socket(pair.listen_socket)
        assert waiting.result(DEADLINE_S)
        again = pool.submit(pair.server.wait, SHORT_S)
        pair.server.run_callbacks()
        again.result(DEADLINE_S)
        listener = pair.server.create_listen_socket(pair.address)
        waiting = pool.submit(pair.server.wait, DEADLINE_S)
        pair.client.connect(pair.address)
        assert waiting.result(DEADLINE_S)
        assert pair.server.get_listen_socket_address(listener) == pair.address


def interval_s() -> float:
    return round(sys.getswitchinterval(), 6)


@pytest.mark.parametrize("is_dropped", [False, True])
def test_the_switch_interval_is_the_programs_again(is_dropped: bool) -> None:
    """Whether it is closed, or dropped by a program that forgot to."""
    usual_s = interval_s()
    sockets = gs.NetworkingSockets()
    threads = sockets._threads
    wait_until(lambda: interval_s() < usual_s)
    if is_dropped:
        node = sockets._node
        del sockets
        gc.collect()
        assert interval_s() == usual_s
        with node.lock:
            threads._service_poller.wake()
        wait_until(lambda: threads._service_poller.sleeping_until)
        assert interval_s() == usual_s
        node.close()
    else:
        sockets.close()
    assert interval_s() == usual_s
