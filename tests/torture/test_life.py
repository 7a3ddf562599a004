"""Do all promises hold over random lives? And is a run the same every time?"""

from pathlib import Path
from typing import Final

import pytest

from gamesockets.bad_network.link import Conditions
from gamesockets.torture.outcome import Outcome
from gamesockets.torture.pool import explore_seed
from gamesockets.torture.scenario import Action, Scenario, Slot, Step
from gamesockets.torture.seeds import play, scenario_of

HOURS: Final = 20
REGRESSIONS: Final = sorted(Path(__file__).parent.joinpath("regressions").glob("*.json"))


def simulate(first_seed: int, hours: float) -> list[Outcome]:
    """Outcomes of seeds from `first_seed` on, until so many hours were simulated."""
    left_s = hours * 3600
    outcomes: list[Outcome] = []
    for seed in range(first_seed, first_seed + 10_000):
        outcome = explore_seed(seed)
        assert not outcome.violation, f"gamesockets torture --seeds {seed}: {outcome.violation}"
        outcomes.append(outcome)
        left_s -= outcome.seconds
        if left_s <= 0:
            break
    return outcomes


def test_all_promises_hold_for_an_hour_or_two() -> None:
    outcomes = simulate(0, 2)
    assert sum(outcome.messages for outcome in outcomes) > 50, "and there was something to promise"


@pytest.mark.slow
def test_all_promises_hold_for_twenty_hours() -> None:
    outcomes = simulate(1_000_000, HOURS)
    assert sum(outcome.seconds for outcome in outcomes) >= HOURS * 3600
    assert sum(outcome.messages for outcome in outcomes) > 1000


def test_a_seed_is_the_same_life_every_time() -> None:
    scenario = scenario_of(0)
    assert scenario == scenario_of(0)
    assert play(scenario) == play(scenario)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_failed_does_not_fail_again(path: Path) -> None:
    """Each file is a scenario that the explorer found and shrunk."""
    outcome = play(Scenario.from_json(path.read_text(encoding="utf-8")))
    assert not outcome.violation


def short(*steps: Step) -> Scenario:
    """One client and one server on a perfect network."""
    return Scenario(1, 20_000, (Conditions(),), 1, (Slot(0),), (), (), steps)


def test_every_action_can_be_taken() -> None:
    """One after the other on the same connection, which is up again for the next."""
    numbers: dict[Action, tuple[int, ...]] = {
        Action.SEND: (3, 100, 1, 8, 0),
        Action.READ: (0,),
        Action.LANES: (0, 1, 1, 2),
        Action.CONFIGURE: (32, 500),
        Action.CONDITIONS: (0,),
        Action.PARTITION: (100,),
        Action.CLOSE: (1000, 1),
        Action.CRASH: (100,),
        Action.ATTACK: (0, 5, 1),
        Action.PAUSE: (100,),
        Action.DRIFT: (100,),
        Action.CUT: (100,),
        Action.BLACK_HOLE: (600, 100),
        Action.RECORDING: (50, 10, 0, 50, 200, 100),
    }
    steps = [Step(0, Action.CONNECT, 0)]
    for action in Action:
        for side in (0, 1):
            at_ms = len(steps) * 30_000
            steps.append(Step(at_ms, action, 0, side, numbers.get(action, ())))
            steps.append(Step(at_ms + 15_000, Action.CONNECT, 0))
    outcome = play(short(*steps))
    assert not outcome.violation
    assert outcome.connections > 4
    assert outcome.messages == 6
