"""Status changes on their way to the application: queued by the service thread, dispatched on the caller's."""

from collections import deque
from collections.abc import Callable
from typing import Final, final

from gamesockets.clock import now_us
from gamesockets.node.audience import Audience
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.enums import DebugType
from gamesockets.values.records import AuthenticationCallback, AuthenticationStatus, StatusCallback, StatusInfo

EVENTS_MAX: Final = 100_000
"""Undispatched changes kept; beyond that the oldest are dropped with a warning."""

PRUNE_ABOVE: Final = 256
"""With more connections than this in the record of who changed last, those whose changes were dispatched leave it."""

COMPLAIN_ABOVE: Final = 100
COMPLAIN_AFTER_US: Final = 5_000_000
"""With more changes waiting than this, of which none was dispatched for so long, a line of debug output asks for
dispatching (spec 3, 14.3). A hundred players who come at once are no fault of the program."""


@final
class StatusEvents(Audience):
    """The queue of changes. Filled with the service's lock held; dispatching needs no lock."""

    def __init__(self, clock: Callable[[], int] = now_us) -> None:
        self._clock = clock
        self._waiting: deque[tuple[StatusInfo, StatusCallback | None]] = deque()
        self._authentication: deque[tuple[AuthenticationStatus, AuthenticationCallback]] = deque()
        """Changes of the authentication status; there are as few as there are certificates."""
        self._unseen = False
        self._count = 0
        """Changes so far. Each has its number, and they are dispatched in that order."""
        self._newest: dict[int, int] = {}
        """Number of the newest change of each connection, by handle, and of each listen socket, by minus its handle."""
        self._told_of: dict[int, int] = {}
        """Number of the newest change that was told to a thread that waits for that connection or listen socket."""
        self._prune_above = PRUNE_ABOVE
        self._dispatched = False
        self._undispatched_since = 0
        """When a change was last dispatched, or the first of those that wait came after none had waited."""
        self._has_complained = False

    def announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        """A change happened while `callback` was in force for it; None if there was none (spec 3, 14.3)."""
        if len(self._waiting) >= EVENTS_MAX:
            self._waiting.popleft()
            text = f"over {EVENTS_MAX} status changes wait undispatched; the oldest was dropped"
            OUTPUT.warn(DebugType.BUG, "status changes dropped", text)
        if not self._waiting:
            self._undispatched_since = self._clock()
        self._waiting.append((change, callback))
        self._unseen = True
        self._count += 1
        self._newest[change.connection] = self._count
        listen_socket = change.connection_info.listen_socket
        if listen_socket:
            self._newest[-listen_socket] = self._count
        if len(self._newest) > self._prune_above:
            self._prune()
        # An application that has no callback and does not dispatch does not want status changes.
        is_wanted = callback is not None or self._dispatched
        is_too_much = len(self._waiting) > COMPLAIN_ABOVE and not self._has_complained
        if is_wanted and is_too_much and self._clock() - self._undispatched_since > COMPLAIN_AFTER_US:
            self._complain()

    def announce_authentication(self, status: AuthenticationStatus, callback: AuthenticationCallback) -> None:
        """The authentication status has changed."""
        self._authentication.append((status, callback))
        self._unseen = True

    def _complain(self) -> None:
        """Once until all that waits was dispatched."""
        self._has_complained = True
        text = f"over {COMPLAIN_ABOVE} status changes wait for long: call run_callbacks or dispatch_callback more often"
        OUTPUT.warn(DebugType.BUG, "status changes waiting", text)

    def forget_changes(self) -> None:
        self._waiting.clear()
        self._authentication.clear()

    def has_news(self) -> bool:
        """Whether a waiter should wake: something new came, or dispatching has left a rest."""
        return self._unseen and bool(self._waiting or self._authentication)

    def is_left_undispatched(self) -> bool:
        """Whether changes wait although somebody dispatches."""
        return self._dispatched and bool(self._waiting)

    def has_news_of(self, source: int) -> bool:
        """Whether a change waits that was not told: of a connection, or with minus its handle of a listen socket."""
        newest = self._newest.get(source, 0)
        return newest > self._count - len(self._waiting) and newest > self._told_of.get(source, 0)

    def mark_told(self, source: int) -> None:
        """A thread that waits for this connection or listen socket was told."""
        newest = self._newest.get(source)
        if newest is not None:
            self._told_of[source] = newest

    def _prune(self) -> None:
        """Forgets the numbers of changes that were dispatched."""
        dispatched = self._count - len(self._waiting)
        self._newest = {source: number for source, number in self._newest.items() if number > dispatched}
        self._told_of = {source: number for source, number in self._told_of.items() if source in self._newest}
        self._prune_above = max(PRUNE_ABOVE, 2 * len(self._newest))

    def mark_seen(self) -> None:
        """A waiter was told."""
        self._unseen = False

    def run(self) -> None:
        """Tells every change that waits now, oldest first, to the callback that came with it, if one did.

        An exception of a callback comes out here; the changes behind it wait for the next call.
        """
        self._dispatched = True
        while self._authentication:
            status, authentication_callback = self._authentication.popleft()
            authentication_callback(status)
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
        self._undispatched_since = self._clock()
        if self._waiting:
            self._unseen = True  # a rest is news again
        else:
            self._has_complained = False
        return event
