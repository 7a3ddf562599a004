"""Which repeats go out a second time? A lost repeat costs one more round trip, in which a tight window stops all.

The second copy follows after a few milliseconds, when a burst of losses is likely over. It costs a few percent of what
was lost, and only while the peer's window is tight. What was lost twice is rare and has stopped the peer for long
already: it has one more copy.
"""

from collections import deque
from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.reliable import IN_FLIGHT, Segment
from gamesockets.values.moments import NEVER

APART_US: Final = 3_000

LOST_TWICE: Final = 3
"""How often a segment left that was lost twice."""


@mypyc_attr(acyclic=True)
@final
class SecondCopies:
    """Repeated segments and when they are due once more."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: deque[tuple[int, int, bool, Segment]] | None = None
        """Made for the first one: an empty deque takes as much as the rest of a sender."""

    def add(self, segment: Segment, now: int) -> None:
        """A segment was repeated."""
        self._add(segment, segment.transmissions >= LOST_TWICE, now)

    def _add(self, segment: Segment, once_more: bool, now: int) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append((now + APART_US, segment.transmissions, once_more, segment))

    def next_at(self) -> int:
        """When the next copy is due; NEVER if there is none."""
        queue = self._queue
        while queue:
            due_at, transmissions, _, segment = queue[0]
            if segment.state == IN_FLIGHT and segment.transmissions == transmissions:
                return due_at
            queue.popleft()  # it arrived, or was lost and repeated meanwhile
        return NEVER

    def first(self, now: int) -> Segment | None:
        """The segment to send once more now, if there is one."""
        queue = self._queue
        return queue[0][3] if queue is not None and self.next_at() <= now else None

    def sent_first(self, packet_number: int, now: int) -> None:
        """It is on its way, in this packet, which decides about it from now on."""
        queue = self._queue
        if queue is not None:
            _, _, once_more, segment = queue.popleft()
            segment.last_packet = packet_number
            if once_more:
                self._add(segment, False, now)
