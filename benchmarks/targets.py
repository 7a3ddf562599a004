"""What do the tables of lines, on real sockets and in the simulator, expect of a row, and is it met?"""

from __future__ import annotations

from collections.abc import Mapping


def misses(expected: Mapping[str, float], figures: Mapping[str, float]) -> list[str]:
    """What is not as expected, for people: names that begin with "-" are of figures that must be at most so high."""
    wrong: list[str] = []
    for name, limit in expected.items():
        if name.startswith("-"):
            if figures[name[1:]] > limit:
                wrong.append(f"{name[1:]} is {figures[name[1:]]:.4g}, expected at most {limit:g}")
        elif figures[name] < limit:
            wrong.append(f"{name} is {figures[name]:.4g}, expected at least {limit:g}")
    return wrong


def jain(rates: list[float]) -> float:
    """How equal rates are: 1 for equal ones, 1/n where one has all (Jain's index); 0 if nothing arrived."""
    squares = sum(rate * rate for rate in rates)
    return sum(rates) ** 2 / (len(rates) * squares) if squares else 0.0
