"""What comes of a life?"""

import traceback
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Outcome", "described"]

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


def described(error: Exception, seconds: float) -> str:
    """An exception as the breach of a promise: what it says, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = ", ".join([f"{frame.filename.rpartition('gamesockets')[2]}:{frame.lineno}" for frame in frames])
    return f"{type(error).__name__}: {error} in {places} (at {seconds:.3f} s)"
