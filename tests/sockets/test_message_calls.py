"""Do the calls that send and receive messages do what they promise, also by lane and by group? (spec 3, 7 and 8)"""

import select
from collections.abc import Callable

import pytest
from tests.support.linked import SLOW
from tests.support.pairs import Loopback, NewPair, Pair, data_of
from tests.support.waiting import collect, wait_until

import gamesockets as gs
from gamesockets.node.batches import CONNECTIONS_PER_ROUND, broadcast, send_batch
from gamesockets.observe.snapshots import QUEUE_TIME_UNKNOWN
from gamesockets.values.records import MessageData

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
RELIABLE_NO_NAGLE = gs.SendFlags.RELIABLE_NO_NAGLE
NOW = gs.SendFlags.UNRELIABLE_NO_NAGLE
UNKNOWN = gs.Connection(0x1234_5678)


# ---------------------------------------------------------------------- sending


@pytest.mark.rule("3, 7.1 rule 5")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_data_is_copied(pair: Pair, kind: Callable[[bytearray], MessageData]) -> None:
    source = bytearray(b"before")
    data = kind(source)
    assert pair.client.send_message_to_connection(pair.outgoing, data, RELIABLE) == gs.Result.OK
    source[:] = b"after!"
    assert data_of(pair.server.messages(pair.incoming)) == [b"before"]


@pytest.mark.rule("2, 2.12.2", "3, 1.6", "3, 7.5")
def test_fields_of_a_message(pair: Pair) -> None:
    before = gs.Library.time()
    pair.client.send_message_to_connection(pair.outgoing, b"", RELIABLE)
    pair.client.send_message_to_connection(pair.outgoing, b"now", gs.SendFlags.UNRELIABLE_NO_NAGLE)
    empty, plain = pair.server.messages(pair.incoming, 2)
    assert (empty.data, empty.length, empty.flags, empty.message_number) == (b"", 0, RELIABLE, 1)
    assert (plain.data, plain.flags, plain.message_number) == (b"now", gs.SendFlags.UNRELIABLE, 2)
    assert (plain.connection, plain.lane, plain.channel) == (pair.incoming, 0, -1)
    assert before <= plain.time_received <= gs.Library.time()
    assert plain.identity == pair.server.info(pair.incoming).identity


@pytest.mark.rule("2, 2.7.1 rule 11", "2, 2.12.1 rule 1", "3, 5.12 rule 1", "3, 7.1 rule 3")
def test_results_of_sending(new_pair: NewPair) -> None:
    pair = new_pair(client_config=SLOW)  # else all may leave between two calls
    send = pair.client.send_message_to_connection
    assert send(UNKNOWN, b"") == gs.Result.INVALID_PARAM
    assert send(pair.outgoing, b"", RELIABLE, 1) == gs.Result.INVALID_PARAM
    assert send(pair.outgoing, bytes(524_289), RELIABLE) == gs.Result.VALUE_OUT_OF_RANGE
    assert send(pair.outgoing, bytes(524_288), RELIABLE) == gs.Result.OK
    assert send(pair.outgoing, bytes(524_288), RELIABLE) == gs.Result.LIMIT_EXCEEDED
    pair.server.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert send(pair.outgoing, b"", RELIABLE) == gs.Result.NO_CONNECTION


@pytest.mark.rule("3, 7.1 rule 2", "3, 7.3 rule 3")
def test_sending_before_connected(loopback: Loopback) -> None:
    outgoing, incoming = loopback.request()
    for side, connection in ((loopback.client, outgoing), (loopback.server, incoming)):
        send = side.send_message_to_connection
        assert send(connection, b"early", RELIABLE) == gs.Result.OK
        assert send(connection, b"", RELIABLE | gs.SendFlags.NO_DELAY) == gs.Result.IGNORED
        assert side.flush_messages_on_connection(connection) == gs.Result.IGNORED
    assert loopback.server.accept_connection(incoming) == gs.Result.OK
    assert data_of(loopback.server.messages(incoming)) == [b"early"]
    assert data_of(loopback.client.messages(outgoing)) == [b"early"]


