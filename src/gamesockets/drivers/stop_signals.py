"""How is a program told to stop? Ctrl-C is SIGINT, and SIGTERM comes from `kill`, systemd, Docker and Kubernetes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGBREAK")
STOP_SIGNALS: Final = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
"""SIGBREAK is what Windows sends for Ctrl-Break, and when a console is closed."""

REQUESTS_MAX: Final = 2
"""The first signal asks for a gentle end, the second for a quick one; with a third, the program's own handler acts."""


@contextmanager
def on_stop_signals(asked: Callable[[], object]) -> Iterator[None]:
    """Inside, each of the first two stop signals calls `asked`, which must only note it and wake whoever waits.

    It raises nothing: what a signal handler raises may be lost in a finalizer. Python lets only the main thread set
    handlers, so on any other nothing is done here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    count = 0

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count <= REQUESTS_MAX:
            asked()
            return
        own = before[number]
        if callable(own):
            own(number, frame)
        elif own == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    try:
        for number, handler in before.items():
            if handler is not None:  # None: set by other code than Python's, and could not be put back
                signal.signal(number, on_signal)
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is on_signal:
                signal.signal(number, handler)
