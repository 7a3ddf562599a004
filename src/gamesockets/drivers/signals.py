"""When do the program's signal handlers run on a thread that serves sockets, inside `wait` or in another call?

While it sleeps, and before the call returns; never in the middle of serving, where what a handler raises would tear a
datagram in half: noted as received, but not delivered. So meanwhile each handler is replaced by one that notes the
signal, and the handler runs a moment later. Python runs handlers on the main thread alone: elsewhere nothing is done.
"""

import signal
import sys
import threading
import time
from collections import deque
from types import FrameType, TracebackType
from typing import Any, Final, final

# What `signal` itself calls. Its conversion of numbers to enumerations costs twenty times as much.
_PLAIN: Final[Any] = sys.modules.get("_signal", signal)
_get: Final[Any] = _PLAIN.getsignal
_set: Final[Any] = _PLAIN.signal

_NAMES: Final = (
    *("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGBREAK", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1"),
    *("SIGUSR2", "SIGCHLD", "SIGWINCH", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT", "SIGIO", "SIGPIPE", "SIGXCPU"),
)
LOOK_EVERY_NS: Final = 1_000_000
"""How often it is asked of each signal whether the program handles it: that takes longer than to serve a datagram."""

_SIGNALS: Final = [int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)]
"""Those that programs handle in Python."""


_get_ident: Final = threading.get_ident
_monotonic_ns: Final = time.monotonic_ns


class Hold:
    """A context manager that does nothing: on other threads, and where signals are held already."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


_NOTHING: Final = Hold()


@final
class HeldSignals(Hold):
    """A context manager for the length of a `wait`, around the lock; inside, `let_run` and `hold` alternate."""

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        """The program's handlers of signals for which ours was installed; kept, for somebody may have ours from us."""
        self._handled: list[int] = []
        """Those of `_SIGNALS` that the program handled when last looked at."""
        self._look_at = 0
        """When to look at all of them again, in ns of `time.monotonic_ns`."""
        self._noting = self._note
        """One bound method, for `_note` makes a new one each time."""
        self._pending: deque[tuple[int, FrameType | None]] = deque()
        self._depth = 0
        """How many `wait` hold signals: a handler may wait too."""
        self.may_run = False
        """Whether the main thread sleeps without the lock, so that handlers run."""
        self.main_thread = threading.main_thread().ident

    def start_anew(self) -> None:
        """After a fork, in the child: another thread may be the main one."""
        self.main_thread = threading.main_thread().ident

    def __enter__(self) -> None:
        if _get_ident() != self.main_thread:
            return
        if not self._depth:
            now = _monotonic_ns()  # of the process: on a thread whose time is simulated, too
            if now >= self._look_at:
                self._look_at = now + LOOK_EVERY_NS
                self._look()
            for number in self._handled:
                handler = _set(number, self._noting)
                if handler is not self._noting and handler != self._handlers[number]:  # another since that look
                    if callable(handler):
                        self._handlers[number] = handler
                    else:
                        _set(number, handler)
        self.may_run = False
        self._depth += 1  # the last step: until then, `_note` calls the handler itself

    def _look(self) -> None:
        self._handled = []
        for number in _SIGNALS:
            handler = _get(number)
            if callable(handler):
                self._handled.append(number)
                if handler != self._noting:
                    self._handlers[number] = handler

    def for_a_moment(self) -> Hold:
        """For work that may be outside `wait`: it does nothing where they are held already.

        At its end the handlers run that were put off, and what one raises comes out there.
        """
        if _get_ident() != self.main_thread or (self._depth and not self.may_run):
            return _NOTHING
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _get_ident() != self.main_thread:
            return
        self._depth -= 1
        if self._depth:
            self.may_run = True  # this `wait` was called by a handler, which ran while another one slept
        try:
            if not self._depth:
                for number in self._handled:
                    if _get(number) is self._noting:
                        _set(number, self._handlers[number])
        finally:
            if self._pending:
                self._run_pending()

    def let_run(self) -> None:
        """The main thread goes to sleep without the lock: handlers run, those that were put off first."""
        if self._depth and _get_ident() == self.main_thread:
            self.may_run = True
            self._run_pending()

    def hold(self) -> None:
        """The main thread is about to serve."""
        if self.may_run and _get_ident() == self.main_thread:
            self.may_run = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._depth and not self.may_run:
            self._pending.append((number, frame))
        else:
            self._handlers[number](number, frame)

    def _run_pending(self) -> None:
        """All of them, although one raises."""
        if self._pending:
            number, frame = self._pending.popleft()
            try:
                self._handlers[number](number, frame)
            finally:
                self._run_pending()


SIGNALS: Final = HeldSignals()
"""Those of this process."""
