"""What honest clients say, what the server answers, and what each end notes of it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

UP_BYTES: Final = 60
DOWN_BYTES: Final = 200

BEFORE: Final = 0
DURING: Final = 1
AFTER: Final = 2
PHASES: Final = 3
"""Messages say in which phase of the measurement they were sent."""

_MAGIC: Final = b"H"
_UP: Final = struct.Struct("<cBHIQ")


@dataclass(frozen=True, slots=True)
class Up:
    """One message of an honest client, and its echo."""

    phase: int
    client: int
    number: int
    """Among those of its client that are as reliable as it."""
    sent_us: int


def make_up(up: Up) -> bytes:
    """As bytes."""
    return _UP.pack(_MAGIC, up.phase, up.client, up.number, up.sent_us).ljust(UP_BYTES, b".")


def read_up(data: bytes) -> Up | None:
    """From bytes, also from those of an echo; None if it is something else."""
    if len(data) < UP_BYTES or data[:1] != _MAGIC:
        return None
    _, phase, client, number, sent_us = _UP.unpack_from(data)
    return Up(phase, client, number, sent_us)


@dataclass
class Tally:
    """What one end got of the others."""

    received: list[int] = field(default_factory=lambda: [0] * PHASES)
    """By phase."""
    disorder: int = 0
    """Reliable messages that were not the next one of their client."""
    next_reliable: dict[int, int] = field(default_factory=dict)
    """By client."""

    def take(self, up: Up, is_reliable: bool) -> None:
        """A message came."""
        self.received[up.phase] += 1
        if is_reliable:
            expected = self.next_reliable.get(up.client, 0)
            self.disorder += up.number != expected
            self.next_reliable[up.client] = up.number + 1


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
