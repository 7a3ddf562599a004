"""Which key was pressed, without waiting for Enter? And how does a display sleep until then?"""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

READ_BYTES: Final = 64
LOOK_SECONDS: Final = 0.05  # Windows cannot wait for keys with a time limit, so there we look


class Keys(ABC):
    """Where keys come from."""

    @abstractmethod
    def wait(self, seconds: float) -> str:
        """Sleep until keys were pressed, for `seconds` at most; what was pressed, or nothing."""


@final
class NoKeys(Keys):
    """There is no keyboard: standard input is a pipe or a file, and not for us."""

    def __init__(self) -> None:
        self._never = threading.Event()

    def wait(self, seconds: float) -> str:
        self._never.wait(max(seconds, 0))
        return ""


@contextmanager
def keyboard() -> Iterator[Keys]:
    """The keyboard while inside, its echo switched off; the terminal is as before afterwards."""
    if not sys.stdin.isatty():
        yield NoKeys()
    elif sys.platform == "win32":
        yield _windows_keys()
    else:
        with _terminal_keys() as keys:
            yield keys


if sys.platform == "win32":
    import msvcrt

    @final
    class _WindowsKeys(Keys):
        def wait(self, seconds: float) -> str:
            until = time.monotonic() + seconds
            while not msvcrt.kbhit():
                left = until - time.monotonic()
                if left <= 0:
                    return ""
                time.sleep(min(left, LOOK_SECONDS))
            return msvcrt.getwch()

    def _windows_keys() -> Keys:
        return _WindowsKeys()

else:
    import select
    import termios
    import tty

    @final
    class _TerminalKeys(Keys):
        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._ended = threading.Event()

        def wait(self, seconds: float) -> str:
            if self._ended.is_set():
                time.sleep(max(seconds, 0))
                return ""
            ready, _, _ = select.select([self._descriptor], [], [], max(seconds, 0))
            if not ready:
                return ""
            data = os.read(self._descriptor, READ_BYTES)
            if not data:
                self._ended.set()  # the terminal is gone, and would always be ready
            return data.decode("utf-8", "replace")

    @contextmanager
    def _terminal_keys() -> Iterator[Keys]:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        try:
            yield _TerminalKeys(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
