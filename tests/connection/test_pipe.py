"""Does a pipe deliver at once, keep the receiver's limits, and end as both sides expect? (spec 2, 2.14)"""

from collections import deque
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.connection import StateChange
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.pipe import REPORTED_RATE_MAX, Pipe
from gamesockets.connection.states import State
from gamesockets.connection.stats import INTERVAL_US
from gamesockets.observe.snapshots import QUEUE_TIME_UNKNOWN, connection_status, describe, info_flags, lane_status
from gamesockets.values.enums import ConnectionInfoFlags, EndReason, SendFlags
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.results import Result

HUGE: Final = 268_435_456
START: Final = 1_000_000
EVERY_FLAG: Final = 29
RELIABLE: Final = int(SendFlags.RELIABLE)


def options(messages: int = HUGE, size_bytes: int = HUGE, message_bytes: int = HUGE) -> ConnectionOptions:
    return ConnectionOptions(
        send_rate_min=HUGE,
        send_rate_max=HUGE,
        unencrypted=3,
        recv_buffer_messages=messages,
        recv_buffer_size_bytes=size_bytes,
        recv_max_message_size=message_bytes,
    )


class Ends:
    """Both ends of a pipe, and what was told of them."""

    def __init__(self, second: ConnectionOptions | None = None) -> None:
        self.ready: set[Inbox] = set()
        self.changes: deque[StateChange] = deque()
        self.one = Pipe(0x10001, NetworkingIdentity.parse("str:two"), options(), self.ready, self.changes, START)
        identity = NetworkingIdentity.parse("str:one")
        self.two = Pipe(0x20002, identity, second or options(), self.ready, self.changes, START)
        self.one.join(self.two, START)

    def told(self) -> list[tuple[Pipe, State, State, int, str]]:
        """The changes since the last call."""
        rows = []
        while self.changes:
            change = self.changes.popleft()
            assert isinstance(change.connection, Pipe)
            rows.append((change.connection, change.old_state, change.new_state, change.reason, change.debug))
        return rows


def read(pipe: Pipe) -> list[NetworkingMessage]:
    return pipe.inbox.take(1 << 30)


def test_both_ends_are_connected_and_nobody_is_told() -> None:
    ends = Ends()
    assert ends.one.state == ends.two.state == State.CONNECTED
    assert not ends.changes
    assert not ends.ready


@pytest.mark.rule("2, 2.14 rule 1")
def test_a_message_is_there_when_send_returns() -> None:
    ends = Ends()
    data = b"hello"
    assert ends.one.send(data, RELIABLE, 0, START + 7) == 1
    assert ends.two.inbox in ends.ready
    (message,) = read(ends.two)
    assert message.data is data
    assert message.connection == ends.two.id
    assert str(message.identity) == "str:one"
    assert (message.message_number, message.lane, message.time_received) == (1, 0, START + 7)
    assert ends.one.needs_service(START), "somebody may wait for it"
    assert not read(ends.one)


@pytest.mark.rule("2, 2.14 rule 1")
@pytest.mark.parametrize("flags", [0, 1, 4, 5, RELIABLE, 9, EVERY_FLAG, 64])
@pytest.mark.parametrize("size", [0, 1, 16_501, 600_000])
def test_flags_arrive_unmodified_whatever_the_size(flags: int, size: int) -> None:
    ends = Ends()
    assert ends.one.send(bytes(size), flags, 0, START) == 1
    (message,) = read(ends.two)
    assert (int(message.flags), message.length) == (flags, size)
    assert ("unreliable" in repr(message)) == (flags & RELIABLE == 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.binary(max_size=20), st.integers(0, 63))))
