"""How does one read what was measured? As a table of Markdown, as JSON, and as a page with a picture."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.documents import read_result, write_files
from benchmarks.lossy import plots
from benchmarks.lossy.contenders import CONTENDERS, OURS
from benchmarks.lossy.figures import Figures, Series, in_words, machine_limits
from benchmarks.lossy.rows import BY_NAME, ROWS, Row
from benchmarks.systems import needs

TABLE: Final = needs.ROOT / "docs" / "lossy-table.md"
PICTURE: Final = needs.ROOT / "docs" / "images" / "lossy.svg"
TO_REFERENCE: Final = "ours-to-gns"
_MARK: Final = " *"
"""Behind figures that the machine may have limited."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row measured for one contender.

    Attributes:
        row: its name.
        contender: its name.
        figures: what was measured; empty if it failed.
        machine: how busy it was.
        series: for plots.
        error: why it failed; empty if it did not.
    """

    row: str
    contender: str
    figures: Figures
    machine: dict[str, float]
    series: Series
    error: str

    @property
    def limits(self) -> list[str]:
        """Why the figures may be the machine's."""
        return machine_limits(self.machine)


def as_json(runs: Sequence[Run], line: str, note: str, seed: int) -> dict[str, Any]:
    """Everything."""
    return {
        "machine": machine.describe(),
        "line": line,
        "note": note,
        "seed": seed,
        "runs": [asdict(run) for run in runs],
    }


def columns(names: Iterable[str]) -> list[str]:
    """The contenders that have a column, in order: those who receive by the reference library stand in ours."""
    present = set(names)
    if TO_REFERENCE in present and not present & set(OURS):
        present.add(OURS[0])
    return [name for name in CONTENDERS if name in present and name != TO_REFERENCE]


def header(names: Sequence[str]) -> str:
    """The first two lines of the table."""
    titles = " | ".join(CONTENDERS[name].title for name in names)
    return f"| Row | Line and traffic | Target | {titles} |\n|---|---|---|{'---|' * len(names)}"


def line(row: Row, runs: Sequence[Run], names: Sequence[str]) -> str:
    """One row of it: medians over the runs; our misses in bold, a star where the machine may have been the limit."""
    cells = []
    for name in names:
        mine = [
            run
            for run in runs
            if run.row == row.name
            and (run.contender == name or (run.contender == TO_REFERENCE and name == _our_column(names)))
        ]
        cells.append(_cell(row, name, mine))
    return f"| `{row.name}` | {row.path} | {row.target} | {' | '.join(cells)} |"


def _our_column(names: Sequence[str]) -> str:
    return next((name for name in OURS if name in names), "")


def _cell(row: Row, name: str, runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    good = best(runs)
    if not good:
        return "failed"
    found = medians([run.figures for run in good])
    text = in_words(row, found)
    if name in OURS and row.misses(found):
        text = f"**{text}**"
    return text + (_MARK if any(run.limits for run in good) else "")


def best(runs: Sequence[Run]) -> list[Run]:
    """Whose figures count: of those that did not fail, those that the machine did not limit, if there are any."""
    good = [run for run in runs if not run.error]
    return [run for run in good if not run.limits] or good


def medians(figures: Sequence[Figures]) -> Figures:
    """Of each figure."""
    return {name: statistics.median(those[name] for those in figures) for name in figures[0]}


def remarks(runs: Sequence[Run]) -> list[str]:
    """What stands below the table: failures, and where the machine was the limit."""
    lines = [f"FAILED `{run.row}`, {run.contender}: {run.error}" for run in runs if run.error]
    limited: dict[str, list[str]] = {}
    for run in runs:
        if run.limits:
            limited.setdefault(run.row, []).append(f"{CONTENDERS[run.contender].title} ({', '.join(run.limits)})")
    lines += [
        f"`{row}`: the machine may have been the limit for {', '.join(dict.fromkeys(those))}"
        for row, those in limited.items()
    ]
    return lines


def missed(runs: Sequence[Run]) -> bool:
    """Whether a figure of ours is not as expected, or a run failed."""
    return any(
        run.error or (run.contender in (*OURS, TO_REFERENCE) and BY_NAME[run.row].misses(run.figures)) for run in runs
    )


def write(sources: Sequence[Path]) -> None:
    """Writes page and picture from JSON results. Raises `OSError` or `ValueError` when one is no such result."""
    results = [read_result(source, "python -m benchmarks.lossy", "runs", "line") for source in sources]
    write_files({TABLE: as_page(results), PICTURE: as_picture(results)})


def _shown(row: str, contender: str, runs: Sequence[Run]) -> list[Run]:
    """Those that a page tells of: the failed ones only where all have failed."""
    those = [run for run in runs if (run.row, run.contender) == (row, contender)]
    return best(those) or those


def _runs(results: Sequence[dict[str, Any]]) -> list[Run]:
    return [Run(**run) for result in results for run in result["runs"]]


def as_page(results: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    runs = _runs(results)
    names = columns(run.contender for run in runs)
    first = results[0]
    described = {**first["machine"], "taken": _span(results)}
    described["gamesockets"] = _together(result["machine"]["gamesockets"] for result in results)
    notes = list(dict.fromkeys(result["note"] for result in results if result["note"]))
    lines = [
        "<!-- Written by `python -m benchmarks.lossy --docs FILE`; do not edit. -->",
        "",
        "| Measured on | |",
        "|---|---|",
        *[f"| {key} | {value} |" for key, value in described.items()],
        f"| line | {_together(result['line'] for result in results)} |",
        *[f"| note | {note} |" for note in notes],
        "",
        "| Column | |",
        "|---|---|",
        *[f"| {CONTENDERS[name].title} | {CONTENDERS[name].about} |" for name in names],
        "",
        header(names),
        *[line(row, runs, names) for row in ROWS if any(run.row == row.name for run in runs)],
    ]
    below = remarks([run for row in ROWS for name in CONTENDERS for run in _shown(row.name, name, runs)])
    if below:
        lines += ["", *[f"- {text}" for text in below]]
    return "\n".join(lines) + "\n"


def as_picture(results: Sequence[dict[str, Any]]) -> str:
    """SVG."""
    described = results[0]["machine"]
    runs = _runs(results)
    pairs = dict.fromkeys((run.row, run.contender) for run in runs)
    shown = {pair: those[0].series for pair in pairs if (those := best(_shown(*pair, runs)))}
    return plots.draw_real(
        shown,
        f"Real sockets, {results[0]['line']}, on {described['cores']} cores ({described['processor']})",
        f"Taken {_span(results)}, gamesockets {described['gamesockets']}",
    )


def _span(results: Sequence[dict[str, Any]]) -> str:
    """When the first was taken, and when the last."""
    taken = sorted({str(result["machine"]["taken"]) for result in results})
    return taken[0] if len(taken) == 1 else f"{taken[0]} to {taken[-1]}"


def _together(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
