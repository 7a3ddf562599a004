"""How do tests run the library on selectors that other systems have?"""

import os
import select
import selectors
import sys
import time
from typing import Any, Final

import pytest


def use_selector(kind: type[selectors.BaseSelector], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is opened from now on sleeps on that kind."""
    if kind is SelectOfWindows and sys.platform == "win32":
        pytest.skip("select() of this system is the one of Windows")
    monkeypatch.setattr(selectors, "DefaultSelector", kind)
    if kind is SelectOfWindows:
        monkeypatch.setattr(select, "select", _select_of_windows)


_select = select.select
_LOOK_EVERY_S: Final = 0.01


class SelectOfWindows(selectors.SelectSelector):
    """select() as Windows has it: it fails when one of its sockets is closed meanwhile, and takes only so many."""

    room: int = 512

    def _select(self, r: Any, w: Any, _x: Any = (), timeout: float | None = None) -> Any:
        return _select_of_windows(r, w, [], timeout)


def _select_of_windows(r: Any, w: Any, x: Any, timeout: float | None = None) -> Any:
    reading, writing = list(r), list(w)
    if max(len(reading), len(writing)) > SelectOfWindows.room:
        raise ValueError("too many file descriptors in select()")
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        for fd in {*reading, *writing}:
            try:
                os.fstat(fd)
            except OSError:
                raise OSError(10038, "An operation was attempted on something that is not a socket") from None
        left_s = _LOOK_EVERY_S if end is None else max(0.0, min(_LOOK_EVERY_S, end - time.monotonic()))
        ready = _select(reading, writing, [], left_s)
        if ready[0] or ready[1] or (end is not None and time.monotonic() >= end):
            return ready


SELECTORS: Final[list[type[selectors.BaseSelector]]] = [
    selectors.DefaultSelector,
    selectors.SelectSelector,
    *([selectors.PollSelector] if hasattr(selectors, "PollSelector") else []),
    SelectOfWindows,
]
