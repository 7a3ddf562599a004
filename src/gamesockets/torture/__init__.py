"""Does the transport keep its promises over years of play? Random lives in simulated networks, checked all the time."""

from gamesockets.torture.generate import scenario_of
from gamesockets.torture.play import Outcome, play
from gamesockets.torture.scenario import Action, Scenario, Slot, Step


__all__ = ["Action", "Outcome", "Scenario", "Slot", "Step", "play", "scenario_of"]
