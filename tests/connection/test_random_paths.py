"""A dozen of the random paths: each is used, and no queue stands for long. The rest is for the command line."""

import pytest
from benchmarks.simulated.flow import SAMPLE_S
from tests.support.random_paths import RATE_MIN, Outcome, draw, longest_above, measure


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 3, 5, 6, 8, 10, 11, 12, 13, 16, 38, 42])
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
