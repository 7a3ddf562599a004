"""Messages waiting to be sent, lane by lane, and which lane sends next (spec 2, 2.7.1 and 2.10).

With one lane the choice costs nothing. With several, the lowest priority number with anything queued wins; within
a priority class, weighted fair queueing by virtual time.
"""

from collections import deque
from typing import Final, TypeAlias, final

from gamesockets.send.reliable import UnackedStream
from gamesockets.values.moments import US_PER_SECOND
from gamesockets.wire.stream import encode_message_header

# Message number, header in the reliable stream (empty: an unreliable message), body.
QueuedMessage: TypeAlias = tuple[int, bytes, bytes]

_SHARE_UNIT: Final = 65536
_SMALL_SIZES: Final = 2048
_HEADERS: Final = [encode_message_header(1, size) for size in range(_SMALL_SIZES)]

_LEFT: Final[QueuedMessage] = (0, b"", b"")
"""Stands in the queue for a message that has left."""
_COMPACT_AT: Final = 64


@final
class PriorityClass:
    """The priority of some lanes and their common virtual time.

    It does not know the lanes: what refers to itself outlives its connection until the garbage collector comes by.
    """

    __slots__ = ("now", "priority")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.now = 0


_ALONE: Final = PriorityClass(0)
"""The class of a lane that is the only one, which has no use for a virtual time; never changed."""
_NO_FINISHES: Final[deque[int]] = deque()
"""The finish times of such a lane; never changed."""


@final
class SendLane:
    """Queue and numbering of one lane."""

    __slots__ = (
        "blocked",
        "finishes",
        "head",
        "head_sent",
        "index",
        "last_number",
        "last_reliable_number",
        "message_begin",
        "multiplier",
        "pending_reliable",
        "pending_unreliable",
        "priority_class",
        "queue",
        "reliable_count",
        "sent_position",
        "sent_reliable_number",
        "unacked",
        "weight",
    )

    def __init__(self, index: int, priority_class: PriorityClass) -> None:
        self.index = index
        self.blocked = False
        """The peer cannot hold more of this lane's stream until it acknowledges some."""
        self.priority_class = priority_class
        self.weight = 1
        self.multiplier = _SHARE_UNIT
        self.queue: list[QueuedMessage] = []
        """The queued messages, behind those that have left lately; empty if nothing is queued.

        A list, because an empty deque takes ten times as much, and most queues are empty most of the time.
        """
        self.head = 0
        """Where the first queued message is in it."""
        self.finishes = _NO_FINISHES
        """Virtual finish time of each queued message; only kept while there are several lanes."""
        self.head_sent = 0
        """How many bytes of the first queued message have left."""
        self.last_number = 0
        self.last_reliable_number = 0
        self.reliable_count = 0
        """How many of the messages were reliable."""
        self.sent_position = 1
        """Stream position of the next byte to leave for the first time."""
        self.sent_reliable_number = 0
        """Number of the last reliable message that began to leave."""
        self.message_begin = 1
        """Where the reliable message starts whose bytes leave next."""
        self.pending_reliable = 0
        self.pending_unreliable = 0
        self.unacked = UnackedStream(index)

    def drop(self, count: int) -> None:
        """The first `count` messages have left."""
        queue = self.queue
        head = self.head + count
        if head == len(queue):
            if head == 1:
                queue.pop()  # much cheaper than to clear, and what games do most
            else:
                queue.clear()
            head = 0
        else:
            queue[head - count : head] = [_LEFT] * count
        self.head = head


_NO_CLASSES: Final[list[list[SendLane]]] = []