@pytest.mark.rule("2, 2.12.1 rule 3")
def test_flush_by_state(pair: Pair) -> None:
    flush = pair.client.flush_messages_on_connection
    pair.client.send_message_to_connection(pair.outgoing, b"more?", RELIABLE)
    assert flush(pair.outgoing) == gs.Result.OK
    assert pair.client.status(pair.outgoing).pending_reliable == 0
    assert data_of(pair.server.messages(pair.incoming)) == [b"more?"]
    pair.server.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert flush(pair.outgoing) == gs.Result.NO_CONNECTION
    assert flush(UNKNOWN) == gs.Result.INVALID_PARAM


@pytest.mark.rule("2, 2.12.1 rule 2", "3, 7.4 rule 1")
def test_many_at_once(pair: Pair) -> None:
    other = pair.connected()
    one, two = pair.outgoing, other.outgoing
    invalid = -int(gs.Result.INVALID_PARAM)
    message = gs.OutgoingMessage
    results = pair.client.send_messages(
        [
            message(one, b"a", RELIABLE),
            message(two, b"b", RELIABLE),
            message(one, b"wrong lane", RELIABLE, 3),
            message(one, b"not tried", RELIABLE),
            message(UNKNOWN, b"", RELIABLE),
            message(UNKNOWN, b"", RELIABLE),
            message(two, bytearray(b"c"), RELIABLE),
        ]
    )
    assert results == [1, 1, invalid, 0, invalid, 0, 2]
    assert data_of(pair.server.messages(pair.incoming)) == [b"a"]
    assert data_of(pair.server.messages(other.incoming, 2)) == [b"b", b"c"]
    assert pair.client.send_messages([message(one, b"d", RELIABLE)]) == [2], "no number was spent"
    assert pair.client.send_messages([]) == []
    full = pair.client.send_messages([message(one, bytes(300_000), RELIABLE)] * 3)
    assert full == [3, -int(gs.Result.LIMIT_EXCEEDED), 0]


def test_broadcast_to_some_to_all_and_to_a_group(sockets: gs.NetworkingSockets) -> None:
    ends = [sockets.create_socket_pair() for _ in range(3)]
    group = sockets.create_poll_group()
    here, there = [one for one, _ in ends], [other for _, other in ends]
    for one in here[1:]:
        assert sockets.set_connection_poll_group(one, group)
    assert sockets.broadcast(b"some", here[:2], RELIABLE) == 2
    assert sockets.broadcast(bytearray(b"group"), flags=RELIABLE, poll_group=group) == 2
    assert sockets.broadcast(b"unknown", [UNKNOWN, here[2]]) == 1
    assert sockets.broadcast(b"nobody", []) == 0
    assert sockets.broadcast(b"no such lane", here, lane=1) == 0
    assert sockets.broadcast(b"all", iter(here)) == 3
    came = [data_of(sockets.receive_messages_on_connection(other)) for other in there]
    assert came == [[b"some", b"all"], [b"some", b"group", b"all"], [b"group", b"unknown", b"all"]]
    assert sockets.broadcast(b"everywhere") == 6
    with pytest.raises(gs.InvalidHandle):
        sockets.broadcast(b"", poll_group=gs.PollGroup(12345))
    sockets.close()
    assert sockets.broadcast(b"late") == 0


