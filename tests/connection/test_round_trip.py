"""The smoothed ping: the last three samples, of which one outlier does no harm (spec 1, 8.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.connection.round_trip import UNKNOWN, PingEstimator

APART_US = 100_000


def smoothed(samples: list[int]) -> int:
    """All far enough apart."""
    ping = PingEstimator()
    for place, sample in enumerate(samples):
        assert ping.add(sample, place * APART_US)
    return ping.smoothed_ms


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
    ping = PingEstimator()
    assert (ping.smoothed_ms, ping.worst_ms, ping.sampled_at) == (UNKNOWN, UNKNOWN, -1)


def test_the_first_three_samples_count_however_close_they_come() -> None:
    ping = PingEstimator()
    assert [ping.add(sample, now) for now, sample in enumerate((50, 60, 70))] == [True] * 3
    assert ping.smoothed_ms == 55
    assert ping.worst_ms == 70


def test_a_sample_soon_after_another_only_improves_it() -> None:
    ping = PingEstimator()
    for sample in (50, 60, 70):
        ping.add(sample, 0)
    assert not ping.add(80, APART_US - 1)
    assert ping.smoothed_ms == 55
    assert ping.sampled_at == APART_US - 1, "it is fresh all the same"
    assert not ping.add(10, APART_US - 1)
    assert ping.smoothed_ms == 30
    assert ping.add(20, APART_US)
    assert ping.smoothed_ms == 15
    assert ping.worst_ms == 60


class Slots:
    """Spec 1, 8.3 word by word."""

    def __init__(self) -> None:
        self.slots: list[int] = []
        self.closed_until = 0

    def add(self, sample: int, now: int) -> bool:
        if len(self.slots) == 3 and now < self.closed_until:
            self.slots[-1] = min(self.slots[-1], sample)
            return False
        self.slots = [*self.slots, sample][-3:]
        self.closed_until = now + APART_US
        return True

    def smoothed(self) -> int:
        if len(self.slots) < 3:
            return min(self.slots, default=UNKNOWN)
        return (sum(self.slots) - max(self.slots)) // 2


@fast
@given(scripts(st.tuples(st.integers(0, 2000), st.integers(0, 150_000)), 40))
def test_any_samples_at_any_times(script: list[tuple[int, int]]) -> None:
    ping, model, now = PingEstimator(), Slots(), 0
    for sample, pause in script:
        now += pause
        assert ping.add(sample, now) == model.add(sample, now)
        assert ping.smoothed_ms == model.smoothed()
        assert ping.worst_ms == max(model.slots)
        assert min(model.slots) <= ping.smoothed_ms <= ping.worst_ms
