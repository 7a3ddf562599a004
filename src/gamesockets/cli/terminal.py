"""How do commands talk to the terminal, and how are they told to stop?"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn, final

import typer

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130  # what a shell reports for a program that Ctrl-C ended early

# Windows delivers Ctrl-C to a waiting thread only when its wait ends. Elsewhere it interrupts the wait, but Python
# drops what a signal handler raises in the middle of a finalizer: the next wait then sees that a stop was asked for.
SIGNAL_CHECK_SECONDS: Final = 1.0


class InputError(ValueError):
    """Something the user typed means nothing; the text is one line that says what to do."""


def printable(text: str) -> str:
    """`text` without control codes: what a peer sent must not move the cursor or change colours."""
    return "".join(
        c if c.isprintable() or c == "\N{ZERO WIDTH JOINER}" else "\N{REPLACEMENT CHARACTER}"
        for c in text.expandtabs(4)
    )


def decode(data: bytes) -> str:
    """A peer's bytes as text that is safe to print."""
    return printable(data.decode("utf-8", "replace"))


def say(text: str = "") -> None:
    """One line on standard output, flushed: the reader may be a pipe that waits for it."""
    print(text, flush=True)


def note(text: str) -> None:
    """One line on standard error: about the work, not its result."""
    print(text, file=sys.stderr, flush=True)


def fail(command: str, message: str, code: int = EXIT_FAILURE) -> NoReturn:
    """End the command with one line that says what to do."""
    note(f"gamesockets {command}: {message}")
    raise typer.Exit(code)


@final
class BugReports(logging.Handler):
    """Passes on what the library logs about its own faults. What it logs about peers, commands say themselves."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record if it has a traceback."""
        if record.exc_info:
            note(self.format(record))


@final
class StopRequest:
    """Ctrl-C or SIGTERM, seen only where a command waits: elsewhere it would cut a line or a call in half."""

    __slots__ = ("_requested", "_waiting")

    def __init__(self) -> None:
        self._requested = False
        self._waiting = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, a stop raises `KeyboardInterrupt`, also one that was asked for before; each raises once."""
        self._waiting = True
        try:
            self._raise_if_requested()
            yield
        except KeyboardInterrupt:
            self._requested = False
            raise
        finally:
            self._waiting = False

    def _raise_if_requested(self) -> None:
        if self._requested:
            raise KeyboardInterrupt

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """The handler; who asks twice while a command works does not want to wait for its clean end."""
        was_requested = self._requested
        self._requested = True  # also where it raises: that may be lost
        if self._waiting or was_requested:
            raise KeyboardInterrupt


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Inside, SIGINT (Ctrl-C) and SIGTERM go to the request that is returned."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread may set handlers; elsewhere the caller has its own way to stop
        return
    with _handled_by(request.on_signal):
        yield request


@contextmanager
def on_stop_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM calls `stop`, which must return at once; the second ends the program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    requested = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        stop()

    with _handled_by(on_signal):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