@pytest.mark.parametrize("in_one_call", ["broadcast", "send_messages"])
def test_a_long_one_takes_what_arrives_meanwhile(pair: Pair, in_one_call: str) -> None:
    """After 64 connections the server reads its socket, though its program has not called anything else."""
    server, client = pair.server, pair.client
    clients = [client.connect(pair.address) for _ in range(CONNECTIONS_PER_ROUND)]
    accepted = [server.until(State.CONNECTING).connection for _ in clients]
    for connection in accepted:
        assert server.accept_connection(connection) == gs.Result.OK
    for connection in clients:
        client.until(State.CONNECTED, connection)
    everybody = [pair.incoming, *accepted]
    with server._node.lock:  # so that the service thread does not read it
        client.send_message_to_connection(pair.outgoing, b"up", NOW)
        wait_until(lambda: bool(select.select([server._node.service._ports[0].udp], [], [], 0)[0]))
        if in_one_call == "broadcast":
            broadcast(list(server._node.members.values()), server._node.service, b"down", int(NOW), 0)
        else:
            batch = [(int(connection), b"down", int(NOW), 0) for connection in everybody]
            assert min(send_batch(server._node.members, server._node.service, batch)) > 0
        assert [m.data for m in server._node.members[pair.incoming].take(5)] == [b"up"]
    for connection in (pair.outgoing, *clients):
        assert data_of(client.messages(connection)) == [b"down"]


@pytest.mark.rule("3, 7.3 rule 4")
@pytest.mark.parametrize("then", ["close", "close all", "lanes", "rate", "flush", "receive", "nothing"])
def test_what_was_sent_before_another_call_leaves_before_it(pair: Pair, then: str) -> None:
    """Messages that were gathered are not lost, and none is held back, by what the program does next."""
    client, connection = pair.client, pair.outgoing
    for number in range(5):
        assert client.send_message_to_connection(connection, b"%d" % number, NOW) == gs.Result.OK
    if then == "close":
        assert client.close_connection(connection)
    elif then == "close all":
        client.close()
    elif then == "lanes":
        assert client.configure_connection_lanes(connection, [1, 0]) == gs.Result.OK
    elif then == "rate":
        client.set_connection_configuration_value(connection, gs.ConfigurationValue.SEND_RATE_MAX, 1 << 20)
    elif then == "flush":
        assert client.flush_messages_on_connection(connection) == gs.Result.OK
    elif then == "receive":
        assert client.receive_messages_on_connection(connection) == []
    else:
        assert [m.data for m in pair.server.messages(pair.incoming, 5)] == [b"%d" % number for number in range(5)]
        return
    assert not client._node.service.gathering.ports
    assert [m.data for m in pair.server.messages(pair.incoming, 5)] == [b"%d" % number for number in range(5)]


def test_lanes(pair: Pair) -> None:
    configure = pair.client.configure_connection_lanes
    assert configure(pair.outgoing, [1, 0, 0], [1, 2, 1]) == gs.Result.OK
    assert configure(pair.outgoing, [0, 0]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, []) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 256) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 3, [1, 1]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 3, [1, 0, 1]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0] * 3, [1, 65_536, 1]) == gs.Result.INVALID_PARAM
    assert configure(pair.outgoing, [0, 1 << 31, 0]) == gs.Result.INVALID_PARAM
    assert configure(UNKNOWN, [0]) == gs.Result.NO_CONNECTION
    send = pair.client.send_message_to_connection
    assert send(pair.outgoing, bytes(5000), RELIABLE, 0) == gs.Result.OK
    assert send(pair.outgoing, b"urgent", RELIABLE, 2) == gs.Result.OK
    assert send(pair.outgoing, b"", RELIABLE, 3) == gs.Result.INVALID_PARAM
    lanes = pair.client.get_lane_status(pair.outgoing)
    assert lanes is not None
    assert len(lanes) == 3
    assert pair.client.status(pair.outgoing).queue_time == QUEUE_TIME_UNKNOWN
    came = {message.lane: message for message in pair.server.messages(pair.incoming, 2)}
    assert (came[0].length, came[2].data) == (5000, b"urgent")
    assert [came[lane].message_number for lane in (0, 2)] == [1, 1]
    pair.server.close_connection(pair.incoming)
    pair.client.until(State.CLOSED_BY_PEER)
    assert configure(pair.outgoing, [0] * 3) == gs.Result.INVALID_STATE


