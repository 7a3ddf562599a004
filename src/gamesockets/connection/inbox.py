"""The queue of received messages that the application reads.

Every connection writes into exactly one inbox: its own, or that of the group it belongs to. So a message exists in
one place, and taking it from either side needs no bookkeeping in the other.
"""

from collections import deque
from typing import Final, final

from gamesockets.receive.sink import MessageSink
from gamesockets.values.message import NetworkingMessage, PeerRecord

_REORDER_SEARCH: Final = 256
"""How many of the newest messages are searched for one that a late message should have preceded."""


@final
class Inbox(MessageSink):
    """Messages in order of arrival, late unreliable ones sorted back in among those of their lane (spec 2, 2.5.3)."""

    __slots__ = ("_is_ready", "_messages", "_ready")

    def __init__(self, ready: "set[Inbox]") -> None:
        self._messages: deque[NetworkingMessage] = deque()
        self._ready = ready
        """Where all inboxes with news are found, so that waiting for any message needs no search."""
        self._is_ready = False
        """Whether it holds something that nobody was told of since."""

    def __len__(self) -> int:
        return len(self._messages)

    def append(self, message: NetworkingMessage) -> None:
        """Adds a message that is newer than all of its lane."""
        if not self._is_ready:
            self._announce()
        self._messages.append(message)

    def insert_late(self, message: NetworkingMessage) -> None:
        """Adds a message before those of its connection and lane that have higher numbers."""
        messages = self._messages
        peer, lane, number = message.peer, message.lane, message.message_number
        place = len(messages)
        for index in range(len(messages) - 1, max(-1, len(messages) - 1 - _REORDER_SEARCH), -1):
            other = messages[index]
            if other.peer is peer and other.lane == lane:
                if other.message_number <= number:
                    break
                place = index
        messages.insert(place, message)
        if not self._is_ready:
            self._announce()

    def _announce(self) -> None:
        self._is_ready = True
        self._ready.add(self)

    def told(self) -> None:
        """Somebody was told of what is here, who takes it out of those with news: it is back when more comes."""
        self._is_ready = False

    def take(self, limit: int) -> list[NetworkingMessage]:
        """Removes and returns up to `limit` messages from the front."""
        messages = self._messages
        if limit >= len(messages):
            taken = list(messages)
            messages.clear()
            self._is_ready = False
            self._ready.discard(self)
        else:
            popleft = messages.popleft
            taken = [popleft() for _ in range(limit)]
            if not self._is_ready:
                self._announce()  # the rest is news again
        _release(taken)
        return taken

    def take_from(self, peer: PeerRecord, limit: int) -> list[NetworkingMessage]:
        """The same for the messages of one connection only."""
        if peer.queued_messages == len(self._messages):
            return self.take(limit)
        taken: list[NetworkingMessage] = []
        kept: deque[NetworkingMessage] = deque()
        for message in self._messages:
            if message.peer is peer and len(taken) < limit:
                taken.append(message)
            else:
                kept.append(message)
        was_ready = self._is_ready
        self.replace(kept)
        _release(taken)
        if not was_ready and not peer.queued_messages:  # what waits for others is no more news than before
            self._is_ready = False
            self._ready.discard(self)
        return taken

    def move_to(self, peer: PeerRecord, target: "Inbox") -> None:
        """Moves the messages of one connection to another inbox, merged there by time of arrival."""
        moving = [message for message in self._messages if message.peer is peer]
        if not moving:
            return
        self.replace(deque([message for message in self._messages if message.peer is not peer]))
        target.replace(deque(sorted([*target.waiting(), *moving], key=_time_received)))

    def waiting(self) -> list[NetworkingMessage]:
        """The messages that wait, which stay."""
        return list(self._messages)

    def replace(self, messages: deque[NetworkingMessage]) -> None:
        """From now on these wait instead."""
        self._messages = messages
        if messages:
            self._announce()
        else:
            self._is_ready = False
            self._ready.discard(self)

    def discard(self, peer: PeerRecord) -> None:
        """Drops the messages of one connection."""
        if peer.queued_messages:
            self.take_from(peer, peer.queued_messages)


def _release(taken: list[NetworkingMessage]) -> None:
    """These messages no longer count against the receive limits of their connections."""
    for message in taken:
        peer = message.peer
        peer.queued_messages -= 1
        peer.queued_bytes -= len(message.payload)


def _time_received(message: NetworkingMessage) -> int:
    return message.time_received
