"""How are the figures of attacks shown? As a table in Markdown, and as a page of the documentation."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.hostile.kinds import APIS, KINDS
from benchmarks.hostile.run import NO_ATTACK, Figures
from benchmarks.systems import needs

PAGE: Final = needs.ROOT / "docs" / "hostile-table.md"

TARGET_PERCENT: Final = {True: 99.0, False: 90.0}
"""Of honest messages that must arrive, at the limited speed and at full speed."""

_SPEEDS: Final = {
    True: "10 Mbit/s or 20,000 datagrams a second, whichever is less",
    False: "As fast as one process can",
}

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


def as_json(all_figures: Sequence[Figures], machine: Mapping[str, str | int]) -> str:
    """Everything, for `write_page`."""
    return json.dumps({"machine": machine, "figures": [asdict(figures) for figures in all_figures]}, indent=1) + "\n"


def write_page(sources: Sequence[Path]) -> None:
    """The page of the documentation, from what `as_json` has written. Raises `OSError`, `ValueError`, `KeyError`."""
    reports: list[dict[str, Any]] = [json.loads(source.read_text(encoding="utf-8")) for source in sources]
    found = {}
    for report in reports:
        for fields in report["figures"]:
            figures = Figures(**fields)
            found[figures.is_limited, figures.kind, figures.api] = figures
    lines = [
        "<!-- Written by `python -m benchmarks.hostile --docs FILE`; do not edit. -->",
        "",
        "| Measured on | |",
        "|---|---|",
    ]
    lines += [f"| {name} | {text} |" for name, text in reports[-1]["machine"].items()]
    for is_limited, title in _SPEEDS.items():
        chosen = [
            found[is_limited, name, api]
            for name in (NO_ATTACK, *KINDS)
            for api in APIS
            if (is_limited, name, api) in found
        ]
        if chosen:
            lines += ["", f"### {title}", "", as_table(chosen)]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
