"""Whose a queue is shows in what happens to it, and to what arrives, when less is sent."""

from collections.abc import Sequence

import pytest

from gamesockets.send.queue_delay import QueueDelay
from gamesockets.send.standing_queue import OTHERS, OURS, PATHS, StandingQueue

MS = 1000
BANDWIDTH = 1_000_000
THRESHOLD_US = 6 * MS


def judged(
    queues_ms: Sequence[float], arriving: Sequence[float], *, every_ms: int = 100, is_expected: bool = False
) -> list[int]:
    """What is said after each round: how long the queue was in it, and what part of the bandwidth arrived."""
    stood = StandingQueue()
    said: list[int] = []
    for number, (queue_ms, part) in enumerate(zip(queues_ms, arriving, strict=True)):
        now = number * every_ms * MS
        queue_us = int(queue_ms * MS)
        if queue_us:
            stood.add(queue_us, BANDWIDTH if not said else int(BANDWIDTH * part), now)
            said.append(stood.whose(queue_us, THRESHOLD_US, int(BANDWIDTH * part), is_expected, now))
        else:
            stood.skip()
            said.append(OURS)
    return said


@pytest.mark.rule("2, 2.16 rule 23")
def test_a_queue_that_shrinks_is_ours() -> None:
    """All that arrives is ours until it is drained, and it takes as long as it takes."""
    assert set(judged([100 - 4 * number for number in range(24)], [1.0] * 24)) == {OURS}
    assert set(judged([500, 400, 300, 200, 100, 30], [0.1] * 6)) == {OURS}, "the path became slower"


@pytest.mark.rule("2, 2.16 rule 23")
def test_a_queue_that_stays_although_little_is_sent_is_others() -> None:
    queues_ms = [50 + 10 * abs(number % 8 - 4) for number in range(40)]
    said = judged(queues_ms, [max(1.0 - number / 10, 0.2) for number in range(40)])
    assert OTHERS not in said[:30], "flows that begin one after another take as much for a moment"
    assert OTHERS in said[30:35]


@pytest.mark.rule("2, 2.16 rule 23")
def test_a_queue_that_does_not_move_is_none() -> None:
    said = judged([50, 51, 50, 50.5, 50], [1.0, 0.8, 0.6, 0.5, 0.4])
    assert said == [OURS] * 3 + [PATHS] * 2
    assert judged([50] * 4, [1.0, 0.8, 0.6, 0.5], is_expected=True)[-1] == OTHERS


def test_a_queue_that_stays_for_long_is_others_whatever_arrives() -> None:
    said = judged([50] * 40, [0.9] * 40)
    assert said.index(OTHERS) == 30
    falling = judged([100 - 60 * min(number, 10) / 10 for number in range(50)], [0.9] * 50)
    assert falling.index(OTHERS) == 40, "a crowd drains its queue slowly"
    assert OTHERS not in judged([50] * 5, [0.9] * 5, every_ms=1000), "few rounds say little"


def test_where_others_are_expected_three_rounds_are_enough() -> None:
    assert judged([50] * 4, [0.9] * 4, is_expected=True) == [OURS, OURS, OTHERS, OTHERS]


def test_a_round_without_a_queue_undoes_two_with_one() -> None:
    swinging = judged([50, 50, 50, 0] * 16, [0.9] * 64)
    assert OTHERS in swinging, "the queues of others swing"
    assert set(judged([50, 50, 0] * 16, [0.9] * 48)) == {OURS}


def test_what_was_forgotten_counts_no_more() -> None:
    stood = StandingQueue()
    for number in range(20):
        stood.add(50 * MS, BANDWIDTH, number * 100 * MS)
    assert stood.rate_before == BANDWIDTH
    stood.forget()
    stood.add(20 * MS, BANDWIDTH // 2, 9_000 * MS)
    assert (stood.worst_us, stood.rate_before) == (20 * MS, BANDWIDTH // 2)
    assert stood.whose(20 * MS, THRESHOLD_US, BANDWIDTH // 2, False, 9_000 * MS) == OURS


def test_a_crowd_keeps_a_queue_of_little_more_than_the_threshold() -> None:
    """Nobody there takes anything from anybody."""
    short_ms = 1.5 * THRESHOLD_US / MS
    assert set(judged([short_ms] * 40, [0.9] * 40)) == {OURS}
    robbed = judged([short_ms * (0.8 + 0.3 * (number % 2)) for number in range(40)], [1.0, *[0.5] * 39])
    assert robbed.index(OTHERS) == 30, "unless little arrives for long"


def robbed(queues_ms: Sequence[float], parts: Sequence[float], *, every_ms: int = 100) -> list[bool]:
    """What is said after each round: how long the queue was in it, and what part of the bandwidth usually arrives."""
    stood = StandingQueue()
    queue = QueueDelay(40 * MS, 0)
    queue.add(40 * MS, 0)
    said: list[bool] = []
    for number, (queue_ms, part) in enumerate(zip(queues_ms, parts, strict=True)):
        now = (number + 1) * every_ms * MS
        for _ in range(2):
            queue.add(int((40 + queue_ms) * MS), now)
        queue.end_round(MS)
        stood.end_round(queue, int(BANDWIDTH * part), now)
        said.append(stood.is_robbed(int(BANDWIDTH * part), now))
    return said


@pytest.mark.rule("2, 2.16 rule 23")
def test_who_gets_less_and_less_beside_a_queue_that_is_never_empty_is_robbed() -> None:
    less = [1 - number / 100 for number in range(50)]
    said = robbed([4.5] * 50, less)
    assert said.index(True) == 30, "after three seconds"
    assert all(said[30:])
    assert not any(robbed([4.5] * 19 + [0.5] + [4.5] * 29, less[:49])), "it was emptied"
    assert not any(robbed([4.5] * 50, [0.9] * 50)), "nothing is taken away"


def test_what_arrived_long_ago_is_no_measure() -> None:
    said = robbed([4.5] * 130, [1.0] + [0.5] * 129)
    assert said[40]
    assert not any(said[110:])


def test_whether_a_queue_stays_is_asked_of_one_that_has_stood() -> None:
    """In its first round it may be the probe of another flow, which goes by itself."""
    stood = StandingQueue()
    seen = []
    for number in range(6):
        stood.add(50 * MS, BANDWIDTH, number * 50 * MS)
        seen.append(stood.has_stayed(50 * MS, number * 50 * MS))
    assert seen == [False] * 4 + [True] * 2, "short rounds say little"
    assert not stood.has_stayed(34 * MS, 300 * MS), "it goes"
    stood.forget()
    stood.add(50 * MS, BANDWIDTH, 1_000 * MS)
    stood.add(50 * MS, BANDWIDTH, 2_000 * MS)
    assert not stood.has_stayed(50 * MS, 2_000 * MS), "few rounds say little"
