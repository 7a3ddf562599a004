"""Are the figures those of what was seen, and do table, page and picture say them? Nothing about how fast."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.lossy import namespaces, report
from benchmarks.lossy.__main__ import main
from benchmarks.lossy.contenders import CONTENDERS, OURS
from benchmarks.lossy.figures import figures, in_words, machine_limits, series
from benchmarks.lossy.line import NamespaceLine, SocketLine
from benchmarks.lossy.plan import Plan
from benchmarks.lossy.report import Run
from benchmarks.lossy.rows import BY_NAME, MB, ROWS, Row
from benchmarks.lossy.run import Raw, RunError, measure
from benchmarks.lossy.words import Sample
from benchmarks.simulated.rows import BY_NAME as SIMULATED
from benchmarks.systems import needs
from benchmarks.time_chart import Line, Panel, draw, smooth, step_up

NO_NAMESPACES = namespaces.missing() if namespaces.has_the_right() else "this process may make no namespaces"


def steady(row: Row, name: str, share: float, wait_s: float = 0.004) -> Raw:
    """A run in which a flow got a share of the line all the time."""
    rate = row.rate or 10 * MB
    bins = {step: int(share * rate / 10) for step in range(int(row.seconds * 10))}
    queue = [Sample(step / 50, wait_s, step * 10, 0, 0, 0) for step in range(int(row.seconds * 50))]
    return Raw({name: [bins] * row.flows}, queue=queue)


def test_the_share_is_that_of_the_measured_time() -> None:
    """What arrived before does not count, nor what came after."""
    row = BY_NAME["clean"]
    raw = steady(row, "ours", 0.5)
    for step in (*range(30), 60, 61):
        raw.arrived["ours"][0][step] = 10 * MB

    found = figures(row, "ours", raw)

    assert found["share"] == pytest.approx(0.5)
    assert found["queue_median_ms"] == pytest.approx(4.0)
    assert in_words(row, found) == "50 %, queue 4 ms"
    assert row.misses(found)


def test_games_delays_are_what_is_above_the_way_itself() -> None:
    """Of those that arrived while it was measured."""
    row = BY_NAME["game-beside-bulk"]
    raw = steady(row, "ours", 0.95)
    raw.game = [(1.0, 5.0), *[(3.0 + step / 40, 0.020 + step / 10_000) for step in range(100)], (6.5, 9.0)]

    found = figures(row, "ours", raw)

    assert found["game_p95_ms"] == pytest.approx(9.5)
    assert not row.misses(found)


def test_after_a_change_settling_and_drops_are_measured() -> None:
    """The queue was last above 20 ms 0.7 s after it; 2 % of what entered from one second after it on was dropped."""
    row = BY_NAME["slower"]
    raw = steady(row, "ours", 0.9)
    raw.change_s = 3.0
    raw.game = [(5.0, 0.03)]
    raw.queue = [
        replace(sample, wait_s=0.3 if 3.0 <= sample.at_s <= 3.7 else 0.01, dropped=int(sample.entered * 0.02))
        for sample in raw.queue
    ]

    found = figures(row, "ours", raw)

    assert found["settled_s"] == pytest.approx(0.7, abs=0.021)
    assert found["lost_percent"] == pytest.approx(2.0, abs=0.1)
    assert found["share"] == pytest.approx(0.9)


def test_shares_beside_another_system_are_of_a_half() -> None:
    """Both."""
    row = BY_NAME["beside-cubic-100"]
    raw = steady(row, "ours", 0.3)
    raw.arrived["tcp-cubic"] = steady(row, "tcp-cubic", 0.6).arrived["tcp-cubic"]

    found = figures(row, "ours", raw)

    assert in_words(row, found) == "ours 0.60, other 1.20"


def test_equal_flows_have_an_index_of_one() -> None:
    """And one that has all has one of n."""
    row = BY_NAME["two"]
    raw = steady(row, "ours", 0.5)
    assert figures(row, "ours", raw)["jain"] == pytest.approx(1.0)
    raw.arrived["ours"] = [raw.arrived["ours"][0], {}]
    assert figures(row, "ours", raw)["jain"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"receiver_waited_percent": 27.0}, "the receiver waiting for a processor in 27 % of the time"),
        ({"sender_cpu_percent": 99.0}, "the sender at 99 % of a processor"),
        ({"link_late_percent": 3.0}, "the relay late with 3.0 %"),
        ({"link_overflowed": 12.0}, "12 packets overflowed"),
    ],
)
def test_it_is_said_when_the_machine_was_the_limit(machine: dict[str, float], words: str) -> None:
    """Each reason in words; none on a quiet machine."""
    (reason,) = machine_limits(machine)

    assert words in reason
    assert not machine_limits({"sender_cpu_percent": 70.0, "sender_waited_percent": 5.0, "link_overflowed": 0.0})


def test_the_rows_are_those_of_the_simulator_and_more() -> None:
    """Same names for the same lines; only what needs another protocol's flows is here alone."""
    assert all(row.beside for row in ROWS if row.name not in SIMULATED)
    for row in ROWS:
        assert row.contenders <= set(CONTENDERS)
        assert not row.beside or row.beside in CONTENDERS


