"""What is one side of a measurement told? A line of JSON, the same for both sides."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from struct import Struct
from typing import Final

GAME_HZ: Final = 30
GAME_BYTES: Final = 100
"""No bulk message has this size."""
STAMP: Final = Struct("<d")
"""A game message begins with when it was handed over, of `time.monotonic`, the same clock in all processes."""
BIN_S: Final = 0.1
"""What arrives is counted in steps of this, from whole multiples of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One team: so many equal flows from a sender to a receiver.

    Attributes:
        contender: its name.
        flows: how many connections.
        apart_s: so much later than the one before each begins.
        seconds: for which it sends, from the first flow's beginning.
        piece_bytes: the size of a bulk message.
        ahead_bytes: so much waits to be sent at any time.
        has_game: does every flow carry a game's messages beside its bulk, on a lane that goes first?
        told_rate: bytes/s, for whoever has to be told.
    """

    contender: str
    flows: int
    apart_s: float
    seconds: float
    piece_bytes: int
    ahead_bytes: int
    has_game: bool
    told_rate: int

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Plan:
        """The inverse of `to_json`."""
        return cls(**json.loads(line))
