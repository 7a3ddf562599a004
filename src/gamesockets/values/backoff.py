"""How long does a client wait before it connects again?"""

from dataclasses import dataclass
from types import NoneType
from typing import Final

from gamesockets.values.arguments import check_type, seconds_as_us

FACTOR_MAX: Final = 100.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between two connections: longer after each failure, and by chance, so that not all come at once.

    Before attempt number n after a failure it waits between 0 and `first` × `factor`ⁿ⁻¹ seconds, but at most `longest`.
    The chance is what keeps a server that comes back from being overrun by those who lost it in the same moment. A
    connection that lasted longer than `longest` was a success: the next wait is a `first` one again.

    Attributes:
        first: seconds, 0..1000000.
        longest: seconds, not below `first`.
        factor: 1..100.
        attempts: after how many failures in a row to give up; None for never.

    Raises:
        TypeError, ValueError: an attribute cannot be used; the text says which and what is allowed.
    """

    first: float = 1.0
    longest: float = 30.0
    factor: float = 2.0
    attempts: int | None = None

    def __post_init__(self) -> None:
        seconds_as_us("first", self.first)
        seconds_as_us("longest", self.longest)
        check_type("factor", self.factor, (int, float))
        check_type("attempts", self.attempts, (int, NoneType))
        if self.longest < self.first:
            raise ValueError(f"longest must not be below first, which is {self.first!r}, and is {self.longest!r}")
        if not 1 <= self.factor <= FACTOR_MAX:
            raise ValueError(f"factor must be in 1..{FACTOR_MAX:.0f}, not {self.factor!r}")
        if self.attempts is not None and self.attempts < 1:
            raise ValueError(f"attempts must be None or at least 1, not {self.attempts}")


def longest_wait(backoff: Backoff, failures: int) -> float:
    """The longest wait in seconds after that many failures in a row, of which there was at least one."""
    wait = backoff.first
    for _ in range(failures - 1):
        if wait >= backoff.longest or backoff.factor == 1 or not wait:
            break
        wait *= backoff.factor
    return min(wait, backoff.longest)