def test_everything_arrives_in_order_and_lanes_count_apart(sends: list[tuple[bool, int, bytes, int]]) -> None:
    ends = Ends()
    for pipe in (ends.one, ends.two):
        assert pipe.configure_lanes([0, 1, 0, 2], [1, 2, 3, 4], START) == Result.OK
    expected: dict[bool, list[tuple[bytes, int, int, int]]] = {False: [], True: []}
    for from_two, lane, data, flags in sends:
        number = 1 + sum(row[1] == lane for row in expected[from_two])
        assert (ends.two if from_two else ends.one).send(data, flags, lane, START) == number
        expected[from_two].append((data, lane, number, flags))
    for from_two, pipe in ((False, ends.two), (True, ends.one)):
        got = [(message.data, message.lane, message.message_number, int(message.flags)) for message in read(pipe)]
        assert got == expected[from_two]


def test_lanes_are_those_of_the_sending_side() -> None:
    ends = Ends()
    assert ends.two.configure_lanes([0, 0], [1, 1], START) == Result.OK
    for lane in (1, -1, 255):
        assert ends.one.send(b"", 0, lane, START) == -Result.INVALID_PARAM
    assert ends.two.send(b"", 0, 1, START) == 1
    assert ends.two.configure_lanes([0], [1], START) == Result.INVALID_PARAM, "lanes never get fewer"
    assert [row.queue_time for row in lane_status(ends.two)] == [0, 0]
    assert connection_status(ends.two).queue_time == QUEUE_TIME_UNKNOWN, "as with several lanes over UDP"


def test_the_largest_message_is_what_the_receiver_takes_now() -> None:
    ends = Ends(options(message_bytes=100))
    assert ends.one.send(bytes(101), RELIABLE, 0, START) == -Result.VALUE_OUT_OF_RANGE
    assert ends.one.send(bytes(100), RELIABLE, 0, START) == 1
    assert ends.two.send(bytes(101), RELIABLE, 0, START) == 1, "the limit is the receiver's, not the sender's"
    ends.two.configure(options(message_bytes=99))
    assert ends.one.send(bytes(100), RELIABLE, 0, START) == -Result.VALUE_OUT_OF_RANGE
    assert ends.one.state == ends.two.state == State.CONNECTED


@pytest.mark.rule("2, 2.14 rule 1")
def test_over_the_limit_of_messages_they_vanish_and_count() -> None:
    ends = Ends(options(messages=2))
    assert [ends.one.send(b"x", RELIABLE, 0, START) for _ in range(4)] == [1, 2, 3, 4]
    assert [message.message_number for message in read(ends.two)] == [1, 2]
    assert ends.one.send(b"x", RELIABLE, 0, START) == 5
    assert [message.message_number for message in read(ends.two)] == [5], "reading makes room again"


def test_over_the_limit_of_bytes_they_vanish() -> None:
    ends = Ends(options(size_bytes=10))
    for size in (6, 5, 4, 1, 0):
        assert ends.one.send(bytes(size), 0, 0, START) > 0
    assert [message.length for message in read(ends.two)] == [6, 4, 0]
    assert (ends.two.peer.queued_messages, ends.two.peer.queued_bytes) == (0, 0)


@pytest.mark.rule("2, 2.14 rule 1")
@pytest.mark.parametrize("linger", [False, True])
def test_closing_ends_the_other_side_at_once(linger: bool) -> None:
    ends = Ends()
    ends.one.send(b"unread", RELIABLE, 0, START)
    ends.two.send(b"lost", RELIABLE, 0, START)
    ends.one.close(1234, "so long", linger, START)
    assert ends.told() == [
        (ends.one, State.CONNECTED, State.FIN_WAIT, 1234, "so long"),
        (ends.two, State.CONNECTED, State.CLOSED_BY_PEER, 1234, "so long"),
    ]
    assert not read(ends.one), "what the closing side had not read is gone"
    assert [message.data for message in read(ends.two)] == [b"unread"]
    assert ends.two.send(b"", 0, 0, START) == -Result.NO_CONNECTION
    assert ends.one.send(b"", 0, 0, START) == -Result.INVALID_PARAM
    assert ends.two.flush() == Result.NO_CONNECTION
    assert ends.two.configure_lanes([0], [1], START) == Result.INVALID_STATE
    assert not lane_status(ends.two)
    ends.two.close(1999, "other words", linger, START)
    assert ends.told() == [(ends.two, State.CLOSED_BY_PEER, State.FIN_WAIT, 1234, "so long")]


