"""What is news for a thread that waits, and of what was it told already?

A thread in `wait` is told once of messages and status changes, and again when more come or when a read leaves a rest.
What it leaves unread is no news: a player who pauses must not keep a thread from sleeping. Each thread is told for
itself, since one that reads one connection leaves the others to other threads.
"""

import threading
from functools import partial
from typing import Any, final

from gamesockets.connection.inbox import Inbox
from gamesockets.drivers.signals import SIGNALS
from gamesockets.drivers.threads import HasNews, ThreadService
from gamesockets.node.node import Node
from gamesockets.observe.debug_output import LINES
from gamesockets.sockets.status_events import StatusEvents
from gamesockets.values.errors import CalledFromInside, InvalidHandle
from gamesockets.values.handles import Connection, ListenSocket, PollGroup

_PRUNED_EACH_TIME = 8
"""How many of the inboxes that were told of are looked at for each that comes: read ones are forgotten."""


@final
class News:
    """The messages and status changes of one node. Called with its lock held, on the thread that waits."""

    def __init__(self, node: Node, events: StatusEvents) -> None:
        self._node = node
        self._ready = node.ready
        self._events = events
        self._turn = 0
        """Counts how often somebody was told of something new."""
        self._heard: Any = threading.local()
        """For each thread, the last `turn` that it heard of."""
        self._told: dict[Inbox, None] = {}
        """Inboxes that somebody was told of and that may still hold messages."""

    # ------------------------------------------------------------------ of anything

    def wait(self, threads: ThreadService, timeout_s: float | None) -> bool:
        """Sleeps until there is news; False if time ran out, or the node was closed. Without the lock.

        Raises `CalledFromInside` where this thread holds it, and `CalledAfterFork`.
        """
        if threads.is_inside():
            raise CalledFromInside
        with LINES, threads.lock:
            if self._node.is_closed:
                return False
            if threads.has_news_at_once(self.of_anything()):
                self.tell()
                return True
        with LINES, SIGNALS, threads.lock:
            has_news = threads.wait(timeout_s, self.of_anything())
            self.tell()
        return has_news

    def of_anything(self) -> HasNews:
        """Asks whether there is news for this thread."""
        return partial(self._is_news_after, getattr(self._heard, "turn", 0))

    def _is_news_after(self, turn: int) -> bool:
        if self._ready or self._events.has_news():
            return True
        return turn != self._turn and self._is_something_left()

    def tell(self) -> None:
        """This thread hears of all that is there."""
        if self._ready or self._events.has_news():
            self._turn += 1
            for inbox in self._ready:
                inbox.told()
                self._told.pop(inbox, None)
                self._told[inbox] = None
            if len(self._told) > _PRUNED_EACH_TIME:
                self._prune(_PRUNED_EACH_TIME * len(self._ready))
            self._ready.clear()
            self._events.mark_seen()
        self._heard.turn = self._turn

    def _prune(self, count: int) -> None:
        told = self._told
        for _ in range(min(count, len(told))):
            inbox = next(iter(told))
            del told[inbox]
            if len(inbox):
                told[inbox] = None  # at the end

    def _is_something_left(self) -> bool:
        told = self._told
        while told:
            inbox = next(iter(told))
            if len(inbox):
                return True
            del told[inbox]
        return self._events.is_left_undispatched()

    # ------------------------------------------------------------------ of one thing

    def of_connection(self, connection: Connection) -> HasNews:
        """Asks whether messages of it wait, or its state has changed. Raises `InvalidHandle`."""
        member = self._node.members.get(connection)
        if member is None:
            raise InvalidHandle(connection, "connection")
        peer = member.connection.peer
        return lambda: peer.queued_messages > 0 or self._events.has_news_of(connection)

    def of_listen_socket(self, socket: ListenSocket) -> HasNews:
        """Asks whether messages wait there, or a connection of it has changed its state. Raises `InvalidHandle`."""
        listeners = self._node.listeners
        listener = listeners.get(socket)
        if listener is None or listener.inbox is None:
            raise InvalidHandle(socket, "listen socket")
        inbox = listener.inbox
        return lambda: len(inbox) > 0 or self._events.has_news_of(-socket) or listeners.get(socket) is not listener

    def of_poll_group(self, group: PollGroup) -> HasNews:
        """Asks whether messages wait there. Raises `InvalidHandle`."""
        groups = self._node.groups
        inbox = groups.get(group)
        if inbox is None:
            raise InvalidHandle(group, "poll group")
        return lambda: len(inbox) > 0 or groups.get(group) is not inbox
