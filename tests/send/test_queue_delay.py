"""A round trip above the shortest one is a queue, once it lasts for a round and is more than jitter."""

import pytest

from gamesockets.send.queue_delay import (
    ACCEPTED_JITTERS,
    ACCEPTED_WORST_JITTERS,
    MINIMUM_KEPT_US,
    START_UP_JITTERS,
    THRESHOLD_MIN_US,
    QueueDelay,
)

MS = 1000
PACKET_US = 10 * MS
"""What a packet takes on a slow line."""


def test_the_queue_of_a_round_is_its_shortest_round_trip_above_the_shortest_of_all() -> None:
    queue = QueueDelay(0, 0)
    for round_trip_us in (50 * MS, 52 * MS):
        queue.add(round_trip_us, 0)
    queue.end_round(PACKET_US)
    assert (queue.minimum_us, queue.standing_us) == (50 * MS, 0)
    for round_trip_us in (75 * MS, 60 * MS, 90 * MS):
        queue.add(round_trip_us, 0)
    queue.end_round(PACKET_US)
    assert queue.standing_us == 10 * MS
    queue.add(99 * MS, 0)
    queue.end_round(PACKET_US)
    assert queue.standing_us == 0, "one sample says nothing"


def test_the_latest_samples_tell_in_the_middle_of_a_round() -> None:
    queue = QueueDelay(0, 0)
    for number in range(8):
        queue.add(50 * MS, number * 2 * MS)
    for number in range(8, 11):
        queue.add(90 * MS, number * 2 * MS)
    assert queue.now_us() == 0
    queue.add(80 * MS, 22 * MS)
    assert (queue.now_us(), queue.lately_us()) == (30 * MS, 0)


