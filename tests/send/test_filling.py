"""What is in a packet: full, in order, by priority, and never more than the peer can hold (spec 2, 2.7 and 2.16)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.line import FULL, NAGLE_US, NO_NAGLE, PING_US, RELIABLE, SIZES, UNRELIABLE, Line, pieces_in
from tests.support.snp import chances, fast, slow

from gamesockets.send.filling import UNSPLIT_MARGIN_BYTES
from gamesockets.send.peer_window import PEER_BUFFER_BYTES, PEER_HOLES_MAX
from gamesockets.send.sender import MAX_UNRELIABLE_BYTES
from gamesockets.wire.frames import encode_stop_waiting


@pytest.mark.rule("2, 2.16 rule 12", "2, 2.16 rule 15")
def test_adjacent_reliable_messages_share_a_segment() -> None:
    """That saves two bytes and a frame for each of them (spec 2, 2.16)."""
    line = Line()
    for number in range(30):
        line.send(bytes((number,)) * 20)
    line.now = NAGLE_US
    (piece,) = pieces_in(line, line.packet())
    assert len(piece.data) == 30 * 21
    line.finish()


@pytest.mark.rule("2, 2.16 rule 15")
def test_bulk_data_fills_every_packet_to_the_last_byte() -> None:
    line = Line()
    line.send(bytes(100_000))
    numbers = line.all_wanted()
    assert {len(line.payloads[number]) for number in numbers[:-1]} == {FULL}
    assert len(numbers) == -(-100_004 // (FULL - 7))


def test_the_order_within_a_lane_is_kept_whatever_the_kinds() -> None:
    line = Line()
    kinds = [RELIABLE, UNRELIABLE, UNRELIABLE, RELIABLE, RELIABLE, UNRELIABLE]
    for number, flags in enumerate(kinds):
        line.send(bytes((number,)), flags)
    line.now = NAGLE_US
    line.arrive(line.packet())
    assert [data[0] for _, _, data, _ in line.delivered] == list(range(6))


@pytest.mark.rule("2, 2.7.2 rule 2")
@fast
@given(st.lists(st.tuples(st.integers(0, FULL - UNSPLIT_MARGIN_BYTES), st.booleans()), max_size=40), st.booleans())
def test_an_unreliable_message_that_fits_a_packet_is_never_split(
    messages: list[tuple[int, bool]], several: bool
) -> None:
    """A message in two packets is lost twice as often."""
    line = Line()
    if several:
        line.sender.lanes.configure([0, 0], [1, 2])
    for place, (size, is_reliable) in enumerate(messages):
        line.send(bytes(size), RELIABLE if is_reliable else UNRELIABLE, place % 2 if several else 0)
    line.sender.flush()
    for number in line.all_wanted():
        line.arrive(number)
        for piece in pieces_in(line, number):
            assert piece.is_reliable or (piece.offset, piece.is_last) == (0, True)
    assert sorted(line.delivered) == sorted(line.sent)


@pytest.mark.rule("2, 2.7.2 rule 2")
@pytest.mark.parametrize("size", [1228, 1300, 5000, MAX_UNRELIABLE_BYTES])
@pytest.mark.parametrize("before", [0, 500, 1215])
def test_larger_unreliable_messages_are_cut_into_full_packets(size: int, before: int) -> None:
    line = Line()
    if before:
        line.send(bytes(before), UNRELIABLE)
    data = random.Random(size).randbytes(size)
    line.send(data, UNRELIABLE)
    line.sender.flush()
    numbers = line.all_wanted()
    pieces = [piece for number in numbers for piece in pieces_in(line, number) if piece.place == 1 + (before > 0)]
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(len(piece.data) >= 16 for piece in pieces[:-1])
    assert b"".join(piece.data for piece in pieces) == data
    assert [piece.offset for piece in pieces] == [
        sum(len(piece.data) for piece in pieces[:place]) for place in range(len(pieces))
    ]
    line.arrive(*numbers)
    assert line.delivered[-1][2] == data


@pytest.mark.rule("2, 2.9.4 rule 2")
@fast
@given(st.lists(st.tuples(SIZES, st.booleans(), st.integers(0, 2)), max_size=25), st.integers(0, 90))
def test_every_packet_wanted_carries_something_and_fits_beside_reports(
    messages: list[tuple[int, bool, int]], reports: int
) -> None:
    line = Line()
    line.sender.lanes.configure([1, 0, 1], [1, 1, 7])
    for size, is_reliable, lane in messages:
        line.send(bytes(size), RELIABLE if is_reliable else UNRELIABLE, lane)
    line.sender.flush()
    prefix = encode_stop_waiting(7) * (reports // 2)
    while line.wants():
        payload = line.sender.filling.fill(prefix, FULL, 0)
        assert len(prefix) < len(payload) <= FULL
        assert not line.sender.filling.added_nothing
        line.sender.path.on_sent(len(payload), line.sender.filling.segments, False, 0)
    assert line.sender.lanes.queued_bytes == 0


def test_lanes_go_by_priority_and_a_late_urgent_message_overtakes() -> None:
    line = Line()
    line.sender.lanes.configure([1, 0], [1, 1])
    line.send(bytes(10_000), RELIABLE | NO_NAGLE, 0)
    line.packet()
    line.send(b"urgent", RELIABLE | NO_NAGLE, 1)
    number = line.packet()
    assert [piece.data for piece in pieces_in(line, number) if piece.lane == 1] == [b"\x06urgent"]
    line.finish()


@slow
@given(chances)
def test_lanes_share_the_packets_by_weight(chance: random.Random) -> None:
    line = Line()
    weights = [chance.randint(1, 9) for _ in range(3)]
    line.sender.lanes.configure([0, 0, 0], weights)
    for lane in range(3):
        for _ in range(100):
            line.send(bytes(chance.randint(1, 2000)), RELIABLE, lane)
    for _ in range(40):
        line.packet()
    total = sum(line.edge.values())
    for lane, weight in enumerate(weights):
        share = total * weight / sum(weights)
        assert abs(line.edge.get(lane, 1) - share) < 0.05 * share + 3 * FULL


def test_lanes_share_even_within_a_packet() -> None:
    """Adjacent messages of a lane are merged only as long as it is this lane's turn."""
    line = Line()
    line.sender.lanes.configure([0, 0], [1, 1])
    for lane in (0, 1):
        for _ in range(100):
            line.send(bytes(20), RELIABLE, lane)
    pieces = pieces_in(line, line.packet())
    shares = [sum(len(piece.data) for piece in pieces if piece.lane == lane) for lane in (0, 1)]
    assert abs(shares[0] - shares[1]) <= 2 * 21
    line.finish()


