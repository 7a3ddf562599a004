"""What do the bytes, delays and queues that were seen say? Figures for the table, series for the plots."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from benchmarks.lossy.plan import BIN_S
from benchmarks.lossy.rows import MB, Row
from benchmarks.lossy.run import Raw
from benchmarks.targets import jain

Figures: TypeAlias = dict[str, float]
Series: TypeAlias = dict[str, list[tuple[float, float]]]

SETTLED_QUEUE_S: Final = 0.02
"""A queue that is not longer has settled after a change."""
BUSY_PERCENT: Final = 90.0
WAITED_PERCENT: Final = 20.0
LATE_PERCENT: Final = 1.0
_PERCENTILE: Final = 95
_PLOT_STEP_S: Final = 0.1


def figures(row: Row, contender: str, raw: Raw) -> Figures:
    """All that the row asks for."""
    flows = [_rate(bins, row.settled_s, row.seconds) for bins in raw.arrived[contender]]
    found: Figures = {}
    if row.rate:
        found["share"] = sum(flows) / row.rate
        waits = [sample.wait_s for sample in raw.queue if row.settled_s <= sample.at_s < row.seconds]
        found["queue_median_ms"] = 1000 * percentile(waits, 50)
        found["queue_p95_ms"] = 1000 * percentile(waits, _PERCENTILE)
    else:
        found["megabytes_per_second"] = sum(flows) / MB
    if len(flows) > 1:
        found["jain"] = jain(flows)
    if row.beside:
        half = row.rate / 2
        other = sum(_rate(bins, row.settled_s, row.seconds) for bins in raw.arrived[row.beside])
        found["half_of_ours"] = sum(flows) / half
        found["half_of_other"] = other / half
    if row.has_game:
        late = [took - row.up.latency for at, took in raw.game if row.settled_s <= at < row.seconds]
        found["game_p95_ms"] = 1000 * percentile(late, _PERCENTILE)
    if row.change is not None and row.has_game:
        found |= _after_change(row, raw)
    return found


def _after_change(row: Row, raw: Raw) -> Figures:
    """When the queue was last longer than when settled, and what it dropped while it was measured."""
    long = [sample.at_s for sample in raw.queue if sample.at_s < row.seconds and sample.wait_s > SETTLED_QUEUE_S]
    during = [sample for sample in raw.queue if row.settled_s <= sample.at_s < row.seconds]
    entered = during[-1].entered - during[0].entered
    dropped = during[-1].dropped - during[0].dropped
    settled_s = max(0.0, max(long, default=0.0) - raw.change_s)
    return {"settled_s": settled_s, "lost_percent": 100 * dropped / max(1, entered)}


def machine_limits(machine: dict[str, float]) -> list[str]:
    """Why these figures may be the machine's and not the line's; empty if they are the line's."""
    reasons = []
    for side in ("sender", "receiver"):
        busy, waited = machine.get(f"{side}_cpu_percent", 0.0), machine.get(f"{side}_waited_percent", 0.0)
        if busy >= BUSY_PERCENT:
            reasons.append(f"the {side} at {busy:.0f} % of a processor")
        if waited >= WAITED_PERCENT:
            reasons.append(f"the {side} waiting for a processor in {waited:.0f} % of the time")
    if machine.get("link_late_percent", 0.0) >= LATE_PERCENT:
        reasons.append(f"the relay late with {machine['link_late_percent']:.1f} % of the packets")
    if machine.get("link_overflowed", 0.0):
        reasons.append(f"{machine['link_overflowed']:.0f} packets overflowed in front of the relay")
    return reasons


def series(row: Row, raw: Raw) -> Series:
    """What a plot shows, by name: goodput of each flow in MB/s, queue and game delays in ms, the estimate in MB/s."""
    found: Series = {}
    for name, flows in raw.arrived.items():
        for index, bins in enumerate(flows):
            key = f"goodput {name}" + (f" {index + 1}" if len(flows) > 1 else "")
            steps = range(int(row.seconds / BIN_S))
            found[key] = [(round(step * BIN_S, 3), round(bins.get(step, 0) / BIN_S / MB, 4)) for step in steps]
    found["queue"] = _thinned([(sample.at_s, 1000 * sample.wait_s) for sample in raw.queue], row.seconds)
    if raw.game:
        found["game"] = _rounded(
            [(at, 1000 * (took - row.up.latency)) for at, took in raw.game if 0 <= at < row.seconds]
        )
    estimates = [(sample["at_s"], sample["estimate"] / MB) for sample in raw.samples if sample.get("estimate")]
    if estimates:
        found["estimate"] = _rounded(estimates)
    return found


def _thinned(points: list[tuple[float, float]], end_s: float) -> list[tuple[float, float]]:
    """The largest of each step."""
    largest: dict[int, float] = {}
    for at, value in points:
        if 0 <= at < end_s:
            step = int(at / _PLOT_STEP_S)
            largest[step] = max(value, largest.get(step, 0.0))
    return [(round(step * _PLOT_STEP_S, 3), round(value, 2)) for step, value in sorted(largest.items())]


def _rounded(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(round(at, 3), round(value, 3)) for at, value in points]


def _rate(bins: dict[int, int], since_s: float, end_s: float) -> float:
    """Bytes/s of that time."""
    first, behind = round(since_s / BIN_S), round(end_s / BIN_S)
    return sum(size for at, size in bins.items() if first <= at < behind) / (end_s - since_s)


def percentile(values: list[float], percent: int) -> float:
    """That one; infinite if there are no values."""
    values = sorted(values)
    return values[min(len(values) * percent // 100, len(values) - 1)] if values else float("inf")


UNITS: Final[dict[str, Any]] = {
    "share": lambda value: f"{100 * value:.0f} %",
    "megabytes_per_second": lambda value: f"{value:.1f} MB/s",
    "game_p95_ms": lambda value: f"game +{value:.0f} ms",
    "settled_s": lambda value: f"settled in {value:.2f} s",
    "lost_percent": lambda value: f"{value:.1f} % lost",
    "jain": lambda value: f"Jain {value:.3f}",
    "half_of_ours": lambda value: f"ours {value:.2f}",
    "half_of_other": lambda value: f"other {value:.2f}",
    "queue_median_ms": lambda value: f"queue {value:.0f} ms",
}


def in_words(row: Row, found: Figures) -> str:
    """A cell of the table: what is expected of us first, then whatever else the row is about."""
    if row.beside:
        names = ["half_of_ours", "half_of_other"]
    else:
        wanted = {name.lstrip("-") for name in row.expected}
        names = [name for name in UNITS if name in wanted and name in found]
    if "share" in found and not row.beside and "queue_median_ms" not in names:
        names.append("queue_median_ms")
    return ", ".join(UNITS[name](found[name]) for name in names)
