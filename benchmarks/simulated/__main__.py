"""Prints the table: each row's path, what is expected and what was measured.

python -m benchmarks.simulated                  # all rows, some minutes
python -m benchmarks.simulated slow-line two    # these
python -m benchmarks.simulated --seed 7
python -m benchmarks.simulated --json all.json && python -m benchmarks.simulated --docs all.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.documents import write_docs
from benchmarks.simulated import report
from benchmarks.simulated.rows import BY_NAME, ROWS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what was asked for; 1 if a target was missed, 2 if the documentation cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *BY_NAME], metavar="ROW", help=", ".join(BY_NAME))
    parser.add_argument("--seed", type=int, default=1, help="of the simulated world")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures and what the plots show there")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="measure nothing, write the docs from that JSON")
    options = parser.parse_args(arguments)
    if options.docs is not None:
        return write_docs(lambda: report.write(options.docs), report.TABLE, report.PICTURE)
    print(report.HEADER)
    found: dict[str, dict[str, float]] = {}
    for row in ROWS:
        if not options.rows or row.name in options.rows:
            found[row.name] = row.measure(options.seed)
            print(report.line(row, found[row.name]), flush=True)
    if options.json is not None:
        result = report.as_json(found, options.seed)
        options.json.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(any(BY_NAME[name].misses(figures) for name, figures in found.items()))


if __name__ == "__main__":
    sys.exit(main())
