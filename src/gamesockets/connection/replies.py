"""How much is answered to messages in the clear, which anybody can send in a peer's name? (spec 1, 7.6)"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.connection.closing import encode_no_connection
from gamesockets.connection.counters import Counters

STRAY_REPLY_EVERY_US: Final = 250_000

REPLY_BYTES_PER_S: Final = 2048
"""A client that missed a ConnectOK asks twice a second, and gets one of some 300 bytes each time."""
REPLY_BURST_US: Final = 2_000_000
"""So much of the future may be spent at once."""

_US_PER_BYTE: Final = 1_000_000 // REPLY_BYTES_PER_S


@mypyc_attr(acyclic=True)
@final
class Replies:
    """The budget of one connection for answers, and the one NoConnection that it may owe, which is always small."""

    __slots__ = ("_counters", "_paid_until", "_stray_reply_at", "no_connection")

    def __init__(self, counters: Counters, now: int) -> None:
        self._counters = counters
        self._paid_until = now
        self._stray_reply_at = now
        self.no_connection: bytes | None = None
        """It leaves next turn."""

    def pays(self, size_bytes: int, now: int) -> bool:
        """Whether an answer of that size may leave; it is paid then."""
        paid_until = max(self._paid_until, now)
        if paid_until - now >= REPLY_BURST_US:
            self._counters.replies_limited += 1
            return False
        self._paid_until = paid_until + size_bytes * _US_PER_BYTE
        return True

    def owe_no_connection(self, from_id: int, to_id: int) -> None:
        """At most one reply of this kind per turn, and none to a message without ids, which would name nobody."""
        if (from_id or to_id) and self.no_connection is None:
            self.no_connection = encode_no_connection(from_id, to_id)

    def owe_stray_no_connection(self, from_id: int, to_id: int, now: int) -> None:
        """For ids that are not ours: rarely, because anybody can make us send these."""
        if now >= self._stray_reply_at:
            self._stray_reply_at = now + STRAY_REPLY_EVERY_US
            self.owe_no_connection(from_id, to_id)
