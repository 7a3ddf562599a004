"""Would the explorer notice? Each fault is put into the running code, and must be found within a few seeds."""

from pathlib import Path
from typing import Final

import pytest
from tests.torture.planted import FAULTS, Catch, flight_has_no_limit, hunt

from gamesockets.build import COMPILED
from gamesockets.torture.scenario import Scenario
from gamesockets.torture.seeds import play, scenario_of
from gamesockets.torture.shrink import kind_of, shrink

pytestmark = pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched")

SEEDS_MAX: Final = 150
QUICK: Final = ("keepalive_is_lost", "pieces_of_two_messages_are_mixed")


def find(name: str, monkeypatch: pytest.MonkeyPatch) -> Catch:
    """The first seed that fails with the fault, and how."""
    FAULTS[name](monkeypatch)
    return hunt(name, range(SEEDS_MAX))


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(name, monkeypatch).violation


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(FAULTS.keys() - set(QUICK)))
def test_every_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(name, monkeypatch).violation


def test_a_scenario_that_was_kept_finds_its_fault_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets leave without end although the peer reports nothing: rare in random lives, certain in this one."""
    flight_has_no_limit(monkeypatch)
    text = (Path(__file__).parent / "regressions" / "outage-with-much-in-flight.json").read_text(encoding="utf-8")
    assert play(Scenario.from_json(text)).violation


@pytest.mark.slow
def test_what_fails_is_shrunk_to_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message has to be sent and one packet to come twice: that takes few steps."""
    _, seed, violation, _ = find("pieces_of_two_messages_are_mixed", monkeypatch)
    whole = scenario_of(seed)
    smallest, how = shrink(whole, violation)
    assert kind_of(how) == kind_of(violation)
    assert len(smallest.steps) <= 4 < len(whole.steps)
    assert play(smallest).violation == how
