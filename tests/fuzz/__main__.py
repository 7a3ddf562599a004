"""Tries inputs on targets until something breaks a promise or the time is over.

    python -m tests.fuzz                                  every target for ten seconds
    python -m tests.fuzz conversations --seconds 3600     one of them for an hour
    python -m tests.fuzz --tally counts.json …            adds up how many inputs were tried, over many runs
    python -m tests.fuzz frames --grow [DIRECTORY]        looks for inputs worth keeping, also among those in a folder
    python -m tests.fuzz frames --input 0102              tries one input, as a failure shows it

An input that fails is made short and printed in hex. It belongs into tests/fuzz/regressions, with a line that says
what it found. See `tests.fuzz.guided` for a run that is guided by coverage.
"""

import argparse
import json
import sys
import traceback
from pathlib import Path
from random import Random
from time import monotonic

from tests.fuzz.engine import FailureError, grow, mutated, run, shortest
from tests.fuzz.targets import CORPUS, TARGETS, corpus, inputs_in

from gamesockets.build import COMPILED


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Tries inputs on targets.")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target (default: 10)")
    parser.add_argument("--executions", type=int, default=1 << 62, help="at most so many for each target")
    parser.add_argument("--seed", type=int, default=None, help="to repeat a run; default: another one each time")
    parser.add_argument("--tally", type=Path, help="a JSON file in which executions are added up")
    parser.add_argument("--grow", nargs="?", const="", metavar="DIRECTORY", help="renew the corpus")
    parser.add_argument("--input", type=bytes.fromhex, metavar="HEX", help="one input")
    options = parser.parse_args()
    seed: int = Random().getrandbits(32) if options.seed is None else options.seed
    names: list[str] = options.targets or [name for name in TARGETS if not (COMPILED and name == "costs")]
    print(f"seed {seed}, {'compiled' if COMPILED else 'pure'}")
    for name in names:
        if options.input is not None:
            TARGETS[name](options.input)
        elif options.grow is not None:
            _grow(name, options.grow, seed, options.seconds)
        elif not _try(name, seed, options.executions, options.seconds, options.tally):
            return 1
    return 0


def _try(name: str, seed: int, executions: int, seconds: float, tally: Path | None) -> bool:
    begin = monotonic()
    try:
        count = run(TARGETS[name], corpus(name), seed, executions, seconds)
    except FailureError as failure:
        data = shortest(TARGETS[name], failure)
        print(f"{name} failed:\npython -m tests.fuzz {name} --input {data.hex()}", flush=True)
        traceback.print_exception(failure.error)
        return False
    print(f"{name:18} {count:12,} inputs, {count / (monotonic() - begin):10,.0f} a second", flush=True)
    if tally is not None:
        counts = json.loads(tally.read_text(encoding="ascii")) if tally.exists() else {}
        counts[name] = counts.get(name, 0) + count
        tally.write_text(json.dumps(counts, indent=1), encoding="ascii")
    return True


def _grow(name: str, directory: str, seed: int, seconds: float) -> None:
    """Keeps what reaches something new of the corpus, of a folder, and of inputs made from both."""
    known = corpus(name)
    found = [path.read_bytes() for path in sorted(Path(directory).iterdir())] if directory else []
    random = Random(seed)
    kept = grow(TARGETS[name], [*inputs_in(CORPUS / f"{name}.txt"), *found, *[random.randbytes(40) for _ in range(50)]])
    until = monotonic() + seconds
    while monotonic() < until:
        kept = grow(TARGETS[name], [*kept, *[mutated(random, known + kept) for _ in range(500)]])
    (CORPUS / f"{name}.txt").write_text("".join(f"{data.hex()}\n" for data in kept if data), encoding="ascii")
    print(f"{name:18} {len(kept):6,} inputs, {sum(map(len, kept)):8,} bytes", flush=True)


if __name__ == "__main__":
    sys.exit(main())
