"""What do the runs say together? Median and range of each figure, as a table of plain text and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.plan import SETTINGS
from benchmarks.runner import OTHERS, Outcome
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.base import Metric
from benchmarks.systems import SYSTEMS


def machine() -> dict[str, str | int]:
    """What the figures depend on, as far as the system tells."""
    return {
        "processors": os.cpu_count() or 0,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "taken": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything: each run's figures, and median, least and most over the repeats."""
    summary: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for scenario, system in _keys(outcomes):
        rows = {key: _range(values) for key, values in _figures(outcomes, scenario, system).items()}
        summary.setdefault(scenario, {})[system] = rows
    return {
        "machine": machine(),
        "settings": SETTINGS,
        "summary": summary,
        "runs": [asdict(outcome) for outcome in outcomes],
    }


def as_table(outcomes: Sequence[Outcome]) -> str:
    """One table a scenario: a row a system, `median (least..most)` in the cells."""
    parts = [f"{key}: {value}" for key, value in machine().items()]
    lines = ["; ".join(parts), SETTINGS, ""]
    systems = list(dict.fromkeys(system for _, system in _keys(outcomes)))
    lines += [f"{name}: {SYSTEMS[name].about}" for name in systems]
    for name in dict.fromkeys(scenario for scenario, _ in _keys(outcomes)):
        scenario = SCENARIOS[name]
        metrics = (*scenario.metrics, OTHERS)
        rows = [["", *[metric.title for metric in metrics]]]
        for _, system in [key for key in _keys(outcomes) if key[0] == name]:
            figures = _figures(outcomes, name, system)
            rows.append([system, *[_cell(metric, figures.get(metric.key)) for metric in metrics]])
        lines += ["", f"{name}: {scenario.about}", *_aligned(rows)]
    lines += _failures(outcomes)
    return "\n".join(lines)


def _keys(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((outcome.plan.scenario, outcome.plan.system) for outcome in outcomes))


def _figures(outcomes: Sequence[Outcome], scenario: str, system: str) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {}
    for outcome in outcomes:
        if (outcome.plan.scenario, outcome.plan.system) == (scenario, system) and not outcome.error:
            for key, value in outcome.figures.items():
                figures.setdefault(key, []).append(value)
    return figures


def _range(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _cell(metric: Metric, values: list[float] | None) -> str:
    if not values:
        return "-"
    low, middle, high = (
        f"{value:,.{metric.decimals}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low}..{high})"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _failures(outcomes: Sequence[Outcome]) -> list[str]:
    failed = [outcome for outcome in outcomes if outcome.error]
    return [
        f"\nFAILED {outcome.plan.scenario} on {outcome.plan.system}, repeat {outcome.repeat + 1}: {outcome.error}"
        for outcome in failed
    ]
