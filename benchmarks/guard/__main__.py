"""Does a packet or a message cost more than it did? `python -m benchmarks.guard`; `--record` keeps today's figures.

Exit status: 1 if something costs more than was recorded and the tolerance allows, else 0. What was not recorded under
the same conditions is not compared, and the output says so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.guard.counting import Figures, calls, calls_key, instructions, instructions_key, valgrind
from gamesockets.build import BUILD, COMPILED

RECORD: Final = Path(__file__).parent / "recorded.json"
TOLERANCE_PERCENT: Final = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts, compares, and records if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="keep the figures for later comparisons")
    parser.add_argument("--no-instructions", action="store_true", help="count calls only, which takes a few seconds")
    options = parser.parse_args(arguments)
    recorded: dict[str, Figures] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    exceeded = False
    for key, figures in _measured(not options.no_instructions):
        if options.record:
            recorded[key] = figures
        exceeded |= compare(key, figures, recorded.get(key))
    if options.record:
        RECORD.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 1 if exceeded else 0


def _measured(with_instructions: bool) -> list[tuple[str, Figures]]:
    found: list[tuple[str, Figures]] = []
    if COMPILED:
        print("calls: not counted, compiled code makes none that Python sees")
    else:
        found.append((calls_key(), calls()))
    if with_instructions:
        if valgrind() is None:
            print("instructions: not counted, valgrind is not installed")
        else:
            found.append((instructions_key(BUILD), instructions()))
    return found


def compare(key: str, figures: Figures, recorded: dict[str, Any] | None) -> bool:
    """Prints a table; whether anything costs too much."""
    print(f"\n{key}{'' if recorded else ': nothing recorded, not compared'}")
    exceeded = False
    for scenario, values in figures.items():
        for name, value in values.items():
            line = f"  {scenario:17} {name:26} {value:12,}"
            before = (recorded or {}).get(scenario, {}).get(name)
            if before:
                change = 100 * (value / before - 1)
                line += f"  recorded {before:12,}  {change:+6.1f} %"
                if change > TOLERANCE_PERCENT:
                    line += f"  more than {TOLERANCE_PERCENT:g} % above: make it cheaper, or --record and say why"
                    exceeded = True
                elif change < -TOLERANCE_PERCENT:
                    line += "  cheaper: --record keeps it so"
            print(line)
    return exceeded


if __name__ == "__main__":
    sys.exit(main())