def test_a_plan_survives_being_sent() -> None:
    """To the worker, as a line of JSON."""
    plan = Plan("ours", 2, 1.0, 6.0, 50_000, 2_000_000, True, 20 * MB)

    assert Plan.from_json(plan.to_json()) == plan


def example_runs() -> list[Run]:
    """Two systems on two lines, one run that failed, one that the machine limited."""
    runs = []
    for row_name, name, share in (
        ("loss-1", "ours", 0.93),
        ("loss-1", "gns", 0.23),
        ("slower", "ours", 0.80),
        ("beside-cubic-100", "ours", 0.4),
    ):
        row = BY_NAME[row_name]
        raw = steady(row, name, share)
        raw.change_s = row.change_s
        raw.game = [(step / 30, 0.03) for step in range(200)] if row.has_game else []
        raw.samples = [{"at_s": step / 10, "estimate": share * row.rate} for step in range(50)]
        if row.beside:
            raw.arrived[row.beside] = steady(row, row.beside, 0.5).arrived[row.beside]
        busy = {"sender_cpu_percent": 97.0} if name == "gns" else {}
        runs.append(Run(row_name, name, figures(row, name, raw), busy, series(row, raw), ""))
    runs.append(Run("clean", "ours", {}, {}, {}, "the sender of ours ended with status 1: <boom>"))
    return runs


