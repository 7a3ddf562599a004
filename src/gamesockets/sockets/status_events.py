"""Status changes on their way to the application: queued by the service thread, dispatched on the caller's."""

from collections import deque
from collections.abc import Callable
from typing import Final, final

from gamesockets.node.audience import Audience
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.enums import DebugType
from gamesockets.values.records import StatusCallback, StatusInfo

EVENTS_MAX: Final = 100_000
"""Undispatched changes kept; beyond that the oldest are dropped with a warning."""

COMPLAIN_ABOVE: Final = 100
"""With more changes waiting than this, a line of debug output asks for dispatching (spec 3, 14.3)."""


@final
class StatusEvents(Audience):
    """The queue of changes. Filled with the service's lock held; dispatching needs no lock."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[StatusInfo, StatusCallback | None]] = deque()
        self._unseen = False
        self._dispatched = False
        self._has_complained = False

    def announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        """A change happened while `callback` was in force for it; None if there was none (spec 3, 14.3)."""
        if len(self._waiting) >= EVENTS_MAX:
            self._waiting.popleft()
            text = f"over {EVENTS_MAX} status changes wait undispatched; the oldest was dropped"
            OUTPUT.warn(DebugType.BUG, "status changes dropped", text)
        self._waiting.append((change, callback))
        self._unseen = True
        # An application that has no callback and does not dispatch does not want status changes.
        is_wanted = callback is not None or self._dispatched
        if is_wanted and len(self._waiting) > COMPLAIN_ABOVE and not self._has_complained:
            self._complain()

    def _complain(self) -> None:
        """Once until all that waits was dispatched."""
        self._has_complained = True
        text = f"over {COMPLAIN_ABOVE} status changes wait: call run_callbacks or dispatch_callback more often"
        OUTPUT.warn(DebugType.BUG, "status changes waiting", text)

    def forget_changes(self) -> None:
        self._waiting.clear()

    def has_news(self) -> bool:
        """Whether a waiter should wake: something new came, or something waits and somebody dispatches."""
        return bool(self._waiting) and (self._unseen or self._dispatched)

    def mark_seen(self) -> None:
        """A waiter was told."""
        self._unseen = False

    def run(self) -> None:
        """Tells every change that waits now, oldest first, to the callback that came with it, if one did.

        An exception of a callback comes out here; the changes behind it wait for the next call.
        """
        self._dispatched = True
        for _ in range(len(self._waiting)):
            taken = self._take()
            if taken is None:
                return
            event, callback = taken
            if callback is not None:
                callback(event)

    def dispatch(self, callback: Callable[..., object], context: object) -> bool:
        """Tells `callback` of the oldest change, with `context` unless that is None; whether there was one."""
        self._dispatched = True
        taken = self._take()
        if taken is None:
            return False
        if context is None:
            callback(taken[0])
        else:
            callback(taken[0], context)
        return True

    def _take(self) -> tuple[StatusInfo, StatusCallback | None] | None:
        try:
            event = self._waiting.popleft()
        except IndexError:
            return None
        if not self._waiting:
            self._has_complained = False
        return event
