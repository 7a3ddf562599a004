"""Does every benchmark still run, and does its report hold together? Nothing is said about how fast."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.plan import Plan
from benchmarks.report import as_json, as_table
from benchmarks.runner import Outcome, pairs, run_one
from benchmarks.scenarios import SCENARIOS
from benchmarks.systems import SYSTEMS

QUICK_S = 0.05
FEW = 8
HERE = [name for name, system in SYSTEMS.items() if system.missing() is None and not name.startswith("gns")]


@pytest.mark.parametrize(("scenario", "system"), list(pairs(list(SCENARIOS), HERE)))
def test_every_scenario_reports_all_its_figures(scenario: str, system: str) -> None:
    """Two processes measure for a moment; each figure of the table is there and is a sane number."""
    plan = Plan(scenario, system, QUICK_S, FEW)

    figures, trouble = run_one(plan)

    assert not trouble
    for metric in SCENARIOS[scenario].metrics:
        assert math.isfinite(figures[metric.key]), metric.key
        assert figures[metric.key] >= 0 or "bytes" in metric.key, metric.key
    table = as_table([Outcome(plan, 0, figures, "")])
    assert all(metric.title in table for metric in SCENARIOS[scenario].metrics)


def test_the_command_line_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table goes to standard output, the figures of every run to the file."""
    target = tmp_path / "figures.json"

    status = main(
        ["ping-unreliable", "--systems", "udp", "--seconds", str(QUICK_S), "--repeats", "2", "--json", str(target)]
    )

    assert status == 0
    assert "ping-unreliable: " in capsys.readouterr().out
    report = json.loads(target.read_text())
    assert len(report["runs"]) == 2
    figures = report["summary"]["ping-unreliable"]["udp"]["median_us"]
    assert figures["least"] <= figures["median"] <= figures["most"]


def test_a_failed_run_is_reported_and_left_out_of_the_figures() -> None:
    """Its error stands below the table; medians come from the runs that worked."""
    plan = Plan("bulk", "ours", 1.0, 0)
    outcomes = [
        Outcome(plan, 0, {"megabytes_per_s": 100.0}, ""),
        Outcome(plan, 1, {"megabytes_per_s": 1.0}, "client did not end in time"),
        Outcome(plan, 2, {"megabytes_per_s": 300.0}, ""),
    ]

    table = as_table(outcomes)

    assert "200 (100..300)" in table
    assert "FAILED bulk on ours, repeat 2: client did not end in time" in table
    assert as_json(outcomes)["summary"]["bulk"]["ours"]["megabytes_per_s"]["median"] == 200.0


def test_a_side_that_fails_ends_the_run_with_its_error() -> None:
    """No process knows this scenario; the run ends at once and says why."""
    _, trouble = run_one(Plan("no such scenario", "udp", QUICK_S, FEW))

    assert "ended with status 1" in trouble
    assert "no such scenario" in trouble


@pytest.mark.parametrize("arguments", [["--systems", "nothing"], ["--seconds", "0"], ["--seconds", "soon"]])
def test_bad_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """argparse explains and ends with status 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert arguments[1] in capsys.readouterr().err


def test_systems_that_suit_no_scenario_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A bare socket has no bulk transfer to measure."""
    assert main(["bulk", "--systems", "udp"]) == 2
    assert "none of these systems" in capsys.readouterr().err


def test_unknown_scenarios_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error names the choices."""
    with pytest.raises(SystemExit):
        main(["bulky"])
    assert "bulky" in capsys.readouterr().err
