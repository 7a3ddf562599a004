"""Does the simulator's table get into the documentation, with what happened over time?"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from benchmarks.simulated import report, series
from benchmarks.simulated.__main__ import main
from benchmarks.simulated.rows import MB, path

SECONDS = 1.2


def test_what_happens_over_time_is_what_the_line_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goodput follows a change of the line, the estimate too; queue and delays of a game are there."""
    monkeypatch.setattr(series, "SECONDS", SECONDS)
    monkeypatch.setattr(series, "CHANGE_S", 0.6)

    found = series.one(1, path(MB, 0.02), path(MB // 4, 0.02), has_game=True)

    assert 0.7 < max(value for at, value in found["goodput"] if at < 0.6) < 1.2
    assert 0.1 < sum(value for _, value in found["goodput"][-4:]) / 4 < 0.35
    assert 0.1 < found["estimate"][-1][1] < 0.4
    assert 0 <= max(value for _, value in found["queue"]) < 1000
    assert len(found["game"]) > 20
    assert all(at <= SECONDS for at, _ in found["game"])


def test_the_documentation_is_written_from_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that were measured, misses marked; a picture that is well-formed."""
    points = [(0.0, 0.0), (1.0, 3.5)]
    keys = ("goodput", "estimate", "queue", "game", "goodput 1", "goodput 2")
    monkeypatch.setattr(series, "collect", lambda _: {name: dict.fromkeys(keys, points) for name in series._RUNS})
    figures = {"clean": {"share": 0.97, "queue_median_ms": 4.0}, "loss-1": {"share": 0.5}}
    source = tmp_path / "figures.json"
    source.write_text(json.dumps(report.as_json(figures, 3)))
    page, picture = tmp_path / "docs" / "table.md", tmp_path / "docs" / "images" / "picture.svg"
    monkeypatch.setattr(report, "TABLE", page)
    monkeypatch.setattr(report, "PICTURE", picture)

    assert main(["--docs", str(source)]) == 0

    assert str(page) in capsys.readouterr().out
    text = page.read_text()
    assert "97.0% of the link, queue median 4.0 ms |" in text
    assert "50.0% of the link (missed)" in text
    assert "seed 3" in text
    drawn = picture.read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own file
    assert "seed 3; grey: the line" in drawn


def test_the_command_measures_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row, and what the plots show."""
    monkeypatch.setattr(series, "collect", lambda seed: {"seed": seed})
    target = tmp_path / "figures.json"

    assert main(["slow-line", "--json", str(target)]) == 0

    assert "| `slow-line` | 250 kB/s" in capsys.readouterr().out
    result = json.loads(target.read_text())
    assert result["rows"]["slow-line"]["share"] > 0.9
    assert result["series"] == {"seed": 1}
