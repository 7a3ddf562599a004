"""Is a packet that the peer reports missing lost, or only overtaken? (RFC 8985, 6.2)

A path that keeps order gives no doubt: what is missing behind a packet that arrived is lost. On one that does not, a
packet is suspected first, for as long as packets there have lately been late.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.flight import SentPacket
from gamesockets.values.moments import NEVER

WINDOW_MIN_US: Final = 1_000
WINDOW_MAX_US: Final = 30_000
_WINDOW_FIRST_MAX_US: Final = 4_000
"""Up to here it may grow even where half the shortest round trip is less."""

DECAY_AFTER_US: Final = 2_000_000
"""So long without a late packet, and the window is halved."""


@mypyc_attr(acyclic=True)
@final
class Reordering:
    """How long to wait for what is missing, and what is waited for."""

    __slots__ = ("_changed_at", "_judged_newest_sent_at", "_newest_sent_at", "_suspects", "_until", "window_us")

    def __init__(self) -> None:
        self.window_us = WINDOW_MIN_US
        """A packet is lost once one that left so much later has arrived, or so long after it was reported missing."""
        self._newest_sent_at = 0
        """When the newest packet left that has arrived."""
        self._changed_at = 0
        self._suspects: dict[int, int] = {}
        """Until when a packet may still come, by its number."""
        self._until = NEVER
        """None of them is given up by time before."""
        self._judged_newest_sent_at = 0
        """What `_newest_sent_at` was when they were last judged."""

    def keeps_order(self) -> bool:
        """Whether the path has lately had no late packets."""
        return self.window_us == WINDOW_MIN_US

    def on_arrived(self, packet: SentPacket) -> None:
        """A packet that was in time."""
        if packet.sent_at > self._newest_sent_at:
            self._newest_sent_at = packet.sent_at

    def on_late(self, shortest_round_trip_us: int, now: int) -> None:
        """A packet that was believed lost had only been overtaken: wait longer from now on."""
        longest_us = min(max(shortest_round_trip_us // 2, _WINDOW_FIRST_MAX_US), WINDOW_MAX_US)
        self.window_us = max(min(self.window_us * 2, longest_us), WINDOW_MIN_US)
        self._changed_at = now

    def is_suspect(self, number: int, packet: SentPacket, now: int) -> bool:
        """Whether a packet that was just reported missing may still come; then it is one of the `suspects`."""
        if self.window_us > WINDOW_MIN_US and now - self._changed_at > DECAY_AFTER_US:
            self.window_us = max(self.window_us // 2, WINDOW_MIN_US)
            self._changed_at = now
        ahead_us = max(self._newest_sent_at - packet.sent_at, 0)
        if ahead_us >= self.window_us:
            return False
        until = self._suspects[number] = now + self.window_us - ahead_us
        self._until = min(self._until, until)
        return True

    def is_waiting(self) -> bool:
        """Whether anything is suspected."""
        return len(self._suspects) > 0

    def next_time(self) -> int:
        """When to judge the suspects, though nothing arrives; NEVER if there are none. The first may have come since.

        It is known without a look at all of them: a hostile peer can make them thousands.
        """
        return self._until

    def must_judge(self, now: int) -> bool:
        """Whether any suspect can have come to be given up since `judged`."""
        return now >= self._until or (self._newest_sent_at > self._judged_newest_sent_at and self.is_waiting())

    def suspects(self) -> list[int]:
        """The numbers of the packets that are suspected."""
        return list(self._suspects)

    def settle(self, number: int) -> None:
        """That packet is suspected no longer."""
        del self._suspects[number]

    def judged(self) -> None:
        """All suspects were looked at, and those settled that came or are given up."""
        self._judged_newest_sent_at = self._newest_sent_at
        self._until = min(self._suspects.values(), default=NEVER)

    def is_given_up(self, number: int, packet: SentPacket, now: int) -> bool:
        """Whether a suspect is lost by now."""
        return now >= self._suspects[number] or self._newest_sent_at - packet.sent_at >= self.window_us
