"""Does the command play what it is asked for, tell what broke, and play that again?"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gamesockets.cli.torture as command
import gamesockets.cli.torture_real as command_real
from gamesockets.cli.whole import app
from gamesockets.torture.outcome import Outcome
from gamesockets.torture.seeds import scenario_of

runner = CliRunner()


def test_seeds_are_played_until_there_are_enough_hours() -> None:
    done = runner.invoke(app, ["torture", "--seeds", "0:", "--hours", "0.01"])
    assert done.exit_code == 0, done.output
    assert "all promises held" in done.output
    assert "1 seed" in done.output


def test_several_processes_share_the_seeds() -> None:
    done = runner.invoke(app, ["torture", "--seeds", "0:6", "-j", "2"])
    assert done.exit_code == 0, done.output
    assert "6 seeds" in done.output


def test_a_broken_promise_is_told_written_down_and_played_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def explore(seeds: Iterable[int], _: int) -> Iterator[Outcome]:
        for seed in seeds:
            violation = "a promise was broken" if seed == 1 else ""
            yield Outcome(seed=seed, seconds=60.0, datagrams=1, messages=1, connections=1, violation=violation)

    monkeypatch.setattr(command, "explore", explore)
    done = runner.invoke(app, ["torture", "--seeds", "0:9", "--no-shrink", "--save", str(tmp_path)])
    assert done.exit_code == 1
    assert "seed 1 fails: a promise was broken" in done.output
    [path] = tmp_path.iterdir()
    assert str(path) in done.output.replace("\n", "")
    again = runner.invoke(app, ["torture", "--replay", str(path)])
    assert again.exit_code == 0, "the promise holds in truth"
    assert "all promises held" in again.output
    shown = runner.invoke(app, ["torture", "--seeds", "1", "--no-shrink"])
    assert shown.exit_code == 1
    assert '"seed": 1' in shown.output


def test_what_is_broken_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def explore(seeds: Iterable[int], _: int) -> Iterator[Outcome]:
        for seed in seeds:
            yield Outcome(seed=seed, seconds=60.0, datagrams=1, messages=1, connections=1, violation="broken")

    def shrink(scenario: object, violation: str, show: object) -> tuple[object, str]:
        smaller = replace(scenario_of(1), steps=scenario_of(1).steps[:1])
        assert callable(show)
        show(smaller)
        return smaller, f"{violation} still"

    monkeypatch.setattr(command, "explore", explore)
    monkeypatch.setattr(command, "shrink", shrink)
    done = runner.invoke(app, ["torture", "--seeds", "1:3", "--keep-going"])
    assert done.exit_code == 1
    assert "broken still" in done.output


@pytest.mark.parametrize("wrong", [["--seeds", "x"], ["--seeds", "1:x"], ["--real", "--role", "king"]])
def test_what_cannot_be_played_is_an_error_of_use(wrong: list[str]) -> None:
    assert runner.invoke(app, ["torture", *wrong]).exit_code == 2


def test_a_file_that_is_no_scenario(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text("{}", encoding="utf-8")
    done = runner.invoke(app, ["torture", "--replay", str(path)])
    assert done.exit_code == 2
    assert "cannot be replayed" in done.output


def test_a_few_seconds_on_real_sockets_are_told_and_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two of ours, whatever is installed. So short a time says nothing of memory."""
    monkeypatch.delenv(command_real.LIBRARY, raising=False)
    done = runner.invoke(app, ["torture", "--real", "--minutes", "0.02", "--save", str(tmp_path)])
    assert "connections" in done.output
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".svg"}
