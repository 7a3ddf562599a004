"""Is what a system needs on this machine? Each check answers None, or one line that says what is missing.

A system's code is played by one of three kinds of program. The interpreted build runs from this checkout's `src`; the
compiled one is installed in an interpreter that COMPILED_PYTHON names, or in this one.
"""

from __future__ import annotations

import enum
import functools
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
SOURCE: Final = ROOT / "src"
COMPILED_PYTHON: Final = "GAMESOCKETS_COMPILED_PYTHON"
GNS_LIBRARY: Final = "GNS_LIBRARY"
GNS_DRIVER: Final = "GNS_DRIVER"

_PROBE: Final = "from gamesockets.build import BUILD; print(BUILD)"
_PURE: Final = "pure Python"
_COMPILED: Final = "compiled"
_PROBE_TIMEOUT_S: Final = 30.0


class Program(enum.Enum):
    """What plays a side."""

    SOURCE = "this interpreter, with the source of this checkout"
    COMPILED = "the interpreter that has the compiled build"
    DRIVER = "the user's driver of the reference library"


def command(program: Program, side: str) -> list[str]:
    """The command line of a side."""
    if program is Program.DRIVER:
        return [os.environ[GNS_DRIVER], side]
    return [interpreter(program), "-m", "benchmarks.worker", side]


def environment(program: Program) -> dict[str, str]:
    """The environment of a side: it decides which build an interpreter finds."""
    variables = dict(os.environ)
    variables.pop("PYTHONPATH", None)
    if program is Program.SOURCE:
        variables["PYTHONPATH"] = str(SOURCE)
    return variables


def nothing() -> str | None:
    """For what always runs."""
    return None


def linux() -> str | None:
    """For what uses the Linux kernel's own."""
    return None if sys.platform == "linux" else "Linux only"


def package(module: str, name: str) -> Callable[[], str | None]:
    """For what needs a package of the extra `bench`."""

    def check() -> str | None:
        if importlib.util.find_spec(module) is not None:
            return None
        return f"the package {name} is not installed: pip install --editable '.[bench]'"

    return check


@functools.cache
def source() -> str | None:
    """Is the source really interpreted?"""
    found = _build(Program.SOURCE)
    return None if found == _PURE else f"the source of this checkout does not run interpreted here: {found}"


@functools.cache
def compiled() -> str | None:
    """Is there a compiled build?"""
    found = _build(Program.COMPILED)
    if found == _COMPILED:
        return None
    return f"the build in {interpreter(Program.COMPILED)} is not compiled ({found}); --compiled-python names another"


def library() -> str | None:
    """Is the reference library named?"""
    return _file(GNS_LIBRARY, "a shared library of GameNetworkingSockets")


def driver() -> str | None:
    """Is a driver of the reference library named?"""
    return _file(GNS_DRIVER, "a program as in benchmarks/DRIVER.md")


def _file(variable: str, what: str) -> str | None:
    path = os.environ.get(variable)
    if not path:
        return f"{variable} does not name {what}"
    return None if os.path.isfile(path) else f"{variable} names no file: {path}"


def interpreter(program: Program) -> str:
    """The Python that plays a side."""
    named = os.environ.get(COMPILED_PYTHON)
    return named if named and program is Program.COMPILED else sys.executable


def _build(program: Program) -> str:
    """What the build that an interpreter finds says of itself, or why it says nothing."""
    try:
        probe = subprocess.run(
            [interpreter(program), "-c", _PROBE],
            cwd=ROOT.anchor,
            env=environment(program),
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return probe.stdout.strip() or (probe.stderr.strip().splitlines() or ["nothing printed"])[-1]
