"""How are the figures of attacks shown? As a table in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from benchmarks.hostile.kinds import KINDS
from benchmarks.hostile.run import NO_ATTACK, Figures

TARGET_PERCENT: Final = {True: 99.0, False: 90.0}
"""Of honest messages that must arrive, at the limited speed and at full speed."""

_COLUMNS: Final = (
    "attack",
    "what it does",
    "API",
    "datagrams/s",
    "Mbit/s",
    "up %",
    "down %",
    "round trip ms, median / 99 %",
    "new clients in, median / worst ms",
    "server CPU %, waited %",
    "memory MiB, more / left",
    "what rose",
)
_SHOWN_COUNTS: Final = 3


def as_table(all_figures: Iterable[Figures]) -> str:
    """A line for each measurement."""
    lines = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    lines += [_line(_cells(figures)) for figures in all_figures]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(figures: Figures) -> list[str]:
    what = "nothing" if figures.kind == NO_ATTACK else KINDS[figures.kind].text
    counts = list(figures.limits.items())[:_SHOWN_COUNTS]
    return [
        f"`{figures.kind}`",
        what,
        figures.api,
        f"{figures.attack_datagrams_per_s:,.0f}",
        _number(figures.attack_megabits_per_s, 1),
        _share(figures.up_percent, figures.is_limited),
        _share(figures.down_percent, figures.is_limited),
        f"{_number(figures.round_trip_median_ms, 1)} / {_number(figures.round_trip_99_ms, 0)}",
        f"{figures.entered} of {figures.newcomers}, "
        f"{_number(figures.entered_median_ms, 0)} / {_number(figures.entered_worst_ms, 0)}",
        f"{_number(figures.server_cpu_percent, 0)}, {_number(figures.server_waited_percent, 0)}",
        f"{_number(figures.memory_growth_mib, 1)} / {_number(figures.memory_left_mib, 1)}",
        ", ".join(f"{name} {count:,}" for name, count in counts) or "nothing",
    ]


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _share(percent: float, is_limited: bool) -> str:
    """In bold where it misses the target."""
    text = _number(percent, 1)
    return text if percent >= TARGET_PERCENT[is_limited] else f"**{text}**"
