"""The rows of the table: a line, the traffic on it, and what is expected of us. Named as in `benchmarks.simulated`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from benchmarks import targets
from gamesockets.bad_network.link import Conditions

MB: Final = 1_000_000
PIECE_BYTES: Final = 50_000
_PIECE_S: Final = 0.02
_AHEAD_S: Final = 0.1
_AHEAD_BYTES_MIN: Final = 200_000
_UNLIMITED_AHEAD_BYTES: Final = 5 * MB

_ALL: Final = frozenset({"ours", "ours-compiled", "gns", "aioquic", "tcp-cubic", "tcp-bbr"})
_OURS: Final = frozenset({"ours", "ours-compiled"})
_REFERENCE: Final = _OURS | {"gns"}
_TO_REFERENCE: Final = frozenset({"ours-to-gns"})
_STREAMS: Final = _OURS | {"tcp-cubic", "tcp-bbr"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: short, for the command line.
        path: the line and the traffic, for people.
        target: what is expected of us, for people.
        up: the conditions of the bulk's way; the way back is as long and no more.
        expected: our figures that must be at least so high; those whose name begins with "-" at most as high.
        contenders: for whom the row says something.
        settled_s: so long after the beginning the measuring begins.
        measured_s: for so long.
        change: other conditions from `change_s` on.
        change_s: seconds after the beginning.
        flows: how many of one system.
        apart_s: so much later than the one before each begins.
        has_game: a game's messages beside the bulk.
        piece_bytes: the size of a bulk message; 0 for what suits the rate.
        beside: a contender that runs one flow beside ours through the same line, from the beginning.
        is_lossy_back: the way back loses as much.
    """

    name: str
    path: str
    target: str
    up: Conditions
    expected: dict[str, float] = field(default_factory=dict)
    contenders: frozenset[str] = _OURS
    settled_s: float = 3.0
    measured_s: float = 3.0
    change: Conditions | None = None
    change_s: float = 0.0
    flows: int = 1
    apart_s: float = 0.0
    has_game: bool = False
    piece_bytes: int = 0
    beside: str = ""
    is_lossy_back: bool = False

    @property
    def seconds(self) -> float:
        """From the first flow's beginning to the end."""
        return self.settled_s + self.measured_s

    @property
    def down(self) -> Conditions:
        """The way back."""
        return Conditions(latency=self.up.latency, loss=self.up.loss if self.is_lossy_back else 0.0)

    @property
    def rate(self) -> int:
        """Of the line while it is measured; 0 is no limit."""
        return (self.change or self.up).bottleneck_bytes_per_second

    @property
    def bulk_bytes(self) -> int:
        """The size of a message."""
        slowest = min(self.up.bottleneck_bytes_per_second, self.rate)
        return self.piece_bytes or (min(PIECE_BYTES, int(slowest * _PIECE_S)) if slowest else PIECE_BYTES)

    @property
    def ahead_bytes(self) -> int:
        """What waits at the sender."""
        rate = max(self.up.bottleneck_bytes_per_second, self.rate)
        if not rate:
            return _UNLIMITED_AHEAD_BYTES
        return max(int(rate * _AHEAD_S), 4 * self.bulk_bytes, _AHEAD_BYTES_MIN if rate >= MB else 0)

    def misses(self, figures: dict[str, float]) -> list[str]:
        """What is not as expected, for people."""
        return targets.misses(self.expected, figures)


def _line(rate: int, round_trip_s: float, **conditions: Any) -> Conditions:
    """A bottleneck with a queue of 100 ms unless told otherwise."""
    return Conditions(bottleneck_bytes_per_second=rate, latency=round_trip_s / 2, **conditions)


_TWENTY: Final = _line(20 * MB, 0.05)


def _twenty(**conditions: Any) -> Conditions:
    return replace(_TWENTY, **conditions)


def _share(name: str, path: str, percent: int, up: Conditions, **more: Any) -> Row:
    given: dict[str, Any] = {"contenders": _ALL, "expected": {"share": percent / 100}, **more}
    return Row(name, path, f"{percent} %", up, **given)


def _equals(name: str, flows: int, settled_s: float, apart_s: float) -> Row:
    """Several flows of ours, which begin one after another."""
    return Row(
        name,
        f"{name} flows, 4 MB/s, 50 ms",
        "Jain 0.97",
        _line(4 * MB, 0.05),
        {"jain": 0.97, "share": 0.85},
        settled_s=settled_s,
        measured_s=10.0,
        flows=flows,
        apart_s=apart_s,
    )