@pytest.mark.rule("2, 2.12.2", "3, 7.5")
def test_a_message_carries_what_the_table_says(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    before = gs.Library.time()
    loopback.client.send_message_to_connection(ours, b"reliable", RELIABLE_NO_NAGLE)
    loopback.client.send_message_to_connection(ours, memoryview(b"unreliable"), gs.SendFlags.UNRELIABLE_NO_NAGLE)
    messages = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 2)
    first, second = sorted(messages, key=lambda message: message.message_number)
    assert (first.data, first.length, first.flags, first.message_number) == (b"reliable", 8, RELIABLE, 1)
    assert (second.data, second.flags, second.message_number) == (b"unreliable", gs.SendFlags.UNRELIABLE, 2)
    for message in messages:
        assert (message.connection, message.channel, message.lane, message.user_data) == (theirs, -1, 0, -1)
        assert message.identity == loopback.server.info(theirs).identity
        assert before <= message.time_received <= gs.Library.time()
    buffer = bytearray(10)
    assert first.copy_to(buffer) == 8
    assert buffer == b"reliable\0\0"
    first.destroy()
    first.destroy()


@pytest.mark.rule("3, 3.1", "3, 7.4 rule 1")
def test_a_batch(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    batch = [gs.OutgoingMessage(ours, bytes([n]), RELIABLE) for n in range(20)]
    assert loopback.client.send_messages(batch) == list(range(1, 21))
    messages = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 20)
    assert [message.data for message in messages] == [bytes([n]) for n in range(20)]


def test_flushing_ends_the_wait_for_more_data(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    loopback.client.send_message_to_connection(ours, b"now", RELIABLE)
    assert loopback.client.flush_messages_on_connection(ours) == gs.Result.OK
    status = loopback.client.get_quick_connection_status(ours)
    assert status is not None
    assert (status.pending_reliable, status.sent_unacked_reliable > 0) in {(0, True), (0, False)}
    assert collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)[0].data == b"now"


def test_lanes_arrive_as_lanes(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    assert loopback.client.configure_connection_lanes(ours, [0, 1], [1, 2]) == gs.Result.OK
    assert loopback.client.send_message_to_connection(ours, b"x", RELIABLE_NO_NAGLE, lane=1) == gs.Result.OK
    message = collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)[0]
    assert (message.lane, message.message_number) == (1, 1)
    lanes = loopback.client.get_lane_status(ours)
    assert lanes is not None
    assert len(lanes) == 2


# ---------------------------------------------------------------------- receiving


def fill(pair: Pair, outgoing: gs.Connection, count: int) -> None:
    """That many numbered messages wait on the server."""
    results = pair.client.send_messages(
        [gs.OutgoingMessage(outgoing, bytes([number]), RELIABLE) for number in range(count)]
    )
    assert results[-1] > 0
    assert pair.client.flush_messages_on_connection(outgoing) == gs.Result.OK
    wait_until(lambda: pair.client.status(outgoing).sent_unacked_reliable == 0)


@pytest.mark.rule("3, 7.6")
def test_limits_of_receiving(pair: Pair) -> None:
    fill(pair, pair.outgoing, 5)
    receive = pair.server.receive_messages_on_connection
    assert receive(pair.incoming, 0) == []
    assert receive(pair.incoming, -1) == []
    assert data_of(receive(pair.incoming, 2)) == [b"\0", b"\1"]
    by_socket = pair.server.receive_messages_on_listen_socket
    assert data_of(by_socket(pair.listen_socket, 1)) == [b"\2"]
    assert data_of(receive(pair.incoming)) == [b"\3", b"\4"]
    assert receive(pair.incoming) == by_socket(pair.listen_socket) == []
    with pytest.raises(gs.InvalidHandle, match="connection"):
        receive(UNKNOWN)
    with pytest.raises(gs.InvalidHandle, match="listen socket"):
        by_socket(gs.ListenSocket(5))
    with pytest.raises(gs.InvalidHandle, match="poll group"):
        pair.server.receive_messages_on_poll_group(gs.PollGroup(0))


@pytest.mark.rule("3, 7.6")
def test_a_full_receive_buffer_holds_reliable_data_back(new_pair: NewPair) -> None:
    pair = new_pair(server_config={V.RECV_BUFFER_MESSAGES: 2})
    for number in range(6):
        pair.client.send_message_to_connection(pair.outgoing, bytes([number]), RELIABLE_NO_NAGLE)
    assert data_of(pair.server.messages(pair.incoming, 6)) == [bytes([number]) for number in range(6)]


