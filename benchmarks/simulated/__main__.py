"""Prints the table: each row's path, what is expected and what was measured.

python -m benchmarks.simulated                  # all rows, some minutes
python -m benchmarks.simulated slow-line two    # these
python -m benchmarks.simulated --seed 7
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.simulated.rows import BY_NAME, ROWS, Row

UNITS = {
    "share": "{:.1%} of the link",
    "megabytes_per_second": "{:.1f} MB/s",
    "queue_median_ms": "queue median {:.1f} ms",
    "queue_p95_ms": "p95 {:.1f} ms",
    "game_p95_ms": "game p95 {:.1f} ms",
    "settled_s": "settled in {:.2f} s",
    "lost_percent": "{:.1f} % lost",
    "jain": "Jain {:.3f}",
}


def in_words(figures: dict[str, float]) -> str:
    """What was measured, for people."""
    return ", ".join(UNITS[name].format(number) for name, number in figures.items())


def line(row: Row, figures: dict[str, float]) -> str:
    """One row of a Markdown table; what missed its target is marked."""
    mark = " (missed)" if row.misses(figures) else ""
    return f"| `{row.name}` | {row.path} | {row.target} | {in_words(figures)}{mark} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what was asked for; 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *BY_NAME], metavar="ROW", help=", ".join(BY_NAME))
    parser.add_argument("--seed", type=int, default=1, help="of the simulated world")
    options = parser.parse_args(arguments)
    print("| Row | Path and traffic | Target | Measured |\n|---|---|---|---|")
    missed = 0
    for row in ROWS:
        if not options.rows or row.name in options.rows:
            figures = row.measure(options.seed)
            missed += bool(row.misses(figures))
            print(line(row, figures), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
