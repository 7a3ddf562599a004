"""What are common networks like? Conditions to start from; measure your own players' to do better."""

from dataclasses import dataclass, replace
from typing import Final, final

from gamesockets.bad_network.link import Conditions


@final
@dataclass(frozen=True, slots=True)
class Access:
    """How a player is connected: the two directions of an access line, which differ.

    Attributes:
        up: from the player to the server.
        down: from the server to the player.
    """

    up: Conditions
    down: Conditions


_CELLULAR: Final = Conditions(
    latency=0.035,
    jitter_average=0.015,
    jitter_maximum=0.3,
    loss=0.005,
    burst_start=0.001,
    burst_end=0.1,
    burst_loss=0.5,
)
_SATELLITE: Final = Conditions(latency=0.28, jitter_average=0.01, jitter_maximum=0.1, loss=0.01)
_TERRIBLE: Final = Conditions(
    latency=0.12,
    jitter_average=0.06,
    jitter_maximum=0.8,
    loss=0.08,
    burst_start=0.01,
    burst_end=0.15,
    burst_loss=0.9,
    reorder=0.05,
    reorder_delay=0.08,
    duplicate=0.03,
    corrupt=0.001,
)
_WIFI: Final = Conditions(
    latency=0.012,
    jitter_average=0.004,
    jitter_maximum=0.08,
    jitter_probability=0.3,
    loss=0.002,
    burst_start=0.0005,
    burst_end=0.2,
    burst_loss=0.7,
)


def _line(conditions: Conditions, up: int, down: int, queue: float) -> Access:
    """An access line that carries so many bytes a second, with a queue of that many seconds in front."""
    return Access(
        replace(conditions, bottleneck_bytes_per_second=up, bottleneck_queue=queue),
        replace(conditions, bottleneck_bytes_per_second=down, bottleneck_queue=queue),
    )


NAMED: Final[dict[str, Access]] = {
    "lan": Access(Conditions(latency=0.0003), Conditions(latency=0.0003)),
    "fibre": _line(Conditions(latency=0.008), 12_500_000, 12_500_000, 0.02),
    "wifi": _line(_WIFI, 2_500_000, 6_000_000, 0.1),
    "cellular": _line(_CELLULAR, 600_000, 2_500_000, 0.3),
    "satellite": _line(_SATELLITE, 250_000, 1_250_000, 0.5),
    "terrible": _line(_TERRIBLE, 60_000, 60_000, 1.0),
}
"""One-way conditions by name, of the whole way between a player and a server in the same part of the world."""


def named(name: str) -> Access:
    """The conditions of that name: `lan`, `fibre`, `wifi`, `cellular`, `satellite` or `terrible`.

    Raises:
        ValueError: there is no such name.
    """
    found = NAMED.get(name)
    if found is None:
        raise ValueError(f"a network is one of {', '.join(NAMED)}, not {name!r}")
    return found
