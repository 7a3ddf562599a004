"""Is memory that grows told from memory that is flat? And how does it look?"""

import pytest

from gamesockets.torture.real.memory import FLAT, RESIDENT, flatness_of, minutes_of, warm_up_s
from gamesockets.torture.real.picture import picture_of
from gamesockets.torture.real.soak import Sample

MINUTES = 30


def samples(per_minute: float, peak: float = 0.0) -> list[Sample]:
    """40 MB, growing by that part of it a minute, with a peak in one second of each minute."""
    found: list[Sample] = []
    for second in range(MINUTES * 60):
        resident = 40e6 * (1 + per_minute * second / 60) + (peak if second % 60 == 30 else 0.0)
        found.append({"at_s": second + 0.01, "resident_bytes": resident, "held_bytes": 1e5})
    return found


@pytest.mark.parametrize(("per_minute", "is_flat"), [(0.0, True), (0.0005, True), (0.002, False), (-0.002, False)])
def test_growth_is_told_from_rest(per_minute: float, is_flat: bool) -> None:
    flatness = flatness_of(samples(per_minute), RESIDENT, MINUTES * 60)
    assert flatness is not None
    assert flatness.minutes == 20
    assert flatness.is_flat == is_flat == (flatness.spread <= FLAT)


def test_a_short_peak_is_no_growth() -> None:
    flatness = flatness_of(samples(0, peak=20e6), RESIDENT, MINUTES * 60)
    assert flatness is not None
    assert flatness.spread == 0


def test_what_it_needs_to_warm_up_does_not_count() -> None:
    growing = [{**one, "resident_bytes": min(one["at_s"], 500) * 1e5} for one in samples(0)]
    flatness = flatness_of(growing, RESIDENT, MINUTES * 60)
    assert flatness is not None
    assert flatness.spread == 0


def test_too_little_is_not_judged() -> None:
    assert flatness_of(samples(0)[:300], RESIDENT, 300) is None
    unknown = [{**one, "resident_bytes": 0} for one in samples(0)]
    assert flatness_of(unknown, RESIDENT, MINUTES * 60) is None


def test_the_warm_up_is_a_third_and_ten_minutes_at_most() -> None:
    assert warm_up_s(90) == 30
    assert warm_up_s(7200) == 600


def test_minutes_say_least_median_and_most() -> None:
    assert minutes_of(samples(0, peak=1e6)[:61], "resident_bytes") == [(0, 40e6, 40e6, 41e6)], "a whole one"


def test_the_picture_has_a_line_for_each_role_in_both_panels() -> None:
    both = {"client": samples(0, peak=1e6), "server": samples(0.001)}
    picture = picture_of("Half an hour & more", {"client": "ours", "server": "<other>"}, both, MINUTES * 60)
    assert picture.count("<polyline") == 4
    assert "Half an hour &amp; more" in picture
    assert "&lt;other&gt;" in picture
    assert picture.startswith("<svg")
    assert picture.endswith("</svg>\n")
