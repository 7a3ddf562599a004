"""Does every benchmark still run, and does its report hold together? Nothing is said about how fast."""

from __future__ import annotations

import json
import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import pages
from benchmarks.__main__ import QUICK, main
from benchmarks.lossy import __main__ as lossy
from benchmarks.plan import Plan
from benchmarks.report import as_json, as_table
from benchmarks.runner import LOAD_GENERATORS, OWN, Order, Outcome, load_generator, pairs, run_one
from benchmarks.scenarios import SCENARIOS
from benchmarks.simulated import __main__ as simulated
from benchmarks.systems import SYSTEMS, needs

QUICK_S = 0.2
"""Long enough for a few messages while coverage is measured, too."""
SLOW_S = 0.4
"""Long enough for a first message through the lossy link."""
FEW = 8
HERE = [name for name, system in SYSTEMS.items() if system.missing() is None]
LONG = (
    *("game-200", "game-500", "game-1000", "game-capacity"),
    *("handshakes-16", "ping-reliable", "storm-2000", "broadcast-500"),
)
"""Scenarios that are others with more in them."""
BRIEF = [
    *pairs([name for name in SCENARIOS if name not in LONG], ["ours"]),
    *pairs(["ping-unreliable", "limits"], ["udp", "udp-batch", "aes-gcm"]),
    *pairs(["game-50"], ["ours-batch", "ours-sleep"]),
    *pairs(["game-50"], ["aio"]),
    *pairs(["unreliable-flood"], ["aio-tasks"]),
]
"""Every scenario once, every kind of system that needs no package."""
REST = [
    pair
    for pair in pairs([name for name in SCENARIOS if name not in ("game-500", "game-1000", "storm-2000")], HERE)
    if pair not in BRIEF
]


def _check(scenario: str, system: str, seconds: float) -> None:
    if (missing := SYSTEMS[system].missing()) is not None:
        pytest.skip(missing)
    (plan,) = Order([scenario], [system], 1, seconds, FEW, "ours").plans()
    figures, trouble = run_one(plan)
    if trouble:  # on a busy machine a process may have to wait for all of so short a time
        (plan,) = Order([scenario], [system], 1, 10 * seconds, FEW, "ours").plans()
        figures, trouble = run_one(plan)

    assert not trouble
    for metric in SCENARIOS[scenario].metrics:
        assert math.isfinite(figures[metric.key]), metric.key
        assert figures[metric.key] >= 0 or "bytes" in metric.key, metric.key
    table = as_table([Outcome(plan, 0, figures, "")])
    assert all(metric.title in table for metric in SCENARIOS[scenario].metrics)


@pytest.mark.parametrize(("scenario", "system"), BRIEF)
def test_every_scenario_reports_all_its_figures(scenario: str, system: str) -> None:
    """Two processes measure for a moment; each figure of the table is there and is a sane number."""
    _check(scenario, system, QUICK_S)


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "system"), REST)
def test_every_system_that_is_here_can_be_measured(scenario: str, system: str) -> None:
    """The same with the systems that need a package, a library or a driver."""
    _check(scenario, system, SLOW_S)


def test_one_system_plays_the_clients_of_all_that_speak_its_protocol() -> None:
    """The asyncio server is loaded by the game-loop API; ENet, of another protocol, by itself; all do if told."""
    scenarios, systems = ["game-50", "bulk"], ["aio", "enet"]

    clients = {
        load: {
            (plan.scenario, plan.system): plan.client
            for plan in Order(scenarios, systems, 1, QUICK_S, FEW, load).plans()
        }
        for load in ("ours", OWN)
    }

    assert all(client == system for (_, system), client in clients[OWN].items())
    assert clients["ours"] == {
        ("game-50", "aio"): "ours",
        ("game-50", "enet"): "enet",
        ("bulk", "aio"): "aio",
        ("bulk", "enet"): "enet",
    }


def test_the_lossy_link_loses_and_delays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own figures come with the measurement: about 1 % of the datagrams are lost, none overflowed."""
    target = tmp_path / "figures.json"
    arguments = ["lossy-bulk", "--systems", "ours", "--repeats", "1", "--json", str(target), "--seconds"]

    status, lost, passed = 1, 0, 0
    for seconds in ("0.3", "3", "10"):  # on a busy machine few datagrams are sent in a moment
        status = main([*arguments, seconds])
        figures = json.loads(target.read_text())["runs"][0]["figures"] if status == 0 else {}
        lost, passed = figures.get("link_lost", 0), figures.get("link_relayed", 0)
        if lost + passed >= 1000:
            break

    capsys.readouterr()
    assert status == 0
    assert 0.001 < lost / (lost + passed) < 0.05


def test_the_command_line_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table goes to standard output, the figures of every run to the file."""
    target = tmp_path / "figures.json"
    arguments = ["ping-unreliable", "--systems", "udp", "--repeats", "2", "--json", str(target), "--seconds"]

    status = main([*arguments, str(QUICK_S)])
    if status:  # as in `_check`
        capsys.readouterr()
        status = main([*arguments, str(10 * QUICK_S)])

    assert status == 0
    assert "ping-unreliable: " in capsys.readouterr().out
    report = json.loads(target.read_text())
    assert len(report["runs"]) == 2
    figures = report["summary"]["ping-unreliable"]["udp"]["median_us"]
    assert figures["least"] <= figures["median"] <= figures["most"]
    assert all(run["took_s"] > 0 for run in report["runs"])


