"""How do figures get into the documentation? As a page of tables and a chart, both written from a JSON result alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.chart import Bar, Panel, draw
from benchmarks.documents import read_result, write_files
from benchmarks.report import Summary, cells
from benchmarks.runner import OTHERS
from benchmarks.scenarios import SCENARIOS
from benchmarks.systems import SYSTEMS, needs

TABLE: Final = needs.ROOT / "docs" / "performance-table.md"
CHART: Final = needs.ROOT / "docs" / "images" / "performance.svg"
_MINE: Final = frozenset({"ours", "aio"})
"""How the names of our own systems begin, up to the first hyphen."""
_LABELS: Final = {
    "ours": "gamesockets",
    "ours-compiled": "gamesockets, compiled",
    "ours-batch": "gamesockets, batches",
    "ours-batch-compiled": "compiled, batches",
    "ours-sleep": "batches, asleep",
    "ours-sleep-compiled": "compiled, batches, asleep",
    "aio": "gamesockets.aio",
    "aio-compiled": "gamesockets.aio, compiled",
    "aio-tasks": "gamesockets.aio, tasks",
    "aio-tasks-compiled": "aio, tasks, compiled",
    "aio-uvloop": "gamesockets.aio, uvloop",
    "gns-native": "reference library",
    "gns": "reference library, ctypes",
    "gns-batch": "reference library, ctypes batches",
    "gns-manual": "reference library, by hand",
    "udp": "UDP socket",
    "enet": "pyenet",
}
"""What the chart calls a system for those who do not know the suite; the others by their names."""


class _Chosen(NamedTuple):
    """A figure that the chart shows."""

    scenario: str
    key: str
    title: str
    unit: str
    decimals: int
    more_is_better: bool


_CHOSEN: Final = (
    _Chosen("bulk", "megabytes_per_s", "Bulk, reliable 64 KiB messages", "MB/s", 0, True),
    _Chosen("bulk", "sender_cpu_s_per_gb", "Bulk: what sending costs", "CPU s/GB", 2, False),
    _Chosen("reliable-flood", "messages_per_s", "Small reliable messages, 64 bytes", "a second", 0, True),
    _Chosen("unreliable-flood", "messages_per_s", "Small unreliable messages, 64 bytes", "arriving a second", 0, True),
    _Chosen("ping-unreliable", "median_us", "Round trip, 64 bytes unreliable", "median µs", 0, False),
    _Chosen("handshakes", "handshakes_per_s", "Handshakes, one after another", "a second", 0, True),
    _Chosen("game-500", "server_cpu_percent", "Game server at 30 Hz, 500 clients", "CPU % of a core", 1, False),
    _Chosen("game-500", "down_p99_ms", "Game server: from the tick to the client", "99th percentile ms", 1, False),
    _Chosen("broadcast-500", "server_cpu_percent", "Broadcast at 30 Hz, 500 clients", "CPU % of a core", 1, False),
    _Chosen("storm-200", "median_ms", "200 clients connect at once", "median ms until in", 0, False),
    _Chosen("game-capacity", "clients", "Game server: clients with 99 % delivered", "clients", 0, True),
    _Chosen("lossy-bulk", "megabytes_per_s", "Bulk at 50 ms and 1 % loss", "MB/s", 1, True),
    _Chosen("stream-beside-bulk", "p95_ms", "30 Hz stream beside bulk, one way", "95th percentile ms", 1, False),
    _Chosen("idle", "server_bytes_per_connection", "Idle connection, server side", "bytes", 0, False),
    _Chosen("busy-server", "late_p99_ms", "Acks while the game computes 50 ms", "99th percentile ms late", 1, False),
)


def write(source: Path) -> None:
    """Writes both files. Raises `OSError` or `ValueError` when `source` is no JSON result of this suite."""
    result = read_result(source, "python -m benchmarks", "summary")
    write_files({TABLE: as_page(result), CHART: as_chart(result)})


def as_page(result: dict[str, Any]) -> str:
    """Markdown: the machine, the systems, a table for each scenario."""
    summary: Summary = result["summary"]
    systems = dict.fromkeys(system for by_system in summary.values() for system in by_system)
    lines = [
        "<!-- Written by `python -m benchmarks --docs FILE`; do not edit. -->",
        "",
        "| Measured on | |",
        "|---|---|",
        *[f"| {key} | {value} |" for key, value in result["machine"].items()],
        f"| repeats | {_repeats(result)}, systems in turn; medians, with least and most in brackets |",
        f"| settings | {result['settings']} |",
        *([f"| note | {result['note']} |"] if result["note"] else []),
        "",
        "| System | |",
        "|---|---|",
        *[f"| `{name}` | {SYSTEMS[name].about if name in SYSTEMS else ''} |" for name in systems],
    ]
    for name, by_system in summary.items():
        if name not in SCENARIOS:
            continue
        scenario = SCENARIOS[name]
        metrics = (*scenario.metrics, OTHERS)
        lines += [
            "",
            f"### {name}",
            "",
            f"{scenario.about[0].upper()}{scenario.about[1:]}.{_clients(result, name)}",
            "",
            f"| | {' | '.join(metric.title for metric in metrics)} |",
            "|---|" + "--:|" * len(metrics),
            *[f"| `{system}` | {' | '.join(cells(metrics, figures))} |" for system, figures in by_system.items()],
        ]
    return "\n".join(lines) + "\n"


def as_chart(result: dict[str, Any]) -> str:
    """SVG: the chosen figures."""
    summary: Summary = result["summary"]
    panels = []
    for chosen in _CHOSEN:
        bars = [
            Bar(
                _LABELS.get(name, name),
                figure["median"],
                figure["least"],
                figure["most"],
                name.partition("-")[0] in _MINE,
            )
            for name, figures in summary.get(chosen.scenario, {}).items()
            if (figure := figures.get(chosen.key)) is not None
        ]
        if bars:
            bars.sort(key=lambda bar: bar.median, reverse=chosen.more_is_better)
            panels.append(Panel(chosen.title, chosen.unit, chosen.decimals, chosen.more_is_better, bars))
    machine = result["machine"]
    return draw(
        "gamesockets beside others",
        f"Two processes over loopback on {machine['cores']} cores ({machine['processor']}), {machine['python']}; "
        f"medians of {_repeats(result)} repeats, lines from least to most",
        f"Taken {machine['taken']}, gamesockets {machine['gamesockets']}",
        panels,
    )


def _repeats(result: dict[str, Any]) -> int:
    return 1 + max((run["repeat"] for run in result["runs"]), default=0)


def _clients(result: dict[str, Any], scenario: str) -> str:
    """Who played the clients, where one system plays them for others."""
    if not SCENARIOS[scenario].has_load_generator:
        return ""
    players = {run["plan"]["client"] for run in result["runs"] if run["plan"]["scenario"] == scenario}
    return f" Clients played by: {', '.join(f'`{name}`' for name in sorted(players))}."