def _beside(queue_ms: int, other: str, title: str, least: float) -> Row:
    """One flow of ours and one of another system, through one line."""
    up = _line(4 * MB, 0.04, bottleneck_queue=queue_ms / 1000)
    return Row(
        f"beside-{other.partition('-')[2]}-{queue_ms}",
        f"beside one flow of {title}, 4 MB/s, 40 ms, queue of {queue_ms} ms",
        f"each {least} of its half",
        up,
        {"half_of_ours": least, "half_of_other": least} if least > 0.5 else {"half_of_ours": least},
        settled_s=6.0,
        measured_s=12.0,
        beside=other,
    )


ROWS: Final = (
    _share("clean", "20 MB/s, 50 ms", 95, _TWENTY),
    _share("loss-1", "20 MB/s, 50 ms, 1 % lost at random", 90, _twenty(loss=0.01)),
    _share("loss-3", "20 MB/s, 50 ms, 3 % lost at random", 85, _twenty(loss=0.03)),
    _share("bursts", "20 MB/s, 50 ms, 1 % lost, in bursts of five", 90, _twenty(burst_start=0.002, burst_end=0.2)),
    _share("reordering", "20 MB/s, 50 ms, 2 % late by 4 ms", 90, _twenty(reorder=0.02, reorder_delay=0.004)),
    _share(
        "jitter-2",
        "20 MB/s, 50 ms, jitter 2 ms, overtaking",
        88,
        _twenty(jitter_average=0.002, jitter_maximum=0.01, jitter_probability=1.0, jitter_reorders=True),
    ),
    _share(
        "jitter-5",
        "20 MB/s, 50 ms, jitter 5 ms, in order",
        80,
        _twenty(jitter_average=0.005, jitter_maximum=0.025, jitter_probability=1.0),
    ),
    _share(
        "far",
        "20 MB/s, 200 ms, 1 % lost at random, from the second second on",
        90,
        _line(20 * MB, 0.2, loss=0.01),
        settled_s=2.0,
    ),
    _share("reference-clean", "20 MB/s, 50 ms, to the reference library", 90, _TWENTY, contenders=_TO_REFERENCE),
    _share("reference-loss-1", "... 1 % lost at random", 82, _twenty(loss=0.01), contenders=_TO_REFERENCE),
    _share("reference-loss-3", "... 3 % lost at random", 70, _twenty(loss=0.03), contenders=_TO_REFERENCE),
    Row(
        "both-ways",
        "no limit, 50 ms, 5 % lost each way",
        "40 MB/s",
        Conditions(latency=0.025, loss=0.05),
        {"megabytes_per_second": 40.0},
        _REFERENCE,
        is_lossy_back=True,
    ),
    Row(
        "game-beside-bulk",
        "2 MB/s, 40 ms, queue of 1 s, bulk beside a game at 30 Hz",
        "game +20 ms, bulk 93 %",
        _line(2 * MB, 0.04, bottleneck_queue=1.0),
        {"share": 0.93, "-game_p95_ms": 20.0},
        _ALL,
        has_game=True,
    ),
    Row(
        "slower",
        "10 to 1 MB/s after 3 s, queue of 500 ms, bulk beside a game",
        "settled in 1 s, then 3 % lost, game +50 ms",
        _line(10 * MB, 0.04, bottleneck_queue=0.5),
        {"-settled_s": 1.0, "-lost_percent": 3.0, "-game_p95_ms": 50.0, "share": 0.85},
        _STREAMS,
        settled_s=4.0,
        measured_s=4.0,
        change=_line(MB, 0.04, bottleneck_queue=0.5),
        change_s=3.0,
        has_game=True,
    ),
    _share(
        "faster",
        "1 to 10 MB/s after 3 s, from 3 s later on",
        90,
        _line(MB, 0.05),
        contenders=_STREAMS,
        settled_s=6.0,
        measured_s=2.0,
        change=_line(10 * MB, 0.05),
        change_s=3.0,
    ),
    _equals("two", 2, settled_s=12.0, apart_s=1.0),
    _equals("ten", 10, settled_s=13.0, apart_s=0.3),
    *(_beside(queue_ms, "tcp-cubic", "TCP CUBIC", 0.6) for queue_ms in (50, 100, 150)),
    _beside(100, "tcp-bbr", "TCP BBR", 0.4),
    Row(
        "slow-line",
        "250 kB/s, 40 ms, queue of 1 s",
        "90 %, queue median 15 ms",
        _line(250_000, 0.04, bottleneck_queue=1.0),
        {"share": 0.90, "-queue_median_ms": 15.0},
    ),
    _share(
        "large-messages",
        "messages of 400 kB, 5 MB/s, 50 ms, 1 % lost at random",
        90,
        _line(5 * MB, 0.05, loss=0.01),
        contenders=_REFERENCE,
        piece_bytes=400_000,
    ),
)
"""All of them, in the order of the table."""

BY_NAME: Final = {row.name: row for row in ROWS}
