"""In which words are a relay's conditions said, and from where does it draw? The same for both relays.

Standard input: `set DIRECTION …`, at any time, 0 is up and 1 is down; its end ends the relay. Standard output: a
`sample …` every 20 ms and one `end …`. All times are integers of `time.monotonic` in microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from gamesockets.bad_network.link import Conditions

UP: Final = 0
DOWN: Final = 1
SAMPLE_S: Final = 0.02
LATE_US: Final = 2000
"""A datagram that leaves a relay so much later than it should have was delayed by the machine."""
IP_UDP_HEADER_BYTES: Final = 28
"""Of a packet, what the rate and the queue of a link do not count, as in the simulator."""

_US: Final = 1_000_000
_MASK: Final = (1 << 64) - 1
_ALIKE: Final = (
    "rate_bytes_per_second",
    "corrupt",
    "mtu_bytes",
    "duplicate",
    "bottleneck_codel",
)
"""What a relay cannot do: must be as it is by default."""
_PERFECT: Final = Conditions()


class SplitMix(Random):
    """SplitMix64 (Steele, Lea, Flood 2014): ten lines in any language, so that both relays draw the same."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._state = seed & _MASK

    def random(self) -> float:
        """0 <= draw < 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
        return ((z ^ z >> 31) >> 11) * 2.0**-53


@dataclass(frozen=True, slots=True)
class Sample:
    """A relay's counters of one direction at one moment.

    Attributes:
        at_s: when, of `time.monotonic`.
        wait_s: how long the queue is.
        entered: datagrams that came.
        lost: of these, at random.
        dropped: of these, by the queue.
        delivered_bytes: what went out.
    """

    at_s: float
    wait_s: float
    entered: int
    lost: int
    dropped: int
    delivered_bytes: int


def as_words(direction: int, conditions: Conditions) -> str:
    """The line that sets them. Raises `ValueError` for what a relay cannot do."""
    for name in _ALIKE:
        if getattr(conditions, name) != getattr(_PERFECT, name):
            raise ValueError(f"a relay does not know {name}")
    values = (
        conditions.bottleneck_bytes_per_second,
        round(conditions.bottleneck_queue * _US),
        conditions.bottleneck_queue_bytes,
        round(conditions.latency * _US),
        conditions.jitter_average,
        round(conditions.jitter_maximum * _US),
        conditions.jitter_probability,
        int(conditions.jitter_reorders),
        conditions.loss,
        conditions.burst_start,
        conditions.burst_end,
        conditions.burst_loss,
        conditions.reorder,
        round(conditions.reorder_delay * _US),
    )
    return f"set {direction} {' '.join(map(repr, values))}"


def from_words(line: str) -> tuple[int, Conditions]:
    """The inverse. Raises `ValueError` if it is no such line."""
    fields = line.split()
    if len(fields) != 16 or fields[0] != "set" or fields[1] not in ("0", "1"):
        raise ValueError(f"no conditions: {line!r}")
    return int(fields[1]), Conditions(
        bottleneck_bytes_per_second=int(fields[2]),
        bottleneck_queue=int(fields[3]) / _US,
        bottleneck_queue_bytes=int(fields[4]),
        latency=int(fields[5]) / _US,
        jitter_average=float(fields[6]),
        jitter_maximum=int(fields[7]) / _US,
        jitter_probability=float(fields[8]),
        jitter_reorders=fields[9] == "1",
        loss=float(fields[10]),
        burst_start=float(fields[11]),
        burst_end=float(fields[12]),
        burst_loss=float(fields[13]),
        reorder=float(fields[14]),
        reorder_delay=int(fields[15]) / _US,
    )


def samples(line: str) -> tuple[Sample, Sample]:
    """What a line says of both directions."""
    numbers = [int(word) for word in line.split()[1:]]
    at_s = numbers[0] / _US
    up, down = numbers[1:6], numbers[6:11]
    return Sample(at_s, up[0] / _US, *up[1:]), Sample(at_s, down[0] / _US, *down[1:])


def figures(line: str) -> dict[str, float]:
    """What the last line says of the whole run."""
    cpu_us, elapsed_us, realtime, delivered, lost, overflowed, refused, late, latest_us = map(int, line.split()[1:])
    return {
        "link_relayed": delivered,
        "link_lost": lost,
        "link_overflowed": overflowed + refused,
        "link_cpu_percent": 100 * cpu_us / max(1, elapsed_us),
        "link_late_percent": 100 * late / max(1, delivered),
        "link_latest_ms": latest_us / 1000,
        "link_realtime": realtime,
    }


def one_way(conditions: Conditions) -> Conditions:
    """Such a line's way back: as long, and nothing else."""
    return replace(_PERFECT, latency=conditions.latency)
