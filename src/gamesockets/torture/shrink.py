"""Which is the smallest scenario that fails in the same way?

Steps are left out in ever smaller pieces (delta debugging), then slots, conditions and settings are made plain. What
fails in another way counts as a success: a shrunk scenario shows the fault that was found.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from gamesockets.bad_network.link import Conditions
from gamesockets.torture.scenario import Action, Scenario, Step
from gamesockets.torture.seeds import play

__all__ = ["shrink"]

_TRIES_MAX: Final = 2000
_DETAILS: Final = re.compile(r"<[^>]*>|[0-9.]+")


def kind_of(violation: str) -> str:
    """What two descriptions of the same fault have in common: the words, without numbers and names."""
    return _DETAILS.sub("", violation)


def shrink(
    scenario: Scenario, violation: str, on_progress: Callable[[Scenario], object] | None = None
) -> tuple[Scenario, str]:
    """The smallest scenario found that breaks the same promise, and how it does.

    Args:
        scenario: one that fails.
        violation: how it does, as `play` says.
        on_progress: called with each smaller scenario.
    """
    wanted = kind_of(violation)
    best, text = scenario, violation
    tries = 0
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _smaller(best):
            if tries >= _TRIES_MAX:
                return best, text
            tries += 1
            outcome = play(candidate)
            if outcome.violation and kind_of(outcome.violation) == wanted:
                best, text = candidate, outcome.violation
                is_smaller = True
                if on_progress is not None:
                    on_progress(best)
                break
    return best, text


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios with a little less of something, those first with which most is gone."""
    steps = scenario.steps
    size = len(steps)
    if steps and scenario.duration_ms > steps[-1].at_ms + 1000:
        yield replace(scenario, duration_ms=steps[-1].at_ms + 1000)
    while size >= 1:
        for first in range(0, len(steps), size):
            rest = steps[:first] + steps[first + size :]
            if rest:
                yield replace(scenario, steps=rest)
        size //= 2
    if scenario.server_config or scenario.client_config:
        yield replace(scenario, server_config=(), client_config=())
    for index in range(len(scenario.server_config)):
        yield replace(scenario, server_config=_without(scenario.server_config, index))
    for index in range(len(scenario.client_config)):
        yield replace(scenario, client_config=_without(scenario.client_config, index))
    for index, conditions in enumerate(scenario.conditions):
        for plain in _plainer(conditions):
            changed = (*scenario.conditions[:index], plain, *scenario.conditions[index + 1 :])
            yield replace(scenario, conditions=changed)
    if scenario.has_reference:
        yield replace(scenario, has_reference=False)
    for index, step in enumerate(steps):
        for smaller in _smaller_step(step):
            yield replace(scenario, steps=(*steps[:index], smaller, *steps[index + 1 :]))


def _without(config: tuple[tuple[int, int], ...], index: int) -> tuple[tuple[int, int], ...]:
    return config[:index] + config[index + 1 :]


def _plainer(conditions: Conditions) -> Iterator[Conditions]:
    plain = Conditions()
    if conditions == plain:
        return
    yield plain
    for name in ("jitter_average", "loss", "burst_start", "corrupt", "reorder", "duplicate", "latency"):
        if getattr(conditions, name) != getattr(plain, name):
            yield replace(conditions, **{name: getattr(plain, name)})


def _smaller_step(step: Step) -> Iterator[Step]:
    if step.action == Action.SEND:
        count, size_bytes, step_bytes, flags, lane = step.numbers
        if count > 1:
            yield replace(step, numbers=(1, size_bytes, step_bytes, flags, lane))
            yield replace(step, numbers=(count // 2, size_bytes, step_bytes, flags, lane))
        if size_bytes > 16:
            yield replace(step, numbers=(count, size_bytes // 2, step_bytes, flags, lane))
    elif step.action in (Action.ATTACK, Action.ASSAULT) and step.numbers[1] > 1:
        yield replace(step, numbers=(step.numbers[0], step.numbers[1] // 2, *step.numbers[2:]))
