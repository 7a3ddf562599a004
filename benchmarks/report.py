"""What do the runs say together? Median and range of each figure, as a table of plain text and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from benchmarks import machine
from benchmarks.plan import SETTINGS
from benchmarks.runner import OTHERS, Outcome
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.base import Metric
from benchmarks.systems import SYSTEMS

Range: TypeAlias = dict[str, float]
"""Median, least and most of one figure over the repeats."""
Summary: TypeAlias = dict[str, dict[str, dict[str, Range]]]
"""By scenario, system and figure."""


def summarize(outcomes: Sequence[Outcome]) -> Summary:
    """The runs that worked."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for outcome in outcomes:
        figures = values.setdefault((outcome.plan.scenario, outcome.plan.system), {})
        for key, value in outcome.figures.items() if not outcome.error else ():
            figures.setdefault(key, []).append(value)
    summary: Summary = {}
    for (scenario, system), figures in values.items():
        rows = {
            key: {"median": statistics.median(those), "least": min(those), "most": max(those)}
            for key, those in figures.items()
        }
        summary.setdefault(scenario, {})[system] = rows
    return summary


def as_json(outcomes: Sequence[Outcome], note: str = "") -> dict[str, Any]:
    """Everything: the machine, the summary, each run's figures."""
    return {
        "machine": machine.describe(),
        "note": note,
        "settings": SETTINGS,
        "took_s": sum(outcome.took_s for outcome in outcomes),
        "summary": summarize(outcomes),
        "runs": [asdict(outcome) for outcome in outcomes],
    }


def as_table(outcomes: Sequence[Outcome]) -> str:
    """One table a scenario: a row a system, `median (least..most)` in the cells."""
    summary = summarize(outcomes)
    lines = [f"{key}: {value}" for key, value in machine.describe().items()]
    lines += [f"settings: {SETTINGS}", ""]
    systems = dict.fromkeys(outcome.plan.system for outcome in outcomes)
    lines += [f"{name}: {SYSTEMS[name].about}" for name in systems]
    for name, by_system in summary.items():
        scenario = SCENARIOS[name]
        metrics = (*scenario.metrics, OTHERS)
        rows = [["", *[metric.title for metric in metrics]]]
        rows += [[system, *cells(metrics, figures)] for system, figures in by_system.items()]
        lines += ["", f"{name}: {scenario.about}", *_aligned(rows)]
        clients = {outcome.plan.client for outcome in outcomes if outcome.plan.scenario == name}
        if scenario.has_load_generator:
            lines.append(f"  clients played by: {', '.join(sorted(clients))}")
    return "\n".join(lines + _failures(outcomes))


def cells(metrics: Sequence[Metric], figures: Mapping[str, Range]) -> list[str]:
    """A figure each, `-` where there is none."""
    return [_cell(metric, figures.get(metric.key)) for metric in metrics]


def _cell(metric: Metric, figure: Range | None) -> str:
    if figure is None:
        return "-"
    low, middle, high = (f"{figure[key]:,.{metric.decimals}f}" for key in ("least", "median", "most"))
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
