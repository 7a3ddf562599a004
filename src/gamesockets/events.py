"""Status changes on their way to the application: queued by the service thread, dispatched on the caller's."""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias, final

from gamesockets.debug import OUTPUT
from gamesockets.types import DebugType, StatusInfo

StatusCallback: TypeAlias = Callable[[StatusInfo], object]

EVENTS_MAX: Final = 100_000
"""Undispatched changes kept; beyond that the oldest are dropped with a warning."""

COMPLAIN_ABOVE: Final = 100
"""So many changes may wait before whoever should dispatch them is reminded (spec 3, 14.3)."""


@final
class StatusEvents:
    """The queue of changes. Filled with the service's lock held; dispatching needs no lock."""

    def __init__(self) -> None:
        self._waiting: deque[StatusInfo] = deque()
        self._unseen = False
        self._dispatched = False
        self._has_complained = False
        self.callback: StatusCallback | None = None
        """Whom `run` tells; None for nobody, and then the changes are forgotten."""

    def add(self, event: StatusInfo) -> None:
        """A change happened."""
        if len(self._waiting) >= EVENTS_MAX:
            self._waiting.popleft()
            text = f"over {EVENTS_MAX} status changes wait undispatched; the oldest was dropped"
            OUTPUT.warn(DebugType.BUG, "status changes dropped", text)
        self._waiting.append(event)
        self._unseen = True
        if len(self._waiting) > COMPLAIN_ABOVE and not self._has_complained:
            self._complain()

    def _complain(self) -> None:
        """Once until all that waits was dispatched, and only to those who want to hear of status changes."""
        if self.callback is not None or self._dispatched:
            self._has_complained = True
            text = f"over {COMPLAIN_ABOVE} status changes wait: call run_callbacks or dispatch_callback more often"
            OUTPUT.warn(DebugType.BUG, "status changes waiting", text)

    def clear(self) -> None:
        """Forgets everything that waits."""
        self._waiting.clear()

    def has_news(self) -> bool:
        """Whether a waiter should wake: something new came, or something waits and somebody dispatches."""
        return self._unseen or (self._dispatched and bool(self._waiting))

    def mark_seen(self) -> None:
        """A waiter was told."""
        self._unseen = False

    def run(self) -> None:
        """Tells the callback of every change that waits now, oldest first.

        An exception of the callback comes out here; the changes behind it wait for the next call.
        """
        self._dispatched = True
        for _ in range(len(self._waiting)):
            event = self._take()
            if event is None:
                return
            if self.callback is not None:
                self.callback(event)

    def dispatch(self, callback: Callable[..., object], context: object) -> bool:
        """Tells `callback` of the oldest change, with `context` unless that is None; whether there was one."""
        self._dispatched = True
        event = self._take()
        if event is None:
            return False
        if context is None:
            callback(event)
        else:
            callback(event, context)
        return True

    def _take(self) -> StatusInfo | None:
        try:
            event = self._waiting.popleft()
        except IndexError:
            return None
        if not self._waiting:
            self._has_complained = False
        return event