def test_samples_of_one_moment_are_one_of_the_latest() -> None:
    """Packets that leave together are late together."""
    queue = QueueDelay(0, 0)
    for number in range(8):
        queue.add(50 * MS, number * 2 * MS)
    for number in range(20):
        queue.add((90 - number) * MS, 16 * MS + number * MS // 20)
    assert (queue.now_us(), queue.lately_us()) == (0, 0)
    for number in range(3):
        queue.add(80 * MS, (18 + 2 * number) * MS)
    assert queue.now_us() == 21 * MS, "the shortest of those of one moment"
    assert queue.jitter_us < 10 * MS, "nor do they differ by jitter"


@pytest.mark.rule("2, 2.16 rule 22")
def test_the_threshold_grows_with_the_round_trip_and_with_jitter() -> None:
    near, far = QueueDelay(0, 0), QueueDelay(0, 0)
    for _ in range(40):
        near.add(10 * MS, 0)
        far.add(200 * MS, 0)
    assert near.threshold_us() == THRESHOLD_MIN_US
    assert far.threshold_us() == 25 * MS
    for number in range(100):
        near.add((10 + 8 * (number % 2)) * MS, (1 + number) * 2 * MS)
    assert near.jitter_us > 6 * MS
    assert near.threshold_us() == 3 * near.jitter_us


def test_the_steps_of_a_slow_line_are_no_jitter_to_a_flow_that_begins() -> None:
    """Each packet of its first ones waits behind the others: every round trip is longer by 30 ms."""
    queue = QueueDelay(0, 0)
    for number in range(10):
        queue.add((40 + 30 * number) * MS, 15 * MS * number)
    assert queue.threshold_us() == 90 * MS
    assert queue.threshold_of_start_up_us(True) == 20 * MS < queue.lately_us()
    far = QueueDelay(0, 0)
    for number in range(10):
        far.add((200 + 60 * number) * MS, 15 * MS * number)
    assert far.threshold_of_start_up_us(True) == 100 * MS, "half of the round trip"
    calm = QueueDelay(0, 0)
    for _ in range(10):
        calm.add(200 * MS, 0)
    assert calm.threshold_of_start_up_us(True) == calm.threshold_us() == 25 * MS


def test_a_flow_that_begins_on_a_fast_line_takes_more_for_jitter() -> None:
    queue = QueueDelay(0, 0)
    for number in range(100):
        queue.add((50 + 4 * (number % 2)) * MS, number * 2 * MS)
    assert queue.threshold_of_start_up_us(False) == queue.threshold_us()
    queue.end_round(MS // 20)
    assert queue.threshold_of_start_up_us(False) == START_UP_JITTERS * queue.jitter_us > queue.threshold_us()


def test_a_shortest_round_trip_is_old_when_none_came_near_it_for_long() -> None:
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    queue.add(50_900, 5_000 * MS)
    assert not queue.is_minimum_old(5_000 * MS + MINIMUM_KEPT_US)
    queue.add(60 * MS, 6_000 * MS)
    assert queue.is_minimum_old(5_000 * MS + MINIMUM_KEPT_US + 1)


def begun_in_a_queue(before_us: int, packet_us: int, now: int = 0, jitter_us: int = 0) -> QueueDelay:
    """50 ms were measured before, or so many, and the first full packets take 70 ms."""
    queue = QueueDelay(70 * MS, now)
    queue.remember(before_us, 0, now)
    for number in range(8):
        queue.add(70 * MS + jitter_us * (number % 2), now + 2 * MS * number)
    queue.end_round(packet_us)
    return queue


def test_who_begins_in_a_queue_of_others_remembers_what_was_shorter_before() -> None:
    queue = begun_in_a_queue(50 * MS, MS, 3_000 * MS)
    assert (queue.minimum_us, queue.standing_us) == (51 * MS, 19 * MS), "with the time of a full packet"
    assert not queue.is_minimum_old(MINIMUM_KEPT_US)
    assert queue.is_minimum_old(MINIMUM_KEPT_US + 1), "it is as old as it is"
    queue.take_minimum(70 * MS, 9_000 * MS)
    queue.end_round(MS)
    assert queue.minimum_us == 70 * MS, "it is judged once"


def test_what_a_full_packet_takes_longer_on_a_slow_line_is_no_queue() -> None:
    assert begun_in_a_queue(50 * MS, 10 * MS).minimum_us == 70 * MS
    assert begun_in_a_queue(62 * MS, MS).minimum_us == 70 * MS, "nor is less than a standing one"
    assert begun_in_a_queue(50 * MS, 9 * MS).minimum_us == 59 * MS
    unknown = begun_in_a_queue(50 * MS, 1_250_000 * MS)
    assert unknown.minimum_us == 70 * MS
    unknown.end_round(MS)
    assert unknown.minimum_us == 51 * MS, "it waits until that time is known"


def test_where_jitter_delays_all_by_its_worst_a_longer_round_trip_is_no_queue() -> None:
    assert begun_in_a_queue(50 * MS, MS // 10, jitter_us=7 * MS).minimum_us == 70 * MS
    assert begun_in_a_queue(50 * MS, MS // 10, jitter_us=MS).minimum_us == 50_100


@pytest.mark.parametrize(("before_us", "now"), [(-1, 0), (50 * MS, MINIMUM_KEPT_US + 1), (80 * MS, 0)])
def test_what_is_unknown_old_or_longer_is_not_remembered(before_us: int, now: int) -> None:
    assert begun_in_a_queue(before_us, MS, now).minimum_us == 70 * MS


def test_it_is_measured_anew_with_an_empty_queue() -> None:
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    queue.measure_anew()
    for round_trip_us in (70 * MS, 65 * MS):
        queue.add(round_trip_us, 0)
    queue.take_new_minimum(9)
    assert (queue.minimum_us, queue.minimum_at) == (min(65 * MS, queue.smoothed_us), 9)


def test_what_jitter_explains_of_a_standing_queue_is_accepted_and_no_more() -> None:
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    for number in range(100):
        queue.add((70 + 4 * (number % 2)) * MS, (1 + number) * 2 * MS)
    queue.end_round(PACKET_US)
    queue.end_round(PACKET_US)
    for number in range(100, 120):
        queue.add((70 + 4 * (number % 2)) * MS, (1 + number) * 2 * MS)
    queue.end_round(PACKET_US)
    standing_us = queue.standing_us
    assert standing_us == 20 * MS
    queue.accept_jitter()
    explained_us = ACCEPTED_JITTERS * queue.jitter_us
    assert 10 * MS < explained_us < standing_us
    assert (queue.accepted_us, queue.standing_us) == (explained_us, standing_us - explained_us)
    queue.accept_jitter()
    assert queue.accepted_us == explained_us
    queue.accept()
    assert (queue.accepted_us, queue.standing_us) == (20 * MS, 0)
    for number in range(120, 320):
        queue.add(70 * MS, (1 + number) * 2 * MS)
    queue.end_round(PACKET_US)
    assert queue.jitter_us < 500
    assert queue.standing_us > 10 * MS, "what jitter explained is a queue once there is none"


def jittery(packet_us: int) -> QueueDelay:
    """Round trips swung by 8 ms for a while, and now they are all long: packets wait for the latest one."""
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    for number in range(100):
        queue.add((50 + 8 * (number % 2)) * MS, (1 + number) * 2 * MS)
    queue.end_round(packet_us)
    for number in range(100, 120):
        queue.add(72 * MS, (1 + number) * 2 * MS)
    queue.end_round(packet_us)
    assert queue.standing_us == 22 * MS > queue.threshold_us()
    return queue


def test_the_worst_jitter_of_late_explains_a_queue_where_packets_are_close_together() -> None:
    queue = jittery(MS // 20)
    assert queue.worst_jitter_us > 7 * MS > 3 * MS > queue.jitter_us
    assert queue.explained_us == ACCEPTED_WORST_JITTERS * queue.worst_jitter_us
    assert queue.is_jittery
    assert queue.may_be_jitter()
    assert not queue.is_short()
    assert queue.accept_jitter(), "it was a queue"
    assert (queue.accepted_us, queue.standing_us) == (22 * MS, 0)
    assert queue.is_short()
    assert not queue.accept_jitter()
    for number in range(600):
        queue.add(72 * MS, (400 + 20 * number) * MS)
        queue.add(72 * MS, (410 + 20 * number) * MS)
        queue.end_round(MS // 20)
    assert queue.standing_us > 10 * MS, "it is a queue once there has long been no jitter"
    assert not queue.may_be_jitter()


def test_the_steps_of_ones_own_packets_are_no_jitter_that_explains_more() -> None:
    queue = jittery(MS)
    assert queue.explained_us == ACCEPTED_JITTERS * queue.jitter_us
    assert not queue.is_jittery
    assert not queue.may_be_jitter()
    assert not queue.accept_jitter()
    assert queue.standing_us > queue.threshold_us()


def test_what_was_accepted_is_given_up_as_round_trips_become_shorter() -> None:
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    for _ in range(2):
        queue.add(70 * MS, 0)
    queue.end_round(PACKET_US)
    queue.add(70 * MS, 0)
    queue.add(70 * MS, 0)
    queue.end_round(PACKET_US)
    queue.accept()
    assert queue.accepted_us == 20 * MS
    for _ in range(60):
        queue.add(52 * MS, 0)
        queue.add(52 * MS, 0)
        queue.end_round(PACKET_US)
        assert queue.standing_us == 0
    assert queue.accepted_us <= 2 * MS + 16
