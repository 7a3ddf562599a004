"""How much may the connections of one port hold of what they received, all together, and who gives way at the limit?

Counted is what was delivered and not read, and what is not complete. Each connection may hold a little without asking.
For more it takes steps out of a common pool, and gives them back at the end of an interval in which it held less.

At the limit whoever asks for more is refused, and its peer has to send that again. The last eighth is for bytes in
order of one connection at a time whose application has read all: some message gets complete, and that makes room. A
connection that has held more than the little for half a minute, and whose reliable streams got hardly any further, then
loses its place.
"""

from typing import Final, final

from gamesockets.values.moments import NEVER

FREE_BYTES: Final = 32_768
"""Held without asking."""

STEP_BYTES: Final = 32_768

STALLED_US: Final = 30_000_000
"""So long a connection may hold memory of the pool without progress, and longer while the pool has room."""

PROGRESS: Final = 8
"""Progress is when at least one part in so many of what is held was taken in an interval."""

NO_LIMIT: Final = 1 << 62

RESERVE: Final = 8
"""One part in so many is kept for the connection that finishes a message."""

FINISHING_US: Final = 5_000_000
"""So long a connection may use it without that a message gets complete."""

_SEARCH_EVERY_US: Final = 100_000


@final
class MemoryPool:
    """What all connections of a port may hold beyond `FREE_BYTES` each."""

    __slots__ = (
        "_finishing",
        "_finishing_since",
        "_searched_at",
        "_shares",
        "evicted",
        "granted_bytes",
        "max_bytes",
        "refused",
    )

    def __init__(self) -> None:
        self.max_bytes = NO_LIMIT
        self.granted_bytes = 0
        self.refused = 0
        """How often somebody had to be refused."""
        self.evicted: list[int] = []
        """Ids of connections that have to end, to make room."""
        self._shares: set[MemoryShare] = set()
        """Those that have taken something."""
        self._searched_at = -_SEARCH_EVERY_US
        self._finishing: MemoryShare | None = None
        self._finishing_since = 0

    def take(self, share: "MemoryShare", size_bytes: int, may_finish: bool, now: int) -> bool:
        """Gives so much to a share; False if there is not so much left."""
        limit_bytes = self.max_bytes - self.max_bytes // RESERVE
        if self.granted_bytes + size_bytes > limit_bytes and may_finish and self._may_finish(share, now):
            limit_bytes = self.max_bytes
        if self.granted_bytes + size_bytes > limit_bytes:
            self.refused += 1
            if now - self._searched_at >= _SEARCH_EVERY_US:
                self._searched_at = now
                self._evict(now)
            return False
        self.granted_bytes += size_bytes
        self._shares.add(share)
        return True

    def _may_finish(self, share: "MemoryShare", now: int) -> bool:
        """Whether the reserve is that share's; it is if nobody else uses it, or has for too long."""
        if self._finishing is not share:
            if self._finishing is not None and now - self._finishing_since <= FINISHING_US:
                return False
            self._finishing = share
            self._finishing_since = now
        return True

    def on_taken(self, share: "MemoryShare") -> None:
        """A stream of that share gave messages: the next one may finish some."""
        if self._finishing is share:
            self._finishing = None

    def has_room(self) -> bool:
        """Whether less than half of it is taken: then it may be lent for what is not needed."""
        return self.granted_bytes * 2 < self.max_bytes

    def give_back(self, share: "MemoryShare", size_bytes: int, is_all: bool) -> None:
        """A share needs so much no longer; `is_all` if it has nothing of the pool any more."""
        self.granted_bytes -= size_bytes
        if is_all:
            self._shares.discard(share)
            self.on_taken(share)

    def _evict(self, now: int) -> None:
        """Finds the largest of those without progress, if there are any."""
        largest: MemoryShare | None = None
        for share in self._shares:
            if now - share.stalled_since < STALLED_US:
                continue
            if largest is None or share.granted_bytes > largest.granted_bytes:
                largest = share
        if largest is not None:
            self.evicted.append(largest.connection_id)


@final
class MemoryShare:
    """What one connection may hold."""

    __slots__ = ("_pool", "_taken_at_stall", "connection_id", "granted_bytes", "stalled_since")

    def __init__(self, connection_id: int, pool: MemoryPool) -> None:
        self._pool = pool
        self.connection_id: Final = connection_id
        self.granted_bytes = FREE_BYTES
        """So much it may hold without asking again."""
        self.stalled_since = NEVER
        """Since when it holds more than is free and makes no progress."""
        self._taken_at_stall = 0

    def grow(self, needed_bytes: int, now: int, may_finish: bool = False) -> bool:
        """Whether it may hold that many bytes, more than `granted_bytes`; `may_finish` for bytes in order
        that nothing but the rest of their message keeps from the application."""
        more_bytes = -(-(needed_bytes - self.granted_bytes) // STEP_BYTES) * STEP_BYTES
        if not self._pool.take(self, more_bytes, may_finish, now):
            return False
        self.granted_bytes += more_bytes
        return True

    def settle(self, held_bytes: int, incomplete_bytes: int, taken_bytes: int, now: int) -> None:
        """At the end of an interval: what is held, how much of that is not complete, and what the streams ever gave.

        What waits for the application is no fault of the peer.
        """
        if incomplete_bytes <= FREE_BYTES or taken_bytes - self._taken_at_stall >= incomplete_bytes // PROGRESS:
            self._taken_at_stall = taken_bytes
            self.stalled_since = NEVER
        elif self.stalled_since == NEVER:
            self.stalled_since = now
        spare_bytes = (self.granted_bytes - max(held_bytes, FREE_BYTES)) // STEP_BYTES * STEP_BYTES
        if spare_bytes > 0:
            self._give_back(spare_bytes)

    def on_taken(self) -> None:
        """One of its streams gave messages."""
        self._pool.on_taken(self)

    def close(self) -> None:
        """The connection is gone."""
        if self.granted_bytes > FREE_BYTES:
            self._give_back(self.granted_bytes - FREE_BYTES)

    def _give_back(self, size_bytes: int) -> None:
        self.granted_bytes -= size_bytes
        self._pool.give_back(self, size_bytes, self.granted_bytes == FREE_BYTES)
