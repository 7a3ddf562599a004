"""What does a soak consist of? One plan for both processes, told on their command line."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Final, final

from gamesockets.config.table import ConfigurationValue

__all__ = ["CLIENT", "ROLES", "SERVER", "Plan"]

CLIENT: Final = "client"
SERVER: Final = "server"
ROLES: Final = (CLIENT, SERVER)

_Value: Final = ConfigurationValue


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What one process does.

    The network is the worst that the reference library's own tests play: each side loses, delays, reorders and repeats
    what it sends.

    Attributes:
        role: `CLIENT` connects, `SERVER` listens.
        address: where to connect, as `host:port`; a server takes a free port.
        seed: of everything that is drawn: sizes, lengths of lives, how they end.
        connections: how many a client holds at a time.
        ticks_per_second: how often each side speaks and reads.
        loss_percent: of the packets that a side sends.
        lag_ms: by so much they are delayed.
        reorder_percent: so many are delayed more.
        reorder_ms: by so much.
        duplicate_percent: so many are sent twice.
        life_s_min: a connection lives at least so long; one of them stays to the end.
        life_s_max: and at most so long.
        surge_s: so long at the beginning there are twice as many, for which memory stays.
    """

    role: str = CLIENT
    address: str = ""
    seed: int = 1
    connections: int = 10
    ticks_per_second: int = 30
    loss_percent: float = 20.0
    lag_ms: int = 100
    reorder_percent: float = 4.0
    reorder_ms: int = 50
    duplicate_percent: float = 4.0
    life_s_min: float = 5.0
    life_s_max: float = 60.0
    surge_s: float = 0.0

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """What `to_json` wrote. Raises `ValueError` or `TypeError` for anything else."""
        return cls(**json.loads(text))

    def as_client(self, address: str) -> "Plan":
        """The same for the process that connects there."""
        return replace(self, role=CLIENT, address=address, seed=self.seed + 1)

    def conditions(self) -> dict[int, int | float]:
        """Configuration values of the bad network, which both libraries call the same; all for what is sent."""
        return {
            int(_Value.FAKE_PACKET_LOSS_SEND): self.loss_percent,
            int(_Value.FAKE_PACKET_LAG_SEND): self.lag_ms,
            int(_Value.FAKE_PACKET_REORDER_SEND): self.reorder_percent,
            int(_Value.FAKE_PACKET_REORDER_TIME): self.reorder_ms,
            int(_Value.FAKE_PACKET_DUP_SEND): self.duplicate_percent,
            int(_Value.FAKE_PACKET_DUP_TIME_MAX): self.reorder_ms,
        }
