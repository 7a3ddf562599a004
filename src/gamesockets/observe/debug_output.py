"""Where do lines of debug output go, and which of them are let through? (spec 3, 15.4)

To the callback of `Library.set_debug_callback`, or, while there is none, to the standard logger "gamesockets" and its
children, one for each subject (`log_fields`).
No line contains a key or a payload. Only the packet trace shows payloads, as they are on the wire: encrypted.

A line that is said with a lock of the library held waits until its thread has left the lock, so that who gets it may
call the library. The calls of the APIs deliver such lines before they return, the drivers after each round.
"""

import logging
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeAlias, final

from gamesockets.clock import now_us
from gamesockets.observe.log_fields import LOG, NOTHING, About, extra, printable
from gamesockets.values.enums import DebugType

DebugCallback: TypeAlias = Callable[[DebugType, str], object]

LINE_BYTES_MAX: Final = 2047
BURST_LINES: Final = 3
BURST_US: Final = 3_000_000
LINES_MAX: Final = 10_000
"""Lines that may wait for delivery; the oldest are dropped beyond that."""
_ROUNDS_MAX: Final = 3
"""How often one delivery looks again for lines that came meanwhile: each that a callback gets may cause another."""

LOGGING_LEVELS: Final[dict[int, int]] = {
    DebugType.BUG: logging.ERROR,
    DebugType.ERROR: logging.ERROR,
    DebugType.IMPORTANT: logging.WARNING,
    DebugType.WARNING: logging.WARNING,
    DebugType.MESSAGE: logging.INFO,
    DebugType.VERBOSE: logging.DEBUG,
    DebugType.DEBUG: logging.DEBUG,
    DebugType.EVERYTHING: logging.DEBUG,
}
"""At which level of the standard logger a line arrives that no callback takes."""


@final
class _Line:
    """What waits for delivery: to the callback if there is a target, else to the logger."""

    __slots__ = ("error", "fields", "kind", "log", "target", "text")

    def __init__(
        self,
        target: "_Target | None",
        kind: DebugType,
        text: str,
        log: logging.Logger,
        fields: dict[str, object] | None,
        error: BaseException | None,
    ) -> None:
        self.target = target
        self.kind = kind
        self.text = text
        self.log = log
        self.fields = fields
        """What the record gets beside its text, see `log_fields`."""
        self.error = error
        """The exception that the line is about."""


@final
class _Target:
    """A callback with its detail level."""

    __slots__ = ("callback", "detail_level", "has_failed")

    def __init__(self, detail_level: int, callback: DebugCallback) -> None:
        self.detail_level = detail_level
        self.callback = callback
        self.has_failed = False


@final
class _Burst:
    """How often a kind of line came since `began_at`, and how many were left out."""

    __slots__ = ("began_at", "count", "left_out")

    def __init__(self, began_at: int) -> None:
        self.began_at = began_at
        self.count = 0
        self.left_out = 0


