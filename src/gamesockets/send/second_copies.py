"""Which repeats go out a second time? A lost repeat costs one more round trip, in which a tight window stops all.

The second copy follows after a few milliseconds, when a burst of losses is likely over. It costs a few percent of what
was lost, and only while the peer's window is tight.
"""

from collections import deque
from typing import Final, final

from gamesockets.send.reliable import IN_FLIGHT, Segment
from gamesockets.values.moments import NEVER

APART_US: Final = 3_000


@final
class SecondCopies:
    """Repeated segments and when they are due once more."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: deque[tuple[int, int, Segment]] | None = None
        """Made for the first one: an empty deque takes as much as the rest of a sender."""

    def add(self, segment: Segment, now: int) -> None:
        """A segment was repeated."""
        if self._queue is None:
            self._queue = deque()
        self._queue.append((now + APART_US, segment.transmissions, segment))

    def next_at(self) -> int:
        """When the next copy is due; NEVER if there is none."""
        queue = self._queue
        while queue:
            due_at, transmissions, segment = queue[0]
            if segment.state == IN_FLIGHT and segment.transmissions == transmissions:
                return due_at
            queue.popleft()  # it arrived, or was lost and repeated meanwhile
        return NEVER

    def first(self, now: int) -> Segment | None:
        """The segment to send once more now, if there is one."""
        queue = self._queue
        return queue[0][2] if queue is not None and self.next_at() <= now else None

    def sent_first(self, packet_number: int) -> None:
        """It is on its way, in this packet, which decides about it from now on."""
        queue = self._queue
        if queue is not None:
            queue.popleft()[2].last_packet = packet_number