@pytest.mark.parametrize(
    ("reason", "text", "told"),
    [
        (0, "", (int(EndReason.APP_GENERIC), "Application closed connection")),
        (2500, "", (2500, "Application closed connection in an unusual way")),
        (5, "text", (1999, "Invalid numeric reason code")),
        (1000, "x" * 200, (1000, "x" * 127)),
    ],
)
def test_reason_and_text_become_what_they_become_over_udp(reason: int, text: str, told: tuple[int, str]) -> None:
    ends = Ends()
    ends.two.close(reason, text, False, START)
    assert (ends.one.end_reason, ends.one.end_debug) == (ends.two.end_reason, ends.two.end_debug) == told


def test_no_state_is_entered_twice() -> None:
    ends = Ends()
    ends.one.close(0, "", False, START)
    with pytest.raises(AssertionError, match="no way from FIN_WAIT"):
        ends.one.close(0, "", False, START)


def test_messages_follow_into_another_inbox() -> None:
    ends = Ends()
    shared = Inbox(ends.ready)
    ends.one.send(b"before", 0, 0, START)
    ends.two.deliver_to(shared)
    ends.one.send(b"after", 0, 0, START + 1)
    assert [message.data for message in shared.take(10)] == [b"before", b"after"]
    ends.one.send(b"discarded", 0, 0, START + 2)
    ends.two.close(0, "", False, START)
    assert len(shared) == 0


def test_description_flags_and_status() -> None:
    one = Ends().one
    assert describe(one, "") == "#65537 pipe"
    assert describe(one, "my name") == "#65537 pipe 'my name'"
    assert info_flags(one) == ConnectionInfoFlags.LOOPBACK_BUFFERS | ConnectionInfoFlags.FAST == 12
    status = connection_status(one)
    assert (status.ping, status.send_rate_bytes_per_second, status.queue_time) == (0, REPORTED_RATE_MAX, 0)
    assert (status.connection_quality_local, status.connection_quality_remote, status.max_jitter) == (-1, -1, -1)
    assert status.out_packets_per_second == status.in_bytes_per_second == 0


def test_a_lower_send_rate_shows_but_slows_nothing() -> None:
    one = Ends().one
    one.configure(ConnectionOptions(send_rate_min=2000, send_rate_max=2000))
    assert connection_status(one).send_rate_bytes_per_second == 2000
    assert one.send(bytes(1_000_000), 0, 0, START) == 1


def test_rates_are_those_of_the_last_whole_interval() -> None:
    ends = Ends()
    for k in range(10):
        ends.one.send(bytes(1000), 0, 0, START + k * 100_000)
    later = START + INTERVAL_US
    for pipe in (ends.one, ends.two):
        pipe.measure(later - 1)
        assert connection_status(pipe).out_packets_per_second == 0, "the first interval runs still"
        pipe.measure(later + 1)
    sent, got = connection_status(ends.one), connection_status(ends.two)
    # One more in each direction stands for the handshake.
    assert (sent.out_packets_per_second, sent.out_bytes_per_second) == (11 / 5, 10_000 / 5)
    assert (got.in_packets_per_second, got.in_bytes_per_second) == (11 / 5, 10_000 / 5)
    assert (sent.connection_quality_local, got.connection_quality_local) == (-1, 1), "the handshake is no measure"
    ends.one.measure(later + 10 * INTERVAL_US + 3)
    assert connection_status(ends.one).out_packets_per_second == 0, "idle since"
    assert ends.one.statistics.next_interval_at() == later + 11 * INTERVAL_US


def test_an_ended_pipe_keeps_what_it_measured() -> None:
    ends = Ends()
    ends.one.send(bytes(1000), 0, 0, START)
    ends.one.measure(START + INTERVAL_US)
    ends.two.close(0, "", False, START + INTERVAL_US)
    ends.one.measure(START + 20 * INTERVAL_US)
    assert connection_status(ends.one).out_packets_per_second == 2 / 5
