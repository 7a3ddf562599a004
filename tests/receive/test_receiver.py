"""One packet's plaintext: which messages come out, what is acknowledged, and what ends the connection (spec 2, 2.5)."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import Blocks, Reception, chances, fast, scripts, texts

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.budget import STALLED_US
from gamesockets.receive.receiver import ACKNOWLEDGED, ACKNOWLEDGED_SOON, DISCARDING, IGNORED
from gamesockets.values.enums import SendFlags
from gamesockets.wire.frames import (
    RELATIVE,
    encode_ack,
    encode_reliable,
    encode_select_lane,
    encode_stop_waiting,
    encode_unreliable,
    to_end,
    with_size,
)
from gamesockets.wire.stream import MAX_NUMBER_AHEAD, MAX_NUMBER_INCREMENT, encode_message_header


def unreliable(data: bytes, number: int = 1, number_bits: int = 32, offset: int = 0, is_last: bool = True) -> bytes:
    return with_size(encode_unreliable(number_bits, number, offset, is_last), len(data)) + data


def reliable(data: bytes, position: int = 1, position_bits: int = 48) -> bytes:
    return with_size(encode_reliable(position_bits, position), len(data)) + data


def streamed(data: bytes, increment: int = 1) -> bytes:
    return encode_message_header(increment, len(data)) + data


def delivered(reception: Reception, *payloads: bytes) -> list[tuple[int, bytes]]:
    return [(message.message_number, message.data) for message in reception.take(*payloads)]


# ---------------------------------------------------------------------- numbers


@pytest.mark.rule("2, 2.5.1 rule 2")
def test_what_a_message_says_about_itself() -> None:
    reception = Reception()
    first, second = reception.take(
        encode_select_lane(3) + unreliable(b"quick", 7) + reliable(streamed(b"sure", 8)), now=1234
    )
    assert (first.data, first.message_number, first.lane, first.flags) == (b"quick", 7, 3, SendFlags.UNRELIABLE)
    assert (second.data, second.message_number, second.lane, second.flags) == (b"sure", 8, 3, SendFlags.RELIABLE)
    assert first.time_received == 1234
    assert first.peer is reception.peer


@pytest.mark.rule("2, 2.2.6 rule 1")
def test_relative_numbers_count_on_from_the_last_and_over_reliable_frames() -> None:
    """After every reliable frame the number is one higher, whatever that frame contained (spec 2, 2.2.6)."""
    payload = (
        unreliable(b"a", 5)
        + unreliable(b"b", 1, RELATIVE)
        + unreliable(b"c", 300, RELATIVE)
        + reliable(streamed(b"r", 307))
        + unreliable(b"d", 1, RELATIVE)
        + reliable(b"", 0, RELATIVE)
        + unreliable(b"e", 2, RELATIVE)
    )
    assert delivered(Reception(), payload) == [
        (5, b"a"), (6, b"b"), (306, b"c"), (307, b"r"), (308, b"d"), (311, b"e")
    ]  # fmt: skip


def test_reliable_frames_before_the_first_unreliable_one_do_not_count() -> None:
    payload = reliable(streamed(b"r")) + unreliable(b"a", 5) + unreliable(b"b", 1, RELATIVE)
    assert delivered(Reception(), payload) == [(1, b"r"), (5, b"a"), (6, b"b")]


@fast
@given(st.integers(1, 1 << 40), st.sampled_from((16, 32)), st.data())
def test_truncated_numbers_are_nearest_to_the_highest_of_the_lane(highest: int, bits: int, data: st.DataObject) -> None:
    reception = Reception()
    reception.receiver.lanes()[0].highest_number = highest
    low = max(1, highest - (1 << (bits - 1)))
    number = data.draw(st.integers(low, highest + (1 << (bits - 1)) - 1))
    assert delivered(reception, unreliable(b"x", number, bits)) == [(number, b"x")]


@pytest.mark.rule("2, 2.2.6 rule 1")
@pytest.mark.parametrize("number", [0, 0xFFFF, 0x8000])
def test_a_number_below_one_is_a_fault(number: int) -> None:
    reception = Reception()
    assert reception.take(unreliable(b"x", number, 16)) == []
    assert reception.has_fault()


@pytest.mark.rule("2, 2.2.6 rule 1")
def test_a_huge_increment_moves_backwards_modulo_two_to_the_64() -> None:
    """The reference library does not object (spec 2, 2.2.6)."""
    payload = unreliable(b"a", 5) + unreliable(b"b", (1 << 64) - 3, RELATIVE)
    assert delivered(Reception(), payload) == [(2, b"b"), (5, b"a")]


@pytest.mark.rule("2, 2.2.6 rule 1")
def test_pieces_of_one_message_share_a_packet_with_increment_zero() -> None:
    payload = unreliable(b"a", 5, is_last=False) + unreliable(b"b", 0, RELATIVE, offset=1)
    assert delivered(Reception(), payload) == [(5, b"ab")]


@pytest.mark.rule("2, 2.2.5")
def test_every_lane_has_its_own_numbers_and_stream() -> None:
    payload = b"".join(
        encode_select_lane(lane) + unreliable(bytes((lane,)), 9) + reliable(streamed(b"r"))
        for lane in (0, 1, 7, 8, 255)
    )
    messages = Reception().take(payload)
    assert [(message.lane, message.message_number) for message in messages] == [
        (lane, number) for lane in (0, 1, 7, 8, 255) for number in (1, 9)
    ]


@pytest.mark.rule("2, 2.2.5")
def test_each_packet_begins_on_lane_zero() -> None:
    reception = Reception()
    messages = reception.take(encode_select_lane(4) + unreliable(b"x"), unreliable(b"y"))
    assert [message.lane for message in messages] == [4, 0]


@pytest.mark.rule("2, 2.2.7 rule 1")
@pytest.mark.parametrize("bits", [24, 32, 48])
def test_positions_in_every_width(bits: int) -> None:
    reception = Reception()
    assert texts(reception.take(reliable(streamed(b"one"), 1, bits), reliable(streamed(b"two"), 5, bits))) == [
        b"one",
        b"two",
    ]


@pytest.mark.rule("2, 2.2.7 rule 1")
def test_gaps_between_segments_of_a_packet() -> None:
    stream = streamed(b"a" * 20) + streamed(b"b" * 20)
    reception = Reception()
    assert reception.take(reliable(stream[:5]) + reliable(stream[10:15], 5, RELATIVE)) == []
    assert texts(reception.take(reliable(stream[5:10], 6) + reliable(stream[15:], 5, RELATIVE))) == [
        b"a" * 20,
        b"b" * 20,
    ]


@pytest.mark.rule("2, 2.2.7 rule 2")
def test_position_zero_is_a_fault() -> None:
    reception = Reception()
    assert reception.take(reliable(b"x", 0, 48)) == []
    assert reception.has_fault()


BLOCK = 1 << 24


@pytest.mark.rule("2, 2.2.7 rule 2")
@pytest.mark.parametrize(
    ("end", "low", "position"),
    [
        (BLOCK + 50, 60, BLOCK + 60),
        (BLOCK + 50, 1 << 23, BLOCK + (1 << 23)),
        (BLOCK + 50, BLOCK - 1, 2 * BLOCK - 1),
        (BLOCK + (1 << 23) - 1, 0, BLOCK),
        (BLOCK + (1 << 23), 0, 2 * BLOCK),
        (2 * BLOCK - 1, 5, 2 * BLOCK + 5),
    ],
)
def test_short_positions_never_go_below_the_block_of_the_streams_end(end: int, low: int, position: int) -> None:
    """That is how the reference library expands them, although another position may be nearer (spec 2, 2.2.7)."""
    reception = Reception(ConnectionOptions(recv_buffer_size_bytes=1 << 26))
    stream = reception.receiver.lanes()[0].stream
    stream.base = end
    reception.process(reliable(b"\x00", low, 24))
    assert stream.end() == max(end, position + 1)


# ---------------------------------------------------------------------- messages


@pytest.mark.rule("2, 2.3 rule 1", "2, 2.5.2 rule 4")
@fast
@given(
    st.lists(st.tuples(st.binary(max_size=70), st.integers(1, 200)), min_size=1, max_size=12),
    st.lists(st.integers(1, 40), min_size=1, max_size=10),
    chances,
)
def test_a_stream_in_pieces_of_any_size_and_order_gives_its_messages(
    messages: list[tuple[bytes, int]], sizes: list[int], chance: random.Random
) -> None:
    """Cut anywhere, in headers too; delivered once, in order, with their numbers."""
    stream = b"".join(streamed(data, increment) for data, increment in messages)
    pieces: list[tuple[int, bytes]] = []
    place = 0
    while place < len(stream):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append((1 + place, stream[place : place + size]))
        place += size
    window = pieces[:20]
    chance.shuffle(window)
    reception = Reception()
    out: list[tuple[int, bytes]] = []
    for position, piece in window + pieces[20:]:
        out += delivered(reception, reliable(piece, position))
        assert not reception.has_fault()
        assert reception.acknowledges()
        assert reception.verdict == ACKNOWLEDGED_SOON
    number = 0
    expected = []
    for data, increment in messages:
        number += increment
        expected.append((number, data))
    assert out == expected
    assert reception.peer.queued_bytes == reception.peer.queued_messages == 0


def test_a_repeated_segment_delivers_nothing_twice_but_is_acknowledged() -> None:
    reception = Reception()
    segment = reliable(streamed(b"once"))
    assert texts(reception.take(segment, segment, segment)) == [b"once"]
    assert reception.acknowledges()


@pytest.mark.rule("2, 2.5.1 rule 6")
def test_pieces_of_an_unreliable_message_in_several_packets() -> None:
    reception = Reception()
    whole = bytes(range(256)) * 10
    payloads = [
        unreliable(whole[begin : begin + 1000], 3, 32, begin, begin + 1000 >= len(whole))
        for begin in range(0, len(whole), 1000)
    ]
    assert delivered(reception, *reversed(payloads)) == [(3, whole)]


@pytest.mark.rule("2, 2.5.3 rule 2")
def test_late_unreliable_messages_are_sorted_back_in() -> None:
    reception = Reception()
    assert [number for number, _ in delivered(reception, *(unreliable(b"", n) for n in (2, 5, 3, 1, 4)))] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert [number for number, _ in delivered(reception, unreliable(b"", 2))] == [2], "what was taken cannot be helped"


@fast
@given(st.permutations(range(1, 12)), st.integers(1, 12))
def test_whatever_the_order_of_arrival_the_queue_is_in_order(order: list[int], taken_after: int) -> None:
    reception = Reception()
    first = delivered(reception, *(unreliable(b"", number) for number in order[:taken_after]))
    rest = delivered(reception, *(unreliable(b"", number) for number in order[taken_after:]))
    assert [number for number, _ in first] == sorted(order[:taken_after])
    assert [number for number, _ in rest] == sorted(order[taken_after:])


# ---------------------------------------------------------------------- what the peer says about our packets


def test_acks_are_collected_in_order_while_messages_are_delivered() -> None:
    reception = Reception()
    payload = encode_ack(9, 64, [(1, 2)]) + unreliable(b"x") + encode_ack(10, -1, [])
    assert texts(reception.take(payload)) == [b"x"]
    assert reception.receiver.acks == [(9, 2, [(1, 2)]), (10, 0xFFFF, [])]
    assert reception.verdict == ACKNOWLEDGED
    reception.take(unreliable(b"y", 2))
    assert reception.receiver.acks == []


@pytest.mark.parametrize(
    ("latest", "next_to_send", "expected"),
    [(0xFFFF, 0x1_0005, 0xFFFF), (4, 0x1_0005, 0x1_0004), (0x8006, 0x1_0005, 0x8006)],
)
def test_sixteen_bits_of_an_ack_mean_the_number_nearest_to_what_we_send_next(
    latest: int, next_to_send: int, expected: int
) -> None:
    reception = Reception()
    reception.next_to_send = next_to_send
    reception.take(encode_ack(latest, -1, []))
    assert reception.receiver.acks == [(expected, 0xFFFF, [])]


@pytest.mark.parametrize("ahead", [0, 1, 1000])
def test_an_ack_of_a_packet_not_yet_sent_quietly_ends_the_payload(ahead: int) -> None:
    """What stood before it has taken effect; the packet is not recorded at all (spec 2, 2.2.11)."""
    reception = Reception()
    future = encode_ack(reception.next_to_send + ahead, 0, [])
    payload = encode_ack(9, 0, []) + unreliable(b"x") + future + unreliable(b"y", 2)
    assert texts(reception.take(payload)) == [b"x"]
    assert reception.verdict == IGNORED
    assert not reception.has_fault()
    assert [latest for latest, _, _ in reception.receiver.acks] == [9]


def test_an_ack_of_a_packet_below_zero_is_a_fault() -> None:
    reception = Reception()
    payload = encode_ack(9, 0, []) + unreliable(b"x") + encode_ack(0x8064, 0, []) + unreliable(b"y", 2)
    assert texts(reception.take(payload)) == [b"x"]
    assert reception.has_fault()
    assert reception.receiver.fault == "Ack of packet -32668"
    assert [latest for latest, _, _ in reception.receiver.acks] == [9], "those before the fault count"


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        ([(8, 0)], "end=7, num=8+0"),
        ([(1, 7)], "end=7, num=1+7"),
        ([(1, 1), (1, 5)], "end=5, num=1+5"),
        ([(800_000, 0)], "end=7, num=800000+0"),
    ],
)
def test_runs_that_reach_below_zero_are_a_fault(blocks: Blocks, fault: str) -> None:
    reception = Reception()
    assert texts(reception.take(unreliable(b"x") + encode_ack(6, 0, blocks) + unreliable(b"y", 2))) == [b"x"]
    assert reception.has_fault()
    assert reception.receiver.fault == f"Ack range underflow, {fault}"
    assert reception.receiver.acks == []


def test_runs_that_end_at_zero_are_fine() -> None:
    reception = Reception()
    reception.take(encode_ack(6, 0, [(1, 1), (2, 3)]))
    assert reception.receiver.acks == [(6, 0, [(1, 1), (2, 3)])]


def test_a_stop_waiting_value_takes_effect_where_it_stands() -> None:
    reception = Reception()
    for number in (2, 3, 9):
        reception.ack_reporter.received(number, False, 0)
    reception.process(encode_stop_waiting(4) + b"\x60", 10)
    assert reception.has_fault()
    assert not reception.ack_reporter.stop_waiting(4, 11), "5 was heard although a fault came behind it"
    assert reception.ack_reporter.stop_waiting(5, 11)


@pytest.mark.rule("2, 2.2.8")
@pytest.mark.parametrize("offset", [10, 11, 1 << 40])
def test_a_stop_waiting_value_below_zero_is_a_fault(offset: int) -> None:
    reception = Reception()
    payload = unreliable(b"x") + encode_stop_waiting(offset) + unreliable(b"y", 2)
    reception.process(payload, 10)
    assert texts(reception.inbox.take(10)) == [b"x"]
    assert reception.has_fault()
    assert reception.receiver.fault == f"stop_waiting pktNum 10 offset {offset}"


@pytest.mark.parametrize(("second", "is_fine"), [(2, True), (3, True), (4, False)])
def test_a_second_stop_waiting_value_of_a_packet_may_not_take_back_the_first(second: int, is_fine: bool) -> None:
    reception = Reception()
    reception.ack_reporter.received(9, False, 0)
    payload = encode_stop_waiting(3) + encode_stop_waiting(second) + unreliable(b"x")
    reception.process(payload, 10)
    assert texts(reception.inbox.take(10)) == ([b"x"] if is_fine else [])
    assert reception.has_fault() == (not is_fine)


# ---------------------------------------------------------------------- faults


def stream_of(header: bytes, behind: int = 4) -> bytes:
    return reliable(header + bytes(behind))


@pytest.mark.rule("2, 2.2.11 rule 1")
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x60", id="unassigned lead byte"),
        pytest.param(unreliable(b"x")[:-1], id="cut short"),
        pytest.param(stream_of(b"\x80"), id="stream header with the high bit"),
        pytest.param(stream_of(encode_message_header(MAX_NUMBER_INCREMENT + 1, 0)), id="increment"),
        pytest.param(stream_of(encode_message_header(MAX_NUMBER_AHEAD + 1, 0)), id="number too far ahead"),
        pytest.param(stream_of(encode_message_header(1, 524_289)), id="larger than RecvMaxMessageSize"),
        pytest.param(stream_of(b"\x20" + b"\xff" * 9 + b"\x01"), id="absurd size"),
        pytest.param(b"\x8f\x80\x02", id="lane 256"),
    ],
)
def test_faults_end_the_packet_but_not_what_came_before(payload: bytes) -> None:
    """Frames before the fault have taken effect, as in the reference library (spec 2, 2.2.11)."""
    reception = Reception()
    assert texts(reception.take(unreliable(b"before", 1) + encode_select_lane(9) + payload)) == [b"before"]
    assert reception.has_fault()


@pytest.mark.rule("1, 7.9 rule 1", "3, 5.3")
@pytest.mark.parametrize(
    ("header", "text"),
    [
        (
            encode_message_header(MAX_NUMBER_AHEAD + 8, 0),
            f"Reliable message number lurch.  Last reliable 0, offset {MAX_NUMBER_AHEAD + 8}, highest seen 7",
        ),
        (encode_message_header(1, 600_001), "Reliable message size too large.  (18750<<5 + 1)"),
    ],
)
def test_faults_of_messages_read_as_the_reference_librarys_do(header: bytes, text: str) -> None:
    """With its spelling: two blanks (spec 1, 7.9)."""
    reception = Reception()
    reception.process(unreliable(b"", 7) + encode_select_lane(0) + stream_of(header))
    assert reception.has_fault()
    assert reception.receiver.fault == text


@pytest.mark.rule("2, 2.3 rule 4")
def test_the_highest_number_seen_extends_what_may_follow() -> None:
    """Unreliable numbers count too, so a reliable message after many of them is fine (spec 2, 2.3)."""
    number = MAX_NUMBER_AHEAD + 500
    reception = Reception()
    payload = unreliable(b"", 500) + reliable(streamed(b"far", number))
    assert delivered(reception, payload) == [(500, b""), (number, b"far")]


@pytest.mark.rule("2, 2.5.4")
@pytest.mark.parametrize("make", [unreliable, lambda data: reliable(streamed(data))])
@pytest.mark.parametrize(("size", "is_fine"), [(64, True), (65, False)])
def test_messages_above_the_limit_end_the_connection(make: Callable[[bytes], bytes], size: int, is_fine: bool) -> None:
    reception = Reception(ConnectionOptions(recv_max_message_size=64))
    assert texts(reception.take(make(bytes(size)))) == ([bytes(size)] if is_fine else [])
    assert reception.has_fault() == (not is_fine)


@pytest.mark.rule("2, 2.3 rule 4")
def test_an_oversized_header_is_a_fault_before_the_body_comes() -> None:
    reception = Reception(ConnectionOptions(recv_max_message_size=1000))
    assert reception.take(reliable(encode_message_header(1, 1001))) == []
    assert reception.has_fault()


@pytest.mark.rule("2, 2.3 rule 4")
def test_a_size_varint_without_end_only_waits() -> None:
    """Over-long, it stalls the lane silently; the connection and the other lanes live on (spec 2, 2.3)."""
    reception = Reception()
    assert texts(reception.take(reliable(b"\x20" + b"\xff" * 50) + unreliable(b"x"))) == [b"x"]
    assert not reception.has_fault()


# ---------------------------------------------------------------------- limits and refusals


@pytest.mark.rule("2, 2.4 rule 5")
def test_an_unreliable_message_too_many_is_lost_and_not_acknowledged() -> None:
    reception = Reception(ConnectionOptions(recv_buffer_messages=2))
    for number in (1, 2):
        reception.process(unreliable(b"x", number))
        assert reception.acknowledges()
    reception.process(unreliable(b"x", 3))
    assert not reception.acknowledges()
    assert not reception.has_fault()
    assert reception.is_recorded()
    assert reception.receiver.queue_full == 1
    assert len(reception.inbox.take(1)) == 1
    assert delivered(reception, unreliable(b"x", 4)) == [(2, b"x"), (4, b"x")]


@pytest.mark.rule("2, 2.5.2 rule 4")
def test_a_reliable_message_too_many_waits_in_the_stream() -> None:
    """It comes when there is room and anything further arrives on the lane, repetitions included (spec 2, 2.5.2)."""
    reception = Reception(ConnectionOptions(recv_buffer_messages=2))
    stream = b"".join(streamed(bytes((place,))) for place in range(4))
    reception.process(reliable(stream))
    assert not reception.acknowledges()
    assert texts(reception.inbox.take(10)) == [b"\x00", b"\x01"]
    assert texts(reception.take(reliable(stream))) == [b"\x02", b"\x03"]
    assert reception.acknowledges()


@pytest.mark.rule("2, 2.5.4")
def test_queued_bytes_are_limited_over_all_lanes() -> None:
    reception = Reception(ConnectionOptions(recv_buffer_size_bytes=4096))
    payload = unreliable(bytes(1000)) + encode_select_lane(1) + unreliable(bytes(1000))
    reception.process(payload)
    reception.process(encode_select_lane(2) + unreliable(bytes(1000)) + unreliable(bytes(97), 1, RELATIVE))
    reception.process(unreliable(bytes(1001), 2))
    reception.process(unreliable(bytes(999), 2))
    assert reception.peer.queued_bytes == 1000 + 1000 + 1000 + 97 + 999
    reception.process(unreliable(b"", 3))
    assert reception.acknowledges(), "exactly full is allowed"
    reception.process(unreliable(b"x", 4))
    assert not reception.acknowledges()


@pytest.mark.rule("2, 2.5.4")
@pytest.mark.parametrize("surplus", [unreliable(b"d", 1, RELATIVE), reliable(streamed(b"d"), 0, RELATIVE)])
def test_segments_over_the_limit_are_skipped_and_the_packet_is_not_acknowledged(surplus: bytes) -> None:
    """Both kinds count together; what came before stays delivered (spec 2, 2.5.4)."""
    reception = Reception(ConnectionOptions(recv_max_segments_per_packet=3))
    payload = unreliable(b"a") + reliable(streamed(b"b", 2)) + unreliable(b"c", 1, RELATIVE)
    assert texts(reception.take(payload)) == [b"a", b"b", b"c"]
    assert reception.receiver.queue_full == 0
    assert texts(reception.take(payload + surplus + b"\x60")) == [b"a", b"c"]
    assert not reception.acknowledges()
    assert reception.is_recorded()
    assert not reception.has_fault()


def test_a_piece_beyond_26000_bytes_is_ignored_but_acknowledged() -> None:
    reception = Reception()
    assert reception.take(unreliable(b"x", 1, 32, 26_000)) == []
    assert reception.acknowledges()
    begins = range(0, 26_000, 1279)
    assert reception.take(*(unreliable(bytes(1279), 2, 32, begin, False) for begin in begins[:-1])) == []
    (message,) = reception.take(unreliable(bytes(26_000 - begins[-1]), 2, 32, begins[-1]))
    assert message.length == 26_000


BUDGET = 4096 + 65_536
"""The smallest that can be configured, the receive buffer included."""
LITTLE = ConnectionOptions(recv_buffer_size_bytes=4096, recv_incomplete_size_bytes=65_536)


def held(reception: Reception) -> int:
    """What the lanes hold, counted anew."""
    lanes = reception.receiver.lanes()
    pieces = sum(lane.reassembly.held_bytes for lane in lanes if lane.reassembly is not None)
    return pieces + sum(lane.stream.held_bytes for lane in lanes)


@pytest.mark.rule("2, 2.5.2 rule 5")
def test_what_comes_ahead_of_holes_takes_half_the_budget_and_never_blocks_what_comes_in_order() -> None:
    """What a peer sends ahead of holes on 256 lanes is memory that no application has a use for."""
    reception = Reception(LITTLE)
    for lane in range(64):
        for position in range(10, 3000, 1000):
            reception.process(encode_select_lane(lane) + reliable(bytes(1000), position))
    assert BUDGET // 2 - 1000 < held(reception) <= BUDGET // 2 + 256
    assert not reception.acknowledges()
    assert reception.receiver.over_budget > 0
    assert texts(reception.take(encode_select_lane(63) + reliable(streamed(b"in order")))) == [b"in order"]
    assert reception.acknowledges()
    (message,) = reception.take(encode_select_lane(0) + reliable(streamed(bytes(3007))[:9]))
    assert reception.acknowledges(), "and filling a hole is always allowed"
    assert message.length == 3007


@pytest.mark.rule("2, 2.5.1 rule 7")
def test_pieces_of_all_lanes_share_the_budget() -> None:
    reception = Reception(LITTLE)
    for lane in range(256):
        reception.process(encode_select_lane(lane) + unreliable(bytes(1000), 1, 32, 0, False))
    assert held(reception) == reception.receiver._held_bytes <= BUDGET // 2
    assert not reception.acknowledges()
    assert reception.receiver.over_budget > 200
    assert texts(reception.take(unreliable(b"whole", 2))) == [b"whole"]


@pytest.mark.rule("2, 2.5.2 rule 5")
def test_incomplete_messages_of_all_lanes_share_the_budget_and_still_all_get_complete() -> None:
    """Beyond it one lane at a time goes on; what was refused is sent again, as an honest sender does."""
    reception = Reception(LITTLE)
    rest = {lane: streamed(bytes([lane]) * 3500) for lane in range(64)}
    done = dict.fromkeys(rest, 0)
    came: list[bytes] = []
    for _ in range(200):
        for lane, stream in rest.items():
            data = stream[done[lane] : done[lane] + 1000]
            if data:
                came += texts(reception.take(encode_select_lane(lane) + reliable(data, 1 + done[lane])))
                assert held(reception) == reception.receiver._held_bytes <= BUDGET + 4096
                assert not reception.has_fault()
                if reception.acknowledges():
                    done[lane] += len(data)
    assert reception.receiver.over_budget > 0
    assert sorted(came) == [bytes([lane]) * 3500 for lane in range(64)]
    assert held(reception) == 0


@pytest.mark.rule("2, 2.5.2 rule 5")
@pytest.mark.parametrize("reads", [True, False])
def test_a_peer_that_uses_up_the_budget_and_goes_no_further_is_given_up(reads: bool) -> None:
    """With a reason that says why; not while the application itself is slow to read."""
    reception = Reception(LITTLE)
    for lane in range(200):
        reception.process(encode_select_lane(lane) + reliable(streamed(bytes(3500))[:1000]))
    assert BUDGET < held(reception) <= BUDGET + 1000
    reception.process(unreliable(b"waits"))
    if reads:
        reception.inbox.take(10)
    late = encode_select_lane(199) + reliable(streamed(bytes(3500))[:1000])
    reception.process(late, now=STALLED_US)
    assert not reception.has_fault()
    reception.process(late, now=STALLED_US + 1)
    assert reception.has_fault() == reads
    if reads:
        assert reception.receiver.fault == f"Incomplete messages hold {held(reception)} bytes (limit is {BUDGET})."


def test_messages_that_wait_for_a_slow_application_are_read_later_although_they_use_up_the_budget() -> None:
    """Each lane gets rid of what is whole as soon as any segment arrives on it, even if that is refused."""
    options = ConnectionOptions(recv_buffer_size_bytes=4096, recv_incomplete_size_bytes=65_536, recv_buffer_messages=2)
    reception = Reception(options)
    reception.process(unreliable(b"1") + unreliable(b"2", 1, RELATIVE))
    segment = reliable(streamed(bytes(1000)) + streamed(bytes(200)))
    for lane in range(1, 100):
        reception.process(encode_select_lane(lane) + segment)
    assert BUDGET < held(reception) <= BUDGET + 4096
    came = len(reception.inbox.take(10))
    waiting = set(range(1, 100))
    while waiting:
        for lane in sorted(waiting):
            came += len(reception.take(encode_select_lane(lane) + segment))
            if reception.acknowledges():
                waiting.discard(lane)
    assert came == 2 + 2 * 99
    assert held(reception) == 0


@pytest.mark.rule("2, 2.5.1 rule 7")
def test_pieces_of_which_no_more_comes_are_given_up() -> None:
    reception = Reception()
    reception.process(
        encode_select_lane(3) + unreliable(b"a", 1, 32, 0, False) + unreliable(b"x", 1, RELATIVE, 0, False)
    )
    reception.receiver.finish_interval(0)
    reception.process(encode_select_lane(3) + unreliable(b"b", 1, 32, 1, False))
    reception.receiver.finish_interval(0)
    assert reception.receiver.pieces_expired == 1
    assert texts(reception.take(encode_select_lane(3) + unreliable(b"c", 1, 32, 2, True))) == [b"abc"]
    assert held(reception) == reception.receiver._held_bytes == 0


def test_lanes_that_bring_nothing_are_not_made() -> None:
    reception = Reception()
    reception.process(b"".join(encode_select_lane(lane) for lane in range(256)))
    assert len(reception.receiver.lanes()) == 1
    assert texts(reception.take(encode_select_lane(9) + unreliable(b"x"))) == [b"x"]
    assert {lane.index for lane in reception.receiver.lanes()} == {0, 9}


def test_an_empty_reliable_segment_is_ignored_but_acknowledged() -> None:
    reception = Reception()
    assert reception.take(reliable(b"", 50)) == []
    assert reception.acknowledges()
    assert reception.verdict == ACKNOWLEDGED


@pytest.mark.rule("2, 2.5.2 rule 3")
def test_a_refused_segment_does_not_stop_the_frames_behind_it() -> None:
    reception = Reception(ConnectionOptions(recv_buffer_size_bytes=4096))
    assert texts(reception.take(reliable(b"x", 5000) + unreliable(b"y"))) == [b"y"]
    assert not reception.acknowledges()
    assert reception.receiver.queue_full == 1


@pytest.mark.rule("2, 2.6.1 rule 11")
@pytest.mark.parametrize("order", [0, 1])
def test_reliable_data_is_remembered_whatever_lane_comes_last(order: int) -> None:
    """The reference library forgets it at the next select-lane frame, and then sends no ack (spec 2, 2.6.1)."""
    sections = [encode_select_lane(1) + reliable(streamed(b"r")), encode_select_lane(2) + unreliable(b"u")]
    reception = Reception()
    reception.take(sections[order] + sections[1 - order])
    assert reception.verdict == ACKNOWLEDGED_SOON


@pytest.mark.rule("2, 2.5.2 rule 1")
def test_while_lingering_reliable_bytes_are_acknowledged_and_dropped() -> None:
    reception = Reception()
    reception.receiver.mode = DISCARDING
    assert reception.take(reliable(streamed(b"r"))) == []
    assert reception.acknowledges()
    assert reception.verdict == ACKNOWLEDGED_SOON
    assert reception.take(unreliable(b"u")) == []
    assert not reception.acknowledges()
    reception.take(encode_ack(1, 0, []))
    assert len(reception.receiver.acks) == 1


def test_new_limits_apply_from_the_next_payload_on() -> None:
    reception = Reception()
    reception.receiver.configure(ConnectionOptions(recv_max_message_size=64))
    assert reception.take(unreliable(bytes(65))) == []
    assert reception.has_fault()


def test_the_outcome_of_one_payload_does_not_stick_to_the_next() -> None:
    reception = Reception()
    reception.take(b"\x60")
    assert reception.has_fault()
    assert texts(reception.take(to_end(encode_unreliable(32, 1, 0, True)) + b"fine")) == [b"fine"]
    assert not reception.has_fault()
    assert reception.is_recorded()
    assert reception.acknowledges()


# ---------------------------------------------------------------------- hostile peers


FRAMES = st.one_of(
    st.binary(max_size=30),
    st.builds(unreliable, st.binary(max_size=8), st.integers(0, 1 << 20), st.sampled_from((16, 32)), st.integers(0, 40),
              st.booleans()),
    st.builds(unreliable, st.binary(max_size=8), st.integers(0, 1 << 64).map(lambda number: number % (1 << 64)),
              st.just(RELATIVE), st.integers(0, 40), st.booleans()),
    st.builds(reliable, st.binary(max_size=40), st.integers(0, 300), st.sampled_from((24, 32, 48, RELATIVE))),
    st.builds(reliable, st.builds(streamed, st.binary(max_size=40), st.integers(1, 3)), st.integers(1, 100)),
    st.builds(encode_select_lane, st.integers(0, 255)),
    st.builds(encode_ack, st.integers(0, 1 << 16), st.integers(-1, 1 << 20), st.lists(st.tuples(st.integers(0, 99),
                                                                                            st.integers(0, 99)))),
)  # fmt: skip


@fast
@given(scripts(st.lists(FRAMES, max_size=6).map(b"".join), 20), st.booleans())
def test_nothing_a_peer_sends_raises_or_breaks_the_books(payloads: list[bytes], reads: bool) -> None:
    options = ConnectionOptions(recv_buffer_size_bytes=4096, recv_buffer_messages=8, recv_max_message_size=64)
    reception = Reception(options)
    for payload in payloads:
        reception.process(payload)
        assert reception.peer.queued_messages == len(reception.inbox) <= 8
        assert reception.peer.queued_bytes <= 4096
        if reads:
            assert all(message.length <= 64 for message in reception.inbox.take(3))
        lanes = reception.receiver.lanes()
        assert reception.receiver._held_bytes == held(reception)
        assert all(lane.stream.end() - lane.stream.base <= 4096 for lane in lanes)
    reception.inbox.take(100)
    assert reception.peer.queued_bytes == reception.peer.queued_messages == 0
