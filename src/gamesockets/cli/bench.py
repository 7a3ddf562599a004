"""`gamesockets bench`: how fast is it here? Runs the benchmarks of the source tree, which the package does not hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

import gamesockets
from gamesockets.cli.help_text import examples
from gamesockets.cli.terminal import EXIT_INTERRUPTED, fail
from gamesockets.version import __version__

EPILOG: Final = examples(
    ("gamesockets bench", "everything that can run here"),
    ("gamesockets bench bulk --seconds 5 --repeats 5", "one scenario, longer"),
    ("gamesockets bench -- --help", "all that the suite can do"),
)
SUITE: Final = Path("benchmarks", "__main__.py")


def bench(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGUMENTS", help="Passed on to `python -m benchmarks`.", show_default=False),
    ] = None,
) -> None:
    """Run the benchmark suite, from a checkout of the source.

    The suite is no part of the installed package, because it drives other libraries for comparison. The working
    directory, or the place that this program was imported from, must be a checkout.

    Exit status: that of the suite; 1 when there is none.
    """
    root = checkout()
    if root is None:
        fail(
            "bench",
            f"the installed package has no benchmarks: get the source of gamesockets {__version__} "
            "and run `python -m benchmarks` at its top (benchmarks/README.md there says how)",
        )
    # The suite starts processes of its own, which must find it and the same gamesockets again.
    path = [str(root), str(Path(gamesockets.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    command = [sys.executable, "-m", "benchmarks", *(arguments or [])]
    try:
        status = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the user's own words
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    raise typer.Exit(status)


def checkout(suite: Path = SUITE) -> Path | None:
    """The top of a source tree that has `suite`: the one that runs, else the working directory."""
    for root in (Path(gamesockets.__file__).resolve().parents[2], Path.cwd()):
        if (root / suite).is_file() and (root / "src" / "gamesockets").is_dir():
            return root
    return None