def test_the_documentation_is_written_from_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From several files together; misses in bold, failures and limits said, the picture well-formed."""
    runs = example_runs()
    sources = [tmp_path / "one.json", tmp_path / "two.json"]
    for source, those in zip(sources, (runs[:2], runs[2:]), strict=True):
        source.write_text(json.dumps(report.as_json(those, "two <quiet> namespaces", "a note", 1)))
    page, picture = tmp_path / "docs" / "table.md", tmp_path / "docs" / "images" / "picture.svg"
    monkeypatch.setattr(report, "TABLE", page)
    monkeypatch.setattr(report, "PICTURE", picture)

    assert main(["--docs", *map(str, sources)]) == 0

    assert str(picture) in capsys.readouterr().out
    text = page.read_text()
    assert "| 93 %, queue 4 ms | 23 %, queue 4 ms * |" in text
    assert "**80 %" in text
    assert "| failed |" in text
    assert "FAILED `clean`, ours: the sender of ours ended" in text
    assert (
        "`loss-1`: the machine may have been the limit for reference library (the sender at 97 % of a processor)"
        in text
    )
    drawn = picture.read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own file
    words = ("reference library", "its estimate", "TCP CUBIC", "prefers-color-scheme: dark", "two &lt;quiet&gt;")
    assert all(word in drawn for word in words)


def test_several_runs_of_a_row_give_the_median() -> None:
    """And a run that failed does not count."""
    row = BY_NAME["loss-1"]
    runs = [
        Run("loss-1", "ours", figures(row, "ours", steady(row, "ours", share)), {}, {}, "")
        for share in (0.91, 0.1, 0.95)
    ]
    runs.append(Run("loss-1", "ours", {}, {}, {}, "gone"))

    assert "| 91 %, queue 4 ms |" in report.line(row, runs, ["ours"])


def test_runs_that_the_machine_limited_count_only_where_there_are_no_others() -> None:
    """Neither in the cell nor below the table; repeating a run on a quiet machine is enough."""
    row = BY_NAME["loss-1"]
    slow = Run(row.name, "ours", figures(row, "ours", steady(row, "ours", 0.4)), {"link_overflowed": 5.0}, {}, "")
    quiet = Run(row.name, "ours", figures(row, "ours", steady(row, "ours", 0.9)), {}, {}, "")

    assert "| **40 %, queue 4 ms** * |" in report.line(row, [slow], ["ours"])
    page = report.as_page([report.as_json([slow, quiet], "a line", "", 1)])

    assert "| 90 %, queue 4 ms |" in page
    assert "overflowed" not in page


def test_who_sends_to_the_reference_library_stands_in_our_column() -> None:
    """Its rows say who receives."""
    row = BY_NAME["reference-clean"]
    run = Run(row.name, "ours-to-gns", figures(row, "ours-to-gns", steady(row, "ours-to-gns", 0.9)), {}, {}, "")

    names = report.columns(["ours-to-gns", "gns"])

    assert names == [OURS[0], "gns"]
    assert report.line(row, [run], names).endswith("| 90 %, queue 4 ms |  |")


def test_lines_of_a_chart_stay_in_their_panel() -> None:
    """Values above the ceiling are drawn there; steps of the axis are round numbers."""
    spike = Line("a & b", [(0.0, 0.0), (1.0, 500.0), (2.0, 3.0)], 0)

    drawn = draw("title", "subtitle", "footer", [Panel("panel", "ms", [spike], [(0.0, 9.0), (2.0, 9.0)], ceiling=10.0)])

    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    heights = [
        float(point.partition(",")[2])
        for line in root.iter("{http://www.w3.org/2000/svg}polyline")
        for point in line.attrib["points"].split()
    ]
    grid = [
        float(line.attrib["y1"])
        for line in root.iter("{http://www.w3.org/2000/svg}line")
        if line.get("class") == "grid"
    ]
    assert min(grid) - 0.1 <= min(heights)
    assert max(heights) <= max(grid) + 0.1
    assert [step_up(value) for value in (0.9, 1.0, 1.3, 2.1, 3.0, 70.0)] == [1.0, 1.0, 2.0, 2.5, 5.0, 100.0]


def test_smoothing_keeps_what_does_not_change() -> None:
    """And spreads what comes in pieces."""
    assert smooth([(0.0, 2.0), (0.1, 2.0), (0.2, 2.0)]) == [(0.0, 2.0), (0.1, 2.0), (0.2, 2.0)]
    assert smooth([(0.0, 0.0), (0.1, 3.0), (0.2, 0.0)])[-1] == (0.2, 1.0)


BRIEF = Row(
    "slow-line",
    "brief",
    "",
    replace(BY_NAME["slow-line"].up, latency=0.005),
    settled_s=0.4,
    measured_s=0.6,
    has_game=True,
)


@pytest.mark.parametrize(
    "kind",
    [
        "sockets",
        pytest.param(
            "namespaces",
            marks=[pytest.mark.slow, pytest.mark.skipif(NO_NAMESPACES is not None, reason=str(NO_NAMESPACES))],
        ),
    ],
)
def test_a_row_is_measured(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the command, end to end, on either kind of line; the figures are there and sane."""
    target = tmp_path / "figures.json"
    run = {}
    for row in (BRIEF, replace(BRIEF, settled_s=4, measured_s=6)):  # on a busy machine little is sent in a second
        monkeypatch.setitem(BY_NAME, "slow-line", row)
        monkeypatch.setattr("benchmarks.lossy.__main__.ROWS", (row,))
        main(["slow-line", "--systems", "ours", "--line", kind, "--json", str(target)])
        assert "| `slow-line` | brief |" in capsys.readouterr().out
        (run,) = json.loads(target.read_text())["runs"]
        if not run["error"] and run["figures"]["share"] > 0.1 and run["machine"]["link_relayed"] > 50:
            break

    assert not run["error"]
    assert 0.1 < run["figures"]["share"] < 1.05
    assert 0 <= run["figures"]["game_p95_ms"] < 5000
    assert run["machine"]["link_relayed"] > 50
    assert run["series"]["goodput ours"]
    assert run["series"]["estimate"]


@pytest.mark.skipif(NO_NAMESPACES is not None, reason=str(NO_NAMESPACES))
def test_the_kernels_tcp_passes_the_line() -> None:
    """Beside a flow of ours, through one bottleneck."""
    if (missing := CONTENDERS["tcp-cubic"].missing()) is not None:
        pytest.skip(missing)
    row = replace(BRIEF, up=replace(BRIEF.up, bottleneck_bytes_per_second=MB), beside="tcp-cubic")

    raw = measure(row, "ours", lambda up, down: NamespaceLine(up, down, 1))

    assert all(sum(raw.arrived[name][0].values()) > 20_000 for name in ("ours", "tcp-cubic"))


def test_a_side_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of the process that had it."""
    monkeypatch.setenv(needs.GNS_LIBRARY, "/no/such/library")

    with pytest.raises(RunError, match=r"(?s)receiver of gns ended with status 1.*/no/such/library"):
        measure(BRIEF, "gns", lambda up, down: SocketLine(up, down, 1))


def test_what_the_kernel_must_do_needs_namespaces(capsys: pytest.CaptureFixture[str]) -> None:
    """Between sockets TCP is left out, and the reason is said; with nothing left the command fails."""
    assert main(["clean", "--systems", "tcp-cubic", "--line", "sockets"]) == 2

    words = capsys.readouterr().err
    assert "without tcp-cubic: the kernel's TCP passes a line between network namespaces only" in words
    assert "none of these systems" in words


@pytest.mark.parametrize("arguments", [["--systems", "nothing"], ["--repeats", "0"], ["no-such-row"]])
def test_bad_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """argparse explains and ends with status 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
