"""Is the memory of a process flat? Its minutes are compared after it has warmed up.

Twice: the resident memory, which includes what allocators keep for later, and Python's own account of blocks in use,
which shows every leak at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, final

from gamesockets.torture.real.soak import Sample

__all__ = ["BLOCKS", "FLAT", "MINUTES_MIN", "RESIDENT", "Flatness", "flatness_of", "minutes_of", "warm_up_s"]

FLAT: Final = 0.02
"""Minutes may differ by that part."""

MINUTES_MIN: Final = 5
"""So many minutes have to be compared; before, memory that grows slowly cannot be told from memory that is in use."""

RESIDENT: Final = "resident_bytes"
BLOCKS: Final = "blocks"
"""What of a sample is compared."""

_MINUTE_S: Final = 60
_WARM_UP_PART: Final = 3
_WARM_UP_S_MAX: Final = 600.0


@final
@dataclass(frozen=True, slots=True)
class Flatness:
    """What came of a comparison.

    Attributes:
        least: in the minute that needed least.
        most: in the minute that needed most.
        minutes: how many were compared.
    """

    least: float
    most: float
    minutes: int

    @property
    def spread(self) -> float:
        """By which part the minutes differ."""
        return (self.most - self.least) / self.least

    @property
    def is_flat(self) -> bool:
        """Whether that is little enough."""
        return self.spread <= FLAT


def warm_up_s(seconds: float) -> float:
    """How much at the beginning of so long a run is left out: a third, and ten minutes at most."""
    return min(seconds / _WARM_UP_PART, _WARM_UP_S_MAX)


def minutes_of(samples: Sequence[Sample], name: str) -> list[tuple[float, float, float, float]]:
    """Of each whole minute: when it began in seconds, and least, median and most of a value in its samples."""
    found: list[tuple[float, float, float, float]] = []
    by_minute: dict[int, list[float]] = {}
    for sample in samples:
        by_minute.setdefault(int(sample["at_s"]) // _MINUTE_S, []).append(sample[name])
    for minute, values in sorted(by_minute.items()):
        if len(values) >= _MINUTE_S // 2:
            found.append((minute * _MINUTE_S, min(values), median(values), max(values)))
    return found


def flatness_of(samples: Sequence[Sample], name: str, seconds: float) -> Flatness | None:
    """How much the minutes of a run of so many seconds differ in that; None if there are too few to tell.

    Compared are medians: a message that comes while another waits shows in a second of its own.
    """
    begin_s, end_s = warm_up_s(seconds), seconds - _MINUTE_S
    minutes = [middle for at_s, _, middle, _ in minutes_of(samples, name) if begin_s <= at_s <= end_s]
    if len(minutes) < MINUTES_MIN or not min(minutes):
        return None
    return Flatness(min(minutes), max(minutes), len(minutes))
