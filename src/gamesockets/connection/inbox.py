"""The queue of received messages that the application reads.

Every connection writes into exactly one inbox: its own, or that of the group it belongs to. So a message exists in
one place, and taking it from either side needs no bookkeeping in the other.
"""

from bisect import bisect_right
from typing import Final, TypeAlias, final

from gamesockets.receive.sink import MessageSink
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.values.moments import NEVER

_NEWEST: Final = 256
"""Among so many of the newest messages, at least, a late one finds its place."""

_PLACES_MAX: Final = 1024

# Order of arrival and message number: what is put before a message shares its first number.
_Place: TypeAlias = tuple[int, int]

_OWN: Final = 1 << 63
"""Above all message numbers."""

_TAKEN: Final = NetworkingMessage(b"", 0, 0, 0, 0, PeerRecord(0, NetworkingIdentity.invalid()))
"""Stands in an inbox for a message that was taken."""


@final
class LanePlaces:
    """The waiting messages of one lane of one connection in ascending order."""

    __slots__ = ("numbers", "places")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.places: list[_Place] = []


@final
class LatePlaces:
    """Where late messages go among the newest of an inbox; made when the first comes, so that each costs little."""

    __slots__ = ("_arrivals", "_lanes", "_places")

    def __init__(self, messages: list[NetworkingMessage], count: int) -> None:
        """`messages` ends with the `count` that wait."""
        self._arrivals = min(count, _NEWEST)
        self._places: list[_Place] = [(arrival, _OWN) for arrival in range(self._arrivals)]
        self._lanes: dict[tuple[PeerRecord, int], LanePlaces] = {}
        arrival = self._arrivals
        for message in reversed(messages):
            if not arrival:
                break
            arrival -= 1
            lane = self._lane_of(message)
            # Those that a lower number follows are no place to go.
            if not lane.numbers or message.message_number <= lane.numbers[-1]:
                lane.numbers.append(message.message_number)
                lane.places.append((arrival, _OWN))
        for lane in self._lanes.values():
            lane.numbers.reverse()
            lane.places.reverse()

    def _lane_of(self, message: NetworkingMessage) -> LanePlaces:
        key = (message.peer, message.lane)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = LanePlaces()
        return lane

    def count(self) -> int:
        """How many messages it knows."""
        return len(self._places)

    def append(self, message: NetworkingMessage) -> None:
        """A message that is newer than all of its lane was added behind all others."""
        place = (self._arrivals, _OWN)
        self._arrivals += 1
        self._places.append(place)
        lane = self._lane_of(message)
        lane.numbers.append(message.message_number)
        lane.places.append(place)

    def insert(self, message: NetworkingMessage) -> int:
        """A late message was added; how many messages it goes before."""
        number = message.message_number
        lane = self._lane_of(message)
        index = bisect_right(lane.numbers, number)
        if index == len(lane.numbers):
            self.append(message)
            return 0
        arrival, _ = lane.places[index]
        place = (arrival, number)
        lane.numbers.insert(index, number)
        lane.places.insert(index, place)
        position = bisect_right(self._places, place)
        self._places.insert(position, place)
        return len(self._places) - 1 - position


@final
class Inbox(MessageSink):
    """Messages in order of arrival, late unreliable ones sorted back in among those of their lane (spec 2, 2.5.3)."""

    __slots__ = ("_first", "_is_ready", "_late", "_messages", "_ready")

    def __init__(self, ready: "set[Inbox]") -> None:
        self._messages: list[NetworkingMessage] = []
        """Those that wait, behind some that were taken. A list can be handed out as it is, and is small if empty."""
        self._first = 0
        """Where the first that waits is."""
        self._late: LatePlaces | None = None
        """Made for late messages, and gone as soon as anything is taken."""
        self._ready = ready
        """Where all inboxes with news are found, so that waiting for any message needs no search."""
        self._is_ready = False
        """Whether it holds something that nobody was told of since."""

    def __len__(self) -> int:
        return len(self._messages) - self._first

    def append(self, message: NetworkingMessage) -> None:
        """Adds a message that is newer than all of its lane."""
        if not self._is_ready:
            self._announce()
        self._messages.append(message)
        if self._late is not None:
            self._late.append(message)

    def insert_late(self, message: NetworkingMessage) -> None:
        """Adds a message before those of its connection and lane that have higher numbers."""
        messages = self._messages
        late = self._late
        if late is None or late.count() >= _PLACES_MAX:
            late = self._late = LatePlaces(messages, len(self))
        messages.insert(len(messages) - late.insert(message), message)
        if not self._is_ready:
            self._announce()

    def _announce(self) -> None:
        self._is_ready = True
        self._ready.add(self)

    def told(self) -> None:
        """Somebody was told of what is here, who takes it out of those with news: it is back when more comes."""
        self._is_ready = False

    def take(self, limit: int) -> list[NetworkingMessage]:
        """Removes and returns up to `limit` messages from the front; none where that is negative."""
        if limit < 0:
            limit = 0
        messages = self._messages
        first = self._first
        stop = first + limit
        self._late = None
        if stop >= len(messages):
            taken = messages[first:] if first else messages
            self._messages = []
            self._first = 0
            self._is_ready = False
            self._ready.discard(self)
        else:
            taken = messages[first:stop]
            if stop * 2 >= len(messages):
                del messages[:stop]
                stop = 0
            else:
                messages[first:stop] = [_TAKEN] * limit
            self._first = stop
            if not self._is_ready:
                self._announce()  # the rest is news again
        _release(taken)
        return taken

    def take_from(self, peer: PeerRecord, limit: int) -> list[NetworkingMessage]:
        """The same for the messages of one connection only."""
        if peer.queued_messages == len(self):
            return self.take(limit)
        taken: list[NetworkingMessage] = []
        kept: list[NetworkingMessage] = []
        for message in self.waiting():
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
        waiting = self.waiting()
        moving = [message for message in waiting if message.peer is peer]
        if not moving:
            return
        self.replace([message for message in waiting if message.peer is not peer])
        target.replace(sorted([*target.waiting(), *moving], key=_time_received))

    def oldest_at(self) -> int:
        """When the first message that waits came; NEVER if none waits."""
        return self._messages[self._first].time_received if len(self) else NEVER

    def waiting(self) -> list[NetworkingMessage]:
        """The messages that wait, which stay."""
        return self._messages[self._first :]

    def replace(self, messages: list[NetworkingMessage]) -> None:
        """From now on these wait instead."""
        self._messages = messages
        self._first = 0
        self._late = None
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