@pytest.mark.rule("3, 7.6")
def test_a_message_larger_than_the_receiver_wants(new_pair: NewPair) -> None:
    pair = new_pair(server_config={V.RECV_MAX_MESSAGE_SIZE: 100})
    pair.client.send_message_to_connection(pair.outgoing, bytes(101), RELIABLE_NO_NAGLE)
    reason = gs.EndReason.MISC_INTERNAL_ERROR
    assert pair.server.until(State.PROBLEM_DETECTED_LOCALLY).connection_info.end_reason == reason
    assert pair.client.until(State.CLOSED_BY_PEER).connection_info.end_reason == reason


def test_receive_calls_return_one_batch_unless_told_otherwise(loopback: Loopback) -> None:
    ours, theirs = loopback.connected()
    count = gs.Library.MAX_MESSAGES_PER_BATCH + 10
    loopback.client.send_messages([gs.OutgoingMessage(ours, b"", RELIABLE)] * count)
    loopback.client.send_message_to_connection(ours, b"last", RELIABLE_NO_NAGLE)
    wait_until(lambda: loopback.client.status(ours).pending_reliable == 0)
    wait_until(lambda: loopback.client.status(ours).sent_unacked_reliable == 0)
    sizes = [len(loopback.server.receive_messages_on_connection(theirs)) for _ in range(3)]
    assert sizes == [gs.Library.MAX_MESSAGES_PER_BATCH, 11, 0]


# ---------------------------------------------------------------------- queues and poll groups


def test_the_implicit_group_of_a_listen_socket(pair: Pair) -> None:
    other = pair.connected()
    fill(pair, pair.outgoing, 2)
    fill(pair, other.outgoing, 1)
    receive = pair.server.receive_messages_on_listen_socket
    assert [m.connection for m in receive(pair.listen_socket)] == [pair.incoming] * 2 + [other.incoming]
    group = pair.server.create_poll_group()
    pair.server.set_connection_poll_group(pair.incoming, group)
    fill(pair, pair.outgoing, 1)
    fill(pair, other.outgoing, 1)
    assert [m.connection for m in receive(pair.listen_socket)] == [other.incoming]
    assert [m.connection for m in pair.server.messages(pair.incoming)] == [pair.incoming]


@pytest.mark.rule("2, 2.5.3 rule 1", "3, 8.1 rule 1", "3, 8.1 rule 2", "3, 8.1 rule 4")
def test_poll_groups(pair: Pair) -> None:
    other = pair.connected()
    sockets = pair.server
    group, second = sockets.create_poll_group(), sockets.create_poll_group()
    assert (group, second) == (0x8001_0000, 0x8002_0001)
    fill(pair, pair.outgoing, 2)
    assert sockets.set_connection_poll_group(pair.incoming, group)
    assert sockets.set_connection_poll_group(other.incoming, group)
    assert sockets.receive_messages_on_listen_socket(pair.listen_socket) == [], "waiting messages moved along"
    fill(pair, other.outgoing, 1)
    assert data_of(sockets.receive_messages_on_connection(other.incoming)) == [b"\0"]
    fill(pair, other.outgoing, 1)
    taken = sockets.receive_messages_on_poll_group(group, 2)
    assert [(m.connection, m.data) for m in taken] == [(pair.incoming, b"\0"), (pair.incoming, b"\1")]
    assert sockets.set_connection_poll_group(other.incoming, second)
    assert sockets.receive_messages_on_poll_group(group) == []
    assert sockets.set_connection_poll_group(other.incoming, second), "repeating is fine"
    assert sockets.destroy_poll_group(second)
    assert not sockets.destroy_poll_group(second)
    assert data_of(sockets.receive_messages_on_connection(other.incoming)) == [b"\0"]
    assert sockets.set_connection_poll_group(pair.incoming, gs.PollGroup(0))
    fill(pair, pair.outgoing, 1)
    assert sockets.receive_messages_on_poll_group(group) == []
    assert data_of(sockets.receive_messages_on_listen_socket(pair.listen_socket)) == [b"\0"]
    assert not sockets.set_connection_poll_group(pair.incoming, second)
    assert not sockets.set_connection_poll_group(UNKNOWN, group)
    assert sockets.create_poll_group() == 0x8003_0001


