"""Does our side get along with the model of the reference library? And would one notice if it did not?"""

import pytest
from tests.torture.planted import FAULTS

from gamesockets.build import COMPILED
from gamesockets.torture.duel import duel


@pytest.mark.parametrize("seed", range(5))
def test_everything_arrives_on_both_sides(seed: int) -> None:
    outcome = duel(seed)
    assert not outcome.violation
    assert outcome.messages


@pytest.mark.slow
def test_everything_arrives_over_many_hours() -> None:
    outcomes = [duel(seed) for seed in range(1000, 1100)]
    assert not [outcome for outcome in outcomes if outcome.violation]
    assert sum(outcome.seconds for outcome in outcomes) > 20 * 3600


def test_a_seed_is_the_same_duel_every_time() -> None:
    assert duel(3) == duel(3)


@pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched")
@pytest.mark.parametrize(
    "name", ["nacks_are_forgotten", "hole_is_closed_one_byte_late", "lost_segments_are_acknowledged"]
)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name](monkeypatch)
    assert any(duel(seed).violation for seed in range(30))
