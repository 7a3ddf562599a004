"""A round trip above the shortest one is a queue, once it lasts for a round and is more than jitter."""

import pytest

from gamesockets.send.queue_delay import MINIMUM_KEPT_US, THRESHOLD_MIN_US, QueueDelay

MS = 1000


def test_the_queue_of_a_round_is_its_shortest_round_trip_above_the_shortest_of_all() -> None:
    queue = QueueDelay(0, 0)
    for round_trip_us in (50 * MS, 52 * MS):
        queue.add(round_trip_us, 0)
    queue.end_round()
    assert (queue.minimum_us, queue.standing_us) == (50 * MS, 0)
    for round_trip_us in (75 * MS, 60 * MS, 90 * MS):
        queue.add(round_trip_us, 0)
    queue.end_round()
    assert queue.standing_us == 10 * MS
    queue.add(99 * MS, 0)
    queue.end_round()
    assert queue.standing_us == 0, "one sample says nothing"


def test_the_latest_samples_tell_in_the_middle_of_a_round() -> None:
    queue = QueueDelay(0, 0)
    for _ in range(8):
        queue.add(50 * MS, 0)
    for _ in range(3):
        queue.add(90 * MS, 0)
    assert queue.now_us() == 0
    queue.add(80 * MS, 0)
    assert (queue.now_us(), queue.lately_us()) == (30 * MS, 0)


@pytest.mark.rule("2, 2.16 rule 22")
def test_the_threshold_grows_with_the_round_trip_and_with_jitter() -> None:
    near, far = QueueDelay(0, 0), QueueDelay(0, 0)
    for _ in range(40):
        near.add(10 * MS, 0)
        far.add(200 * MS, 0)
    assert near.threshold_us() == THRESHOLD_MIN_US
    assert far.threshold_us() == 25 * MS
    for number in range(100):
        near.add((10 + 8 * (number % 2)) * MS, 0)
    assert near.jitter_us > 6 * MS
    assert near.threshold_us() == 3 * near.jitter_us


def test_a_shortest_round_trip_is_old_when_none_came_near_it_for_long() -> None:
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    queue.add(50_900, 5_000 * MS)
    assert not queue.is_minimum_old(5_000 * MS + MINIMUM_KEPT_US)
    queue.add(60 * MS, 6_000 * MS)
    assert queue.is_minimum_old(5_000 * MS + MINIMUM_KEPT_US + 1)


def test_it_is_measured_anew_with_an_empty_queue() -> None:
    queue = QueueDelay(0, 0)
    queue.add(50 * MS, 0)
    queue.measure_anew()
    for round_trip_us in (70 * MS, 65 * MS):
        queue.add(round_trip_us, 0)
    queue.take_new_minimum(9)
    assert (queue.minimum_us, queue.minimum_at) == (min(65 * MS, queue.smoothed_us), 9)
