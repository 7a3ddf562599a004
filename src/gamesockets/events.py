"""Status changes on their way to the application: queued by the service thread, dispatched on the caller's."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias, final

from gamesockets.types import StatusInfo

StatusCallback: TypeAlias = Callable[[StatusInfo], object]

EVENTS_MAX: Final = 100_000
"""Undispatched changes kept; beyond that the oldest are dropped with a warning."""

_LOG = logging.getLogger("gamesockets")


@final
class StatusEvents:
    """The queue of changes. Filled with the service's lock held; dispatching needs no lock."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[StatusInfo, Callable[..., Any] | None]] = deque()
        self._unseen = False
        self._dispatched = False

    def add(self, event: StatusInfo, callback: Callable[..., Any] | None) -> None:
        """A change happened while `callback` was in force for it; None if there was none (spec 3, 14.3)."""
        if len(self._waiting) >= EVENTS_MAX:
            self._waiting.popleft()
            _LOG.warning("status changes pile up undispatched; the oldest was dropped")
        self._waiting.append((event, callback))
        self._unseen = True

    def clear(self) -> None:
        """Forgets everything that waits."""
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

    def _take(self) -> tuple[StatusInfo, Callable[..., Any] | None] | None:
        try:
            return self._waiting.popleft()
        except IndexError:
            return None
