"""Plays the scenarios with several versions of the reference library, and writes a table for the documentation.

    GNS_LIBRARIES=1.4.1=/path/to/libGameNetworkingSockets.so:1.6.0=/path/to/another.so python -m tests.interop.matrix

Each version plays in a run of pytest of its own. The table is docs/interop-table.md; `--only TEXT` plays the scenarios
with that in their names, and prints the table instead.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.interop.gns import ENVIRONMENT_VARIABLE

import gamesockets
from gamesockets.build import COMPILED

LIBRARIES: Final = "GNS_LIBRARIES"
ROOT: Final = Path(__file__).parents[2]
TABLE: Final = ROOT / "docs" / "interop-table.md"
SUITES: Final = ("tests/interop/test_scenarios.py", "tests/interop/test_captures.py")
CAPTURED: Final = "test_captures"
ROLES: Final = ("client", "server")
"""Of gamesockets."""

_PAIRING: Final = re.compile(r"\[(?:(?P<client>threads|aio)-reference|reference-(?:threads|aio))(?:-(?P<case>.*))?\]$")


@dataclass
class Outcome:
    """How one scenario went with one version, in one role."""

    played: int = 0
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    def cell(self) -> str:
        """As it stands in the table."""
        if not self.played:
            return ""
        return "✓" if self.passed == self.played else f"{self.passed} of {self.played}"


Outcomes = dict[tuple[str, str], Outcome]
"""By scenario and role."""


def libraries(text: str) -> dict[str, Path]:
    """The files by version. Raises `ValueError` for a text that names none, or one that is not there."""
    found: dict[str, Path] = {}
    for part in text.split(":"):
        version, is_named, path = part.partition("=")
        if not (version and is_named and path):
            raise ValueError(f"{LIBRARIES} must look like 1.6.0=/path/to/library:newest=/path/to/another, not {part!r}")
        if not Path(path).is_file():
            raise ValueError(f"{LIBRARIES} names no file for {version}: {path}")
        found[version] = Path(path)
    return found


def play(library: Path, only: str) -> Outcomes:
    """Runs the scenarios with one library."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", f"--junitxml={report}", *SUITES]
        if only:
            command += ["-k", only]
        environment = {**os.environ, ENVIRONMENT_VARIABLE: str(library)}
        subprocess.run(command, cwd=ROOT, env=environment, check=False)
        return outcomes(report.read_text(encoding="utf-8"))


def outcomes(report: str) -> Outcomes:
    """What a report of pytest says, by scenario and role."""
    found: Outcomes = {}
    for case in ElementTree.fromstring(report).iter("testcase"):  # noqa: S314 - our own run of pytest wrote it
        name = case.attrib["name"]
        pairing = _PAIRING.search(name)
        if pairing is None or case.find("skipped") is not None:
            continue
        scenario = name[: pairing.start()].removeprefix("test_").replace("_", " ")
        if case.attrib["classname"].endswith(CAPTURED):
            scenario += " (captured)"
        role = "client" if pairing["client"] else "server"
        outcome = found.setdefault((scenario, role), Outcome())
        outcome.played += 1
        problem = next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)
        if problem is None:
            outcome.passed += 1
        else:
            outcome.failed.append(f"{name}: {problem.attrib.get('message', '').splitlines()[0][:160]}")
    return found


def render(results: dict[str, Outcomes], when: str) -> str:
    """The table."""
    scenarios = sorted({scenario for found in results.values() for scenario, _ in found})
    versions = list(results)
    heads = [f"{version}, as {role}" for version in versions for role in ROLES]
    total = sum(outcome.played for found in results.values() for outcome in found.values())
    passed = sum(outcome.passed for found in results.values() for outcome in found.values())
    build = "compiled" if COMPILED else "pure Python"
    lines = [
        f"{total} plays of {len(scenarios)} scenarios, {passed} of them as expected: gamesockets "
        f"{gamesockets.__version__} ({build}, Python {platform.python_version()}) by threads and by asyncio; {when}. "
        "The heads say what gamesockets was.",
        "",
        "| Scenario | " + " | ".join(heads) + " |",
        "|---|" + "---|" * len(heads),
    ]
    for scenario in scenarios:
        cells = [results[version].get((scenario, role), Outcome()).cell() for version in versions for role in ROLES]
        lines.append(f"| {scenario} | " + " | ".join(cells) + " |")
    failures = [
        f"- {version}: `{text}`"
        for version in versions
        for outcome in results[version].values()
        for text in outcome.failed
    ]
    if failures:
        lines += ["", "What did not go as expected:", "", *failures]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.matrix", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="scenarios with this in their names; prints the table"
    )
    options = parser.parse_args()
    try:
        named = libraries(os.environ.get(LIBRARIES, ""))
    except ValueError as error:
        parser.error(str(error))
    results = {version: play(library, options.only) for version, library in named.items()}
    table = render(results, datetime.now(UTC).strftime("%B %Y"))
    if options.only:
        print(table, end="")
    else:
        TABLE.write_text(table, encoding="utf-8")
    return 0 if all(not outcome.failed for found in results.values() for outcome in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
