"""The smoothed ping: the last three samples, of which one outlier does no harm (spec 1, 8.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.send.round_trip import UNKNOWN, RoundTripEstimator, sample_from_ack_us

APART_US = 100_000


def smoothed(samples: list[int]) -> int:
    """All far enough apart."""
    estimator = RoundTripEstimator()
    for place, sample in enumerate(samples):
        estimator.add(sample * 1000, place * APART_US)
    assert estimator.smoothed_us == (estimator.smoothed_ms * 1000 if samples else UNKNOWN)
    return estimator.smoothed_ms


@pytest.mark.rule("1, 8.3 rule 1", "1, 8.3 rule 4", "2, 2.8.3 rule 1")
@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], UNKNOWN),
        ([30], 30),
        ([30, 20], 20),
        ([20, 30], 20),
        ([20, 30, 500], 25),
        ([500, 20, 30], 25),
        ([20, 20, 21], 20),
        ([1, 1, 1, 9, 9], 5),
        ([1000, 1, 2, 3], 1),
    ],
)
def test_known_values(samples: list[int], expected: int) -> None:
    """One sample itself, two the smaller, three half the sum without the largest, rounded down."""
    assert smoothed(samples) == expected


def test_before_the_first_sample_nothing_is_known() -> None:
    estimator = RoundTripEstimator()
    assert (estimator.smoothed_us, estimator.smoothed_ms, estimator.worst_us) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert (estimator.sampled_at, estimator.shortest_us) == (-1, UNKNOWN)


def test_the_shortest_of_the_last_ten_seconds_is_kept() -> None:
    """Beside samples that come too soon to count, too; once it is older the next one takes its place."""
    estimator = RoundTripEstimator()
    for now, sample in enumerate((50_000, 70_000, 60_000)):
        estimator.add(sample, now)
    assert (estimator.shortest_us, estimator.shortest_at) == (50_000, 0)
    for number in range(1, 100):
        estimator.add(70_000, number * APART_US)
    estimator.add(80_000, 10_000_000)
    assert (estimator.shortest_us, estimator.shortest_at) == (50_000, 0)
    estimator.add(80_000, 10_000_001)
    assert (estimator.shortest_us, estimator.shortest_at) == (80_000, 10_000_001)
    estimator.add(75_000, 10_000_002)
    assert (estimator.shortest_us, estimator.shortest_at) == (75_000, 10_000_002)


@pytest.mark.rule("1, 8.3 rule 2")
def test_the_first_three_samples_count_however_close_they_come() -> None:
    estimator = RoundTripEstimator()
    for now, sample in enumerate((50_000, 60_000, 70_000)):
        estimator.add(sample, now)
    assert estimator.smoothed_us == 55_000
    assert estimator.worst_us == 70_000


@pytest.mark.rule("1, 8.3 rule 1", "2, 2.8.3 rule 1")
def test_a_sample_soon_after_another_only_improves_it() -> None:
    estimator = RoundTripEstimator()
    for sample in (50_000, 60_000, 70_000):
        estimator.add(sample, 0)
    estimator.add(80_000, APART_US - 1)
    assert estimator.smoothed_us == 55_000
    assert estimator.sampled_at == APART_US - 1, "it is fresh all the same"
    estimator.add(10_000, APART_US - 1)
    assert estimator.smoothed_us == 30_000
    estimator.add(20_000, APART_US)
    assert estimator.smoothed_us == 15_000
    assert estimator.worst_us == 60_000


@pytest.mark.rule("2, 2.8.3 rule 1")
@pytest.mark.parametrize(
    ("elapsed_us", "sample_us"),
    [
        (0, 0),
        (999, 0),
        (1_000, 1_000),
        (123_456, 123_000),
        (2_000_999, 2_000_000),
        (2_001_000, UNKNOWN),
        (-1, 0),
        (-1_999, 0),
        (-2_000, UNKNOWN),
        (-(1 << 40), UNKNOWN),
    ],
)
def test_an_ack_gives_whole_milliseconds_rounded_toward_zero(elapsed_us: int, sample_us: int) -> None:
    """-1 ms counts as 0; below that, and above 2000 ms, the ack says nothing about the round trip (spec 1, 8.3)."""
    assert sample_from_ack_us(elapsed_us) == sample_us


class Slots:
    """Spec 1, 8.3 word by word."""

    def __init__(self) -> None:
        self.slots: list[int] = []
        self.closed_until = 0

    def add(self, sample: int, now: int) -> None:
        if len(self.slots) == 3 and now < self.closed_until:
            self.slots[-1] = min(self.slots[-1], sample)
            return
        self.slots = [*self.slots, sample][-3:]
        self.closed_until = now + APART_US

    def smoothed(self) -> int:
        if len(self.slots) < 3:
            return min(self.slots, default=UNKNOWN)
        return (sum(self.slots) - max(self.slots)) // 2


@pytest.mark.rule("1, 8.3 rule 4")
@fast
@given(scripts(st.tuples(st.integers(0, 2000), st.integers(0, 150_000)), 40))
def test_any_samples_at_any_times(script: list[tuple[int, int]]) -> None:
    estimator, model, now = RoundTripEstimator(), Slots(), 0
    for sample_ms, pause in script:
        now += pause
        estimator.add(sample_ms * 1000, now)
        model.add(sample_ms, now)
        assert estimator.smoothed_ms == model.smoothed()
        assert estimator.worst_us == 1000 * max(model.slots)
        assert 1000 * min(model.slots) <= estimator.smoothed_us <= estimator.worst_us
