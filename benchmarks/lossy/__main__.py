"""How is the table of real sockets made?

python -m benchmarks.lossy                           # all rows, all systems that can run here: some nine minutes
python -m benchmarks.lossy clean loss-1 --systems ours,tcp-cubic --json figures.json
python -m benchmarks.lossy --docs figures.json       # measure nothing, write the page and the picture
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arguments import count, systems_among
from benchmarks.documents import write_docs
from benchmarks.lossy import compiled, namespaces, report
from benchmarks.lossy.contenders import CONTENDERS, OURS
from benchmarks.lossy.figures import figures, series
from benchmarks.lossy.line import NamespaceLine, SocketLine
from benchmarks.lossy.report import Run
from benchmarks.lossy.rows import BY_NAME, ROWS, Row
from benchmarks.lossy.run import MakeLine, RunError, measure
from benchmarks.systems import needs


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what was asked for; 1 if a target was missed or a run failed, 2 if nothing could be measured."""
    options = _parser().parse_args(arguments)
    if options.docs:
        return write_docs(lambda: report.write(options.docs), report.TABLE, report.PICTURE)
    if options.compiled_python is not None:
        os.environ[needs.COMPILED_PYTHON] = str(options.compiled_python)
    make_line, line, has_namespaces = _line(options.line, options.relay, options.seed)
    names = _usable(options.systems, has_namespaces)
    rows = [row for row in ROWS if not options.rows or row.name in options.rows]
    plans = [(row, [name for name in names if name in row.contenders and _suits(row, has_namespaces)]) for row in rows]
    columns = report.columns(name for _, those in plans for name in those)
    if not columns:
        print("none of these systems can run any of these rows here", file=sys.stderr)
        return 2
    print(f"line: {line}\n\n{report.header(columns)}", flush=True)
    runs: list[Run] = []
    for row, those in plans:
        done = [_run(row, name, make_line) for name in those for _ in range(options.repeats)]
        runs += done
        if done:
            print(report.line(row, done, columns), flush=True)
    print("", *[f"- {text}" for text in report.remarks(runs)], sep="\n")
    if options.json is not None:
        result = report.as_json(runs, line, options.note, options.seed)
        options.json.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(report.missed(runs))


def _run(row: Row, name: str, make_line: MakeLine) -> Run:
    try:
        raw = measure(row, name, make_line)
    except (RunError, OSError) as error:
        return Run(row.name, name, {}, {}, {}, str(error))
    return Run(row.name, name, figures(row, name, raw), raw.machine, series(row, raw), "")


def _line(kind: str, relay: str, seed: int) -> tuple[MakeLine, str, bool]:
    """How lines are made, what that is for people, and whether everything passes them."""
    is_compiled = relay != "python"
    program, trouble = compiled.relay() if is_compiled else (None, "as asked for")
    if program is None and relay == "c":
        sys.exit(f"no relay in C: {trouble}")
    language = "in C" if program else f"in Python ({trouble})"
    missing = namespaces.missing() if kind != "sockets" else "as asked for"
    if missing is None:
        namespaces.enter_user_namespace()
        make = functools.partial(NamespaceLine, seed=seed, is_compiled=program is not None)
        return make, f"two network namespaces, relay {language}", True
    if kind == "namespaces":
        sys.exit(f"no line between network namespaces: {missing}")
    make_sockets = functools.partial(SocketLine, seed=seed, is_compiled=program is not None)
    return make_sockets, f"sockets of 127.0.0.1, relay {language}; no network namespaces: {missing}", False


def _usable(wanted: list[str] | None, has_namespaces: bool) -> list[str]:
    """Those contenders that can run here; says on standard error which cannot, and why."""
    names: list[str] = []
    for name, contender in CONTENDERS.items():
        if wanted is not None and name not in wanted:
            continue
        if wanted is None and name == OURS[1] and OURS[0] in names:
            continue  # one build of ours is enough, unless both are asked for
        missing = contender.missing()
        if missing is None and contender.needs_namespaces and not has_namespaces:
            missing = "the kernel's TCP passes a line between network namespaces only"
        if missing is None:
            names.append(name)
        else:
            print(f"without {name}: {missing}", file=sys.stderr)
    return names


def _suits(row: Row, has_namespaces: bool) -> bool:
    """Whether who runs beside us can."""
    return not row.beside or (has_namespaces and CONTENDERS[row.beside].missing() is None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lossy",
        description="Measures how much of an emulated line is used, on real sockets.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="systems:\n" + "\n".join(f"  {name:14} {each.about}" for name, each in CONTENDERS.items()),
    )
    parser.add_argument("rows", nargs="*", choices=[[], *BY_NAME], metavar="ROW", help=", ".join(BY_NAME))
    parser.add_argument(
        "--systems", type=systems_among(CONTENDERS), help=f"of {','.join(CONTENDERS)}; all that can run by default"
    )
    parser.add_argument("--line", choices=("namespaces", "sockets"), default="", help="the first where permitted")
    parser.add_argument("--relay", choices=("c", "python"), default="", help="C where there is a compiler")
    parser.add_argument("--seed", type=int, default=1, help="of the line's draws")
    parser.add_argument("--repeats", type=count, default=1, help="of each row; medians are shown")
    parser.add_argument("--compiled-python", type=Path, metavar="PATH", help="interpreter with the compiled build")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures and series there")
    parser.add_argument("--note", default="", help="a line about the run that goes into the JSON and the docs")
    parser.add_argument(
        "--docs", type=Path, nargs="+", metavar="FILE", help="measure nothing, write the docs from such files together"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
