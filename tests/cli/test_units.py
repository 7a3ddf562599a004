"""Are numbers short and of steady width, whatever their size?"""

import pytest

from gamesockets.cli.units import bytes_per_second, count, duration, milliseconds, plural, rate, size


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0.00"), (126, "0.13"), (9994, "9.99"), (9996, "10.0"), (99_940, "99.9"), (99_960, "100"), (5e6, "5000")],
)
def test_milliseconds_have_three_digits(us: float, text: str) -> None:
    assert milliseconds(us) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1.0 kB"), (1234, "1.2 kB"), (99_960, "100 kB"), (5e15, "5000 TB")],
)
def test_sizes_go_up_in_thousands(number: float, text: str) -> None:
    assert size(number) == text
    assert bytes_per_second(number) == f"{text}/s"


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0:00"), (67, "1:07"), (3600, "1:00:00"), (90_061, "25:01:01")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (0.25, "0.2"), (9.9, "9.9"), (9.96, "10"), (12345.6, "12,346")])
def test_rates(number: float, text: str) -> None:
    assert rate(number) == text


def test_counts() -> None:
    assert count(1234567) == "1,234,567"
    assert [plural(number, "server") for number in (0, 1, 2000)] == ["0 servers", "1 server", "2,000 servers"]