@final
class Lanes:
    """All lanes of one connection, sending side."""

    __slots__ = ("_classes", "lanes", "queued_bytes", "several")

    def __init__(self) -> None:
        self.lanes: list[SendLane] = [SendLane(0, _ALONE)]
        self._classes: list[list[SendLane]] = _NO_CLASSES
        """The lanes of each priority class, the most urgent first; set up when lanes are configured."""
        self.several = False
        self.queued_bytes = 0
        """Bytes of queued messages that have not left yet, stream headers included."""

    def configure(self, priorities: list[int], weights: list[int]) -> None:
        """Sets the number, priorities and weights of lanes; the count must not shrink (checked by the caller)."""
        lanes = self.lanes
        classes: dict[int, list[SendLane]] = {}
        for index, priority in enumerate(priorities):
            equals = classes.setdefault(priority, [])
            priority_class = equals[0].priority_class if equals else PriorityClass(priority)
            if index == len(lanes):
                lanes.append(SendLane(index, priority_class))
            lane = lanes[index]
            lane.priority_class = priority_class
            lane.weight = weights[index]
            equals.append(lane)
        self._classes = [classes[priority] for priority in sorted(classes)]
        self.several = len(lanes) > 1
        for equals in self._classes:
            total = sum([lane.weight for lane in equals])
            for lane in equals:
                lane.multiplier = _SHARE_UNIT * total // lane.weight
                self._restart(lane)

    def _restart(self, lane: SendLane) -> None:
        if not self.several:
            return
        lane.finishes = deque()
        finish = 0
        remaining_of_head = lane.head_sent
        for _, header, body in lane.queue[lane.head :]:
            finish += (len(header) + len(body) - remaining_of_head) * lane.multiplier
            remaining_of_head = 0
            lane.finishes.append(finish)

    def enqueue(self, lane: SendLane, data: bytes, size: int, is_reliable: bool) -> None:
        """Appends a message of `size` bytes, which gets the number `lane.last_number`."""
        number = lane.last_number + 1
        lane.last_number = number
        if lane.head >= _COMPACT_AT and lane.head * 2 >= len(lane.queue):
            del lane.queue[: lane.head]
            lane.head = 0
        if is_reliable:
            increment = number - lane.last_reliable_number
            lane.last_reliable_number = number
            lane.reliable_count += 1
            if increment == 1 and size < _SMALL_SIZES:
                header = _HEADERS[size]
            else:
                header = encode_message_header(increment, size)
            size += len(header)
            lane.pending_reliable += size
            lane.queue.append((number, header, data))
        else:
            lane.pending_unreliable += size
            lane.queue.append((number, b"", data))
        if self.several:
            before = lane.finishes[-1] if lane.finishes else lane.priority_class.now
            lane.finishes.append(before + size * lane.multiplier)
        self.queued_bytes += size

    def release(self) -> None:
        """The connection is over: segments that were not acknowledged know their stream, and it them."""
        for lane in self.lanes:
            lane.unacked.release()

    def is_empty(self) -> bool:
        """Whether no message is queued: even without `queued_bytes` there may be some that have no bytes."""
        for lane in self.lanes:
            if lane.queue:
                return False
        return True

    def choose(self) -> SendLane | None:
        """The lane whose first message is to be sent next; None if all queues are empty or blocked."""
        if not self.several:
            lane = self.lanes[0]
            return lane if lane.queue and not lane.blocked else None
        for equals in self._classes:
            best: SendLane | None = None
            for lane in equals:
                if lane.queue and not lane.blocked and (best is None or lane.finishes[0] < best.finishes[0]):
                    best = lane
            if best is not None:
                return best
        return None

    def least_urgent(self) -> int:
        """The highest priority number of any lane; only with several lanes."""
        return self._classes[-1][0].priority_class.priority

    def sent_part(self, lane: SendLane, size: int) -> None:
        """Some bytes of the first message of `lane` have left, but not all."""
        lane.head_sent += size
        if self.several:
            lane.priority_class.now += size * lane.multiplier

    def sent_all(self, lane: SendLane) -> None:
        """The first message of `lane` has left completely."""
        lane.head_sent = 0
        lane.queue[lane.head] = _LEFT
        lane.head += 1
        if lane.head == len(lane.queue):
            lane.queue.clear()
            lane.head = 0
        if self.several:
            lane.priority_class.now = lane.finishes.popleft()

    def queue_times_us(self, debt_us: int, rate: int) -> list[int]:
        """For each lane, how long a message sent now would wait (spec 2, 2.11)."""
        times = [0] * len(self.lanes)
        elapsed_us = debt_us
        if not self.several:
            lane = self.lanes[0]
            size = lane.pending_reliable + lane.pending_unreliable + lane.unacked.lost_bytes
            times[0] = elapsed_us + size * US_PER_SECOND // rate
            return times
        for equals in self._classes:
            waiting = sorted(equals, key=_last_finish)
            weights = sum([lane.weight for lane in waiting])
            previous: SendLane | None = None
            for lane in waiting:
                if previous is None:
                    size = lane.pending_reliable + lane.pending_unreliable + lane.unacked.lost_bytes
                else:
                    size = (_last_finish(lane) - _last_finish(previous)) // lane.multiplier
                elapsed_us += size * weights * US_PER_SECOND // (lane.weight * rate)
                times[lane.index] = elapsed_us
                weights -= lane.weight
                previous = lane
        return times


def _last_finish(lane: SendLane) -> int:
    return lane.finishes[-1] if lane.finishes else lane.priority_class.now
