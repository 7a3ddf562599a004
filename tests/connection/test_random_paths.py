"""A dozen of the random paths: each is used, and no queue stands for long. The rest is for the command line."""

from dataclasses import replace

import pytest
from benchmarks.simulated.flow import SAMPLE_S
from tests.support.random_paths import RATE_MIN, Outcome, draw, longest_above, measure

ONCE_MISSED = {
    "the first packets fill the queue of a slow line": (67, 89, 91, 137, 164),
    "few packets in flight, and many of them lost": (43,),
    "a crowd takes itself for others that fill the queue": (13, 29, 100, 209, 240, 349, 407),
    "a queue that grows in steps is taken for jitter, and accepted": (451, 7, 253),
    "the window leaves out what jitter adds to a round trip": (26,),
    "what is lent to a transfer that begins is less than it needs behind a hole": (84,),
    "jitter that keeps order is taken for a queue": (266, 334, 394, 408),
    "a queue is taken for jitter that keeps order": (390,),
    "what was lost twice stops all behind it": (478,),
}
"""Paths by what went wrong on them."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 4, 10, 12, 38, 42, *[n for numbers in ONCE_MISSED.values() for n in numbers]])
def test_a_random_path_is_used_without_a_standing_queue(number: int) -> None:
    outcome = measure(draw(number))
    assert outcome.is_good, str(outcome)


def test_a_path_follows_from_its_number() -> None:
    assert draw(7) == draw(7) != draw(8)
    paths = [draw(number) for number in range(500)]
    assert {path.flows for path in paths} == {1, 2, 3, 4, 5}
    assert min(path.rate for path in paths) >= RATE_MIN
    assert max(path.round_trip_s for path in paths) > 0.35
    assert min(path.round_trip_s for path in paths) < 0.003
    assert 100 < sum(path.changes for path in paths) < 200
    assert 200 < sum(path.loss > 0 for path in paths) < 300


def test_fast_paths_are_watched_for_a_shorter_time_but_for_as_many_round_trips() -> None:
    paths = [draw(number) for number in range(500)]
    slow = [path for path in paths if path.rate < 500_000 and path.rate_after < 500_000]
    assert {path.hurry for path in slow} == {1.0}
    assert max(path.rate for path in paths) > 45_000_000
    for path in paths:
        assert path.hurry >= 1
        assert path.settling_s >= 0.6 + 12 * path.round_trip_s
        assert path.measured_s >= 0.6 + 10 * path.round_trip_s
    assert draw(0, megabytes=1).settling_s <= draw(0, megabytes=1000).settling_s


def test_a_path_allows_what_a_peer_holds_behind_a_hole() -> None:
    path = replace(draw(0), round_trip_s=0.4, jitter_s=0.0, loss=0.05, reorder=0.0, flows=1)
    assert path.allowed(50_000_000) == (16 << 20) / 0.8
    assert replace(path, loss=0.0).allowed(50_000_000) == (16 << 20) / 0.4
    assert path.allowed(1_000_000) == 1_000_000
    assert replace(path, flows=4).allowed(50_000_000) == 50_000_000


def test_what_counts_as_missed() -> None:
    path = draw(0)
    assert Outcome(path, 0.7, 3.0, 1.0).is_good
    assert not Outcome(path, 0.69, 3.0, 1.0).is_good
    assert not Outcome(path, 0.7, 3.01, 1.0).is_good
    assert "(missed)" in str(Outcome(path, 0.69, 3.0, 1.0))


def test_a_queue_stands_as_long_as_no_sample_is_below() -> None:
    waits = [0.0, 0.2, 0.2, 0.2, 0.0, 0.2, 0.2]
    samples = [(number * SAMPLE_S, wait) for number, wait in enumerate(waits)]
    assert longest_above(samples, 0.1) == pytest.approx(3 * SAMPLE_S)
    assert longest_above(samples, 0.2) == 0
