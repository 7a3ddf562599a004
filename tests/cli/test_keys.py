"""Are keys heard without Enter, and is the terminal as before afterwards?"""

import os
import sys
import time

import pytest

from gamesockets.cli.keys import NoKeys, keyboard

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo terminals to test with", allow_module_level=True)

import pty
import termios


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    """Standard input is a pseudo terminal; the other end of it."""
    outer, inner = pty.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(inner, encoding="utf-8"))
    return outer


def test_keys_come_at_once(terminal: int) -> None:
    with keyboard() as keys:
        os.write(terminal, b"q")
        assert keys.wait(10) == "q"
        began = time.monotonic()
        assert keys.wait(0.05) == ""
        assert time.monotonic() - began >= 0.04
        os.write(terminal, b"\xff")
        assert keys.wait(10) == "\N{REPLACEMENT CHARACTER}"
    sys.stdin.close()
    os.close(terminal)


def test_the_terminal_is_given_back_as_it_was(terminal: int) -> None:
    before = termios.tcgetattr(sys.stdin.fileno())
    with keyboard():
        assert termios.tcgetattr(sys.stdin.fileno()) != before
    assert termios.tcgetattr(sys.stdin.fileno()) == before
    sys.stdin.close()
    os.close(terminal)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with keyboard() as keys:
            assert isinstance(keys, NoKeys)
            assert keys.wait(0.01) == ""
