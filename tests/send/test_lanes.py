"""Which lane sends next: strict priority, and fair shares by weight within a priority (spec 2, 2.10)."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import chances, fast, scripts, slow

from gamesockets.send.lanes import Lanes, SendLane
from gamesockets.wire.stream import decode_message_header


def put(lanes: Lanes, lane: SendLane, data: bytes, is_reliable: bool) -> None:
    lanes.enqueue(lane, data, len(data), is_reliable)


def configured(priorities: list[int], weights: list[int] | None = None) -> Lanes:
    lanes = Lanes()
    lanes.configure(priorities, weights or [1] * len(priorities))
    return lanes


def serve(lanes: Lanes, packet_bytes: int = 1 << 30) -> tuple[int, int] | None:
    """Sends the rest of the chosen message, or what fits a packet; lane and bytes."""
    lane = lanes.choose()
    if lane is None:
        return None
    _, header, body = lane.queue[lane.head]
    remaining = len(header) + len(body) - lane.head_sent
    if remaining <= packet_bytes:
        lanes.sent_all(lane)
        return lane.index, remaining
    lanes.sent_part(lane, packet_bytes)
    return lane.index, packet_bytes


# ---------------------------------------------------------------------- queueing


@pytest.mark.rule("2, 2.7.1 rule 5")
@fast
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50)), max_size=30))
def test_both_kinds_share_the_numbers_and_headers_count_from_the_last_reliable_one(
    messages: list[tuple[bool, bytes]],
) -> None:
    """Spec 2, 2.7.1; the receiver of a stream must find the numbers by its increments alone."""
    lanes = Lanes()
    lane = lanes.lanes[0]
    last_reliable = 0
    waiting = 0
    for number, (is_reliable, data) in enumerate(messages, 1):
        queued_before = lanes.queued_bytes
        put(lanes, lane, data, is_reliable)
        assert lane.last_number == number
        queued_number, header, body = lane.queue[-1]
        assert (queued_number, body) == (number, data)
        assert lanes.queued_bytes - queued_before == len(header) + len(data)
        assert bool(header) == is_reliable
        if is_reliable:
            increment, length, end = decode_message_header(header, 0, len(header))
            assert (last_reliable + increment, length, end) == (number, len(data), len(header))
            last_reliable = number
        waiting += lanes.queued_bytes - queued_before
        assert lane.pending_reliable + lane.pending_unreliable == waiting


@pytest.mark.rule("2, 2.3 rule 3")
@pytest.mark.parametrize("size", [0, 31, 32, 2047, 2048, 4096, 524_288])
def test_headers_at_the_borders_of_size(size: int) -> None:
    """Prepared headers for small messages are the same as those made for large ones."""
    lanes = Lanes()
    lane = lanes.lanes[0]
    for increment in (1, 2):
        lane.last_number += increment - 1
        put(lanes, lane, bytes(size), True)
        header = lane.queue[-1][1]
        assert decode_message_header(header, 0, len(header)) == (increment, size, len(header))


# ---------------------------------------------------------------------- choice


def test_one_lane_is_first_in_first_out() -> None:
    lanes = Lanes()
    assert lanes.choose() is None
    for size in (5, 1, 9):
        put(lanes, lanes.lanes[0], bytes(size), False)
    assert [serve(lanes) for _ in range(4)] == [(0, 5), (0, 1), (0, 9), None]


@pytest.mark.rule("2, 2.10 rule 2")
@fast
@given(
    st.lists(st.integers(-3, 3), min_size=2, max_size=8),
    scripts(st.integers(0, 7)),
    chances,
)
def test_a_lower_priority_number_always_goes_first(
    priorities: list[int], traffic: list[int], chance: random.Random
) -> None:
    """A class is looked at only while all classes before it are empty."""
    lanes = configured(priorities)
    queued = [0] * len(priorities)
    for index in traffic:
        lane = lanes.lanes[index % len(priorities)]
        put(lanes, lane, bytes(chance.randint(0, 30)), chance.random() < 0.5)
        queued[lane.index] += 1
        if chance.random() < 0.4:
            best = min(priority for priority, count in zip(priorities, queued, strict=True) if count)
            served = serve(lanes)
            assert served is not None
            assert priorities[served[0]] == best
            queued[served[0]] -= 1
    assert sum(queued) == sum(len(lane.queue) - lane.head for lane in lanes.lanes)


@slow
@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), chances, st.booleans())
def test_busy_lanes_share_by_weight(weights: list[int], chance: random.Random, in_packets: bool) -> None:
    """Within a few percent, whatever the sizes of messages, and whether they leave whole or in parts."""
    lanes = configured([0] * len(weights), weights)
    served = [0] * len(weights)
    for lane in lanes.lanes:
        for _ in range(3):
            put(lanes, lane, bytes(chance.randint(1, 1000)), True)
    total = sum(weights) * 6_000
    while sum(served) < total:
        outcome = serve(lanes, 300 if in_packets else 1 << 30)
        assert outcome is not None
        index, size = outcome
        served[index] += size
        lane = lanes.lanes[index]
        if len(lane.queue) - lane.head < 3:
            put(lanes, lane, bytes(chance.randint(1, 1000)), True)
    for weight, size in zip(weights, served, strict=True):
        share = sum(served) * weight / sum(weights)
        assert abs(size - share) <= 0.03 * share + 2_100


class VirtualTime:
    """The scheme of spec 2, 2.10 for one class, word by word."""

    def __init__(self, weights: list[int]) -> None:
        self.cost = [65_536 * sum(weights) // weight for weight in weights]
        self.now = 0
        self.finishes: list[deque[int]] = [deque() for _ in weights]

    def enqueue(self, lane: int, size: int) -> None:
        before = self.finishes[lane][-1] if self.finishes[lane] else self.now
        self.finishes[lane].append(before + size * self.cost[lane])

    def choose(self) -> int | None:
        waiting = [(queue[0], lane) for lane, queue in enumerate(self.finishes) if queue]
        return min(waiting)[1] if waiting else None


@pytest.mark.rule("2, 2.7.1 rule 7", "2, 2.10 rule 2")
@fast
@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=4),
    scripts(st.one_of(st.tuples(st.integers(0, 3), st.integers(1, 40)), st.none())),
)
def test_every_single_choice_is_that_of_the_specification(
    weights: list[int], script: list[tuple[int, int] | None]
) -> None:
    """Smallest virtual finish time, lowest index on a tie; time passes with every part that leaves."""
    lanes = configured([0] * len(weights), weights)
    model = VirtualTime(weights)
    for step in script:
        if step is not None:
            index = step[0] % len(weights)
            put(lanes, lanes.lanes[index], bytes(step[1]), False)
            model.enqueue(index, step[1])
            continue
        expected = model.choose()
        outcome = serve(lanes, 15)
        assert (None if outcome is None else outcome[0]) == expected
        if outcome is not None and expected is not None:
            lane = lanes.lanes[expected]
            if len(lane.queue) - lane.head == len(model.finishes[expected]):
                model.now += outcome[1] * model.cost[expected]
            else:
                model.now = model.finishes[expected].popleft()


@pytest.mark.rule("2, 2.10 rule 2")
def test_of_equal_lanes_the_first_goes_first() -> None:
    lanes = configured([0, 0, 0])
    for index in (2, 1, 0):
        put(lanes, lanes.lanes[index], b"x", False)
    assert [serve(lanes) for _ in range(3)] == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.rule("2, 2.10 rule 3")
def test_an_idle_lane_earns_no_credit() -> None:
    """After a long silence it gets its share, not what it missed."""
    lanes = configured([0, 0])
    first, second = lanes.lanes
    for _ in range(200):
        put(lanes, first, bytes(100), False)
    for _ in range(100):
        serve(lanes)
    for _ in range(100):
        put(lanes, second, bytes(100), False)
    order = [outcome[0] for outcome in (serve(lanes) for _ in range(40)) if outcome is not None]
    assert abs(order.count(0) - 20) <= 1


def test_a_blocked_lane_is_passed_over() -> None:
    lanes = configured([0, 1])
    for lane in lanes.lanes:
        put(lanes, lane, b"x", True)
    lanes.lanes[0].blocked = True
    assert lanes.choose() is lanes.lanes[1]
    lanes.lanes[1].blocked = True
    assert lanes.choose() is None
    single = Lanes()
    put(single, single.lanes[0], b"x", True)
    single.lanes[0].blocked = True
    assert single.choose() is None


# ---------------------------------------------------------------------- reconfiguration


@pytest.mark.rule("2, 2.10 rule 3", "2, 2.10 rule 6", "2, 2.10 rule 7")
def test_new_priorities_apply_to_what_is_queued_already() -> None:
    """Also the lane that comes first now; the reference library keeps its old class there (spec 2, 2.10, defect b)."""
    lanes = configured([0, 1])
    for lane in lanes.lanes:
        put(lanes, lane, b"xx", False)
        put(lanes, lane, b"xx", False)
    lanes.configure([1, 0], [1, 1])
    assert [serve(lanes) for _ in range(4)] == [(1, 2), (1, 2), (0, 2), (0, 2)]


def test_lanes_added_later_keep_what_the_first_one_has_queued() -> None:
    lanes = Lanes()
    first = lanes.lanes[0]
    put(lanes, first, bytes(100), False)
    put(lanes, first, bytes(50), True)
    lanes.sent_part(first, 60)
    lanes.configure([0, 0, 5], [1, 1, 1])
    assert lanes.lanes[0] is first
    assert len(lanes.lanes) == 3
    assert list(first.finishes) == [40 * 131_072, (40 + 53) * 131_072], "only remaining bytes count"
    put(lanes, lanes.lanes[1], bytes(39), False)
    put(lanes, lanes.lanes[2], b"x", False)
    assert [serve(lanes) for _ in range(4)] == [(1, 39), (0, 40), (0, 53), (2, 1)]


@pytest.mark.rule("2, 2.10 rule 3")
@fast
@given(
    st.lists(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 9)), min_size=1, max_size=6), max_size=4),
    st.lists(st.integers(0, 5), max_size=30),
)
def test_reconfiguring_loses_nothing(settings: list[list[tuple[int, int]]], traffic: list[int]) -> None:
    lanes = Lanes()
    queued = 0
    for setting in sorted(settings, key=len):
        lanes.configure([priority for priority, _ in setting], [weight for _, weight in setting])
        for index in traffic:
            put(lanes, lanes.lanes[index % len(lanes.lanes)], bytes(index), False)
            queued += 1
        if serve(lanes) is not None:
            queued -= 1
    served = 0
    while serve(lanes) is not None:
        served += 1
    assert served == queued


# ---------------------------------------------------------------------- queue times


def queued(lane: SendLane) -> int:
    return lane.pending_reliable + lane.pending_unreliable


@pytest.mark.rule("2, 2.11")
def test_queue_times_follow_priorities_and_weights() -> None:
    """What a message sent now would wait (spec 2, 2.11); lanes of a class drain side by side."""
    lanes = configured([0, 1, 1], [1, 1, 3])
    put(lanes, lanes.lanes[0], bytes(1000), False)
    put(lanes, lanes.lanes[1], bytes(1000), False)
    put(lanes, lanes.lanes[2], bytes(3000), False)
    assert [queued(lane) for lane in lanes.lanes] == [1000, 1000, 3000]
    assert lanes.queue_times_us(0, 1_000_000) == [1000, 5000, 5000]
    assert lanes.queue_times_us(700, 1_000_000) == [1700, 5700, 5700]


def test_the_lighter_loaded_lane_of_a_class_is_done_first() -> None:
    lanes = configured([0, 0])
    put(lanes, lanes.lanes[0], bytes(1000), False)
    put(lanes, lanes.lanes[1], bytes(5000), False)
    assert lanes.queue_times_us(0, 1_000_000) == [2000, 6000]
    assert configured([0, 0]).queue_times_us(0, 1000) == [0, 0]