@pytest.mark.rule("2, 2.5.3 rule 4", "3, 8.1 rule 3")
def test_joining_a_group_merges_waiting_messages_by_time_of_arrival(pair: Pair) -> None:
    other = pair.connected()
    sockets = pair.server
    first, second = sockets.create_poll_group(), sockets.create_poll_group()
    assert sockets.set_connection_poll_group(other.incoming, first)
    for _ in range(2):
        fill(pair, pair.outgoing, 1)
        fill(pair, other.outgoing, 1)
    for incoming in (other.incoming, pair.incoming):
        assert sockets.set_connection_poll_group(incoming, second)
    came = sockets.receive_messages_on_poll_group(second)
    assert [message.connection for message in came] == [pair.incoming, other.incoming] * 2
    assert [message.message_number for message in came] == [1, 1, 2, 2]


def test_an_outgoing_connection_in_a_poll_group(pair: Pair) -> None:
    group = pair.client.create_poll_group()
    assert pair.client.set_connection_poll_group(pair.outgoing, group)
    pair.server.send_message_to_connection(pair.incoming, b"back", RELIABLE_NO_NAGLE)
    came = pair.client.take(lambda: pair.client.receive_messages_on_poll_group(group), 1)
    assert (came[0].data, came[0].connection) == (b"back", pair.outgoing)
    assert pair.client.close_connection(pair.outgoing)
    assert pair.client.receive_messages_on_poll_group(group) == []


@pytest.mark.rule("3, 2")
def test_messages_of_a_listen_socket(loopback: Loopback) -> None:
    pairs = [loopback.connected() for _ in range(3)]
    for ours, _ in pairs:
        loopback.client.send_message_to_connection(ours, str(ours).encode(), RELIABLE_NO_NAGLE)
    messages = collect(lambda: loopback.server.receive_messages_on_listen_socket(loopback.listen_socket, 2), 3)
    assert {(message.connection, message.data) for message in messages} == {
        (theirs, str(ours).encode()) for ours, theirs in pairs
    }


@pytest.mark.rule("3, 8.1 rule 5")
def test_messages_of_a_poll_group(loopback: Loopback) -> None:
    """Joining brings what waits, either queue gives it, leaving takes it along (spec 3, 8.1)."""
    pairs = [loopback.connected() for _ in range(2)]
    group = loopback.server.create_poll_group()
    for ours, theirs in pairs:
        loopback.client.send_message_to_connection(ours, b"before", RELIABLE_NO_NAGLE)
        assert loopback.server.set_connection_poll_group(theirs, group)
    for ours, _ in pairs:
        loopback.client.send_message_to_connection(ours, b"after", RELIABLE_NO_NAGLE)
    messages = collect(lambda: loopback.server.receive_messages_on_poll_group(group), 4)
    for _, theirs in pairs:
        assert [m.data for m in messages if m.connection == theirs] == [b"before", b"after"]
    assert loopback.server.receive_messages_on_listen_socket(loopback.listen_socket) == []
    ours, theirs = pairs[0]
    loopback.client.send_message_to_connection(ours, b"own", RELIABLE_NO_NAGLE)
    collect(lambda: loopback.server.receive_messages_on_connection(theirs), 1)
    loopback.client.send_message_to_connection(ours, b"kept", RELIABLE_NO_NAGLE)
    wait_until(lambda: loopback.server.wait(0))
    assert loopback.server.destroy_poll_group(group)
    messages = collect(lambda: loopback.server.receive_messages_on_listen_socket(loopback.listen_socket), 1)
    assert messages[0].data == b"kept"
