"""Does our side get along with the model of the reference library? And would one notice if it did not?"""

import pytest
from tests.torture.planted import FAULTS

from gamesockets.build import COMPILED
from gamesockets.torture.generate_duel import duel_of
from gamesockets.torture.outcome import Outcome
from gamesockets.torture.scenario import CLIENT, SERVER, Scenario
from gamesockets.torture.seeds import play
from gamesockets.torture.shrink import kind_of, shrink


def duel(seed: int) -> Outcome:
    return play(duel_of(seed))


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
    assert duel_of(3) == duel_of(3)
    assert duel(3) == duel(3)


def test_ours_plays_both_roles() -> None:
    assert {duel_of(seed).ours for seed in range(20)} == {CLIENT, SERVER}


@pytest.mark.parametrize("seed", range(5))
def test_a_duel_survives_being_written_down(seed: int) -> None:
    assert Scenario.from_json(duel_of(seed).to_json()) == duel_of(seed)


@pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched")
@pytest.mark.parametrize(
    "name", ["nacks_are_forgotten", "hole_is_closed_one_byte_late", "lost_segments_are_acknowledged"]
)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name](monkeypatch)
    assert any(duel(seed).violation for seed in range(30))


@pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched")
def test_a_duel_that_fails_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of lost segments that count as acknowledged one is enough, and a path that loses it."""
    FAULTS["lost_segments_are_acknowledged"](monkeypatch)
    failing = next(seed for seed in range(30) if duel(seed).violation)
    whole, violation = duel_of(failing), duel(failing).violation
    smallest, how = shrink(whole, violation)
    assert kind_of(how) == kind_of(violation)
    assert len(smallest.steps) < len(whole.steps)
    assert play(smallest).violation == how