@final
class DebugOutput:
    """Hands lines on. Usable from any thread; an exception of a callback never comes out."""

    def __init__(self, clock: Callable[[], int] = now_us) -> None:
        self._clock = clock
        self._target: _Target | None = None
        self._bursts: dict[str, _Burst] = {}
        self._bursts_lock = threading.RLock()  # a finalizer may interrupt its holder and warn too
        self.waiting: deque[_Line] = deque(maxlen=LINES_MAX)
        """Lines that were not delivered yet."""
        self._delivering = threading.RLock()
        self._locks: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        """Locks with which no line is delivered."""

    def not_within(self, lock: Any) -> None:
        """Delivers no line on a thread that holds this `threading.RLock`."""
        self._locks[id(lock)] = lock

    def start_anew(self) -> None:
        """After a fork, in the child: other threads, which may have held locks, are gone."""
        self._bursts_lock = threading.RLock()
        self._delivering = threading.RLock()
        self._locks = weakref.WeakValueDictionary()
        self.waiting.clear()

    def set_callback(self, detail_level: int, callback: DebugCallback | None) -> None:
        """Lines of a type up to `detail_level` go to `callback`; without one, or with a level up to 0, to `logging`."""
        if callback is None or detail_level <= DebugType.NONE:
            self._target = None
        else:
            self._target = _Target(min(detail_level, DebugType.EVERYTHING), callback)

    def wants(self, kind: DebugType, log: logging.Logger = LOG) -> bool:
        """Whether `say` would hand on a line of this type; if not, its text need not be made."""
        target = self._target
        return log.isEnabledFor(LOGGING_LEVELS[kind]) if target is None else kind <= target.detail_level

    def hears(self, kind: DebugType, log: logging.Logger = LOG) -> bool:
        """The same for `trace`."""
        return self._target is not None or log.isEnabledFor(LOGGING_LEVELS[kind])

    def say(self, kind: DebugType, text: str, log: logging.Logger = LOG, about: About = NOTHING) -> None:
        """A line that the detail level may hold back. `log` and `about` count where no callback takes it."""
        target = self._target
        if target is None or kind <= target.detail_level:
            self._hand_on(target, kind, text, log, about)

    def trace(self, kind: DebugType, text: str, log: logging.Logger = LOG, about: About = NOTHING) -> None:
        """A line that a configuration value asks for: the detail level does not count."""
        self._hand_on(self._target, kind, text, log, about)

    def warn(self, kind: DebugType, subject: str, text: str, log: logging.Logger = LOG, about: About = NOTHING) -> None:
        """A line that may repeat: of one subject, at most three within three seconds are let through.

        Subjects are fixed names in the code, so their number is small.
        """
        now = self._clock()
        with self._bursts_lock:
            burst = self._bursts.get(subject)
            left_out = 0
            if burst is None or now - burst.began_at >= BURST_US:
                left_out = 0 if burst is None else burst.left_out
                burst = self._bursts[subject] = _Burst(now)
            burst.count += 1
            if burst.count > BURST_LINES:
                burst.left_out += 1
                return
        self.say(kind, f"{text} ({left_out} more like this were left out before)" if left_out else text, log, about)

    def exception(self, text: str, log: logging.Logger = LOG, about: About = NOTHING) -> None:
        """Reports the exception that is being handled, a bug here; the traceback goes to `logging` in any case."""
        self._queue(_Line(None, DebugType.BUG, text, log, extra(DebugType.BUG, about), sys.exc_info()[1]))
        if self._target is not None:
            self.say(DebugType.BUG, text)

    def _hand_on(self, target: _Target | None, kind: DebugType, text: str, log: logging.Logger, about: About) -> None:
        if target is not None:
            self._queue(_Line(target, kind, text, log, None, None))
        elif log.isEnabledFor(LOGGING_LEVELS[kind]):
            self._queue(_Line(None, kind, text, log, extra(kind, about), None))

    def _queue(self, line: _Line) -> None:
        self.waiting.append(line)
        self.deliver()

    def deliver(self) -> None:
        """Delivers the lines that wait, unless this thread holds a lock of the library or is delivering one already."""
        if self._is_held():
            return
        for _ in range(_ROUNDS_MAX):
            if not self.waiting or not self._deliver_round():
                return

    def _is_held(self) -> bool:
        locks = [reference() for reference in self._locks.valuerefs()]
        return any(lock._is_owned() for lock in locks if lock is not None)  # noqa: SLF001 - it has no public name

    def _deliver_round(self) -> bool:
        """One thread at a time, so that the order stays; False if another one does it, which then looks again."""
        delivering: Any = self._delivering
        if delivering._is_owned():  # noqa: SLF001 - as above
            return False
        try:
            if delivering.acquire(blocking=False):
                for _ in range(len(self.waiting)):
                    _deliver(self.waiting.popleft())
                return True
            return False
        finally:
            # Asked anew: what a signal handler raises may come between taking the lock and noting that.
            if delivering._is_owned():  # noqa: SLF001 - as above
                delivering.release()


def _deliver(line: _Line) -> None:
    text = _one_line(line.text)
    target = line.target
    if target is None:
        line.log.log(LOGGING_LEVELS[line.kind], "%s", text, exc_info=line.error, extra=line.fields)
        return
    try:
        target.callback(line.kind, text)
    except Exception:  # noqa: BLE001 - a faulty callback must not disturb a connection
        if not target.has_failed:
            target.has_failed = True
            LOG.exception("the debug callback raised an exception; this is reported once")


def _one_line(text: str) -> str:
    """At most 2047 bytes without blanks at the end; control characters, which a peer may have sent, are escaped."""
    text = printable(text.rstrip())
    if len(text) * 4 > LINE_BYTES_MAX:
        text = text.encode("utf-8", "replace")[:LINE_BYTES_MAX].decode("utf-8", "ignore")
    return text


OUTPUT: Final = DebugOutput()
"""The one of this process."""


@final
class _Lines:
    """A context manager to put around a lock: at its end the lines that were said inside are delivered."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if OUTPUT.waiting:
            OUTPUT.deliver()


LINES: Final = _Lines()
"""``with LINES, node.entering():`` holds the lock, and delivers the lines when it is free again."""
