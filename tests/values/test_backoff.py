"""Do the pauses between two connections grow, up to a limit?"""

from typing import Any

import pytest

from gamesockets.values.backoff import Backoff, longest_wait


def test_the_pauses_grow_up_to_the_longest() -> None:
    backoff = Backoff(first=1, longest=10, factor=2)
    assert [longest_wait(backoff, failures) for failures in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert longest_wait(backoff, 1_000_000_000) == 10


@pytest.mark.parametrize("backoff", [Backoff(3, 3), Backoff(3, 30, 1), Backoff(0, 0)])
def test_pauses_that_stay(backoff: Backoff) -> None:
    assert longest_wait(backoff, 1) == longest_wait(backoff, 1_000_000_000) == backoff.first


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ({"first": -1}, ValueError, "first must be in 0..1000000 seconds, not -1"),
        ({"first": "1"}, TypeError, "first must be int or float"),
        ({"first": 60}, ValueError, "longest must not be below first, which is 60, and is 30.0"),
        ({"longest": float("inf")}, ValueError, "longest must be"),
        ({"factor": 0.5}, ValueError, "factor must be in 1..100, not 0.5"),
        ({"attempts": 0}, ValueError, "attempts must be None or at least 1, not 0"),
        ({"attempts": 1.5}, TypeError, "attempts must be int or NoneType"),
    ],
)
def test_fields_that_mean_nothing(fields: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        Backoff(**fields)
