"""How does the table of the simulator get into the documentation? As a page and a picture, from a JSON result alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.documents import read_result, write_files
from benchmarks.simulated import series
from benchmarks.simulated.rows import ROWS, Row
from benchmarks.systems import needs

TABLE: Final = needs.ROOT / "docs" / "lossy-simulated-table.md"
PICTURE: Final = needs.ROOT / "docs" / "images" / "lossy-simulated.svg"

HEADER: Final = "| Row | Path and traffic | Target | Measured |\n|---|---|---|---|"
UNITS: Final = {
    "share": "{:.1%} of the link",
    "megabytes_per_second": "{:.1f} MB/s",
    "queue_median_ms": "queue median {:.1f} ms",
    "queue_p95_ms": "p95 {:.1f} ms",
    "game_p95_ms": "game p95 {:.1f} ms",
    "settled_s": "settled in {:.2f} s",
    "lost_percent": "{:.1f} % lost",
    "jain": "Jain {:.3f}",
    "ours": "ours {:.2f}",
    "theirs": "theirs {:.2f}",
}


def in_words(figures: dict[str, float]) -> str:
    """What was measured, for people."""
    return ", ".join(UNITS[name].format(number) for name, number in figures.items())


def line(row: Row, figures: dict[str, float]) -> str:
    """One row of a Markdown table; what missed its target is marked."""
    mark = " (missed)" if row.misses(figures) else ""
    return f"| `{row.name}` | {row.path} | {row.target} | {in_words(figures)}{mark} |"


def as_json(rows: dict[str, dict[str, float]], seed: int) -> dict[str, Any]:
    """The figures by row, and what the plots show, which is run for it."""
    described = machine.describe()
    return {"machine": described, "seed": seed, "rows": rows, "series": series.collect(seed)}


def write(source: Path) -> None:
    """Writes page and picture. Raises `OSError` or `ValueError` when `source` is no JSON result of this command."""
    result = read_result(source, "python -m benchmarks.simulated", "rows", "series")
    footer = f"Taken {result['machine']['taken']}, gamesockets {result['machine']['gamesockets']}"
    picture = series.picture(result["series"], result["seed"], footer)
    write_files({TABLE: as_page(result), PICTURE: picture})


def as_page(result: dict[str, Any]) -> str:
    """Markdown."""
    described = result["machine"]
    lines = [
        "<!-- Written by `python -m benchmarks.simulated --docs FILE`; do not edit. -->",
        "",
        f"gamesockets {described['gamesockets']}, seed {result['seed']}, {described['taken']}, {described['python']}, "
        f"{described['processor']}; the same on every machine.",
        "",
        HEADER,
        *[line(row, result["rows"][row.name]) for row in ROWS if row.name in result["rows"]],
    ]
    return "\n".join(lines) + "\n"
