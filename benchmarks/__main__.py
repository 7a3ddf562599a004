"""How is the suite run from the command line?"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import pages
from benchmarks.arguments import count, systems_among
from benchmarks.documents import write_docs
from benchmarks.report import as_json, as_table
from benchmarks.runner import LOAD_GENERATORS, OWN, Order, Outcome, load_generator, run_all
from benchmarks.scenarios import SCENARIOS
from benchmarks.systems import SYSTEMS, needs

_REPEATS: Final = 3


QUICK: Final = (
    "bulk",
    "reliable-flood",
    "unreliable-flood",
    "ping-unreliable",
    "handshakes",
    "game-200",
    "stream-beside-bulk",
)
"""The scenarios of a first impression."""
_QUICK_S: Final = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what was asked for; 0 unless a run failed."""
    options = _parser().parse_args(arguments)
    if options.docs is not None:
        return write_docs(lambda: pages.write(options.docs), pages.TABLE, pages.CHART)
    if options.compiled_python is not None:
        os.environ[needs.COMPILED_PYTHON] = str(options.compiled_python)
    suite = QUICK if options.quick else [name for name, scenario in SCENARIOS.items() if scenario.in_suite]
    order = Order(
        scenarios=options.scenario or suite,
        systems=_usable(options.systems),
        repeats=options.repeats or (1 if options.quick else _REPEATS),
        seconds=options.seconds or (_QUICK_S if options.quick else None),
        connections=options.connections,
        load=options.load or load_generator(),
    )
    count = order.repeats * len(list(order.plans()))
    if not count:
        print("none of these systems suits any of these scenarios", file=sys.stderr)
        return 2
    numbers = itertools.count(1)
    outcomes = run_all(order, lambda outcome: _progress(outcome, f"{next(numbers)}/{count}"))
    print(as_table(outcomes))
    if options.json is not None:
        text = json.dumps(as_json(outcomes, options.note), indent=1, ensure_ascii=False) + "\n"
        if str(options.json) == "-":
            print(text, end="")
        else:
            options.json.write_text(text, encoding="utf-8")
    return 1 if any(outcome.error for outcome in outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures gamesockets beside others.")
    parser.add_argument("scenario", nargs="*", type=_scenario, help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument(
        "--systems", type=systems_among(SYSTEMS), help=f"of {','.join(SYSTEMS)}; those of the suite by default"
    )
    parser.add_argument("--quick", action="store_true", help="a first impression in about a minute")
    parser.add_argument("--seconds", type=_positive, help="to measure for, in each run; each scenario has its own")
    parser.add_argument("--repeats", type=count, help=f"of everything ({_REPEATS})")
    parser.add_argument("--connections", type=count, default=500, help="idle ones to hold (500)")
    parser.add_argument("--load", choices=(*LOAD_GENERATORS, OWN), help="who plays the clients of servers")
    parser.add_argument(
        "--compiled-python",
        type=Path,
        metavar="PATH",
        help=f"interpreter with the compiled build, as in {needs.COMPILED_PYTHON}; this one by default",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there; - for standard output")
    parser.add_argument("--note", default="", help="a line about the run that goes into the JSON and the docs")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="measure nothing, write the docs from that JSON")
    return parser


def _scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"no scenario {name!r}, there are {', '.join(SCENARIOS)}")
    return name


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 3600, not {text}")
    return value


def _usable(wanted: list[str] | None) -> list[str]:
    """Those systems that can run here; says on standard error which cannot, and why."""
    names = []
    for name in wanted or [name for name, system in SYSTEMS.items() if system.in_suite]:
        missing = SYSTEMS[name].missing()
        if missing is None:
            names.append(name)
        else:
            print(f"without {name}: {missing}", file=sys.stderr)
    return names


def _progress(outcome: Outcome, count: str) -> None:
    plan = outcome.plan
    headline = SCENARIOS[plan.scenario].metrics[0]
    state = (
        outcome.error.rpartition("\n")[2] or f"{outcome.figures[headline.key]:,.{headline.decimals}f} {headline.title}"
    )
    print(f"{count}: {plan.scenario} on {plan.system}: {state}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
