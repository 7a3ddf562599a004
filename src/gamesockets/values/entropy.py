"""Where do unpredictable bytes come from?

The protocol code never asks the system: drivers give it the system's generator, simulations a seeded one, so
that a run can be repeated exactly.
"""

from abc import ABC, abstractmethod
from random import Random
from typing import final

from gamesockets.build import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Entropy(ABC):
    """A source of random bytes: for keys, nonces, connection ids and challenges."""

    @abstractmethod
    def random_bytes(self, count: int) -> bytes:
        """`count` fresh bytes. Raises `ValueError` if `count` is negative."""
        raise NotImplementedError


def chance(entropy: Entropy, percent: float) -> bool:
    """True in `percent` of all calls, 0..100, at random."""
    return int.from_bytes(entropy.random_bytes(4), "little") * 100 < percent * (1 << 32)


@final
class SeededEntropy(Entropy):
    """The same bytes for the same seed, in every Python: for simulations and tests.

    Not for secrets: whoever sees some of the bytes can compute the others.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def random_bytes(self, count: int) -> bytes:
        if count < 0:
            raise ValueError(f"cannot make {count} random bytes")
        return self._random.randbytes(count)