@pytest.mark.rule("2, 2.8.4 rule 5", "2, 2.16 rule 3", "2, 2.16 rule 16")
def test_no_more_is_in_flight_than_the_peer_can_hold() -> None:
    """1 MiB a lane, from the start of the oldest message that is not completely acknowledged (spec 2, 2.16 rule 3)."""
    line = Line()
    for _ in range(6):
        line.send(bytes(400_000))
    numbers = line.all_wanted()
    assert PEER_BUFFER_BYTES - 16 < line.edge[0] - 1 <= PEER_BUFFER_BYTES
    end_of_first = 400_004
    inner = [number for number in numbers if pieces_in(line, number)[0].place < end_of_first][:-1]
    line.arrive(*inner)
    line.ack()
    line.all_wanted()
    assert line.edge[0] - 1 <= PEER_BUFFER_BYTES, "the first message still occupies all its room"
    line.arrive(*(number for number in numbers if number not in inner))
    line.ack()
    line.all_wanted()
    begin_of_third = 2 * 400_004 + 1
    assert 0 <= begin_of_third + PEER_BUFFER_BYTES - line.edge[0] < 16
    assert line.reception.receiver.queue_full == 0


@pytest.mark.rule("2, 2.16 rule 3")
@pytest.mark.parametrize("size", [64, 9_000, 524_288])
def test_a_receiver_with_default_settings_never_refuses_what_waits_behind_a_hole(size: int) -> None:
    """The first packet is lost again and again; the peer has to hold everything behind it."""
    line = Line()
    for _ in range(2_500_000 // size):
        line.send(bytes(size))
    line.arrive(*line.all_wanted()[1:])
    assert line.edge[0] - 1 > PEER_BUFFER_BYTES - 16
    for _ in range(5):
        line.now += 100_000
        line.ack()
        line.arrive(*line.all_wanted()[1:])
        line.sender.loss.handle_timer(line.now)
    assert line.reception.receiver.queue_full == 0
    assert line.edge[0] - 1 <= PEER_BUFFER_BYTES
    line.finish()


def test_a_full_lane_does_not_hold_up_the_others() -> None:
    line = Line()
    line.sender.lanes.configure([0, 1], [1, 1])
    for _ in range(4):
        line.send(bytes(400_000), RELIABLE, 0)
    line.all_wanted()
    assert line.edge[0] - 1 <= PEER_BUFFER_BYTES
    line.send(b"other", RELIABLE | NO_NAGLE, 1)
    assert line.wants()
    assert [piece.data for piece in pieces_in(line, line.packet())] == [b"\x05other"]


def test_a_full_peer_draws_no_storm_of_empty_packets() -> None:
    """Acks that free nothing at the front of the stream let nothing new leave."""
    line = Line()
    for _ in range(4):
        line.send(bytes(400_000))
    numbers = line.all_wanted()
    line.arrive(*numbers[1:50])
    line.ack()
    assert [pieces_in(line, number)[0].place for number in line.all_wanted()] == [1]
    for number in numbers[50:60]:
        line.arrive(number)
        line.ack()
        assert line.all_wanted() == []


@pytest.mark.rule("2, 2.16 rule 16")
def test_new_data_waits_while_the_peer_has_too_many_holes() -> None:
    """A receiver refuses more than 20 to 30; then everything would have to be sent again (spec 2, 2.5.2)."""
    line = Line()
    line.send(bytes(200_000))
    numbers = [line.packet() for _ in range(2 * (PEER_HOLES_MAX + 4))]
    line.arrive(*numbers[1::2])
    line.ack()
    edge = line.edge[0]
    line.all_wanted()
    assert line.edge[0] == edge
    assert line.reception.receiver.queue_full == 0
    line.finish()


@pytest.mark.rule("2, 2.16 rule 7", "2, 2.16 rule 18")
@pytest.mark.parametrize("lost", [3_999, 4_001, 10_001, 40_000])
@pytest.mark.parametrize("lane", [0, 9])
def test_any_number_of_lost_unreliable_messages_may_precede_a_reliable_one(lost: int, lane: int) -> None:
    """A receiver refuses numbers far above those it has seen, so they are mentioned first (spec 2, 2.16 rule 7)."""
    line = Line()
    if lane:
        line.sender.lanes.configure([0] * 10, [1] * 10)
    for _ in range(lost):
        line.sender.send(b"", UNRELIABLE, lane, 0)
    line.all_wanted()
    line.send(bytes(FULL), RELIABLE, lane)
    line.send(b"sure", RELIABLE, lane)
    lost_first, *others = line.all_wanted()
    line.arrive(*others)
    line.now = line.sender.retransmission.expires_at()
    line.sender.loss.handle_timer(line.now)
    assert lost_first not in line.received
    line.finish()
    assert [number for _, number, _, is_reliable in line.delivered if is_reliable] == [lost + 1, lost + 2]


def test_the_end_of_a_large_message_stands_alone() -> None:
    """A receiver with little room can always take it, but not what follows."""
    line = Line()
    line.send(bytes(2 * FULL))
    line.send(b"next")
    pieces = [piece for number in line.all_wanted() for piece in pieces_in(line, number)]
    assert 1 + 2 + 2 * FULL in {piece.place + len(piece.data) for piece in pieces}
    line.finish()


# ---------------------------------------------------------------------- urgent lanes, while the rate follows the path

BULK = 1
URGENT = 0


def adaptive() -> Line:
    """Bulk of lane 1 on its way, its rate following the path; lane 0 is more urgent."""
    line = Line()
    line.sender.lanes.configure([0, 1], [1, 1])
    line.sender.path.begin_bulk(0)
    line.send(bytes(200_000), RELIABLE, BULK)
    return line


def lanes_in(line: Line, number: int) -> list[int]:
    return [piece.lane for piece in pieces_in(line, number)]


def with_a_loss() -> Line:
    """The same, and the first packet of the bulk is to be repeated."""
    line = adaptive()
    first = line.packet()
    line.arrive(*[line.packet() for _ in range(10)])
    line.now = PING_US
    line.ack()
    line.now = 5 * PING_US  # so late it can no longer be
    line.sender.loss.handle_timer(line.now)
    assert line.sender.retries.lost_bytes > 0
    assert first not in line.received
    return line


def test_new_urgent_data_goes_before_repeats_of_bulk() -> None:
    line = with_a_loss()
    line.send(bytes(FULL // 2), RELIABLE | NO_NAGLE, URGENT)
    number = line.packet()
    assert lanes_in(line, number)[0] == URGENT
    assert line.sender.retries.lost_bytes > 0, "the repeat, which needs a whole packet, comes after it"
    repeat = pieces_in(line, line.packet())[0]
    assert (repeat.lane, repeat.place) == (BULK, 1)
    line.finish()


def test_new_data_of_the_same_urgency_waits_for_repeats() -> None:
    line = with_a_loss()
    line.sender.lanes.configure([1, 1], [1, 1])
    line.send(b"equal", RELIABLE | NO_NAGLE, URGENT)
    repeat = pieces_in(line, line.packet())[0]
    assert (repeat.lane, repeat.place) == (BULK, 1)


def test_of_a_full_window_only_urgent_data_may_leave() -> None:
    line = adaptive()
    control = line.sender.path.control
    control.window_bytes = 10 * FULL
    while control.in_flight_bytes < control.window_bytes:
        line.packet()
    assert line.sender.filling.fill(b"", FULL, 0) == b""
    assert line.sender.filling.added_nothing
    line.send(b"urgent", RELIABLE | NO_NAGLE, URGENT)
    number = line.packet()
    assert lanes_in(line, number) == [URGENT], "the rest of the packet stays empty"


def test_without_a_more_urgent_lane_a_full_window_lets_nothing_leave() -> None:
    line = adaptive()
    line.sender.lanes.configure([1, 1], [1, 1])
    control = line.sender.path.control
    control.window_bytes = 2 * FULL
    while control.in_flight_bytes < control.window_bytes:
        line.packet()
    line.send(b"equal", RELIABLE | NO_NAGLE, URGENT)
    assert line.sender.filling.fill(b"", FULL, 0) == b""
