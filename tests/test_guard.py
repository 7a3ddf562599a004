"""Does a packet or a message still cost no more steps than was recorded, and would the guard notice if it did?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.guard import __main__ as guard
from benchmarks.guard.counting import calls_key

from gamesockets.build import COMPILED

ROOT = Path(__file__).parent.parent
RECORDED = json.loads(guard.RECORD.read_text(encoding="utf-8"))


@pytest.mark.skipif(COMPILED, reason="compiled code makes no calls that Python sees; CI counts its instructions")
@pytest.mark.skipif(calls_key() not in RECORDED, reason=f"no calls are recorded for {calls_key()}")
def test_nothing_takes_more_calls_than_recorded() -> None:
    """In a process of its own, which nobody traces: what tests and coverage leave in memory counts for the peaks."""
    environment = {name: x for name, x in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-m", "benchmarks.guard", "--no-instructions"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("before", "exceeded"), [(100, False), (103, False), (97.5, False), (96, True), (200, False)])
def test_what_costs_more_than_the_tolerance_is_noticed(
    before: float, exceeded: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"bulk": {"calls": 100.0, "new": 5.0}}
    assert guard.compare("here", figures, {"bulk": {"calls": before}}) == exceeded
    assert ("--record and say why" in capsys.readouterr().out) == exceeded


def test_what_was_not_recorded_here_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert not guard.compare("elsewhere", {"bulk": {"calls": 100.0}}, None)
    assert "nothing recorded, not compared" in capsys.readouterr().out
