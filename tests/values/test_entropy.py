"""Seeded entropy repeats itself, and the abstract class is not usable."""

import pytest

from gamesockets.values.entropy import Entropy, SeededEntropy


def test_seeded_entropy_repeats_itself() -> None:
    entropy: Entropy = SeededEntropy(1)
    first = entropy.random_bytes(32)
    assert len(first) == 32
    assert entropy.random_bytes(32) != first
    assert SeededEntropy(1).random_bytes(32) == first
    assert SeededEntropy(2).random_bytes(32) != first
    assert entropy.random_bytes(0) == b""
    with pytest.raises(ValueError, match="-1"):
        entropy.random_bytes(-1)


def test_entropy_must_be_supplied() -> None:
    """Interpreted, the abstract class cannot be made; compiled, it cannot be used."""
    with pytest.raises((TypeError, NotImplementedError)):
        Entropy().random_bytes(4)  # type: ignore[abstract]