def test_the_documentation_is_written_from_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every figure of the JSON stands in the page, with its range; the chart is well-formed and names the systems."""
    outcomes = [
        Outcome(Plan("bulk", system, system, 1.0, 0), repeat, {"megabytes_per_s": value + repeat}, "", 1.0)
        for system, value in (("ours", 123.0), ("enet", 45.0))
        for repeat in range(3)
    ]
    source = tmp_path / "figures.json"
    source.write_text(json.dumps(as_json(outcomes, "a <quiet> machine")))
    page, chart = tmp_path / "docs" / "table.md", tmp_path / "docs" / "images" / "chart.svg"
    monkeypatch.setattr(pages, "TABLE", page)
    monkeypatch.setattr(pages, "CHART", chart)

    assert main(["--docs", str(source)]) == 0

    assert str(chart) in capsys.readouterr().out
    text = page.read_text()
    assert "| `ours` | 124 (123..125) |" in text
    assert "a <quiet> machine" in text
    picture = chart.read_text()
    assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - our own file
    assert all(word in picture for word in (">gamesockets<", ">pyenet<", ">124<", "prefers-color-scheme: dark"))


@pytest.mark.parametrize("command", [main, lossy.main, simulated.main])
@pytest.mark.parametrize("content", [None, "no json", "[]", "{}"])
def test_no_documentation_without_figures(
    command: Callable[[list[str]], int], content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, and one that is something else, are named."""
    source = tmp_path / "figures.json"
    if content is not None:
        source.write_text(content)

    assert command(["--docs", str(source)]) == 2
    assert "cannot write the documentation" in capsys.readouterr().err


def test_a_failed_run_is_reported_and_left_out_of_the_figures() -> None:
    """Its error stands below the table; medians come from the runs that worked."""
    plan = Plan("bulk", "ours", "ours", 1.0, 0)
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
    _, trouble = run_one(Plan("no such scenario", "udp", "udp", QUICK_S, FEW))

    assert "ended with status 1" in trouble
    assert "no such scenario" in trouble


def test_a_driver_of_the_user_plays_its_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any program that speaks the control protocol will do; this one plays both sides of a ping without a network."""
    driver = tmp_path / "driver"
    driver.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        "plan = json.loads(sys.stdin.readline())\n"
        "if sys.argv[1] == 'server':\n"
        "    print(json.dumps({'peer': {'address': '127.0.0.1:9'}}), flush=True)\n"
        "    print(json.dumps({'result': {'server_cpu_us_per_round_trip': plan['seconds']}}))\n"
        "else:\n"
        "    assert json.loads(sys.stdin.readline())['address'] == '127.0.0.1:9'\n"
        "    print(json.dumps({'result': {'median_us': 1.5}}))\n"
    )
    driver.chmod(0o700)
    monkeypatch.setenv(needs.GNS_DRIVER, str(driver))

    figures, trouble = run_one(Plan("ping-unreliable", "gns-native", "gns-native", QUICK_S, FEW))

    assert not trouble
    assert figures["median_us"] == 1.5
    assert figures["server_cpu_us_per_round_trip"] == QUICK_S


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that tells what to do."""
    monkeypatch.delenv(needs.GNS_DRIVER, raising=False)
    monkeypatch.setenv(needs.GNS_LIBRARY, "/no/such/file")

    assert needs.driver() == "GNS_DRIVER does not name a program as in benchmarks/DRIVER.md"
    assert needs.library() == "GNS_LIBRARY names no file: /no/such/file"
    assert "pip install" in str(needs.package("no_such_module", "nothing")())
    assert needs.package("json", "json")() is None


def test_the_quick_suite_and_the_load_generators_exist() -> None:
    """Names are spelled right, and somebody can always play the clients."""
    assert set(QUICK) <= set(SCENARIOS)
    assert set(LOAD_GENERATORS) <= set(SYSTEMS)
    assert SYSTEMS[load_generator()].missing() is None


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
