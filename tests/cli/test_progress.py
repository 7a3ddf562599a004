"""Is progress shown where somebody can see it, and nowhere else?"""

import io
import sys

import pytest

from gamesockets.cli import progress
from gamesockets.cli.progress import progress_bar


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error is a terminal from here on. Not a fixture: pytest puts its own back before the test begins."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return stream


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0)
    with progress_bar("load") as bar:
        bar.show(1, 4, "one of four")
        bar.show(9, 4, "more than all")
    shown = terminal.getvalue()
    for part in ("load", "25%", "one of four", "100%", "more than all"):
        assert part in shown
    assert shown.endswith("\x1b[2K")  # and nothing is left of it


def test_calls_that_come_too_thick_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 3600)
    with progress_bar("ping") as bar:
        bar.show(1, 100, "the first")
        for number in range(2, 50):
            bar.show(number, 100, f"number {number}")
    assert "the first" in terminal.getvalue()
    assert "number 7" not in terminal.getvalue()


def test_pipes_and_those_who_do_not_want_it_see_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = use_terminal(monkeypatch)
    with progress_bar("demo", wanted=False) as bar:
        bar.show(1, 2, "half")
    assert terminal.getvalue() == ""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("demo") as bar:
        bar.show(1, 2, "half")
    assert isinstance(sys.stderr, io.StringIO)
    assert sys.stderr.getvalue() == ""
    assert capsys.readouterr().out == ""
