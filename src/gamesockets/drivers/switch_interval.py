"""How often does the interpreter change threads while service threads serve, and when is that as it was before?

Python's switch interval exists once for the process. While at least one service thread serves because nobody waits, it
is short. The program's own value is in force at all other times; one that the program sets in between stays in force.
"""

import os
import sys
import threading
from typing import Final, final

SWITCH_INTERVAL_S: Final = 0.000499
"""The switch interval while a service thread serves. With Python's 5 ms, which the thread waits after every system call
while the application computes, acks came 40 ms late. No round number, so that one of the program's own is told apart.
"""

_HALF_MICROSECOND_S: Final = 0.5e-6
"""Python keeps whole microseconds, and cuts off what is beyond."""


@final
class SwitchInterval:
    """The process's interval, and the services for which it is short. Usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a finalizer may call in the middle of another call
        self._open: set[int] = set()
        """Services that were not closed."""
        self._quick: set[int] = set()
        """Those that need short turns now."""
        self._usual_s = 0.0
        """The program's value."""
        self._is_short = False
        self._is_taken_over = False
        """The program has set a value since the first service was opened: it stays until the last one is closed."""

    def open(self, service: int) -> None:
        """A service, by a number of its own, begins its life."""
        with self._lock:
            if not self._open:
                self._usual_s = sys.getswitchinterval()
                self._is_taken_over = False
            self._open.add(service)

    def shorten(self, service: int) -> None:
        """A service needs short turns from now on. Cheap to repeat."""
        with self._lock:
            if service not in self._open or self._is_changed_by_program():
                return
            self._quick.add(service)
            if not self._is_short and self._usual_s > SWITCH_INTERVAL_S:
                sys.setswitchinterval(SWITCH_INTERVAL_S + _HALF_MICROSECOND_S)
                self._is_short = True

    def restore(self, service: int) -> None:
        """A service needs short turns no more; the value becomes what it was after the last one."""
        with self._lock:
            self._quick.discard(service)
            if not self._quick and not self._is_changed_by_program() and self._is_short:
                sys.setswitchinterval(self._usual_s + _HALF_MICROSECOND_S)
                self._is_short = False

    def close(self, service: int) -> None:
        """The end of a service, or of the program's interest in it."""
        with self._lock:
            self.restore(service)
            self._open.discard(service)

    def forget_parent(self) -> None:
        """In a forked child, where the services of the parent have no threads."""
        self._lock = threading.RLock()
        for service in list(self._open):
            self.close(service)

    def _is_changed_by_program(self) -> bool:
        if not self._is_taken_over:
            expected_s = SWITCH_INTERVAL_S if self._is_short else self._usual_s
            if abs(sys.getswitchinterval() - expected_s) > _HALF_MICROSECOND_S:
                self._is_taken_over = True
                self._is_short = False
        return self._is_taken_over


SWITCH_INTERVAL: Final = SwitchInterval()
"""The one there is."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SWITCH_INTERVAL.forget_parent)
