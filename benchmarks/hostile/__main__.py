"""How are attacks measured from the command line?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.hostile.kinds import APIS, KINDS
from benchmarks.hostile.run import CLIENTS, NO_ATTACK, FailedError, Figures, measure
from benchmarks.hostile.table import PAGE, as_json, as_table, write_page

SPEEDS: Final = {"limited": True, "full": False}
_SECONDS: Final = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what was asked for; 0 unless a measurement failed or showed what must not be."""
    options = _parser().parse_args(arguments)
    if options.docs:
        write_page(options.docs)
        print(f"wrote {PAGE}")
        return 0
    done: list[Figures] = []
    failed = 0
    for name, api in _plans(options.kind, options.api):
        try:
            figures = measure(name, api, SPEEDS[options.speed], options.seconds, options.clients)
        except FailedError as error:
            failed += 1
            print(f"FAILED {name} on {api}: {error}", file=sys.stderr)
            continue
        done.append(figures)
        print(as_table([figures]).splitlines()[-1], file=sys.stderr, flush=True)
        for problem in figures.problems:
            print(f"    PROBLEM: {problem}", file=sys.stderr)
    print(as_table(done))
    print()
    for name, text in machine.describe().items():
        print(f"- {name}: {text}")
    if options.json is not None:
        options.json.write_text(as_json(done, machine.describe()), encoding="utf-8")
    return 1 if failed or any(figures.problems for figures in done) else 0


def _plans(kinds: Sequence[str], api: str | None) -> Iterator[tuple[str, str]]:
    for name in kinds or (NO_ATTACK, *KINDS):
        kind = KINDS.get(name)
        if kind is not None and (missing := kind.missing()):
            print(f"{name} is left out: {missing}", file=sys.stderr)
            continue
        for one in APIS if api is None else (api,):
            if kind is None or one in kind.apis:
                yield name, one


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile", description="Measures what attacks cost the honest clients of a server."
    )
    parser.add_argument("kind", nargs="*", type=_kind, help=f"of {NO_ATTACK}, {', '.join(KINDS)}; all by default")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help=f"of attack, each ({_SECONDS:g})")
    parser.add_argument(
        "--speed",
        choices=SPEEDS,
        default="limited",
        help="10 Mbit/s or 20,000 datagrams a second, whichever is less (the default); or as fast as one process can",
    )
    parser.add_argument("--api", choices=APIS, help="of the server; both by default")
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"honest ones ({CLIENTS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--docs", type=Path, nargs="+", metavar="FILE", help="measure nothing, write the docs from these JSON files"
    )
    return parser


def _kind(name: str) -> str:
    if name != NO_ATTACK and name not in KINDS:
        raise argparse.ArgumentTypeError(f"no kind {name!r}, there are {NO_ATTACK}, {', '.join(KINDS)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
