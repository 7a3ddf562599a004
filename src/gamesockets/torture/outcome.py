"""What comes of a life?"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from gamesockets.sim.world import World
from gamesockets.torture.ledger import Violation

__all__ = ["Outcome", "described", "violation_of"]

_FRAMES: Final = 3


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scenario, or of a duel.

    Attributes:
        seed: of the scenario.
        seconds: how long its world lived.
        datagrams: how many were sent in it.
        messages: how many arrived.
        connections: how many were begun.
        violation: the promise that was broken; empty if none was.
    """

    seed: int
    seconds: float
    datagrams: int
    messages: int
    connections: int
    violation: str = ""


def violation_of(run: Callable[[], None], world: World, place: str = "") -> str:
    """Runs something to its end, or until a promise is broken: which one and when; empty if all were kept.

    `place` stands before a promise that was broken. That nothing raises is one of the promises.
    """
    try:
        run()
    except Violation as broken:
        return f"{place}{broken} (at {world.now:.3f} s)"
    except Exception as error:  # noqa: BLE001 - see above
        return described(error, world.now)
    return ""


def described(error: Exception, seconds: float) -> str:
    """An exception as the breach of a promise: what it says, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = ", ".join([f"{frame.filename.rpartition('gamesockets')[2]}:{frame.lineno}" for frame in frames])
    return f"{type(error).__name__}: {error} in {places} (at {seconds:.3f} s)"
