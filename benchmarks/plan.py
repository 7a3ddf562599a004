"""What is one measurement told? A plan: the same JSON for both processes, and the settings that all systems share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

SEND_RATE_BYTES_PER_S: Final = 0x10000000
"""What the reference library is told, which finds no rate itself: the largest value that the settings take."""
RECEIVE_BUFFER_BYTES: Final = 64 << 20
RECEIVE_BUFFER_MESSAGES: Final = 1_000_000
SEND_BUFFER_BYTES: Final = 512 * 1024
"""The protocol's default; systems without such a setting are held to it by their adapter."""
NAP_S: Final = 0.0005
"""How long a sender rests when its buffer is full, and how long a receiver does that has nothing to wait on."""
MESSAGES_PER_RECEIVE: Final = 512

SETTINGS: Final = (
    f"the reference library is told SendRateMin = SendRateMax = {SEND_RATE_BYTES_PER_S} bytes/s, gamesockets no rate; "
    f"RecvBufferSize = {RECEIVE_BUFFER_BYTES} bytes, RecvBufferMessages = {RECEIVE_BUFFER_MESSAGES}, the rest "
    f"(NagleTime, SendBufferSize, …) at its default, the same for every system that has them; a sender that is refused "
    f"sleeps {NAP_S * 1000:g} ms and tries again"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of one scenario on one system.

    Attributes:
        scenario: its name.
        system: the name of the system that is measured; it plays the server.
        client: the name of the system that plays the client: the same one, but in scenarios with a load generator.
        seconds: how long to measure; what has to happen before and after comes on top.
        connections: how many idle connections to hold; also bounds the search for the largest number of clients.
    """

    scenario: str
    system: str
    client: str
    seconds: float
    connections: int

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Plan:
        """The inverse of `to_json`."""
        return cls(**json.loads(line))
