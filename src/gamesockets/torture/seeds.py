"""Which scenario belongs to a seed, and how is any scenario played?"""

from typing import Final

from gamesockets.torture.duel import duel
from gamesockets.torture.generate import life_of
from gamesockets.torture.generate_duel import duel_of
from gamesockets.torture.generate_siege import siege_of
from gamesockets.torture.life import life
from gamesockets.torture.outcome import Outcome
from gamesockets.torture.scenario import Form, Scenario
from gamesockets.torture.siege import siege

__all__ = ["form_of", "play", "scenario_of"]

_DUEL_EVERY: Final = 10
_SIEGE_EVERY: Final = 20
_FIRST_DUEL: Final = 9
_FIRST_SIEGE: Final = 4


def form_of(seed: int) -> Form:
    """Who lives in the scenario of a seed."""
    if seed % _DUEL_EVERY == _FIRST_DUEL:
        return Form.DUEL
    return Form.SIEGE if seed % _SIEGE_EVERY == _FIRST_SIEGE else Form.LIFE


def scenario_of(seed: int) -> Scenario:
    """The scenario of a seed; always the same one of this version of gamesockets."""
    form = form_of(seed)
    if form == Form.DUEL:
        return duel_of(seed)
    return siege_of(seed) if form == Form.SIEGE else life_of(seed)


def play(scenario: Scenario) -> Outcome:
    """Plays a scenario to its end, or until a promise is broken. The same one has always the same outcome."""
    if scenario.form == Form.DUEL:
        return duel(scenario)
    return siege(scenario) if scenario.form == Form.SIEGE else life(scenario)
