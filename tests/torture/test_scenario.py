"""Is a scenario the same after it was written down?"""

import pytest

from gamesockets.torture.scenario import Scenario
from gamesockets.torture.seeds import scenario_of


@pytest.mark.parametrize("seed", range(20))
def test_a_scenario_survives_being_written_down(seed: int) -> None:
    scenario = scenario_of(seed)
    assert Scenario.from_json(scenario.to_json()) == scenario


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"seed": 1}', scenario_of(0).to_json().replace("connect", "dance")])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON, of the action, or ours
        Scenario.from_json(text)


def test_seeds_differ() -> None:
    assert len({scenario_of(seed).to_json() for seed in range(50)}) == 50


def test_steps_come_in_order_of_time() -> None:
    for seed in range(20):
        times = [step.at_ms for step in scenario_of(seed).steps]
        assert times == sorted(times)
