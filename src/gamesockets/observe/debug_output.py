"""Where do lines of debug output go, and which of them are let through? (spec 3, 15.4)

To the callback of `Library.set_debug_callback`, or, while there is none, to the standard logger "gamesockets".
No line contains a key or a payload. Only the packet trace shows payloads, as they are on the wire: encrypted.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeAlias, final

from gamesockets.clock import now_us
from gamesockets.values.enums import DebugType

DebugCallback: TypeAlias = Callable[[DebugType, str], object]

LINE_BYTES_MAX: Final = 2047
BURST_LINES: Final = 3
BURST_US: Final = 3_000_000

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

_LOG: Final = logging.getLogger("gamesockets")


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
        self._bursts_lock = threading.Lock()

    def set_callback(self, detail_level: int, callback: DebugCallback | None) -> None:
        """Lines of a type up to `detail_level` go to `callback`; without one, or with a level up to 0, to `logging`."""
        if callback is None or detail_level <= DebugType.NONE:
            self._target = None
        else:
            self._target = _Target(min(detail_level, DebugType.EVERYTHING), callback)

    def wants(self, kind: DebugType) -> bool:
        """Whether `say` would hand on a line of this type; if not, its text need not be made."""
        target = self._target
        return _LOG.isEnabledFor(LOGGING_LEVELS[kind]) if target is None else kind <= target.detail_level

    def hears(self, kind: DebugType) -> bool:
        """The same for `trace`."""
        return self._target is not None or _LOG.isEnabledFor(LOGGING_LEVELS[kind])

    def say(self, kind: DebugType, text: str) -> None:
        """A line that the detail level may hold back."""
        target = self._target
        if target is None or kind <= target.detail_level:
            _deliver(target, kind, text)

    def trace(self, kind: DebugType, text: str) -> None:
        """A line that a configuration value asks for: the detail level does not count."""
        _deliver(self._target, kind, text)

    def warn(self, kind: DebugType, subject: str, text: str) -> None:
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
        self.say(kind, f"{text} ({left_out} more like this were left out before)" if left_out else text)

    def exception(self, text: str) -> None:
        """Reports the exception that is being handled, a bug here; the traceback goes to `logging` in any case."""
        _LOG.exception("%s", text)
        if self._target is not None:
            self.say(DebugType.BUG, text)


def _deliver(target: _Target | None, kind: DebugType, text: str) -> None:
    line = _one_line(text)
    if target is None:
        _LOG.log(LOGGING_LEVELS[kind], "%s", line)
        return
    try:
        target.callback(kind, line)
    except Exception:  # noqa: BLE001 - a faulty callback must not disturb a connection
        if not target.has_failed:
            target.has_failed = True
            _LOG.exception("the debug callback raised an exception; this is reported once")


def _one_line(text: str) -> str:
    """At most 2047 bytes without blanks at the end; control characters, which a peer may have sent, are escaped."""
    text = text.rstrip()
    if not text.isprintable():
        text = "".join([x if x.isprintable() else x.encode("unicode_escape").decode("ascii") for x in text])
    if len(text) * 4 > LINE_BYTES_MAX:
        text = text.encode("utf-8", "replace")[:LINE_BYTES_MAX].decode("utf-8", "ignore")
    return text


OUTPUT: Final = DebugOutput()
"""The one of this process."""
